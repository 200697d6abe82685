# SPDX-License-Identifier: BSD-3-Clause
"""A reader of pcapng files, written from the format's description: blocks, frames, options."""

import collections
import struct

Frame = collections.namedtuple("Frame", "ns data length outbound lost comment")
_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0a0d0d0a, 1, 5, 6


class Capture:
    """What the file's whole blocks say; the end may be missing while it is written."""

    def __init__(self, data):
        self.frames = []
        self.interface = {}
        self.statistics = None
        self.program = None
        at = 0
        while len(data) >= at + 12:
            kind, length = struct.unpack_from("=II", data, at)
            if length < 12 or length % 4:
                raise ValueError(f"a block of {length} bytes at {at}")
            if len(data) < at + length:
                break
            if struct.unpack_from("=I", data, at + length - 4)[0] != length:
                raise ValueError(f"two lengths of the block at {at} differ")
            self._block(kind, data[at + 8:at + length - 4])
            at += length
        self.rest = len(data) - at

    def _block(self, kind, body):
        if kind == _SECTION:
            magic, major = struct.unpack_from("=IH", body)
            if magic != 0x1a2b3c4d or major != 1:
                raise ValueError(f"section {magic:x} {major}")
            self.program = options(body[16:]).get(4, b"").decode()
        elif kind == _INTERFACE:
            link, _, snaplen = struct.unpack_from("=HHI", body)
            o = options(body[8:])
            self.interface = {"link": link, "snaplen": snaplen, "name": o[2].decode(),
                              "resolution": o[9][0], "filter": o.get(11, b"\0")[1:].decode()}
        elif kind == _PACKET:
            _, high, low, caplen, length = struct.unpack_from("=IIIII", body)
            o = options(body[20 + (caplen + 3) // 4 * 4:])
            self.frames.append(Frame(high << 32 | low, body[20:20 + caplen], length,
                                     struct.unpack("=I", o[2])[0] & 3 == 2,
                                     struct.unpack("=Q", o.get(4, bytes(8)))[0],
                                     o.get(1, b"").decode()))
        elif kind == _STATISTICS:
            o = options(body[12:])
            self.statistics = {"seen": struct.unpack("=Q", o[4])[0],
                               "lost": struct.unpack("=Q", o[5])[0],
                               "written": struct.unpack("=Q", o[8])[0],
                               "why": o.get(1, b"").decode()}
        else:
            raise ValueError(f"a block of type {kind}")


def options(data):
    """code → value"""
    found = {}
    at = 0
    while len(data) >= at + 4:
        code, length = struct.unpack_from("=HH", data, at)
        if code == 0:
            break
        if len(data) < at + 4 + length:
            raise ValueError(f"option {code} is cut off")
        found[code] = data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return found


def read(path):
    with open(path, "rb") as f:
        return Capture(f.read())
