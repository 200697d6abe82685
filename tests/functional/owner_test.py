#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the owner of a TAP does to it: followed, or answered by taking carrier away."""

import contextlib
import fcntl
import os
import socket
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


class Lab:
    """web and db on one port, the wire's end, and questions to them."""

    def __init__(self, f, inside, out, host):
        self.f, self.inside, self.out, self.host = f, inside, out, host
        self.stations = {"wire": capture.Station("wire", out, "w0"),
                         "host": capture.Station("host", host, "lower", stack=True),
                         "web": capture.Station("web", inside, "web0"),
                         "db": capture.Station("db", inside, "db0")}
        self.number = 0

    def ask(self, at, src, dst):
        """One frame; who received it."""
        self.number += 1
        play = capture.Play(self.stations)
        play.send([capture.Frame(self.number, at, frames.build(self.number, dst, src), "")])
        play.close()
        return play.text(self.number, letters=False)

    def comes_to(self, wanted, at, src, dst):
        last = []

        def asked():
            last[:] = [self.ask(at, src, dst)]
            return last[0] == wanted
        try:
            taptest.eventually(asked, "", 3, 0)
        except taptest.Failure:
            pass
        taptest.equal(last[0], wanted, f"{at} {src}->{dst}")


@contextlib.contextmanager
def running(**keys):
    forwarder.need()
    with netns.Namespace("in") as inside, netns.Namespace("out") as out, \
            netns.Namespace("host") as host:
        ini = (lab.port(out, host, mac="02:4c:00:00:00:01")
               + lab.vnic("web", inside, mac=WEB, **keys) + lab.vnic("db", inside, mac=DB))
        with forwarder.Forwarder(ini) as f:
            host.ip("link set lower promisc on")
            lab.eventually_up(inside, "web0", "db0")
            yield Lab(f, inside, out, host)


def carrier(ns, device):
    return "LOWER_UP" in lab.link(ns, device)["flags"]


def test_mac():
    """A new MAC is followed: the old one becomes unknown (MV-517)."""
    with running() as t:
        new = "02:00:00:00:01:99"
        t.comes_to("web", "wire", frames.mac("X0"), WEB)
        t.inside.ip(f"link set web0 address {new}")
        t.comes_to("web", "wire", frames.mac("X0"), new)
        t.comes_to("host", "wire", frames.mac("X0"), WEB)
        taptest.equal(t.f.link("web")["address"], new, "address in link show")


def test_siblings_mac():
    """A sibling's MAC, or the port's, takes carrier away and the reason is told (MV-516)."""
    with running() as t:
        for taken in (DB, "02:4c:00:00:00:01"):
            t.inside.ip(f"link set web0 address {taken}")
            taptest.eventually(lambda: not carrier(t.inside, "web0"), "web0 loses carrier", 3)
            reason = taptest.eventually(lambda: t.f.link("web")["endpoint"]["reason"],
                                        "a reason", 3)
            taptest.check("EADDRINUSE" in reason or "in use" in reason, f"reason: {reason}")
            t.inside.ip(f"link set web0 address {WEB}")
            taptest.eventually(lambda: carrier(t.inside, "web0"), "web0 has carrier again", 3)
        t.comes_to("db", "wire", frames.mac("X0"), DB)
        t.comes_to("web", "wire", frames.mac("X0"), WEB)


def test_mtu():
    """An MTU up to the port's is followed; over it, carrier goes (MV-601)."""
    with running() as t:
        t.inside.ip("link set web0 mtu 1000")
        taptest.eventually(lambda: t.f.link("web")["mtu"] == 1000, "MTU 1000 is followed", 3)
        t.inside.ip("link set web0 mtu 2000")
        taptest.eventually(lambda: not carrier(t.inside, "web0"), "web0 loses carrier", 3)
        t.inside.ip("link set web0 mtu 1500")
        taptest.eventually(lambda: carrier(t.inside, "web0"), "web0 has carrier again", 3)


