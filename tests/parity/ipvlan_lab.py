# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's own ipvlan as the cases' setup S0, and frames played on it. Runs in a machine.

w0 (namespace `out`) and p0 (`host`) are a veth pair; a0, b0, c0 are ipvlans on p0 in namespaces of
their own. The namespaces stay, the links are made anew for each setup.
"""

import contextlib
import fcntl
import os
import select
import socket
import struct
import time

import capture
import ipvlan_rows
import netns
import packets
import rtnl

LIMIT = 3.0     # for what has to come
PATIENCE = 30   # for all that never came: a run has to end also when everything is wrong
QUIET = 0.02    # until nothing more comes; what comes later yet counts for its row all the same
NOTHING = 0.25  # for what may never come
_SIOCGIFFLAGS, _IFF_RUNNING = 0x8913, 0x40
_NEIGHBOURS = (("R4", "R"), ("X4", "X"), ("R6", "R"), ("X6", "X"), ("RL6", "R"))
_SYMBOLS = packets.symbols()


def at(symbol):
    """An address as text."""
    return _SYMBOLS.get(symbol, symbol)


class Sockets:
    """UDP sockets of one namespace: what its stack accepts."""

    def __init__(self, ns):
        with ns.entered():
            self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
                            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)]
        self.sockets[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for s, everything in zip(self.sockets, ("", "::")):
            s.setblocking(False)
            s.bind((everything, ipvlan_rows.PORT))

    def drain(self):
        for s in self.sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    yield s.recv(1 << 16)


_TUNSETIFF = 0x400454ca
_IFF_TAP, _IFF_NO_PI = 2, 0x1000


class Tap:
    """The character device of an ipvtap, as a Play's station."""

    name = device = "T"

    def __init__(self, number):
        self.file = os.open(f"/dev/tap{number}", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.file, _TUNSETIFF, struct.pack("=16sH14x", b"", _IFF_TAP | _IFF_NO_PI))
        self.receivers = [self]

    def fileno(self):
        return self.file

    def drain(self):
        while True:
            try:
                yield None, ipvlan_rows.Copy("T", "H", os.read(self.file, 1 << 16))
            except BlockingIOError:
                return

    def send(self, data, _protocol=0):
        os.write(self.file, data)

    def close(self):
        os.close(self.file)


