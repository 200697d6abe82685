#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""--check: what the kernel would refuse, and what no file may say; without root, without EAL."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import taptest

PORT = "[port eth0]\ndevice = net_null0\nmac = 02:4c:00:00:00:01\nmtu = 1400\n"

# name, the vnics, what must be said (each a line's beginning and some of its words)
REFUSALS = [
    ("MV-506 a second vnic beside a passthru one",
     "[vnic t]\ntype = macvlan\nport = eth0\nmode = passthru\n"
     "[vnic b]\ntype = macvlan\nport = eth0\nmode = bridge\n", ["[vnic b]", "passthru"]),
    ("MV-507 a passthru vnic on a port that has one",
     "[vnic b]\ntype = macvlan\nport = eth0\nmode = bridge\n"
     "[vnic t]\ntype = macvlan\nport = eth0\nmode = passthru\n", ["[vnic t]", "passthru"]),
    ("MV-508 the same when the other is down",
     "[vnic b]\ntype = macvlan\nport = eth0\nmode = bridge\nstate = down\n"
     "[vnic t]\ntype = macvlan\nport = eth0\nmode = passthru\n", ["[vnic t]", "passthru"]),
    ("MV-509 a mode that is none",
     "[vnic b]\ntype = macvlan\nport = eth0\nmode = brigde\n",
     ["[vnic b] mode", "'brigde' is not a macvlan mode (private, vepa, bridge, passthru, source)"]),
    ("MV-511 nodst on a bridge vnic, as iproute2 refuses it",
     "[vnic b]\ntype = macvlan\nport = eth0\nmode = bridge\nflags = nodst\n",
     ["[vnic b] flags", "nodst"]),
    ("MV-511 nopromisc on a bridge vnic",
     "[vnic b]\ntype = macvlan\nport = eth0\nmode = bridge\nflags = nopromisc\n",
     ["[vnic b] flags", "nopromisc"]),
    ("MV-512 an allow list of a vnic not in source mode",
     "[vnic b]\ntype = macvlan\nport = eth0\nmode = bridge\nsources = 02:aa:00:00:00:01\n",
     ["[vnic b] sources", "source"]),
    ("MV-513 the port's own MAC",
     "[vnic b]\ntype = macvlan\nport = eth0\nmode = bridge\nmac = 02:4c:00:00:00:01\n",
     ["[vnic b] mac", "EADDRINUSE"]),
    ("MV-514 a sibling's MAC",
     "[vnic a]\ntype = macvlan\nport = eth0\nmac = 02:00:00:00:00:01\n"
     "[vnic b]\ntype = macvlan\nport = eth0\nmac = 02:00:00:00:00:01\n",
     ["[vnic b] mac", "EADDRINUSE"]),
    ("MV-518 a group MAC",
     "[vnic b]\ntype = macvlan\nport = eth0\nmac = 01:00:5e:00:00:05\n", ["[vnic b] mac"]),
    ("MV-518 a zero MAC",
     "[vnic b]\ntype = macvlan\nport = eth0\nmac = 00:00:00:00:00:00\n", ["[vnic b] mac"]),
    ("MV-531 a group MAC in an allow list",
     "[vnic b]\ntype = macvlan\nport = eth0\nmode = source\nsources = 01:00:5e:00:00:05\n",
     ["[vnic b] sources"]),
    ("MV-600 an MTU over the port's",
     "[vnic b]\ntype = macvlan\nport = eth0\nmtu = 1401\n", ["[vnic b] mtu", "1400"]),
    ("MV-601 an MTU under 68",
     "[vnic b]\ntype = macvlan\nport = eth0\nmtu = 67\n", ["[vnic b] mtu", "68"]),
    ("no such port", "[vnic b]\ntype = macvlan\nport = eth9\n", ["[vnic b] port", "eth9"]),
    ("a veth without its peer",
     "[vnic a]\ntype = veth\npeer = b\n", ["[vnic a] peer", "b"]),
    ("an unknown key", "[vnic b]\ntype = macvlan\nport = eth0\ncolour = red\n",
     ["[vnic b] colour"]),
    ("KNI", "[vnic b]\ntype = macvlan\nport = eth0\nendpoint = kni:vnic0\n",
     ["[vnic b] endpoint", "KNI"]),
]

ACCEPTED = [
    ("MV-500 no mode", "[vnic b]\ntype = macvlan\nport = eth0\n"),
    ("MV-515 a MAC twice, one of them down",
     "[vnic a]\ntype = macvlan\nport = eth0\nmac = 02:00:00:00:00:01\nstate = down\n"
     "[vnic b]\ntype = macvlan\nport = eth0\nmac = 02:00:00:00:00:01\n"),
    ("MV-600 the port's MTU", "[vnic b]\ntype = macvlan\nport = eth0\nmtu = 1400\n"),
    ("MV-601 an MTU of 68", "[vnic b]\ntype = macvlan\nport = eth0\nmtu = 68\n"),
    ("every mode at once",
     "".join(f"[vnic {m}]\ntype = macvlan\nport = eth0\nmode = {m}\n"
             for m in ("private", "vepa", "bridge", "source"))),
]


