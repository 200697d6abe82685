#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A thousand vnics from one line: start, forward, reload, stop."""

import collections
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import capture
import forwarder
import frames
import lab
import netns
import taptest

N = int(os.environ.get("SCALE_VNICS", "1000"))


def mac_of(i):
    return f"02:00:00:10:{i >> 8:02x}:{i & 255:02x}"


def config(inside, out, n, **keys):
    return lab.port(out) + lab.vnic("n", inside, mac=mac_of(0), count=n,
                                    **{**keys, "endpoint": f"tap:n%d,netns={inside.name}"})


class Everywhere:
    """One socket that hears all netdevs of a namespace, by name."""

    def __init__(self, ns):
        with ns.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                         socket.htons(capture.ETH_P_ALL))
        self._socket.setsockopt(263, 23, 1)  # PACKET_IGNORE_OUTGOING
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self._socket.settimeout(0.02)

    def hear(self, wanted, limit):
        """(number, device) → copies, until @wanted came and then a moment of silence."""
        heard = collections.Counter()
        end = time.monotonic() + limit
        while time.monotonic() < end:
            try:
                data, address = self._socket.recvfrom(2048)
            except socket.timeout:
                if sum(heard.values()) >= wanted:
                    break
                continue
            number = frames.find_marker(data)
            if number is not None:
                heard[number, address[0]] += 1
        return heard

    def close(self):
        self._socket.close()


def forwards(inside, out, n):
    """Unicast from the wire and from siblings to each vnic, and one broadcast to them all."""
    ears = Everywhere(inside)
    wire = capture.Station("wire", out, "w0")
    sibling = capture.Station("n0", inside, "n0")
    try:
        heard = collections.Counter()
        for first in range(0, n, 200):
            for i in range(first, min(first + 200, n)):
                error = wire.send(frames.build(i, mac_of(i), frames.mac("X0"), length=60))
                taptest.check(error is None, f"sending to {mac_of(i)}: {error}")
            heard += ears.hear(min(200, n - first), 5)
        taptest.equal(heard, collections.Counter({(i, f"n{i}"): 1 for i in range(n)}),
                      "unicast from the wire")
        ones = range(1, n, max(1, n // 50))
        for i in ones:
            sibling.send(frames.build(i, mac_of(i), mac_of(0), length=60))
        heard = ears.hear(len(ones), 5)
        taptest.equal(heard, collections.Counter({(i, f"n{i}"): 1 for i in ones}),
                      "unicast from a sibling")
        start = time.monotonic()
        wire.send(frames.build(1, frames.mac("BC"), frames.mac("X0"), length=60))
        heard = ears.hear(n, 10)
        taptest.note(f"broadcast to {n} vnics: {1000 * (time.monotonic() - start - 0.02):.0f} ms")
        taptest.equal(heard, collections.Counter({(1, f"n{i}"): 1 for i in range(n)}),
                      "broadcast from the wire")
    finally:
        for s in (ears, wire, sibling):
            s.close()


def test_thousand():
    """A thousand vnics from one count line start, forward, reload and stop."""
    forwarder.need()
    with netns.Namespace("in") as inside, netns.Namespace("out") as out:
        f = forwarder.Forwarder(config(inside, out, N), ready=60)
        with f:
            taptest.note(f"{N} vnics: ready {f.ready_after:.2f} s after the start")
            taptest.eventually(lambda: lab.link(inside, f"n{N - 1}"), "the last netdev is there")
            lab.eventually_up(inside, "n0", f"n{N // 2}", f"n{N - 1}")
            taptest.equal(lab.link(inside, f"n{N - 1}")["address"], mac_of(N - 1), "last MAC")
            forwards(inside, out, N)
            index = lab.link(inside, "n7")["ifindex"]

            start = time.monotonic()
            f.reload(config(inside, out, N - 10))
            taptest.note(f"ten fewer: {time.monotonic() - start:.2f} s")
            taptest.eventually(lambda: lab.link(inside, f"n{N - 1}") is None, "the last ten go",
                               20)
            forwards(inside, out, N - 10)
            start = time.monotonic()
            f.reload(config(inside, out, N))
            taptest.note(f"ten more: {time.monotonic() - start:.2f} s")
            lab.eventually_up(inside, f"n{N - 1}")
            start = time.monotonic()
            f.reload(config(inside, out, N, mode="vepa"))
            taptest.note(f"all change their mode: {time.monotonic() - start:.2f} s")
            taptest.equal(lab.link(inside, "n7")["ifindex"], index, "ifindex of n7 throughout")
            start = time.monotonic()
            f.stop(60)
            taptest.note(f"stopped after {time.monotonic() - start:.2f} s")
        taptest.eventually(lambda: lab.link(inside, "n0") is None, "the netdevs are gone", 20)


if __name__ == "__main__":
    taptest.main()
