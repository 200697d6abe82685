# SPDX-License-Identifier: BSD-3-Clause
"""ipvlan's cases about addresses, slaves and the port (IV-6xx, first half). Runs in a machine.

Each function gets the lab with the case's setup in place and a Play on it, and returns what came
of it, in the words that the case expects.
"""

import contextlib
import json
import re

import capture
import ipvlan_lab
import rtnl
from ipvlan_watch import Watch, name, say, scenario

TO = "eth(M,R)/ip4(R4,{})/udp(7000,7777)"
TO6 = "eth(M,R)/ip6(R6,{})/udp(7000,7777)"
ANY_GROUP = "eth(MG4x,R)/ip4(R4,G4x)/udp(7000,7777)"
FROM_A = {"unicast": "eth(M,M)/ip4(A4,B4)/udp(7000,7777)",
          "broadcast": "eth(BC,M)/ip4(A4,SB4)/udp(7000,7777)",
          "router": "eth(R,M)/ip4(A4,F4)/udp(7000,7777)"}


def link(ns, device):
    """iproute2's JSON of a netdev."""
    return json.loads(ns.ip(f"-d -j link show {device}"))[0]


def port_mode(ns, device):
    """ "l2 private": iproute2 has a name in JSON for the mode only."""
    return re.search(r"ipvlan\s+mode (\w+ \w+)", ns.ip(f"-d link show {device}"))[1]


def addresses(ns, device):
    """{address: its JSON} of a netdev."""
    return {a["local"]: a
            for a in json.loads(ns.ip(f"-j addr show {device}"))[0]["addr_info"]}


def play_from_a(play, kind):
    """Who gets a frame of A's; none as well when A can't send."""
    with contextlib.suppress(OSError):
        return play.who("A", FROM_A[kind])
    return "none"


@scenario("IV-601")
def _sibling_has_it(lab, _play):
    return rtnl.answer(lab.nl["A"].add_address, "a0", "10.0.0.3/24")


@scenario("IV-602")
def _sibling_has_it6(lab, _play):
    return rtnl.answer(lab.nl["A"].add_address, "a0", "2001:db8::3/64")


@scenario("IV-603")
def _other_prefix(lab, _play):
    return rtnl.answer(lab.nl["A"].add_address, "a0", "10.0.0.2/16")


@scenario("IV-604")
def _down_sibling_has_it(lab, _play):
    return rtnl.answer(lab.nl["A"].add_address, "a0", "10.0.0.3/24")


@scenario("IV-605")
def _host_has_it(lab, play):
    answer = rtnl.answer(lab.nl["A"].add_address, "a0", "10.0.0.1/24")
    return f"{answer}; {play.who('W', TO.format('H4'))}"


@scenario("IV-606")
def _address_moves(lab, play):
    lab.b.ip("addr del 10.0.0.3/24 dev b0")
    before = play.who("W", TO.format("B4"))
    answer = rtnl.answer(lab.nl["A"].add_address, "a0", "10.0.0.3/24")
    return f"{before}; {answer}; {play.who('W', TO.format('B4'))}"


@scenario("IV-607")
def _slave_deleted(lab, play):
    lab.nl["B"].delete("b0")
    before = play.who("W", TO.format("B4"))
    answer = rtnl.answer(lab.nl["A"].add_address, "a0", "10.0.0.3/24")
    return f"{before}; {answer}; {play.who('W', TO.format('B4'))}"


@scenario("IV-608")
def _down_and_up(lab, play):
    found = []
    for state in ("down", "up"):
        lab.nl["B"].set_flag("b0", rtnl.IFF_UP, state == "up")
        found.append(f"{state}:" + ",".join(play.who("W", t) for t in (TO.format("B4"),
                                                                       TO6.format("B6"))))
    return " ".join(found)


@scenario("IV-609")
def _point_to_point(lab, play):
    lab.a.ip("addr add 10.0.0.60 peer 10.0.0.61 dev a0")
    lab.noticed()
    return " ".join(f".{n}:" + play.who("W", TO.format(f"10.0.0.{n}")) for n in (60, 61))


