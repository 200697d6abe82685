#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ipvlan under control: addresses, routes, neighbours, modes and flags by vnicctl and SIGHUP."""

import contextlib
import json
import os
import re
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import scrape
import taptest

NULL_PORT = "[port eth0]\ndevice = net_null0,no-rx=1\n\n"
ERRNO = re.compile(r"\((E[A-Z]+)\)\s*$")


def vnic(name, ns=None, **keys):
    return forwarder.section("vnic", name, {
        "type": "ipvlan", "port": "eth0", "mode": "l2",
        "endpoint": f"tap:{name}0,netns={ns.name}" if ns else None, **keys})


def tell(f, command):
    """OK, or the errno's name that ends vnicctl's complaint."""
    status, _, err = f.ctl(*command.split(), check=False)
    found = ERRNO.search(err)
    taptest.check(status == 0 or (status == 1 and found), f"{command}: exit {status}, {err!r}")
    return "OK" if status == 0 else found[1]


def table(f, *rows):
    for command, wanted in rows:
        taptest.equal(tell(f, command), wanted, command)


def shown(f, name):
    """address → its object, as `address show` has it."""
    return {a["local"]: a for a in json.loads(f.ctl("-j", "address", "show", name))[0]["addr_info"]}


@contextlib.contextmanager
def without_owners(extra=""):
    forwarder.need()
    ini = (NULL_PORT.rstrip("\n") + "\n" + extra + "\n"
           + vnic("a", address="10.0.0.2/24, 2001:db8::2/64")
           + vnic("b", address="10.0.0.3/24, 2001:db8::3/64"))
    with forwarder.Forwarder(ini) as f:
        yield f, ini


@contextlib.contextmanager
def l2():
    forwarder.need()
    with lab.machines("web", "db", "out") as (web, db, out):
        ini = (lab.port(out) + vnic("web", web, address="10.1.0.2/24")
               + vnic("db", db, address="10.1.0.3/24"))
        with forwarder.Forwarder(ini) as f:
            out.batch(["link set w0 up", "addr add 10.1.0.9/24 dev w0"])
            lab.eventually_up(web, "web0")
            lab.eventually_up(db, "db0")
            yield f, ini, web, db, out


def test_one_owner():
    """IV-601 to 607, 610: an address has one vnic of the port, also while that is down."""
    with without_owners("address = 10.0.0.1/24") as (f, _):
        table(f, ("address add 10.0.0.3/24 dev a", "EADDRINUSE"),
              ("address add 2001:db8::3/64 dev a", "EADDRINUSE"),
              ("address add 10.0.0.2/16 dev a", "EADDRINUSE"),
              ("address add 10.0.0.2/24 dev a", "EEXIST"),
              ("address add 10.0.0.0-10.0.0.9 dev a", "EADDRINUSE"),
              ("link set b down", "OK"),
              ("address add 10.0.0.3/24 dev a", "EADDRINUSE"),
              ("address add 10.0.0.1/24 dev a", "OK"),
              ("address del 10.0.0.3 dev b", "OK"),
              ("address add 10.0.0.3/24 dev a", "OK"),
              ("address add 10.0.0.7 10.0.0.8 10.0.0.7 dev b", "EEXIST"),
              ("address add 10.0.0.7 10.0.0.8 10.0.0.2 dev b", "EADDRINUSE"),
              ("address add 10.0.0.7 10.0.0.8 dev b", "OK"),
              ("address del 10.0.0.7 10.0.0.9 dev b", "EADDRNOTAVAIL"),
              ("link del b", "OK"),
              ("address add 10.0.0.7-10.0.0.8 dev a", "OK"))
        taptest.equal(list(shown(f, "a")),
                      ["10.0.0.2", "2001:db8::2", "10.0.0.1", "10.0.0.3", "10.0.0.7"], "of a")
        taptest.equal(shown(f, "a")["10.0.0.7"]["last"], "10.0.0.8", "the range's end")


