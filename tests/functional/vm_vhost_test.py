#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines on vhost-user vnics: what macvtap does for a VM, done by dpdk-vnic.

Each lab is one port (its wire's far end: namespace `out`), a sibling TAP in namespace `web`, and
machines whose virtio-net is on sibling vhost vnics."""

import contextlib
import hashlib
import os
import re
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import netns
import taptest
import vm

_PLAIN = ("csum=off,guest_csum=off,gso=off,guest_tso4=off,guest_tso6=off,guest_ufo=off,"
          "guest_ecn=off,host_tso4=off,host_tso6=off,host_ufo=off,host_ecn=off,mrg_rxbuf=off")


def _mac(n):
    return f"02:00:00:00:0a:{n:02x}"


def _nic(n, path, mac=None, **words):
    return vm.vhost_nic(path, mac or _mac(n), n, **words)


def _vhost_vnic(n, path, **keys):
    options = keys.pop("options", "")
    return forwarder.section("vnic", f"vm{n}", {
        "type": "macvtap", "port": "eth0", "mode": "bridge", "mac": _mac(n),
        "endpoint": f"vhost:{path}{options}", **keys})


class VhostLab:
    """The namespaces, sockets and configuration; start() runs dpdk-vnic on them."""

    def __init__(self, directory, web, out, mtu):
        self.directory, self.web, self.out, self.mtu = directory, web, out, mtu
        self.vnics = ""

    def path(self, n):
        return os.path.join(self.directory, f"vm{n}.sock")

    def add(self, n, **keys):
        self.vnics += _vhost_vnic(n, self.path(n), **keys)

    def start(self):
        web = lab.vnic("web", self.web, address="10.1.0.100/24, fd00:1::100/64")
        f = forwarder.Forwarder(lab.port(self.out, mtu=self.mtu) + self.vnics + web)
        # A TAP that comes back has no addresses of ours, and a MAC that the guests don't know.
        self.out.batch(["link set w0 address 02:00:00:00:0b:01 up"]
                       + [f"addr replace 10.{net}.0.200/24 dev w0" for net in (1, 2)]
                       + ["addr replace fd00:1::200/64 dev w0"])
        return f


@contextlib.contextmanager
def vhost_lab(mtu=1500):
    forwarder.need()
    vm.need()
    lab.need("iperf3")
    with lab.machines("web", "out") as (web, out), \
            tempfile.TemporaryDirectory(prefix="vnic-vhost-") as directory:
        yield VhostLab(directory, web, out, mtu)


def _up(machine, n, device="eth0", net=1):
    """Addresses 10.1.0.N and fd00:1::N for the machine's NIC."""
    machine.shell(f"ip addr add 10.{net}.0.{n}/24 dev {device}; "
                  f"ip addr add fd00:{net}::{n}/64 dev {device} nodad; ip link set {device} up")


def _tcp(client, server, address):
    rate = lab.tcp_gbits(client, server, address)
    taptest.note(f"{client.name} to {server.name}: {rate:.2f} Gbit/s")


def _link_counter(f, name, way):
    return lambda: f.link(name)["stats64"][way]


def _guest_counter(machine):
    """What its driver received, before Linux joins segments."""
    return lambda: {unit: int(machine.read(f"/sys/class/net/eth0/statistics/rx_{unit}"))
                    for unit in ("bytes", "packets")}


def _sizes(transfer, *counters):
    """Mean bytes of a frame by each of @counters, during transfer()."""
    before = [c() for c in counters]
    transfer()
    return [(now["bytes"] - then["bytes"]) / max(1, now["packets"] - then["packets"])
            for now, then in zip([c() for c in counters], before)]


_FIELDS = re.compile(r"^(Ip|Icmp|Tcp|Udp): ")


def _bad_checksums(where):
    """Checksum errors that a stack has counted, over all protocols."""
    lines = [x.split() for x in where.run("cat", "/proc/net/snmp").splitlines()
             if _FIELDS.match(x)]
    return sum(int(value) for names, values in zip(lines[::2], lines[1::2])
               for name, value in zip(names, values) if name in ("InCsumErrors", "InHdrErrors"))


def _offload(machine, *names):
    """What `ethtool -k eth0` says of @names."""
    found = dict(re.findall(r"^\s*(\S+): (on|off)", machine.run("ethtool", "-k", "eth0"), re.M))
    return [found[n] for n in names]


def _everybody(machines, made):
    """Each machine and each other station: ping by both IP versions."""
    for m, n in machines:
        lab.reaches(m, "10.1.0.100", limit=10)
        lab.reaches(m, "fd00:1::200", size=1452, limit=10)
        lab.reaches(made.out, f"10.1.0.{n}", size=1472, limit=10)
        lab.reaches(made.web, f"fd00:1::{n}", limit=10)


def _tcp_everywhere(big, small, made):
    """TCP from each machine to sibling TAP, outside and the other machine, and back."""
    for m, n in ((big, 1), (small, 2)):
        for other, address in ((made.web, "10.1.0.100"), (made.out, "fd00:1::200")):
            _tcp(m, other, address)
            _tcp(other, m, f"10.1.0.{n}" if "." in address else f"fd00:1::{n}")
    _tcp(big, small, "10.1.0.2")
    _tcp(small, big, "fd00:1::1")


def test_two_machines():
    """Two machines, a TAP, the outside: ping and TCP, TSO on and off, queues, jumbo frames"""
    with vhost_lab(mtu=9000) as made:
        made.add(1, options=",queues=2")
        made.add(2)
        with made.start() as f, contextlib.ExitStack() as stack:
            at = f.link("vm1")["endpoint"]
            taptest.check("connected" in (at["reason"] or ""), f"why vm1 is down: {at}")
            # The second has no offloads at all: what the others leave unfinished is finished here.
            big = stack.enter_context(vm.Machine("vm1", _nic(1, made.path(1), queues=2), cpus=2,
                                                 ready=False))
            small = stack.enter_context(vm.Machine(
                "vm2", _nic(2, made.path(2), options=_PLAIN), ready=False))
            for m, n in ((big, 1), (small, 2)):
                m.await_ready()
                _up(m, n)
            for v in ("vm1", "vm2"):
                taptest.equal(f.link(v)["endpoint"]["state"], "up", f"state of {v}")
            taptest.equal(_offload(big, "tx-tcp-segmentation", "tx-tcp6-segmentation"),
                          ["on", "on"], "TSO offered to vm1")
            taptest.equal(_offload(small, "tx-tcp-segmentation", "tx-checksum-ip-generic"),
                          ["off", "off"], "offloads of vm2")
            _everybody(((big, 1), (small, 2)), made)
            lab.reaches(big, "10.1.0.2")
            lab.reaches(big, "10.1.0.2", size=8000)
            _tcp_everywhere(big, small, made)
            _segments(f, big, small, made)
            _vlan(big, small)
            _queues(big, made)
            _jumbo(big, made)
            for where in (big, small, made.web, made.out):
                taptest.equal(_bad_checksums(where), 0, f"bad checksums seen by {where.name}")
            for v in ("vm1", "vm2"):
                taptest.note(f.ctl("-s", "-d", "link", "show", v))


def _segments(f, big, small, made):
    """Whole segments where both ends can; cut for those that can't, and by the guest itself when
    it has its offloads off."""
    from_big = _link_counter(f, "vm1", "tx")
    sent, received = _sizes(lambda: _tcp(big, made.web, "10.1.0.100"), from_big,
                            _link_counter(f, "web", "rx"))
    taptest.check(min(sent, received) > 4000, f"cut to a TAP: {sent:.0f}, {received:.0f} bytes")
    sent, received = _sizes(lambda: _tcp(made.web, big, "10.1.0.1"), _link_counter(f, "web", "tx"),
                            _guest_counter(big))
    taptest.check(min(sent, received) > 4000, f"cut from a TAP: {sent:.0f}, {received:.0f} bytes")
    sent, received = _sizes(lambda: _tcp(big, small, "10.1.0.2"), from_big, _guest_counter(small))
    taptest.check(sent > 4000, f"vm1 sends frames of {sent:.0f} bytes to vm2")
    taptest.check(received <= 1514, f"vm2 got frames of {received:.0f} bytes")
    big.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off", "tx", "off")
    sent, = _sizes(lambda: _tcp(big, made.web, "10.1.0.100"), from_big)
    taptest.check(sent <= 1514, f"vm1 without TSO sends frames of {sent:.0f} bytes")
    _tcp(big, small, "10.1.0.2")
    big.run("ethtool", "-K", "eth0", "tx", "on", "tso", "on", "gso", "on", "gro", "on")


def _vlan(big, small):
    """Tagged by the guests: checksums and segments are finished behind the tag, too."""
    for m, n in ((big, 1), (small, 2)):
        m.shell(f"ip link add link eth0 name v5 type vlan id 5 && ip addr add 10.5.0.{n}/24 dev v5 "
                f"&& ip addr add fd00:5::{n}/64 dev v5 nodad && ip link set v5 up")
    lab.reaches(big, "10.5.0.2", size=1472)
    lab.reaches(small, "fd00:5::1", size=1452)
    _tcp(big, small, "10.5.0.2")
    _tcp(small, big, "10.5.0.1")
    _tcp(big, small, "fd00:5::2")


def _queues(machine, made):
    """The guest takes queues away and gives them back."""
    for n in (1, 2):
        machine.run("ethtool", "-L", "eth0", "combined", n)
        lab.reaches(machine, "10.1.0.100")
        lab.reaches(made.out, "10.1.0.1")
        _tcp(machine, made.web, "10.1.0.100")
        _tcp(made.web, machine, "10.1.0.1")


def _jumbo(machine, made):
    """Frames of 9,000 bytes that must not be cut, to the sibling and outside."""
    machine.ip("link set eth0 mtu 9000")
    for ns, device, address in ((made.web, "web0", "10.1.0.100"), (made.out, "w0", "10.1.0.200")):
        taptest.equal(lab.link(ns, device)["mtu"], 9000, f"MTU of {device}")
        done = machine.run("ping", "-n", "-q", "-c", 3, "-i", "0.05", "-W", 3, "-M", "do", "-s",
                           8972, address)
        taptest.check(" 3 received" in done, f"jumbo frames to {address}: {done}")
        _tcp(machine, ns, address)
        _tcp(ns, machine, "10.1.0.1")


class Probe:
    """A ping that runs on between two others, and must not lose anything meanwhile."""

    def __init__(self, ns, address):
        self.process = ns.popen("ping", "-n", "-q", "-i", "0.02", address, stdout=-1, stderr=-2,
                                text=True)

    def lost(self):
        self.process.send_signal(2)
        out = self.process.communicate(timeout=10)[0]
        sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", out).groups()
        return int(sent) - int(received), int(sent)


def test_reboot():
    """A machine on packed rings reboots, is reset, and is back; its siblings notice nothing"""
    with vhost_lab() as made:
        made.add(1)
        nic = _nic(1, made.path(1), options="packed=on")
        with made.start() as f, vm.Machine("vm1", nic) as m:
            _up(m, 1)
            detail = f.ctl("-d", "link", "show", "vm1")
            taptest.check("ring=packed" in detail, f"rings are not packed: {detail}")
            lab.reaches(m, "10.1.0.100", limit=10)
            probe = Probe(made.web, "10.1.0.200")
            try:
                for hard in (False, True):
                    # In the middle of a transfer: the rings are full when they go.
                    busy = made.web.popen("iperf3", "-s", "-1", stdout=-3, stderr=-3)
                    m.popen("iperf3", "-c", "10.1.0.100", "-t", "30")
                    time.sleep(1)
                    m.reboot(hard=hard)
                    netns.stop(busy)
                    _up(m, 1)
                    lab.reaches(m, "10.1.0.100", limit=10)
                    lab.reaches(made.out, "10.1.0.1", limit=10)
                    _tcp(m, made.web, "10.1.0.100")
            finally:
                lost, sent = probe.lost()
            taptest.check(sent > 100, f"only {sent} echo requests sent")
            taptest.equal(lost, 0, f"lost between siblings, of {sent}")
            taptest.check(f.is_running(), "dpdk-vnic has ended")


def test_forwarder_restart():
    """dpdk-vnic stops, or is killed, and is back; so is the machine, QEMU as client and server"""
    with vhost_lab() as made:
        made.add(1)
        made.add(2, options=",client=1")
        nics = (_nic(1, made.path(1), options="host_mtu=1400")
                + _nic(2, made.path(2), chardev="server=on,wait=off"))
        f = made.start()
        try:
            with vm.Machine("vm", nics) as m:
                # Each NIC for itself: Linux would let either answer for both.
                m.shell("echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore")
                _up(m, 1, "eth0")
                _up(m, 2, "eth1", net=2)
                taptest.equal(m.read("/sys/class/net/eth0/mtu"), "1400", "the MTU that QEMU tells")
                _both(m, made)
                for end in ("stop", "kill", "stop", "kill"):
                    getattr(f, end)()
                    f = made.start()
                    _back(f, m, made, end)
                _tcp(m, made.out, "10.1.0.200")
                _tcp(m, made.out, "10.2.0.200")
        finally:
            f.kill()


def _back(f, machine, made, end):
    start = time.monotonic()
    try:
        _both(machine, made)
    except taptest.Failure:
        taptest.note(f.ctl("-s", "-d", "link", "show"))
        taptest.note(f.text())
        raise
    taptest.note(f"{end}: both back {time.monotonic() - start:.1f} s after the start")


def _both(machine, made):
    """Either NIC reaches the outside and is reached, soon, and then without a loss."""
    for net, n in ((1, 1), (2, 2)):
        for ns, address in ((machine, f"10.{net}.0.200"), (made.out, f"10.{net}.0.{n}")):
            taptest.eventually(lambda ns=ns, address=address: lab.pings(ns, address, 5) == 5,
                               f"{ns.name} gets all answers from {address}", 15)


class Stream(threading.Thread):
    """Sends random bytes over one connection until finish(), as fast as @rate a second."""

    def __init__(self, ns, address, rate):
        super().__init__(daemon=True)
        with ns.entered():
            self.socket = socket.create_connection((address, 7000), timeout=20)
        self.rate, self.error, self.sent = rate, None, 0
        self.hash = hashlib.sha256()
        self.stopping = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stopping.wait(0.02):
                data = os.urandom(self.rate // 50)
                self.socket.sendall(data)
                self.hash.update(data)
                self.sent += len(data)
        except OSError as why:
            self.error = why
        self.socket.close()

    def finish(self):
        """The hash of all that was sent."""
        self.stopping.set()
        self.join(30)
        taptest.check(self.error is None, f"the connection broke: {self.error}")
        return self.hash.hexdigest()


def test_migration():
    """A machine migrates live to another port's vnic; a connection goes on, no byte is wrong"""
    with vhost_lab() as made:
        out = made.out
        ini = "".join(lab.port(out, name=f"eth{i}", device=f"w{i}")
                      + forwarder.section("vnic", f"vm{i}", {
                          "type": "macvtap", "port": f"eth{i}", "mode": "bridge", "mac": _mac(1),
                          "endpoint": f"vhost:{made.path(i)}"}) for i in (0, 1))
        with forwarder.Forwarder(ini) as f:
            out.batch(["link add br0 type bridge", "addr add 10.1.0.200/24 dev br0",
                       "link set br0 up"]
                      + [f"link set w{i} master br0 up" for i in (0, 1)])
            with vm.Machine("from", _nic(0, made.path(0), mac=_mac(1))) as source, \
                    vm.Machine("to", _nic(0, made.path(1), mac=_mac(1)) + ["-incoming", "defer"],
                               ready=False) as target:
                _up(source, 1)
                lab.reaches(source, "10.1.0.200", limit=10)
                source.popen("sh", "-c", "nc -l -p 7000 | sha256sum >/tmp/sum")
                stream = taptest.eventually(lambda: _connected(out), "connected to the machine")
                time.sleep(1)
                source.migrate(target)
                source.stop()
                lab.reaches(target, "10.1.0.200", limit=10)
                lab.reaches(out, "10.1.0.1", limit=10)
                wanted = stream.finish()
                taptest.note(f"{stream.sent / 1e6:.0f} MB sent")
                got = taptest.eventually(lambda: target.shell("cat /tmp/sum").split(),
                                         "all has been received", 20, 0.2)
                taptest.equal(got[0], wanted, "SHA-256 of what the machine received")
                taptest.note(f.ctl("-s", "-d", "link", "show"))


def _connected(out):
    try:
        return Stream(out, "10.1.0.1", 5000000)
    except ConnectionRefusedError:
        return None


if __name__ == "__main__":
    taptest.main()