@scenario("IV-610")
def _second_port(lab, _play):
    lab.nl["H"].add_veth("q0", ipvlan_lab.at("X"), "q1")
    lab.nl["H"].add_vnic("d0", "q0", "l2")
    try:
        return rtnl.answer(lab.nl["H"].add_address, "d0", "10.0.0.2/24")
    finally:
        lab.nl["H"].delete("q0")


@scenario("IV-611")
def _moved_away(lab, play):
    lab.a.ip(f"link set a0 netns {lab.c.name}")
    lab.noticed()
    return play.who("W", TO.format("A4"))


@scenario("IV-612")
def _down_gets_address(lab, play):
    lab.nl["C"].down("c0")
    found = [rtnl.answer(lab.nl["C"].add_address, "c0", "10.0.0.50/24"), play.who("W", TO.format("Y4"))]
    lab.nl["C"].up("c0")
    return " ".join([*found, play.who("W", TO.format("Y4"))])


def add_with_dad(lab):
    for key, value in (("accept_dad", 1), ("dad_transmits", 5)):
        lab.a.sysctl(f"ipv6/conf/a0/{key}", value)
    lab.nl["A"].add_address("a0", "2001:db8::60/64", dad=True)
    lab.noticed()


@scenario("IV-613")
def _tentative(lab, play):
    add_with_dad(lab)
    got = play.who("W", TO6.format("2001:db8::60"))
    state = "tentative" if addresses(lab.a, "a0")["2001:db8::60"].get("tentative") else "not"
    return f"{state} {got}"


def link_local(ns, device):
    return ",".join(a for a in addresses(ns, device) if a.startswith("fe80:"))


@scenario("IV-614")
def _automatic(lab, _play):
    found = []
    for n, ns in (("A", lab.a), ("B", lab.b)):
        device = f"{n.lower()}0"
        # Addresses are made up when a netdev comes up; it loses those that it had.
        ns.batch([f"link set {device} down", f"link set {device} addrgenmode eui64",
                  f"link set {device} up"])
        lab.eventually(lambda: link_local(ns, device), f"{n}'s address")
        found.append(f"{n}={link_local(ns, device)}")
    return " ".join(found)


@scenario("IV-615")
def _on_loopback(lab, play):
    lab.nl["A"].add_address("lo", "10.7.0.2/32")
    lab.noticed()
    try:
        return play.who("W", TO.format("A4b"))
    finally:
        lab.a.ip("addr del 10.7.0.2/32 dev lo")


@scenario("IV-616")
def _no_dad(lab, _play):
    with Watch(lab, "W") as watch:
        add_with_dad(lab)
        state = "tentative" if addresses(lab.a, "a0")["2001:db8::60"].get("tentative") \
            else "not tentative"
        seen = watch.first("ns", limit=0.5)
    return f"{state}; {'NS' if seen else 'no NS'} on the wire"


def _listen_to_routers(ns, device):
    """As stacks do that weren't told otherwise when the netdev came up."""
    ns.ip(f"link set {device} down")
    for key, value in (("router_solicitations", 1), ("accept_ra", 1), ("autoconf", 1)):
        ns.sysctl(f"ipv6/conf/{device}/{key}", value)
    ns.ip(f"link set {device} up")


def _advertise(lab, play, ready):
    """A prefix, to stacks that make addresses of it, until ready()."""
    lab.noticed()

    def advertised():
        play.who("W", "eth(MAN6,R)/ip6(RL6,AN6,hl=255)/ra(prefix=2001:db8:77::)")
        return ready()

    lab.eventually(advertised, "addresses of the prefix")
    lab.noticed()


def _of_prefix(ns, device):
    return [a for a in addresses(ns, device) if a.startswith("2001:db8:77:")]


