# SPDX-License-Identifier: BSD-3-Clause
"""rtnetlink by hand, for what iproute2 is too slow for (a process each costs an emulated CPU tens
of milliseconds), can't say, or doesn't tell: the error number of a refusal.
"""

import errno
import ipaddress
import os
import socket
import struct

_NEWLINK, _DELLINK, _NEWADDR, _NEWROUTE, _NEWNEIGH = 16, 17, 20, 24, 28
_REQUEST, _ACK, _REPLACE, _EXCL, _CREATE = 1, 4, 0x100, 0x200, 0x400
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK = 1, 3, 4, 5
_IFLA_LINKINFO, _IFLA_NET_NS_FD = 18, 28
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_IFLA_IPVLAN_MODE, _IFLA_IPVLAN_FLAGS = 1, 2
_VETH_INFO_PEER = 1
_IFLA_VLAN_ID = 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_NDA_DST, _NDA_LLADDR = 1, 2
_NUD_PERMANENT = 0x80
_RTN_UNICAST, _RTN_UNREACHABLE = 1, 7
_SCOPE_LINK = 253
_TABLE_MAIN, _PROTOCOL_BOOT = 254, 3
_NODAD = 2
IFF_UP, IFF_NOARP, IFF_PROMISC, IFF_ALLMULTI = 1, 0x80, 0x100, 0x200
MODES = {"l2": 0, "l3": 1, "l3s": 2}
PRIVATE, VEPA = 1, 2
FLAGS = {"bridge": 0, "private": PRIVATE, "vepa": VEPA}


def _attribute(kind, value):
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def _number(kind, value):
    return _attribute(kind, struct.pack("=I", value))


def _name(text):
    return _attribute(_IFLA_IFNAME, text.encode() + b"\0")


def _mac(text):
    return _attribute(_IFLA_ADDRESS, bytes.fromhex(text.replace(":", "")))


def _linkinfo(kind, data=b""):
    info = _attribute(_IFLA_INFO_KIND, kind.encode())
    if data:
        info += _attribute(_IFLA_INFO_DATA, data)
    return _attribute(_IFLA_LINKINFO, info)


def _ipvlan(mode, flags):
    data = b""
    if mode is not None:
        data += _attribute(_IFLA_IPVLAN_MODE, struct.pack("=H", MODES[mode]))
    if flags is not None:
        data += _attribute(_IFLA_IPVLAN_FLAGS, struct.pack("=H", flags))
    return data


def answer(function, *args, **kw):
    """How a request goes, in words: "accepted", "refused (EBUSY)"."""
    try:
        function(*args, **kw)
    except OSError as why:
        # Of two names for one number Python knows the other.
        word = "EOPNOTSUPP" if why.errno == errno.EOPNOTSUPP else errno.errorcode.get(why.errno)
        return f"refused ({word or why.errno})"
    return "accepted"


