#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ipvlan end to end: l2 and l3 between namespaces, a router and a host behind it."""

import contextlib
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import taptest


def vnic(name, ns, port="eth0", **keys):
    return lab.vnic(name, ns, port, **{"type": "ipvlan", "mode": "l3", **keys})


def up(ns, device, *addresses):
    ns.batch([f"link set {device} up"]
             + [f"addr add {a} dev {device}{' nodad' if ':' in a else ''}" for a in addresses])


@contextlib.contextmanager
def l2(**keys):
    """Two l2 vnics and a machine on the wire."""
    forwarder.need()
    with lab.machines("web", "db", "out") as (web, db, out):
        ini = (lab.port(out)
               + vnic("web", web, mode="l2", address="10.1.0.2/24, 2001:db8::2/64", **keys)
               + vnic("db", db, mode="l2", address="10.1.0.3/24, 2001:db8::3/64", **keys))
        with forwarder.Forwarder(ini) as f:
            up(out, "w0", "10.1.0.9/24", "2001:db8::9/64")
            yield f, web, db, out


def test_l2():
    """l2: siblings and outside reach each other over IPv4, IPv6 and link-local addresses."""
    with l2() as (_, web, db, out):
        taptest.equal(lab.link(web, "web0")["address"], lab.link(db, "db0")["address"],
                      "both have the port's MAC address")
        for ns in (db, out):
            lab.reaches(web, "10.1.0.3" if ns is db else "10.1.0.9")
            lab.reaches(web, "2001:db8::3" if ns is db else "2001:db8::9")
            lab.reaches(ns, "10.1.0.2")
        local = next(a["local"] for a in lab.addresses(db, "db0") if a["scope"] == "link")
        lab.reaches(web, f"{local}%web0")
        lab.udp_echo(web, db, "10.1.0.3")
        lab.udp_echo(out, db, "2001:db8::3")
        lab.tcp_gbits(web, db, "10.1.0.3")
        lab.tcp_gbits(out, web, "2001:db8::2")


def test_l2_private():
    """l2 private: siblings don't, outside does."""
    with l2(flags="private") as (_, web, _, _):
        lab.reaches(web, "10.1.0.9")
        lab.does_not_reach(web, "10.1.0.3")


def test_addresses_are_followed():
    """What `ip addr` does inside a namespace decides, while others' traffic goes on."""
    with l2() as (_, web, db, out):
        lab.reaches(out, "10.1.0.3")
        lost = []
        done = threading.Event()

        def bystander():
            while not done.is_set():
                lost.append(10 - lab.pings(out, "10.1.0.3", 10, 2))

        thread = threading.Thread(target=bystander)
        thread.start()
        try:
            for _ in range(3):
                lab.does_not_reach(out, "10.1.0.77")
                web.ip("addr add 10.1.0.77/24 dev web0")
                web.ip("addr add 2001:db8::77/64 dev web0 nodad")
                lab.reaches(out, "10.1.0.77")
                lab.reaches(db, "2001:db8::77")
                web.ip("addr del 10.1.0.77/24 dev web0")
                web.ip("addr del 2001:db8::77/64 dev web0")
        finally:
            done.set()
            thread.join()
        taptest.equal(sum(lost), 0, "echoes of a bystander that were lost")
        # The first owner keeps an address that two netdevs have (IV-618).
        db.ip("addr add 10.1.0.2/32 dev db0")
        lab.reaches(out, "10.1.0.2")
        taptest.equal(lab.pings(db, "10.1.0.9", 3), 3, "the second goes on with its own address")