@scenario("IV-617")
def _slaac(lab, play):
    for n, ns in (("A", lab.a), ("B", lab.b)):
        _listen_to_routers(ns, f"{n.lower()}0")
    _advertise(lab, play, lambda: _of_prefix(lab.a, "a0") and _of_prefix(lab.b, "b0"))
    found = []
    for n, ns in (("A", lab.a), ("B", lab.b)):
        address = _of_prefix(ns, f"{n.lower()}0")[0]
        found.append(f"{n}={address} -> {play.who('W', TO6.format(address))}")
    return "; ".join(found)


@scenario("IV-618")
def _slaac_twice_the_same(lab, play):
    for n, ns in (("A", lab.a), ("B", lab.b)):
        _listen_to_routers(ns, f"{n.lower()}0")
        ns.ip(f"token set ::5 dev {n.lower()}0")
    _advertise(lab, play, lambda: _of_prefix(lab.a, "a0") and _of_prefix(lab.b, "b0"))
    address = "2001:db8:77::5"
    has = [address in addresses(ns, d) for ns, d in ((lab.a, "a0"), (lab.b, "b0"))]
    return f"A has it: {has[0]}; B has it: {has[1]}; wire frame -> " \
        + play.who("W", TO6.format(address))


# ---- the port

@scenario("IV-620")
def _no_mode(lab, _play):
    lab.nl["H"].add_vnic("z0", "p0")
    noarp = "NOARP" in link(lab.a, "a0")["flags"]
    return f"A.noarp={noarp} port={port_mode(lab.a, 'a0')}"


@scenario("IV-621")
def _no_flags(lab, play):
    lab.nl["H"].add_vnic("z0", "p0", "l2")
    return f"z0: {port_mode(lab.host, 'z0')}; A->B {play_from_a(play, 'unicast')}"


@scenario("IV-622")
def _last_writer(lab, play):
    lab.nl["H"].add_vnic("z0", "p0", "l2", rtnl.PRIVATE)
    return f"A->B {play_from_a(play, 'unicast')}"


@scenario("IV-623")
def _both_flags(lab, _play):
    return rtnl.answer(lab.nl["A"].set_vnic, "a0", "l2", rtnl.PRIVATE | rtnl.VEPA)


@scenario("IV-624")
def _mode_of_all(lab, play):
    lab.nl["A"].set_vnic("a0", "l3")
    noarp = "NOARP" in link(lab.b, "b0")["flags"]
    return f"B.noarp={noarp} W->ARP(B4):" + play.who("W", "eth(BC,R)/arp(req,R,R4,ZERO,B4)")


@scenario("IV-625")
def _lowers(lab, _play):
    lab.host.batch(["link add d1 type dummy", "link add link d1 name m1 type macvlan mode bridge",
                    "link add br1 type bridge", "link add d2 type dummy",
                    "link set d2 master br1", "link set d1 up", "link set d2 up"])
    add = lab.nl["H"].add_vnic
    try:
        return " ".join((
            "lo:" + rtnl.answer(add, "z0", "lo", "l2"),
            "macvlan-lower:" + rtnl.answer(add, "z0", "d1", "l2"),
            "bridge-port:" + rtnl.answer(add, "z0", "d2", "l2"),
            "macvlan-on-ipvlan-lower:" + rtnl.answer(add, "z0", "p0", kind="macvlan")))
    finally:
        lab.host.batch(["link del d1", "link del d2", "link del br1"])


@scenario("IV-626")
def _slave_of_slave(lab, play):
    lab.a.batch(["link add link a0 name a1 type ipvlan mode l2", "link set a1 up",
                 "addr add 10.0.0.70/24 dev a1"])
    station = capture.Station("A2", lab.a, "a1")
    lab.keep.append(station)
    play.add(station)
    # The netdev that it hangs on is another namespace's: iproute2 has its number only.
    number = link(lab.a, "a1")["link_index"]
    lower = "p0" if number == lab.nl["H"].index("p0") else number
    return (f"H-side lower is {lower}: A4->{play.who('W', TO.format('A4'))} "
            f".70->{play.who('W', TO.format('10.0.0.70'))}")


