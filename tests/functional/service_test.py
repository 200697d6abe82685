#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Unattended: systemd's watchdog, the journal, the unit, and the rights that endpoints need."""

import contextlib
import ctypes
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import netns
import taptest

INI = "[port eth0]\ndevice = net_null0,no-rx=1\n[vnic web]\ntype = macvlan\nport = eth0\n"
SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
NOBODY = 65534
PTRACE_INTERRUPT, PTRACE_SEIZE, PTRACE_DETACH = 0x4207, 0x4206, 17


@contextlib.contextmanager
def environment(**words):
    before = {k: os.environ.get(k) for k in words}
    os.environ.update({k: str(v) for k, v in words.items()})
    try:
        yield
    finally:
        for k, v in before.items():
            if v is None:
                del os.environ[k]
            else:
                os.environ[k] = v


class Notify:
    """systemd's end of sd_notify."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="vnic-notify-")
        self.path = os.path.join(self.directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.directory, 0o755)
        os.chmod(self.path, 0o777)  # daemons run as nobody, too

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        shutil.rmtree(self.directory)

    def wait(self, word, limit=20.0):
        """Everything that came until WORD did, which is the last."""
        end = time.monotonic() + limit
        seen = []
        while word not in seen:
            self.socket.settimeout(max(end - time.monotonic(), 0.01))
            try:
                seen += self.socket.recv(1000).decode().split("\n")
            except TimeoutError:
                raise taptest.Failure(f"no {word} within {limit:g} s: {seen}") from None
        return seen

    def drain(self):
        self.socket.settimeout(0.0)
        seen = []
        with contextlib.suppress(BlockingIOError):
            while True:
                seen += self.socket.recv(1000).decode().split("\n")
        return seen


@contextlib.contextmanager
def halted(process, thread):
    """One thread of a process stands still; the others go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    tasks = f"/proc/{process.pid}/task"
    tids = []
    for tid in os.listdir(tasks):
        with open(f"{tasks}/{tid}/comm", encoding="ascii") as f:
            if re.search(thread, f.read()):
                tids.append(int(tid))
    taptest.equal(len(tids), 1, f"threads named {thread}")

    def ptrace(request):
        if libc.ptrace(request, tids[0], None, None) != 0:
            raise taptest.Skip(f"ptrace: {os.strerror(ctypes.get_errno())}")

    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(tids[0], 0x40000000)  # __WALL
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


def test_watchdog():
    """Fed while workers pass turns; one that stands still stops it, and the log says so."""
    forwarder.need()
    with Notify() as n, environment(NOTIFY_SOCKET=n.path, WATCHDOG_USEC=2000000):
        with forwarder.Forwarder(INI) as f:
            n.wait("READY=1")
            n.wait("WATCHDOG=1")
            n.wait("WATCHDOG=1")
            with halted(f.process, "worker"):
                taptest.eventually(lambda: "passes no turns" in f.text(), "the log says it", 20)
                n.drain()
                time.sleep(1.5)  # three quarters of the patience: two would have come
                taptest.equal(n.drain(), [], "what systemd hears of a worker that is stuck")
            n.wait("WATCHDOG=1")
            f.stop()
            n.wait("STOPPING=1")


def test_watchdog_with_one_lcore():
    """Control has a thread of its own there, and the main thread polls."""
    forwarder.need()
    with Notify() as n, environment(NOTIFY_SOCKET=n.path, WATCHDOG_USEC=2000000):
        with forwarder.Forwarder(INI, lcores=("-l", "1")):
            n.wait("READY=1")
            n.wait("WATCHDOG=1")
            n.wait("WATCHDOG=1")


def test_watchdog_is_patient_with_a_reload():
    """A long change is no hang: patience is stretched for it, and as before behind it."""
    forwarder.need()
    with Notify() as n, environment(NOTIFY_SOCKET=n.path, WATCHDOG_USEC=3000000):
        with forwarder.Forwarder(INI) as f:
            n.wait("READY=1")
            f.reload(INI.replace("web", "db"))
            seen = [w for w in n.wait("READY=1") if w != "WATCHDOG=1"]
            taptest.equal(seen, ["RELOADING=1", "WATCHDOG_USEC=900000000",
                                 "WATCHDOG_USEC=3000000", "READY=1"], "what systemd hears")
            n.wait("WATCHDOG=1")