def test_down_and_up():
    """Down: out of the table and of floods; up: back (MV-545)."""
    with running() as t:
        t.inside.ip("link set web0 down")
        t.comes_to("host", "wire", frames.mac("X0"), WEB)
        t.comes_to("wire", "db", DB, WEB)
        t.inside.ip("link set web0 up")
        t.comes_to("web", "wire", frames.mac("X0"), WEB)
        t.comes_to("web", "db", DB, WEB)


def test_groups():
    """Groups joined and left, allmulti and promisc: each opens the filter and closes it."""
    with running() as t:
        group = frames.mac("MJ")
        t.comes_to("host", "wire", frames.mac("X0"), group)
        steps = ((lambda: t.stations["web"].join(group), lambda: t.stations["web"].leave(group)),
                 (lambda: t.inside.ip("link set web0 allmulticast on"),
                  lambda: t.inside.ip("link set web0 allmulticast off")),
                 (lambda: t.inside.ip("link set web0 promisc on"),
                  lambda: t.inside.ip("link set web0 promisc off")))
        for on, off in steps:
            on()
            t.comes_to("host web", "wire", frames.mac("X0"), group)
            off()
            t.comes_to("host", "wire", frames.mac("X0"), group)


def test_multicast_key():
    """multicast = all hears every group; a list hears the list, whatever the owner joined."""
    with running(multicast="all") as t:
        t.comes_to("host web", "wire", frames.mac("X0"), frames.mac("MU"))
    with running(multicast=frames.mac("MJ")) as t:
        t.comes_to("host web", "wire", frames.mac("X0"), frames.mac("MJ"))
        t.comes_to("host", "wire", frames.mac("X0"), frames.mac("MU"))


def test_wire_carrier():
    """The wire's link is every vnic's link (MV-543), and nothing passes without it (MV-139)."""
    with running() as t:
        for _ in range(3):
            t.out.ip("link set w0 down")
            taptest.eventually(lambda: not carrier(t.inside, "web0"), "no carrier", 3)
            taptest.equal(t.ask("db", DB, WEB), "-", "db -> web without a link")
            t.out.ip("link set w0 up")
            taptest.eventually(lambda: carrier(t.inside, "web0"), "carrier", 3)
            t.comes_to("web", "db", DB, WEB)


def test_host_down():
    """Its host's netdev down is the port down: nothing passes, not even what the wire brings."""
    with running() as t:
        everybody = frames.mac("BC")
        t.comes_to("db host web", "wire", frames.mac("X0"), everybody)
        for _ in range(2):
            t.host.ip("link set lower down")
            taptest.eventually(lambda: not carrier(t.inside, "web0"), "no carrier", 3)
            taptest.equal(t.ask("wire", frames.mac("X0"), WEB), "-", "wire -> web")
            taptest.equal(t.ask("wire", frames.mac("X0"), everybody), "-", "wire -> all")
            taptest.equal(t.ask("db", DB, WEB), "-", "db -> web")
            port = t.f.rpc("port.show", {"name": "eth0"})[0]
            taptest.check(port["drops"]["no_carrier"] >= 2, f"counted: {port['drops']}")
            taptest.check("UP" not in port["flags"], f"it is down: {port['flags']}")
            taptest.equal(t.f.link("web")["endpoint"]["reason"],
                          "port eth0 is down: its host's netdev is", "the reason")
            t.host.ip("link set lower up")
            t.comes_to("web", "wire", frames.mac("X0"), WEB)
            t.comes_to("web", "db", DB, WEB)


def test_host_mtu():
    """The host shrinks the port and lets it grow: vnics stay small, whatever becomes of others."""
    with running() as t:
        def mtu_is(device, ns, mtu):
            taptest.eventually(lambda: lab.link(ns, device)["mtu"] == mtu, f"{device} has {mtu}", 3)

        t.host.ip("link set lower mtu 1200")
        mtu_is("web0", t.inside, 1200)
        t.f.ctl("link", "set", "db", "mode", "private")
        t.host.ip("link set lower mtu 1500")
        taptest.eventually(lambda: t.f.rpc("port.show", {"name": "eth0"})[0]["mtu"] == 1500,
                           "the port follows its host", 3)
        t.f.ctl("link", "set", "db", "mode", "bridge")
        taptest.equal(lab.link(t.inside, "web0")["mtu"], 1200, "web's")
        taptest.equal(t.f.link("web")["mtu"], 1200, "web's, as it shows")
        t.f.ctl("link", "set", "web", "mtu", "1500")
        mtu_is("web0", t.inside, 1500)


