# SPDX-License-Identifier: BSD-3-Clause
"""Frames as the cases write them: symbols for addresses, `c100.0x88b5` for types.

Every frame carries a marker (this run, its own number), by which it is known again wherever
it turns up; anything else on a netdev is background and not looked at.
"""

import os
import random
import struct

MARKER_LEN = 12
_MAGIC = b"vNiC" + os.urandom(4)

_FIXED = {
    "L": "02:4c:00:00:00:01",   # the lower device itself
    "U": "02:55:00:00:00:01",   # unicast that nobody has
    "Z": "00:00:00:00:00:00",
    "BC": "ff:ff:ff:ff:ff:ff",
    "AH": "01:00:5e:00:00:01",  # all hosts: a Linux netdev joins it when it comes up
    "MJ": "01:00:5e:01:02:03",
    "MK": "33:33:00:01:00:03",
    "MU": "01:00:5e:44:55:66",  # a group that nobody joined
    "PR": "02:fe:00:00:00:01",  # the harness's own probes come from here
}


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def mac(symbol, overrides=None):
    """The address, as text, of a symbol of the cases, or of an address written out."""
    if overrides and symbol in overrides:
        return overrides[symbol]
    if ":" in symbol:
        return symbol
    if symbol in _FIXED:
        return _FIXED[symbol]
    if symbol.startswith("LL"):
        return f"01:80:c2:00:00:0{symbol[2].lower()}"
    # A letter and a number: B1, V2, P1, S1, T1, X0 … X9.
    kind, number = symbol[0], int(symbol[1:] or "0")
    return f"02:{ord(kind):02x}:00:00:00:{number:02x}"


def is_group(address):
    return bool(mac_bytes(address)[0] & 1)


_TPID = {"c": 0x8100, "s": 0x88a8}


def tags_of(kind):
    """Of "s100.c200.0x88b5": the tags in front, as bytes, and the type behind them."""
    *tags, ethertype = kind.split(".")
    raw = b"".join(struct.pack("!HH", _TPID[t[0]], int(t[1:])) for t in tags)
    return raw, int(ethertype, 16) or 0x88b5


def tag_text(data):
    """The tags that a frame carries, as the cases write them: "" or "@s100.c200"."""
    found = []
    at = 12
    while len(data) >= at + 4:
        tpid, tci = struct.unpack_from("!HH", data, at)
        letter = next((k for k, v in _TPID.items() if v == tpid), None)
        if letter is None:
            break
        found.append(f"{letter}{tci & 0xfff}")
        at += 4
    return "@" + ".".join(found) if found else ""


def marker(number):
    return _MAGIC + struct.pack("!I", number)


def find_marker(data):
    """The number of our frame, or None: it is somebody else's."""
    at = data.find(_MAGIC)
    if at < 0 or len(data) < at + MARKER_LEN:
        return None
    return struct.unpack_from("!I", data, at + 8)[0]


def filler(number, length):
    """Bytes that differ from frame to frame, so that a mix-up can't go unseen."""
    return random.Random(number).randbytes(max(0, length))


def ethernet(dst, src, kind="0x88b5", payload=b""):
    tags, ethertype = tags_of(kind)
    return mac_bytes(dst) + mac_bytes(src) + tags + struct.pack("!H", ethertype) + payload


def checksum(data):
    """The Internet checksum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(payload, src="10.9.0.1", dst="10.9.0.2", proto=17, ident=1, fragment=0, ttl=64):
    """An IPv4 packet; @fragment is the field of flags and offset as it stands in the header."""
    addresses = bytes(map(int, src.split("."))) + bytes(map(int, dst.split(".")))
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, fragment, ttl, proto, 0)
    total = checksum(head + addresses)
    return head[:10] + struct.pack("!H", total) + addresses + payload


def udp(payload, sport=4242, dport=4243):
    """A UDP datagram without checksum, which IPv4 allows."""
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def ipv6_udp(payload, sport=4242, dport=4243):
    src = bytes.fromhex("fd00" + "00" * 13 + "01")
    dst = bytes.fromhex("fd00" + "00" * 13 + "02")
    length = 8 + len(payload)
    pseudo = src + dst + struct.pack("!II", length, 17)
    head = struct.pack("!HHHH", sport, dport, length, 0)
    total = checksum(pseudo + head + payload) or 0xffff
    return (struct.pack("!IHBB", 6 << 28, length, 17, 64) + src + dst
            + struct.pack("!HHHH", sport, dport, length, total) + payload)


def build(number, dst, src, kind="0x88b5", length=100):
    """A marked frame; @length counts without the tags in front, as the cases do."""
    _, ethertype = tags_of(kind)
    overhead = {0x0800: 14 + 28, 0x86dd: 14 + 48}.get(ethertype, 14)
    data = marker(number)
    data += filler(number, length - overhead - len(data))
    if ethertype == 0x0800:
        data = ipv4(udp(data))
    elif ethertype == 0x86dd:
        data = ipv6_udp(data)
    return ethernet(dst, src, kind, data)
