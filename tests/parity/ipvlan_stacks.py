# SPDX-License-Identifier: BSD-3-Clause
"""ipvlan's cases about what stacks say and hear (IV-6xx, second half). Runs in a machine."""

import contextlib
import socket
import time

import ipvlan_lab
import packets
from ipvlan_watch import Watch, accepts, fragments, icmp_socket, say, scenario

_OFF_LINK = "eth(M,M)/ip4(A4,F4)/udp(7000,7777)"
_OFF_LINK6 = "eth(M,M)/ip6(A6,F6)/udp(7000,7777)"
_ASK = "eth(BC,R)/arp(req,R,R4,ZERO,A4)"
_ASK6 = "eth(MSA6,R)/ip6(R6,SA6,hl=255)/ns(A6,ll=R)"
_IP_MTU_DISCOVER, _IP_PMTUDISC_DO = 10, 2


def _send(play, ingress, text):
    play.send_bytes(ingress, packets.build(text))


def _count(s):
    """The datagrams that wait in a socket."""
    n = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            s.recv(1 << 16)
            n += 1
    return n


@scenario("IV-650")
def _resolution(lab, play):
    with Watch(lab, "W") as watch:
        _send(play, "A", _OFF_LINK)
        asked = watch.first("arp-req")
        _send(play, "W", "eth(M,R)/arp(rep,R,R4,M,H4)")
        sent = watch.first("ip4")
    return f"W: {asked and asked.text}; after reply W: {sent and sent.text}"


@scenario("IV-651")
def _resolution6(lab, play):
    with Watch(lab, "W") as watch:
        _send(play, "A", _OFF_LINK6)
        asked = watch.first("ns")
        _send(play, "W", "eth(M,R)/ip6(R6,HL6,hl=255)/na(R6,ll=R,flags=6)")
        end = time.monotonic() + 3
        sent = []
        while not sent and time.monotonic() < end:
            sent = [x for x in watch.frames("ip6") if " ip6 A6>" in x.text]
            time.sleep(0.01)
    return f"W: {asked and asked.text}; after NA W: {sent and sent[0].text}"


@scenario("IV-652")
def _no_address_to_ask_from(lab, play):
    with Watch(lab, "W") as watch:
        _send(play, "A", _OFF_LINK)
        asked = watch.first("arp-req")
    return f"W: {asked and asked.text}"


def _error_of(lab, send, *targets):
    """What A hears, and who is asked for on the wire until all of @targets were."""
    heard = icmp_socket(lab.a)
    # Three seconds until a neighbour counts as gone are too long.
    lab.host.sysctl("ipv4/neigh/p0/retrans_time_ms", 50)
    with heard, Watch(lab, "W") as watch:
        send()

        def asked():
            return list(dict.fromkeys(x.target for x in watch.frames("arp-req")))

        with contextlib.suppress(OSError):
            lab.eventually(lambda: set(targets) <= set(asked()), "asked for")
        time.sleep(0.1)
        return f"A got ICMP: {_count(heard)}; W ARP targets: {' '.join(asked()) or 'none'}"


@scenario("IV-653")
def _unreachable(lab, _play):
    return _error_of(lab, lambda: say(lab.a, ipvlan_lab.at("N4")), "N4", "A4")


@scenario("IV-654")
def _closed_port(lab, _play):
    return _error_of(lab, lambda: say(lab.a, ipvlan_lab.at("H4"), port=9), "A4")


@scenario("IV-670")
def _too_big(lab, _play):
    options = [(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DO)]
    return _error_of(lab, lambda: say(lab.a, ipvlan_lab.at("F4"), bytes(1972), options=options),
                     "A4")


