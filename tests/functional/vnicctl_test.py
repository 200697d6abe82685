#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""vnicctl against a daemon that isn't one: texts, JSON, abbreviations, errors, exit statuses."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import taptest
from taptest import check, equal

WEB = {
    "ifname": "web", "link": "eth0", "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
    "mtu": 1500, "operstate": "UP", "address": "02:00:00:00:00:01",
    "linkinfo": {"info_kind": "macvlan",
                 "info_data": {"mode": "source", "nodst": True, "bcqueuelen": 1000,
                               "usedbcqueuelen": 3000, "macaddr_count": 2,
                               "macaddr_data": ["02:aa:00:00:00:01", "02:aa:00:00:00:02"]}},
    "endpoint": {"type": "tap", "target": "web0", "netns": "web", "queues": 1, "state": "up",
                 "reason": None, "detail": "ifindex=7 groups=3"},
    "stats64": {"rx": {"bytes": 3267, "packets": 29, "errors": 0, "dropped": 1234567890123,
                       "multicast": 7},
                "tx": {"bytes": 0, "packets": 0, "errors": 0, "dropped": 0}},
    "drops": {"no_buffer": 3, "spoofed_mac": 0, "tx_full": 12},
}
DB = {
    "ifname": "db", "link": None, "flags": ["BROADCAST", "MULTICAST", "UP"],
    "mtu": 9000, "operstate": "DOWN", "address": "02:00:00:00:00:02",
    "linkinfo": {"info_kind": "veth", "info_data": {"peer": "app"}},
    "endpoint": {"type": "vhost", "target": "/run/db.sock", "netns": None, "queues": 1,
                 "state": "down",
                 "reason": "no vhost-user client has connected to /run/db.sock yet"},
    "stats64": {"rx": {"bytes": 0}, "tx": {"bytes": 0}}, "drops": {},
}
ETH0 = {
    "ifname": "eth0", "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"], "mtu": 1500,
    "operstate": "UP", "address": "52:54:00:00:00:01",
    "device": {"type": "dev", "target": "0000:3b:00.0", "driver": "net_ice", "numa": 1,
               "detail": "rx_queues=4"},
    "host": {"type": "tap", "target": "vnic-eth0", "netns": None, "state": "down",
             "reason": "its MAC is in use"},
    "stats64": {"rx": {"bytes": 1, "packets": 2}, "tx": {"bytes": 3, "packets": 4}},
    "drops": {"no_vnic": 5},
}
DROPS = [
    {"ifname": "web", "reason": "no_buffer", "side": "rx", "packets": 3,
     "text": "its owner does not take them fast enough"},
    {"ifname": "long-name", "reason": "spoofed", "side": "tx", "packets": 18446744073,
     "text": "sent with a source address that isn't its own"},
    {"ifname": "web", "reason": "zero", "side": "rx", "packets": 0, "text": "nothing"},
]

WEB_HEAD = "web@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n"
DB_TEXT = """\
db: <BROADCAST,MULTICAST,UP> mtu 9000 state DOWN
    link/ether 02:00:00:00:00:02 veth
    down: no vhost-user client has connected to /run/db.sock yet
"""


def result(value):
    return lambda request: {"jsonrpc": "2.0", "result": value, "id": request["id"]}


def error(code, message, errno=None):
    body = {"code": code, "message": message}
    if errno:
        body["data"] = {"errno": errno}
    return lambda request: {"jsonrpc": "2.0", "error": body, "id": request["id"]}


class Daemon:
    """Answers each request with what answer(request) makes of it: an object, or bytes as they are."""

    def __init__(self, answer):
        self.directory = tempfile.mkdtemp(prefix="vnicctl-test-")
        self.path = os.path.join(self.directory, "sock")
        self.requests = []
        self.answer = answer
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                with contextlib.suppress(OSError):
                    self._serve(connection, lines)

    def _serve(self, connection, lines):
        for line in lines:
            request = json.loads(line)
            self.requests.append(request)
            answer = self.answer(request)
            if not isinstance(answer, bytes):
                answer = json.dumps(answer).encode() + b"\n"
            connection.sendall(answer)
            return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        shutil.rmtree(self.directory)

    def run(self, *words, **more):
        return vnicctl("--socket", self.path, *words, **more)


