#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""vnicctl changes a running forwarder: the rows of macvlan-cases.tsv that are commands, what is
saved and read again, what fails as a whole, and bystanders that notice nothing."""

import contextlib
import json
import os
import re
import statistics
import sys
import tempfile
import time

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(_HERE, "..", "lib"), os.path.join(_HERE, "..", "parity")]
# pylint: disable=wrong-import-position
import capture
import cases
import change_cases
import changes
import forwarder
import frames
import lab
import netns
import taptest
import topology

X1, X2, X3 = (frames.mac(s) for s in ("X1", "X2", "X3"))
ERRNO = re.compile(r"\((E[A-Z]+)\)\s*$")


def tell(f, *words):
    """OK, or the errno's name that ends vnicctl's complaint."""
    status, _, err = f.ctl(*words, check=False)
    if status == 0:
        taptest.equal(err, "", " ".join(words))
        return "OK"
    found = ERRNO.search(err)
    taptest.check(status == 1 and found and err.count("\n") == 1,
                  f"{' '.join(words)}: exit {status}, {err!r}")
    return found[1]


class CommandSide(forwarder.ForwarderSide):
    """The file has the port alone; every vnic comes and changes by vnicctl."""

    def ini(self, topo):
        return super().ini(topology.Topology(lower_mtu=topo.lower_mtu))

    def _make(self, topo):
        super()._make(topo)
        for v in topo.vnics.values():
            taptest.equal(self.add(v.name, v.mode, v.mac, *self._words(v)), "OK", v.name)

    @staticmethod
    def _words(v):
        sources = [frames.mac(s) for s in v.sources]
        return [*(["flag", ",".join(v.flags)] if v.flags else []),
                *(["macaddr", "set", *sources] if sources else []),
                *(["mtu", str(v.mtu)] if v.mtu else []),
                *(["bcqueuelen", str(v.bcqueuelen)] if v.bcqueuelen >= 0 else []),
                "up" if v.up else "down"]

    def add(self, name, mode=None, mac=None, *words):
        return tell(self.forwarder, "link", "add", "link", "eth0", "name", name.lower(),
                    *(["address", mac] if mac else []),
                    "endpoint", f"tap:{name},netns={self.inside.name}", "type", "macvlan",
                    *(["mode", mode] if mode else []), *words)

    def set(self, name, *words):
        return tell(self.forwarder, "link", "set", name.lower(), *map(str, words))

    def info(self, name):
        return self.forwarder.link(name.lower())

    def set_vnic(self, name, **new):
        words = []
        for key, value in new.items():
            setattr(self.topology.vnics[name], key, value)
            if key == "sources":
                words += ["macaddr", "set", *value] if value else []
            elif key == "flags":
                words += ["flag", ",".join(value) or "null"]
            else:
                words += ["address" if key == "mac" else key, value]
        answer = self.set(name, *words)
        if answer != "OK":
            raise forwarder.RpcError(answer)


# ---- rows: each returns what happened, in the row's own words

ROWS = {i: change_cases.CASES[i]
        for i in ("MV-517", "MV-525", "MV-526", "MV-527", "MV-528", "MV-529", "MV-532")}


def row(identity):
    def register(function):
        ROWS[identity] = function
        return function
    return register


@row("MV-500")
def no_mode(side, _):
    return f"{side.add('N')} mode={side.info('N')['linkinfo']['info_data']['mode']}"


@row("MV-506")
def beside_passthru(side, _):
    return f"{side.add('N', 'bridge')} {side.add('N', 'passthru')}"


@row("MV-507")
@row("MV-508")
def passthru_beside(side, _):
    return side.add("N", "passthru")


@row("MV-509")
def no_such_mode(side, _):
    return " ".join(side.add("N", m) for m in ("32", "0", "12"))


@row("MV-512")
def list_without_source(side, _):
    return side.add("N", "bridge", None, "macaddr", "set", X1)


@row("MV-513")
def lowers_mac(side, _):
    return f"create={side.add('N', 'bridge', frames.mac('L'))} up={side.set('N', 'up')}"


@row("MV-514")
def siblings_mac(side, _):
    return f"create={side.add('N', 'bridge', frames.mac('B1'))} up={side.set('N', 'up')}"


@row("MV-515")
def mac_of_one_that_is_down(side, _):
    return (f"create={side.add('N', 'bridge', frames.mac('B1'))} up={side.set('N', 'up')} "
            f"sibling_up={side.set('B1', 'up')}")


@row("MV-516")
def mac_while_down(side, _):
    macs = (frames.mac("L"), frames.mac("B1"), "01:00:5e:00:00:01", "00:00:00:00:00:00",
            frames.mac("B2"))
    return " ".join(side.set("B2", "address", m) for m in macs)


@row("MV-518")
def macs_that_none_can_have(side, _):
    return " ".join(side.add("N", "bridge", m)
                    for m in ("01:00:5e:00:00:01", "00:00:00:00:00:00"))


@row("MV-519")
def default_mac(side, _):
    taptest.equal((side.add("N"), side.add("M")), ("OK", "OK"), "add")
    macs = [side.info(n)["address"] for n in ("N", "M")]
    first = int(macs[0][:2], 16)
    return (f"{'group' if first & 1 else 'unicast'} {'local' if first & 2 else 'global'} "
            f"{'random' if macs[0] != macs[1] else 'equal'}")


@row("MV-520")
def mac_of_passthru(side, _):
    taptest.equal(side.add("T", "passthru", frames.mac("B7")), "OK", "add")
    return "lower's" if side.info("T")["address"] == frames.mac("L") else "its own"


def lower_mac(side):
    return side.forwarder.rpc("port.show", {"name": "eth0"})[0]["address"]


@row("MV-521")
def set_mac_of_passthru(side, _):
    answer = side.set("T", "address", X2)
    there = (lower_mac(side), side.info("T")["address"])
    tap = lab.link(side.inside, "T")["address"]
    taptest.equal(tell(side.forwarder, "link", "del", "t"), "OK", "del")
    return (f"{answer} lower={'new' if (*there, tap) == (X2,) * 3 else there} "
            f"back={'original' if lower_mac(side) == frames.mac('L') else lower_mac(side)}")


@contextlib.contextmanager
def host_has_mac(side, mac):
    """The host's owner gives the lower another address, which is taken back in the end."""
    def become(address):
        side.host.ip(f"link set {side.host_device} address {address}")
        taptest.eventually(lambda: lower_mac(side) == address, "the port follows its host")

    become(mac)
    try:
        yield
    finally:
        become(frames.mac("L"))


