#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The frames of tests/data/ipvlan-frames.tsv: the same that their descriptions say, and right."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import frames
import packets
import taptest


def test_table_is_current():
    """ipvlan-frames.tsv is what packets.py makes of ipvlan-cases.tsv"""
    with open(packets.FRAMES, encoding="utf-8") as f:
        taptest.check(f.read() == packets.table(), "tests/lib/packets.py >" + packets.FRAMES)


def test_every_case_has_a_frame():
    """Every row has a frame, but for scenarios; no two rows of a setup have the same"""
    seen = {}
    ids = set()
    for case, data in packets.frame_rows():
        key = (case["mode"], case["flags"], case["setup"], case["ingress"], data)
        again = seen.get(key)
        taptest.check(not again or case["id"][3] == "7", f"{case['id']} is {again} again")
        seen[key] = case["id"]
        ids.add(case["id"])
    for case in packets.rows(packets.CASES):
        series = case["id"][3]
        taptest.check((case["id"] in ids) or series in "67", f"{case['id']} has no frame")


# What is wrong in these on purpose.
_BROKEN = ("badcsum", "totlen", "plen", "ver=", "ihl=", "type=", "off=", "mf=", "vlan")


def _transport(data):
    """(what the checksum covers, where it is in that) of an IP frame; None: no checksum."""
    if data[12:14] == b"\x08\0":
        protocol, addresses, rest = data[23], data[26:34], data[14 + (data[14] & 15) * 4:]
        pseudo = addresses + struct.pack("!HH", protocol, len(rest))
        return rest if protocol in (1, 2) else pseudo + rest
    return data[22:54] + struct.pack("!II", len(data) - 54, data[20]) + data[54:]


def test_checksums_and_lengths():
    """Lengths and checksums are right where the description does not break them"""
    checked = 0
    for case, data in packets.frame_rows():
        text = packets.description(case)
        if data[12:14] not in (b"\x08\0", b"\x86\xdd") or any(b in text for b in _BROKEN):
            continue
        if data[12] == 8:
            taptest.equal(frames.checksum(data[14:14 + (data[14] & 15) * 4]), 0,
                          f"{case['id']}: sum of the IP header")
            taptest.equal(struct.unpack_from("!H", data, 16)[0], len(data) - 14,
                          f"{case['id']}: total length")
        else:
            taptest.equal(struct.unpack_from("!H", data, 18)[0], len(data) - 54,
                          f"{case['id']}: payload length")
        taptest.equal(frames.checksum(_transport(data)), 0, f"{case['id']}: transport's checksum")
        checked += 1
    taptest.check(checked > 150, f"only {checked} frames were checked")


def test_known_bytes():
    """Frames that were written down by hand"""
    for text, wanted in (
            ("eth(BC,R)/arp(req,R,R4,ZERO,A4)",
             "ffffffffffff 0252000000fe 0806 0001 0800 0604 0001 0252000000fe 0a0000fe"
             "000000000000 0a000002"),
            ("eth(M,R)/vlan(5,pcp=3)/ip4(R4,A4,df=1,tos=0xb8,opts=94040000)/raw(3)",
             "024d00000001 0252000000fe 8100 6005 0800 46b8001b 12344000 40117de2 0a0000fe 0a000002"
             "94040000 6c2066"),
            ("eth(M,R)/ip6(R6,A6,hl=255)/hbh()/frag6(off=1448,mf=1,id=9)/raw(2)",
             "024d00000001 0252000000fe 86dd 60000000 001200ff 20010db80000000000000000000000fe"
             "20010db8000000000000000000000002 2c000104 00000000 3b0005a9 00000009 6c20"),
    ):
        taptest.equal(packets.build(text, "l f").hex(), wanted.replace(" ", ""), text)


def test_refused():
    """What can't be read is refused"""
    for text in ("eth(M)", "eth(M,R)/nonsense()", "ip4(R4,A4", "eth(M,nobody)/exp()",
                 "eth(M,R)/__init__()"):
        try:
            data = packets.build(text)
        except (ValueError, KeyError, IndexError):
            continue
        raise taptest.Failure(f"{text} gave {data.hex()}")


if __name__ == "__main__":
    taptest.main()
