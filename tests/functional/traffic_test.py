#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Everyday traffic: siblings on one port, a host behind the port, the port's own host path."""

import contextlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import taptest

@contextlib.contextmanager
def siblings(**keys):
    """web and db on one port; out behind it at 10.1.0.100; host on its host path at 10.1.0.1."""
    forwarder.need()
    with lab.machines("web", "db", "out", "host") as (web, db, out, host):
        ini = (lab.port(out, host)
               + lab.vnic("web", web, address="10.1.0.2/24, fd00:1::2/64", **keys)
               + lab.vnic("db", db, address="10.1.0.3/24, fd00:1::3/64", **keys))
        with forwarder.Forwarder(ini) as f:
            out.batch(["addr add 10.1.0.100/24 dev w0", "addr add fd00:1::100/64 dev w0",
                       "link set w0 up"])
            host.batch(["addr add 10.1.0.1/24 dev lower", "addr add fd00:1::1/64 dev lower",
                        "link set lower up"])
            yield f, web, db, out, host


def test_siblings_ping():
    """Siblings: ARP and ping, IPv6 neighbour discovery and ping."""
    with siblings() as (_, web, db, _, _):
        lab.reaches(web, "10.1.0.3")
        lab.reaches(db, "10.1.0.2", size=1472)
        lab.reaches(web, "fd00:1::3")
        lab.reaches(db, "fd00:1::2", size=1452)


def test_siblings_udp():
    """Siblings: UDP of all sizes, fragments included, IPv4 and IPv6."""
    with siblings() as (_, web, db, _, _):
        lab.reaches(web, "10.1.0.3")
        lab.reaches(web, "fd00:1::3")
        lab.udp_echo(web, db, "10.1.0.3")
        lab.udp_echo(web, db, "fd00:1::3")


def test_siblings_tcp():
    """Siblings: TCP both ways, IPv4 and IPv6."""
    lab.need("iperf3")
    with siblings() as (_, web, db, _, _):
        lab.reaches(web, "10.1.0.3")
        lab.reaches(web, "fd00:1::3")
        rates = [lab.tcp_gbits(web, db, "10.1.0.3"), lab.tcp_gbits(db, web, "10.1.0.2"),
                 lab.tcp_gbits(web, db, "fd00:1::3")]
        taptest.note("Gbit/s: " + ", ".join(f"{r:.2f}" for r in rates))


def test_outside():
    """To a host behind the port: ping, UDP and TCP both ways."""
    lab.need("iperf3")
    with siblings() as (_, web, _, out, _):
        lab.reaches(web, "10.1.0.100")
        lab.reaches(out, "10.1.0.2")
        lab.reaches(web, "fd00:1::100")
        lab.udp_echo(web, out, "10.1.0.100")
        rates = [lab.tcp_gbits(web, out, "10.1.0.100"),
                 lab.tcp_gbits(web, out, "10.1.0.100", reverse=True),
                 lab.tcp_gbits(web, out, "fd00:1::100")]
        taptest.note("Gbit/s: " + ", ".join(f"{r:.2f}" for r in rates))


def test_host_path():
    """The host reaches the outside through its path, and no vnic, as the kernel has it."""
    lab.need("iperf3")
    with siblings() as (_, web, _, out, host):
        lab.reaches(host, "10.1.0.100")
        lab.reaches(out, "10.1.0.1")
        lab.reaches(host, "fd00:1::100")
        taptest.note(f"Gbit/s: {lab.tcp_gbits(host, out, '10.1.0.100'):.2f}")
        lab.does_not_reach(host, "10.1.0.2")
        lab.does_not_reach(web, "10.1.0.1")


def test_macvtap():
    """A macvtap vnic carries the same."""
    with siblings(type="macvtap") as (_, web, _, _, _):
        lab.reaches(web, "10.1.0.3")
        lab.reaches(web, "fd00:1::100")


def test_dhcp():
    """DHCP: a client gets a lease from a sibling, and another from a server behind the port."""
    forwarder.need()
    with lab.machines("cli", "db", "out") as (client, db, out):
        ini = (lab.port(out) + lab.vnic("cli", client)
               + lab.vnic("db", db, address="10.1.0.3/24"))
        with forwarder.Forwarder(ini):
            with lab.dhcp_server(db, "db0"):
                lab.dhcp_lease(client, "cli0")
            lab.reaches(client, "10.1.0.3")
            client.ip("addr flush dev cli0")
            out.batch(["addr add 10.1.0.100/24 dev w0", "link set w0 up"])
            with lab.dhcp_server(out, "w0"):
                lab.dhcp_lease(client, "cli0")
            lab.reaches(client, "10.1.0.100")


def test_af_packet_port():
    """A port on a veth through net_af_packet: ping, UDP and TCP to the host behind it."""
    lab.need("iperf3", "ethtool")
    forwarder.need()
    with lab.machines("web", "db", "out", "fwd") as (web, db, out, fwd):
        fwd.ip(f"link add p0 type veth peer name w0 netns {out.name}")
        # A raw socket can't finish what a veth leaves unfinished: the far end has to.
        out.run("ethtool", "-K", "w0", "tx", "off", "tso", "off", "gso", "off")
        fwd.ip("link set p0 up")
        out.batch(["addr add 10.1.0.100/24 dev w0", "link set w0 up"])
        ini = (forwarder.section("port", "eth0", {"device": "net_af_packet0,iface=p0"})
               + lab.vnic("web", web, address="10.1.0.2/24")
               + lab.vnic("db", db, address="10.1.0.3/24"))
        with forwarder.Forwarder(ini, ns=fwd):
            lab.reaches(web, "10.1.0.100")
            lab.reaches(out, "10.1.0.3")
            lab.reaches(web, "10.1.0.3")
            # No fragments: the driver's socket (PACKET_FANOUT_FLAG_DEFRAG) has the kernel put them
            # together, and cuts off what is longer than its ring's frames.
            lab.udp_echo(web, out, "10.1.0.100", sizes=(1, 18, 100, 1400))
            rates = [lab.tcp_gbits(web, out, "10.1.0.100"),
                     lab.tcp_gbits(web, out, "10.1.0.100", reverse=True),
                     lab.tcp_gbits(web, db, "10.1.0.3")]
            taptest.note("Gbit/s: " + ", ".join(f"{r:.2f}" for r in rates))


if __name__ == "__main__":
    taptest.main()