def test_modes():
    """IV-620 to 624, 627: mode and flag are the port's."""
    with without_owners() as (f, _):
        table(f, ("link add c link eth0 type ipvlan", "OK"),
              ("link add d link eth0 type ipvlan mode l3", "EINVAL"),
              ("link add d link eth0 type ipvlan private", "EINVAL"),
              ("link add d link eth0 type macvlan", "EBUSY"),
              ("link set a type ipvlan mode l3 private", "OK"),
              ("link set a flag private,vepa", "EINVAL"),
              ("link set a address 02:00:00:00:00:07", "EOPNOTSUPP"),
              ("link set a mode bridge", "EINVAL"))
        _, _, err = f.ctl("link", "add", "d", "link", "eth0", "type", "ipvlan", "mode", "l2",
                          check=False)
        taptest.check("`link set a type ipvlan mode l2`" in err, f"it says how: {err!r}")
        for link in json.loads(f.ctl("-j", "link")):
            taptest.equal(link["linkinfo"], {"info_kind": "ipvlan", "info_data":
                                             {"mode": "l3", "private": True}}, link["ifname"])
        table(f, ("link set b mode l2 bridge", "OK"),
              ("link set b learn 3 arp on dhcp on mac-policy strict announce on spoofcheck ip",
               "OK"))
        taptest.check("ipvlan mode l2 bridge conflicts 0" in f.ctl("-d", "link", "show", "a"),
                      "-d link show")
        text = f.ctl("-d", "link", "show", "b")
        for words in ("arp on", "mac-policy strict", "learn 3", "dhcp on", "spoofcheck ip",
                      "announce on"):
            taptest.check(words in text, f"{words} in {text}")
        f.reload(f.ctl("config", "show"))
        taptest.equal(f.ctl("-d", "link", "show", "b"), text, "after its own text was read again")
    with without_owners() as (f, _):
        f.reload(NULL_PORT)
        table(f, ("link add n link eth0 type ipvlan", "OK"))
        taptest.equal(f.link("n")["linkinfo"]["info_data"], {"mode": "l3", "bridge": True},
                      "the first one of a port")


def test_netdevs_follow():
    """A mode is switched: all netdevs stop ARP, and start it again."""
    with l2() as (f, _, web, db, out):
        lab.reaches(out, "10.1.0.2")
        f.ctl("link", "set", "web", "type", "ipvlan", "mode", "l3")
        for ns, device in ((web, "web0"), (db, "db0")):
            taptest.check("NOARP" in lab.link(ns, device)["flags"], f"{device} isn't NOARP")
        taptest.check("NOARP" in f.link("db")["flags"], "the flag is shown")
        f.ctl("link", "set", "db", "mode", "l2")
        taptest.check("NOARP" not in lab.link(web, "web0")["flags"], "web0 stayed NOARP")
        lab.reaches(out, "10.1.0.2")
        lab.reaches(db, "10.1.0.2")


