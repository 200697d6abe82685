# SPDX-License-Identifier: BSD-3-Clause
"""Nothing happens: what that costs a busy pair of guests, and an idle forwarder's core."""

import contextlib
import os
import time

import case_vhost
import lab as lab_module
import measure
import programs
import traffic
from case_netns import netns

TAPS, GUESTS = 1000, 500
FIRST_IDLE = 0x020000010000


def _ini(directory, count=0, endpoint=None):
    text = "[port eth0]\ndevice = none\n" + case_vhost.vnics(directory)
    if count:
        text += (f"[vnic i]\ntype = macvlan\nport = eth0\nmode = bridge\ncount = {count}\n"
                 f"mac = {traffic.mac_text(FIRST_IDLE)}\nendpoint = {endpoint}\n")
    return text


@contextlib.contextmanager
def _pair(lab, directory, ini, beside=contextlib.nullcontext):
    paths = [f"{directory}/v{i}.sock" for i in range(2)]
    with programs.forwarder(lab, ini) as f, beside(), case_vhost.pair(lab, paths) as g:
        yield g.counter(f.program, stages=f.stages)


def _directory(lab):
    d = lab.path(lab.new_name("s"))
    os.mkdir(d)
    return d


def alone(lab):
    @contextlib.contextmanager
    def opened(_):
        d = _directory(lab)
        with _pair(lab, d, _ini(d)) as sample:
            yield sample
    return measure.Contestant("the same pair alone", opened)


def beside_taps(lab):
    @contextlib.contextmanager
    def opened(_):
        d = _directory(lab)
        with netns.Namespace("idle") as ns:
            with _pair(lab, d, _ini(d, TAPS, f"tap:i%d,netns={ns.name}")) as sample:
                yield sample
    return measure.Contestant(measure.OURS, opened)


def beside_guests(lab):
    @contextlib.contextmanager
    def opened(_):
        d = _directory(lab)

        @contextlib.contextmanager
        def guests():
            lab_module.eventually(lambda: os.path.exists(f"{d}/i{GUESTS - 1}.sock"), "sockets")
            with lab.program("idle_guests", [programs.built("tests", "bench", "bench_idle_guests"),
                                             d, GUESTS]) as p:
                p.await_text("ready")
                yield
        with _pair(lab, d, _ini(d, GUESTS, f"vhost:{d}/i%d.sock"), guests) as sample:
            yield sample
    return measure.Contestant(measure.OURS, opened)


def case(name, title, beside):
    return measure.Case(name, title, lambda lab: [beside(lab), alone(lab)],
                        [measure.ratio("the same pair alone", at_least=0.9),
                         measure.stages_ratio("the same pair alone", at_least=0.9)],
                        side_by_side=True)


def adaptive(name, device, more=""):
    """All threads of a forwarder that has nothing to do."""
    @contextlib.contextmanager
    def opened(lab):
        with netns.Namespace("idle") as ns, programs.forwarder(
                lab, f"[global]\nidle = adaptive\n[port eth0]\n"
                f"device = {device.format(ns.name)}\n{more}") as f:
            def used():
                return sum(lab_module.thread_times(f.program.pid).values())

            def sample(seconds):
                time.sleep(1)
                before, begin = used(), time.monotonic()
                time.sleep(seconds)
                return measure.Sample(100 * (used() - before) / (time.monotonic() - begin))
            yield sample
    return measure.Contestant(name, opened)


def _rings(n):
    """More queues that can't wake anybody."""
    return "".join(
        f"[vnic v{i}]\ntype = macvlan\nport = eth0\nendpoint = dev:net_ring{i}\n"
        for i in range(1, n))


CASES = [
    case("idle-tap", f"two busy guests beside {TAPS} idle TAPs", beside_taps),
    case("idle-vhost", f"two busy guests beside {GUESTS} idle guests", beside_guests),
    measure.Case("idle-adaptive", "an idle forwarder, idle = adaptive", lambda lab: [
        adaptive(measure.OURS, "dev:net_ring0", _rings(9)),
        adaptive("with a TAP alone", "tap:t0,netns={}")],
        [measure.figure("≤ 3 % of a core", 3)], unit="% of a core", less_is_better=True,
        seconds=3.0),
]