def vnicctl(*words, **more):
    return subprocess.run([forwarder.vnicctl(), *words], capture_output=True, text=True,
                          errors="replace", timeout=30, check=False, **more)


def expect(done, status, out, err=""):
    equal((done.returncode, done.stdout, done.stderr), (status, out, err),
          " ".join(done.args[1:]))


def asks(method, params, *words):
    """These words make this request."""
    with Daemon(result([])) as daemon:
        done = daemon.run(*words)
        equal(done.returncode, 0, f"{words}: exit status, stderr {done.stderr!r}")
        request = daemon.requests[0]
        equal((request["method"], request.get("params"), request["jsonrpc"]),
              (method, params, "2.0"), " ".join(words))


def test_link_text():
    """link show: two lines a vnic, and why one is down."""
    with Daemon(result([WEB, DB])) as daemon:
        expect(daemon.run("link", "show"), 0,
               WEB_HEAD + "    link/ether 02:00:00:00:00:01 macvlan mode source\n" + DB_TEXT)


def test_link_details():
    """-d link show: the endpoint and what else is known."""
    with Daemon(result([WEB, DB])) as daemon:
        expect(daemon.run("-d", "link"), 0, WEB_HEAD + """\
    link/ether 02:00:00:00:00:01 macvlan mode source nodst bcqueuelen 1000 usedbcqueuelen 3000 \
remotes (2) 02:aa:00:00:00:01 02:aa:00:00:00:02
    endpoint tap:web0 netns web queues 1 state up
        ifindex=7 groups=3
db: <BROADCAST,MULTICAST,UP> mtu 9000 state DOWN
    link/ether 02:00:00:00:00:02 veth peer app
    endpoint vhost:/run/db.sock queues 1 state down
    down: no vhost-user client has connected to /run/db.sock yet
""")


def test_link_statistics():
    """-s link show: numbers below their words, as ip prints them; drops that happened."""
    with Daemon(result([WEB])) as daemon:
        expect(daemon.run("-s", "link", "show", "web"), 0, WEB_HEAD + """\
    link/ether 02:00:00:00:00:01 macvlan mode source
    RX: bytes packets errors       dropped mcast
         3267      29      0 1234567890123     7
    TX: bytes packets errors dropped
            0       0      0       0
    drops: no_buffer 3, tx_full 12
""")


def test_link_json():
    """-j prints what the daemon sent, on one line; -j -p indents it."""
    with Daemon(result([WEB, DB])) as daemon:
        expect(daemon.run("-j", "link"), 0,
               json.dumps([WEB, DB], separators=(",", ":")) + "\n")
        pretty = daemon.run("-j", "-p", "link")
        equal(json.loads(pretty.stdout), [WEB, DB], "-j -p link")
        check(pretty.stdout.startswith('[\n    {\n        "ifname": "web",\n'), pretty.stdout)


def test_port_text():
    """port show: the device, and -s -d."""
    head = "eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n"
    second = "    link/ether 52:54:00:00:00:01 device dev:0000:3b:00.0 driver net_ice"
    with Daemon(result([ETH0])) as daemon:
        expect(daemon.run("port", "show", "eth0"), 0,
               head + second + "\n    host down: its MAC is in use\n")
        expect(daemon.run("-s", "-d", "port"), 0, head + second + """ numa 1
        rx_queues=4
    host tap:vnic-eth0 state down
    host down: its MAC is in use
    RX: bytes packets
            1       2
    TX: bytes packets
            3       4
    drops: no_vnic 5
""")


def test_drops_text():
    """drops show: a table of what is not 0; -d of all."""
    with Daemon(result(DROPS)) as daemon:
        table = """\
NAME       SIDE  REASON          PACKETS  MEANING
web        rx    no_buffer             3  its owner does not take them fast enough
long-name  tx    spoofed     18446744073  sent with a source address that isn't its own
"""
        expect(daemon.run("drops", "show"), 0, table)
        expect(daemon.run("-d", "drops"), 0,
               table + "web        rx    zero                  0  nothing\n")
    sideless = [{k: v for k, v in row.items() if k != "side"} for row in DROPS[:1]]
    with Daemon(result(sideless)) as daemon:
        expect(daemon.run("drops"), 0, """\
NAME  REASON          PACKETS  MEANING
web   no_buffer             3  its owner does not take them fast enough
""")
    with Daemon(result(DROPS[2:])) as daemon:
        expect(daemon.run("drops"), 0, "no drops\n")


