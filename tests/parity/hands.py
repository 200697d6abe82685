# SPDX-License-Identifier: BSD-3-Clause
"""What can be done to a running macvlan port, in the same words for the kernel's and for the
forwarder's: what an owner does to a netdev, and what an operator asks for. For the tests that
compare the two while they change."""

import errno
import json
import os
import random
import re

import capture
import forwarder
import frames
import kernel
import netns


def errno_name(why):
    """The errno's name in an exception of either side."""
    if isinstance(why, forwarder.RpcError):
        return why.errno or str(why)
    if isinstance(why, OSError):
        return errno.errorcode.get(why.errno, str(why))
    if "device minimum" in str(why) or "device maximum" in str(why):
        return "EINVAL"
    for number, name in errno.errorcode.items():
        if os.strerror(number) in str(why):
            return name
    return str(why)


def _seen(link):
    data = link["linkinfo"]["info_data"]
    return {"mode": data["mode"], "mac": link["address"], "mtu": link["mtu"],
            "up": "UP" in link["flags"], "carrier": "LOWER_UP" in link["flags"],
            "sources": sorted(data.get("macaddr_data", []))}


class Hands:
    """What can be done to either side. Subclasses have the operator's words; an owner's are the
    same for both."""

    def __init__(self, side):
        self.side = side

    def take(self, step):
        """OK, or the name of the error."""
        try:
            getattr(self, step.what)(step.name, **step.args)
        except (netns.CommandFailed, forwarder.RpcError, OSError) as why:
            return errno_name(why)
        return "OK"

    # ---- the vnic's owner

    def owner(self, name, words):
        self.side.inside.ip(f"link set {name} {words}")

    def join(self, name, group):
        self.side.stations[name].join(frames.mac(group))

    def leave(self, name, group, junk):
        self.side.stations[name].leave(frames.mac(group))
        # The kernel's filter forgets a group with the next change (Q4).
        self.side.stations[name].join(junk)
        self.side.stations[name].leave(junk)

    # ---- the lower device's owner, and the far side of the wire

    def lower(self, _, words):
        self.side.host.ip(f"link set {self.side.host_device} {words}")

    def wire(self, _, words):
        self.side.out.ip(f"link set w0 {words}")

    # ---- stations

    def watch(self, name):
        self.side.stations[name] = capture.Station(name, self.side.inside, name)

    def unwatch(self, name):
        station = self.side.stations.pop(name, None)
        if station:
            station.close()


class KernelHands(Hands):
    """By iproute2."""

    def _kind(self, name):
        return "macvtap" if self.side.topology.vnics[name].tap else "macvlan"

    def link(self, name, words):
        """@words: mac, mtu, state."""
        self.side.inside.ip(f"link set {name} " + " ".join(
            {"mac": f"address {v}", "mtu": f"mtu {v}", "state": str(v)}[k]
            for k, v in words.items()))

    def kind(self, name, mode=None, flag=None, macaddr=None, queue=None):
        text = f"link set {name} type {self._kind(name)}"
        text += f" mode {mode}" if mode else ""
        # A mode takes its flag along when it goes, here and by the forwarder's operator (D3).
        if mode not in (None, "source", "passthru") and not flag:
            flag = "null"
        text += f" flag {flag}" if flag else ""
        text += f" bcqueuelen {queue}" if queue is not None else ""
        if macaddr:
            verb, macs = macaddr
            text += f" macaddr {verb} {' '.join(macs)}"
        self.side.inside.ip(text)

    def bclim(self, name, value):
        kernel.set_bclim(self.side.inside, name, value, self._kind(name))

    def add(self, name, v):
        self.side.host.ip(f"link add link lower name {name} netns {self.side.inside.name}"
                          f" address {v.mac} mtu {v.mtu}"
                          f" type {'macvtap' if v.tap else 'macvlan'} mode {v.mode}"
                          + "".join(f" {w}" for w in v.flags))

    def delete(self, name):
        self.side.inside.ip(f"link del {name}")

    def remake(self, _):
        """Nothing: the forwarder saves its configuration and reads it again."""

    def state(self):
        """name → what can be seen of a vnic."""
        seen = {}
        for link in json.loads(self.side.inside.ip("-j -d link show")):
            data = link.get("linkinfo", {}).get("info_data", {})
            if "mode" not in data:
                continue
            seen[link["ifname"]] = _seen(link)
        return seen

    def lower_state(self):
        link = json.loads(self.side.host.ip("-j link show lower"))[0]
        return {"mac": link["address"], "mtu": link["mtu"], "up": "UP" in link["flags"]}


