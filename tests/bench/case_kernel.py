# SPDX-License-Identifier: BSD-3-Clause
"""demux-16 beside the kernel's own macvlan: the same frames enter a veth by AF_XDP."""

import contextlib
import glob
import json

import case_demux
import lab as lab_module
import measure
import programs
import traffic


@contextlib.contextmanager
def _macvlans(lab, macs):
    """A veth whose other end, in a namespace, has kernel macvlans; (its name, the namespace)."""
    ns = lab.new_name("n")
    out, inside = lab.new_name("x")[-15:], lab.new_name("y")[-15:]
    lab.run("ip", "netns", "add", ns)
    try:
        # No IPv6: nobody shall send anything of his own.
        lab.run("ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        lab.run("ip", "link", "add", out, "type", "veth", "peer", "name", inside, "netns", ns)
        lab.run("sysctl", "-qw", f"net.ipv6.conf.{out}.disable_ipv6=1")
        lab.run("ip", "link", "set", out, "up")
        lab.run("ip", "-n", ns, "link", "set", inside, "up", "promisc", "on")
        for i, m in enumerate(macs):
            lab.run("ip", "-n", ns, "link", "add", f"mv{i}", "link", inside, "address",
                    traffic.mac_text(m), "type", "macvlan", "mode", "bridge")
            lab.run("ip", "-n", ns, "link", "set", f"mv{i}", "up")
        yield out, ns
    finally:
        lab.run("ip", "link", "del", out, check=False)
        lab.run("ip", "netns", "del", ns, check=False)


def _received(lab, ns):
    links = json.loads(lab.run("ip", "-n", ns, "-j", "-s", "link", "show", "type", "macvlan"))
    return sum(link["stats64"]["rx"]["packets"] for link in links)


def _kernel(lab, path, macs):
    @contextlib.contextmanager
    def opened(_):
        with _macvlans(lab, macs) as (device, ns):
            vdevs = [case_demux.source(path), f"net_af_xdp0,iface={device}"]
            with programs.bare(lab, ["io"], vdevs) as (p, _):
                ksoftirqd = _ksoftirqd(lab.workers[0])

                def times():
                    # Who receives: the sender's own system call, or this thread in its place.
                    # A kernel that accounts for soft interrupts apart (IRQ_TIME_ACCOUNTING)
                    # leaves some out, in its own favour.
                    sender = sum(programs.worker_times(p.pid).values())
                    return {"core": sender + sum(lab_module.thread_times(ksoftirqd).values())}
                yield measure.Counter(lambda: _received(lab, ns), times, programs.tsc_hz(),
                                      warm=1.0)
    return measure.Contestant("kernel macvlan", opened)


def _ksoftirqd(core):
    for path in glob.glob("/proc/[0-9]*/comm"):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as f:
            if f.read().strip() == f"ksoftirqd/{core}":
                return int(path.split("/")[2])
    raise lab_module.Missing("no ksoftirqd can be seen")


def kernel(lab):
    macs = [traffic.FIRST_MAC + i for i in range(16)]
    path = traffic.to_macs(lab, macs)
    ini = case_demux.demux_ini(path, 16, "dev:net_null%d,no-rx=1")
    return [case_demux.ours(lab, ini), _kernel(lab, path, macs)]


CASES = [
    measure.Case("kernel", "demux-16 beside kernel macvlan behind veth and AF_XDP", kernel,
                 [measure.ratio("kernel macvlan", at_least=20)]),
]