@row("MV-522")
def passthru_follows(side, _):
    with host_has_mac(side, X2):
        return f"OK {'follows' if side.info('T')['address'] == X2 else 'stays'}"


@row("MV-523")
def bridge_stays(side, _):
    with host_has_mac(side, X2):
        return f"OK {'stays' if side.info('B1')['address'] == frames.mac('B1') else 'follows'}"


@row("MV-524")
def vnic_wins(side, _):
    with host_has_mac(side, frames.mac("B1")):
        return "OK " + change_cases.ask(side, "wire", "X0", "B1", wanted={"B1": 1})


@row("MV-530")
def allow_list(side, _):
    answers = []
    for words in (("add", X2), ("add", X2), ("del", X1), ("del", X3), ("set", X3), ("flush",)):
        answer = side.set("S1", "macaddr", *words)
        count = side.info("S1")["linkinfo"]["info_data"]["macaddr_count"]
        answers.append(f"{answer},{count}")
    return " ".join(answers)


@row("MV-531")
def allow_list_refusals(side, _):
    return " ".join((side.set("S1", "macaddr", "add"),
                     side.set("S1", "macaddr", "add", "01:00:5e:00:00:01"),
                     side.set("B1", "macaddr", "add", X1)))


def queue_lengths(side, *names):
    data = [side.info(n)["linkinfo"]["info_data"] for n in names]
    return " ".join(f"{d['bcqueuelen']}/{d['usedbcqueuelen']}" for d in data)


@row("MV-540")
def queue_length_in_use(side, _):
    answers = [queue_lengths(side, "B1", "B2")]
    taptest.equal(side.set("B1", "bcqueuelen", 3000), "OK", "set")
    answers.append(queue_lengths(side, "B1", "B2"))
    taptest.equal(tell(side.forwarder, "link", "del", "b1"), "OK", "del")
    answers.append(queue_lengths(side, "B2"))
    return " | ".join(answers)