class ForwarderHands(Hands):
    """By the control socket."""

    def _set(self, name, **params):
        self.side.forwarder.rpc("link.set", {"name": name.lower(), **params})

    def link(self, name, words):
        names = {"mac": "address", "mtu": "mtu", "state": "state"}
        self._set(name, **{names[k]: v for k, v in words.items()})

    def kind(self, name, mode=None, flag=None, macaddr=None, queue=None):
        params = {}
        if mode:
            params["mode"] = mode
        if flag:
            params["flags"] = "" if flag == "null" else flag
        if queue is not None:
            params["bcqueuelen"] = queue
        if macaddr:
            params["macaddr"] = {macaddr[0]: True if macaddr[0] == "flush" else macaddr[1]}
        self._set(name, **params)

    def bclim(self, name, value):
        self._set(name, bclim=value)

    def add(self, name, v):
        self.side.forwarder.rpc("link.add", {
            "name": name.lower(), "type": "macvtap" if v.tap else "macvlan", "link": "eth0",
            "mode": v.mode, "flags": ", ".join(v.flags), "address": v.mac, "mtu": v.mtu,
            "state": "down", "endpoint": f"tap:{name},netns={self.side.inside.name}"})

    def delete(self, name):
        self.side.forwarder.rpc("link.del", {"name": name.lower()})

    def remake(self, _):
        self.side.forwarder.ctl("config", "save", self.side.forwarder.ini)
        self.side.forwarder.rpc("config.reload")

    def by_file(self, v, sources):
        """What the kernel made of @v, as its section in the file, and a reload."""
        keys = {"mode": v.mode, "flags": ", ".join(v.flags), "mtu": str(v.mtu),
                "mac": v.mac if v.mode != "passthru" else "", "state": "" if v.up else "down",
                "sources": "", **forwarder.numbered("sources", sources)}
        sections = re.split(r"(?m)^(?=\[)", self.side.forwarder.ctl("config", "show"))
        for i, text in enumerate(sections):
            if not text.startswith(f"[vnic {v.name.lower()}]"):
                continue
            head, *lines = text.splitlines()
            kept = [line for line in lines
                    if line and re.split(r"[.\s=]", line)[0] not in keys]
            sections[i] = "\n".join([head, *kept, *(f"{k} = {x}" for k, x in keys.items() if x),
                                     "", ""])
        self.side.forwarder.reload("".join(sections))

    def state(self):
        seen = {}
        for link in self.side.forwarder.rpc("link.show"):
            seen[link["endpoint"]["target"]] = _seen(link)
        return seen

    def lower_state(self):
        link = json.loads(self.side.host.ip("-j link show lower"))[0]
        port = self.side.forwarder.rpc("port.show", {"name": "eth0"})[0]
        return {"mac": port["address"], "mtu": port["mtu"], "up": "UP" in link["flags"]}


def default_count(short, long):
    """How many seeds a run plays."""
    return int(os.environ.get("PARITY_COUNT", long if os.environ.get("DPDK_VNIC_LONG") else short))


def seeds(args):
    """Those that were asked for. Else half of them are the same in every run, so that a change
    can be told from luck."""
    if args.seed is not None:
        return [args.seed]
    if args.first is not None:
        return range(args.first, args.first + args.count)
    fresh = random.SystemRandom().randrange(1 << 30)
    return [s if s <= (args.count + 1) // 2 else fresh + s for s in range(1, args.count + 1)]


def need(reporter):
    """Ends the program where the two can't be compared."""
    if not kernel.is_available():
        reporter.skip("random changes", "this kernel has no macvlan: no oracle")
        reporter.finish()
    if not forwarder.is_built():
        reporter.skip("random changes", f"{forwarder.binary()} is not built")
        reporter.finish()
    netns.sweep()
