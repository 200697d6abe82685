#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A virtual machine as it comes on ipvlan ports: it has a MAC of its own and asks for its
neighbours. One NIC is on an l3 port, which routes for it, one on an l2 port, which learns
its addresses."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import taptest
import vm


def nic(n, path):
    return vm.vhost_nic(path, f"02:00:00:00:0c:{n:02x}", n)


def vnic(name, port, endpoint, **keys):
    return forwarder.section("vnic", name, {"type": "ipvtap", "port": port, "endpoint": endpoint,
                                            "mac-policy": "macnat", **keys})


def configuration(router, web, directory):
    return (lab.port(router, name="eth0", device="w0", address="10.1.0.1/24, fd00:1::1/64",
                     routes="default via 10.1.0.254, default via fd00:1::fe",
                     **{"proxy-arp": "on"})
            + lab.port(router, name="eth1", device="w1")
            + vnic("vm1", "eth0", f"vhost:{directory}/1", mode="l3",
                   address="10.1.0.2/24, fd00:1::2/64")
            + vnic("vm2", "eth1", f"vhost:{directory}/2", mode="l2", learn=4)
            + lab.vnic("web", web, "eth0", type="ipvlan", mode="l3",
                       address="10.1.0.3/24, fd00:1::3/64"))


def up(ns, device, *addresses):
    ns.batch([f"link set {device} up"]
             + [f"addr add {a} dev {device}{' nodad' if ':' in a else ''}" for a in addresses])


def test_machine():
    """An unmodified guest, on l3 (it asks, the port answers and routes) and on l2 (it is learnt)"""
    forwarder.need()
    vm.need()
    lab.need("iperf3")
    with lab.machines("router", "web") as (router, web), \
            tempfile.TemporaryDirectory(prefix="vnic-ipvlan-") as directory, \
            forwarder.Forwarder(configuration(router, web, directory)) as f, \
            vm.Machine("vm", nic(1, f"{directory}/1") + nic(2, f"{directory}/2")) as guest:
        up(router, "w0", "10.1.0.254/24", "fd00:1::fe/64")
        up(router, "lo", "198.51.100.7/32", "2001:db8:ffff::7/128")
        up(router, "w1", "10.2.0.254/24", "fd00:2::fe/64")
        web.batch(["route add default dev web0", "route add ::/0 dev web0"])
        guest.shell("ip addr add 10.1.0.2/24 dev eth0; ip addr add fd00:1::2/64 dev eth0 nodad; "
                    "ip addr add 10.2.0.2/24 dev eth1; ip addr add fd00:2::2/64 dev eth1 nodad; "
                    "ip link set eth0 up; ip link set eth1 up; "
                    "ip route add default via 10.1.0.254; ip -6 route add default via fd00:1::fe")
        for address in ("10.1.0.3", "fd00:1::3", "10.1.0.254", "198.51.100.7",
                        "2001:db8:ffff::7"):
            lab.reaches(guest, address, limit=10)
        lab.reaches(web, "10.1.0.2", limit=10)
        lab.reaches(router, "fd00:1::2", limit=10)
        lab.tcp_gbits(guest, web, "10.1.0.3")
        lab.tcp_gbits(router, guest, "10.1.0.2")
        # The l2 port knows nothing but what the guest says; replies find it all the same.
        lab.reaches(guest, "10.2.0.254", limit=10)
        lab.reaches(guest, "fd00:2::fe", limit=10)
        lab.reaches(router, "10.2.0.2", limit=10)
        mac = {n: lab.link(router, f"w{n}") and f.link(f"vm{n + 1}")["address"] for n in (0, 1)}
        _, table, _ = router.ip("neigh show 10.2.0.2", check=False)
        taptest.check(mac[1] in table, f"the wire knows the guest by the port's MAC: {table}")


if __name__ == "__main__":
    taptest.main()
