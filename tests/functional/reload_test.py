#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""SIGHUP: the difference is applied while frames flow, and nobody else notices."""

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

WEB = "02:00:00:00:01:01"
DB = "02:00:00:00:01:02"


@contextlib.contextmanager
def running(extra=""):
    forwarder.need()
    with netns.Namespace("in") as inside, netns.Namespace("out") as out:
        base = (lab.port(out) + lab.vnic("web", inside, mac=WEB)
                + lab.vnic("db", inside, mac=DB))
        with forwarder.Forwarder(base + extra) as f:
            lab.eventually_up(inside, "web0", "db0")
            yield f, base, inside, out


class Stream:
    """Numbered frames to web from the wire and from db; what came, exactly."""

    def __init__(self, inside, out):
        self.stations = {"wire": capture.Station("wire", out, "w0"),
                         "web": capture.Station("web", inside, "web0"),
                         "db": capture.Station("db", inside, "db0")}
        self.play = capture.Play(self.stations)
        self.number = 0

    def burst(self, n=64):
        batch = []
        for _ in range(n):
            self.number += 1
            at, src = ("wire", frames.mac("X0")) if self.number % 2 else ("db", DB)
            batch.append(capture.Frame(self.number, at, frames.build(self.number, WEB, src), ""))
        self.play.QUIET = 0
        self.play.send(batch)

    def finish(self):
        """All that were sent came, once."""
        self.play.QUIET, self.play.LIMIT = 0.1, 5
        self.play.send([], {n: {"web": 1} for n in range(1, self.number + 1)})
        lost = [n for n in range(1, self.number + 1) if not self.play.receivers(n)["web"]]
        twice = [n for n in range(1, self.number + 1) if self.play.receivers(n)["web"] > 1]
        self.play.close()
        for station in self.stations.values():
            station.close()
        taptest.check(not lost, f"{len(lost)} of {self.number} frames lost: {lost[:10]}")
        taptest.check(not twice, f"{len(twice)} of {self.number} frames came twice")
        taptest.note(f"{self.number} frames, none lost")


def test_add_change_remove():
    """A vnic is added, changed and removed by SIGHUP."""
    with running() as (f, base, inside, _):
        f.write(base + lab.vnic("new", inside, mtu=1400))
        f.hang_up()
        taptest.eventually(lambda: lab.link(inside, "new0"), "new0 appears")
        taptest.equal(lab.link(inside, "new0")["mtu"], 1400, "mtu of new0")
        f.write(base + lab.vnic("new", inside, mtu=1300))
        f.hang_up()
        taptest.eventually(lambda: lab.link(inside, "new0")["mtu"] == 1300, "new mtu in force")
        f.write(base)
        f.hang_up()
        taptest.eventually(lambda: lab.link(inside, "new0") is None, "new0 goes")


def test_bystanders():
    """Thirty changes while frames flow: those who didn't change lose not one frame."""
    with running() as (f, base, inside, out):
        stream = Stream(inside, out)
        before = {d: lab.link(inside, d)["ifindex"] for d in ("web0", "db0")}
        for i in range(30):
            stream.burst()
            others = "".join(lab.vnic(f"x{n}", inside, mode=("bridge", "vepa", "private")[i % 3])
                             for n in range(i % 4))
            f.write(base + others)
            f.hang_up()
            for _ in range(4):
                stream.burst()
        stream.finish()
        after = {d: lab.link(inside, d)["ifindex"] for d in ("web0", "db0")}
        taptest.equal(after, before, "netdevs of those that didn't change")


def test_counters_survive():
    """Counters go on over a reload."""
    with running() as (f, base, inside, out):
        stream = Stream(inside, out)
        stream.burst(100)
        stream.finish()
        before = f.link("web")["stats64"]["rx"]["packets"]
        taptest.check(before >= 100, f"web received {before}, not 100")
        f.reload(base + lab.vnic("x", inside))
        after = f.link("web")["stats64"]["rx"]["packets"]
        taptest.check(after >= before, f"{before} before the reload, {after} after it")


def test_bad_file():
    """A bad new file changes nothing, and says where it is wrong."""
    with running() as (f, base, inside, out):
        stream = Stream(inside, out)
        before = {d: lab.link(inside, d)["ifindex"] for d in ("web0", "db0")}
        bad = base.replace("mode = bridge", "mode = brigde", 1) + lab.vnic("x", inside)
        f.write(bad)
        stream.burst()
        f.hang_up()
        line = 1 + bad[:bad.index("brigde")].count("\n")
        taptest.eventually(lambda: f"vnic.ini:{line}: [vnic web]" in f.text(),
                           f"the log names line {line}")
        stream.burst()
        stream.finish()
        taptest.check(lab.link(inside, "x0") is None, "a vnic of the bad file was made")
        taptest.equal({d: lab.link(inside, d)["ifindex"] for d in before}, before, "netdevs")
        f.write(base + lab.vnic("x", inside))
        f.hang_up()
        taptest.eventually(lambda: lab.link(inside, "x0"), "the mended file is applied")


def test_refused_by_the_kernel():
    """A file that asks for what can't be had (a taken netdev name) changes nothing either."""
    with running() as (f, base, inside, out):
        inside.ip("link add x0 type veth peer name x1")
        try:
            f.reload(base.replace(f"mac = {DB}", "mac = 02:00:00:00:01:77")
                     + lab.vnic("x", inside))
            raise taptest.Failure("x0 is a veth of somebody else's, and was accepted")
        except forwarder.RpcError as e:
            taptest.check("x0" in str(e), f"the reason does not name x0: {e}")
        taptest.equal(lab.link(inside, "db0")["address"], DB, "MAC of db0")
        stream = Stream(inside, out)
        stream.burst()
        stream.finish()


if __name__ == "__main__":
    taptest.main()