@contextlib.contextmanager
def l3(arp="auto", proxy="on"):
    """
    Two ports in two subnets, a router between them and a host behind it: what l3 is for.
    The router knows vnics by their subnets (proxy-arp), or is told where they are.
    """
    forwarder.need()
    with lab.machines("a", "b", "c", "router") as (a, b, c, router):
        ini = (lab.port(router, name="eth0", device="w0", routes="default via 10.1.0.254, "
                        "default via 2001:db8:1::fe", address="10.1.0.1/24, 2001:db8:1::1/64",
                        **{"proxy-arp": proxy})
               + lab.port(router, name="eth1", device="w1", routes="default via 10.2.0.254, "
                          "default via 2001:db8:2::fe",
                          address="10.2.0.1/24, 2001:db8:2::1/64", **{"proxy-arp": proxy})
               + vnic("a", a, "eth0", address="10.1.0.2/24, 2001:db8:1::2/64", arp=arp)
               + vnic("b", b, "eth0", address="10.1.0.3/24, 2001:db8:1::3/64", arp=arp)
               + vnic("c", c, "eth1", address="10.2.0.2/24, 2001:db8:2::2/64", arp=arp))
        with forwarder.Forwarder(ini) as f:
            for n in ("4/ip_forward", "6/conf/all/forwarding"):
                router.sysctl(f"ipv{n}", 1)
            up(router, "w0", "10.1.0.254/24", "2001:db8:1::fe/64")
            up(router, "w1", "10.2.0.254/24", "2001:db8:2::fe/64")
            up(router, "lo", "198.51.100.7/32", "2001:db8:ffff::7/128")
            for n, ns, net in (("a", a, 1), ("b", b, 1), ("c", c, 2)):
                if arp == "on":
                    ns.batch([f"route add default via 10.{net}.0.254",
                              f"route add ::/0 via 2001:db8:{net}::fe"])
                else:
                    ns.batch([f"route add default dev {n}0", f"route add ::/0 dev {n}0"])
            yield f, a, b, c, router


def reach_everybody(a, b, c, router):
    lab.reaches(a, "10.1.0.3")
    lab.reaches(a, "10.2.0.2")
    lab.reaches(c, "2001:db8:1::3")
    lab.reaches(a, "198.51.100.7")
    lab.reaches(b, "2001:db8:ffff::7")
    lab.reaches(router, "10.1.0.2")
    lab.reaches(router, "2001:db8:2::2")
    lab.udp_echo(a, c, "10.2.0.2", sizes=(1, 1400, 9000))
    lab.tcp_gbits(a, c, "2001:db8:2::2")


def test_l3():
    """l3: over a gateway to another port and beyond; netdevs are NOARP, as the kernel's."""
    with l3() as (_, a, b, c, router):
        taptest.check("NOARP" in lab.link(a, "a0")["flags"], "a0 is not NOARP")
        reach_everybody(a, b, c, router)


def test_l3_arp_on():
    """l3 with owners that do ARP: the forwarder answers them, and they need no route trick."""
    with l3(arp="on") as (_, a, b, c, router):
        taptest.check("NOARP" not in lab.link(a, "a0")["flags"], "a0 is NOARP")
        reach_everybody(a, b, c, router)


def expired_at(ns, address, ttl):
    """Who says that an echo request with @ttl got no further; None: it was answered."""
    _, out, _ = ns.run("ping", "-n", "-c", "1", "-w", "3", "-t", ttl, address, check=False)
    found = re.search(r"From (\S+) .*(?:Time to live exceeded|Hop limit)", out)
    taptest.check(found or "bytes from" in out, f"ping -t {ttl} {address}: {out}")
    return found[1] if found else None


def test_l3_hops():
    """The forwarder is no hop: what traceroute shows begins with the router (IV-415, IV-676)."""
    with l3() as (_, a, _, c, _):
        lab.reaches(a, "10.2.0.2")
        taptest.equal(expired_at(a, "10.1.0.3", 1), None, "a sibling, one hop away")
        taptest.equal(expired_at(a, "10.2.0.2", 1), "10.1.0.254", "the first hop to the other port")
        taptest.equal(expired_at(a, "10.2.0.2", 2), None, "the second hop")
        lab.reaches(c, "2001:db8:1::2")
        taptest.equal(expired_at(c, "2001:db8:1::2", 1), "2001:db8:2::fe", "the same over IPv6")


def test_l3_without_proxy():
    """Without proxy-arp nobody answers for vnics (IV-656): the outside needs routes to them."""
    with l3(proxy="off") as (_, a, _, _, router):
        lab.does_not_reach(router, "10.1.0.2")
        lab.does_not_reach(a, "10.1.0.254")
        router.batch(["route add 10.1.0.2/32 via 10.1.0.1 dev w0",
                      "route add 2001:db8:1::2/128 via 2001:db8:1::1 dev w0"])
        lab.reaches(a, "10.1.0.254")
        lab.reaches(router, "10.1.0.2")
        lab.reaches(a, "2001:db8:1::fe")
        lab.reaches(router, "2001:db8:1::2")


