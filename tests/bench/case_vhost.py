# SPDX-License-Identifier: BSD-3-Clause
"""Guests on vhost-user sockets: testpmd's virtio-user ports, on the core that isn't measured."""

import contextlib
import os

import lab as lab_module
import measure
import programs
import traffic

A, B = traffic.FIRST_MAC, traffic.FIRST_MAC + 1


def source(path):
    return f"net_pcap0,rx_pcap={path},infinite_rx=1"


def vnics(directory, n=2):
    """Sections of bridge-mode vnics v0 … on sockets v0.sock …"""
    return "".join(f"""
[vnic v{i}]
type = macvlan
port = eth0
mode = bridge
mac = {traffic.mac_text(A + i)}
endpoint = vhost:{directory}/v{i}.sock
""" for i in range(n))


class Guest:
    """One testpmd with a virtio-user port on each of @paths."""

    def __init__(self, program, prefix, n_ports):
        self.program, self.prefix, self.n_ports = program, prefix, n_ports

    def by_port(self):
        return [programs.ethdev_count(self.prefix, p) for p in range(self.n_ports)]

    def received(self):
        return sum(self.by_port())

    def counter(self, switch, **how):
        """Of frames that the guest received, and of the time that @switch's workers had."""
        return measure.Counter(self.received, lambda: programs.worker_times(switch.pid),
                               programs.tsc_hz(), **how)


@contextlib.contextmanager
def guest(lab, paths, words):
    """Its ports are in no hurry: it starts to forward when it is told @words."""
    vdevs = [f"net_virtio_user{i},path={path},mac={traffic.mac_text(A + i)}"
             for i, path in enumerate(paths)]
    for path in paths:
        lab_module.eventually(lambda p=path: os.path.exists(p), f"{path} is there")
    with programs.testpmd(lab, vdevs, ["--total-num-mbufs=16384", *words], memory=256,
                          lcores=f"0@{lab.control},1@{lab.control}",
                          eal_args=["--single-file-segments"]) as (p, prefix):
        yield Guest(p, prefix, len(paths))


# ---- net_pcap to one guest

@contextlib.contextmanager
def receiver(lab, path):
    with guest(lab, [path], ["--forward-mode=rxonly"]) as g:
        yield g


def _ours_rx(lab, pcap):
    @contextlib.contextmanager
    def opened(_):
        d = lab.path(lab.new_name("s"))
        os.mkdir(d)
        ini = f"[port eth0]\ndevice = dev:{source(pcap)}\n" + vnics(d, 1)
        with programs.forwarder(lab, ini) as f, receiver(lab, f"{d}/v0.sock") as g:
            yield g.counter(f.program, stages=f.stages)
    return measure.Contestant(measure.OURS, opened)


def _testpmd_rx(lab, pcap):
    @contextlib.contextmanager
    def opened(_):
        path = lab.path(lab.new_name("s"))
        with programs.testpmd(lab, [source(pcap), f"net_vhost0,iface={path}"],
                              ["--total-num-mbufs=65536"]) as (p, _prefix):
            with receiver(lab, path) as g:
                yield g.counter(p)
    return measure.Contestant("testpmd io", opened)


def _bare_rx(lab, pcap):
    @contextlib.contextmanager
    def opened(_):
        path = lab.path(lab.new_name("s"))
        with bare(lab, [path], [source(pcap)]) as p, receiver(lab, path) as g:
            yield g.counter(p)
    return measure.Contestant("bare loop", opened)


@contextlib.contextmanager
def bare(lab, args, vdevs=()):
    """bare_vhost.c."""
    prefix = lab.new_name("b")
    words = [w for v in vdevs for w in ("--vdev", v)]
    command = [programs.built("tests", "bench", "bench_bare_vhost"),
               *lab.eal(prefix, args=words), "--", *args]
    with lab.program("bare", command, prefix=prefix) as p:
        p.await_text("ready")
        yield p


def _add_vhost(ovs, name, number):
    """A port with a socket in OVS's own directory; the socket's path."""
    ovs.vsctl("add-port", "br0", name, "--", "set", "Interface", name, "type=dpdkvhostuser",
              f"ofport_request={number}")
    return f"{ovs.directory}/{name}"