def emitted(lab, **targets):
    """What A's stack sends when it wants something at these: ["bcast M>M"], and the Watch."""
    with lab.a.entered():
        index = socket.if_nametoindex("a0")
    options = {"SB4": [(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)],
               "G4x": [(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                        bytes(8) + index.to_bytes(4, "little"))]}
    with Watch(lab, "A", outgoing=True) as watch:
        for target in targets.values():
            address = ipvlan_lab.at(target) + ("%a0" if target == "AN6" else "")
            say(lab.a, address, options=options.get(target, ()))
        watch.first("none of these", limit=0.2)
        found = []
        for what, target in targets.items():
            macs = {x.macs for x in watch.frames("ip4", "ip6") if f">{target} " in x.text}
            found.append(f"{what} {','.join(macs)}")
        return found, watch


@scenario("IV-655")
def _without_arp(lab, _play):
    # One that stays in the host's queue: what goes on is rewritten in place, and seen so.
    found, watch = emitted(lab, unicast="N4", bcast="SB4", group4="G4x", group6="AN6")
    asked = [x for x in watch.seen if x.kind in ("arp-req", "ns")]
    return "; ".join([*found, f"arp/ns frames {len(asked)}"])


def _answers(lab, play):
    with Watch(lab, "W") as watch:
        _send(play, "W", _ASK)
        _send(play, "W", _ASK6)
        end = time.monotonic() + 0.5
        while len({x.kind for x in watch.frames("arp-rep", "na")}) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        reply, advert = (next((x.short for x in watch.frames(kind) if wanted in x.short), "none")
                         for kind, wanted in (("arp-rep", "spa=A4"), ("na", "target=A6")))
    return f"ARP reply: {reply}; NA: {advert}"


@scenario("IV-656")
def _answers_l3(lab, play):
    return _answers(lab, play)


@scenario("IV-657")
def _answers_l2(lab, play):
    return _answers(lab, play)


@scenario("IV-658")
def _answers_l3s(lab, play):
    return _answers(lab, play)


@contextlib.contextmanager
def _proxy(lab):
    """The host answers for A, as LXC has it."""
    keys = ("ipv4/conf/all/forwarding", "ipv6/conf/all/forwarding")
    for key in keys:
        lab.host.sysctl(key, 1)
    lab.host.sysctl("ipv6/conf/p0/proxy_ndp", 1)
    for family in ("ipv4", "ipv6"):
        lab.host.sysctl(f"{family}/neigh/p0/proxy_delay", 0)
    lab.host.batch(["neigh add proxy 10.0.0.2 dev p0", "neigh add proxy 2001:db8::2 dev p0",
                    "route add 10.0.0.2/32 dev lo", "route add 2001:db8::2/128 dev lo"])
    try:
        yield
    finally:
        for key in keys:
            lab.host.sysctl(key, 0)
        lab.host.batch(["route del 10.0.0.2/32 dev lo", "route del 2001:db8::2/128 dev lo"])


@scenario("IV-659")
def _proxy_l3s(lab, play):
    with _proxy(lab):
        found = _answers(lab, play)
        play.send_bytes("W", packets.build("eth(M,R)/ip4(R4,A4)/udp(7000,7777)", "proxied"))
        got = "A" if accepts(lab, "A", b"proxied") else "none"
    return f"{found}; then W->A: {got}"


@scenario("IV-660")
def _proxy_l3(lab, play):
    with _proxy(lab):
        return _answers(lab, play)


# ---- exchanges between stacks

def _yes(found):
    return "yes" if found else "no"


@scenario("IV-661")
def _host_to_slave(lab, _play):
    with Watch(lab, "W") as watch:
        say(lab.host, ipvlan_lab.at("A4"), b"to the slave")
        got = accepts(lab, "A", b"to the slave")
        asked = watch.first("arp-req")
    return f"A:{_yes(got)} W:{asked and 'arp req ' + asked.target}"


@scenario("IV-662")
def _slave_to_host(lab, _play):
    with Watch(lab, "W", "B") as watch:
        say(lab.a, ipvlan_lab.at("H4"), b"to the host")
        got = accepts(lab, "H", b"to the host")
        asked = {x.station: x.target for x in watch.frames("arp-req")}
    return f"H:{_yes(got)} B:arp req {asked.get('B')} W:arp req {asked.get('W')}"


