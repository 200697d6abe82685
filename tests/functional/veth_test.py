#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A veth pair: what one end sends, the other receives."""

import contextlib
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

A = "02:00:00:00:02:01"
B = "02:00:00:00:02:02"


@contextlib.contextmanager
def pair(mac_b=B, **keys_b):
    forwarder.need()
    with netns.Namespace("in") as inside:
        def end(name, peer, mac, **keys):
            return forwarder.section("vnic", name, {
                "type": "veth", "peer": peer, "mac": mac,
                "endpoint": f"tap:{name}0,netns={inside.name}", **keys})
        ini = end("a", "b", A) + end("b", "a", mac_b, **keys_b)
        with forwarder.Forwarder(ini) as f:
            lab.eventually_up(inside, "a0", "b0")
            stations = {n: capture.Station(n, inside, f"{n}0") for n in "ab"}
            try:
                yield f, inside, stations
            finally:
                for s in stations.values():
                    s.close()


def crosses(stations, batch):
    """Every frame that a sent reaches b, once and unchanged."""
    play = capture.Play(stations)
    play.send(batch, {f.number: {"b": 1} for f in batch})
    play.close()
    for f in batch:
        came = [s.data for s in play.seen[f.number]]
        taptest.check(came == [f.data], f"{f.label}: came {len(came)} times, "
                      f"unchanged: {f.data in came}")


def batch_of(rows):
    return [capture.Frame(i, "a", frames.build(i, dst, src, kind), what)
            for i, (what, dst, src, kind) in enumerate(rows, 1)]


def test_no_filter():
    """No filter of any kind, by target, source or tag (VE-001, VE-002, VE-003)."""
    targets = [("own MAC", B), ("unknown", frames.mac("U")), ("broadcast", frames.mac("BC")),
               ("group", frames.mac("MU")), ("link-local", frames.mac("LL0")),
               ("pause", frames.mac("LL1")), ("zero", frames.mac("Z"))]
    sources = [("peer's own", B), ("zero", frames.mac("Z")), ("broadcast", frames.mac("BC"))]
    rows = [(f"to {n}", d, A, "0x88b5") for n, d in targets]
    rows += [(f"from {n}", B, s, "0x88b5") for n, s in sources]
    rows += [(f"tags {k}", B, A, k + "0") for k in ("c100.", "s100.c200.")]
    rows.append(("pause type", frames.mac("LL1"), A, "0x8808"))
    with pair() as (_, _, stations):
        crosses(stations, batch_of(rows))


def test_same_mac():
    """Both ends may have the same MAC (VE-011)."""
    with pair(mac_b=A) as (_, _, stations):
        crosses(stations, batch_of([("own MAC", A, A, "0x88b5")]))


def test_mtu():
    """A frame longer than the receiver's MTU + 18 is dropped and counted (VE-006, VE-007)."""
    with pair(mtu=1000) as (f, _, stations):
        play = capture.Play(stations)
        play.send([capture.Frame(n, "a", frames.build(n, B, A, length=n), "")
                   for n in (1018, 1019)], {1018: {"b": 1}})
        play.close()
        taptest.equal(play.text(1018, False), "b", "1018 bytes")
        taptest.equal(play.text(1019, False), "-", "1019 bytes")
        taptest.equal(f.link("a")["stats64"]["tx"]["dropped"], 1, "a's tx dropped")


def test_counters():
    """What a sent is what b received (VE-008)."""
    with pair() as (f, _, stations):
        crosses(stations, batch_of([("one", B, A, "0x88b5")]))
        tx, rx = f.link("a")["stats64"]["tx"], f.link("b")["stats64"]["rx"]
        taptest.equal((tx["packets"], tx["bytes"]), (1, 100), "a's tx")
        taptest.equal((rx["packets"], rx["bytes"]), (1, 100), "b's rx")


def test_carrier():
    """Both ends have carrier only while both are up (VE-004)."""
    def states(inside):
        return tuple("LOWER_UP" in lab.link(inside, d)["flags"] for d in ("a0", "b0"))
    with pair() as (_, inside, stations):
        inside.ip("link set b0 down")
        taptest.eventually(lambda: states(inside) == (False, False), "no carrier", 3)
        inside.ip("link set b0 up")
        taptest.eventually(lambda: states(inside) == (True, True), "carrier again", 3)
        crosses(stations, batch_of([("own MAC", B, A, "0x88b5")]))


def test_ip():
    """Ping and UDP through a pair."""
    forwarder.need()
    with lab.machines("left", "right") as (left, right):
        ini = "".join(forwarder.section("vnic", name, {
            "type": "veth", "peer": peer, "address": address,
            "endpoint": f"tap:{name}0,netns={ns.name}"})
            for name, peer, address, ns in (("a", "b", "10.2.0.1/24", left),
                                            ("b", "a", "10.2.0.2/24", right)))
        with forwarder.Forwarder(ini):
            lab.reaches(left, "10.2.0.2")
            lab.udp_echo(left, right, "10.2.0.2")


if __name__ == "__main__":
    taptest.main()
