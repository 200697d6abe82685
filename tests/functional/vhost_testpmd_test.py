#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""vhost vnics with testpmd's virtio-user as the guest: split and packed rings, queues, mergeable
buffers, and reconnection after either side was killed."""

import contextlib
import os
import shutil
import signal
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

VNICS = ("a", "b", "c", "d")
OUTSIDE = bytes.fromhex("02000000aa01")
TYPE = 0x88b5
PAGES = 400  # of 2 MiB
KILLS = int(os.environ.get("DPDK_VNIC_KILLS", "5"))
TESTPMD = shutil.which("dpdk-testpmd")


def mac(name):
    return f"02:00:00:00:02:{VNICS.index(name) + 1:02x}"


@contextlib.contextmanager
def hugepages():
    """Enough of them, in a file system of our own; the machine is as before afterwards."""
    knob = "/proc/sys/vm/nr_hugepages"
    with open(knob, encoding="ascii") as f:
        before = int(f.read())
    directory = tempfile.mkdtemp(prefix="vnic-huge-")
    try:
        with open(knob, "w", encoding="ascii") as f:
            f.write(str(max(before, PAGES)))
        with open(knob, encoding="ascii") as f:
            if int(f.read()) < PAGES:
                raise taptest.Skip(f"this machine has no {PAGES} free hugepages")
        subprocess.run(["mount", "-t", "hugetlbfs", "nodev", directory], check=True)
        try:
            yield directory
        finally:
            subprocess.run(["umount", "-l", directory], check=True)
    finally:
        os.rmdir(directory)
        with open(knob, "w", encoding="ascii") as f:
            f.write(str(before))


class Testpmd:
    """Sends each frame back where it came from, with its addresses swapped."""

    def __init__(self, huge, directory, names, queues=1, keys="", limit=30):
        self.prefix = f"tp{os.getpid()}"
        self.log = os.path.join(directory, "testpmd.log")
        command = [TESTPMD, "--lcores", "0@0,1@0", "-m", "256", "--huge-dir", huge, "--no-pci",
                   "--single-file-segments", "--no-telemetry", f"--file-prefix={self.prefix}"]
        for i, name in enumerate(names):
            command += ["--vdev", f"net_virtio_user{i},path={directory}/{name}.sock,"
                        f"mac={mac(name)},queues={queues},queue_size=256{keys}"]
        command += ["--", "--auto-start", "--forward-mode=macswap", "--port-topology=loop",
                    "--total-num-mbufs=16384", f"--rxq={queues}", f"--txq={queues}",
                    "--stats-period=1", "--no-flush-rx"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        self.limit = limit

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def await_ready(self):
        def ready():
            taptest.check(self.process.poll() is None, f"testpmd ended:\n{self.text()[-3000:]}")
            return "packet forwarding - ports=" in self.text()
        taptest.eventually(ready, "testpmd forwards", self.limit)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(f"/var/run/dpdk/{self.prefix}", ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            taptest.note("--- testpmd")
            taptest.note(self.text()[-2000:])
        self.kill()


class Wire:
    """A station outside, on the port's wire."""

    def __init__(self, ns):
        with ns.entered():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(TYPE))
            self.sock.bind(("w0", TYPE))
        self.sock.settimeout(0.2)
        self.number = 0

    def ask(self, name, length=100, wait=0.2):
        """Sends one frame to a vnic; its guest's answer came, whole?"""
        self.number += 1
        to = bytes.fromhex(mac(name).replace(":", ""))
        body = struct.pack(">I", self.number) * (length // 4 + 1)
        self.sock.send((to + OUTSIDE + struct.pack(">H", TYPE) + body)[:length])
        wanted = (OUTSIDE + to + struct.pack(">H", TYPE) + body)[:length]
        end = time.monotonic() + wait
        while time.monotonic() < end:
            try:
                if self.sock.recv(1 << 16) == wanted:
                    return True
            except socket.timeout:
                pass
        return False

    def expect(self, names, sizes=(60, 100, 1000, 1514)):
        for name in names:
            taptest.eventually(lambda n=name: self.ask(n), f"{name} answers", 10)
            for length in sizes:
                for _ in range(20):
                    taptest.check(self.ask(name, length, 3), f"{name}: no answer to {length} bytes")


def section(name, directory, **keys):
    spec = f"vhost:{directory}/{name}.sock" + "".join(f",{k}={v}" for k, v in keys.items())
    return forwarder.section("vnic", name, {"type": "macvlan", "port": "eth0", "mode": "bridge",
                                            "mac": mac(name), "endpoint": spec})


@contextlib.contextmanager
def bench(names=VNICS, **keys):
    """Namespace, folder for sockets, hugepages, and the text of a vnic.ini."""
    forwarder.need()
    if TESTPMD is None:
        raise taptest.Skip("no dpdk-testpmd")
    with contextlib.ExitStack() as stack:
        huge = stack.enter_context(hugepages())
        out = stack.enter_context(netns.Namespace("out"))
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="vnic-sock-"))
        ini = lab.port(out) + "".join(section(n, directory, **keys) for n in names)
        yield huge, out, directory, ini


