# SPDX-License-Identifier: BSD-3-Clause
"""Vnics come and go at full load."""

import contextlib
import statistics
import time

import case_demux
import measure
import programs
import traffic

N = 1000


def change(lab):
    path = traffic.to_macs(lab, [traffic.FIRST_MAC + i for i in range(16)])
    ctl = programs.built("app", "vnicctl", "vnicctl")

    def timed(f, *words):
        begin = time.monotonic()
        lab.run(ctl, "--socket", f.path, *words)
        return (time.monotonic() - begin) * 1e3

    @contextlib.contextmanager
    def opened(_):
        with programs.forwarder(lab, case_demux.demux_ini(path, 16, "none")) as f:
            def sample(_seconds):
                names = [f"new{i}" for i in range(N)]
                add = [timed(f, "link", "add", "name", n, "link", "eth0", "type", "macvlan",
                             "mode", "bridge", "endpoint", "none") for n in names]
                gone = [timed(f, "link", "del", n) for n in names]
                # Of 16 receivers each gets each sixteenth frame; anything else was lost.
                drops = sum(f.drops().values())
                return measure.Sample(value=statistics.median(add + gone),
                                      extra={"add": statistics.median(add), "lost": drops,
                                             "del": statistics.median(gone),
                                             "worst": max(add + gone)})
            yield sample
    return [measure.Contestant(measure.OURS, opened)]


CASES = [
    measure.Case("change", f"{N:,} vnics added and removed by vnicctl, at full load", change, [
        measure.figure("≤ 10 ms a command", 10),
        measure.figure("no frame lost elsewhere", 0, extra="lost")],
        unit="ms", less_is_better=True, turns=1),
]