class Netlink:
    """A socket in namespace @ns. What is refused raises OSError with the kernel's number."""

    def __init__(self, ns):
        self.ns = ns
        with ns.entered():
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)

    def close(self):
        self._socket.close()

    def _request(self, kind, flags, body):
        self._socket.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, 1,
                                      0) + body)
        number = -struct.unpack_from("=i", self._socket.recv(1 << 16), 16)[0]
        if number:
            raise OSError(number, f"{os.strerror(number)} (netlink request {kind})")

    def index(self, device):
        with self.ns.entered():
            return socket.if_nametoindex(device)

    # ---- links

    @staticmethod
    def _info(flags=0, change=0):
        return struct.pack("=BxHiII", 0, 0, 0, flags, change)

    def _in(self, ns, body):
        """The request, for a link that is to be in another namespace."""
        if ns is None:
            self._request(_NEWLINK, _CREATE | _EXCL, body)
            return
        target = os.open(ns.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._request(_NEWLINK, _CREATE | _EXCL, body + _number(_IFLA_NET_NS_FD, target))
        finally:
            os.close(target)

    def add_veth(self, name, mac, peer, ns=None):
        """A pair, of which @peer is in namespace @ns."""
        other = self._info() + _name(peer)
        target = os.open((ns or self.ns).path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            other += _number(_IFLA_NET_NS_FD, target)
            self._request(_NEWLINK, _CREATE | _EXCL, self._info() + _name(name) + _mac(mac)
                          + _linkinfo("veth", _attribute(_VETH_INFO_PEER, other)))
        finally:
            os.close(target)

    def add_vnic(self, name, lower, mode=None, flags=None, ns=None, kind="ipvlan"):
        """An ipvlan, ipvtap or macvlan on @lower; mode and flags that are None are not named."""
        self._in(ns, self._info() + _name(name) + _number(_IFLA_LINK, self.index(lower))
                 + _linkinfo(kind, _ipvlan(mode, flags)))

    def add_vlan(self, name, lower, vid):
        self._in(None, self._info() + _name(name) + _number(_IFLA_LINK, self.index(lower))
                 + _linkinfo("vlan", _attribute(_IFLA_VLAN_ID, struct.pack("=H", vid))))

    def set_vnic(self, device, mode=None, flags=None):
        self._request(_NEWLINK, 0, self._info() + _name(device)
                      + _linkinfo("ipvlan", _ipvlan(mode, flags)))

    def set_mac(self, device, mac):
        self._request(_NEWLINK, 0, self._info() + _name(device) + _mac(mac))

    def set_mtu(self, device, mtu):
        self._request(_NEWLINK, 0, self._info() + _name(device) + _number(_IFLA_MTU, mtu))

    def set_flag(self, device, flag, on=True):
        self._request(_NEWLINK, 0, self._info(flag if on else 0, flag) + _name(device))

    def up(self, *devices):
        for device in devices:
            self.set_flag(device, IFF_UP)

    def down(self, device):
        self.set_flag(device, IFF_UP, False)

    def delete(self, device):
        self._request(_DELLINK, 0, self._info() + _name(device))

    # ---- addresses, routes, neighbours

    def add_address(self, device, text, dad=False):
        """An address with its prefix length, "10.0.0.2/24"."""
        interface = ipaddress.ip_interface(text)
        v6 = interface.version == 6
        body = struct.pack("=BBBBi", socket.AF_INET6 if v6 else socket.AF_INET,
                           interface.network.prefixlen, 0 if dad or not v6 else _NODAD, 0,
                           self.index(device))
        self._request(_NEWADDR, _CREATE | _EXCL, body + _attribute(_IFA_LOCAL, interface.packed)
                      + _attribute(_IFA_ADDRESS, interface.packed))

    def add_route(self, text, device=None, via=None):
        """To a network or address, through @device, @via a router; without both unreachable."""
        network = ipaddress.ip_network(text)
        v6 = network.version == 6
        kind = _RTN_UNICAST if device else _RTN_UNREACHABLE
        scope = _SCOPE_LINK if device and not via and not v6 else 0
        body = struct.pack("=BBBBBBBBI", socket.AF_INET6 if v6 else socket.AF_INET,
                           network.prefixlen, 0, 0, _TABLE_MAIN, _PROTOCOL_BOOT, scope, kind, 0)
        body += _attribute(_RTA_DST, network.network_address.packed)
        if device:
            body += _number(_RTA_OIF, self.index(device))
        if via:
            body += _attribute(_RTA_GATEWAY, ipaddress.ip_address(via).packed)
        self._request(_NEWROUTE, _CREATE | _REPLACE, body)

    def add_neighbour(self, device, text, mac):
        """One for ever."""
        address = ipaddress.ip_address(text)
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        body = struct.pack("=BxxxiHBB", family, self.index(device), _NUD_PERMANENT, 0, 0)
        self._request(_NEWNEIGH, _CREATE | _REPLACE, body + _attribute(_NDA_DST, address.packed)
                      + _attribute(_NDA_LLADDR, bytes.fromhex(mac.replace(":", ""))))