def check(text):
    """(exit status, output) of --check, of a file with this text."""
    if not forwarder.is_built():
        raise taptest.Skip(f"{forwarder.binary()} is not built")
    with tempfile.TemporaryDirectory(prefix="vnic-check-") as directory:
        os.chmod(directory, 0o755)
        path = os.path.join(directory, "vnic.ini")
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode("ascii"))
        done = subprocess.run([forwarder.binary(), "--", "-c", path, "--check"], text=True,
                              errors="replace", capture_output=True, timeout=20, check=False)
        return done.returncode, done.stdout + done.stderr


def refuse(vnics, words):
    text = PORT + vnics
    status, output = check(text)
    taptest.equal(status, 2, f"exit status; {output}")
    lines = [li for li in output.splitlines() if all(w in li for w in words)]
    taptest.check(lines, f"no line says {words}:\n{output}")
    line = lines[0]
    taptest.check("vnic.ini:" in line and line.split("vnic.ini:")[1].split(":")[0].isdigit(),
                  f"file and line are missing: {line}")


def lines():
    first = "[vnic a]\ntype = macvlan\nport = eth0\nmac = 02:00:00:00:00:01\n"
    second = "[vnic b]\ntype = {}\nport = eth0\n{}\n"
    place = (PORT + first).count("\n") + 1
    for kind, key, line, name in (("macvlan", "mac = 02:00:00:00:00:01", 3, "mac"),
                                  ("macvlan", "mode = passthru", 3, "mode"),
                                  ("ipvlan", "", 2, "port")):
        _, output = check(PORT + first + second.format(kind, key))
        wanted = f"vnic.ini:{place + line}: [vnic b] {name}: "
        taptest.check(wanted in output, f"{wanted!r} isn't in {output!r}")
    # Where the key isn't written there is nothing better than the section.
    _, output = check(PORT + first.replace("\nmac", "\nmode = passthru\n;") +
                      second.format("macvlan", ""))
    taptest.check("[vnic b] mode: " in output and "vnic.ini:10: " in output, output)
    text = "[vnic c]\ntype = ipvlan\nport = eth0\naddress = 10.0.0.1, 10.0.0.2, 10.0.0.1\n"
    _, output = check(PORT + text)
    taptest.check("vnic.ini:8: [vnic c] address: 10.0.0.1 is there twice" in output, output)


def hopeless(name):
    """The unit tests' bad files: all that the grammar says is told, whatever else is looked at."""
    here = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "data", "conf", name)
    with open(here + ".errors", encoding="utf-8") as f:
        wanted = [li.split(":", 1)[1] for li in f.read().splitlines()]
    # Read as bytes there, too: one of them isn't text.
    with open(here + ".ini", "rb") as f:
        status, output = check(f.read())
    taptest.equal(status, 2, "exit status")
    told = [li.split("vnic.ini:", 1)[-1] for li in output.splitlines()]
    taptest.equal([w for w in wanted if w not in told], [], f"errors that aren't told in\n{output}")


def main():
    reporter = taptest.Reporter()
    for name, vnics, words in REFUSALS:
        with reporter.case(f"refused: {name}"):
            refuse(vnics, words)
    for name, vnics in ACCEPTED:
        with reporter.case(f"accepted: {name}"):
            status, output = check(PORT + vnics)
            taptest.equal(status, 0, f"exit status; {output}")
    with reporter.case("all errors of a file are told in one run"):
        wrong = [v for _, v, _ in REFUSALS if v.count("[vnic b]") == 1 and v.count("[") == 1]
        text = PORT + "".join(v.replace("[vnic b]", f"[vnic b{i}]") for i, v in enumerate(wrong))
        _, output = check(text)
        silent = [i for i in range(len(wrong)) if f"[vnic b{i}]" not in output]
        taptest.equal(silent, [], f"sections without an error in\n{output}")
    with reporter.case("what is refused of vnics in combination has the line of its key"):
        lines()
    with reporter.case("of more than 1,000 errors 1,000 are told"):
        text = PORT + "".join(f"[vnic {n}]\ntype = macvlan\nport = eth0\ncount = 20000\n"
                              "mac = 02:00:00:00:00:00\n" for n in "abc")
        status, output = check(text)
        taptest.equal(status, 2, "exit status")
        taptest.equal(output.count("\n"), 1001, "lines")
        taptest.check(output.endswith("has more errors; only 1000 are shown\n"), output[-200:])
    for name in ("bad-lines", "bad-keys", "bad-refs", "bad-lists"):
        with reporter.case(f"a file in which much is wrong: {name}"):
            hopeless(name)
    with reporter.case("a file that is not there"):
        if not forwarder.is_built():
            raise taptest.Skip(f"{forwarder.binary()} is not built")
        done = subprocess.run([forwarder.binary(), "--", "-c", "/nonexistent.ini", "--check"],
                              text=True, capture_output=True, timeout=20, check=False)
        taptest.equal(done.returncode, 2, "exit status")
        taptest.check("/nonexistent.ini" in done.stdout + done.stderr, "the file is not named")
    reporter.finish()


if __name__ == "__main__":
    main()
