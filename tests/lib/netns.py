# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces with names of our own, removed whatever happens.

A name holds our PID, so several runs never meet, and what a killed run left behind is known
by its dead PID and swept away by the next one.
"""

import atexit
import contextlib
import ctypes
import os
import re
import signal
import subprocess

PREFIX = "vt"
_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_live = []


class CommandFailed(Exception):
    """A command's words, exit status and complaint."""

    def __init__(self, command, status, text):
        super().__init__(f"{' '.join(map(str, command))}: exit {status}: {text.strip()}")
        self.status = status
        self.text = text.strip()


def run(*command, text=None, check=True, timeout=30):
    """Runs a command; returns its output. With check=False: (status, output, errors)."""
    done = subprocess.run([str(c) for c in command], input=text, text=True, timeout=timeout,
                          capture_output=True, check=False)
    if not check:
        return done.returncode, done.stdout, done.stderr
    if done.returncode != 0:
        raise CommandFailed(command, done.returncode, done.stderr or done.stdout)
    return done.stdout


@contextlib.contextmanager
def entered(path):
    """The block runs in the namespace of @path: sockets opened in it stay there."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    target = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(target, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")
        try:
            yield
        finally:
            if _libc.setns(own, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns back")
    finally:
        os.close(target)
        os.close(own)


class Namespace:
    """One namespace. quiet: no IPv6 of its own, for tests that count every frame."""

    def __init__(self, label, quiet=True):
        self.name = f"{PREFIX}{os.getpid()}-{label}"
        run("ip", "netns", "add", self.name)
        _live.append(self)
        if quiet:
            self.sysctl("ipv6/conf/all/disable_ipv6", 1)
            self.sysctl("ipv6/conf/default/disable_ipv6", 1)
        self.ip("link set lo up")

    @property
    def path(self):
        return f"/run/netns/{self.name}"

    def entered(self):
        return entered(self.path)

    def sysctl(self, key, value):
        # /proc/sys/net shows the namespace of whoever opens it.
        with self.entered(), open(f"/proc/sys/net/{key}", "w", encoding="ascii") as f:
            f.write(str(value))

    def ip(self, words, check=True):
        return run("ip", "-n", self.name, *words.split(), check=check)

    def batch(self, lines):
        """Many `ip` commands in one process; stops at the first that fails."""
        if lines:
            run("ip", "-n", self.name, "-batch", "-", text="\n".join(lines) + "\n")

    def run(self, *command, **kw):
        with self.entered():
            return run(*command, **kw)

    def popen(self, *command, **kw):
        """Starts a program here; the caller stops it."""
        with self.entered():
            # pylint: disable=consider-using-with
            return subprocess.Popen([str(c) for c in command], **kw)

    def delete(self):
        if self in _live:
            _live.remove(self)
            run("ip", "netns", "del", self.name, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()


def stop(process, limit=5):
    """Ends a program that we started; its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def sweep():
    """Removes what a run that was killed left behind."""
    for line in run("ip", "netns", "list").splitlines():
        m = re.match(rf"({PREFIX}(\d+)-\S+)", line)
        if m and not os.path.exists(f"/proc/{m[2]}"):
            run("ip", "netns", "del", m[1], check=False)


@atexit.register
def _delete_all():
    for ns in list(_live):
        ns.delete()