@row("MV-554")
def mac_of_another_that_is_down(side, _):
    return (f"set={side.set('B3', 'address', frames.mac('B2'))} up3={side.set('B3', 'up')} "
            f"up2={side.set('B2', 'up')}")


@row("MV-600")
def mtu_of_new(side, _):
    taptest.equal(side.add("N"), "OK", "add")
    return (f"{side.info('N')['mtu']} {side.add('M', 'vepa', None, 'mtu', '1400')} "
            f"{side.add('O', 'vepa', None, 'mtu', '1401')}")


@row("MV-601")
def mtu_of_old(side, _):
    return " ".join(side.set("B1", "mtu", n) for n in ("1400", "1401", "68", "67"))


def add_pair(side, one="a", other="b", *words):
    return tell(side.forwarder, "link", "add", "name", one, "type", "veth", "peer", "name", other,
                *words)


@row("VE-009")
def veth_goes_with_its_peer(side, _):
    taptest.equal(add_pair(side), "OK", "add")
    taptest.equal(tell(side.forwarder, "link", "del", "a"), "OK", "del")
    return "gone" if tell(side.forwarder, "link", "del", "b") == "ENODEV" else "there"


@row("VE-010")
def veth_mtu(side, _):
    taptest.equal(add_pair(side), "OK", "add")
    return " ".join(side.set("a", "mtu", n) for n in ("67", "68", "65535", "65536"))


def play_rows(reporter, wanted):
    rows = [c for c in cases.load() if c.id in ROWS and (not wanted or c.id in wanted)]
    if not rows:
        return
    with CommandSide(keep=True) as side:
        for c in rows:
            with reporter.case(f"{c.id} {c.note.split(' -- ')[0]}"):
                setup = "-" if c.setup == "veth" else c.setup
                with side.built(topology.parse(setup)):
                    got = ROWS[c.id](side, c)
                taptest.equal(changes.plain(got, "forwarder"),
                              changes.plain(c.expected, "forwarder"), c.setup)


# ---- everything else that a command does

@contextlib.contextmanager
def running(extra="", **keys):
    """A daemon whose port swallows all that it is to send."""
    ini = "[port eth0]\ndevice = net_null0,no-rx=1\n" + extra
    with forwarder.Forwarder(ini, memory=256, **keys) as f:
        yield f


def test_shapes():
    """What was added shows as ip shows it, with the words that ip would take."""
    with running() as f:
        f.ctl("link", "add", "link", "eth0", "web", "address", "02:00:00:00:00:01", "mtu", "1400",
              "type", "macvlan", "mode", "source", "nodst", "macaddr", "set", X1, X2)
        link = f.link("web")
        taptest.equal({k: link[k] for k in ("ifname", "link", "mtu", "link_type", "address",
                                            "operstate")},
                      {"ifname": "web", "link": "eth0", "mtu": 1400, "operstate": "UP",
                       "link_type": "ether", "address": "02:00:00:00:00:01"}, "web")
        taptest.equal(link["linkinfo"]["info_kind"], "macvlan", "kind")
        data = link["linkinfo"]["info_data"]
        taptest.equal(data, {"mode": "source", "nodst": True, "bcqueuelen": 1000,
                             "usedbcqueuelen": 1000, "macaddr_count": 2,
                             "macaddr_data": [X1, X2]}, "info_data, as iproute2's")
        f.ctl("l", "set", "dev", "web", "down", "type", "macvlan", "mode", "bridge")
        taptest.equal(f.link("web")["operstate"], "DOWN", "operstate")
        taptest.check("nodst" not in f.link("web")["linkinfo"]["info_data"], "nodst stayed")
        f.ctl("link", "add", "a", "type", "veth", "peer", "b", "mtu", "9000")
        taptest.equal((f.link("a")["link"], f.link("b")["link"], f.link("b")["mtu"]),
                      ("b", "a", 9000), "the pair")
        f.ctl("addr", "add", "10.0.0.2/24", "dev", "web")
        f.ctl("a", "a", "2001:db8::2/64", "dev", "web")
        taptest.equal(json.loads(f.ctl("-j", "address", "show", "dev", "web")),
                      [{"ifname": "web", "addr_info": [
                          {"family": "inet", "local": "10.0.0.2", "prefixlen": 24},
                          {"family": "inet6", "local": "2001:db8::2", "prefixlen": 64}]}], "web")
        f.ctl("address", "del", "10.0.0.2", "dev", "web")
        taptest.equal(f.ctl("address"), "web:\n    inet6 2001:db8::2/64\n", "address")
        f.ctl("route", "add", "default", "via", "192.0.2.1", "dev", "eth0")
        taptest.equal(f.ctl("r"), "default via 192.0.2.1 dev eth0\n", "route")
        f.ctl("route", "del", "default", "via", "192.0.2.1", "dev", "eth0")
        taptest.equal(f.ctl("route"), "", "route")


