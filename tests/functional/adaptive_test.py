#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""idle = adaptive: what an idle forwarder costs, that it misses nothing, and what workers tell
of their time: worker show and top."""

import contextlib
import json
import os
import re
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import netns
import taptest
from taptest import check, equal, eventually

ADAPTIVE = "[global]\nidle = adaptive\n"
# Who polls sleeps in slices of 800 µs (lib/dp/idle.h); who is woken needs no more than a look now and then.
SLICES, LOOKS = 1250, 50
BURST = 96  # frames that a worker takes at a time: WORKER_BURST


def cpu_seconds(pid):
    """What all threads of a process have used."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/stat",
                                                encoding="ascii", errors="replace") as f:
            words = f.read().rpartition(")")[2].split()
            total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


def is_cheap(f, label, most_sleeps):
    """
    It sleeps nearly all the time, and gets up @most_sleeps times a second. What getting up costs
    depends on the machine; scripts/bench idle-adaptive measures that.
    """
    def totals():
        return f.rpc("worker.show")[0]["totals"]
    eventually(lambda: f.rpc("worker.show")[0]["sleep_ratio"] > 0.8, f"{label}: it sleeps", 15)
    for _ in range(3):  # somebody may have asked something of it meanwhile
        cpu, begin, before = cpu_seconds(f.process.pid), time.monotonic(), totals()
        time.sleep(3)
        after, seconds = totals(), time.monotonic() - begin
        cpu = (cpu_seconds(f.process.pid) - cpu) / seconds
        sleeps = (after["sleeps"] - before["sleeps"]) / seconds
        slept = ((after["sleep_cycles"] - before["sleep_cycles"])
                 / (after["cycles"] - before["cycles"]))
        told = f"{label}: asleep {slept * 100:.1f} %, {sleeps:.0f} times a second, " \
               f"{cpu * 100:.1f} % of a core"
        if slept > 0.9 and sleeps < most_sleeps and cpu < 0.2:
            break
    else:
        raise taptest.Failure(told)
    taptest.note(told)


def rings(n):
    """A forwarder of nothing but queues that must be polled, and no namespace."""
    return forwarder.section("port", "eth0", {"device": "dev:net_ring0"}) + "".join(
        forwarder.section("vnic", f"v{i}", {"type": "macvlan", "port": "eth0",
                                            "endpoint": f"dev:net_ring{i}"})
        for i in range(1, n))


def pcap(path, vnics):
    """A capture with as many frames for each of @vnics: 02:00:00:00:01:xx."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(vnics):
            frame = bytes([2, 0, 0, 0, 1, i, 2, 0x58, 0, 0, 0, 1, 0x88, 0xb5]) + bytes(46)
            f.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


@contextlib.contextmanager
def flooded(vnics=3):
    """A forwarder that receives without end, for v0, v1 …"""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "in.pcap")
        pcap(path, vnics)
        ini = forwarder.section("port", "eth0", {
            "device": f"dev:net_pcap0,rx_pcap={path},infinite_rx=1",
            "mac": "02:4c:00:00:00:01"})
        ini += "".join(forwarder.section("vnic", f"v{i}", {
            "type": "macvlan", "port": "eth0", "mode": "bridge",
            "mac": f"02:00:00:00:01:{i:02x}"}) for i in range(vnics))
        with forwarder.Forwarder(ADAPTIVE + ini) as f:
            yield f


def test_idle_taps_cost_nothing():
    """TAPs alone: an idle forwarder sleeps until there is something to do."""
    forwarder.need()
    with lab.machines("out", "a", "b") as (out, a, b):
        ini = ADAPTIVE + lab.port(out) + lab.vnic("a", a) + lab.vnic("b", b)
        with forwarder.Forwarder(ini) as f:
            is_cheap(f, "TAPs", LOOKS)


def test_idle_polling_costs_little():
    """Devices that can't wake anybody: an idle forwarder looks after them 1,250 times a second."""
    forwarder.need()
    with forwarder.Forwarder(ADAPTIVE + rings(9)) as f:
        is_cheap(f, "9 rings", SLICES)


def sleeps(f):
    return f.rpc("worker.show")[0]["totals"]["sleeps"]


def first_answers(f, ns, address):
    """Every first frame after a sleep is answered."""
    lab.reaches(ns, address)
    for _ in range(5):
        before = sleeps(f)
        eventually(lambda n=before: sleeps(f) > n + 3, "it sleeps")
        equal(lab.pings(ns, address, 1, 5), 1, f"{ns.name}: answers from {address}")


