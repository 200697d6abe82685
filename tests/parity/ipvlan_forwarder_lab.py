# SPDX-License-Identifier: BSD-3-Clause
"""The running forwarder as the cases' setup S0: the namespaces and names of ipvlan_lab.Lab, whose
links are TAPs here. So a scenario is the same for both.

The port's wire ends as w0 (namespace `out`), its host as p0 (`host`), whose addresses, routes and
neighbours the port follows; a0, b0, c0 are its vnics.
"""

import contextlib
import json

import capture
import forwarder
import ipvlan_lab
import netns

NOTHING = forwarder.section("port", "p", {"device": "net_null0"})


class ForwarderLab(ipvlan_lab.Lab):
    """built() changes the one daemon by a reload."""

    def __init__(self):
        super().__init__()
        self.forwarder = forwarder.Forwarder(NOTHING, ns=self.host)
        self.mode = self.flags = self.lower = None
        self.vnic_keys = {}

    # ---- the file

    def port(self, **keys):
        return forwarder.section("port", "p", {
            "device": f"tap:w0,netns={self.out.name}", "host": f"tap:p0,netns={self.host.name}",
            "mac": ipvlan_lab.at("M"), "host-routes": "on", **keys})

    def vnic(self, name, **keys):
        ns = self.vnics[name.upper()].name
        return forwarder.section("vnic", name, {
            "type": "ipvlan", "port": "p", "mode": self.mode, "flags": self.flags,
            "endpoint": f"tap:{name}0,netns={ns}", **keys})

    def reload(self, *sections):
        self.forwarder.reload("".join(sections))

    # ---- setups

    @contextlib.contextmanager
    def built(self, mode, flags, setup, lower=None, **vnic_keys):
        """@lower: the port's device is a netdev of the host's, of this name, as a NIC would be."""
        self.mode, self.flags, self.lower = mode, flags, lower
        self.vnic_keys = vnic_keys
        with super().built(mode, flags, setup) as play:
            self.noticed()
            yield play

    def _make_links(self, mode, flags):
        keys = {}
        if self.lower:
            self.nl["H"].add_veth(self.lower, ipvlan_lab.at("M"), "w0", self.out)
            self.nl["H"].up(self.lower)
            keys["device"] = f"dev:net_af_packet0,iface={self.lower}"
        self.reload(self.port(**keys), *(self.vnic(n, **self.vnic_keys) for n in "abc"))
        self.nl["H"].up("p0")
        self.nl["W"].up("w0")

    def _unmake(self):
        self.reload(NOTHING)
        super()._unmake()
        if self.lower:
            self.nl["H"].delete(self.lower)

    # ---- what scenarios ask for

    def noticed(self):
        self.eventually(self._knows_netdevs, "the forwarder has noticed")

    def _knows_netdevs(self):
        return all(self._knows_vnic(v) for v in self.rpc("link.show")) and self._knows_host()

    def _knows_vnic(self, shown):
        endpoint = shown["endpoint"]
        link, addresses = _netdev(endpoint["netns"], endpoint["target"])
        told = {a["local"] for a in
                self.rpc("address.show", dev=shown["ifname"])[0]["addr_info"]}
        if link is None:
            # Whoever took it away took its addresses; a link-local one it has anywhere.
            return all(a.startswith("fe80:") for a in told)
        # What is refused is told of, and not in force.
        return told == addresses and (endpoint["reason"] is not None or (
            shown["mtu"] == link["mtu"] and shown["address"] == link["address"]
            and ("UP" in shown["flags"]) == ("UP" in link["flags"])))

    def _knows_host(self):
        link, addresses = _netdev(self.host.name, "p0")
        if link is None:
            return True
        told = {a["local"] for a in self.rpc("address.show", dev="p")[0]["addr_info"]}
        shown = self.rpc("port.show", name="p")[0]
        if not addresses <= told or shown["address"] != link["address"]:
            return False
        if self.mode == "l2":
            return True
        known = {n["dst"] for n in self.rpc("neigh.show", dev="p") if "lladdr" in n}
        routes = {r["dst"].removesuffix("/32") for r in self.rpc("route.show", dev="p")}
        return known >= {n["dst"] for n in _list(self.host, "neigh show dev p0 nud permanent")} \
            and routes >= {r["dst"] for r in _list(self.host, "route show dev p0")}

    def add_vnic(self, device, mode):
        self.rpc("link.add", name=device, link="p", type="ipvlan", mode=mode,
                 endpoint=f"tap:{device},netns={self.host.name}")

    def add_tap(self, mode):
        self.rpc("link.del", name="a")
        self.rpc("link.add", name="t", link="p", type="ipvtap", mode=mode,
                 endpoint=f"tap:t0,netns={self.a.name}")
        return capture.Station("T", self.a, "t0")

    def rpc(self, method, **params):
        return self.forwarder.rpc(method, params)

    def delete(self):
        self.forwarder.stop()
        super().delete()


def _list(ns, words):
    return json.loads(ns.ip("-j " + words) or "[]")


def _netdev(ns, device):
    """Its link and the set of its addresses; (None, …): it isn't there."""
    status, out, _ = netns.run("ip", "-n", ns, "-j", "addr", "show", device, check=False)
    if status:
        return None, set()
    link = json.loads(out)[0]
    return link, {a["local"] for a in link["addr_info"]}
