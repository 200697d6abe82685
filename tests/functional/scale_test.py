#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A thousand vnics from one line: start, forward, reload, stop; in one namespace, and in as many."""

import collections
import contextlib
import os
import socket
import sys
import threading
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
# One by one, the netdevs of a thousand vnics take 20 s to go.
STOP_LIMIT = 8


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


class Bystander:
    """Frames from the wire to n0 and back without a pause, while something else happens."""

    def __init__(self, inside, out):
        self._stations = {"wire": capture.Station("wire", out, "w0"),
                          "n0": capture.Station("n0", inside, "n0")}
        self._play = capture.Play(self._stations)
        self._play.QUIET = 0
        self._number = 0

    def _frames(self):
        for at, src, dst in (("wire", "X0", mac_of(0)), ("n0", mac_of(0), "X0")):
            self._number += 1
            data = frames.build(self._number, frames.mac(dst), frames.mac(src), length=60)
            yield capture.Frame(self._number, at, data, "")

    def during(self, function):
        """Runs @function; frames flow all the while, and not one may be lost."""
        thread = threading.Thread(target=function)
        thread.start()
        while thread.is_alive():
            self._play.send([f for _ in range(4) for f in self._frames()])
            time.sleep(0.005)
        thread.join()
        wanted = {n: {"n0" if n % 2 else "wire": 1} for n in range(1, self._number + 1)}
        self._play.QUIET, self._play.LIMIT = 0.1, 5
        self._play.send([], wanted)
        lost = [n for n, to in wanted.items() if self._play.receivers(n) != to]
        taptest.check(not lost, f"{len(lost)} of {self._number} frames lost: {lost[:10]}")
        taptest.note(f"a bystander's {self._number} frames: none lost")

    def close(self):
        self._play.close()
        for station in self._stations.values():
            station.close()


def drops_half(f, inside, out):
    """A reload takes half of all vnics away: soon done, and nobody else notices."""
    bystander = Bystander(inside, out)
    took = []

    def reload():
        start = time.monotonic()
        f.reload(config(inside, out, N // 2))
        took.append(time.monotonic() - start)
    try:
        bystander.during(reload)
    finally:
        bystander.close()
    taptest.check(took, "the reload failed")
    taptest.note(f"half fewer: {took[0]:.2f} s")
    taptest.check(took[0] < STOP_LIMIT, f"{took[0]:.1f} s for {N // 2} fewer vnics")
    taptest.equal([i for i in range(N) if inside_has(inside, i) != (i < N // 2)], [],
                  "netdevs that should not be there, or should")


def inside_has(inside, i):
    with inside.entered():
        try:
            return bool(socket.if_nametoindex(f"n{i}"))
        except OSError:
            return False


def stop(f, n):
    start = time.monotonic()
    f.stop(60)
    took = time.monotonic() - start
    taptest.note(f"{n} vnics: stopped after {took:.2f} s")
    taptest.check(took < STOP_LIMIT, f"{took:.1f} s to stop {n} vnics")


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
            drops_half(f, inside, out)
            f.reload(config(inside, out, N))
            stop(f, N)
        taptest.check(lab.link(inside, "n0") is None, "a netdev is left")


@contextlib.contextmanager
def namespaces(n):
    """The names of @n namespaces, made and removed by one process each time."""
    names = [f"{netns.PREFIX}{os.getpid()}-s{i}" for i in range(n)]
    try:
        netns.run("ip", "-batch", "-", text="".join(f"netns add {x}\n" for x in names),
                  timeout=120)
        yield names
    finally:
        netns.run("ip", "-force", "-batch", "-", text="".join(f"netns del {x}\n" for x in names),
                  check=False, timeout=120)


class Named:
    """A namespace by its name, as far as a Station needs it."""

    def __init__(self, name):
        self.path = f"/run/netns/{name}"

    def entered(self):
        return netns.entered(self.path)


def test_thousand_namespaces():
    """A thousand vnics in as many namespaces start, forward and stop."""
    forwarder.need()
    with namespaces(N) as names, netns.Namespace("out") as out:
        ini = lab.port(out) + forwarder.section("vnic", "n", {
            "type": "macvlan", "port": "eth0", "mode": "bridge", "mac": mac_of(0), "count": N,
            "endpoint": f"tap:eth0,netns={netns.PREFIX}{os.getpid()}-s%d"})
        with forwarder.Forwarder(ini, ready=60) as f:
            taptest.note(f"{N} vnics: ready {f.ready_after:.2f} s after the start")
            ones = sorted({0, N // 3, N // 2, N - 1})
            stations = {f"n{i}": capture.Station(f"n{i}", Named(names[i]), "eth0") for i in ones}
            stations["wire"] = capture.Station("wire", out, "w0")
            for station in stations.values():
                taptest.eventually(station.has_carrier, f"{station.name} has carrier")
            play = capture.Play(stations)
            play.send([capture.Frame(i + 1, "wire",
                                     frames.build(i + 1, mac_of(i), frames.mac("X0"), length=60),
                                     "") for i in ones], {i + 1: {f"n{i}": 1} for i in ones})
            taptest.equal([play.text(i + 1, letters=False) for i in ones],
                          [f"n{i}" for i in ones], "who hears the wire")
            play.close()
            for station in stations.values():
                station.close()
            stop(f, N)
        left = [x for x in (names[i] for i in ones)
                if netns.run("ip", "-n", x, "link", "show", "eth0", check=False)[0] == 0]
        taptest.equal(left, [], "namespaces with a netdev left")


if __name__ == "__main__":
    taptest.main()
