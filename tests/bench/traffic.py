# SPDX-License-Identifier: BSD-3-Clause
"""Frames that cases send: pcap files for net_pcap's infinite_rx."""

import ipaddress
import os
import random
import struct

SENDER = 0x02aa00000001
FIRST_MAC = 0x020000000001


def mac_text(mac):
    return ":".join(f"{mac >> s & 255:02x}" for s in range(40, -1, -8))


def write_pcap(path, frames):
    """A pcap file of Ethernet @frames."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            f.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    return path


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, target, size, ports=(1024, 7)):
    """UDP over IPv4, @size bytes in all."""
    udp = struct.pack("!HHHH", *ports, size - 20, 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 17, 0,
                       ipaddress.IPv4Address(source).packed, ipaddress.IPv4Address(target).packed)
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return (head + udp).ljust(size, b"\0")


def ipv6(source, target, size, ports=(1024, 7)):
    """UDP over IPv6, @size bytes in all; its checksum is 0, which only a receiver would mind."""
    udp = struct.pack("!HHHH", *ports, size - 40, 0)
    head = struct.pack("!IHBB16s16s", 6 << 28, size - 40, 17, 64,
                       ipaddress.IPv6Address(source).packed, ipaddress.IPv6Address(target).packed)
    return (head + udp).ljust(size, b"\0")


def ethernet(target, payload, ethertype=0x0800, source=SENDER):
    return target.to_bytes(6, "big") + source.to_bytes(6, "big") + struct.pack(
        "!H", ethertype) + payload


def to_macs(lab, macs, size=60):
    """A file with one frame of @size bytes (64 with FCS) to each of @macs, in that order."""
    payload = ipv4("192.0.2.1", "192.0.2.2", size - 14)
    return write_pcap(os.path.join(lab.directory, lab.new_name("m") + ".pcap"),
                      [ethernet(m, payload) for m in macs])


def shuffled(n, seed=1):
    """@n MACs from FIRST_MAC on, in an order that caches can't foresee; always the same one."""
    macs = [FIRST_MAC + i for i in range(n)]
    random.Random(seed).shuffle(macs)
    return macs
