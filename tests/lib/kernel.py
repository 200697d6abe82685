# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's own macvlan as a Side: the oracle."""

import json
import socket
import struct

import frames
import netns
import side

_RTM_NEWLINK = 16
_NLM_F_REQUEST, _NLM_F_ACK = 1, 4
_IFLA_LINKINFO, _IFLA_INFO_KIND, _IFLA_INFO_DATA = 18, 1, 2
_IFLA_MACVLAN_BC_CUTOFF = 9


def is_available():
    """Has this kernel macvlan at all?"""
    with netns.Namespace("probe") as ns:
        pair = ns.ip("link add probe0 type veth peer name probe1", check=False)
        vnic = ns.ip("link add link probe0 name probe2 type macvlan mode bridge", check=False)
    return pair[0] == 0 and vnic[0] == 0


def _attribute(kind, value):
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def set_bclim(ns, device, value, kind="macvlan"):
    """iproute2 6.1 has no word for it."""
    with ns.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        data = _attribute(_IFLA_MACVLAN_BC_CUTOFF, struct.pack("=i", value))
        info = _attribute(_IFLA_INFO_KIND, kind.encode()) + _attribute(_IFLA_INFO_DATA, data)
        body = (struct.pack("=BxHiII", 0, 0, socket.if_nametoindex(device), 0, 0)
                + _attribute(_IFLA_LINKINFO, info))
        s.send(struct.pack("=IHHII", 16 + len(body), _RTM_NEWLINK,
                           _NLM_F_REQUEST | _NLM_F_ACK, 1, 0) + body)
        error = struct.unpack_from("=i", s.recv(4096), 16)[0]
        if error:
            raise OSError(-error, f"bclim {value} on {device}")


class KernelSide(side.Side):
    """lower (in `host`) and w0 (in `out`) are a veth pair; the vnics are moved to `in`."""

    label = "kernel"
    host_device = "lower"

    def _make(self, topology):
        self.host.batch([
            f"link add lower address {frames.mac('L')} mtu {topology.lower_mtu} type veth "
            f"peer name w0 netns {self.out.name}"])
        self.out.ip(f"link set w0 mtu {topology.lower_mtu}")
        self.host.batch([line for v in topology.vnics.values() for line in self._add(v)])
        for v in topology.vnics.values():
            if v.bclim is not None:
                set_bclim(self.inside, v.name, v.bclim, "macvtap" if v.tap else "macvlan")
        self._set_sources(topology.vnics.values())
        if topology.wire_up:
            self.out.ip("link set w0 up")
        self.host.batch((["link set lower up"] if topology.lower_up else [])
                        + (["link set lower promisc on"] if topology.lower_promisc else []))
        self.inside.batch([f"link set {v.name} up" for v in topology.vnics.values() if v.up])

    def _add(self, v):
        kind = "macvtap" if v.tap else "macvlan"
        line = f"link add link lower name {v.name} netns {self.inside.name}"
        line += "" if v.mode == "passthru" else f" address {v.mac}"
        line += f" mtu {v.mtu}" if v.mtu else ""
        line += f" type {kind} mode {v.mode} {' '.join(v.flags)}"
        line += f" bcqueuelen {v.bcqueuelen}" if v.bcqueuelen >= 0 else ""
        return [line]

    def _set_sources(self, vnics):
        self.inside.batch([f"link set {v.name} type {'macvtap' if v.tap else 'macvlan'} "
                           f"macaddr add {frames.mac(s, self.topology.macs())}"
                           for v in vnics for s in v.sources])

    def _unmake(self):
        self.host.ip("link del lower", check=False)

    def set_vnic(self, name, **changes):
        v = self.topology.vnics[name]
        kind = "macvtap" if v.tap else "macvlan"
        for key, value in changes.items():
            setattr(v, key, value)
        if "mac" in changes:
            self.inside.ip(f"link set {name} address {v.mac}")
        if "mtu" in changes:
            self.inside.ip(f"link set {name} mtu {v.mtu}")
        if "mode" in changes or "flags" in changes:
            flags = " ".join(f"flag {w}" for w in v.flags or ["null"])
            self.inside.ip(f"link set {name} type {kind} mode {v.mode} {flags}")
        if "sources" in changes and v.mode == "source":
            self.inside.ip(f"link set {name} type {kind} macaddr flush")
            self._set_sources([v])

    def set_lower_mtu(self, mtu):
        self.host.ip(f"link set lower mtu {mtu}")
        self.topology.lower_mtu = mtu

    def counters(self, name):
        ns = self.host if name == "lower" else self.inside
        stats = json.loads(ns.ip(f"-j -s link show {name}"))[0]["stats64"]
        return {f"{way}_{key}": n for way in ("rx", "tx") for key, n in stats[way].items()}

    def mtu(self, name):
        return json.loads(self.inside.ip(f"-j link show {name}"))[0]["mtu"]
