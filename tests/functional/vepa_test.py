#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""VEPA, private and bridge mode before a real switch: a kernel bridge, reflecting or not."""

import contextlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import taptest


@contextlib.contextmanager
def behind_switch(mode, hairpin):
    """web and db in @mode; the port's wire ends in a bridge with its own address."""
    forwarder.need()
    with lab.machines("web", "db", "out", "host") as (web, db, out, host):
        ini = (lab.port(out, host)
               + lab.vnic("web", web, mode=mode, address="10.1.0.2/24")
               + lab.vnic("db", db, mode=mode, address="10.1.0.3/24"))
        with forwarder.Forwarder(ini):
            out.batch(["link add br0 type bridge mcast_snooping 0",
                       "link set w0 master br0",
                       f"link set w0 type bridge_slave hairpin {'on' if hairpin else 'off'}",
                       "link set w0 up", "link set br0 up", "addr add 10.1.0.100/24 dev br0"])
            host.batch(["addr add 10.1.0.1/24 dev lower", "link set lower up"])
            # The switch itself answers either way: so a silence below is not a dead wire.
            lab.reaches(web, "10.1.0.100")
            yield web, db, host


def test_vepa_hairpin():
    """VEPA: siblings reach each other through a switch that reflects."""
    with behind_switch("vepa", True) as (web, db, _):
        lab.reaches(web, "10.1.0.3")
        lab.udp_echo(web, db, "10.1.0.3")


def test_vepa_no_hairpin():
    """VEPA: siblings don't reach each other through a switch that doesn't reflect."""
    with behind_switch("vepa", False) as (web, db, _):
        lab.does_not_reach(web, "10.1.0.3")
        lab.does_not_reach(db, "10.1.0.2")


def test_private():
    """Private: no ARP between siblings even when reflected, but known addresses work (MV-404)."""
    with behind_switch("private", True) as (web, db, _):
        lab.does_not_reach(web, "10.1.0.3")
        mac = {ns: lab.link(ns, dev)["address"] for ns, dev in ((web, "web0"), (db, "db0"))}
        web.ip(f"neigh replace 10.1.0.3 lladdr {mac[db]} dev web0")
        db.ip(f"neigh replace 10.1.0.2 lladdr {mac[web]} dev db0")
        lab.reaches(web, "10.1.0.3")


def test_bridge_no_hairpin():
    """Bridge: siblings need no switch; the host is out of reach without a reflecting one."""
    with behind_switch("bridge", False) as (web, _, host):
        lab.reaches(web, "10.1.0.3")
        lab.does_not_reach(web, "10.1.0.1")
        lab.reaches(host, "10.1.0.100")


def test_bridge_hairpin():
    """Bridge: a reflecting switch brings vnics and host together (MV-405, MV-407)."""
    with behind_switch("bridge", True) as (web, _, host):
        lab.reaches(web, "10.1.0.1")
        lab.reaches(host, "10.1.0.3")


if __name__ == "__main__":
    taptest.main()
