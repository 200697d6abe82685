#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""TCP super-frames from everywhere to everybody, on kernel macvlan and on the forwarder: they pass
in one piece and with unfinished checksums, whatever the receivers' MTUs, and reach the same.
"""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import capture
import cases
import forwarder
import frames
import hands
import kernel
import random_topologies
import taptest
import topology

SETUP = "B1=bridge B2=bridge/mtu=600 B3=bridge/tap V1=vepa P1=private S1=source(B1,X1) " \
        "S2=source(X2,nodst)"
SENDERS = {"B1": ("B1", "X1", "X2"), "B3": ("B3",), "V1": ("V1", "X1"), "S1": ("S1",),
           "host": ("L",), "wire": ("X0", "X1", "X2", "B1")}
RECEIVERS = ("B1", "B2", "B3", "V1", "P1", "S1", "L", "U", "BC", "AH")
SHAPES = ((800, 500), (3000, 1000), (6000, 1400))  # bytes, and of each segment
_NEEDS_CSUM, _TCP4 = 1, 1


def fold(total):
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def super_frame(number, dst, src, tag, length, size):
    payload = frames.marker(number) + frames.filler(number, length)
    tcp = struct.pack("!HHIIBBHHH", 1000, 2000, 1, 1, 0x50, 0x10, 1000, 0, 0) + payload
    packet = frames.ipv4(tcp, proto=6)
    # Of the checksum there is the pseudo header's part.
    pseudo = fold(sum(struct.unpack("!4H", packet[12:20])) + 6 + len(tcp))
    packet = packet[:36] + struct.pack("!H", pseudo) + packet[38:]
    f = capture.SuperFrame(frames.ethernet(dst, src, tag + "0x0800", packet))
    l2 = len(f) - len(packet)
    f.header = struct.pack("=BBHHHH", _NEEDS_CSUM, _TCP4, l2 + 40, size, l2 + 20, 16)
    return f


def batches(t):
    """A few frames at a time, and for each sender."""
    number = 0
    for at, sources in SENDERS.items():
        batch = []
        for dst in RECEIVERS:
            for src in sources:
                for tag in ("", "c100."):
                    number += 1
                    length, size = SHAPES[number % len(SHAPES)]
                    data = super_frame(number, frames.mac(dst, t.macs()),
                                       frames.mac(src, t.macs()), tag, length, size)
                    batch.append(capture.Frame(number, at, data,
                                               f"{at} {src}->{dst} {tag} {len(data)}"))
        for i in range(0, len(batch), 24):
            yield batch[i:i + 24]


def main():
    reporter = taptest.Reporter()
    hands.need(reporter)
    differences = cases.Differences()
    with kernel.KernelSide() as one, forwarder.ForwarderSide(keep=True) as other:
        for setup in (SETUP, "wire=hairpin " + SETUP):
            t = topology.parse(setup)
            wrong, n_copies = [], 0
            with reporter.case(setup), one.built(t), other.built(t):
                for batch in batches(t):
                    played = random_topologies.play_both((one, other), batch)
                    n_copies += sum(c.total() for c in played[0][0].values())
                    wrong += random_topologies.differing(t, batch, *played, differences).values()
                taptest.check(n_copies > 200, f"the kernel delivered {n_copies} copies only")
                taptest.check(not wrong, "\n".join(wrong[:20]))
    reporter.finish()


if __name__ == "__main__":
    main()