def test_addresses_there():
    """What is shown is what there is: configured, the owner's, doubles; and it is on the netdev."""
    with l2() as (f, _, web, db, out):
        f.ctl("address", "add", "10.1.0.7/24", "10.1.0.8/24", "dev", "web")
        taptest.equal({a["local"] for a in lab.addresses(web, "web0") if a["family"] == "inet"},
                      {"10.1.0.2", "10.1.0.7", "10.1.0.8"}, "on the netdev")
        lab.reaches(out, "10.1.0.8")
        local = next(a["local"] for a in lab.addresses(web, "web0") if a["scope"] == "link")
        web.ip("addr add 10.1.0.70/24 dev web0")
        taptest.eventually(lambda: "10.1.0.70" in shown(f, "web"), "the owner's address")
        table(f, ("address add 10.1.0.70/24 dev db", "EADDRINUSE"),
              ("address add 10.1.0.64-10.1.0.90 dev db", "EADDRINUSE"),
              (f"address add {local}/64 dev db", "EADDRINUSE"),
              ("address add 10.1.0.71-10.1.0.73 dev db", "OK"),
              ("address del 10.1.0.71-10.1.0.73 dev db", "OK"))
        web.ip("link set web0 down")
        taptest.eventually(lambda: f.link("web")["operstate"] == "DOWN", "web is down")
        table(f, ("address add 10.1.0.70/24 dev db", "EADDRINUSE"),
              ("address add 10.1.0.70/24 dev web", "OK"),
              ("address del 10.1.0.70/24 dev web", "OK"))
        web.batch(["link set web0 up", "addr add 10.1.0.70/24 dev web0"])
        taptest.eventually(lambda: "10.1.0.70" in shown(f, "web"), "the owner's address again")
        for _ in range(20):  # what is gone is free at once (IV-606)
            web.ip("addr add 10.1.0.75/24 dev web0")
            taptest.eventually(lambda: "10.1.0.75" in shown(f, "web"), "one more")
            web.ip("addr del 10.1.0.75/24 dev web0")
            table(f, ("address add 10.1.0.75/24 dev db", "OK"),
                  ("address del 10.1.0.75/24 dev db", "OK"))
        taptest.check(shown(f, "web")["10.1.0.70"]["dynamic"], "it isn't configured")
        web.ip("addr add 2001:db8:7::1/56 dev web0 nodad")
        taptest.eventually(lambda: {a: i["prefixlen"] for a, i in shown(f, "web").items()} ==
                           {a["local"]: a["prefixlen"] for a in lab.addresses(web, "web0")},
                           "the lengths that `ip address` shows")
        web.ip("addr del 2001:db8:7::1/56 dev web0")
        taptest.equal(shown(f, "web")["10.1.0.7"],
                      {"family": "inet", "local": "10.1.0.7", "prefixlen": 24}, "10.1.0.7")
        web.ip("addr del 10.1.0.7/24 dev web0")
        taptest.eventually(lambda: "10.1.0.7" not in shown(f, "web"), "the owner took it away")
        db.ip("addr add 10.1.0.2/32 dev db0")
        taptest.eventually(lambda: shown(f, "db").get("10.1.0.2", {}).get("conflict") == "web",
                           "a double is told of")
        taptest.check(f.link("db")["conflicts"] >= 1, "and counted")
        f.ctl("address", "del", "10.1.0.8/24", "dev", "web")
        taptest.check("10.1.0.8" not in {a["local"] for a in lab.addresses(web, "web0")},
                      "gone from the netdev")


def test_learned():
    """What a vnic was seen to send from is shown as learned."""
    with l2() as (f, _, web, _, _):
        f.ctl("link", "set", "web", "learn", "2")
        with web.entered():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with s:
            s.setsockopt(socket.IPPROTO_IP, 19, 1)  # IP_TRANSPARENT
            s.bind(("10.1.0.88", 0))

            def is_learned():
                s.sendto(b"x", ("10.1.0.9", 9))
                return shown(f, "web").get("10.1.0.88")
            taptest.equal(taptest.eventually(is_learned, "10.1.0.88 is learned"),
                          {"family": "inet", "local": "10.1.0.88", "prefixlen": 32,
                           "dynamic": True, "learned": True}, "how it is shown")
            taptest.check("inet 10.1.0.88/32 dynamic learned\n" in f.ctl("address", "show", "web"),
                          "as text")
            f.ctl("link", "set", "web", "learn", "off")


def test_routes():
    """Routes on the link, and those that addresses bring."""
    with without_owners("address = 192.0.2.10/24, 2001:db8:1::1/64\nroutes = 10.9.0.0/16, "
                        "default via 192.0.2.1") as (f, ini):
        own = ("192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.10\n"
               "2001:db8:1::/64 dev eth0 proto kernel scope link src 2001:db8:1::1\n")
        taptest.equal(f.ctl("route"), "10.9.0.0/16 dev eth0 scope link\n"
                      "default via 192.0.2.1 dev eth0\n" + own, "route")
        table(f, ("route add 10.9.0.0/16 via 192.0.2.2 dev eth0", "EEXIST"),
              ("route add 2001:db8:9::/48 dev eth0", "OK"),
              ("route add 10.8.0.1/16 dev eth0", "EINVAL"),
              ("route del 10.9.0.0/16 via 192.0.2.2 dev eth0", "ESRCH"),
              ("route del 10.9.0.0/16 dev eth0", "OK"),
              ("route del default dev eth0", "OK"))
        taptest.equal(f.ctl("route"), "2001:db8:9::/48 dev eth0 scope link\n" + own, "route")
        f.reload(f.ctl("config", "show"))
        taptest.check("2001:db8:9::/48 dev eth0" in f.ctl("route"), "saved and read")
        f.reload(ini)


