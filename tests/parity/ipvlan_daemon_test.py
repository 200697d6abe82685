#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Rows of tests/data/ipvlan-cases.tsv that real stacks have a part in, on the running forwarder.

Which rows those are stands in tests/data/ipvlan-stack-rows.tsv. The scenarios are those that
ipvlan_judge_test.py plays on Linux's own driver, but for what is done to links in another way
here: those below.

    ipvlan_daemon_test.py [--frames | ID…]
"""

import os
import socket
import sys

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(_HERE, "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import ipvlan_control
import ipvlan_counts  # pylint: disable=unused-import
import ipvlan_forwarder_lab
import ipvlan_lab
import ipvlan_rows
import ipvlan_stacks
import ipvlan_watch
import packets
import rtnl
import taptest
from ipvlan_watch import Watch, say, scenario

ROWS = os.path.join(packets.DATA, "ipvlan-stack-rows.tsv")


# ---- what is another thing to do here


@scenario("IV-614")
def _automatic(lab, _play):
    found = []
    for n in "AB":
        device = f"{n.lower()}0"
        lab.nl[n].down(device)
        lab.nl[n].up(device)
        lab.eventually(lambda: ipvlan_control.link_local(lab.vnics[n], device), f"{n}'s address")
        found.append(f"{n}={ipvlan_control.link_local(lab.vnics[n], device)}")
    return " ".join(found)


@scenario("IV-629")
def _port_deleted(lab, _play):
    vnics = [lab.vnic(n) for n in "abc"]
    try:
        lab.reload(*vnics)
        answer = "accepted"
    except forwarder.RpcError as why:
        answer = "refused" if "there is no [port p] (ENODEV)" in str(why) else str(why)
    lab.reload(ipvlan_forwarder_lab.NOTHING)
    gone = [n for n, ns in lab.vnics.items() if f"{n.lower()}0" not in ns.ip("-br link show")]
    return f"{answer} with A,B,C on it; without: {','.join(gone)} gone"


def _set_mtu(lab, mtu):
    status, _, text = lab.forwarder.ctl("link", "set", "a", "mtu", mtu, check=False)
    return "accepted" if status == 0 else f"refused ({text.rpartition('(')[2].strip()}"


@scenario("IV-640")
def _mtu(lab, _play):
    def mtu(device="a0", ns=lab.a):
        return ipvlan_control.link(ns, device)["mtu"]

    found = [f"inherit {mtu()}"]
    lab.nl["A"].set_mtu("a0", 1000)
    lab.noticed()
    found.append(f"own {mtu()}")
    lab.nl["H"].set_mtu("p0", 1400)
    lab.noticed()
    lab.eventually(lambda: mtu("b0", lab.b) == 1400, "B has the port's MTU")
    found.append(f"after lower change {mtu()}")
    found.append(f"raise above lower {_set_mtu(lab, 4000)} {mtu()}")
    lab.rpc("link.add", name="z", link="p", type="ipvlan", mtu=900,
            endpoint=f"tap:z0,netns={lab.host.name}")
    found.append(f"at creation {mtu('z0', lab.host)}")
    return "; ".join(found)


# ---- endpoints


@scenario("IV-741")
def _arp_off(lab, _play):
    ipvlan_control.add_with_dad(lab)
    tentative = ipvlan_control.addresses(lab.a, "a0")["2001:db8::60"].get("tentative")
    found, watch = ipvlan_stacks.emitted(lab, v4="F4", v6="F6", bcast="SB4", group4="G4x",
                                         group6="AN6")
    asked = [sum(x.kind == kind for x in watch.seen) for kind in ("arp-req", "ns")]
    return "; ".join([*found, f"arp {asked[0]} ns {asked[1]}",
                      f"tentative {'yes' if tentative else 'no'}"])


@scenario("IV-742")
def _same_mac(lab, _play):
    found = []
    for n in "AB":
        ns, device = lab.vnics[n], f"{n.lower()}0"
        for key, value in (("accept_dad", 1), ("dad_transmits", 3)):
            ns.sysctl(f"ipv6/conf/{device}/{key}", value)
        ns.sysctl(f"ipv6/neigh/{device}/retrans_time_ms", 100)
        with Watch(lab, "W") as watch:
            lab.nl[n].down(device)
            lab.nl[n].up(device)
            asked = watch.first("ns")
            taptest.check(asked, f"{n} asks whether its address is taken")

        def settled():
            all_of = ipvlan_control.addresses(ns, device)
            return [a for a in all_of.values() if a["scope"] == "link"
                    and (a.get("dadfailed") or not a.get("tentative"))]

        lab.eventually(settled, f"{n}'s address is its own, or not")
        (address,) = settled()
        found.append(f"{n} {address['local']} "
                     + ("dadfailed" if address.get("dadfailed") else "ok"))
    return "; ".join(found)


@scenario("IV-743")
def _answered(lab, _play):
    lab.a.ip("route replace default via 10.0.0.254 dev a0")
    with Watch(lab, "A", outgoing=True) as watch:
        say(lab.a, ipvlan_lab.at("F4"))
        sent = watch.first("ip4")
        asked = [x.target for x in watch.seen if x.kind == "arp-req"]
    return f"arp req tpa={','.join(asked)}; then {sent and sent.text.removesuffix(' ttl64')}"


# ---- all

# Where a row's mode and setup are words of its own.
_BUILT = {
    "IV-632": {"lower": "l0"},
    "IV-741": {"mode": "l3"},
    "IV-742": {"mode": "l2"},
    "IV-743": {"mode": "l3", "arp": "on"},
}


def play(lab, case):
    keys = {"mode": case["mode"], "flags": case["flags"], **_BUILT.get(case["id"], {})}
    keys["flags"] = keys["flags"].replace("-", "bridge")
    setup = case["setup"] if case["setup"].startswith("S0") else "S0"
    with lab.built(keys.pop("mode"), keys.pop("flags"), setup, **keys) as p:
        return ipvlan_watch.SCENARIOS[case["id"]](lab, p)


def play_scenarios(reporter, lab, ids):
    cases = {c["id"]: c for c in packets.rows(packets.CASES)}
    ours = ipvlan_rows.differences()
    for name in ids or [r["row"] for r in packets.rows(ROWS)]:
        case = cases[name]
        setup = f"{case['mode']} {case['flags']} {case['setup']}"
        with reporter.case(f"{name} {setup}: {case['packet description']}"):
            wanted = ours[name]["expected here"] if name in ours else case["expected deliveries"]
            taptest.equal(play(lab, case), wanted, "what came of it")


def play_frames(reporter, lab):
    """The rows that are a frame, which tests/eal/ipvlan_rows_test.c plays without stacks: here
    their sockets have a say, too."""
    for key, rows in ipvlan_rows.frame_rows(on_forwarder=True).items():
        if {"bigmtu", "hostvlan5"} & set(rows[0].options()):
            continue  # is refused (IV-640); not every kernel has VLANs
        with lab.built(*key) as p:
            lab.nl["H"].set_flag("p0", rtnl.IFF_PROMISC)
            lab.eventually(lambda: p.who("W", "eth(Z,R)/exp()") == "H", "the host hears all")
            for row in rows:
                p.play(row)
        for row, copies, accepted in p.done:
            if row not in rows:
                continue
            with reporter.case(f"{row.id} {row.mode} {row.flags} {row.setup} {row.text}"):
                faults = list(ipvlan_rows.wrong(row, copies, accepted))
                taptest.check(not faults, "\n".join(faults))


def main():
    reporter = taptest.Reporter()
    try:
        forwarder.need()
    except taptest.Skip as why:
        reporter.skip("stacks around the forwarder", why)
        reporter.finish()
    lab = ipvlan_forwarder_lab.ForwarderLab()
    if sys.argv[1:] == ["--frames"]:
        play_frames(reporter, lab)
    else:
        play_scenarios(reporter, lab, sys.argv[1:])
    with reporter.case("the forwarder ends in order"):
        lab.delete()
    reporter.finish()


if __name__ == "__main__":
    main()