def _exchange(lab):
    with Watch(lab, "W", "A") as watch:
        say(lab.a, ipvlan_lab.at("B4"), b"to the sibling")
        got = accepts(lab, "B", b"to the sibling")
        at = {s: watch.kinds_at(s, "arp-req", "arp-rep") for s in "WA"}
    return f"B socket: {_yes(got)}; W saw: {at['W']}; A saw: {at['A']}"


for _id in range(663, 669):
    scenario(f"IV-{_id}")(lambda lab, _play: _exchange(lab))


@scenario("IV-669")
def _turned_round(lab, play):
    lab.nl["H"].add_neighbour("p0", ipvlan_lab.at("B4"), ipvlan_lab.at("R"))
    lab.noticed()
    return _sent_on(lab, play, "eth(M,M)/ip4(A4,B4)/udp(7000,7777)", "ip4")


def _sent_on(lab, play, text, kind, ingress="A"):
    """The first frame of this kind that comes out of the port."""
    with Watch(lab, "W") as watch:
        _send(play, ingress, text)
        seen = watch.first(kind)
    return f"W: {seen and seen.text}"


@scenario("IV-671")
def _no_route(lab, play):
    with Watch(lab, "W") as watch:
        _send(play, "A", _OFF_LINK)
        _send(play, "A", _OFF_LINK6)
        asked = watch.first("arp-req")
        asked6 = watch.first("ns", limit=0.3)
    return f"W: arp req {asked and asked.target}; NS: {asked6.target if asked6 else 'none'}"


@scenario("IV-672")
def _fragments(lab, play):
    for data in fragments("in parts", 40):
        play.send_bytes("W", data)
    got = accepts(lab, "A", b"in parts", limit=2)
    return f"A socket got {len(got)} datagram of {','.join(str(len(d)) for d in got)} bytes"


_ECHO = "eth(M,R)/ip4(F4,A4)/icmp4(8,0)"


@scenario("IV-673")
def _echo_l3s(lab, play):
    return _sent_on(lab, play, _ECHO, "icmp4", "W")


@scenario("IV-674")
def _echo_l2(lab, play):
    return _sent_on(lab, play, _ECHO, "icmp4", "W")


@scenario("IV-675")
def _queue(lab, play):
    data = packets.build("eth(M,M)/ip4(A4,F4)/udp(7000,7777,len=1400)")
    with Watch(lab, "W") as watch:
        for _ in range(150):
            play.send_bytes("A", data)
        watch.first("arp-req")
        _send(play, "W", "eth(M,R)/arp(rep,R,R4,M,H4)")
        watch.first("ip4")
        n = -1
        while n < len(watch.frames("ip4")):
            n = len(watch.frames("ip4"))
            time.sleep(0.1)
    return f"queued packets released: {'some but not all' if 0 < n < 150 else n}"


@scenario("IV-676")
def _ttl(_lab, play):
    found = []
    for here, there in ("AB", "BA"):
        copies = play.copies_of(here, f"eth(M,M)/ip4({here}4,{there}4,ttl=1)/udp(7000,7777)")
        found.append(",".join(f"{c.station} gets ttl {c.data[22]}" for c in copies))
    return ", ".join(found)


@scenario("IV-679")
def _slave_of_the_host(lab, _play):
    nl = lab.nl["H"]
    lab.add_vnic("ipvh", "l2")
    nl.up("ipvh")
    nl.add_address("ipvh", "10.0.0.40/32")
    nl.add_route(ipvlan_lab.at("A4"), "ipvh")
    lab.noticed()
    with Watch(lab, "W") as watch:
        say(lab.host, ipvlan_lab.at("A4"), b"by a slave")
        got = accepts(lab, "A", b"by a slave", limit=2)
        kinds = watch.kinds_at("W", "arp-req", "arp-rep", "ip4")
    return f"A socket: {_yes(got)}; W saw: {kinds.replace('-', ' ')}"
