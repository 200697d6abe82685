#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The program itself: its command line, its start and its end."""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import taptest

INI = "[port eth0]\ndevice = net_null0,no-rx=1\n[vnic web]\ntype = macvlan\nport = eth0\n"


def call(*words, **kw):
    done = subprocess.run([forwarder.binary(), *words], capture_output=True, text=True, timeout=60,
                          check=False, stdin=subprocess.DEVNULL, **kw)
    return done.returncode, done.stdout, done.stderr


def ini_file(directory, text):
    path = os.path.join(directory, "vnic.ini")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    return path


def test_check_needs_no_privilege():
    """--check as nobody: 0 for a good file, 2 and every error for a bad one."""
    forwarder.need()
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        good = ini_file(d, INI)
        os.chmod(good, 0o644)
        # the build may lie where only root may look: what nobody runs is a descriptor
        fd = os.open(forwarder.binary(), os.O_RDONLY)
        def run(path):
            done = subprocess.run([f"/proc/self/fd/{fd}", "--", "-c", path, "--check"],
                                  pass_fds=[fd], user=65534, group=65534, extra_groups=[],
                                  capture_output=True, text=True, timeout=30, check=False)
            return done.returncode, done.stdout, done.stderr
        taptest.equal(run(good), (0, "", ""), "a good file")
        bad = ini_file(d, INI + "mode = brigde\nmtu = 9000\ncolour = red\n")
        os.chmod(bad, 0o644)
        status, _, errors = run(bad)
        taptest.equal(status, 2, "a bad file")
        taptest.equal(len(errors.splitlines()), 3, f"every error: {errors}")
        taptest.check(f"{bad}:6: [vnic web] mode: 'brigde' is not a macvlan mode "
                      "(private, vepa, bridge, passthru, source)" in errors, errors)
        os.close(fd)


def test_usage():
    """What is wrong with the command line is said, with status 2."""
    forwarder.need()
    for words, said in ((("-c", "vnic.ini"), "-- -c vnic.ini"), ((), "no `--`"),
                        (("--",), "-c FILE is missing"), (("--", "-x"), "usage:"),
                        (("--", "-c", "/nonexistent.ini"), "/nonexistent.ini"),
                        (("--", "-c", "x", "--stats-period", "soon"), "'soon'"),
                        (("--", "-c", "x", "y"), "'y'")):
        status, _, errors = call(*words)
        taptest.equal(status, 2, f"{words}: status")
        taptest.check(said in errors, f"{words}: {errors}")
    for words in (("--help",), ("-h",), ("--", "--help")):
        status, out, _ = call(*words)
        taptest.check(status == 0 and "--check" in out, f"{words}: {status} {out}")


def test_eal_usage():
    """So is what EAL finds wrong with its options."""
    forwarder.need()
    with tempfile.TemporaryDirectory() as d:
        for words in (("--colour=red",), ("-l", "127"), ("--no-huge", "--in-memory")):
            status, _, errors = call(*words, "--", "-c", ini_file(d, INI))
            taptest.equal(status, 2, f"{words}: status; {errors[-500:]}")
            taptest.check("in front of the `--`" in errors, f"{words}: {errors}")


def test_start_that_fails():
    """A device that isn't there: one line that names the port, status 1."""
    forwarder.need()
    try:
        with forwarder.Forwarder(INI.replace("net_null0,no-rx=1", "0000:ff:1f.7")):
            taptest.check(False, "started")
    except taptest.Failure as e:
        taptest.check("ended with 1" in str(e) and "port eth0" in str(e), str(e))


def test_ready_is_announced():
    """One log line, and sd_notify's READY=1 and STOPPING=1."""
    forwarder.need()
    with tempfile.TemporaryDirectory() as d, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        path = os.path.join(d, "notify")
        s.bind(path)
        s.settimeout(10)
        os.environ["NOTIFY_SOCKET"] = path
        try:
            with forwarder.Forwarder(INI) as f:
                taptest.equal(s.recv(200), b"READY=1", "sd_notify")
                taptest.check("ready: 1 ports, 1 vnics, 1 workers" in f.text(), f.text())
                f.stop()
                taptest.equal(s.recv(200), b"STOPPING=1", "sd_notify")
        finally:
            del os.environ["NOTIFY_SOCKET"]


