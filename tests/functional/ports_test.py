#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two ports: tables and addresses are each port's own (MV-550)."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import capture
import forwarder
import frames
import lab
import netns
import taptest

SAME = "02:00:00:00:03:01"


def test_two_ports():
    """The same MAC on two ports: each hears its own port's wire and nothing else."""
    forwarder.need()
    with netns.Namespace("in") as inside, netns.Namespace("out") as out:
        ini = (lab.port(out, name="eth0", device="w0") + lab.port(out, name="eth1", device="w1")
               + lab.vnic("a", inside, "eth0", mac=SAME) + lab.vnic("b", inside, "eth1", mac=SAME))
        with forwarder.Forwarder(ini):
            lab.eventually_up(inside, "a0", "b0")
            stations = {n: capture.Station(n, ns, d) for n, ns, d in (
                ("w0", out, "w0"), ("w1", out, "w1"), ("a", inside, "a0"), ("b", inside, "b0"))}
            play = capture.Play(stations)
            sent = {1: ("w0", SAME, "a"), 2: ("w1", SAME, "b"), 3: ("w0", frames.mac("BC"), "a"),
                    4: ("w1", frames.mac("BC"), "b"), 5: ("a", frames.mac("U"), "w0"),
                    6: ("b", frames.mac("BC"), "w1")}
            play.send([capture.Frame(n, at, frames.build(n, dst, frames.mac("X0")), "")
                       for n, (at, dst, _) in sent.items()],
                      {n: {to: 1} for n, (_, _, to) in sent.items()})
            play.close()
            for n, (at, dst, to) in sent.items():
                taptest.equal(play.text(n, False), to, f"{at} -> {dst}")
            for s in stations.values():
                s.close()


if __name__ == "__main__":
    taptest.main()