def _ovs_rx(lab, pcap):
    @contextlib.contextmanager
    def opened(_):
        with programs.ovs(lab) as o:
            path = _add_vhost(o, "v0", 2)
            o.add_flows([f"in_port=1,dl_dst={traffic.mac_text(A)},actions=output:2"])
            o.add_dpdk("pcap", source(pcap), 1)
            with receiver(lab, path) as g:
                yield g.counter(o.program, warm=1.0)
    return measure.Contestant("OVS-DPDK", opened)


def vhost_rx(lab):
    pcap = traffic.to_macs(lab, [A])
    return [_ours_rx(lab, pcap), _testpmd_rx(lab, pcap), _ovs_rx(lab, pcap), _bare_rx(lab, pcap)]


# ---- between two guests

@contextlib.contextmanager
def pair(lab, paths):
    """
    One testpmd with both ports: what comes on one goes out on the other, for ever. Its first
    frames have the address of the vnic that they are to reach.
    """
    peers = [f"--eth-peer=0,{traffic.mac_text(B)}", f"--eth-peer=1,{traffic.mac_text(A)}"]
    with guest(lab, paths, peers) as g:
        start(g)
        yield g


def start(g, tries=5):
    """Frames go round both ways. What is sent before the other side is ready is lost: then anew."""
    for _ in range(tries):
        before = g.by_port()
        g.program.say("stop")
        g.program.say("start tx_first 4")
        with contextlib.suppress(lab_module.Broken):
            lab_module.eventually(
                lambda: all(n > b + 5000 for n, b in zip(g.by_port(), before)), "", 5)
            return
    raise lab_module.Broken("no frames go round")


def _ours_v2v(lab):
    @contextlib.contextmanager
    def opened(_):
        d = lab.path(lab.new_name("s"))
        os.mkdir(d)
        ini = "[port eth0]\ndevice = none\n" + vnics(d)
        with programs.forwarder(lab, ini) as f, pair(lab, [f"{d}/v0.sock", f"{d}/v1.sock"]) as g:
            yield g.counter(f.program, stages=f.stages)
    return measure.Contestant(measure.OURS, opened)


def _testpmd_v2v(lab):
    @contextlib.contextmanager
    def opened(_):
        paths = [lab.path(lab.new_name("s")) for _ in range(2)]
        vdevs = [f"net_vhost{i},iface={p}" for i, p in enumerate(paths)]
        with programs.testpmd(lab, vdevs, ["--total-num-mbufs=65536"]) as (p, _prefix):
            with pair(lab, paths) as g:
                yield g.counter(p)
    return measure.Contestant("testpmd io", opened)


def _bare_v2v(lab):
    @contextlib.contextmanager
    def opened(_):
        paths = [lab.path(lab.new_name("s")) for _ in range(2)]
        with bare(lab, paths) as p, pair(lab, paths) as g:
            yield g.counter(p)
    return measure.Contestant("bare loop", opened)


def _ovs_v2v(lab):
    @contextlib.contextmanager
    def opened(_):
        with programs.ovs(lab) as o:
            paths = [_add_vhost(o, f"v{i}", i + 1) for i in range(2)]
            o.add_flows([f"dl_dst={traffic.mac_text(A + i)},actions=output:{i + 1}"
                         for i in range(2)])
            with pair(lab, paths) as g:
                yield g.counter(o.program, warm=1.0)
    return measure.Contestant("OVS-DPDK", opened)


def vhost_v2v(lab):
    return [_ours_v2v(lab), _testpmd_v2v(lab), _ovs_v2v(lab), _bare_v2v(lab)]


GOALS = [measure.ratio("testpmd io", at_least=0.9), measure.ratio("OVS-DPDK", at_least=1.5)]

CASES = [
    measure.Case("vhost-rx", "net_pcap to one guest on vhost-user", vhost_rx, GOALS),
    measure.Case("vhost-v2v", "between two guests on vhost-user", vhost_v2v, GOALS),
]
