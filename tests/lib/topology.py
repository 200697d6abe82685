# SPDX-License-Identifier: BSD-3-Clause
"""A setup as the cases write it, taken apart: `B1=bridge/join=MJ S1=source(X1,nodst) L/promisc`.

NAME=mode(allowed sources, flags)/options for a vnic, L/… for the lower device, W/… for the far
end of the wire, wire=hairpin for a bridge there that reflects. A topology is a value: the
kernel's side and the forwarder's are built from the same one.
"""

import dataclasses
import re

import frames

FLAGS = ("nodst", "nopromisc")


@dataclasses.dataclass
class Vnic:
    """One vnic. @mac is its address as text; a passthru vnic has the lower's."""

    name: str
    mode: str
    mac: str
    sources: list = dataclasses.field(default_factory=list)
    flags: list = dataclasses.field(default_factory=list)
    up: bool = True
    promisc: bool = False
    allmulti: bool = False
    joins: list = dataclasses.field(default_factory=list)
    mtu: int = 0
    bcqueuelen: int = -1
    bclim: int = None
    tap: bool = False  # macvtap

    def text(self):
        inside = self.sources + self.flags
        words = [f"{self.name}={self.mode}" + (f"({','.join(inside)})" if inside else "")]
        words += [w for w in ("promisc", "allmulti", "tap") if getattr(self, w)]
        words += [] if self.up else ["down"]
        words += [f"join={'+'.join(self.joins)}"] if self.joins else []
        words += [f"mtu={self.mtu}"] if self.mtu else []
        words += [f"bcq={self.bcqueuelen}"] if self.bcqueuelen >= 0 else []
        words += [f"bclim={self.bclim}"] if self.bclim is not None else []
        if self.mode != "passthru" and self.mac != frames.mac(self.name):
            words.append(f"mac={self.mac}")
        return "/".join(words)


@dataclasses.dataclass
class Topology:
    """The vnics of one lower device, and what is special about it and its wire."""

    vnics: dict = dataclasses.field(default_factory=dict)
    hairpin: bool = False
    lower_up: bool = True
    lower_promisc: bool = False
    lower_joins: list = dataclasses.field(default_factory=list)
    lower_mtu: int = 1500
    wire_up: bool = True

    def macs(self):
        """Addresses that differ from their symbols', for frames.mac()."""
        return {v.name: v.mac for v in self.vnics.values()}

    def has_link(self):
        return self.lower_up and self.wire_up

    def text(self):
        words = ["wire=hairpin"] if self.hairpin else []
        words += [v.text() for v in self.vnics.values()]
        words += [] if self.lower_up else ["L/down"]
        words += ["L/promisc"] if self.lower_promisc else []
        words += [f"L/join={'+'.join(self.lower_joins)}"] if self.lower_joins else []
        words += [f"L/mtu={self.lower_mtu}"] if self.lower_mtu != 1500 else []
        words += [] if self.wire_up else ["W/down"]
        return " ".join(words) or "-"


def _lower_option(t, option):
    key, _, value = option.partition("=")
    if key == "down":
        t.lower_up = False
    elif key == "promisc":
        t.lower_promisc = True
    elif key == "join":
        t.lower_joins = value.split("+")
    elif key == "mtu":
        t.lower_mtu = int(value)
    else:
        raise ValueError(f"L/{option}: unknown option")


def _vnic_option(v, option):
    key, _, value = option.partition("=")
    if key == "down":
        v.up = False
    elif key in ("promisc", "allmulti", "tap"):
        setattr(v, key, True)
    elif key == "join":
        v.joins = value.split("+")
    elif key == "mtu":
        v.mtu = int(value)
    elif key == "bcq":
        v.bcqueuelen = int(value)
    elif key == "bclim":
        v.bclim = int(value)
    elif key == "mac":
        v.mac = frames.mac(value)
    else:
        raise ValueError(f"{v.name}/{option}: unknown option")


def _vnic(name, mode, inside, options):
    own = frames.mac("L" if mode == "passthru" else name)
    words = [w.strip() for w in (inside or "").split(",") if w.strip()]
    v = Vnic(name, mode, own, sources=[w for w in words if w not in FLAGS],
             flags=[w for w in words if w in FLAGS])
    for option in options:
        _vnic_option(v, option)
    return v


def parse(text):
    """The Topology that @text describes; ValueError if it can't be read."""
    t = Topology()
    for word in text.split():
        if word in ("-", "wire=hairpin"):
            t.hairpin |= word != "-"
        elif word.startswith("L/"):
            for option in word[2:].split("/"):
                _lower_option(t, option)
        elif word == "W/down":
            t.wire_up = False
        else:
            m = re.fullmatch(r"(\w+)=(\w+)(?:\(([^)]*)\))?((?:/[^/]+)*)", word)
            if not m:
                raise ValueError(f"{word}: not a vnic, L/… or W/…")
            t.vnics[m[1]] = _vnic(m[1], m[2], m[3], m[4].split("/")[1:])
    return t
