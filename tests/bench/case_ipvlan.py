# SPDX-License-Identifier: BSD-3-Clause
"""One infinite net_pcap, and ipvlan vnics by address."""

import ipaddress
import os
import random

import case_demux
import measure
import traffic

PORT_MAC = 0x027063617000  # what net_pcap gives its first port
FIRST = {4: ipaddress.ip_address("10.0.0.1"), 6: ipaddress.ip_address("2001:db8::1")}
ETHERTYPE = {4: 0x0800, 6: 0x86dd}


def _ini(path, version, n):
    return f"""
[global]
mbufs = 131071
[port eth0]
device = dev:{case_demux.source(path)}
[vnic v]
type = ipvlan
port = eth0
mode = l2
address = {FIRST[version]}/{8 if version == 4 else 64}
endpoint = none
count = {n}
"""


def _frames(lab, version, n):
    targets = [FIRST[version] + i for i in range(n)]
    random.Random(1).shuffle(targets)
    packet = {4: traffic.ipv4, 6: traffic.ipv6}[version]
    source = FIRST[version] - 1
    # 64 bytes with FCS, if the headers leave it at that.
    frames = [traffic.ethernet(PORT_MAC, packet(str(source), str(t), 46 if version == 4 else 48),
                               ETHERTYPE[version]) for t in targets]
    return traffic.write_pcap(os.path.join(lab.directory, lab.new_name("ip") + ".pcap"), frames)


def ipvlan(name, version, n, most):
    def contestants(lab):
        path = _frames(lab, version, n)
        return [
            case_demux.ours(lab, _ini(path, version, n), memory=768),
            case_demux.bare(lab, "bare loop", ["free"], [case_demux.source(path)]),
        ]
    return measure.Case(f"ipvlan-{name}-v{version}", f"{n:,} IPv{version} addresses, shuffled",
                        contestants, [measure.cycles_over("bare loop", most)])


CASES = [ipvlan(name, version, n, most)
         for name, n, most in (("16", 16, 50), ("60k", 60000, 100)) for version in (4, 6)]
