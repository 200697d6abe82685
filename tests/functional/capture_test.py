#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""vnicctl capture: what tcpdump reads of it, filters, drops, slow and vanishing readers."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import capture
import forwarder
import frames
import lab
import netns
import pcapng
import taptest
from taptest import check, equal, eventually

WEB, DB, FAR = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:58:00:00:00:01"
NOBODY = frames.mac("U")


class Lab:
    """web and db on port eth0, whose wire is w0; nothing speaks but what a test sends."""

    def __init__(self, f, inside, out, stations):
        self.f, self.inside, self.out, self.stations = f, inside, out, stations
        self.ini = ini(inside, out)
        self.processes = []
        self.number = 0

    def send(self, at, dst, to=None, src=None, n=1, kind="0x0800", **keys):
        """@n frames from @at; with @to it is waited until they are all there."""
        play = capture.Play(self.stations)
        play.LIMIT = 10.0
        batch, wanted = [], {}
        for _ in range(n):
            self.number += 1
            data = frames.build(self.number, dst, src or {"web": WEB, "db": DB}.get(at, FAR),
                                kind, **keys)
            batch.append(capture.Frame(self.number, at, data, ""))
            if to:
                wanted[self.number] = {to: 1}
        play.send(batch, wanted)
        play.close()
        for number, receivers in wanted.items():
            check(set(receivers) <= set(play.receivers(number)), f"frame {number} to {to}: lost")
        return [f.number for f in batch]

    def capture(self, *words, name="capture"):
        """Starts `vnicctl capture WORDS -w FILE`; returns when it captures."""
        c = Running(self.f, name, *words)
        self.processes.append(c)
        return c

    def running(self):
        return self.f.rpc("capture.show")


class Running:
    """A vnicctl capture into a file."""

    def __init__(self, f, name, *words, to_file=True):
        self.path = os.path.join(f.directory, f"{name}.pcapng")
        self.stderr_path = os.path.join(f.directory, f"{name}.err")
        if to_file:
            words = (*words[:1], "-w", self.path, *words[1:])
        with open(self.stderr_path, "wb") as err:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                [forwarder.vnicctl(), "--socket", f.socket, "capture", *words],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        eventually(lambda: "capturing" in self.errors() or self.process.poll() is not None,
                   "vnicctl says that it captures")
        check("capturing" in self.errors(), self.errors())

    def errors(self):
        with open(self.stderr_path, encoding="utf-8") as f:
            return f.read()

    def now(self):
        """What is in the file already."""
        try:
            return pcapng.read(self.path)
        except FileNotFoundError:
            return pcapng.Capture(b"")

    def numbers(self):
        return numbers(self.now())

    def await_frames(self, n):
        eventually(lambda: len(self.now().frames) >= n, f"{n} frames in the file", 10)
        return self.now()

    def stop(self, number=signal.SIGINT):
        """(status, the whole file)"""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(10)
        return status, self.now()


def numbers(c):
    return [frames.find_marker(x.data) for x in c.frames]


def ini(inside, out, **keys):
    return (lab.port(out) + lab.vnic("web", inside, mac=WEB, **keys)
            + lab.vnic("db", inside, mac=DB))


@contextlib.contextmanager
def running(**keys):
    forwarder.need()
    with netns.Namespace("in") as inside, netns.Namespace("out") as out:
        with forwarder.Forwarder(ini(inside, out, **keys)) as f:
            lab.eventually_up(inside, "web0", "db0")
            lab.eventually_up(out, "w0")
            stations = {n: capture.Station(n, ns, d) for n, ns, d in (
                ("web", inside, "web0"), ("db", inside, "db0"), ("wire", out, "w0"))}
            it = Lab(f, inside, out, stations)
            try:
                yield it
            finally:
                for c in it.processes:
                    if c.process.poll() is None:
                        c.process.kill()
                    c.process.wait()
                for s in stations.values():
                    s.close()


@contextlib.contextmanager
def killed(*processes):
    """They don't outlive the block, whatever happens in it."""
    try:
        yield
    finally:
        for p in processes:
            p.kill()


