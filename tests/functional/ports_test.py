#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Ports: tables and addresses are each port's own (MV-550); its queues are its workers'."""

import os
import socket
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


def _flows(ns, server, count):
    """@count UDP flows of one datagram each, to @server's port 7000; how many arrived."""
    with ns.entered():
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for c in clients:
        c.sendto(b"flow", ("10.1.0.2", 7000))
    came = 0
    server.settimeout(5)
    while came < count:
        server.recv(100)
        came += 1
    for c in clients:
        c.close()
    return came


def test_queues_are_spread_over_workers():
    """A port with two rx queues and two workers: one each, and flows go to both."""
    forwarder.need()
    with lab.machines("web", "out") as (web, out):
        ini = (lab.port(out, queues=2).replace("tap:w0,", "tap:w0,queues=2,")
               + lab.vnic("web", web, address="10.1.0.2/24", workers="1"))
        with forwarder.Forwarder(ini, lcores=("--lcores", "0@0,1@0,2@1")) as f:
            lab.eventually_up(web, "web0")
            out.ip("address add 10.1.0.100/24 dev w0")
            out.ip("link set w0 up")
            lab.reaches(out, "10.1.0.2")
            workers = f.rpc("worker.show", {"details": True})
            wire = [[q["queue"] for q in w["queues"] if q["side"] == "wire"] for w in workers]
            taptest.equal(sorted(wire), [[0], [1]], "each worker's queues of the wire")
            with web.entered():
                server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with server:
                server.bind(("10.1.0.2", 7000))
                before = [w["totals"]["frames"] for w in f.rpc("worker.show")]
                taptest.equal(_flows(out, server, 64), 64, "datagrams")
                # the second worker has nothing but its queue of the wire
                second = [w["totals"]["frames"] for w in f.rpc("worker.show")][1] - before[1]
                taptest.check(0 < second < 64, f"the second worker forwarded {second} of 64")


if __name__ == "__main__":
    taptest.main()