REFUSED = [
    ("EEXIST", 'there is a vnic "web" already', "link add web link eth0 type macvlan"),
    ("EEXIST", 'there is a port "eth0" already', "link add eth0 link eth0 type macvlan"),
    ("ENODEV", "there is no [port eth1]", "link add n link eth1 type macvlan"),
    ("EINVAL", "port: is missing", "link add n type macvlan"),
    ("EINVAL", "'vlan' is not a vnic type", "link add n link eth0 type vlan"),
    ("EADDRNOTAVAIL", "no device can have",
     "link add n link eth0 type macvlan mode passthru address 01:00:5e:00:00:01"),
    ("EADDRNOTAVAIL", "nobody's source", "link set web macaddr add 01:00:5e:00:00:01"),
    ("EINVAL", "peer: is missing", "link add n type veth"),
    ("EINVAL", "nodst is for mode source", "link add n link eth0 type macvlan mode vepa nodst"),
    ("EBUSY", "is in use already, by vnic web",
     "link add n link eth0 type macvlan endpoint tap:x0"),
    ("EINVAL", "only a tap endpoint has a namespace",
     "link add n link eth0 type macvlan endpoint dev:net_null7 netns x"),
    ("EINVAL", "not a name", "link add Web2 link eth0 type macvlan"),
    ("EADDRINUSE", "is that of vnic web",
     "link add n link eth0 type macvlan address 02:00:00:00:00:01 up"),
    ("ENODEV", 'there is no "nobody"', "link show nobody"),
    ("ENODEV", '"eth0" is a port: try port show', "link show eth0"),
    ("ENODEV", '"web" is a vnic: try link show', "port show web"),
    ("ENODEV", 'there is no vnic "nobody"', "link set nobody up"),
    ("ENODEV", "ports come from vnic.ini", "link set eth0 mtu 9000"),
    ("ENODEV", 'there is no vnic "nobody"', "link del nobody"),
    ("EOPNOTSUPP", "is of type macvlan", "link set web type ipvlan mode l2"),
    ("EINVAL", "not a number from 68 to 65535", "link set web mtu 1e3"),
    ("EINVAL", "mtu: 1501 is more than the 1500", "link set web mtu 1501"),
    ("EINVAL", "not allowed", "link set web spoofcheck maybe"),
    ("EINVAL", "'02:00:00:00:00:zz' is not a MAC", "link set web address 02:00:00:00:00:zz"),
    ("EEXIST", "10.0.0.1/24 already", "address add 10.0.0.1/24 dev web"),
    ("EADDRNOTAVAIL", "hasn't got 10.0.0.9", "address del 10.0.0.9/24 dev web"),
    ("EINVAL", "'10.0.0.300/24' is not an IP address", "address add 10.0.0.300/24 dev web"),
    ("EADDRNOTAVAIL", "not an address that a host can have", "address add 224.0.0.1/24 dev web"),
    ("EINVAL", "ranges are for ipvlan", "address add 10.0.0.5-10.0.0.9 dev web"),
    ("ENODEV", 'no vnic or port "nobody"', "address add 10.0.0.2/24 dev nobody"),
    ("ENODEV", 'no port "web"', "route add default via 192.0.2.1 dev web"),
    ("ESRCH", "hasn't got a route", "route del default via 192.0.2.1 dev eth0"),
    ("EINVAL", "is not a route", "route add 10.0.0.1/8 via 192.0.2.1 dev eth0"),
]


