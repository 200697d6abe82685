#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the forwarder does for vnics beyond the kernel's ipvlan, with real clients: DHCP without
the broadcast flag, a guest with a MAC of its own, addresses that move."""

import contextlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import taptest


def ipvlan(name, ns, **keys):
    return lab.vnic(name, ns, **{"type": "ipvlan", "mode": "l2", **keys})


@contextlib.contextmanager
def two(kind, out_address="10.1.0.9/24", **keys):
    """Vnics web and db, both with @keys, and a machine on the wire."""
    forwarder.need()
    with lab.machines("web", "db", "out") as (web, db, out):
        ini = lab.port(out) + kind("web", web, **keys) + kind("db", db, **keys)
        with forwarder.Forwarder(ini) as f:
            for ns, device in ((web, "web0"), (db, "db0"), (out, "w0")):
                ns.ip(f"link set {device} up")
            out.ip(f"addr add {out_address} dev w0")
            yield f, web, db, out


def test_dhcp():
    """dhcp = on: a client that doesn't ask for broadcast gets its lease, and so does the next."""
    with two(ipvlan, dhcp="on") as (_, web, db, out):
        with lab.dhcp_server(out, "w0"):
            first = lab.dhcp_lease(web, "web0", "ff01")
            second = lab.dhcp_lease(db, "db0", "ff02")
        taptest.check(first != second, f"two clients, one address: {first}")
        lab.reaches(out, first)
        lab.reaches(out, second)
        lab.reaches(web, second)


def test_macnat():
    """mac-policy = macnat: an owner keeps a MAC that the wire never sees, and a lease finds it."""
    with two(ipvlan, **{"mac-policy": "macnat", "dhcp": "on"}) as (_, web, db, out):
        web.ip("link set web0 address 02:5a:00:00:00:99")
        port = lab.link(out, "w0")["address"]
        with lab.dhcp_server(out, "w0"):
            address = lab.dhcp_lease(web, "web0")
        db.ip("addr add 10.1.0.3/24 dev db0")
        lab.reaches(web, "10.1.0.9")
        lab.reaches(web, "10.1.0.3")
        lab.tcp_gbits(out, web, address)
        web.ip("addr add 2001:db8::2/64 dev web0 nodad")
        out.ip("addr add 2001:db8::9/64 dev w0 nodad")
        lab.reaches(web, "2001:db8::9")
        lab.tcp_gbits(web, out, "2001:db8::9")
        for ns, device in ((out, "w0"), (db, "db0")):
            rows = json.loads(ns.ip(f"-j neigh show dev {device}"))
            macs = {r["lladdr"] for r in rows if "lladdr" in r}
            taptest.check("02:5a:00:00:00:99" not in macs, f"{device} knows {macs}")
        taptest.equal(lab.link(web, "web0")["address"], "02:5a:00:00:00:99", "the owner's MAC")
        taptest.check(port != "02:5a:00:00:00:99", "the wire's end has another MAC")


def _known(ns, device, address):
    rows = json.loads(ns.ip(f"-j neigh show {address} dev {device}"))
    return rows[0].get("lladdr") if rows else None


def test_announce():
    """announce = on: who talked to an address follows it to another vnic without asking."""
    with two(lab.vnic, announce="on") as (f, web, db, out):
        out.ip("addr add 2001:db8::9/64 dev w0 nodad")
        for address in ("10.1.0.5", "2001:db8::5"):
            length = 64 if ":" in address else 24
            nodad = " nodad" if ":" in address else ""
            web.ip(f"addr add {address}/{length} dev web0{nodad}")
            lab.reaches(out, address)
            taptest.equal(_known(out, "w0", address), f.link("web")["address"], "at first")
            web.ip(f"addr del {address}/{length} dev web0")
            db.ip(f"addr add {address}/{length} dev db0{nodad}")
            taptest.eventually(
                lambda a=address: _known(out, "w0", a) == f.link("db")["address"],
                f"{address} is known to have moved", 20)
            lab.reaches(out, address)


def test_spoofcheck():
    """spoofcheck = ip: a macvlan's owner can't use an address that isn't its vnic's."""
    forwarder.need()
    with lab.machines("web", "out") as (web, out):
        ini = lab.port(out) + lab.vnic("web", web, address="10.1.0.2/24", spoofcheck="ip")
        with forwarder.Forwarder(ini) as f:
            out.batch(["link set w0 up", "addr add 10.1.0.9/24 dev w0"])
            lab.reaches(web, "10.1.0.9")
            before = f.link("web")["drops"]["spoofed"]
            # As a route's source: an address of lo isn't one of the netdev.
            web.batch(["link set lo up", "addr add 10.1.0.66/32 dev lo",
                       "route change 10.1.0.0/24 dev web0 src 10.1.0.66"])
            lab.does_not_reach(web, "10.1.0.9")
            taptest.check(f.link("web")["drops"]["spoofed"] > before, "counted as spoofed")


if __name__ == "__main__":
    taptest.main()