def tcpdump(path, *words):
    """What tcpdump reads, a line a frame."""
    lab.need("tcpdump")
    return netns.run("tcpdump", "-n", "-t", "-e", "-r", path, *words).splitlines()


def test_directions():
    """In, out and any: a vnic's and a port's, read by tcpdump."""
    with running() as it:
        any_, in_, out = (it.capture("web", d, name=d) for d in ("any", "in", "out"))
        port_in, port_out = (it.capture("eth0", d, name="port-" + d) for d in ("in", "out"))
        sent = it.send("web", DB, "db") + it.send("web", FAR, "wire")
        got = it.send("db", WEB, "web") + it.send("wire", WEB, "web")
        other = it.send("db", FAR, "wire")
        any_.await_frames(4)
        port_out.await_frames(2)
        for c, wanted in ((any_, sent + got), (in_, got), (out, sent), (port_in, got[1:]),
                          (port_out, sent[1:] + other)):
            c.await_frames(len(wanted))
            status, file = c.stop()
            equal((status, numbers(file)), (0, wanted), os.path.basename(c.path))
            equal(file.rest, 0, "bytes behind the last block")
            equal(file.statistics, {"seen": len(wanted), "lost": 0, "written": len(wanted),
                                    "why": ""}, "statistics")
            plural = "" if len(wanted) == 1 else "s"
            check(f"\n{len(wanted)} frame{plural} captured, 0 lost" in c.errors(), c.errors())
            lines = tcpdump(c.path)
            equal(len(lines), len(wanted), "frames that tcpdump reads")
        equal([x.outbound for x in any_.now().frames], [True, True, False, False], "outbound")
        check(lines[0].startswith(f"{WEB} > {FAR}, ethertype IPv4 (0x0800), length 100"),
              lines[0])
        equal(any_.now().interface["name"], "web", "the interface's name")
        file = any_.now()
        check(all(abs(x.ns / 1e9 - time.time()) < 60 for x in file.frames), "times of day")
        equal(sorted(x.ns for x in file.frames), [x.ns for x in file.frames], "times in order")
        eventually(lambda: it.running() == [], "all captures have ended")


