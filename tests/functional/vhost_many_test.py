#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Five hundred connected vhost vnics on a port, and as many more sockets as librte_vhost can watch."""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import netns
import taptest

N = 500
MORE = 16  # with these all of librte_vhost's room is taken
OUTSIDE = bytes.fromhex("02000000aa01")
TYPE = 0x88b5


def mac_of(i):
    return bytes.fromhex(f"020000001{i:03x}")


def text(mac):
    return ":".join(f"{b:02x}" for b in mac)


class Guests:
    """N guests in one process that send back what they receive."""

    def __init__(self, directory, n, kind="split"):
        program = os.path.join(forwarder.build_dir(), "tests", "functional", "vhost_guests")
        self.process = subprocess.Popen([program, f"{directory}/v%d.sock", str(n), kind],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode().strip()
        if line != "ready":
            self.kill()
            raise taptest.Failure(f"guests: {line or 'ended'}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Wire:
    def __init__(self, ns):
        with ns.entered():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(TYPE))
            self.sock.bind(("w0", TYPE))
        self.sock.settimeout(0.2)
        self.number = 0

    def ask(self, some):
        """One frame to each of @some; which of them answered."""
        self.number += 1
        body = struct.pack(">HI", TYPE, self.number) + bytes(60)
        for i in some:
            self.sock.send(mac_of(i) + OUTSIDE + body)
        wanted = {OUTSIDE + mac_of(i) + body: i for i in some}
        answered = set()
        end = time.monotonic() + 5
        while len(answered) < len(some) and time.monotonic() < end:
            try:
                answered.add(wanted.get(self.sock.recv(2048)))
            except socket.timeout:
                break
        return answered - {None}

    def expect(self, n):
        """All of @n guests answer; frames that came before a vnic was up may be lost."""
        def missing():
            for first in range(0, n, 20):
                some = set(range(first, min(first + 20, n))) - self.done
                self.done |= self.ask(some)
            return n - len(self.done)
        self.done = set()
        taptest.eventually(lambda: missing() == 0, f"all {n} guests answer", 30)

    def close(self):
        self.sock.close()


def section(name, directory, count, first):
    return forwarder.section("vnic", name, {
        "type": "macvlan", "port": "eth0", "mode": "bridge", "mac": text(mac_of(first)),
        "count": count, "endpoint": f"vhost:{directory}/{name}%d.sock"})


@contextlib.contextmanager
def running(more=MORE):
    forwarder.need()
    with netns.Namespace("out") as out, \
            tempfile.TemporaryDirectory(prefix="vnic-sock-") as directory:
        def ini(more):
            return (lab.port(out) + section("v", directory, N, 0)
                    + section("w", directory, more, 0x800))
        with forwarder.Forwarder(ini(more), memory=1024) as f:
            taptest.eventually(lambda: out.run("ip", "link", "show", "w0", check=False)[0] == 0,
                               "the wire is there", 5)
            out.ip("link set w0 up")
            wire = Wire(out)
            try:
                yield f, directory, wire, ini
            finally:
                wire.close()


def held(pid):
    """Descriptors, and KiB of memory, of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        resident = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    return len(os.listdir(f"/proc/{pid}/fd")), resident


def reasons(f):
    return [v["endpoint"]["reason"] or "" for v in f.rpc("link.show", {"details": True})
            if v["ifname"].startswith("v")]


def test_five_hundred():
    """500 guests answer; all are killed at once and come back, and nothing has grown."""
    with running() as (f, directory, wire, _):
        before = None
        for kind in ("split", "packed", "split"):
            start = time.monotonic()
            with Guests(directory, N, kind):
                taptest.note(f"{N} guests connected in {time.monotonic() - start:.1f} s")
                wire.expect(N)
                after = held(f.process.pid)
            taptest.eventually(
                lambda: all("the client went away" in r for r in reasons(f)),
                "all reasons are told", 10)
            before = before or after
        taptest.note(f"descriptors and KiB at first {before}, in the end {after}")
        taptest.equal(after[0], before[0], "descriptors")
        taptest.check(after[1] < before[1] + 8192, f"{after[1] - before[1]} KiB more memory")


def test_no_more_room():
    """One socket more than librte_vhost can watch is refused with the reason; the others go on."""
    with running() as (f, directory, wire, ini):
        with Guests(directory, N):
            wire.expect(N)
            try:
                f.reload(ini(MORE + 1))
                raise taptest.Failure("it was not refused")
            except forwarder.RpcError as why:
                taptest.check("librte_vhost has room for 1016 sockets" in str(why), str(why))
            taptest.equal(len(wire.ask(range(20))), 20, "guests that answer")
            # New ones are opened before old ones go; the places of those are free then, at once.
            f.reload(ini(MORE // 2))
            f.reload(ini(MORE))
            taptest.equal(len(wire.ask(range(20))), 20, "guests that answer")


if __name__ == "__main__":
    taptest.main()