def test_hosts_mac_stays():
    """What a passthru vnic changed goes with it; what the host changed since stays."""
    with CommandSide() as side, side.built(topology.parse("T=passthru")):
        taptest.equal(side.set("T", "address", X1), "OK", "set")
        with host_has_mac(side, X2):
            taptest.equal(side.info("T")["address"], X2, "the vnic's")
            taptest.equal(tell(side.forwarder, "link", "del", "t"), "OK", "del")
            taptest.equal(lower_mac(side), X2, "without the vnic")
            taptest.equal(lab.link(side.host, side.host_device)["address"], X2, "the host's")


def test_next_passthru_starts_afresh():
    """One passthru vnic in another's place has the port's own MAC, not what the first made of it."""
    with CommandSide() as side, side.built(topology.parse("T=passthru")):
        for name in ("other", "t"):
            before = side.forwarder.rpc("link.show")[0]["ifname"]
            taptest.equal(side.set(before, "address", X1), "OK", "set")
            side.forwarder.reload(side.ini(topology.Topology()) + forwarder.section(
                "vnic", name, {"type": "macvlan", "port": "eth0", "mode": "passthru",
                               "endpoint": f"tap:T,netns={side.inside.name}"}))
            macs = [lower_mac(side), side.info(name)["address"],
                    lab.link(side.host, side.host_device)["address"],
                    lab.link(side.inside, "T")["address"]]
            taptest.equal(macs, [frames.mac("L")] * 4, f"{name} after {before}")


def test_cutoff_is_the_ports():
    """The last bclim that was set holds for all vnics of the port."""
    with CommandSide() as side, side.built(topology.parse("B1=bridge B2=vepa")):
        for name, bclim in (("B1", -1), ("B2", 7), ("B1", 1)):
            taptest.equal(side.set(name, "bclim", bclim), "OK", "set")
            for other in ("B1", "B2"):
                data = side.info(other)["linkinfo"]["info_data"]
                taptest.equal(data.get("bclim", 1), bclim, f"{other} after {name}")
        # Nothing of the broadcast queue, then all of it, is left to what comes from the wire.
        for name in ("B1", "B2"):
            taptest.equal(side.set(name, "bcqueuelen", 0), "OK", "set")
        taptest.equal(change_cases.ask(side, "wire", "X0", "BC", wanted={"host": 1}), "host:B",
                      "queued")
        taptest.equal(side.set("B2", "bclim", -1), "OK", "set")
        taptest.equal(change_cases.ask(side, "wire", "X0", "BC",
                                       wanted={"B1": 1, "B2": 1, "host": 1}),
                      "B1:B B2:B host:B", "inline")


def test_refusals():
    """What is refused is said in one line with the kernel's errno, and changes nothing."""
    web = ("[vnic web]\ntype = macvlan\nport = eth0\nmac = 02:00:00:00:00:01\n"
           "address = 10.0.0.1/24\nendpoint = tap:x0,netns=nowhere-at-all\n")
    with running(web.replace(",netns=nowhere-at-all", f",netns=vt{os.getpid()}-none")) as f:
        before = f.ctl("config", "show")
        for errno, text, words in REFUSED:
            words = words.replace("tap:x0", f"tap:x0,netns=vt{os.getpid()}-none")
            status, out, err = f.ctl(*words.split(), check=False)
            taptest.equal((status, out), (1, ""), f"{words}: {err!r}")
            found = ERRNO.search(err)
            taptest.equal(found and found[1], errno, f"{words}: {err!r}")
            taptest.check(text in err, f"{words}: {text!r} is not in {err!r}")
        taptest.equal(f.ctl("config", "show"), before, "the configuration")
        status, _, err = f.ctl("-d", "link", "del", "nobody", check=False)
        taptest.equal((status, err.count("ENODEV")), (1, 1), f"-d: {err!r}")