def test_requests():
    """Words become a method and its parameters."""
    brief = {"statistics": False, "details": False}
    every = {"statistics": True, "details": True}
    asks("link.show", brief, "link", "show")
    asks("link.show", {"name": "web", **brief}, "link", "show", "web")
    asks("link.show", {"name": "web", **brief}, "link", "show", "dev", "web")
    asks("link.show", {"name": "dev", **brief}, "link", "show", "dev", "dev")
    asks("link.show", {**brief, "statistics": True}, "-s", "link")
    asks("link.show", {**brief, "details": True}, "-d", "link")
    asks("link.show", every, "-j", "link")
    asks("port.show", {"name": "eth0", **brief}, "port", "show", "eth0")
    asks("drops.show", {}, "-s", "drops")
    asks("drops.show", {"name": "web"}, "drops", "show", "web")
    asks("drops.show", {}, "-j", "drops")
    asks("drops.show", {"name": "web", "details": True}, "-d", "drops", "show", "web")
    asks("config.reload", {}, "config", "reload")
    asks("config.check", {"file": "/etc/vnic.ini"}, "config", "check", "/etc/vnic.ini")
    asks("config.check", {"file": os.path.join(os.getcwd(), "a b.ini")},
         "config", "check", "a b.ini")


def test_changes():
    """The words of link add, set and del, address, route and neigh, in ip's order and others."""
    web = {"name": "web", "link": "eth0", "type": "macvlan"}
    asks("link.add", {**web, "mode": "bridge"},
         *"link add name web link eth0 type macvlan mode bridge".split())
    asks("link.add", {**web, "mode": "bridge", "mtu": "1400", "address": "02:00:00:00:00:01"},
         *"l a link eth0 web address 02:00:00:00:00:01 mtu 1400 type macvlan mode bridge".split())
    asks("link.add", {**web, "endpoint": "tap:w", "netns": "x", "state": "down"},
         *"link add dev web down link eth0 endpoint tap:w netns x type macvlan".split())
    asks("link.add", {**web, "mode": "source", "flags": "nodst", "sources": ["a", "b"],
                      "state": "up"},
         *"link add web link eth0 type macvlan mode source flag nodst macaddr set a b up".split())
    for verb, sources in (("add a b", ["a", "b"]), ("del a", []), ("flush", [])):
        asks("link.add", {**web, "mode": "source", "sources": sources},
             *f"link add web link eth0 type macvlan mode source macaddr {verb}".split())
    asks("link.add", {**web, "type": "ipvlan", "mode": "l2", "flags": "bridge"},
         *"link add web link eth0 type ipvlan mode l2 bridge".split())
    asks("link.add", {"name": "a", "type": "veth", "endpoint": "tap:a",
                      "peer": {"name": "b", "endpoint": "tap:b", "mtu": "9000"}},
         *"link add a endpoint tap:a type veth peer name b endpoint tap:b mtu 9000".split())
    asks("link.add", {"name": "a", "type": "veth", "peer": {"name": "b"}},
         *"link add name a type veth peer b".split())
    asks("link.set", {"name": "web", "state": "up"}, "link", "set", "web", "up")
    asks("link.set", {"name": "up", "state": "down"}, "l", "se", "dev", "up", "down")
    asks("link.set", {"name": "web", "type": "macvlan", "mode": "source", "flags": ""},
         *"link set web type macvlan mode source flag null".split())
    for verb, value in (("add a b", {"add": ["a", "b"]}), ("del a", {"del": ["a"]}),
                        ("set", {"set": []}), ("flush", {"flush": True}), ("add", {"add": []})):
        asks("link.set", {"name": "web", "macaddr": value, "spoofcheck": "mac"},
             *f"link set web macaddr {verb} spoofcheck mac".split())
    asks("link.del", {"name": "web"}, "link", "del", "web")
    asks("link.del", {"name": "web"}, "l", "delete", "dev", "web")
    one = {"dev": "web", "address": "10.0.0.2/24"}
    asks("address.show", {}, "a")
    asks("address.show", {"dev": "web"}, "address", "show", "web")
    asks("address.add", one, *"addr add 10.0.0.2/24 dev web".split())
    asks("address.del", one, *"a d dev web local 10.0.0.2/24".split())
    asks("route.show", {"dev": "eth0"}, "r", "s", "dev", "eth0")
    asks("route.add", {"dst": "default", "via": "192.0.2.1", "dev": "eth0"},
         *"route add default via 192.0.2.1 dev eth0".split())
    asks("route.add", {"dst": "10.9.0.0/16", "dev": "eth0"}, *"r a 10.9.0.0/16 dev eth0".split())
    asks("address.add", {"dev": "web", "address": ["10.0.0.2", "10.0.0.3/24", "10.0.0.4"]},
         *"a a 10.0.0.2 10.0.0.3/24 dev web local 10.0.0.4".split())
    asks("neigh.add", {"dst": "10.0.0.9", "lladdr": "02:00:00:00:00:09", "dev": "eth0"},
         *"n a 10.0.0.9 lladdr 02:00:00:00:00:09 nud permanent dev eth0".split())
    asks("neigh.del", {"dst": "10.0.0.9", "dev": "eth0"}, *"n d to 10.0.0.9 dev eth0".split())
    asks("link.set", {"name": "web", "type": "ipvlan", "mode": "l2", "flags": "private",
                      "learn": "3", "arp": "on", "mac-policy": "macnat"},
         *"link set web type ipvlan mode l2 private learn 3 arp on mac-policy macnat".split())
    asks("neigh.show", {}, "n")
    asks("neigh.flush", {"dev": "eth0"}, "neigh", "flush", "dev", "eth0")
    asks("config.show", {}, "config", "show")