class Lab:
    """The namespaces; built() makes links in them."""

    def __init__(self):
        self.out, self.host, self.a, self.b, self.c = (
            netns.Namespace(n, quiet=False) for n in ("out", "host", "a", "b", "c"))
        self.vnics = {"A": self.a, "B": self.b, "C": self.c}
        self.all = {"W": self.out, "H": self.host, **self.vnics}
        self.out.sysctl("ipv6/conf/all/disable_ipv6", 1)
        self.out.sysctl("ipv6/conf/default/disable_ipv6", 1)
        for ns in (self.host, *self.vnics.values()):
            for key, value in (("accept_dad", 0), ("dad_transmits", 0), ("addr_gen_mode", 1),
                               ("accept_ra", 0), ("router_solicitations", 0)):
                ns.sysctl(f"ipv6/conf/default/{key}", value)
        self.sockets = {n: Sockets(self.all[n]) for n in ipvlan_rows.STACKS}
        self.nl = {n: rtnl.Netlink(ns) for n, ns in self.all.items()}
        self.stations = []
        self.keep = []
        self.patience = PATIENCE

    # ---- setups

    @contextlib.contextmanager
    def built(self, mode, flags, setup):
        """The block runs with these links in place; yields a Play."""
        options = setup.split("+")[1:]
        try:
            self._make_links(mode, flags)
            self._make_host(options)
            self._make_vnics(mode, options)
            self._attach(options)
            play = Play(self)
            yield play
            play.end()
        finally:
            for s in (*self.stations, *self.keep):
                s.close()
            self.stations, self.keep = [], []
            self._unmake()

    def _unmake(self):
        for device in ("p0", "o0"):
            with contextlib.suppress(OSError):
                self.nl["H"].delete(device)

    # ---- what scenarios ask for

    lower = "p0"

    def noticed(self):
        """What was changed is in force: in the kernel it is at once."""

    def add_vnic(self, device, mode):
        """One more, in the host's namespace."""
        self.nl["H"].add_vnic(device, "p0", mode)

    def add_tap(self, mode):
        """An ipvtap t0 instead of A, in its namespace, and who reads its file as station T."""
        self.nl["A"].delete("a0")
        self.nl["H"].add_vnic("t0", "p0", mode, rtnl.FLAGS["bridge"], self.a, "ipvtap")
        return Tap(self.nl["A"].index("t0"))

    def _make_links(self, mode, flags):
        nl = self.nl["H"]
        nl.add_veth("p0", at("M"), "w0", self.out)
        # In this order, p0 has its carrier at once, and the vnics on it from the start; Linux
        # tells of carriers once a second only else.
        nl.up("p0")
        self.nl["W"].set_mtu("w0", 9000)
        self.nl["W"].up("w0")
        self.eventually(lambda: self._is_running("H", "p0"), "p0's carrier")
        for name, ns in self.vnics.items():
            nl.add_vnic(f"{name.lower()}0", "p0", mode, rtnl.FLAGS[flags], ns)

    def _make_host(self, options):
        nl = self.nl["H"]
        if "nohostip" not in options:
            for text in ("10.0.0.1/24", "2001:db8::1/64", "fe80::1/64"):
                nl.add_address("p0", text)
        if "hostdup" in options:
            nl.add_address("p0", "10.0.0.2/24")
        if "hostvlan5" in options:
            nl.add_vlan("p0.5", "p0", 5)
            nl.up("p0.5")
        self._route_host(nl, options)
        if "hostdummy" in options:
            self._add_device(nl)

    @staticmethod
    def _route_host(nl, options):
        if "nohostip" in options:
            nl.add_route("0.0.0.0/0", "p0")
            return
        if "noneigh" not in options:
            for address, mac in _NEIGHBOURS:
                nl.add_neighbour("p0", at(address), at(mac))
        if "nodefault" not in options:
            nl.add_route("0.0.0.0/0", "p0", at("R4"))
            nl.add_route("::/0", "p0", at("R6"))
            nl.add_route(at("U4"))
            nl.add_route(at("U6"))
        if "tworoutes" in options:
            nl.add_route(at("F4"), "p0", at("X4"))
            nl.add_route(at("F6"), "p0", at("X6"))

    @staticmethod
    def _add_device(nl):
        """A veth without ARP sends as a dummy does, and its far end can be listened to."""
        nl.add_veth("o0", at("O"), "o1")
        nl.set_flag("o0", rtnl.IFF_NOARP)
        nl.up("o0", "o1")
        nl.add_address("o0", at("O4") + "/32")
        nl.add_address("o0", at("O6") + "/128")
        nl.add_route(at("F4"), "o0")
        nl.add_route(at("F6"), "o0")

    def _make_vnics(self, mode, options):
        for name, n in (("A", 2), ("B", 3), ("C", 0)):
            device = f"{name.lower()}0"
            nl = self.nl[name]
            nl.up(device)
            small = name == "B" and "Bmtu1000" in options
            if n:
                nl.add_address(device, f"10.0.0.{n}/24")
            # Too small for IPv6.
            if small:
                nl.set_mtu(device, 1000)
            elif n:
                nl.add_address(device, f"2001:db8::{n}/64")
                nl.add_address(device, f"fe80::{n}/64")
                self._route_vnic(nl, device, mode)
            if n and "bigmtu" in options:
                nl.set_mtu(device, 4000)
        if "secondary" in options:
            self.nl["A"].add_address("a0", "10.7.0.2/24")
        if "Bpromisc" in options:
            self.nl["B"].set_flag("b0", rtnl.IFF_PROMISC)
        if "Ballmulti" in options:
            self.nl["B"].set_flag("b0", rtnl.IFF_ALLMULTI)
        if "Bdown" in options:
            self.nl["B"].down("b0")

    @staticmethod
    def _route_vnic(nl, device, mode):
        if mode == "l2":
            for address, mac in _NEIGHBOURS:
                nl.add_neighbour(device, at(address), at(mac))
        nl.add_route("0.0.0.0/0", device, at("R4") if mode == "l2" else None)
        nl.add_route("::/0", device, at("R6") if mode == "l2" else None)

    def _attach(self, options):
        self.stations = [capture.Station("W", self.out, "w0"),
                         capture.Station("H", self.host, "p0", stack=True),
                         capture.Station("H", self.host, "lo")]
        self.stations += [capture.Station(n, ns, f"{n.lower()}0") for n, ns in self.vnics.items()]
        if "hostdummy" in options:
            self.stations.append(capture.Station("O", self.host, "o1"))
        if "Ajoin" in options:
            self.join("A", "239.1.1.1")

    def _is_running(self, name, device):
        request = struct.pack("=16sH14x", device.encode(), 0)
        answer = fcntl.ioctl(self.sockets[name].sockets[0], _SIOCGIFFLAGS, request)
        return bool(struct.unpack("=16sH14x", answer)[1] & _IFF_RUNNING)

    def join(self, name, group):
        """An owner that wants the group @group at its vnic."""
        with self.vnics[name].entered():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            request = struct.pack("=4s4si", socket.inet_aton(group), bytes(4),
                                  socket.if_nametoindex(f"{name.lower()}0"))
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        self.keep.append(s)

    @staticmethod
    def eventually(condition, text):
        end = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > end:
                raise OSError(f"{text}: not within {LIMIT} s")
            time.sleep(0.005)

    def delete(self):
        for ns in self.all.values():
            ns.delete()