def test_too_many_sources():
    """More addresses in the allow lists of a port than it can tell apart: refused, and why."""
    ini = "".join(f"[vnic s{i}]\ntype = macvlan\nport = eth0\nmode = source\n" for i in (0, 1))
    half = [[f"02:{n:02x}:00:00:{i >> 8:02x}:{i & 255:02x}" for i in range(33000)]
            for n in (0, 1)]

    def count(f, name):
        return f.link(name)["linkinfo"]["info_data"]["macaddr_count"]

    with running(ini) as f:
        f.rpc("link.set", {"name": "s0", "macaddr": {"set": half[0]}})
        # The same ones for another vnic are no more.
        f.rpc("link.set", {"name": "s1", "macaddr": {"set": half[0]}})
        try:
            f.rpc("link.set", {"name": "s1", "macaddr": {"set": half[1]}})
            raise taptest.Failure("66,000 addresses were taken")
        except forwarder.RpcError as why:
            taptest.equal(why.errno, "E2BIG", str(why))
            taptest.check("65534 addresses" in str(why), str(why))
        taptest.equal((count(f, "s0"), count(f, "s1")), (33000, 33000), "addresses")
        f.rpc("link.set", {"name": "s1", "macaddr": {"flush": True}})
        taptest.equal(count(f, "s1"), 0, "after a flush")


def test_strange_parameters():
    """Parameters of another type, unknown or missing: an error each, and the daemon lives."""
    good = {"name": "n", "link": "eth0", "type": "macvlan"}
    with running("[vnic v]\ntype = macvlan\nport = eth0\nmode = source\n") as f:
        strange = [None, True, {}, [], [1], 1.5, -1, "", "\n[vnic evil]", "a\"b'c", "x" * 3000,
                   {"add": 1}, {"add": [None]}, {"add": [], "del": []}, [["a"]]]
        for method, base in (("link.add", good), ("link.set", {"name": "v"}),
                             ("link.del", {}), ("address.add", {"dev": "v"}),
                             ("address.del", {}), ("route.add", {"dev": "eth0"}),
                             ("address.show", {}), ("route.show", {}), ("neigh.show", {})):
            for key in ("name", "link", "type", "address", "mtu", "flags", "endpoint", "netns",
                        "peer", "sources", "macaddr", "queues", "dev", "dst", "via", "state"):
                for value in strange:
                    with contextlib.suppress(forwarder.RpcError):
                        f.rpc(method, {**base, key: value})
                        if method == "link.add":
                            f.rpc("link.del", {"name": "n"})
        taptest.equal([link["ifname"] for link in f.rpc("link.show")], ["v"], "vnics")
        text = f.ctl("config", "show")
        taptest.check("evil" not in text, text)


def test_fails_as_a_whole():
    """A command of several wishes of which one can't be had does none of them."""
    with netns.Namespace("in") as inside, running() as f:
        inside.ip("link add taken type veth peer name other")
        f.ctl("link", "add", "web", "link", "eth0", "type", "macvlan", "mode", "bridge",
              "endpoint", f"tap:web0,netns={inside.name}", "address", "02:00:00:00:00:01")
        before, index = f.ctl("config", "show"), lab.link(inside, "web0")["ifindex"]
        for words in (("mtu", "1400", "mode", "private", "address", "01:00:5e:00:00:01"),
                      ("down", "mtu", "1501"), ("mode", "vepa", "macaddr", "add", X1),
                      ("down", "endpoint", f"tap:taken,netns={inside.name}")):
            status, _, err = f.ctl("link", "set", "web", *words, check=False)
            taptest.check(status == 1 and err, f"{words}: {status} {err!r}")
            taptest.equal(f.ctl("config", "show"), before, f"{words}: the configuration")
            link = lab.link(inside, "web0")
            taptest.equal((link["mtu"], link["address"], "UP" in link["flags"]),
                          (1500, "02:00:00:00:00:01", True), f"{words}: the netdev")
        status, _, err = f.ctl("link", "add", "v", "endpoint", f"tap:v0,netns={inside.name}",
                               "type", "veth", "peer", "w", "netns", inside.name, "endpoint",
                               "tap:taken", check=False)
        taptest.check(status == 1 and "taken" in err, f"{status} {err!r}")
        taptest.equal(lab.link(inside, "v0"), None, "half a pair")
        taptest.equal(f.ctl("config", "show"), before, "the configuration")
        # A change of another endpoint closes and opens: only then is the netdev another.
        f.ctl("link", "set", "web", "mtu", "1400")
        taptest.equal(lab.link(inside, "web0")["ifindex"], index, "ifindex of web0")


