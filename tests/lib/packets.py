#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Frames from descriptions such as `eth(M,R)/ip4(R4,A4,ttl=1)/udp(7000,7777)`.

Names of addresses are those of tests/data/ipvlan-symbols.tsv; an address may be written out, too.

    eth(dst,src[,type=][,trailer=n])   vlan(vid[,pcp=])
    ip4(src,dst[,ttl= id= df= mf= off= tos= opts= ihl= ver= totlen= badcsum=])
    ip6(src,dst[,hl= ver= plen= nh=])   hbh()   frag6([off= mf= id=])
    udp(sport,dport[,len=payload])   icmp4|icmp6(type,code[,len=payload])
    icmp4err|icmp6err(type,code,quoted src,quoted dst[,mtu=])
    arp(req|rep,sha,spa,tha,tpa)   ns|na(target[,ll=][,flags=])   rs([ll=])   ra([prefix=])   igmp(group)
    raw(n)   exp()   pause()   lldp()

Lengths, checksums and types are right unless said otherwise. Payloads repeat the case's id, so that
each case's frame is known from others wherever it turns up, and each of its fragments.

Run as a program, it writes what tests/data/ipvlan-frames.tsv has to be.
"""

import csv
import ipaddress
import os
import re
import struct
import sys

import frames

DATA = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "data")
CASES = os.path.join(DATA, "ipvlan-cases.tsv")
SYMBOLS = os.path.join(DATA, "ipvlan-symbols.tsv")
FRAMES = os.path.join(DATA, "ipvlan-frames.tsv")

_HEAD = """# SPDX-License-Identifier: BSD-3-Clause
# The bytes of the frames in ipvlan-cases.tsv; made by: tests/lib/packets.py >THIS
id\tframe
"""
_ETHERTYPES = {"ip4": 0x0800, "arp": 0x0806, "vlan": 0x8100, "ip6": 0x86dd, "pause": 0x8808,
               "exp": 0x88b5, "lldp": 0x88cc}
_PROTOCOLS = {"hbh": 0, "icmp4": 1, "icmp4err": 1, "igmp": 2, "udp": 17, "frag6": 44, "icmp6": 58,
              "icmp6err": 58, "ns": 58, "na": 58, "rs": 58, "ra": 58}
_NO_NEXT_HEADER = 59
_LAYERS = {*_ETHERTYPES, *_PROTOCOLS, "eth", "raw"}
# Payload of the shortest frame on a wire.
_SHORTEST = 46


def rows(path):
    """The lines of a table as dicts."""
    with open(path, encoding="utf-8") as f:
        lines = [line for line in f if not line.startswith("#")]
    yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def symbols():
    return {r["symbol"]: r["value"] for r in rows(SYMBOLS)}


_SYMBOLS = symbols()


def address(word):
    """The bytes of a MAC, IPv4 or IPv6 address, or of the name of one."""
    text = _SYMBOLS.get(word, word)
    if re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text):
        return frames.mac_bytes(text)
    return ipaddress.ip_address(text).packed


def filler(label, length):
    """@label over and over: any eight or so bytes of it tell it."""
    word = (label + " ").encode()
    return (word * (length // len(word) + 1))[:length]


class Layer:
    """One `name(…)` of a description."""

    def __init__(self, text):
        m = re.fullmatch(r"(\w+)\(([^()]*)\)", text)
        if not m or m[1] not in _LAYERS:
            raise ValueError(f"{text}: not a layer")
        self.name = m[1]
        words = [w.strip() for w in m[2].split(",") if w.strip()]
        self.words = [w for w in words if "=" not in w]
        self.options = dict(w.split("=", 1) for w in words if "=" in w)

    def number(self, key, default):
        """Option @key: decimal, or hexadecimal with 0x."""
        value = self.options.get(key)
        return default if value is None else int(value, 0)

    def address(self, at):
        return address(self.words[at])


def _name(layer):
    return layer.name if layer else None


class _Builder:
    """Builds from the inside out; a method for each layer, given what it holds.

    Checksums of transports need the IP layer around: it is @ip, the innermost one.
    """

    def __init__(self, layers, label):
        self.layers = layers
        self.label = label
        self.ip = None

    def bytes(self):
        data = b""
        for i in range(len(self.layers) - 1, -1, -1):
            self.ip = next((x for x in self.layers[i::-1] if x.name in ("ip4", "ip6")), None)
            inner = self.layers[i + 1] if i + 1 < len(self.layers) else None
            data = getattr(self, self.layers[i].name)(self.layers[i], data, inner)
        return data

    def _pseudo(self, length, protocol):
        src, dst = self.ip.address(0), self.ip.address(1)
        if len(src) == 4:
            return src + dst + struct.pack("!BBH", 0, protocol, length)
        return src + dst + struct.pack("!II", length, protocol)

    def _icmp6(self, kind, code, body):
        data = struct.pack("!BBH", kind, code, 0) + body
        total = frames.checksum(self._pseudo(len(data), 58) + data)
        return struct.pack("!BBH", kind, code, total) + body

    # ---- link

    def eth(self, layer, data, inner):
        kind = _ETHERTYPES.get(_name(inner), 0x88b5)
        return (layer.address(0) + layer.address(1)
                + struct.pack("!H", layer.number("type", kind)) + data
                + bytes(layer.number("trailer", 0)))

    def vlan(self, layer, data, inner):
        tag = layer.number("pcp", 0) << 13 | int(layer.words[0], 0)
        kind = _ETHERTYPES.get(_name(inner), 0x88b5)
        return struct.pack("!HH", tag, kind) + data

    def arp(self, layer, _data, _inner):
        operation = {"req": 1, "rep": 2}[layer.words[0]]
        return (struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
                + b"".join(layer.address(i) for i in range(1, 5)))

    def raw(self, layer, _data, _inner):
        return filler(self.label, int(layer.words[0]))

    def exp(self, _layer, _data, _inner):
        return filler(self.label, _SHORTEST)

    def pause(self, _layer, _data, _inner):
        # Operation 1, a quantum of 1 (802.3 annex 31B).
        return struct.pack("!HH", 1, 1) + bytes(_SHORTEST - 4)

    def lldp(self, _layer, _data, _inner):
        # Chassis, port, time to live, system name, end (802.1AB).
        tlvs = ((1, b"\4" + address("R")), (2, b"\7p1"), (3, struct.pack("!H", 120)),
                (5, self.label.encode()), (0, b""))
        data = b"".join(struct.pack("!H", k << 9 | len(v)) + v for k, v in tlvs)
        return data.ljust(_SHORTEST, b"\0")

    # ---- network

    def ip4(self, layer, data, inner):
        options = bytes.fromhex(layer.options.get("opts", ""))
        length = 20 + len(options) + len(data)
        fragment = (layer.number("df", 0) << 14 | layer.number("mf", 0) << 13
                    | layer.number("off", 0) // 8)
        first = layer.number("ver", 4) << 4 | layer.number("ihl", 5 + len(options) // 4)
        head = struct.pack("!BBHHHBBH", first, layer.number("tos", 0),
                           layer.number("totlen", length), layer.number("id", 0x1234), fragment,
                           layer.number("ttl", 64),
                           _PROTOCOLS.get(_name(inner), 17), 0)
        rest = layer.address(0) + layer.address(1) + options
        total = frames.checksum(head + rest)
        if layer.number("badcsum", 0):
            total ^= 0x5555
        return head[:10] + struct.pack("!H", total) + rest + data

    def ip6(self, layer, data, inner):
        following = _PROTOCOLS.get(_name(inner), _NO_NEXT_HEADER)
        return (struct.pack("!IHBB", layer.number("ver", 6) << 28,
                            layer.number("plen", len(data)), layer.number("nh", following),
                            layer.number("hl", 64))
                + layer.address(0) + layer.address(1) + data)

    def hbh(self, _layer, data, inner):
        # One PadN option fills it.
        following = _PROTOCOLS.get(_name(inner), _NO_NEXT_HEADER)
        return struct.pack("!BBBB4x", following, 0, 1, 4) + data

    def frag6(self, layer, data, inner):
        following = _PROTOCOLS.get(_name(inner), _NO_NEXT_HEADER)
        return struct.pack("!BBHI", following, 0, layer.number("off", 0) & ~7
                           | layer.number("mf", 0), layer.number("id", 1)) + data

    # ---- transport

    def udp(self, layer, data, _inner):
        sport, dport = (int(w, 0) for w in layer.words or ("7000", "7777"))
        data += filler(self.label, layer.number("len", 24))
        length = 8 + len(data)
        head = struct.pack("!HHHH", sport, dport, length, 0)
        total = frames.checksum(self._pseudo(length, 17) + head + data) or 0xffff
        return head[:6] + struct.pack("!H", total) + data

    def igmp(self, layer, _data, _inner):
        # A version 2 report (RFC 2236).
        data = struct.pack("!BBH", 0x16, 0, 0) + layer.address(0)
        return data[:2] + struct.pack("!H", frames.checksum(data)) + data[4:]

    def icmp4(self, layer, _data, _inner):
        kind, code = (int(w, 0) for w in layer.words)
        body = struct.pack("!HH", 1, 1) + filler(self.label, layer.number("len", 24))
        total = frames.checksum(struct.pack("!BBH", kind, code, 0) + body)
        return struct.pack("!BBH", kind, code, total) + body

    def icmp6(self, layer, _data, _inner):
        kind, code = (int(w, 0) for w in layer.words)
        return self._icmp6(kind, code, struct.pack("!HH", 1, 1)
                           + filler(self.label, layer.number("len", 24)))

    def _quoted(self, layer, name):
        """The packet that an error is about: UDP from where the error goes."""
        text = f"{name}({layer.words[2]},{layer.words[3]})/udp(7777,7000)"
        return build(text, self.label)

    def icmp4err(self, layer, _data, _inner):
        kind, code = (int(w, 0) for w in layer.words[:2])
        body = struct.pack("!HH", 0, layer.number("mtu", 0)) + self._quoted(layer, "ip4")
        total = frames.checksum(struct.pack("!BBH", kind, code, 0) + body)
        return struct.pack("!BBH", kind, code, total) + body

    def icmp6err(self, layer, _data, _inner):
        kind, code = (int(w, 0) for w in layer.words[:2])
        return self._icmp6(kind, code, struct.pack("!I", layer.number("mtu", 0))
                           + self._quoted(layer, "ip6"))

    # ---- neighbour discovery (RFC 4861)

    @staticmethod
    def _link_option(layer, kind):
        if "ll" not in layer.options:
            return b""
        return struct.pack("!BB", kind, 1) + address(layer.options["ll"])

    def ns(self, layer, _data, _inner):
        return self._icmp6(135, 0, bytes(4) + layer.address(0) + self._link_option(layer, 1))

    def na(self, layer, _data, _inner):
        # flags: router 8, solicited 4, override 2.
        return self._icmp6(136, 0, struct.pack("!I", layer.number("flags", 0) << 28)
                           + layer.address(0) + self._link_option(layer, 2))

    def rs(self, layer, _data, _inner):
        return self._icmp6(133, 0, bytes(4) + self._link_option(layer, 1))

    def ra(self, layer, _data, _inner):
        # Hop limit 64, no lifetime: nobody takes it for a router. An MTU option as content.
        body = struct.pack("!BBHIIBBHI", 64, 0, 0, 0, 0, 5, 1, 0, 1500)
        if "prefix" in layer.options:
            # On-link, and to make addresses of.
            body += (struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 3600, 0)
                     + address(layer.options["prefix"]))
        return self._icmp6(134, 0, body)


def build(text, label="frame"):
    """The bytes of a description; ValueError or KeyError if it can't be read."""
    return _Builder([Layer(part) for part in text.split("/")], label).bytes()


def description(case):
    """A row's frame as text: alone, or that which its counters are about; None: a scenario."""
    text = case["packet description"].removeprefix("counters after ")
    return text if text.startswith("eth(") else None


def frame_rows():
    """(row, frame) of every row that has one."""
    for case in rows(CASES):
        text = description(case)
        if text:
            yield case, build(text, case["id"])


def table():
    """The text of ipvlan-frames.tsv."""
    return _HEAD + "".join(f"{case['id']}\t{data.hex()}\n" for case, data in frame_rows())


if __name__ == "__main__":
    sys.stdout.write(table())