def test_no_watchdog():
    """Not asked for, or for another process: nothing is told."""
    forwarder.need()
    for words in ({}, {"WATCHDOG_USEC": 1000000, "WATCHDOG_PID": 1}):
        with Notify() as n, environment(NOTIFY_SOCKET=n.path, **words):
            with forwarder.Forwarder(INI) as f:
                n.wait("READY=1")
                time.sleep(0.6)
                f.stop()
                taptest.equal(n.wait("STOPPING=1"), ["STOPPING=1"], f"{words}")


# ---- the log


def start(directory, ini, *eal, env=None, prefix=(), limit=30, user=None):
    """Runs until it is ready, or has ended; (status or None, stderr, stdout)."""
    path = os.path.join(directory, "vnic.ini")
    with open(path, "w", encoding="ascii") as f:
        f.write(ini)
    out, err = (os.path.join(directory, name) for name in ("out", "err"))
    if user is not None:
        os.chown(directory, user, user)
    with Notify() as notify, open(out, "wb") as o, open(err, "wb") as e:
        st = os.fstat(e.fileno())
        words = dict(os.environ, NOTIFY_SOCKET=notify.path,
                     **{k: v.format(stream=f"{st.st_dev}:{st.st_ino}")
                        for k, v in (env or {}).items()})
        # the build may lie where only root may look: what another user runs is a descriptor
        fd = os.open(forwarder.binary(), os.O_RDONLY)
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*prefix, f"/proc/self/fd/{fd}", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
             f"--file-prefix=vs{os.getpid()}", "-l", "0-1", *eal, "--", "-c", path, "--socket",
             os.path.join(directory, "s")], stdout=o, stderr=e, stdin=subprocess.DEVNULL, env=words,
            pass_fds=[fd])
        os.close(fd)
        status = None
        try:
            taptest.eventually(lambda: "READY=1" in notify.drain() or process.poll() is not None,
                               "it starts or ends", limit)
            status = process.poll()
            if status is None:
                process.terminate()
                taptest.equal(process.wait(20), 0, "status after SIGTERM")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            shutil.rmtree(f"/var/run/dpdk/vs{os.getpid()}", ignore_errors=True)
    def text(name):
        with open(name, encoding="utf-8", errors="replace") as f:
            return f.read()
    return status, text(err), text(out)


JOURNAL = {"JOURNAL_STREAM": "{stream}"}


def test_journal():
    """Every line with its priority, EAL's too; no name, no time: the journal has both."""
    forwarder.need()
    with tempfile.TemporaryDirectory() as d:
        status, err, out = start(d, INI, env=JOURNAL)
        taptest.equal((status, out), (None, ""), f"status and stdout; {err}")
        lines = err.splitlines()
        taptest.check(all(re.match(r"<[0-7]>\S", line) for line in lines), err)
        taptest.check("<6>ready: 1 ports, 1 vnics, 1 workers" in lines, err)
        taptest.check(any(line.startswith("<6>EAL: ") for line in lines), err)
        taptest.check("dpdk-vnic: " not in err, f"its name again: {err}")
    with tempfile.TemporaryDirectory() as d:
        status, err, _ = start(d, INI.replace("net_null0,no-rx=1", "0000:ff:1f.7"), env=JOURNAL)
        taptest.equal(status, 1, "a device that isn't there")
        taptest.check(re.search(r"^<3>.*port eth0", err, re.M), err)
    with tempfile.TemporaryDirectory() as d:
        status, err, _ = start(d, INI + "colour = red\nmtu = 1\n", env=JOURNAL)
        taptest.equal(status, 2, "a file with errors")
        taptest.equal([line[:3] for line in err.splitlines()], ["<3>", "<3>"], err)
        taptest.check(f"{d}/vnic.ini:6: [vnic web] colour" in err, err)


def test_terminal():
    """Where stderr is no journal, or JOURNAL_STREAM is another's: names, and no priorities."""
    forwarder.need()
    for env in ({}, {"JOURNAL_STREAM": "1:1"}, {"JOURNAL_STREAM": "x"}):
        with tempfile.TemporaryDirectory() as d:
            _, err, out = start(d, INI, env=env)
            taptest.check("\ndpdk-vnic: ready: 1 ports" in "\n" + err and out == "", err + out)
            taptest.check("<" not in err, err)


def test_levels_by_module():
    forwarder.need()
    for eal, wanted, unwanted in (
            (("--log-level=vnic.ctl:error",), "EAL: ", "ready"),
            (("--log-level=lib.eal:error", "--log-level=pmd*:error"), "ready", "EAL: Detected"),
            (("--log-level=vnic.endpoint:error",), "ready", "no such word")):
        with tempfile.TemporaryDirectory() as d:
            _, err, _ = start(d, INI, *eal)
            taptest.check(wanted in err and unwanted not in err, f"{eal}: {err}")


