# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-vnic as a program (Forwarder), and as the Side that is compared with the kernel."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import frames
import netns
import side
import taptest
import topology as topology_module

_BUILD = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "build")
_numbers = itertools.count()


def build_dir():
    return os.path.realpath(os.environ.get("DPDK_VNIC_BUILD", _BUILD))


def binary():
    return os.path.join(build_dir(), "app", "dpdk-vnic", "dpdk-vnic")


def vnicctl():
    return os.path.join(build_dir(), "app", "vnicctl", "vnicctl")


def is_built():
    return os.access(binary(), os.X_OK)


def need():
    """Tests of the running forwarder begin with this."""
    if os.geteuid() != 0:
        raise taptest.Skip("needs root")
    if not is_built():
        raise taptest.Skip(f"{binary()} is not built")


class RpcError(Exception):
    """What the daemon answered instead of a result; @errno is the name of the reason, or None."""

    def __init__(self, text, errno=None):
        super().__init__(text)
        self.errno = errno


class Forwarder:
    """A running dpdk-vnic. Its files live in a directory of its own, which goes with it."""

    # The machine's two cores: one for control, one that polls.
    LCORES = tuple(os.environ.get("DPDK_VNIC_LCORES", "-l 0-1").split())

    def __init__(self, ini, lcores=LCORES, memory=512, args=(), ready=30.0, ns=None,
                 own=(), huge=False, telemetry=False):
        number = next(_numbers)
        self.prefix = f"vt{os.getpid()}n{number}"
        self.directory = tempfile.mkdtemp(prefix=f"vnic-test-{number}-")
        self.ini = os.path.join(self.directory, "vnic.ini")
        self.socket = os.path.join(self.directory, "control.sock")
        self.log = os.path.join(self.directory, "log")
        self.write(ini)
        command = [binary(), *(() if huge else ("--no-huge",)), "-m", str(memory), "--no-pci",
                   *(() if telemetry else ("--no-telemetry",)), f"--file-prefix={self.prefix}",
                   *lcores, *args, "--", "-c", self.ini, "--socket", self.socket, *own]
        self._stopped = False
        start = time.monotonic()
        with open(self.log, "wb") as log:
            launch = ns.popen if ns else lambda *c, **kw: subprocess.Popen(c, **kw)
            self.process = launch(*command, stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=subprocess.STDOUT)
        try:
            self._await_ready(ready)
        except BaseException:
            self.kill()
            raise
        self.ready_after = time.monotonic() - start

    # ---- life

    def write(self, ini):
        """Replaces the configuration file in one step, as an editor does."""
        with open(self.ini + ".new", "w", encoding="utf-8") as f:
            f.write(ini)
        os.replace(self.ini + ".new", self.ini)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def _await_ready(self, limit):
        end = time.monotonic() + limit
        while "ready: " not in self.text():
            status = self.process.poll()
            if status is not None:
                raise taptest.Failure(f"dpdk-vnic ended with {status}:\n{self.text()[-4000:]}")
            if time.monotonic() > end:
                raise taptest.Failure(f"not ready within {limit:g} s:\n{self.text()[-4000:]}")
            time.sleep(0.01)

    def is_running(self):
        return self.process.poll() is None

    def stop(self, limit=15.0):
        """SIGTERM; the exit status. What stops otherwise than cleanly is a failure."""
        if self._stopped:
            return 0
        self._stopped = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            text = self.text()[-4000:]
            self.kill()
            raise taptest.Failure(f"not stopped {limit:g} s after SIGTERM:\n{text}") from None
        text = self.text()
        self._remove_files()
        if status != 0:
            raise taptest.Failure(f"dpdk-vnic ended with {status}:\n{text[-4000:]}")
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._remove_files()

    def _remove_files(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(f"/var/run/dpdk/{self.prefix}", ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
            return
        # A test failed: what the daemon said and counted belongs to it.
        if not self._stopped:
            for method in ("drops.show", "port.show", "link.show"):
                with contextlib.suppress(OSError, ValueError, RpcError):
                    for row in self.rpc(method)[:20]:
                        row.pop("drops", None)
                        taptest.note(f"{method}: {json.dumps(row)}")
            taptest.note("--- the daemon's log")
            taptest.note(self.text()[-3000:])
            self.kill()

    # ---- talk

    def hang_up(self):
        """SIGHUP: read the file again."""
        self.process.send_signal(signal.SIGHUP)

    def rpc(self, method, params=None):
        """One JSON-RPC call; its result."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(20)
            s.connect(self.socket)
            call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
            s.sendall(json.dumps(call).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                part = s.recv(1 << 16)
                if not part:
                    break
                data += part
        answer = json.loads(data)
        if "error" in answer:
            error = answer["error"]
            raise RpcError(error.get("message", str(error)),
                           (error.get("data") or {}).get("errno"))
        return answer["result"]

    def reload(self, ini):
        """The new file is in force when this returns; RpcError: refused, nothing changed."""
        self.write(ini)
        return self.rpc("config.reload")

    def ctl(self, *words, check=True):
        """vnicctl's output; with check=False: (status, output, errors)."""
        return netns.run(vnicctl(), "--socket", self.socket, *words, check=check)

    def link(self, name):
        """`vnicctl -j -s link show NAME`, the one object."""
        return json.loads(self.ctl("-j", "-s", "link", "show", name))[0]


def section(kind, name, keys):
    """One section of a vnic.ini; keys that are None are left out."""
    head = f"[{kind} {name}]" if name else f"[{kind}]"
    lines = [f"{k} = {v}" for k, v in keys.items() if v is not None]
    return "\n".join([head, *lines, ""]) + "\n"


def numbered(key, values, width=8):
    """A long list over several lines: key, key.2, key.3 …"""
    parts = [values[i:i + width] for i in range(0, len(values), width)]
    return {key if i == 1 else f"{key}.{i}": ", ".join(p) for i, p in enumerate(parts, 1)}


class ForwarderSide(side.Side):
    """The port is a TAP w0 in `out`, the host path a TAP in `host`, each vnic a TAP in `in`.

    The lower device of a forwarder has no administrative state of its own: where a case takes
    the lower down, the wire's link is taken away, which is all that its vnics could notice.
    """

    label = "forwarder"
    host_device = "lower"
    LCORES = Forwarder.LCORES

    def __init__(self, keep=False):
        """keep: one daemon for all topologies, changed by reloads."""
        super().__init__()
        self.keep = keep
        self.forwarder = None

    def __exit__(self, *args):
        try:
            self._stop()
        finally:
            super().__exit__(*args)

    def ini(self, topology):
        text = section("port", "eth0", {
            "device": f"tap:w0,netns={self.out.name}",
            "mac": frames.mac("L"),
            "mtu": topology.lower_mtu,
            "host": f"tap:{self.host_device},netns={self.host.name}"})
        return text + "".join(self._section(v, topology) for v in topology.vnics.values())

    def _section(self, v, topology):
        sources = [frames.mac(s, topology.macs()) for s in v.sources]
        return section("vnic", v.name.lower(), {
            "type": "macvtap" if v.tap else "macvlan",
            "port": "eth0",
            "mode": v.mode,
            "flags": ", ".join(v.flags) or None,
            "mac": None if v.mode == "passthru" else v.mac,
            "mtu": v.mtu or None,
            **numbered("sources", sources),
            "endpoint": f"tap:{v.name},netns={self.inside.name}",
            "state": None if v.up else "down",
            "bcqueuelen": v.bcqueuelen if v.bcqueuelen >= 0 else None,
            "bclim": v.bclim})

    def _make(self, topology):
        if self.forwarder and self.forwarder.is_running():
            self.forwarder.reload(self.ini(topology))
            self.out.ip("link set w0 up")
        else:
            self.forwarder = Forwarder(self.ini(topology), lcores=self.LCORES)
        # Every frame for the host shows at its TAP, also what its stack would throw away. Beside
        # a passthru vnic there are none of those, and whether the lower is promiscuous matters.
        passthru = any(v.mode == "passthru" for v in topology.vnics.values())
        if topology.lower_promisc or not passthru:
            self.host.ip(f"link set {self.host_device} promisc on")
        if not topology.has_link():
            self.out.ip("link set w0 down")

    def _unmake(self):
        if self.keep and self.forwarder and self.forwarder.is_running():
            # What owners did to their netdevs goes with the netdevs.
            self.forwarder.reload(self.ini(topology_module.Topology()))
        else:
            self._stop()

    def _stop(self):
        running, self.forwarder = self.forwarder, None
        if running:
            running.stop()

    def _await_groups(self, topology):
        for v in topology.vnics.values():
            if not v.up or not topology.has_link() or v.mode == "source":
                continue
            if v.joins:  # with bcq=0 it may never come: then the time alone must do
                self.probe("wire", frames.mac(v.joins[-1]), v.name)
            if v.promisc or v.allmulti:
                self.probe("wire", frames.mac("MU"), v.name)
        passthru = any(v.mode == "passthru" for v in topology.vnics.values())
        if topology.has_link() and not passthru:
            # Unknown unicast: the host's TAP is known to be promiscuous.
            self.probe("wire", frames.mac("U"), "host")

    def set_vnic(self, name, **changes):
        for key, value in changes.items():
            setattr(self.topology.vnics[name], key, value)
        self.forwarder.reload(self.ini(self.topology))

    def set_lower_mtu(self, mtu):
        self.topology.lower_mtu = mtu
        self.forwarder.reload(self.ini(self.topology))

    def counters(self, name):
        if name == "lower":
            stats = self.forwarder.rpc("port.show", {"name": "eth0"})[0]["stats64"]
        else:
            stats = self.forwarder.link(name.lower())["stats64"]
        return {f"{way}_{key}": n for way in ("rx", "tx") for key, n in stats[way].items()}

    def mtu(self, name):
        return json.loads(self.inside.ip(f"-j link show {name}"))[0]["mtu"]