def test_saves():
    """config save writes what the daemon says, to a file or a pipe, and leaves no other."""
    with Daemon(result({"text": "[port p]\n"})) as daemon:
        path = os.path.join(daemon.directory, "new.ini")
        expect(daemon.run("config", "save", path), 0, "")
        with open(path, "w", encoding="utf-8") as f:
            f.write("old")
        os.chmod(path, 0o640)
        expect(daemon.run("config", "save", path), 0, "")
        with open(path, encoding="utf-8") as f:
            equal(f.read(), "[port p]\n", "the file")
        equal(os.stat(path).st_mode & 0o777, 0o640, "its mode")
        expect(daemon.run("config", "save", "-"), 0, "[port p]\n")
        expect(daemon.run("config", "save", "/dev/stdout"), 0, "[port p]\n")
        expect(daemon.run("config", "save", "/dev/full"), 1, "",
               "vnicctl: /dev/full: No space left on device\n")
        expect(daemon.run("config", "save", daemon.directory), 1, "",
               f"vnicctl: {daemon.directory}: Is a directory\n")
        equal(sorted(os.listdir(daemon.directory)), ["new.ini", "sock"], "files")
        equal({r["method"] for r in daemon.requests}, {"config.show"}, "methods")
    with Daemon(result({})) as daemon:
        equal(daemon.run("config", "save", "-").returncode, 1, "a daemon without a text")


def test_abbreviations():
    """Objects, verbs and options may be shortened, as ip's."""
    brief = {"statistics": False, "details": False}
    for words in (["l"], ["l", "s"], ["li", "sh"], ["link", "ls"], ["l", "list"], ["lin", "lst"]):
        asks("link.show", brief, *words)
    asks("port.show", brief, "p", "s")
    asks("drops.show", {}, "d", "s")
    asks("config.reload", {}, "c", "r")
    asks("config.check", {"file": "/x"}, "conf", "ch", "/x")
    for words in (["-sd"], ["-s", "-d"], ["-stats", "-details"], ["--statistics", "--det"],
                  ["-stat", "-de"]):
        asks("link.show", {"statistics": True, "details": True}, *words, "link")


def test_config_check():
    """config check prints every error of the file and exits with 1."""
    errors = ["vnic.ini:14: [vnic web] mode: 'brigde' is not a macvlan mode", "vnic.ini:20: x"]
    with Daemon(result({"errors": errors})) as daemon:
        expect(daemon.run("config", "check", "vnic.ini"), 1, "", "\n".join(errors) + "\n")
        expect(daemon.run("-j", "config", "check", "vnic.ini"), 1,
               json.dumps({"errors": errors}, separators=(",", ":")) + "\n")
    with Daemon(result({"errors": []})) as daemon:
        expect(daemon.run("config", "check", "vnic.ini"), 0, "no errors\n")