def test_neighbours():
    """Found ones and permanent ones, which stay while the port lives."""
    forwarder.need()
    with lab.machines("web", "out") as (web, out):
        ini = ("[global]\nmetrics = 127.0.0.1:9477\n\n"
               + lab.port(out, address="10.1.0.1/24", routes="10.5.0.0/16", **{"proxy-arp": "on"})
               + vnic("web", web, mode="l3", address="10.1.0.2/24"))
        with forwarder.Forwarder(ini, ns=out) as f:
            out.batch(["link set w0 up", "addr add 10.1.0.9/24 dev w0",
                       "addr add 10.5.0.5/32 dev w0"])
            web.ip("route add default dev web0")
            mac = lab.link(out, "w0")["address"]
            lab.reaches(web, "10.1.0.9")
            lab.reaches(web, "10.5.0.5")  # on the link by a route alone

            def neighbours():
                return {n["dst"]: n for n in json.loads(f.ctl("-j", "neigh"))}
            found = neighbours()["10.1.0.9"]
            taptest.equal((found["dev"], found["lladdr"], len(found["state"])), ("eth0", mac, 1),
                          "10.1.0.9")
            taptest.check(found["state"][0] in ("REACHABLE", "STALE", "PROBE"), f"state {found}")
            web.run("ping", "-c", "1", "-W", "1", "10.1.0.66", check=False)
            taptest.eventually(lambda: "lladdr" not in neighbours()["10.1.0.66"]
                               and neighbours()["10.1.0.66"]["state"] in (["INCOMPLETE"],
                                                                          ["FAILED"]), "nobody")
            table(f, (f"neigh add 10.1.0.77 lladdr {mac} dev eth0", "OK"),
                  (f"neigh add 10.1.0.77 lladdr {mac} dev eth0", "EEXIST"),
                  ("neigh add 10.1.0.78 lladdr 01:00:00:00:00:01 dev eth0", "EINVAL"),
                  (f"neigh add 224.0.0.1 lladdr {mac} dev eth0", "EINVAL"),
                  (f"neigh add 10.1.0.78 lladdr {mac} dev web", "ENODEV"),
                  ("neigh del 10.1.0.78 dev eth0", "ENOENT"),
                  ("neigh flush", "OK"))
            permanent = {"dst": "10.1.0.77", "dev": "eth0", "lladdr": mac, "state": ["PERMANENT"]}
            taptest.equal(neighbours().get("10.1.0.77"), permanent, "stays when all are flushed")
            # Nobody answers for .77, so frames that come there went by the entry alone.
            out.ip("addr add 10.1.0.77/32 dev w0")
            out.sysctl("ipv4/conf/w0/arp_ignore", 8)
            lab.reaches(web, "10.1.0.77")
            f.reload(ini.replace("mode = l3", "mode = l2"))
            f.reload(ini + vnic("more", mode="l3", address="10.1.0.4/24"))
            taptest.equal(neighbours().get("10.1.0.77"), permanent, "over reloads")
            metrics = scrape.parse(scrape.get(out, "127.0.0.1:9477"))
            taptest.check(({"port": "eth0", "state": "PERMANENT"}, 1)
                          in metrics["dpdk_vnic_port_neighbours"].samples, "neighbours' metric")
            taptest.equal(metrics["dpdk_vnic_port_addresses"].samples, [({"port": "eth0"}, 3)],
                          "both vnics' and web0's link-local address")
            table(f, ("neigh del 10.1.0.77 dev eth0", "OK"))
            taptest.check("10.1.0.77" not in neighbours(), "deleted")


def test_bounded():
    """Permanent neighbours are bounded."""
    with without_owners() as (f, _):
        for i in range(512):
            f.rpc("neigh.add", {"dev": "eth0", "dst": f"10.0.{1 + i // 256}.{1 + i % 250}"
                                if i % 256 < 250 else f"10.1.{i // 256}.{i % 256}",
                                "lladdr": "02:00:00:00:00:99"})
        table(f, ("neigh add 10.2.0.1 lladdr 02:00:00:00:00:99 dev eth0", "ENOSPC"),
              ("neigh del 10.0.1.1 dev eth0", "OK"),
              ("neigh add 10.2.0.1 lladdr 02:00:00:00:00:99 dev eth0", "OK"))


