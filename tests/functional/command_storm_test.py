#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Random commands under full load: bystanders lose nothing, and nothing leaks.

DPDK_VNIC_LONG makes it 10,000 changes; DPDK_VNIC_SEED plays a run again.
"""

import collections
import contextlib
import json
import os
import random
import socket
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import frames
import netns
import taptest

CHANGES = 10000 if os.environ.get("DPDK_VNIC_LONG") else 300
SEED = int(os.environ.get("DPDK_VNIC_SEED", random.SystemRandom().randrange(1 << 32)))
BYSTANDERS = [f"02:00:00:00:00:{i:02x}" for i in range(1, 5)]
STRANGER = "02:00:00:00:00:aa"
SENDER = "02:00:00:00:00:bb"
NAMES = [f"x{i}" for i in range(24)]


def write_pcap(path, packets):
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for data in packets:
            f.write(struct.pack("=IIII", 0, 0, len(data), len(data)) + data)


class Daemon(forwarder.Forwarder):
    """Keeps one connection: 10,000 changes are 10,000 lines."""

    _file = None

    def rpc(self, method, params=None):
        if self._file is None:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(60)
            s.connect(self.socket)
            self._file = s.makefile("rwb")
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        self._file.write(json.dumps(call).encode() + b"\n")
        self._file.flush()
        answer = json.loads(self._file.readline())
        if "error" in answer:
            taptest.check("data" in answer["error"], f"{method} {params}: {answer}")
            raise forwarder.RpcError(answer["error"]["data"]["errno"])
        return answer["result"]

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def has_asan(self):
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as f:
            return "libasan" in f.read()

    def memory_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


class Storm:
    """Draws commands, of which some are refused."""

    def __init__(self, f, inside, rng):
        self.f, self.inside, self.rng = f, inside, rng
        self.answers = collections.Counter()
        self.there = set()  # more or less: names of pairs are not followed

    def one(self):
        """A vnic that exists, most of the time."""
        known = self.there and self.rng.random() < 0.85
        return self.rng.choice(sorted(self.there) if known else NAMES)

    def mac(self):
        if self.rng.random() < 0.1:  # somebody's already
            return self.rng.choice([*BYSTANDERS, SENDER])
        return f"02:00:00:01:00:{self.rng.randrange(64):02x}"

    def endpoint(self, name):
        draw = self.rng.random()
        if draw < 0.05:
            return f"tap:{name},netns={self.inside.name}"
        return f"tap:{name},netns={self.inside.name}-gone" if draw < 0.08 else "none"

    def sources(self):
        return [f"02:00:00:02:00:{self.rng.randrange(9):02x}" for _ in range(self.rng.randrange(6))]

    def add(self):
        rng, name = self.rng, self.rng.choice(NAMES)
        if rng.random() < 0.15:
            return "link.add", {"name": name, "type": "veth",
                                "peer": {"name": rng.choice(NAMES), "mtu": rng.choice([68, 9000])}}
        mode = rng.choice(["private", "vepa", "bridge", "source", "passthru"])
        params = {"name": name, "type": rng.choice(["macvlan", "macvtap"]), "mode": mode,
                  "link": rng.choice(["eth0", "eth0", "eth1", "eth2"]),
                  "endpoint": self.endpoint(name)}
        if rng.random() < 0.5:
            params["address"] = self.mac()
        if mode == "source":
            params["sources"] = self.sources()
        if rng.random() < 0.2:
            params["mtu"] = rng.choice([67, 68, 1000, 1500, 1501])
        return "link.add", params

    def set(self):
        rng = self.rng
        params = {"name": self.one()}
        for _ in range(rng.randrange(1, 4)):
            params.update(rng.choice([
                {"state": rng.choice(["up", "down"])}, {"mtu": rng.choice([68, 1400, 1500, 1600])},
                {"address": self.mac()}, {"spoofcheck": rng.choice(["off", "mac"])},
                {"mode": rng.choice(["private", "vepa", "bridge", "source", "passthru"])},
                {"macaddr": rng.choice([{"add": self.sources()}, {"del": self.sources()},
                                        {"set": self.sources()}, {"flush": True}])},
                {"bcqueuelen": rng.randrange(3000)}, {"multicast": rng.choice(["auto", "all"])},
                {"endpoint": self.endpoint(params["name"])}]))
        return "link.set", params

    def draw(self):
        rng = self.rng
        what = rng.random()
        if what < 0.35:
            return self.add()
        if what < 0.65:
            return self.set()
        if what < 0.93:
            return "link.del", {"name": self.one()}
        address = f"10.0.0.{rng.randrange(1, 6)}/24"
        return rng.choice([
            ("address.add", {"dev": rng.choice([self.one(), "eth0"]), "address": address}),
            ("address.del", {"dev": rng.choice([self.one(), "eth0"]), "address": address}),
            ("route.add", {"dev": "eth0", "dst": "default", "via": "192.0.2.1"}),
            ("route.del", {"dev": "eth0", "dst": "default", "via": "192.0.2.1"})])

    def blow(self, n):
        """Until @n commands were carried out."""
        while n > 0:
            method, params = self.draw()
            try:
                self.f.rpc(method, params)
                self.answers[method] += 1
                n -= 1
                if method == "link.add":
                    self.there.add(params["name"])
                elif method == "link.del":
                    self.there.discard(params["name"])
            except forwarder.RpcError as why:
                self.answers[f"{why}"] += 1

    def clear(self):
        self.there.clear()
        for name in NAMES:
            with contextlib.suppress(forwarder.RpcError):
                self.f.rpc("link.del", {"name": name})


def config(directory):
    ini = (f"[global]\nmbufs = 4096\n"
           f"[port eth0]\ndevice = net_pcap0,rx_pcap={directory}/wire.pcap,infinite_rx=1,"
           f"tx_pcap=/dev/null\n"
           "[port eth1]\ndevice = net_null0,no-rx=1\n[port eth2]\ndevice = net_null1,no-rx=1\n"
           f"[vnic sender]\ntype = macvlan\nport = eth0\nmode = bridge\nmac = {SENDER}\n"
           f"endpoint = dev:net_pcap1,rx_pcap={directory}/sender.pcap,infinite_rx=1,"
           f"tx_pcap=/dev/null\n")
    for i, mac in enumerate(BYSTANDERS):
        ini += f"[vnic by{i}]\ntype = macvlan\nport = eth0\nmode = bridge\nmac = {mac}\n"
    return ini


def received(f):
    return sum(f.rpc("link.show", {"name": f"by{i}"})[0]["stats64"]["rx"]["packets"]
               for i in range(len(BYSTANDERS)))


def sent(f):
    """What wire and sender gave us, all of it for the bystanders."""
    return (f.rpc("port.show", {"name": "eth0"})[0]["stats64"]["rx"]["packets"]
            + f.rpc("link.show", {"name": "sender"})[0]["stats64"]["tx"]["packets"])


def check_bystanders(f):
    """All that came in was received; counters of a turn that is under way may be behind."""
    low, between, high = received(f), sent(f), received(f)
    taptest.check(low - 256 <= between <= high + 256,
                  f"{between} frames came in; bystanders received {low} before, {high} after it")
    for name in ["sender"] + [f"by{i}" for i in range(len(BYSTANDERS))]:
        link = f.rpc("link.show", {"name": name})[0]
        lost = {r: n for r, n in link["drops"].items() if n}
        taptest.equal((lost, "UP" in link["flags"]), ({}, True), f"{name}: drops, up")
    port = f.rpc("port.show", {"name": "eth0"})[0]
    taptest.equal({r: n for r, n in port["drops"].items() if n}, {}, "drops of eth0")
    return high


def storm(f, inside):
    gale = Storm(f, inside, random.Random(SEED))
    # Pools, caches, heaps: what is made once is there after some changes.
    gale.blow(max(CHANGES // 10, 100))
    gale.clear()
    fds, memory, rx = f.n_fds(), f.memory_kib(), check_bystanders(f)
    for _ in range(10):
        gale.blow(CHANGES // 10)
        now = check_bystanders(f)
        taptest.check(now > rx, "no frame reached the bystanders")
        rx = now
    text = f.rpc("config.show")["text"]
    gale.clear()
    taptest.eventually(lambda: f.n_fds() <= fds, f"{fds} descriptors, as before", 20)
    grown = f.memory_kib() - memory
    taptest.note(f"seed {SEED}: {dict(gale.answers)}; {rx} frames, none lost; "
                 f"{fds} descriptors; memory {memory} KiB, {grown} KiB more")
    # AddressSanitizer keeps what is freed for a while, and finds leaks in a better way.
    taptest.check(grown < 8192 or f.has_asan(), f"{grown} KiB more memory after {CHANGES} changes")
    # The state in the midst of the storm can be had again.
    f.reload(text)
    taptest.equal(f.rpc("config.show")["text"], text, "what was saved")


def test_storm():
    """Random changes under load: no frame of a bystander lost, no memory, no descriptor."""
    forwarder.need()
    taptest.note(f"DPDK_VNIC_SEED={SEED}, {CHANGES} changes")
    with netns.Namespace("in") as inside, tempfile.TemporaryDirectory() as directory:
        for name, src in (("wire", STRANGER), ("sender", SENDER)):
            write_pcap(f"{directory}/{name}.pcap",
                       [frames.build(i, mac, src, length=60 + i)
                        for i, mac in enumerate(BYSTANDERS * 8)])
        with Daemon(config(directory), memory=384) as f:
            storm(f, inside)


if __name__ == "__main__":
    taptest.main()
