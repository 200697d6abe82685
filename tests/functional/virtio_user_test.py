#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""virtio-user as a vnic's endpoint: to a vhost-user back end elsewhere, and to the kernel."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import netns
import taptest
import vhost_testpmd_test as base

MAC = "02:00:00:00:02:01"  # base's vnic a
FAR = "02:00:00:00:02:09"


@contextlib.contextmanager
def places(*labels):
    """Namespaces, a folder for sockets, hugepages."""
    forwarder.need()
    with contextlib.ExitStack() as stack:
        huge = stack.enter_context(base.hugepages())
        spaces = [stack.enter_context(netns.Namespace(label)) for label in labels]
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="vnic-sock-"))
        yield (huge, directory, *spaces)


def vnic(devargs, mac=MAC):
    return forwarder.section("vnic", "a", {
        "type": "macvlan", "port": "eth0", "mode": "bridge", "mac": mac,
        "endpoint": f"dev:net_virtio_user0,{devargs},mac={mac},queue_size=256"})


def start(ini, huge, **keys):
    """A forwarder whose memory can be shared, as front ends need it."""
    return forwarder.Forwarder(ini, memory=256, huge=True,
                               args=("--huge-dir", huge, "--single-file-segments"), **keys)


class Backend:
    """testpmd's net_vhost: sends each frame back where it came from, with its addresses swapped."""

    def __init__(self, directory):
        self.prefix = f"tb{os.getpid()}"
        self.log = os.path.join(directory, "backend.log")
        command = [base.TESTPMD, "--lcores", "0@0,1@0", "--no-huge", "-m", "256", "--no-pci",
                   "--no-telemetry", f"--file-prefix={self.prefix}",
                   "--vdev", f"net_vhost0,iface={directory}/a.sock,queues=1",
                   "--", "--auto-start", "--forward-mode=macswap", "--port-topology=loop",
                   "--total-num-mbufs=16384", "--stats-period=1", "--no-flush-rx"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def await_ready(self):
        def ready():
            taptest.check(self.process.poll() is None, f"testpmd ended:\n{self.text()[-3000:]}")
            return "packet forwarding - ports=" in self.text()
        taptest.eventually(ready, "testpmd forwards", 30)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            taptest.note(self.text()[-2000:])
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(f"/var/run/dpdk/{self.prefix}", ignore_errors=True)


def crosses(keys):
    if base.TESTPMD is None:
        raise taptest.Skip("no dpdk-testpmd")
    with places("out") as (huge, directory, out), Backend(directory) as backend:
        backend.await_ready()
        with start(lab.port(out) + vnic(f"path={directory}/a.sock{keys}"), huge) as f:
            base.wire_in(out).expect(("a",))
            stats = f.link("a")["stats64"]
            taptest.check(stats["rx"]["packets"] >= 80, "rx is counted")
            taptest.check(stats["tx"]["packets"] >= 80, "tx is counted")


def test_back_end_split():
    """testpmd's net_vhost behind a vnic, split rings."""
    crosses(",packed_vq=0")


def test_back_end_packed():
    """testpmd's net_vhost behind a vnic, packed rings."""
    crosses(",packed_vq=1")


def hears(sock, frame):
    try:
        while True:
            if sock.recv(2048) == frame:
                return True
    except socket.timeout:
        return False


def packet_socket(ns, device):
    with ns.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(base.TYPE))
        sock.bind((device, base.TYPE))
    sock.settimeout(0.2)
    return sock


def frame_to(mac):
    return (bytes.fromhex(mac.replace(":", "")) + base.OUTSIDE + struct.pack(">H", base.TYPE)
            + bytes(range(100)))


def passes(sender, hearer, frame):
    def one():
        sender.send(frame)
        return hears(hearer, frame)
    taptest.eventually(one, "a frame arrives", 10)


def test_two_forwarders():
    """A vhost vnic of one forwarder is a vnic of another: frames cross both, in both directions."""
    with places("out", "far") as (huge, directory, out, far):
        near_ini = lab.port(out) + base.section("a", directory)
        with forwarder.Forwarder(near_ini), \
                start(lab.port(far, device="w1") + vnic(f"path={directory}/a.sock", FAR), huge):
            for ns, device in ((out, "w0"), (far, "w1")):
                taptest.eventually(lambda n=ns, d=device: lab.link(n, d), f"{device} is there", 5)
                ns.ip(f"link set {device} up")
            near, there = packet_socket(out, "w0"), packet_socket(far, "w1")
            # What the one delivers to the vnic is what the other one's vnic sends, on to its wire.
            passes(near, there, frame_to(MAC))
            passes(there, near, frame_to(FAR))


def test_kernel():
    """The kernel's vhost-net behind a vnic: frames reach its netdev, and come back from it."""
    if not os.path.exists("/dev/vhost-net"):
        raise taptest.Skip("no /dev/vhost-net (module vhost_net)")
    with places("out", "in") as (huge, _, out, inside):
        ini = lab.port(out) + vnic("path=/dev/vhost-net,iface=vu0")
        with start(ini, huge, ns=inside):
            for ns, device in ((out, "w0"), (inside, "vu0")):
                taptest.eventually(lambda n=ns, d=device: lab.link(n, d), f"{device} is there", 5)
                ns.ip(f"link set {device} up")
            wire, kernel = packet_socket(out, "w0"), packet_socket(inside, "vu0")
            passes(wire, kernel, frame_to(MAC))
            mac, rest = frame_to(MAC)[:6], frame_to(MAC)[12:]
            passes(kernel, wire, base.OUTSIDE + mac + rest)


if __name__ == "__main__":
    taptest.main()
