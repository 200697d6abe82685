# SPDX-License-Identifier: BSD-3-Clause
"""
Virtual machines on vhost-user vnics: TCP between their stacks, with segmentation offload and without; and
the same on testpmd's ports, which tells what of it is the machines'.
"""

import contextlib
import json
import os
import sys

import case_vhost
import lab as lab_module
import measure
import programs
import traffic

sys.path.append(os.path.join(lab_module.ROOT, "tests", "lib"))
import taptest  # noqa: E402
import vm  # noqa: E402

ADDRESSES = "10.9.0.1", "10.9.0.2"
NO_SEGMENTATION = "ethtool -K eth0 tso off gso off gro off"


def _tcp(machines, seconds):
    """Gbit/s that the second received of the first."""
    a, b = machines
    server = b.popen("iperf3", "-s", "-1")
    try:
        def client():
            _, out, _ = a.run("iperf3", "-c", ADDRESSES[1], "-J", "-O", "1", "-t", int(seconds),
                              check=False, timeout=seconds + 30)
            answer = json.loads(out or '{"error": "no answer"}')
            return None if "error" in answer else answer  # it doesn't listen yet
        answer = lab_module.eventually(client, "iperf3 connects", limit=60, pause=0.2)
    finally:
        server.kill()
    return answer["end"]["sum_received"]["bits_per_second"] / 1e9


def vnics(lab, directory):
    """A forwarder with a socket for each machine in @directory."""
    return programs.forwarder(lab, "[port eth0]\ndevice = none\n" + case_vhost.vnics(directory))


def testpmd(lab, directory):
    """testpmd io between two such sockets."""
    return programs.testpmd(lab, [f"net_vhost{i},iface={directory}/v{i}.sock,tso=1,linear-buffer=0"
                                  for i in range(2)], ["--total-num-mbufs=65536"])


def machines(name, join, *commands):
    """Two of them, joined by @join, after @commands in each."""
    @contextlib.contextmanager
    def opened(lab):
        directory = lab.path(lab.new_name("s"))
        os.mkdir(directory)
        try:
            with join(lab, directory), contextlib.ExitStack() as stack:
                both = []
                for i, address in enumerate(ADDRESSES):
                    nic = vm.vhost_nic(f"{directory}/v{i}.sock",
                                       traffic.mac_text(case_vhost.A + i))
                    both.append(stack.enter_context(vm.Machine(f"m{i}", nic)))
                    for command in (f"ip addr add {address}/24 dev eth0", "ip link set eth0 up",
                                    *commands):
                        both[-1].shell(command)
                yield lambda seconds: measure.Sample(_tcp(both, seconds))
        except taptest.Skip as why:
            raise lab_module.Missing(str(why)) from None
    return measure.Contestant(name, opened)


CASES = [
    measure.Case("gso-vm", "iperf3 between two virtual machines, with TSO and without",
                 lambda lab: [machines(measure.OURS, vnics),
                              machines("without TSO", vnics, NO_SEGMENTATION),
                              machines("testpmd io", testpmd),
                              machines("testpmd io, without TSO", testpmd, NO_SEGMENTATION)],
                 [measure.ratio("without TSO", at_least=3)], unit="Gbit/s", seconds=4.0, turns=5),
]