def test_config_reload():
    """config reload says nothing when it worked."""
    with Daemon(result({})) as daemon:
        expect(daemon.run("config", "reload"), 0, "")


def test_refusals():
    """The daemon's reason goes to stderr, its exit status is 1; -d adds the errno."""
    text = "no vnic is named 'wbe'"
    with Daemon(error(-32000, text, "ENODEV")) as daemon:
        expect(daemon.run("link", "show", "wbe"), 1, "", f"vnicctl: {text}\n")
        expect(daemon.run("-j", "link", "show", "wbe"), 1, "", f"vnicctl: {text}\n")
        expect(daemon.run("-d", "link", "show", "wbe"), 1, "", f"vnicctl: {text} (ENODEV)\n")
    with Daemon(error(-32601, "method not found: 'port.show'")) as daemon:
        expect(daemon.run("port"), 1, "",
               "vnicctl: this dpdk-vnic can't do port.show: is it older than vnicctl?\n")
    # Refused before it was asked: an error without the request's id.
    full = b'{"jsonrpc":"2.0","error":{"code":-32000,"message":"too many clients"},"id":null}\n'
    with Daemon(lambda _: full) as daemon:
        expect(daemon.run("link"), 1, "", "vnicctl: too many clients\n")


def test_usage_errors():
    """What can't be understood exits with 2 and asks the daemon nothing."""
    cases = [
        (["lonk"], "object 'lonk' is unknown"),
        ([""], "object '' is unknown"),
        (["link", "shwo"], "'shwo' is unknown"),
        (["link", "show", "a", "b"], "unexpected 'b'"),
        (["link", "show", "dev"], "a name is missing"),
        (["link", "show", "-s"], "options go before the object"),
        (["config", "check"], "FILE is missing"),
        (["config", "check", "a", "b"], "unexpected 'b'"),
        (["config", "reload", "x"], "unexpected 'x'"),
        (["config"], "Usage:"),
        (["config", "save"], "FILE is missing"),
        (["link", "add"], "a NAME is missing"),
        (["link", "add", "web"], "a type is missing"),
        (["link", "add", "web", "db", "type", "veth"], "unexpected 'db'"),
        (["link", "add", "web", "type"], "a value is missing after 'type'"),
        (["link", "add", "a", "type", "veth", "peer"], "a name is missing after 'peer'"),
        (["link", "add", "a", "type", "veth", "peer", "b", "c"], "unexpected 'c'"),
        (["link", "add", "a", "mtu", "1", "mtu", "2", "type", "veth"], "the mtu is there twice"),
        (["link", "set"], "a NAME is missing"),
        (["link", "set", "web"], "nothing to set"),
        (["link", "set", "web", "up", "down"], "the state is there twice"),
        (["link", "set", "web", "macaddr"], "macaddr needs add"),
        (["link", "set", "web", "macaddr", "drop"], "macaddr needs add"),
        (["link", "set", "web", "macaddr", "flush", "02:00:00:00:00:01"], "is too much"),
        (["link", "set", "web", "macaddr", "flush", "macaddr", "flush"], "macaddr is there twice"),
        (["link", "set", "web", "macaddr", "add", "caf\udcc3"], "not UTF-8"),
        (["link", "set", "web", "bogus"], "unexpected 'bogus'"),
        (["link", "set", "-s", "web"], "options go before the object"),
        (["link", "del"], "a NAME is missing"),
        (["link", "del", "a", "b"], "unexpected 'b'"),
        (["address", "add", "10.0.0.1/24"], "'dev NAME' is missing"),
        (["address", "add", "dev", "web"], "an address is missing"),
        (["route", "add", "default"], "'dev PORT' is missing"),
        (["route", "add", "default", "via"], "a value is missing after 'via'"),
        (["neigh", "add", "10.0.0.9", "dev", "eth0"], "'lladdr MAC' is missing"),
        (["neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "nud", "stale"],
         "nud can only be permanent"),
        (["neigh", "del", "dev", "eth0"], "an address is missing"),
        (["-batch"], "a FILE is missing"),
        (["-batch", "/dev/null", "link"], "unexpected 'link' behind -batch"),
        (["-x", "link"], "option '-x' is unknown"),
        (["-jx", "link"], "option '-jx' is unknown"),
        (["--socket"], "a path is missing"),
        (["link", "show", "caf\udcc3"], "not UTF-8"),
        ([], "Usage:"),
    ]
    with Daemon(result([])) as daemon:
        for words, text in cases:
            done = daemon.run(*words)
            equal((done.returncode, done.stdout), (2, ""), f"{words}")
            check(text in done.stderr, f"{words}: {text!r} is not in {done.stderr!r}")
        equal(daemon.requests, [], "requests")


def test_help():
    """help and -V print to stdout, exit with 0 and need no daemon."""
    nowhere = ("--socket", "/nonexistent/sock")
    for words in (["help"], ["h"], ["-help"], ["--help"], ["link", "help"], ["config", "h"]):
        done = vnicctl(*nowhere, *words)
        equal((done.returncode, done.stderr), (0, ""), f"{words}")
        check("Usage:" in done.stdout, f"{words}: {done.stdout!r}")
        check(("link show" in done.stdout) == (words[0] != "config"), f"{words}: {done.stdout!r}")
        check(all(len(line) <= 100 for line in done.stdout.splitlines()), "lines are too long")
    done = vnicctl("-V")
    equal((done.returncode, done.stdout[:20]), (0, "vnicctl, dpdk-vnic 0"), "-V")


def test_no_daemon():
    """A daemon that isn't there: which socket, and the likely reason."""
    expect(vnicctl("--socket", "/nonexistent/sock", "link"), 1, "",
           "vnicctl: cannot reach dpdk-vnic at /nonexistent/sock: No such file or directory "
           "(is it running?)\n")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "sock")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        expect(vnicctl("--socket=" + path, "link"), 1, "",
               f"vnicctl: cannot reach dpdk-vnic at {path}: Connection refused "
               "(is it running?)\n")
    done = vnicctl("--socket", "/" + "x" * 200, "link")
    equal((done.returncode, "too long" in done.stderr), (1, True), "a long path")
    # Only where nobody runs it: the socket that it takes by itself.
    if not os.path.exists("/run/dpdk-vnic.sock"):
        check("at /run/dpdk-vnic.sock: " in vnicctl("link").stderr, "the default socket")


