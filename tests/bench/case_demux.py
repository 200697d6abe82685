# SPDX-License-Identifier: BSD-3-Clause
"""One infinite net_pcap, and vnics by MAC."""

import contextlib

import measure
import programs
import traffic

SINK = "net_null{},no-rx=1"


def source(path):
    return f"net_pcap0,rx_pcap={path},infinite_rx=1"


def demux_ini(path, n, endpoint, mbufs=None):
    """A port that the file never ends on, and bridge-mode vnics with MACs from FIRST_MAC on."""
    head = f"[global]\nmbufs = {mbufs}\n" if mbufs else ""
    return head + f"""
[port eth0]
device = dev:{source(path)}
[vnic v]
type = macvlan
port = eth0
mode = bridge
mac = {traffic.mac_text(traffic.FIRST_MAC)}
endpoint = {endpoint}
count = {n}
"""


def ours(lab, ini, memory=512):
    @contextlib.contextmanager
    def opened(_):
        with programs.forwarder(lab, ini, memory) as f:
            yield f.counter()
    return measure.Contestant(measure.OURS, opened)


def bare(lab, name, args, vdevs, memory=512):
    @contextlib.contextmanager
    def opened(_):
        with programs.bare(lab, args, vdevs, memory) as (p, prefix):
            yield programs.dpdk_counter(p, prefix)
    return measure.Contestant(name, opened)


def _testpmd_io(lab, path):
    @contextlib.contextmanager
    def opened(_):
        with programs.testpmd(lab, [source(path), SINK.format(0)]) as (p, prefix):
            yield programs.dpdk_counter(p, prefix)
    return measure.Contestant("testpmd io", opened)


def _ovs(lab, path, macs):
    @contextlib.contextmanager
    def opened(_):
        with programs.ovs(lab) as o:
            for i, _mac in enumerate(macs):
                o.add_dpdk(f"sink{i}", f"net_null{i},no-rx=1", i + 2)
            o.add_flows([f"in_port=1,dl_dst={traffic.mac_text(m)},actions=output:{i + 2}"
                         for i, m in enumerate(macs)])
            o.add_dpdk("pcap", source(path), 1)
            yield o.counter()
    return measure.Contestant("OVS-DPDK", opened)


def demux_16(lab):
    macs = [traffic.FIRST_MAC + i for i in range(16)]
    path = traffic.to_macs(lab, macs)
    return [
        ours(lab, demux_ini(path, 16, "dev:net_null%d,no-rx=1")),
        _testpmd_io(lab, path),
        _ovs(lab, path, macs),
        bare(lab, "bare loop", ["split"], [source(path), *(SINK.format(i) for i in range(16))]),
    ]


def demux_many(n):
    def contestants(lab):
        path = traffic.to_macs(lab, traffic.shuffled(n))
        return [
            ours(lab, demux_ini(path, n, "none", mbufs=131071), memory=768),
            bare(lab, "bare loop", ["free"], [source(path)], memory=512),
        ]
    return contestants


CASES = [
    measure.Case("demux-16", "one net_pcap to 16 bridge-mode macvlans on net_null", demux_16, [
        measure.ratio("testpmd io", at_least=0.5),
        measure.ratio("OVS-DPDK", at_least=4),
        measure.cycles_over("testpmd io", 40)]),
    measure.Case("demux-1k", "1,000 MACs in shuffled order", demux_many(1000),
                 [measure.cycles_over("bare loop", 50)]),
    measure.Case("demux-60k", "60,000 MACs in shuffled order", demux_many(60000),
                 [measure.cycles_over("bare loop", 90)]),
]