def test_against_the_owner():
    """A command overrides what the owner did by hand, also where the file says so already."""
    with netns.Namespace("in") as inside, running() as f:
        f.ctl("link", "add", "web", "link", "eth0", "type", "macvlan", "netns", inside.name,
              "address", "02:00:00:00:00:01", "mtu", "1400")

        def is_now(up, mac, mtu):
            link = lab.link(inside, "web")
            shown = f.link("web")
            return ((link["mtu"], link["address"], "UP" in link["flags"]) == (mtu, mac, up)
                    and (shown["mtu"], shown["address"], "UP" in shown["flags"]) == (mtu, mac, up))

        inside.ip("link set web down address 02:00:00:00:00:77 mtu 1300")
        taptest.eventually(lambda: is_now(False, "02:00:00:00:00:77", 1300), "the owner's")
        f.ctl("link", "set", "web", "up")
        taptest.check(is_now(True, "02:00:00:00:00:77", 1300), "only up was asked for")
        f.ctl("link", "set", "web", "address", "02:00:00:00:00:01", "mtu", "1400")
        taptest.check(is_now(True, "02:00:00:00:00:01", 1400), "all of it")
        inside.ip("link del web")
        taptest.eventually(lambda: f.link("web")["endpoint"]["reason"], "its owner deleted it")
        f.ctl("link", "set", "web", "up")
        taptest.eventually(lambda: lab.link(inside, "web") and
                           is_now(True, "02:00:00:00:00:01", 1400), "there again")


def test_owner_gave_another_mac():
    """
    Made with a sibling's MAC a vnic can't come up, but with the one that its owner gives it; a file
    can't say both, and then says the one that it came up with.
    """
    taken, own = "02:00:00:00:00:01", "02:00:00:00:00:77"
    with netns.Namespace("in") as inside, running() as f:
        f.ctl("link", "add", "db", "link", "eth0", "type", "macvlan", "address", taken)
        f.ctl("link", "add", "web", "link", "eth0", "type", "macvlan", "netns", inside.name,
              "address", taken)
        taptest.check("EADDRINUSE" in f.ctl("link", "set", "web", "up", check=False)[2], "refused")
        inside.ip(f"link set web address {own}")
        taptest.eventually(lambda: f.link("web")["address"] == own, "the owner's")
        f.ctl("link", "set", "web", "up", "mtu", "1400")
        lab.eventually_up(inside, "web")
        taptest.equal(f.link("web")["address"], own, "up")
        f.reload(f.ctl("config", "show"))
        taptest.equal([(v["ifname"], v["address"], v["operstate"], v["mtu"])
                       for v in f.rpc("link.show")],
                      [("db", taken, "UP", 1500), ("web", own, "UP", 1400)], "reloaded")