def wire_in(out):
    taptest.eventually(lambda: out.run("ip", "link", "show", "w0", check=False)[0] == 0,
                       "the wire is there", 5)
    out.ip("link set w0 up")
    return Wire(out)


def crosses(queues, keys):
    with bench(queues=queues) as (huge, out, directory, ini):
        with forwarder.Forwarder(ini) as f:
            wire = wire_in(out)
            with Testpmd(huge, directory, VNICS, queues, keys) as t:
                t.await_ready()
                wire.expect(VNICS)
                for name in VNICS:
                    stats = f.link(name)["stats64"]
                    taptest.check(stats["rx"]["packets"] >= 80, f"{name}: rx counted")
                    taptest.check(stats["tx"]["packets"] >= 80, f"{name}: tx counted")
            taptest.eventually(
                lambda: "the client went away" in (f.link("a")["endpoint"]["reason"] or ""),
                "the reason is told", 3)


def test_split():
    """Four vnics by MAC, both ways, split rings, mergeable buffers."""
    crosses(1, ",packed_vq=0,mrg_rxbuf=1")


def test_split_not_mergeable():
    """The same without mergeable buffers."""
    crosses(1, ",packed_vq=0,mrg_rxbuf=0")


def test_packed():
    """The same with packed rings."""
    crosses(1, ",packed_vq=1,mrg_rxbuf=1")


def test_packed_not_mergeable():
    """The same with packed rings and without mergeable buffers."""
    crosses(1, ",packed_vq=1,mrg_rxbuf=0")


def test_four_queues():
    """Four queues each, split rings."""
    crosses(4, ",packed_vq=0,mrg_rxbuf=1")


def test_four_packed_queues():
    """Four queues each, packed rings."""
    crosses(4, ",packed_vq=1,mrg_rxbuf=1")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def flows_after(wire, what):
    start = time.monotonic()
    taptest.eventually(lambda: wire.ask("a"), f"frames flow again after {what}", 20)
    return time.monotonic() - start


def test_guest_killed():
    """The guest is killed and comes back: frames flow within 2 s of its start, no memory is lost."""
    with bench(("a",)) as (huge, out, directory, ini):
        with forwarder.Forwarder(ini) as f:
            wire = wire_in(out)
            before = None
            for _ in range(KILLS):
                with Testpmd(huge, directory, ("a",)) as t:
                    t.await_ready()
                    took = flows_after(wire, "the guest's start")
                    taptest.note(f"frames flow {took:.2f} s after the guest's start")
                    taptest.check(took < 2, "too late")
                    wire.expect(("a",))
                before = before or resident(f.process.pid)
            grown = resident(f.process.pid) - before
            taptest.check(grown < 4096, f"{grown} KiB more than after the first guest")


def test_server_guest_killed():
    """The guest listens, we connect: it is killed and comes back."""
    with bench(("a",), client=1) as (huge, out, directory, ini):
        with forwarder.Forwarder(ini) as f:
            wire = wire_in(out)
            for _ in range(KILLS):
                with Testpmd(huge, directory, ("a",), keys=",server=1") as t:
                    taptest.eventually(lambda: os.path.exists(f"{directory}/a.sock"),
                                       "the guest listens", 30)
                    listens = time.monotonic()
                    t.await_ready()
                    took = flows_after(wire, "the guest's start")
                    taptest.note(f"frames flow {took:.2f} s after the guest's start, "
                                 f"{time.monotonic() - listens:.2f} s after it listens")
                    taptest.check(took < 2, "too late")
                    wire.expect(("a",))
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{directory}/a.sock")
            taptest.check(f.is_running(), "dpdk-vnic has ended")


def test_forwarder_killed():
    """dpdk-vnic is killed and comes back to a guest that listens: frames flow within 2 s."""
    with bench(("a",), client=1) as (huge, out, directory, ini):
        f = forwarder.Forwarder(ini)
        with Testpmd(huge, directory, ("a",), keys=",server=1") as t:
            try:
                t.await_ready()
                wire_in(out).expect(("a",))
                for _ in range(KILLS):
                    f.kill()
                    f = forwarder.Forwarder(ini)
                    wire = wire_in(out)
                    took = flows_after(wire, "dpdk-vnic's start")
                    taptest.note(f"frames flow {took:.2f} s after dpdk-vnic's start")
                    taptest.check(took < 2, "too late")
                    wire.expect(("a",))
            finally:
                f.kill()


def test_stale_socket_after_kill():
    """dpdk-vnic is killed, which leaves its socket: the next one replaces it, and serves guests."""
    with bench(("a",)) as (huge, out, directory, ini):
        forwarder.Forwarder(ini).kill()
        taptest.check(os.path.exists(f"{directory}/a.sock"), "no socket was left")
        with forwarder.Forwarder(ini):
            wire = wire_in(out)
            with Testpmd(huge, directory, ("a",)) as t:
                t.await_ready()
                wire.expect(("a",))


if __name__ == "__main__":
    taptest.main()