def test_strange_daemons():
    """Answers that are no answers: one line of error, exit status 1, nothing on stdout."""
    whole = json.dumps({"jsonrpc": "2.0", "result": [], "id": 1}).encode()
    for answer in (b"", b"\n", b"hello\n", b"{}\n", b"[]\n", b"null\n", b'{"result":[],"id":2}\n',
                   b'{"result":[]}\n', b'{"error":{}}\n', b'{"error":"no"}\n', b"\xff\xfe\n",
                   b'{"error":{"message":""}}\n', whole[:-1], b"\0" * 70000 + b"\n"):
        with Daemon(lambda _, answer=answer: answer) as daemon:
            done = daemon.run("link")
            equal((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1),
                  f"{answer[:40]!r}, stderr {done.stderr!r}")
    # The newline may be missing at the end of the stream.
    with Daemon(lambda _: whole) as daemon:
        expect(daemon.run("link"), 0, "")


def test_strange_results():
    """Members that are missing or of another type, and control characters, do no harm."""
    strange = [
        {}, [], None, 3, {"ifname": 3, "flags": "UP", "mtu": "big", "linkinfo": [], "endpoint": 3,
                          "stats64": {"rx": {"a": "b"}, "tx": []}, "drops": {"x": "y"}},
        {"stats64": {"rx": {str(i): i for i in range(100)}}},
    ]
    for words in (["-s", "-d", "link"], ["-s", "-d", "port"], ["-d", "drops"],
                  ["config", "check", "x"]):
        for value in (strange, {}, None, "text", 3, {"errors": [1, {}, []]}, {"errors": 3}):
            with Daemon(result(value)) as daemon:
                done = daemon.run(*words)
                check(done.returncode in (0, 1), f"{words} {value}: {done}")
    evil = dict(DB, ifname="\x1b[2J\x07", endpoint={"state": "down", "reason": "a\nb\x7f\u00e9"})
    with Daemon(result([evil])) as daemon:
        done = daemon.run("link")
        check(done.stdout.startswith("?[2J?: <"), done.stdout)
        check(done.stdout.endswith("    down: a?b?\u00e9\n"), done.stdout)
    with Daemon(error(-32000, "one\x1b\ntwo")) as daemon:
        expect(daemon.run("link"), 1, "", "vnicctl: one??two\n")


