#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every file in config/ is started as far as this machine can, and does what it says."""

import contextlib
import glob
import json
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import netns
import taptest

CONFIG = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "config")


def read(name):
    with open(os.path.join(CONFIG, name), encoding="utf-8") as f:
        return f.read()


@contextlib.contextmanager
def started(name, spaces, change=lambda text: text, **kw):
    """
    The file runs, in namespaces of the test's own for those that it names (`netns=vnic-x` is
    spaces' "x"); the daemon itself is in one, too, so that a host's TAP meets no other.
    """
    forwarder.need()
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(netns.Namespace("home"))
        made = {s: stack.enter_context(netns.Namespace(s, quiet=False)) for s in spaces}
        text = change(read(name))
        for label, ns in made.items():
            text = re.sub(rf"netns=vnic-{label}\b", f"netns={ns.name}", text)
        taptest.check("netns=vnic-" not in text, "the test knows all namespaces of the file")
        f = stack.enter_context(forwarder.Forwarder(text, ns=own, **kw))
        yield f, own, made


def outside(ns, *addresses):
    for a in addresses:
        ns.ip(f"address add {a} dev eth0")
    ns.ip("link set eth0 up")


def reaches(ns, address, wanted=True):
    command = ("ping", "-n", "-c", "1", "-W", "1", address)
    if wanted:
        taptest.eventually(lambda: ns.run(*command, check=False)[0] == 0, f"ping {address}", 10)
    else:
        for _ in range(2):
            taptest.check(ns.run(*command, check=False)[0] != 0, f"no answer from {address}")


def test_quickstart():
    with started("quickstart.ini", ("outside", "web", "db")) as (_, _, ns):
        outside(ns["outside"], "192.0.2.1/24")
        reaches(ns["web"], "192.0.2.3")
        reaches(ns["web"], "192.0.2.1")
        reaches(ns["outside"], "192.0.2.3")


def test_vepa():
    """Nothing reflects here, so siblings are apart and the outside isn't (vepa_test.py reflects)."""
    with started("vepa.ini", ("outside", "web", "db", "guest")) as (_, _, ns):
        outside(ns["outside"], "192.0.2.1/24")
        for who in ("web", "db", "guest"):
            reaches(ns[who], "192.0.2.1")
        reaches(ns["web"], "192.0.2.3", wanted=False)


def test_passthru():
    with started("passthru.ini", ("outside", "guest")) as (f, _, ns):
        outside(ns["outside"], "192.0.2.1/24")
        reaches(ns["guest"], "192.0.2.1")
        taptest.equal(f.link("guest")["address"], "02:00:00:00:00:10", "the port's MAC")


def test_source():
    with started("source.ini", ("outside", "web", "watch", "lab")) as (f, _, ns):
        ns["outside"].ip("link set eth0 address 02:aa:00:00:00:01")
        outside(ns["outside"], "192.0.2.1/24")
        reaches(ns["outside"], "192.0.2.2")
        taptest.eventually(lambda: f.link("watch")["stats64"]["rx"]["packets"] > 0,
                           "the watcher gets a copy")
        taptest.equal(f.link("lab")["stats64"]["rx"]["packets"], 0, "another list's vnic gets none")


def test_host():
    with started("host.ini", ("outside", "web")) as (_, own, ns):
        outside(ns["outside"], "192.0.2.1/24")
        own.ip("address add 192.0.2.10/24 dev vnic-eth0")
        own.ip("link set vnic-eth0 up")
        reaches(own, "192.0.2.1")
        reaches(own, "192.0.2.2")  # host-reach


def test_ipvlan_l2():
    with started("ipvlan-l2.ini", ("outside", "web", "db")) as (f, _, ns):
        outside(ns["outside"], "192.0.2.1/24")
        reaches(ns["web"], "192.0.2.3")
        reaches(ns["web"], "192.0.2.1")
        reaches(ns["outside"], "192.0.2.3")
        taptest.equal(f.link("web")["address"], f.link("db")["address"], "one MAC address")


def test_ipvlan_l3():
    with started("ipvlan-l3.ini", ("outside", "web", "db")) as (_, _, ns):
        outside(ns["outside"], "192.0.2.1/24", "198.51.100.7/32")
        for who in ("web", "db"):
            ns[who].ip("route add default dev eth0")
        reaches(ns["web"], "192.0.2.3")
        reaches(ns["web"], "192.0.2.1")
        reaches(ns["web"], "198.51.100.7")
        reaches(ns["outside"], "192.0.2.3")


def test_veth():
    with started("veth.ini", ("web", "db")) as (_, _, ns):
        reaches(ns["web"], "10.0.0.2")


def test_many():
    with started("many.ini", ("outside", "many")) as (f, _, ns):
        links = json.loads(f.ctl("-j", "link", "show"))
        taptest.equal(len(links), 200, "vnics")
        outside(ns["outside"], "10.8.255.1/16")
        reaches(ns["outside"], "10.8.0.1")
        reaches(ns["outside"], "10.8.0.200")


def test_throughput():
    with started("throughput.ini", ()) as (f, _, _):
        taptest.eventually(lambda: f.link("sink")["stats64"]["rx"]["packets"] > 100000,
                           "frames arrive")
        taptest.eventually(lambda: f.link("source")["stats64"]["tx"]["packets"] > 100000,
                           "frames leave")


def test_vm():
    """Sockets wait for their VMs, and say so (vm_vhost_test.py boots some)."""
    with tempfile.TemporaryDirectory() as d, started(
            "vm.ini", ("outside", "web"), lambda t: t.replace("vhost:/run/", f"vhost:{d}/")
    ) as (f, _, ns):
        for name in ("vm0", "vm1"):
            taptest.check(os.path.exists(f"{d}/{name}.sock"), f"{name}'s socket")
            taptest.check("no vhost-user client" in f.link(name)["endpoint"]["reason"], "a reason")
        outside(ns["outside"], "192.0.2.1/24")
        reaches(ns["web"], "192.0.2.1")


def test_pci_hugepages():
    """Without the NIC: its address in the file is named; with another device in its place it runs."""
    forwarder.need()
    try:
        with started("pci-hugepages.ini", ("web",),
                     lambda t: t.replace("netns=client%d", "netns=vnic-web")
                                .replace("tap:eth0,netns=vnic-web", "tap:c%d,netns=vnic-web", 2)
                                .replace("tap:c%d,netns=vnic-web", "tap:eth0,netns=vnic-web", 1)):
            taptest.check(False, "started without its NIC")
    except taptest.Failure as e:
        taptest.check("3b:00.0" in str(e), f"the missing device is named: {e}")


def test_none_is_forgotten():
    mine = {n[5:].replace("_", "-") + ".ini" for n in globals() if n.startswith("test_")}
    for path in glob.glob(os.path.join(CONFIG, "*.ini")):
        taptest.check(os.path.basename(path) in mine, f"{os.path.basename(path)} has a test")


if __name__ == "__main__":
    taptest.main()