class MtuSetter:
    """Changes a netdev's MTU as its owner would, only quicker than with `ip`."""

    SIOCSIFMTU = 0x8922

    def __init__(self, ns, device):
        with ns.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._name = device.encode()

    def set(self, mtu):
        fcntl.ioctl(self._socket, self.SIOCSIFMTU, struct.pack("16si20x", self._name, mtu))

    def close(self):
        self._socket.close()


def test_burst():
    """What an owner changes without a pause makes no more than a hundred snapshots a second."""
    forwarder.need()
    with netns.Namespace("in") as inside, netns.Namespace("out") as out:
        ini = lab.port(out) + lab.vnic("web", inside, mac=WEB) + lab.vnic("db", inside, mac=DB)
        with forwarder.Forwarder(ini, args=("--log-level=vnic.ctl:debug",)) as f:
            lab.eventually_up(inside, "web0", "db0")
            owner = MtuSetter(inside, "web0")
            before = f.text().count("is in force")
            start = time.monotonic()
            for i in range(500):
                owner.set(1000 + i % 400)
                time.sleep(0.001)
            owner.set(1234)
            owner.close()
            taptest.eventually(lambda: f.link("web")["mtu"] == 1234, "the last MTU is followed", 3)
            took = time.monotonic() - start
            taken = f.text().count("is in force") - before
            taptest.note(f"501 changes in {took:.2f} s: {taken} snapshots")
            taptest.check(taken >= 1, "the log tells of no snapshot")
            taptest.check(taken <= took / 0.01 + 2, f"{taken} snapshots in {took:.3f} s")


def test_namespace_is_replaced():
    """A namespace is deleted under a running forwarder and made again: its vnic forwards again."""
    forwarder.need()
    with netns.Namespace("out") as out, netns.Namespace("in") as inside:
        web = netns.Namespace("web")
        ini = (lab.port(out) + lab.vnic("db", inside, mac=DB, address="10.1.0.3/24")
               + lab.vnic("web", web, mac=WEB, address="10.1.0.2/24", queues=2))
        with forwarder.Forwarder(ini) as f:
            for pause in (0, 1, 0):
                lab.eventually_up(web, "web0")
                lab.reaches(web, "10.1.0.3")
                lab.reaches(inside, "10.1.0.2")
                web.delete()
                time.sleep(pause)
                web = netns.Namespace("web")
                taptest.eventually(lambda n=web: lab.link(n, "web0"), "web0 is there again")
            lab.eventually_up(web, "web0")
            lab.reaches(web, "10.1.0.3")
            lab.reaches(inside, "10.1.0.2")
            taptest.equal(f.link("web")["endpoint"]["reason"], None, "reason")
        web.delete()


def test_namespace_comes_later():
    """A TAP whose namespace does not exist yet appears with it; and again after it was deleted."""
    forwarder.need()
    name = f"{netns.PREFIX}{os.getpid()}-late"
    with netns.Namespace("in") as inside, netns.Namespace("out") as out:
        ini = (lab.port(out) + lab.vnic("db", inside, mac=DB, address="10.1.0.3/24")
               + forwarder.section("vnic", "web", {
                   "type": "macvlan", "port": "eth0", "mode": "bridge",
                   "address": "10.1.0.2/24", "endpoint": f"tap:web0,netns={name}"}))
        with forwarder.Forwarder(ini) as f:
            taptest.check(name in (f.link("web")["endpoint"]["reason"] or ""),
                          "the reason names the namespace")
            for _ in range(2):
                with netns.Namespace("late") as late:
                    taptest.eventually(lambda n=late: lab.link(n, "web0"), "web0 appears")
                    lab.eventually_up(late, "web0")
                    lab.reaches(late, "10.1.0.3")
                taptest.eventually(lambda: f.link("web")["endpoint"]["reason"],
                                   "a reason after the namespace went")
            lab.pings(inside, "10.1.0.3", 1)


if __name__ == "__main__":
    taptest.main()
