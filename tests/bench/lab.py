# SPDX-License-Identifier: BSD-3-Clause
"""The machine that a bench runs on: its cores, hugepages, clock, and the programs that are started
on it. Whatever Lab takes it gives back, also after an error or Ctrl-C; processes end by their pid."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))
BUILD = os.path.realpath(os.environ.get("DPDK_VNIC_BUILD", os.path.join(ROOT, "build-bench")))
HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
LOCK = "/run/lock/dpdk-vnic-bench"


class Missing(Exception):
    """A contestant, or a case, can't run here, and why."""


class Broken(Exception):
    """A program did what it shouldn't."""


def need(*programs):
    """Paths of programs; Missing where one isn't installed."""
    found = [shutil.which(p, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
             for p in programs]
    for name, path in zip(programs, found):
        if path is None:
            raise Missing(f"{name} is not installed")
    return found


def eventually(condition, text, limit=30.0, pause=0.02):
    """Waits until condition() is true, and returns what it returned."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Broken(f"{text}: not within {limit:g} s")
        time.sleep(pause)


def _read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def thread_times(pid):
    """Of each thread of @pid: name → seconds that it had a core. Threads of one name are added."""
    times = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            name = _read(f"/proc/{pid}/task/{tid}/comm").strip()
            ran = int(_read(f"/proc/{pid}/task/{tid}/schedstat").split()[0]) / 1e9
            times[name] = times.get(name, 0.0) + ran
    return times


class Program:
    """A process that Lab started. Its files stand in a directory of its own."""

    def __init__(self, lab, name, command, stdin=subprocess.DEVNULL, env=None, cwd=None):
        self.name = name
        self.log = os.path.join(lab.directory, f"{name}-{time.monotonic_ns()}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=stdin, stdout=log, stderr=subprocess.STDOUT, env=env, cwd=cwd)

    @property
    def pid(self):
        return self.process.pid

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def is_running(self):
        return self.process.poll() is None

    def await_text(self, pattern, limit=60.0):
        """Waits until its output has @pattern; the match."""
        def found():
            match = re.search(pattern, self.text())
            if match is None and not self.is_running():
                raise Broken(f"{self.name} ended with {self.process.returncode}:\n"
                             f"{self.text()[-3000:]}")
            return match
        return eventually(found, f"{self.name} says {pattern!r}", limit)

    def pause(self):
        """It has no core from now on, and keeps all else."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def say(self, line):
        """Writes a line to its stdin."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def stop(self, limit=15.0):
        """SIGTERM, then SIGKILL."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        for number, wait in ((signal.SIGTERM, limit), (signal.SIGKILL, 5.0)):
            if not self.is_running():
                break
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(wait)


class Lab:
    """What a bench run holds. `with Lab() as lab:`; one run at a time on a machine."""

    def __init__(self, pages=1024, control=0, workers=(1,)):
        self.pages = pages
        self.control = control  # the core of main threads, and of everybody who isn't measured
        self.workers = tuple(workers)  # the core that is measured
        self.running = []  # programs, in the order they were started
        self._stack = contextlib.ExitStack()
        self._number = 0

    def __enter__(self):
        if os.geteuid() != 0:
            raise Missing("needs root")
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda n, _: sys.exit(128 + n))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
        with contextlib.ExitStack() as stack:
            self._lock(stack)
            self.directory = tempfile.mkdtemp(prefix="vnic-bench-")
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self._reserve(stack)
            self._stack = stack.pop_all()
        os.sched_setaffinity(0, {self.control})
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not keep the first from putting things back.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._stack.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @staticmethod
    def _lock(stack):
        lock = stack.enter_context(open(LOCK, "w", encoding="utf-8"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("bench: waiting for another one", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)

    @staticmethod
    def _set_pages(n):
        with open(HUGEPAGES, "w", encoding="utf-8") as f:
            f.write(str(n))

    def ensure_pages(self):
        """Our hugepages are there; another program's clean-up may have taken them away."""
        if int(_read(HUGEPAGES)) < self.pages:
            self._set_pages(self.pages)
        got = int(_read(HUGEPAGES))
        if got < self.pages:
            raise Missing(f"only {got} of {self.pages} hugepages of 2 MiB can be had")

    def _reserve(self, stack):
        before = int(_read(HUGEPAGES))

        def restore():
            if int(_read(HUGEPAGES)) == self.pages:  # else somebody else has set it meanwhile
                self._set_pages(before)
        stack.callback(restore)
        self.ensure_pages()
        self.huge_dir = os.path.join(self.directory, "huge")
        os.mkdir(self.huge_dir)
        subprocess.run(["mount", "-t", "hugetlbfs", "nodev", self.huge_dir], check=True)
        stack.callback(subprocess.run, ["umount", "-l", self.huge_dir], check=False)

    # ---- programs

    def new_name(self, word):
        """A name that nobody else has."""
        self._number += 1
        return f"vb{os.getpid()}{word}{self._number}"

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def eal(self, prefix, memory=512, lcores=None, args=()):
        """EAL options: control on its core, workers on theirs."""
        if lcores is None:
            lcores = ",".join(f"{i}@{c}" for i, c in enumerate((self.control, *self.workers)))
        return ["--lcores", lcores, "-m", str(memory), "--no-pci", f"--file-prefix={prefix}",
                "--huge-dir", self.huge_dir, *args]

    @contextlib.contextmanager
    def program(self, name, command, prefix=None, **how):
        """A running Program; @prefix: of its EAL files, which go with it."""
        p = Program(self, name, [str(w) for w in command], **how)
        self.running.append(p)
        try:
            yield p
        finally:
            self.running.remove(p)
            p.stop()
            if prefix:
                shutil.rmtree(f"/var/run/dpdk/{prefix}", ignore_errors=True)
                for f in os.listdir(self.huge_dir):
                    if f.startswith(prefix + "map_"):
                        os.unlink(os.path.join(self.huge_dir, f))

    def run(self, *command, check=True, timeout=60):
        """Output of a short command."""
        done = subprocess.run([str(w) for w in command], capture_output=True, text=True,
                              timeout=timeout, check=False, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise Broken(f"{' '.join(map(str, command))}: exit {done.returncode}: "
                         f"{(done.stderr or done.stdout).strip()[-1000:]}")
        return done.stdout


def ask_telemetry(prefix, command):
    """One question to a DPDK program's telemetry socket; its answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(10)
        s.connect(f"/var/run/dpdk/{prefix}/dpdk_telemetry.v2")
        s.recv(1 << 14)  # its greeting
        s.send(command.encode())
        return json.loads(s.recv(1 << 16))[command.split(",")[0]]