def test_save_and_reload():
    """What was saved is, read again, the state that was saved."""
    many = "[vnic n]\ntype = macvlan\nport = eth0\nmac = 02:00:00:00:01:00\ncount = 20\n"
    with running(many) as f, tempfile.TemporaryDirectory() as directory:
        f.ctl("link", "add", "s", "link", "eth0", "type", "macvlan", "mode", "source", "macaddr",
              "set", *(f"02:00:00:02:00:{i:02x}" for i in range(40)))
        f.ctl("link", "add", "a", "type", "veth", "peer", "b", "mtu", "9000")
        f.ctl("link", "set", "n3", "down", "mode", "private", "mtu", "1000", "bcqueuelen", "7")
        f.ctl("link", "del", "n4")
        f.ctl("address", "add", "2001:db8::1/64", "dev", "eth0")
        f.ctl("link", "add", "p", "link", "eth0", "type", "macvlan", "endpoint",
              f"dev:net_pcap3,tx_pcap={directory}/a;b#c.pcap")
        saved, ini = os.path.join(directory, "saved.ini"), f.ini
        f.ctl("config", "save", saved)
        links, text = f.rpc("link.show", {"statistics": False}), f.ctl("config", "show")
        taptest.equal(f.ctl("config", "check", saved), "no errors\n", "config check")
        taptest.equal(f.ctl("config", "save", "-"), text, "config save -")
        with open(saved, encoding="utf-8") as file:
            taptest.equal(file.read(), text, "the file")
        taptest.equal(os.stat(saved).st_mode & 0o777, 0o666 & ~_umask(), "its mode")
        f.ctl("config", "reload")
        taptest.equal(len(f.rpc("link.show")), 20, "vnics of the old file")
        f.ctl("config", "save", ini)  # over an old one
        f.reload(text)
        key = lambda link: link["ifname"]  # pylint: disable=unnecessary-lambda-assignment
        taptest.equal(sorted(f.rpc("link.show", {"statistics": False}), key=key),
                      sorted(links, key=key), "links after the reload")
        taptest.equal(f.ctl("config", "show"), text, "the text after the reload")
        # Somebody who holds a pipe open and writes nothing doesn't stop the daemon.
        pipe = os.path.join(directory, "pipe")
        os.mkfifo(pipe)
        with open(pipe, "r+b", buffering=0):
            status, _, err = f.ctl("config", "check", pipe, check=False)
        taptest.equal((status, err), (1, f"{pipe}: is a pipe; only a file can be checked\n"),
                      "config check of a pipe")
        status, _, err = f.ctl("config", "save", "/nonexistent/x.ini", check=False)
        taptest.equal((status, err), (1, "vnicctl: /nonexistent/x.ini: No such file or directory\n"),
                      "a folder that isn't there")
        taptest.equal(os.listdir(directory).count("saved.ini"), 1, "files")
        taptest.equal([n for n in os.listdir(directory) if "ini." in n], [], "leftovers")


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_thousand():
    """A change beside 1,000 vnics is quick, whole command."""
    many = "[vnic n]\ntype = macvlan\nport = eth0\ncount = 1000\n"
    with running(many) as f:
        took = {}
        for i in range(25):
            for name, words in (
                    ("add", ("link", "add", "new", "link", "eth0", "type", "macvlan")),
                    ("set", ("link", "set", "new", "mode", ("bridge", "private")[i % 2])),
                    ("del", ("link", "del", "new"))):
                start = time.monotonic()
                f.ctl(*words)
                took.setdefault(name, []).append(time.monotonic() - start)
        for name, times in took.items():
            taptest.note(f"link {name} beside 1,000: {1000 * statistics.median(times):.1f} ms "
                         f"median, {1000 * max(times):.1f} ms at most")


def test_bystanders():
    """Commands while frames flow: those who aren't the subject lose not one."""
    import reload_test  # its Stream numbers and counts every frame
    with reload_test.running() as (f, _, inside, out):
        stream = reload_test.Stream(inside, out)
        for i in range(12):
            stream.burst()
            f.ctl("link", "add", f"x{i}", "link", "eth0", "type", "macvlan", "netns", inside.name)
            stream.burst()
            f.ctl("link", "set", f"x{i}", "mode", "private", "mtu", "1400")
            stream.burst()
            f.ctl("link", "set", f"x{i}", "address", f"02:00:00:00:07:{i:02x}")
            f.ctl("link", "set", f"x{i}", "down")
            stream.burst()
            if i % 2:
                f.ctl("link", "del", f"x{i}")
            tell(f, "link", "set", "web", "mtu", "9999")
        stream.finish()


def main():
    wanted = sys.argv[1:]
    reporter = taptest.Reporter()
    try:
        forwarder.need()
    except taptest.Skip as why:
        print(f"1..0 # SKIP {why}")
        return
    play_rows(reporter, [w for w in wanted if not w.startswith("test_")] if wanted else ())
    for name, function in list(globals().items()):
        if name.startswith("test_") and callable(function) and (not wanted or name in wanted):
            with reporter.case(function.__doc__.splitlines()[0].rstrip(".")):
                function()
    reporter.finish()


if __name__ == "__main__":
    main()