def test_signals_end_it_cleanly():
    """SIGINT as SIGTERM: status 0, no socket left."""
    forwarder.need()
    for sig in (signal.SIGINT, signal.SIGTERM):
        with forwarder.Forwarder(INI) as f:
            path = f.socket
            taptest.check(os.path.exists(path), "a socket")
            taptest.equal(os.stat(path).st_mode & 0o777, 0o660, "its mode")
            f.process.send_signal(sig)
            taptest.equal(f.process.wait(10), 0, f"status after {sig.name}")
            taptest.check(not os.path.exists(path), "the socket is gone")


def test_one_lcore():
    """With a single lcore, that one polls and control has a thread of its own."""
    forwarder.need()
    ini = INI.replace("net_null0,no-rx=1", "net_null0")
    with forwarder.Forwarder(ini, lcores=("-l", "1")) as f:
        port = lambda: f.rpc("port.show")[0]["stats64"]["rx"]["packets"]
        taptest.eventually(lambda: port() > 1000, "it forwards")
        f.hang_up()
        taptest.eventually(lambda: "reloaded" in f.text(), "it controls")
        taptest.equal(f.stop(), 0, "it ends")


def test_three_workers():
    forwarder.need()
    ini = "".join(f"[port p{i}]\ndevice = net_null{i}\n" for i in range(3))
    with forwarder.Forwarder(ini, lcores=("--lcores", "0@0,1@0,2@1,3@1")) as f:
        taptest.check("3 workers" in f.text(), f.text())
        taptest.eventually(lambda: all(p["stats64"]["rx"]["packets"] > 100
                                       for p in f.rpc("port.show")), "every port is polled")


def test_hugepages():
    """With hugepages, as on a real machine."""
    forwarder.need()
    try:
        with open("/proc/sys/vm/nr_hugepages", "r+", encoding="ascii") as f:
            before = int(f.read())
            f.seek(0)
            f.write(str(max(before, 300)))
    except OSError as e:
        raise taptest.Skip(f"hugepages can't be had: {e}") from None
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["mount", "-t", "hugetlbfs", "nodev", d], check=True)
        try:
            with forwarder.Forwarder(INI, args=("--huge-dir", d), huge=True) as f:
                taptest.equal(f.stop(), 0, "status")
        finally:
            subprocess.run(["umount", d], check=False)
            with open("/proc/sys/vm/nr_hugepages", "w", encoding="ascii") as f:
                f.write(str(before))


def test_stats_period():
    """A table of rates by port and vnic on stdout."""
    forwarder.need()
    ini = INI.replace("net_null0,no-rx=1", "net_null0")
    with forwarder.Forwarder(ini, own=("--stats-period", "1")) as f:
        taptest.eventually(lambda: len(re.findall(r"^eth0 +\d+", f.text(), re.M)) >= 2,
                           "two tables", 10)
        rows = re.findall(r"^(?:eth0|web) .*$", f.text(), re.M)
        taptest.check(int(rows[0].split()[1]) > 0, f"frames a second: {rows[0]}")
        taptest.equal(len(rows[0].split()), 7, "columns")


def test_descriptors_run_out():
    """Too few file descriptors for the TAPs: the limit is named."""
    forwarder.need()
    ini = ("[port eth0]\ndevice = net_null0,no-rx=1\n[vnic c]\ntype = macvlan\nport = eth0\n"
           "endpoint = tap:vfd%d\ncount = 200\n")
    with tempfile.TemporaryDirectory() as d:
        path = ini_file(d, ini)
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150))
        # without CAP_SYS_RESOURCE it can't help itself
        words = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource",
                 forwarder.binary(), "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
                 f"--file-prefix=vfd{os.getpid()}", "-l", "0-1", "--", "-c", path,
                 "--socket", os.path.join(d, "s")]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False,
                              preexec_fn=limit)
        shutil.rmtree(f"/var/run/dpdk/vfd{os.getpid()}", ignore_errors=True)
        taptest.equal(done.returncode, 1, f"status: {done.stderr[-500:]}")
        taptest.check("file descriptors" in done.stderr and "150" in done.stderr,
                      done.stderr[-500:])


def test_it_idles_quietly():
    """Nothing to do: no log line after `ready`."""
    forwarder.need()
    with forwarder.Forwarder(INI) as f:
        before = f.text()
        time.sleep(1)
        taptest.equal(f.text(), before, "the log")


if __name__ == "__main__":
    taptest.main()