def batch(f, lines, *options):
    path = os.path.join(f.directory, "batch")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return f.ctl(*options, "-batch", path, check=False)


def test_batch():
    """A file of commands: in order, up to the first that fails; the same as one by one."""
    with without_owners() as (f, _):
        status, out, err = batch(f, [
            "# addresses", "", "address add 10.0.1.1 dev a  # a comment",
            "address add 10.0.1.2 dev a", "address add 10.0.1.3 dev b",
            "address del 10.0.1.1 dev a", "address show b", "route add 10.9.0.0/16 dev eth0"])
        taptest.equal((status, err), (0, ""), "batch")
        taptest.check("10.0.1.3" in out, f"a line's output: {out}")
        taptest.check("10.9.0.0/16" in f.ctl("route"), "the last line")
        many = [f"address add 10.3.{i // 256}.{i % 256} dev a" for i in range(1, 1000)]
        many[700] = "address add 10.0.0.3 dev a"
        status, _, err = batch(f, many)
        taptest.equal(status, 1, "exit status")
        taptest.check("EADDRINUSE" in err and err.endswith("batch:701\n"), f"which line: {err}")
        taptest.equal(len(shown(f, "a")), 2 + 1 + 700, "those before it")
        status, _, err = batch(f, many[690:] + ["bogus", "link set a down"], "-force")
        taptest.check(status != 0 and "batch:11\n" in err, f"-force: {status} {err[:300]}")
        taptest.check("'bogus' is unknown" in err, f"bogus: {err[-300:]}")
        taptest.equal(len(shown(f, "a")), 2 + 1 + 998, "all but one")
        taptest.equal(f.link("a")["operstate"], "DOWN", "the last line")
        taptest.equal(f.ctl("-batch", "/nonexistent", check=False)[0], 1, "no such file")


def test_many_addresses():
    """65,536 addresses: as a range, and line by line; beside them one more."""
    with without_owners() as (f, _):
        table(f, ("address add 10.4.0.0-10.4.255.255 dev a", "OK"),
              ("address add 10.4.255.255 dev b", "EADDRINUSE"),
              ("address del 10.4.0.0-10.4.255.255 dev a", "OK"))
        lines = [f"address add 10.7.{i // 256}.{i % 256} dev b" for i in range(65536)]
        taptest.equal(batch(f, lines), (0, "", ""), "batch")
        table(f, ("address add 10.7.1.1 dev a", "EADDRINUSE"), ("address add 10.6.0.1 dev b", "OK"),
              ("address add 10.6.0.2 dev a", "OK"))
        taptest.equal(len(shown(f, "b")), 65536 + 3, "addresses")


def test_reload_while_frames_flow():
    """SIGHUP gives and takes addresses and routes; others' echoes all come back."""
    with l2() as (f, ini, _, _, out):
        lab.reaches(out, "10.1.0.3")
        lost, done = [], threading.Event()

        def bystander():
            while not done.is_set():
                lost.append(10 - lab.pings(out, "10.1.0.3", 10, 5))

        thread = threading.Thread(target=bystander)
        thread.start()
        try:
            for i in range(6):
                f.write(ini.replace("10.1.0.2/24", f"10.1.0.2/24, 10.1.0.{50 + i}/24")
                        .replace("[vnic web]", f"routes = 10.{i}.0.0/16\n\n[vnic web]", 1))
                f.hang_up()
                lab.reaches(out, f"10.1.0.{50 + i}")
                if i > 0:
                    lab.does_not_reach(out, f"10.1.0.{49 + i}")
                taptest.check(f"10.{i}.0.0/16 dev eth0" in f.ctl("route"), "the route")
        finally:
            done.set()
            thread.join()
        taptest.equal(sum(lost), 0, "echoes of a bystander that were lost")


if __name__ == "__main__":
    taptest.main()