def test_first_frame_between_taps():
    """The first frame after a sleep passes, from one TAP to another; behind a stream's frames the worker naps."""
    forwarder.need()
    with lab.machines("out", "a", "b") as (out, a, b):
        ini = (ADAPTIVE + lab.port(out) + lab.vnic("a", a, address="10.9.0.1/24")
               + lab.vnic("b", b, address="10.9.0.2/24"))
        with forwarder.Forwarder(ini) as f:
            lab.eventually_up(a, "a0")
            lab.eventually_up(b, "b0")
            first_answers(f, a, "10.9.0.2")
            before = sleeps(f)
            rate = lab.tcp_gbits(a, b, "10.9.0.2")
            naps = sleeps(f) - before
            check(naps > 500, f"{naps} naps beside a stream")
            taptest.note(f"TCP between TAPs, adaptive: {rate:.2f} Gbit/s, {naps} naps")


def test_first_frame_of_a_polled_wire():
    """The first frame after a sleep passes, from a device that must be polled."""
    forwarder.need()
    with lab.machines("out", "a") as (out, a):
        out.ip("link add w0 type veth peer name w1")
        for words in ("link set w0 up", "link set w1 up", "address add 10.9.0.9/24 dev w1"):
            out.ip(words)
        for w in ("w0", "w1"):
            out.run("ethtool", "-K", w, "tx", "off", check=False)
        ini = (ADAPTIVE + forwarder.section("port", "eth0", {
            "device": "dev:net_af_packet0,iface=w0"}) + lab.vnic("a", a, address="10.9.0.1/24"))
        with forwarder.Forwarder(ini, ns=out) as f:
            lab.eventually_up(a, "a0")
            first_answers(f, out, "10.9.0.1")


def test_reload():
    """idle follows a reload, both ways, and nothing is said of a next start."""
    forwarder.need()
    with forwarder.Forwarder(rings(3)) as f:
        equal(f.rpc("worker.show")[0]["idle"], "poll", "at first")
        equal(sleeps(f), 0, "sleeps")
        f.reload(ADAPTIVE + rings(3))
        equal(f.rpc("worker.show")[0]["idle"], "adaptive", "then")
        eventually(lambda: sleeps(f) > 3, "it sleeps")
        f.reload(rings(3))
        last = sleeps(f)
        time.sleep(0.2)
        check(sleeps(f) <= last + 1, "it still sleeps")  # it may have been woken only then
        check("next start" not in f.text(), "a warning that isn't true")


def test_worker_show_adds_up():
    """worker show: its numbers are those of the port, and of each other."""
    forwarder.need()
    with flooded() as f:
        eventually(lambda: f.rpc("worker.show")[0]["totals"]["sampled_frames"] > 0, "a sample",
                   20)
        before = f.rpc("port.show")[0]["stats64"]["rx"]["packets"]
        w = f.rpc("worker.show")[0]
        after = f.rpc("port.show")[0]["stats64"]["rx"]["packets"]
        totals = w["totals"]
        # Its turn is counted when it is over; the port's frames when they come.
        check(before - BURST <= totals["frames"] <= after,
              f"{totals['frames']} frames, the port's {before} to {after}")
        check(0 < totals["sampled_cycles"] <= totals["busy_cycles"] <= totals["cycles"], totals)
        check(0 < w["busy_ratio"] <= 1 and w["busy_ratio"] + w["sleep_ratio"] <= 1.01, w)
        check(0 < w["frames_per_burst"] <= BURST and w["cycles_per_frame"] > 0, w)
        eventually(lambda: f.rpc("worker.show")[0]["longest_us"] > 0, "a longest turn", 20)
        equal(list(w["stages"]), ["rx", "parse", "classify", "decide", "deliver", "tx"], "stages")
        equal([(q["ifname"], q["side"], q["waits"]) for q in w["queues"]],
              [("eth0", "wire", False)], "queues")
        equal((w["n_polled"], w["n_waiting"]), (1, 0), "counts of queues")


def test_worker_show_text():
    """vnicctl worker: a line a worker; -s its stages; another lcore's number is refused."""
    forwarder.need()
    with flooded() as f:
        eventually(lambda: f.rpc("worker.show")[0]["frames_per_second"] > 0, "frames")
        text = f.ctl("worker").splitlines()
        equal(len(text), 2, text)
        equal(text[0].split(), ["LCORE", "BUSY", "ASLEEP", "FRAMES/S", "FRAMES/BURST",
                                "CYCLES/FRAME", "QUEUES"], "head")
        check(re.fullmatch(r" +1 +[\d.]+ % +[\d.]+ % +\d+ +[\d.]+ +[\d.]+  polls 1: eth0",
                           text[1]), text[1])
        equal(text[0].index("QUEUES"), text[1].index("polls"), "columns")
        stages = f.ctl("-s", "worker", "show", "1").splitlines()[2]
        check(stages.split()[:4:3] == ["cycles", "rx"], stages)
        status, _, err = f.ctl("worker", "show", "77", check=False)
        equal((status, err), (1, "vnicctl: there is no worker on lcore 77\n"), "lcore 77")
        status, _, err = f.ctl("worker", "show", "x", check=False)
        equal(status, 2, err)


