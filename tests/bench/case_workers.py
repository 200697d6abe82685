# SPDX-License-Identifier: BSD-3-Clause
"""Two workers, a port each, beside one worker with both; testpmd in the same way."""

import contextlib
import statistics

import case_demux
import measure
import programs
import traffic

# The second worker's core is also that of the main thread: two cores are all that may be had.
ONE, TWO = "0@{c},1@{w}", "0@{c},1@{c},2@{w}"
SINKS = 8


def _lcores(lab, words):
    return words.format(c=lab.control, w=lab.workers[0])


def _ini(path):
    return "".join(f"""
[port eth{p}]
device = dev:net_pcap{p},rx_pcap={path},infinite_rx=1
[vnic v{p}x]
type = macvlan
port = eth{p}
mode = bridge
mac = {traffic.mac_text(traffic.FIRST_MAC)}
endpoint = dev:net_null{p}%d,no-rx=1
count = {SINKS}
""" for p in (0, 1))


def _ours(lab, name, path, lcores):
    @contextlib.contextmanager
    def opened(_):
        with programs.forwarder(lab, _ini(path), lcores=_lcores(lab, lcores)) as f:
            yield f.counter(count=lambda: f.port_rx("eth0") + f.port_rx("eth1"))
    return measure.Contestant(name, opened)


def _testpmd(lab, name, path, lcores, cores):
    @contextlib.contextmanager
    def opened(_):
        vdevs = [w for p in (0, 1) for w in (
            f"net_pcap{p},rx_pcap={path},infinite_rx=1", f"net_null{p},no-rx=1")]
        # Ports are numbered in the order of vdevs, and paired: 0 with 1, 2 with 3.
        with programs.testpmd(lab, vdevs, [f"--nb-cores={cores}"],
                              lcores=_lcores(lab, lcores)) as (p, prefix):
            yield programs.dpdk_counter(p, prefix, (0, 2))
    return measure.Contestant(name, opened)


def two_workers(lab):
    path = traffic.to_macs(lab, [traffic.FIRST_MAC + i for i in range(SINKS)])
    return [
        _ours(lab, "dpdk-vnic, 2 workers", path, TWO),
        _ours(lab, "dpdk-vnic, 1 worker", path, ONE),
        _testpmd(lab, "testpmd, 2 cores", path, TWO, 2),
        _testpmd(lab, "testpmd, 1 core", path, ONE, 1),
    ]


def _scaling(results):
    """What a second core adds to dpdk-vnic, by what it adds to testpmd."""
    values = [r.median() for r in results]
    if None in values:
        return None
    turns = zip(*([s.value for s in r.samples] for r in results))
    return statistics.median(a / b / (c / d) for a, b, c, d in turns)


CASES = [
    measure.Case("two-workers", "two ports, a worker each", two_workers,
                 [measure.Goal("≥ 0.95 × testpmd's own scaling", _scaling, 0.95)]),
]
