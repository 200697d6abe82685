# SPDX-License-Identifier: BSD-3-Clause
"""Injecting frames at netdevs and collecting them at every other, with packet sockets.

A Station is one netdev that we watch. A Play sends a batch of frames and says who received
which bytes how often. Nothing sleeps for a fixed time: a batch is over when what was awaited
has come (or the limit is reached) and then nothing more comes for a moment.
"""

import collections
import errno
import fcntl
import select
import socket
import struct
import time

import frames

ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_DROP_MEMBERSHIP = 2
_PACKET_AUXDATA = 8
_PACKET_VNET_HDR = 15
_PACKET_IGNORE_OUTGOING = 23
_PACKET_MR_MULTICAST = 0
_SO_RCVBUFFORCE = 33
_TP_STATUS_VLAN_VALID = 1 << 4
_TP_STATUS_VLAN_TPID_VALID = 1 << 6
_SIOCGIFFLAGS = 0x8913
_IFF_UP = 0x1
_IFF_RUNNING = 0x40
_LETTERS = "HBMO"

# What a protocol handler of the stack would be offered, type by type. The lower device's own
# stack stands behind its rx handler; a socket for ETH_P_ALL stands before it and would see
# what macvlan then takes away.
STACK_TYPES = (0x88b5, 0x8808, 0x88cc, 0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8)

Seen = collections.namedtuple("Seen", "station data letter")


class SuperFrame(bytes):
    """A frame that is to be cut on its way; @header: the virtio-net header that says how."""

    header = b""


def _with_tag(data, ancillary):
    """The frame with the tag that the kernel moved into metadata put back."""
    for level, kind, value in ancillary:
        if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value[:20])
            if status & _TP_STATUS_VLAN_VALID:
                if not status & _TP_STATUS_VLAN_TPID_VALID:
                    tpid = 0x8100
                return data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
    return data


class Station:
    """One netdev. stack=True: see only what the netdev's own stack gets."""

    def __init__(self, name, ns, device, stack=False):
        self.name = name
        self.device = device
        with ns.entered():
            self.receivers = [self._receiver(t) for t in (STACK_TYPES if stack else (ETH_P_ALL,))]
            self._sender, self._super_sender = self._new_sender(), self._new_sender()
            self._super_sender.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
            self._index = socket.if_nametoindex(device)

    def _receiver(self, protocol):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        s.setblocking(False)
        s.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        s.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        s.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 32 << 20)
        s.bind((self.device, protocol))
        return s

    def _new_sender(self):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        s.bind((self.device, 0))
        return s

    def send(self, data, protocol=0):
        """None, or the name of the error that the sender got. Not every driver finds the
        @protocol in the frame by itself: ipvlan needs to be told."""
        try:
            if isinstance(data, SuperFrame):
                self._super_sender.sendto(data.header + data, (self.device, protocol))
            else:
                self._sender.sendto(data, (self.device, protocol))
        except OSError as e:
            return errno.errorcode.get(e.errno, str(e.errno))
        return None

    def _membership(self, option, group):
        request = struct.pack("=IHH8s", self._index, _PACKET_MR_MULTICAST, 6,
                              frames.mac_bytes(group))
        self._sender.setsockopt(_SOL_PACKET, option, request)

    def join(self, group):
        self._membership(_PACKET_ADD_MEMBERSHIP, group)

    def leave(self, group):
        self._membership(_PACKET_DROP_MEMBERSHIP, group)

    def _flags(self):
        request = struct.pack("=16sH14x", self.device.encode(), 0)
        return struct.unpack("=16sH14x", fcntl.ioctl(self._sender, _SIOCGIFFLAGS, request))[1]

    def is_up(self):
        return bool(self._flags() & _IFF_UP)

    def has_carrier(self):
        return bool(self._flags() & _IFF_RUNNING)

    def drain(self):
        """What came since the last time: (number or None, Seen)."""
        for s in self.receivers:
            while True:
                try:
                    data, ancillary, _, address = s.recvmsg(1 << 16, 128)
                except BlockingIOError:
                    break
                except OSError as e:  # ENETDOWN is told once, when the netdev goes down
                    if e.errno in (errno.ENETDOWN, errno.ENXIO):
                        break
                    raise
                if address[2] >= len(_LETTERS):
                    continue
                yield (frames.find_marker(data),
                       Seen(self.name, _with_tag(data, ancillary), _LETTERS[address[2]]))

    def close(self):
        for s in (*self.receivers, self._sender, self._super_sender):
            s.close()


Frame = collections.namedtuple("Frame", "number at data label")


class Play:
    """Frames sent at stations, and what came of them: seen[number] is a list of Seen."""

    QUIET = 0.05
    LIMIT = 2.0

    def __init__(self, stations):
        self.stations = stations
        self.chunk = 48  # sent at once: fewer than any queue on the way holds
        self.order = []  # (number, Seen) as they came; of use within one station
        self.seen = collections.defaultdict(list)
        self.errors = {}
        self._poll = select.epoll()
        self._by_fd = {}
        for station in stations.values():
            for s in station.receivers:
                self._by_fd[s.fileno()] = station
                self._poll.register(s.fileno(), select.EPOLLIN)

    def _collect(self, wait):
        """True: something of ours came."""
        came = False
        stations = {self._by_fd[fd].name for fd, _ in self._poll.poll(wait)}
        for name in stations:
            for number, seen in self.stations[name].drain():
                if number is not None:
                    self.seen[number].append(seen)
                    self.order.append((number, seen))
                    came = True
        return came

    def _missing(self, wanted):
        for number, receivers in wanted.items():
            have = collections.Counter(s.station for s in self.seen[number])
            if any(have[r] < n for r, n in receivers.items()):
                return True
        return False

    def send(self, batch, wanted=None):
        """Plays @batch; @wanted: number → Counter of stations to wait for."""
        self._collect(0)
        for i, frame in enumerate(batch):
            error = self.stations[frame.at].send(frame.data)
            if error:
                self.errors[frame.number] = error
            if i % self.chunk == self.chunk - 1:
                self._collect(0.005)
        end = time.monotonic() + self.LIMIT
        while wanted and self._missing(wanted) and time.monotonic() < end:
            self._collect(0.02)
        self.settle()
        return self

    def settle(self):
        """Until nothing of ours has come for QUIET seconds."""
        end = time.monotonic() + self.LIMIT
        quiet_from = time.monotonic()
        while time.monotonic() < end and time.monotonic() - quiet_from < self.QUIET:
            if self._collect(self.QUIET / 4):
                quiet_from = time.monotonic()

    def receivers(self, number):
        return collections.Counter(s.station for s in self.seen[number])

    def text(self, number, letters=True):
        """Who received it, as the cases write it; letters=False: without packet types."""
        if number in self.errors:
            return f"send:{self.errors[number]}"
        tokens = []
        for s in self.seen[number]:
            letter = f":{s.letter}" if letters and s.station != "wire" else ""
            tokens.append(s.station + letter + frames.tag_text(s.data))
        return " ".join(sorted(tokens)) or "-"

    def close(self):
        self._poll.close()
