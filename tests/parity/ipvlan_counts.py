# SPDX-License-Identifier: BSD-3-Clause
"""ipvlan's cases about counters, and ipvtap (IV-7xx). Runs in a machine."""

import collections
import os
import socket
import time

import ipvlan_rows
import packets
import rtnl
from ipvlan_watch import Watch, scenario

# Columns of /proc/net/dev.
_COLUMNS = {"rxb": 0, "rxp": 1, "rxe": 2, "rxd": 3, "rxm": 7, "txb": 8, "txp": 9, "txe": 10,
            "txd": 11}
_SO_SNDBUFFORCE = 32
# Stacks report their groups now and then.
_TRIES = 8


def counters(lab):
    found = {}
    for name, ns in lab.all.items():
        with ns.entered(), open("/proc/thread-self/net/dev", encoding="ascii") as f:
            for line in f:
                device, _, numbers = line.partition(":")
                if device.strip() == {"H": "p0", "W": "w0"}.get(name, f"{name.lower()}0"):
                    found[name] = [int(x) for x in numbers.split()]
    return found


def changes(before, after):
    """ "A:rxb+66,rxp+1 H:…", without the wire's own and W."""
    words = []
    for name in sorted(set(before) - {"W"}):
        differ = [(k, after[name][c] - before[name][c]) for k, c in sorted(_COLUMNS.items())]
        text = ",".join(f"{k}+{n}" for k, n in differ if n)
        if text:
            words.append(f"{name}:{text}")
    return " ".join(words)


def _counted(case):
    def play_it(lab, play):
        text = case["packet description"].removeprefix("counters after ")
        for _ in range(_TRIES):
            before = counters(lab)
            play.who(case["ingress"], text)
            found = changes(before, counters(lab))
            if found == case["expected deliveries"]:
                break
            time.sleep(0.25)
        return found
    scenario(case["id"])(play_it)


for _case in packets.rows(packets.CASES):
    if _case["packet description"].startswith("counters after "):
        _counted(_case)


@scenario("IV-718")
def _burst(lab, _play):
    data = packets.build("eth(BC,M)/ip4(A4,SB4)/udp(7000,7777)")
    with lab.a.entered():
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    # What waits in the queue is the sender's still: it must not wait for room.
    sender.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, 32 << 20)
    with open("/proc/sys/kernel/sched_rt_runtime_us", "w", encoding="ascii") as f:
        f.write("-1")
    with sender, Watch(lab, "W", "B") as watch:
        # The only CPU is ours: the port's worker waits.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
        before = counters(lab)["A"]
        try:
            for _ in range(5000):
                sender.sendto(data, ("a0", 0x0800))
            after = counters(lab)["A"]
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        n = -1
        while n < len(watch.frames()):
            n = len(watch.frames())
            time.sleep(0.2)
        came = collections.Counter(x.station for x in watch.frames() if x.data == data)
    sent, dropped = (after[c] - before[c] for c in (_COLUMNS["txp"], _COLUMNS["rxd"]))
    return f"A sent {sent}; wire {came['W']}; B {came['B']}; A rx_dropped {dropped}"


# ---- ipvtap

_TO_A = "eth({},R)/ip4(R4,A4)/udp(7000,7777)"
_ASK = "eth(BC,R)/arp(req,R,R4,ZERO,A4)"


def _add_tap(lab, play, mode, address=None):
    tap = lab.add_tap(mode)
    lab.keep.append(tap)
    play.add(tap)
    lab.nl["A"].up("t0")
    if address:
        lab.nl["A"].add_address("t0", address)
    lab.noticed()


def _each(play, ingress, *texts):
    """Who of H, T and W gets each; B and C have their group frames, too."""
    found = []
    for text in texts:
        names = {c.station for c in play.copies_of(ingress, text)} & set("HTW")
        found.append(ipvlan_rows.names(names))
    return "; ".join(found)


@scenario("IV-731")
def _no_address(lab, play):
    _add_tap(lab, play, "l2")
    return _each(play, "W", _TO_A.format("M"), _ASK)


@scenario("IV-732")
def _with_address(lab, play):
    _add_tap(lab, play, "l2", "10.0.0.2/24")
    return _each(play, "W", _TO_A.format("M"), _ASK, _TO_A.format("Z"))


@scenario("IV-733")
def _guest_sends(lab, play):
    _add_tap(lab, play, "l2", "10.0.0.2/24")
    return _each(play, "T", "eth(R,Z)/ip4(A4,F4)/udp(7000,7777)",
                 "eth(M,Z)/ip4(A4,H4)/udp(7000,7777)", "eth(M,M)/ip4(A4,A4)/udp(7000,7777)",
                 "eth(BC,Z)/arp(req,Z,A4,ZERO,R4)")


@scenario("IV-734")
def _guest_l3(lab, play):
    _add_tap(lab, play, "l3", "10.0.0.2/24")
    return "; ".join((_each(play, "T", "eth(BC,M)/arp(req,M,A4,ZERO,R4)",
                            "eth(BC,M)/ip4(A4,SB4)/udp(7000,7777)"), _each(play, "W", _ASK)))
