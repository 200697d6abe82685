# SPDX-License-Identifier: BSD-3-Clause
"""Broadcasts to many vnics: copies a second, and what they leave to others."""

import contextlib
import os
import time

import case_demux
import measure
import programs
import traffic


def _broadcasts(lab):
    frame = traffic.ethernet(0xffffffffffff, traffic.ipv4("192.0.2.1", "192.0.2.255", 46))
    return traffic.write_pcap(os.path.join(lab.directory, lab.new_name("bc") + ".pcap"),
                              [frame] * 32)


def flood(n):
    def contestants(lab):
        path = _broadcasts(lab)
        ini = case_demux.demux_ini(path, n, "none")

        @contextlib.contextmanager
        def ours(_):
            with programs.forwarder(lab, ini) as f:
                yield f.counter(count=lambda: f.vnic_rx("v0") * n)

        @contextlib.contextmanager
        def bare(_):
            with programs.bare(lab, ["flood", n], [case_demux.source(path)]) as (p, prefix):
                count = programs.dpdk_counter(p, prefix)
                received = count.count
                count.count = lambda: received() * n
                yield count
        return [measure.Contestant(measure.OURS, ours), measure.Contestant("bare loop", bare)]
    return measure.Case(f"flood-{n}", f"broadcasts to {n} vnics on none, copies", contestants,
                        [measure.ratio("bare loop", at_least=0.667)])


N_TAPS = 1000
ALONE = "bystander alone"
LONGEST_REACHES = 2.1  # seconds that "longest_us" may reach back


def _tap_ini(storm, alone, ns):
    text = f"""
[port by]
device = dev:net_pcap1,rx_pcap={alone},infinite_rx=1
[vnic b]
type = macvlan
port = by
mode = bridge
mac = {traffic.mac_text(traffic.FIRST_MAC)}
endpoint = none
"""
    if storm:
        text += f"""
[port eth0]
device = dev:{case_demux.source(storm)}
[vnic v]
type = macvlan
port = eth0
mode = bridge
mac = {traffic.mac_text(traffic.FIRST_MAC + 0x10000)}
endpoint = tap:v%d,netns={ns}
count = {N_TAPS}
"""
    return text


def _storm(lab):
    """
    Broadcasts that a receiver's stack has no use for. Of IP and ARP it would look up a route, and
    where there is none the kernel frees what it made by RCU, thousands at a time, on the core
    that wrote: turns of 1 to 2 ms that are none of the forwarder's.
    """
    frame = traffic.ethernet(0xffffffffffff, bytes(46), ethertype=0x88b5)
    return traffic.write_pcap(os.path.join(lab.directory, lab.new_name("st") + ".pcap"),
                              [frame] * 32)


def _bystander(f):
    """Samples his frames, what was lost of them, and the worker's turns in µs."""
    counter = f.counter(count=lambda: f.port_rx("by"))

    def sample(seconds):
        time.sleep(LONGEST_REACHES)  # turns while TAPs were made aren't meant
        before = f.rpc("worker.show")[0]["totals"]
        s = counter(seconds)
        shown = f.rpc("worker.show")[0]
        turns = shown["totals"]["busy_turns"] - before["busy_turns"]
        busy = shown["totals"]["busy_cycles"] - before["busy_cycles"]
        # By the clock; the share of it that the worker had its core.
        s.extra["turn"] = busy / turns / programs.tsc_hz() * 1e6 * s.share
        s.extra["longest"] = shown["longest_us"]
        by = f.rpc("drops.show", {"name": "by"}) + f.rpc("drops.show", {"name": "b"})
        s.extra["lost"] = sum(row["packets"] for row in by)
        return s
    return sample


def flood_tap(lab):
    """A bystander beside a storm of broadcasts to TAPs: a turn has 32 frames of his at most."""
    storm, alone = _storm(lab), traffic.to_macs(lab, [traffic.FIRST_MAC])

    @contextlib.contextmanager
    def beside(_):
        ns = lab.new_name("n")
        lab.run("ip", "netns", "add", ns)
        try:
            lab.run("ip", "netns", "exec", ns, "sysctl", "-qw",
                    "net.ipv6.conf.default.disable_ipv6=1")
            with programs.forwarder(lab, _tap_ini(storm, alone, ns)) as f:
                yield _bystander(f)
        finally:
            lab.run("ip", "netns", "del", ns, check=False)

    @contextlib.contextmanager
    def by_himself(_):
        with programs.forwarder(lab, _tap_ini(None, alone, None)) as f:
            yield _bystander(f)
    return [measure.Contestant(measure.OURS, beside), measure.Contestant(ALONE, by_himself)]


CASES = [
    flood(16), flood(256), flood(1000),
    measure.Case("flood-tap", f"a bystander beside a storm of broadcasts to {N_TAPS} TAPs",
                 flood_tap, [
                     measure.figure("no frame of the bystander's lost", 0, extra="lost"),
                     # Of a turn by himself, the longest is what one interrupt takes here.
                     measure.extra_over("the longest turn ≤ 100 µs over his alone", "longest",
                                        ALONE, 100),
                     measure.figure("≤ 100 µs a turn (mean)", 100, extra="turn")], turns=3),
]
