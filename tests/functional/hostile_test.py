#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Malformed, truncated and giant frames at every entrance: no crash, no lost buffer."""

import contextlib
import os
import random
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import capture
import forwarder
import frames
import lab
import netns
import taptest

WEB = "02:00:00:00:01:01"
DB = "02:00:00:00:01:02"
MTU = 9000
MBUFS = 8192  # few: a buffer lost with each bad frame would be missed before the end


@contextlib.contextmanager
def running():
    forwarder.need()
    with netns.Namespace("in") as inside, netns.Namespace("out") as out, \
            netns.Namespace("host") as host:
        ini = (forwarder.section("global", "", {"mbufs": MBUFS})
               + lab.port(out, host, mtu=MTU)
               + lab.vnic("web", inside, mac=WEB) + lab.vnic("db", inside, mac=DB)
               + lab.vnic("tap", inside, mac="02:00:00:00:01:03", mode="source",
                          sources=frames.mac("X1")))
        with forwarder.Forwarder(ini) as f:
            lab.eventually_up(inside, "web0", "db0", "tap0")
            out.ip(f"link set w0 mtu {MTU}")
            stations = {"wire": capture.Station("wire", out, "w0"),
                        "host": capture.Station("host", host, "lower"),
                        "web": capture.Station("web", inside, "web0"),
                        "db": capture.Station("db", inside, "db0")}
            try:
                yield f, stations
            finally:
                for s in stations.values():
                    s.close()


def caught_up(f):
    """Has it forwarded all that was sent? A TAP whose queue is full loses good frames, too."""
    before = f.rpc("link.show"), f.rpc("port.show")
    time.sleep(0.2)
    return before == (f.rpc("link.show"), f.rpc("port.show"))


def works(f, stations):
    """The daemon lives and forwards, after all that."""
    taptest.check(f.is_running(), "dpdk-vnic has ended")
    taptest.eventually(lambda: caught_up(f), "dpdk-vnic catches up", 10)
    play = capture.Play(stations)
    play.send([capture.Frame(1, "wire", frames.build(1, WEB, frames.mac("X0")), ""),
               capture.Frame(2, "db", frames.build(2, WEB, DB), ""),
               capture.Frame(3, "web", frames.build(3, frames.mac("BC"), WEB, length=9014), "")],
              {1: {"web": 1}, 2: {"web": 1}, 3: {"db": 1, "wire": 1}})
    play.close()
    for number, wanted in ((1, "web"), (2, "web"), (3, "db wire")):
        taptest.equal(play.text(number, False), wanted, f"good frame {number} after the bad ones")


def headers(rng):
    """Something that looks like the start of a frame that a forwarder looks into."""
    addresses = [WEB, DB, frames.mac("BC"), frames.mac("MJ"), frames.mac("L"), frames.mac("U"),
                 frames.mac("X1"), frames.mac("LL1")]
    tags = b"".join(struct.pack("!HH", rng.choice((0x8100, 0x88a8)), rng.randrange(1 << 16))
                    for _ in range(rng.choice((0, 0, 0, 1, 2, 3, 9))))
    kind = rng.choice((0x0800, 0x86dd, 0x0806, 0x8808, 0x8100, 0x88a8, 0x88b5, 0x05dc, 0, 0xffff))
    start = rng.choice((b"\x45\x00", b"\x4f\x00", b"\x40\x00", b"\x60\x00", b"\xff\xff", b""))
    return (frames.mac_bytes(rng.choice(addresses)) + frames.mac_bytes(rng.choice(addresses))
            + tags + struct.pack("!H", kind) + start)


def flood(stations, rng, n, lengths):
    """@n bad frames at random entrances; received ones are thrown away as they come."""
    refused = 0
    for i in range(n):
        data = headers(rng)
        length = rng.choice(lengths)
        data = (data + rng.randbytes(length))[:max(14, length)]
        refused += stations[rng.choice(tuple(stations))].send(data) is not None
        if i % 64 == 63:
            for s in stations.values():
                for _ in s.drain():
                    pass
    taptest.check(refused < n, "not one bad frame could be sent")
    taptest.note(f"{n - refused} bad frames sent, {refused} refused by the sender's kernel")


def test_short():
    """Frames that end inside a header."""
    with running() as (f, stations):
        flood(stations, random.Random(1), 20000, range(14, 60))
        works(f, stations)


def test_any_length():
    """Frames of any length with headers that lie."""
    with running() as (f, stations):
        flood(stations, random.Random(2), 12000, (14, 33, 60, 64, 200, 1514, 1518, 2048, 4096))
        works(f, stations)


def test_giant():
    """Frames as long as the MTU lets them be, and longer."""
    with running() as (f, stations):
        flood(stations, random.Random(3), 4000, (MTU, MTU + 14, MTU + 18, MTU + 19, 20000))
        works(f, stations)


if __name__ == "__main__":
    taptest.main()
