# SPDX-License-Identifier: BSD-3-Clause
"""Contestants: dpdk-vnic, testpmd, OVS-DPDK, and the bare loop; each a context manager that yields
what is running, with a sampler for its frames."""

import contextlib
import json
import os
import re
import socket
import subprocess

import lab as lab_module
import measure

# Threads that forward: dpdk-vnic, testpmd and the bare loop; OVS.
WORKERS = re.compile(r"^(rte|lcore|dpdk)-(worker|w)|^pmd-")


def built(*path):
    """A program of this build."""
    p = os.path.join(lab_module.BUILD, *path)
    if not os.access(p, os.X_OK):
        raise lab_module.Missing(f"{p} is not built")
    return p


def worker_times(pid):
    """Seconds that forwarding threads had of their cores, by name."""
    return {k: v for k, v in lab_module.thread_times(pid).items() if WORKERS.search(k)}


_TSC = []


def tsc_hz():
    """The rate of the clock that cycles are counted in."""
    if not _TSC:
        out = subprocess.run([built("tests", "bench", "bench_tsc")], capture_output=True,
                             text=True, check=True)
        _TSC.append(float(out.stdout))
    return _TSC[0]


class Forwarder:
    """A running dpdk-vnic."""

    def __init__(self, program, path):
        self.program, self.path = program, path

    def rpc(self, method, params=None, limit=60):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(limit)
            s.connect(self.path)
            call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
            s.sendall(json.dumps(call).encode() + b"\n")
            parts = []
            while not parts or not parts[-1].endswith(b"\n"):
                parts.append(s.recv(1 << 20))
                if not parts[-1]:
                    break
        answer = json.loads(b"".join(parts))
        if "error" in answer:
            raise lab_module.Broken(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def port_rx(self, port="eth0"):
        """Frames that a port received and that were not dropped."""
        rx = self.rpc("port.show", {"name": port, "statistics": True})[0]["stats64"]["rx"]
        return rx["packets"] - rx["dropped"]

    def vnic_rx(self, name):
        """Frames that a vnic's owner received."""
        return self.rpc("link.show", {"name": name, "statistics": True}
                        )[0]["stats64"]["rx"]["packets"]

    def drops(self):
        """reason → frames, of all interfaces."""
        sums = {}
        for row in self.rpc("drops.show"):
            sums[row["reason"]] = sums.get(row["reason"], 0) + row["packets"]
        return sums

    def stages(self):
        """Cycles a frame by stage, of the first worker, over the last second."""
        return self.rpc("worker.show")[0]["stages"]

    def counter(self, count=None, **how):
        return measure.Counter(count or self.port_rx, lambda: worker_times(self.program.pid),
                               tsc_hz(), stages=self.stages, **how)


@contextlib.contextmanager
def forwarder(lab, ini, memory=512, lcores=None, args=()):
    """dpdk-vnic on the text of a vnic.ini."""
    prefix = lab.new_name("f")
    path = lab.path(prefix + ".sock")
    conf = lab.write(prefix + ".ini", ini)
    command = [built("app", "dpdk-vnic", "dpdk-vnic"), *lab.eal(prefix, memory, lcores, args),
               "--", "-c", conf, "--socket", path]
    with lab.program("dpdk-vnic", command, prefix=prefix) as p:
        p.await_text("ready: ")
        yield Forwarder(p, path)


def ethdev_count(prefix, port=0, key="ipackets"):
    """A counter of an ethdev of any DPDK program."""
    return lab_module.ask_telemetry(prefix, f"/ethdev/stats,{port}")[key]


def dpdk_counter(program, prefix, ports=(0,)):
    """Frames that @ports of a DPDK program received."""
    return measure.Counter(lambda: sum(ethdev_count(prefix, p) for p in ports),
                           lambda: worker_times(program.pid), tsc_hz())


@contextlib.contextmanager
def testpmd(lab, vdevs, args=(), memory=512, lcores=None, eal_args=()):
    """testpmd; yields its program and EAL prefix. @args: behind `--`."""
    path, = lab_module.need("dpdk-testpmd")
    prefix = lab.new_name("t")
    vdev_args = [w for v in vdevs for w in ("--vdev", v)]
    command = [path, *lab.eal(prefix, memory, lcores, [*vdev_args, *eal_args]), "--",
               "--no-flush-rx", "--auto-start", "-i", "--forward-mode=io", *args]
    with lab.program("testpmd", command, prefix=prefix, stdin=subprocess.PIPE) as p:
        p.await_text("testpmd> ")
        yield p, prefix


@contextlib.contextmanager
def bare(lab, args, vdevs=(), memory=512, lcores=None):
    """The bare loop (bare_loop.c); yields its program and EAL prefix."""
    prefix = lab.new_name("b")
    vdev_args = [w for v in vdevs for w in ("--vdev", v)]
    command = [built("tests", "bench", "bench_bare"), *lab.eal(prefix, memory, lcores, vdev_args),
               "--", *args]
    with lab.program("bare", command, prefix=prefix) as p:
        p.await_text("ready")
        yield p, prefix


class Ovs:
    """A running OVS-DPDK with one bridge, br0."""

    def __init__(self, lab, program, env, directory):
        self.lab, self.program, self.env, self.directory = lab, program, env, directory

    def ctl(self, *words):
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != 0:
            raise lab_module.Broken(f"{' '.join(words)}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def vsctl(self, *words):
        return self.ctl("ovs-vsctl", f"--db=unix:{self.directory}/db.sock", *words)

    def ofctl(self, *words):
        return self.ctl("ovs-ofctl", *words)

    def bridge(self):
        return f"unix:{self.directory}/br0.mgmt"

    def add_dpdk(self, name, devargs, number):
        """An ethdev as port @number of the bridge."""
        self.vsctl("add-port", "br0", name, "--", "set", "Interface", name, "type=dpdk",
                   f"options:dpdk-devargs={devargs}", f"ofport_request={number}")
        error = self.vsctl("get", "Interface", name, "error").strip()
        if error not in ("[]", '""'):
            raise lab_module.Broken(f"ovs: {name}: {error}")

    def add_flows(self, flows):
        path = self.lab.write("flows.txt", "\n".join(flows) + "\n")
        self.ofctl("del-flows", self.bridge())
        self.ofctl("add-flows", self.bridge(), path)

    def rx(self, number):
        """Frames that a port of the bridge received."""
        text = self.ofctl("dump-ports", self.bridge(), str(number))
        return int(re.search(r"rx pkts=(\d+)", text).group(1))

    def counter(self, numbers=(1,)):
        return measure.Counter(lambda: sum(self.rx(n) for n in numbers),
                               lambda: worker_times(self.program.pid), tsc_hz(), warm=1.0)


@contextlib.contextmanager
def ovs(lab, memory=512):
    """OVS-DPDK, polling on the workers' cores."""
    vswitchd = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
    if not os.access(vswitchd, os.X_OK):
        raise lab_module.Missing("openvswitch-switch-dpdk is not installed")
    tool, server = lab_module.need("ovsdb-tool", "ovsdb-server")
    name = lab.new_name("o")
    d = lab.path(name)
    os.mkdir(d)
    env = {**os.environ, "OVS_RUNDIR": d, "OVS_LOGDIR": d, "OVS_DBDIR": d}
    db = f"{d}/conf.db"
    lab.run(tool, "create", db, "/usr/share/openvswitch/vswitch.ovsschema")
    mask = sum(1 << c for c in lab.workers)
    with lab.program("ovsdb-server", [server, db, f"--remote=punix:{d}/db.sock",
                                      f"--unixctl={d}/db.ctl"], env=env):
        lab_module.eventually(lambda: os.path.exists(f"{d}/db.sock"), "ovsdb-server listens")
        quiet = Ovs(lab, None, env, d)
        quiet.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                    "other_config:dpdk-init=true", f"other_config:dpdk-socket-mem={memory}",
                    f"other_config:dpdk-hugepage-dir={lab.huge_dir}",
                    f"other_config:pmd-cpu-mask={mask:#x}",
                    f"other_config:dpdk-lcore-mask={1 << lab.control:#x}",
                    "other_config:per-port-memory=false",
                    f'other_config:dpdk-extra="--no-pci --file-prefix={name}"')
        with lab.program("ovs-vswitchd", [vswitchd, f"unix:{d}/db.sock", f"--unixctl={d}/v.ctl"],
                         prefix=name, env=env) as p:
            o = Ovs(lab, p, env, d)
            o.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                    "fail-mode=secure")
            yield o