def test_while_it_runs():
    """tcpdump -r - prints each frame while the capture runs; its end ends vnicctl."""
    lab.need("tcpdump")
    with running() as it:
        with subprocess.Popen(
                [forwarder.vnicctl(), "--socket", it.f.socket, "capture", "web", "-w", "-"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
            with subprocess.Popen(["tcpdump", "-l", "-n", "-e", "-c", "3", "-r", "-"],
                                  stdin=source.stdout, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True) as reader:
                source.stdout.close()
                with killed(source, reader):
                    eventually(lambda: len(it.running()) == 1, "it captures")
                    for _ in range(3):
                        it.send("web", DB, "db")
                        check(WEB in reader.stdout.readline(), "a line for the frame")
                    equal(reader.wait(10), 0, "tcpdump's exit status")
                    source.wait(10)
        eventually(lambda: it.running() == [], "the capture has ended")


def test_text():
    """Without -w: a line of text a frame."""
    with running() as it:
        with subprocess.Popen(
                [forwarder.vnicctl(), "--socket", it.f.socket, "capture", "web", "-c", "4"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True) as source, killed(source):
            eventually(lambda: len(it.running()) == 1, "it captures")
            it.send("web", DB, "db", kind="0x0800")
            it.send("wire", WEB, "web", kind="c7.0x86dd", length=120)
            it.send("wire", WEB, "web", kind="0x88b5")
            it.send("web", frames.mac("BC"), "db", kind="0x0806")
            lines = source.stdout.read().splitlines()
            equal(source.wait(10), 0, "exit status")
        wanted = [f"out {WEB} > {DB} 10.9.0.1.4242 > 10.9.0.2.4243 UDP, 100 bytes",
                  f"in  {FAR} > {WEB} vlan 7 fd00::1.4242 > fd00::2.4243 UDP, 124 bytes",
                  f"in  {FAR} > {WEB} type 0x88b5, 100 bytes",
                  f"out {WEB} > ff:ff:ff:ff:ff:ff ARP, 100 bytes"]
        equal([line.split(" ", 1)[1] for line in lines], wanted, "text")


def test_filter():
    """Filters: those that run as machine code, and those that libpcap has to interpret."""
    with running() as it:
        cases = {"udp port 4242": True, "vlan and udp dst port 4243": True,
                 "ether[ether[17] & 1:1] = 2": False, "ether[0x7ffffffc:4] = 0": False,
                 "ip6": True, "len <= 99": None, "not ip and not ip6 and not vlan": True}
        running_ = {text: it.capture("web", "out", text, name=str(i))
                    for i, text in enumerate(cases)}
        native = {c["filter"]: c["native"] for c in it.running()}
        machine = os.uname().machine in ("x86_64", "aarch64")
        for text, wanted in cases.items():
            if wanted is not None:
                equal(native[text], wanted and machine, f"'{text}' is machine code")
        sent = {kind: it.send("web", DB, "db", kind=kind, length=120)[0]
                for kind in ("0x0800", "c5.0x0800", "0x86dd", "0x88b5")}
        short = it.send("web", DB, "db", kind="0x88b5", length=99)[0]
        wanted = {"udp port 4242": ["0x0800", "0x86dd"],
                  "vlan and udp dst port 4243": ["c5.0x0800"], "ip6": ["0x86dd"],
                  "ether[ether[17] & 1:1] = 2": None, "ether[0x7ffffffc:4] = 0": [],
                  "len <= 99": [], "not ip and not ip6 and not vlan": ["0x88b5"]}
        for text, kinds in wanted.items():
            if kinds is None:
                continue
            numbers_ = [sent[k] for k in kinds]
            if text.startswith(("len", "not")):
                numbers_.append(short)
            running_[text].await_frames(len(numbers_))
            status, file = running_[text].stop()
            equal((status, numbers(file)), (0, numbers_), f"'{text}'")
            equal(file.interface["filter"], text, "the filter, as the file tells it")


def test_count_and_snaplen():
    """-c N ends by itself; -s cuts off; both as tcpdump has it."""
    with running() as it:
        c = it.capture("db", "in", "-c", "5", "-s", "64")
        sent = it.send("web", DB, "db", n=9, length=300)
        equal(c.process.wait(10), 0, "exit status")
        file = c.now()
        equal([(len(x.data), x.length) for x in file.frames], [(64, 300)] * 5, "lengths")
        equal(numbers(file), sent[:5], "frames")
        equal(len(tcpdump(c.path)), 5, "frames that tcpdump reads")


def test_drops():
    """Drops, with the reason as the frame's comment; with any each frame stands there once."""
    with running(spoofcheck="mac") as it:
        drops, any_, out = (it.capture("web", d, name=d) for d in ("drops", "any", "out"))
        port = it.capture("eth0", "drops", name="port")
        port_any = it.capture("eth0", "any", name="port-any")
        spoofed = it.send("web", DB, src="02:66:00:00:00:01")[0]
        # Of one burst those that are dropped come last.
        any_.await_frames(1)
        good = it.send("web", DB, "db")[0]
        lost = it.send("wire", NOBODY)[0]
        any_.await_frames(2)
        port_any.await_frames(1)
        for c, wanted in ((drops, [spoofed]), (any_, [spoofed, good]), (out, [spoofed, good]),
                          (port, [lost]), (port_any, [lost])):
            c.await_frames(len(wanted))
            status, file = c.stop()
            equal((status, numbers(file)), (0, wanted), os.path.basename(c.path))
            equal(len(tcpdump(c.path)), len(wanted), "frames that tcpdump reads")
        reasons = {r["reason"]: r["text"] for r in it.f.rpc("drops.show")}
        equal([x.comment for x in any_.now().frames],
              [f"dropped: spoofed: {reasons['spoofed']}", ""], "comments")
        equal(port.now().frames[0].comment, f"dropped: no_owner: {reasons['no_owner']}",
              "the port's comment")
        equal([x.comment for x in out.now().frames], ["", ""], "who asks for out gets no reasons")
        check(not port.now().frames[0].outbound and drops.now().frames[0].outbound, "directions")


def test_refusals():
    """What can't be is refused with a reason, and leaves nothing behind."""
    with running() as it:
        for words, wanted in (
                (("nix",), 'there is no "nix"'), (("web", "in", "tcp prot 80"), "syntax error"),
                (("web", "-c", "0"), "not a number above 0"), (("web", "-x"), "unknown option"),
                (("web", "-w"), "a value is missing"), (("-c", "1"), "a NAME is missing")):
            status, _, err = it.f.ctl("capture", *words, check=False)
            check(status in (1, 2) and wanted in err, f"{words}: {status} {err}")
        file = os.path.join(it.f.directory, "old")
        with open(file, "w", encoding="ascii") as f:
            f.write("old")
        it.f.ctl("capture", "web", "-w", file, "prot", check=False)
        with open(file, encoding="ascii") as f:
            equal(f.read(), "old", "the file after a refusal")
        for params in ({"name": "web", "direction": "up"}, {"name": "web", "count": -1},
                       {"name": "web", "snaplen": 1 << 30}, {"name": "web", "colour": "red"},
                       {"name": "web", "filter": "ip or " * 1000 + "ip"}, {}):
            try:
                it.f.rpc("capture.start", params)
                raise taptest.Failure(f"{params}: not refused")
            except forwarder.RpcError:
                pass
        answer = talk(it.f, [call("capture.start", name="web")], close=True)[0][0]
        equal(answer["error"]["data"]["errno"], "EINVAL", "in a batch")
        equal(it.running(), [], "captures")


def call(method, **params):
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def talk(f, message, close=False):
    """Sends one message: (the answer, the socket)."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(20)
    s.connect(f.socket)
    s.sendall(json.dumps(message).encode() + b"\n")
    line = b""
    while not line.endswith(b"\n"):
        byte = s.recv(1)
        check(byte, "an answer")
        line += byte
    if close:
        s.close()
    return json.loads(line), s


def read_all(s):
    data = b""
    while True:
        part = s.recv(1 << 16)
        if not part:
            return data
        data += part


def test_protocol():
    """The socket by hand: answer and pcapng, or pcapng alone to a notification; half a close."""
    with running() as it:
        answer, s = talk(it.f, call("capture.start", name="web", direction="out"))
        with s:
            equal(answer["result"]["name"], "web", "answer")
            sent = it.send("web", DB, "db", n=3)
            s.shutdown(socket.SHUT_WR)
            file = pcapng.Capture(read_all(s))
            equal((numbers(file), file.rest), (sent, 0), "frames")
            equal(file.statistics["written"], 3, "statistics")
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(it.f.socket)
            notification = call("capture.start", name="web", count=1)
            del notification["id"]
            s.sendall(json.dumps(notification).encode() + b"\n")
            eventually(lambda: len(it.running()) == 1, "it captures")
            sent = it.send("web", DB, "db")
            equal(numbers(pcapng.Capture(read_all(s))), sent, "frames")
        eventually(lambda: it.running() == [], "captures end")
        # The daemon's other clients are as many as before.
        it.f.rpc("link.show")


def test_limit():
    """Eight at a time, the ninth is refused; those whose clients die make room."""
    with running() as it:
        captures = [it.capture("web", name=str(i)) for i in range(8)]
        status, _, err = it.f.ctl("capture", "web", check=False)
        check(status == 1 and "8 captures run already" in err, f"{status} {err}")
        sent = it.send("web", DB, "db")
        for c in captures:
            equal(numbers(c.await_frames(1)), sent, "each has the frame")
        check(it.f.ctl("capture").count("web any: captured 1 lost 0") == 8,
              it.f.ctl("capture"))
        equal({c["pid"] for c in it.running()}, {c.process.pid for c in captures}, "processes")
        for c in captures[:4]:
            c.process.kill()
        eventually(lambda: len(it.running()) == 4, "the dead ones' captures end")
        it.capture("db", name="again").stop()
        for c in captures[4:]:
            equal(c.stop()[0], 0, "exit status")
        eventually(lambda: it.running() == [], "all captures end")
        check("nobody" in it.f.ctl("capture"), "vnicctl capture")


def test_slow_reader():
    """Who doesn't read loses copies, and no vnic loses a frame; what he reads later is whole."""
    with running() as it:
        _, s = talk(it.f, call("capture.start", name="web"))
        with s:
            fast = it.capture("web", "out", "-s", "64")
            before = it.f.link("db")["stats64"]["rx"]["packets"]
            n = 0
            while it.running()[0]["lost"] == 0:
                it.send("web", DB, "db", n=400, length=1500)
                n += 400
                check(n < 50000, "it never lost a copy")
            after = it.f.link("db")
            equal(after["stats64"]["rx"]["packets"] - before, n, "frames that db received")
            equal(sum(after["drops"].values()), 0, "drops")
            fast.await_frames(n)
            equal(fast.stop()[1].statistics["lost"], 0, "lost by a reader who isn't slow")
            s.shutdown(socket.SHUT_WR)
            file = pcapng.Capture(read_all(s))
            equal(file.rest, 0, "bytes behind the last block")
            equal(file.statistics["seen"], n, "captured and lost")
            check(file.statistics["lost"] > 0, "lost")
            equal(len(file.frames), file.statistics["written"], "frames in the file")
            equal(sorted(set(numbers(file))), numbers(file), "frames in order, none twice")
            later = it.send("web", DB, "db", n=2)
            check(not set(later) & set(numbers(file)), "after the end")


def test_vanishing():
    """A reload that keeps the vnic's name keeps the capture; when the vnic goes, it ends."""
    with running() as it:
        c = it.capture("web", "out")
        port = it.capture("eth0", "out", name="port")
        first = it.send("web", FAR, "wire")
        it.stations.pop("web").close()
        it.f.reload(it.ini.replace("tap:web0", "tap:web1"))
        lab.eventually_up(it.inside, "web1")
        it.stations["web"] = capture.Station("web", it.inside, "web1")
        second = it.send("web", FAR, "wire")
        equal(numbers(c.await_frames(2)), first + second, "before and behind")
        it.stations.pop("web").close()
        # A new vnic in its place, with what was its number perhaps: none of its frames.
        it.f.reload(it.ini.replace("[vnic web]", "[vnic new]"))
        equal(c.process.wait(10), 1, "exit status")
        check("web is gone" in c.errors(), c.errors())
        lab.eventually_up(it.inside, "web0")
        it.stations["web"] = capture.Station("web", it.inside, "web0")
        third = it.send("web", FAR, "wire")
        equal(numbers(c.now()), first + second, "in the end")
        equal(numbers(port.await_frames(3)), first + second + third, "the port's")
        it.f.process.send_signal(signal.SIGTERM)
        equal(port.process.wait(10), 1, "exit status when the daemon stops")
        equal(it.f.process.wait(15), 0, "the daemon's exit status")
        check("dpdk-vnic stops" in port.errors(), port.errors())
        equal(port.now().statistics["written"], 3, "the port's statistics")


def test_under_load():
    """Captures come and go under load, silent and dying readers too: no frame is lost."""
    with running() as it:
        stop = threading.Event()
        problems = []

        def churn():
            try:
                while not stop.is_set():
                    _, s = talk(it.f, call("capture.start", name="db", filter="len > 10"))
                    s.recv(100)
                    s.close()
                    # Nobody reads the answer.
                    with socket.socket(socket.AF_UNIX) as t:
                        t.connect(it.f.socket)
                        t.sendall(json.dumps(call("capture.start", name="eth0")).encode() + b"\n")
            except Exception as e:  # pylint: disable=broad-except
                problems.append(e)

        threads = [threading.Thread(target=churn) for _ in range(2)]
        for t in threads:
            t.start()
        before = it.f.link("db")["stats64"]["rx"]["packets"]
        for _ in range(40):
            it.send("web", DB, "db", n=48)
        stop.set()
        for t in threads:
            t.join()
        equal(problems, [], "problems")
        equal(it.f.link("db")["stats64"]["rx"]["packets"] - before, 40 * 48, "frames")
        eventually(lambda: it.running() == [], "all captures end")
        fds = len(os.listdir(f"/proc/{it.f.process.pid}/fd"))
        for _ in range(5):
            it.capture("db").stop()
        eventually(lambda: len(os.listdir(f"/proc/{it.f.process.pid}/fd")) <= fds,
                   "no descriptor is left open")


if __name__ == "__main__":
    taptest.main()