def test_l3_gateway_moves():
    """Another machine takes over the gateway's address, and says so; frames follow its MAC."""
    with l3() as (_, a, _, _, router):
        lab.reaches(a, "198.51.100.7")
        router.sysctl("ipv4/conf/w0/arp_notify", 1)
        router.batch(["link set w0 address 02:00:00:00:00:99"])
        lab.reaches(a, "198.51.100.7")


def test_l3_host_routes():
    """host-routes: a port routes as its host does, whose addresses, routes and neighbours it follows."""
    forwarder.need()
    with lab.machines("a", "host", "router") as (a, host, router):
        ini = (lab.port(router, host, **{"host-routes": "on", "proxy-arp": "on"})
               + vnic("a", a, address="10.1.0.2/32, 2001:db8:1::2/128"))
        with forwarder.Forwarder(ini) as f:
            up(router, "w0", "10.1.0.254/24", "2001:db8:1::fe/64", "10.7.0.254/24")
            up(router, "lo", "198.51.100.7/32", "2001:db8:ffff::7/128")
            a.batch(["route add default dev a0", "route add ::/0 dev a0"])
            up(host, "lower", "10.1.0.1/24", "2001:db8:1::1/64")
            lab.reaches(a, "10.1.0.254")
            lab.reaches(a, "2001:db8:1::fe")
            lab.does_not_reach(a, "198.51.100.7")
            # The last address of the host's network is for all of it, and nobody is asked for it.
            lab.does_not_reach(a, "10.1.0.255")
            taptest.check("10.1.0.255" not in f.ctl("neigh"), "10.1.0.255 was asked for")
            # Of several networks, the one that is asked is asked from (RFC 826's sender).
            host.ip("addr add 10.7.0.1/24 dev lower")
            lab.reaches(a, "10.7.0.254")
            taptest.check("10.7.0.1 " in router.ip("neigh show dev w0"),
                          f"who asked: {router.ip('neigh show dev w0')}")
            host.batch(["route add default via 10.1.0.254", "route add ::/0 via 2001:db8:1::fe"])
            lab.reaches(a, "198.51.100.7")
            lab.reaches(a, "2001:db8:ffff::7")
            host.batch(["route del default via 10.1.0.254"])
            taptest.eventually(lambda: lab.pings(a, "198.51.100.7", 1, 1) == 0, "the route goes")
            lab.reaches(a, "2001:db8:ffff::7")


def test_l3s_through_host():
    """l3s behind the host's own hooks: its firewall sees and stops what it would of the kernel's l3s."""
    forwarder.need()
    lab.need("nft")
    with lab.machines("a", "b", "host", "outside") as (a, b, host, outside):
        ini = (lab.port(outside, host, name="eth0", device="w0")
               + lab.port(host, name="inner", device="inner0", address="10.9.0.2/24",
                          routes="default via 10.9.0.1", **{"proxy-arp": "on"})
               + vnic("a", a, "inner", mode="l3s", address="10.9.0.10/32")
               + vnic("b", b, "inner", mode="l3s", address="10.9.0.11/32"))
        with forwarder.Forwarder(ini):
            host.sysctl("ipv4/ip_forward", 1)
            up(host, "lower", "10.1.0.1/24")
            up(host, "inner0", "10.9.0.1/24")
            up(outside, "w0", "10.1.0.254/24")
            outside.ip("route add 10.9.0.0/24 via 10.1.0.1")
            for n, ns in (("a", a), ("b", b)):
                ns.ip(f"route add default dev {n}0")
            lab.reaches(a, "10.1.0.254")
            lab.reaches(outside, "10.9.0.11")
            host.run("nft", "add table ip f; add chain ip f fw { type filter hook forward "
                     "priority 0; }; add rule ip f fw ip saddr 10.9.0.10 counter drop")
            lab.does_not_reach(a, "10.1.0.254")
            lab.reaches(b, "10.1.0.254")
            taptest.check("packets 0 " not in host.run("nft", "list", "ruleset"),
                          "the rule counted nothing")
            # Siblings are none of its business, as with the kernel's.
            lab.reaches(a, "10.9.0.11")


if __name__ == "__main__":
    taptest.main()