# ---- rights


def setpriv(*caps):
    """Nobody, with these capabilities, and no way to get others."""
    words = "-all" + "".join(f",+{c}" for c in caps)
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
            f"--inh-caps={words}", f"--ambient-caps={words}", f"--bounding-set={words}",
            "--no-new-privs")


def rights(ini, *caps):
    with tempfile.TemporaryDirectory() as d:
        return start(d, ini, env={"RUNTIME_DIRECTORY": d}, prefix=setpriv(*caps), user=NOBODY)[:2]


def test_least_rights():
    """With what docs/operations.md says an endpoint needs it runs; with less it says what fails."""
    forwarder.need()
    name = f"vsrv{os.getpid() % 100000}"
    with netns.Namespace("rights") as ns:
        port = "[port p]\ndevice = {}\n[vnic v]\ntype = macvlan\nport = p\nendpoint = {}\n"
        rows = (
            (port.format("net_null0,no-rx=1", "none"), (), None),
            (port.format("net_ring0", "none"), (), None),
            (port.format("net_null0,no-rx=1", f"tap:{name}"), ("net_admin",), "net_admin"),
            (port.format("net_null0,no-rx=1", f"tap:{name},netns={ns.name}"),
             ("net_admin", "sys_admin"), "sys_admin"),
            (port.format("net_af_packet0,iface=lo", "none"), ("net_admin", "net_raw"), "net_raw"),
        )
        for ini, caps, needed in rows:
            status, err = rights(ini, *caps)
            taptest.equal(status, None, f"with {caps}: {ini}{err[-1500:]}")
            if needed:
                status, err = rights(ini, *(c for c in caps if c != needed))
                taptest.equal(status, 1, f"without {needed}: {ini}{err[-1500:]}")
                taptest.check("dpdk-vnic: " in err, f"without {needed}: {err}")


# ---- the unit


def unit(directory):
    """The built unit with the built programs, as it is in a directory for systemd-analyze."""
    with open(os.path.join(forwarder.build_dir(), "systemd", "dpdk-vnic.service"),
              encoding="utf-8") as f:
        text = f.read()
    text = re.sub(r"=\S*/bin/dpdk-vnic ", f"={forwarder.binary()} ", text)
    text = re.sub(r"=\S*/bin/vnicctl ", f"={forwarder.vnicctl()} ", text)
    path = os.path.join(directory, "dpdk-vnic.service")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def need_analyze():
    forwarder.need()
    if not shutil.which("systemd-analyze"):
        raise taptest.Skip("no systemd-analyze")


def test_unit_is_valid():
    """systemd understands every line of it, also with each drop-in."""
    need_analyze()
    folder = os.path.join(SOURCE, "systemd", "rights")
    for name in (None, *sorted(os.listdir(folder))):
        with tempfile.TemporaryDirectory() as d:
            path = unit(d)
            if name:
                os.mkdir(path + ".d")
                shutil.copy(os.path.join(folder, name), path + ".d")
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], text=True,
                                  capture_output=True, timeout=60, check=False)
            said = [line for line in done.stderr.splitlines() if "dpdk-vnic" in line]
            taptest.equal((done.returncode, said), (0, []), f"{name}: {done.stderr}")


def test_unit_allows_what_is_called():
    """The system call filter knows the calls that setting up namespaces and XDP takes."""
    need_analyze()
    with tempfile.TemporaryDirectory() as d, open(unit(d), encoding="utf-8") as f:
        words = re.search(r"^SystemCallFilter=(.*)$", f.read(), re.M).group(1).split()
    allowed = set()
    while words:
        word = words.pop()
        if not word.startswith("@"):
            allowed.add(word)
            continue
        done = subprocess.run(["systemd-analyze", "syscall-filter", word], text=True, timeout=30,
                              capture_output=True, check=True)
        words += [line.strip() for line in done.stdout.splitlines()[1:]
                  if line.strip() and not line.strip().startswith("#")]
    needed = {"setns", "bpf", "epoll_wait", "epoll_pwait", "memfd_create", "mbind", "mlock", "ioctl",
              "sched_setaffinity", "prlimit64", "sendmsg", "recvmsg", "inotify_add_watch", "fallocate",
              "get_mempolicy", "set_mempolicy", "timerfd_create", "eventfd2", "dup3", "clone3"}
    taptest.equal(sorted(needed - allowed), [], "calls that the filter forbids")


if __name__ == "__main__":
    taptest.main()