class Play:
    """Sends frames one after the other, and knows what came out where: of each row, the copies,
    and the stacks that accepted it."""

    def __init__(self, lab):
        self.lab = lab
        self.senders = {}
        self.row = None
        self.probes = 0
        self.copies, self.accepted = [], []
        self.done = []          # (row, copies, accepted) of those that ended
        self._poll = select.epoll()
        self._readers = {}
        for station in lab.stations:
            self.add(station)
        for name, sockets in lab.sockets.items():
            for s in sockets.sockets:
                self._add(s, lambda name=name, sockets=sockets: self._datagrams(name, sockets))
        self.collect(0)

    def add(self, station):
        self.senders.setdefault(station.name, station)
        for s in station.receivers:
            self._add(s, lambda: self._frames(station))

    def _add(self, s, read):
        self._readers[s.fileno()] = read
        self._poll.register(s.fileno(), select.EPOLLIN)

    def _frames(self, station):
        came = False
        for _, seen in station.drain():
            if self.row and ipvlan_rows.is_like(self.row.frame, seen.data, self.row.id):
                self.copies.append(ipvlan_rows.Copy(station.name, seen.letter, seen.data))
                came = True
        return came

    def _datagrams(self, name, sockets):
        came = False
        for data in sockets.drain():
            if self.row and data.startswith(self.row.id.encode()):
                self.accepted.append(name)
                came = True
        return came

    def collect(self, wait):
        """True: something of the row's came."""
        return any([self._readers[fd]() for fd, _ in self._poll.poll(wait)])

    def _is_complete(self):
        missing = [] if self.row.in_stack_only() else list(self.row.expected.elements())
        for copy in self.copies:
            if copy.station in missing:
                missing.remove(copy.station)
        accepted = self.row.accepted or ()
        return not missing and set(accepted) <= set(self.accepted)

    def _send(self, row):
        self._finish()
        self.row = row
        return self.senders[row.ingress].send(row.frame,
                                              struct.unpack_from("!H", row.frame, 12)[0])

    def send_bytes(self, ingress, data):
        """A frame of which nobody asks where it goes."""
        self.senders[ingress].send(data, struct.unpack_from("!H", data, 12)[0])

    def play(self, row):
        """Sends the row's frame and collects until nothing more is to come."""
        error = self._send(row)
        # The sender may hear of it that his frame goes nowhere.
        if error and row.expected:
            raise OSError(f"{row.id}: {error}")
        start = time.monotonic()
        limit = max(NOTHING, min(LIMIT, self.lab.patience))
        while not self._is_complete() and time.monotonic() - start < limit:
            self.collect(0.02)
        if not self._is_complete():
            self.lab.patience -= limit
        while self.collect(QUIET):
            pass

    def copies_of(self, ingress, text):
        """All copies of a frame of which nothing is known."""
        self.probes += 1
        label = f"P{self.probes}"
        self._send(ipvlan_rows.Probe(label, ingress, packets.build(text, label)))
        end = time.monotonic() + NOTHING
        while not self.copies and time.monotonic() < end:
            self.collect(0.02)
        while self.collect(2 * QUIET):
            pass
        return self.copies

    def who(self, ingress, text):
        """The names of those that get a copy."""
        return ipvlan_rows.names(c.station for c in self.copies_of(ingress, text))

    def _finish(self):
        self.collect(0)
        if self.row:
            self.done.append((self.row, self.copies, self.accepted))
        self.row, self.copies, self.accepted = None, [], []

    def end(self):
        if self.row:
            while self.collect(5 * QUIET):
                pass
        self._finish()
        self._poll.close()