def test_top_prints():
    """vnicctl top without a terminal: a table each interval; -j an object."""
    forwarder.need()
    with flooded() as f:
        out = f.ctl("top", "interval", "0.2", "count", "2", "sort", "rx")
        equal(out.count("NAME"), 2, out)
        for name in ("eth0", "v0", "v1", "v2"):
            rows = [line.split() for line in out.splitlines() if line.startswith(name + " ")]
            equal(len(rows), 2, name)
            check(all(len(r) == 8 and r[1] == "up" and r[2] != "0" for r in rows), rows)
        one = json.loads(f.ctl("-j", "top", "interval", "0.2", "count", "1"))
        check(one["seconds"] >= 0.2, one["seconds"])
        rx = {row["ifname"]: row["rx"]["packets"] for row in one["ports"] + one["links"]}
        check(all(n > 0 for n in rx.values()), rx)
        # The wire's frames are all for one of the three; looks at them are a moment apart.
        check(0.5 < sum(rx[f"v{i}"] for i in range(3)) / rx["eth0"] < 2, rx)
        for words in (["interval", "0"], ["count", "-1"], ["sort", "x"], ["x"], ["count"]):
            status, _, err = f.ctl("top", *words, check=False)
            equal(status, 2, f"{words}: {err}")
    status, _, err = netns.run(forwarder.vnicctl(), "--socket", "/nonexistent", "top",
                               check=False)
    equal(status, 1, err)


class Screen:
    """A terminal in tmux with a server of its own, in which one command runs."""

    def __init__(self, *command, columns=100, rows=12):
        self.server = ["tmux", "-f", "/dev/null", "-L", f"vnic{os.getpid()}"]
        words = " ".join(f"'{w}'" for w in command)
        netns.run(*self.server, "new-session", "-d", "-s", "t", "-x", columns, "-y", rows,
                  f"{words}; echo ended with $?; sleep 60")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        netns.run(*self.server, "kill-server", check=False)

    def text(self):
        return netns.run(*self.server, "capture-pane", "-p", "-t", "t")

    def type(self, *keys):
        netns.run(*self.server, "send-keys", "-t", "t", *keys)

    def resize(self, columns, rows):
        netns.run(*self.server, "resize-window", "-t", "t", "-x", columns, "-y", rows)

    def shows(self, pattern, limit=20):
        """The screen matches, sooner or later."""
        try:
            return eventually(lambda: re.search(pattern, self.text(), re.MULTILINE),
                              pattern, limit, 0.1)
        except taptest.Failure as why:
            raise taptest.Failure(f"{why}; the screen:\n{self.text()}") from None


def test_top_screen():
    """vnicctl top in a terminal: rates, sorting, scrolling, another size, and the end."""
    forwarder.need()
    lab.need("tmux")
    with flooded(20) as f, Screen(forwarder.vnicctl(), "--socket", f.socket, "top",
                                  "interval", "0.3") as s:
        s.shows(r"^dpdk-vnic: 1 ports, 20 vnics; every 0.3 s, by name$")
        s.shows(r"^lcore 1: busy \d")
        s.shows(r"^eth0 +up +[1-9]")
        s.shows(r"^v0 +up +[1-9]")
        s.shows(r"^0 above, \d+ below$")
        check("v19" not in s.text(), "20 vnics in 12 lines")
        s.type("r")
        s.shows(r"by rx$")
        s.type("n")
        s.shows(r"by name$")
        s.type("Down")
        s.shows(r"^1 above")
        check("eth0" not in s.text(), "the first row is above")
        s.type("NPage", "NPage", "NPage", "NPage", "NPage")
        s.shows(r"^v19 +up")
        s.shows(r"above, 0 below$")
        s.resize(100, 40)
        s.shows(r"^eth0 +up")
        s.shows(r"^v19 +up")
        check(" below" not in s.text(), "all of it fits")
        s.type("q")
        s.shows(r"^ended with 0$")
        check("NAME" not in s.text(), "what was on the terminal before is back")
        # The terminal echoes again, line by line.
        s.type("x", "y", "z")
        s.shows("xyz")


def test_top_ends_with_the_daemon():
    """vnicctl top leaves the terminal as it was when the daemon goes, and says so."""
    forwarder.need()
    lab.need("tmux")
    with forwarder.Forwarder(rings(2)) as f, Screen(forwarder.vnicctl(), "--socket", f.socket,
                                                    "top", "interval", "0.3") as s:
        s.shows(r"^v1 +up")
        f.stop()
        s.shows(r"^vnicctl: (cannot reach|dpdk-vnic hung up|no answer)")
        s.shows(r"^ended with 1$")


if __name__ == "__main__":
    taptest.main()
