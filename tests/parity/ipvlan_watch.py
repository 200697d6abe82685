# SPDX-License-Identifier: BSD-3-Clause
"""What scenarios of ipvlan's cases are made of: a list of them, and all that stacks say by
themselves, in the cases' words. Runs in a machine.
"""

import ipaddress
import socket
import struct
import time

import capture
import ipvlan_rows
import packets

SCENARIOS = {}
_NAMES = {v: k for k, v in reversed(packets.symbols().items())}


def scenario(identity):
    """Marks the function that plays this case; it returns what the case tells as expected."""
    def register(function):
        SCENARIOS[identity] = function
        return function
    return register


def name(data):
    """The cases' name of an address, or the address."""
    if len(data) == 6:
        text = ":".join(f"{b:02x}" for b in data)
    else:
        text = str(ipaddress.ip_address(data))
    return _NAMES.get(text, text)


class Seen:
    """A frame that some stack sent: what kind it is, and text() of it."""

    def __init__(self, station, data):
        self.station = station
        self.data = data
        self.macs = f"{name(data[6:12])}>{name(data[:6])}"
        self.kind, self.text, self.short, self.target = "other", self.macs, None, None
        ethertype = data[12:14]
        if ethertype == b"\x08\x06" and len(data) >= 42:
            self._arp(data[14:42])
        elif ethertype == b"\x08\0" and len(data) >= 34:
            self._ip4(data[14:])
        elif ethertype == b"\x86\xdd" and len(data) >= 54:
            self._ip6(data[14:])

    def _arp(self, arp):
        operation = {1: "req", 2: "rep"}.get(arp[7], "other")
        sha, spa, tha, tpa = (name(x) for x in (arp[8:14], arp[14:18], arp[18:24], arp[24:28]))
        self.kind, self.target = f"arp-{operation}", tpa
        self.text = f"{self.macs} arp {operation} sha={sha} spa={spa} tha={tha} tpa={tpa}"
        if operation == "rep":
            self.short = f"{self.macs} sha={sha} spa={spa}"

    def _ip4(self, packet):
        self.kind = "ip4"
        self.text = f"{self.macs} ip4 {name(packet[12:16])}>{name(packet[16:20])}"
        if packet[9] == 1:
            self.kind = "icmp4"
            said = {0: " echo reply", 8: " echo request"}.get(packet[20], "")
            self.text += f" p1 ttl{packet[8]}{said}"
        else:
            self.text += f" ttl{packet[8]}"

    def _ip6(self, packet):
        self.kind = "ip6"
        self.text = f"{self.macs} ip6 {name(packet[8:24])}>{name(packet[24:40])} hl{packet[7]}"
        if packet[6] == 58 and len(packet) >= 64 and packet[40] in (135, 136):
            self.kind = {135: "ns", 136: "na"}[packet[40]]
            self.target = name(packet[48:64])
            if self.kind == "na":
                self.short = f"{self.macs} target={self.target}"
            else:
                link = name(packet[66:72]) if len(packet) >= 72 else None
                self.text = (f"NS {self.macs} src={name(packet[8:24])} target={self.target} "
                             f"slla={link}")


class Watch:
    """Listens at stations until the block ends; all that comes there, the stacks' own too."""

    def __init__(self, lab, *names, outgoing=False):
        self.lab = lab
        self.seen = []
        self.stations = []
        for n in names:
            device = {"W": "w0", "H": "p0"}.get(n, f"{n.lower()}0")
            self.stations.append(capture.Station(n, lab.all[n], device))
        if outgoing:
            for s in (r for x in self.stations for r in x.receivers):
                s.setsockopt(263, 23, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in self.stations:
            s.close()

    def frames(self, *kinds):
        for station in self.stations:
            for data in _drain(station):
                self.seen.append(Seen(station.name, data))
        return [x for x in self.seen if not kinds or x.kind in kinds]

    def first(self, *kinds, limit=3.0):
        """The first of these; None when none comes."""
        end = time.monotonic() + limit
        while True:
            found = self.frames(*kinds)
            if found or time.monotonic() > end:
                return found[0] if found else None
            time.sleep(0.01)

    def kinds_at(self, station, *kinds):
        return " ".join(sorted({x.kind for x in self.frames(*kinds) if x.station == station})) \
            or "-"


def _drain(station):
    for s in station.receivers:
        while True:
            try:
                yield s.recv(1 << 16)
            except OSError:
                break


def accepts(lab, stack, label, limit=0.5):
    """The datagrams with @label that @stack's sockets get within @limit."""
    end = time.monotonic() + limit
    found = []
    while not found and time.monotonic() < end:
        found += [d for d in lab.sockets[stack].drain() if label in d]
        time.sleep(0.01)
    return found


def say(ns, address, data=b"hello", port=ipvlan_rows.PORT, options=()):
    """A stack sends a datagram, to "fe80::1%device", too. @options: (level, option, value) of its
    socket. False: it was told that it can't."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ns.entered(), socket.socket(family, socket.SOCK_DGRAM) as s:
        for level, option, value in options:
            s.setsockopt(level, option, value)
        address, _, device = address.partition("%")
        scope = (0, socket.if_nametoindex(device)) if device else ()
        try:
            s.sendto(data, (address, port, *scope))
        except OSError:
            return False
    return True


def icmp_socket(ns):
    with ns.entered():
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    s.setblocking(False)
    return s


def fragments(label, size):
    """Descriptions can't: a UDP datagram of @size bytes for A in two frames from R."""
    whole = packets.build(f"eth(M,R)/ip4(R4,A4)/udp(7000,7777,len={size})", label)
    half = (len(whole) - 34) // 2 & ~7
    for options, part in (("mf=1", whole[34:34 + half]), (f"off={half}", whole[34 + half:])):
        head = packets.build(f"eth(M,R)/ip4(R4,A4,id=77,{options})/raw({len(part)})", label)[:34]
        yield head + part


def ethertype(data):
    return struct.unpack_from("!H", data, 12)[0]