def test_many_vnics():
    """60,000 vnics are shown, as text and as JSON."""
    vnics = [dict(WEB, ifname=f"web{i}") for i in range(60000)]
    with Daemon(result(vnics)) as daemon:
        done = daemon.run("-s", "-d", "link")
        equal((done.returncode, done.stdout.count("\n")), (0, 60000 * 9), "lines")
        done = daemon.run("-j", "link")
        equal(json.loads(done.stdout)[59999]["ifname"], "web59999", "the last")


def test_output_that_fails():
    """A reader that went away gets no complaint; a full disk gets one. Neither is success."""
    vnics = [dict(WEB, ifname=f"web{i}") for i in range(5000)]
    with Daemon(result(vnics)) as daemon:
        command = [forwarder.vnicctl(), "--socket", daemon.path, "link"]
        for keep_ignoring in (False, True):
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  restore_signals=not keep_ignoring) as child:
                child.stdout.readline()
                child.stdout.close()
                equal(child.stderr.read(), b"", "stderr")
                check(child.wait() != 0, "exit status 0")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True,
                                  check=False, timeout=30)
        equal((done.returncode, done.stderr),
              (1, "vnicctl: cannot write: No space left on device\n"), "/dev/full")


def complete(daemon, *words):
    """What bash offers for the last of these words, `--socket PATH` being there already."""
    script = """
        source "$1"; shift
        COMP_WORDS=(vnicctl "$@"); COMP_CWORD=$#
        _vnicctl
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    source = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "app",
                          "vnicctl", "vnicctl.bash")
    path = os.path.dirname(forwarder.vnicctl()) + ":" + os.environ["PATH"]
    done = subprocess.run(["bash", "-c", script, "bash", source, "--socket", daemon.path, *words],
                          capture_output=True, text=True, check=True, timeout=30,
                          env=dict(os.environ, PATH=path))
    equal(done.stderr, "", f"{words}: stderr")
    return done.stdout.split("\n")[:-1]


def test_completion():
    """bash completes words of the grammar, and names that the daemon has."""
    answers = {"link.show": [WEB, DB], "port.show": [ETH0]}
    with Daemon(lambda request: result(answers[request["method"]])(request)) as daemon:
        for words, offers in (
                (("link", "show", ""), ["web", "db"]),
                (("link", "set", "w"), ["web"]),
                (("link", "add", "link", ""), ["eth0"]),
                (("link", "set", "web", "mod"), ["mode"]),
                (("link", "set", "web", "macaddr", ""), ["add", "del", "set", "flush"]),
                (("drops", "show", ""), ["web", "db", "eth0"]),
                (("route", "add", "default", "dev", ""), ["eth0"]),
                (("capture", ""), ["web", "db", "eth0"]),
                (("capture", "web", ""), ["in", "out", "drops", "any", "-w", "-c", "-s"]),
                (("top", "sort", ""), ["name", "rx", "tx", "drops"]),
                (("-s", "dr"), ["drops"]),
                (("l", "s", ""), ["web", "db"]),
                (("l", "delete", "d"), ["db"]),
                (("addr", "add", "10.0.0.2/24", "dev", ""), ["web", "db", "eth0"])):
            equal(complete(daemon, *words), offers, f"{words}")


def test_needs_no_dpdk():
    """vnicctl links no DPDK library: it starts on machines without them."""
    done = subprocess.run(["ldd", forwarder.vnicctl()], capture_output=True, text=True, check=True)
    check("libjansson" in done.stdout, done.stdout)
    check("librte" not in done.stdout and "libevent" not in done.stdout, done.stdout)


if __name__ == "__main__":
    if not os.access(forwarder.vnicctl(), os.X_OK):
        print(f"1..0 # SKIP {forwarder.vnicctl()} is not built")
        sys.exit(0)
    taptest.main()