@scenario("IV-627")
def _own_mac(lab, _play):
    return rtnl.answer(lab.nl["A"].set_mac, "a0", "02:4d:00:00:00:55")


@scenario("IV-628")
def _lower_mac(lab, play):
    new = "02:4d:00:00:00:77"
    lab.nl["H"].set_mac("p0", new)
    lab.noticed()
    macs = {link(ns, f"{n.lower()}0")["address"] for n, ns in lab.vnics.items()}
    with_new = play.who("W", f"eth({new},R)/ip4(R4,A4)/udp(7000,7777)")
    with_old = "".join(c.station + ("(otherhost)" if c.letter == "O" else "")
                       for c in play.copies_of("W", TO.format("A4")))
    with Watch(lab, "W") as watch:
        say(lab.a, ipvlan_lab.at("F4"))
        arp = watch.first("arp-req")
    said = f"{name(arp.data[6:12])}>BC arp req sha={name(arp.data[22:28])}" if arp else "nothing"
    return f"A,B,C={','.join(macs)}; new MAC->{with_new}; old MAC->{with_old}; A.stack sends {said}"


@scenario("IV-629")
def _lower_deleted(lab, _play):
    lab.nl["H"].delete("p0")
    gone = [n for n, ns in lab.vnics.items() if f"{n.lower()}0" not in ns.ip("-br link show")]
    return ",".join(gone) + " gone"


@scenario("IV-630")
def _no_carrier(lab, play):
    lab.nl["W"].down("w0")
    lab.eventually(lambda: link(lab.a, "a0")["operstate"] != "UP", "A without carrier")
    state = link(lab.a, "a0")["operstate"].removeprefix("LOWERLAYER")
    return (f"A state {state}; A->B {play_from_a(play, 'unicast')}; "
            f"A->BC {play_from_a(play, 'broadcast')}")


@scenario("IV-631")
def _lower_down(lab, play):
    lab.nl["H"].down("p0")
    return "; ".join(f"A->{n} {play_from_a(play, kind)}" for n, kind in (
        ("B", "unicast"), ("BC", "broadcast"), ("R", "router")))


@scenario("IV-632")
def _asked_of_lower(lab, play):
    found = []
    for what, flag in (("promisc", rtnl.IFF_PROMISC), ("allmulti", rtnl.IFF_ALLMULTI)):
        lab.nl["B"].set_flag("b0", flag)
        lab.eventually(lambda: play.who("W", ANY_GROUP) == "B,H", "B hears all groups")
        now = link(lab.host, lab.lower)
        found.append(f"{what}:promiscuity {now['promiscuity']} allmulti {now['allmulti']}")
        lab.nl["B"].set_flag("b0", flag, False)
        lab.eventually(lambda: play.who("W", ANY_GROUP) == "H", "B hears them no more")
    lab.join("A", "239.1.1.1")
    lab.eventually(lambda: play.who("W", ANY_GROUP) == "A,H", "A hears its group")
    group = ipvlan_lab.at("MG4x")
    has = "yes" if group in lab.host.ip(f"maddr show {lab.lower}") else "no"
    return "; ".join([*found, f"group {group} on lower: {has}"])


@scenario("IV-640")
def _mtu(lab, _play):
    def mtu(device="a0", ns=lab.a):
        return link(ns, device)["mtu"]

    found = [f"inherit {mtu()}"]
    lab.nl["A"].set_mtu("a0", 1000)
    found.append(f"own {mtu()}")
    lab.nl["H"].set_mtu("p0", 1400)
    found.append(f"after lower change {mtu()}")
    found.append(f"raise above lower {rtnl.answer(lab.nl['A'].set_mtu, 'a0', 4000)} {mtu()}")
    lab.host.ip("link add link p0 name z0 mtu 900 type ipvlan mode l2")
    found.append(f"at creation {mtu('z0', lab.host)}")
    return "; ".join(found)
