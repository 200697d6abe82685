# SPDX-License-Identifier: BSD-3-Clause
"""Two namespaces joined by sibling vnics on TAPs, by kernel macvlan, and by what else joins two TAPs.

iperf3 and pingpong run where the scheduler puts them, as containers do. Their stacks need both cores,
so `idle = adaptive` is what one would write for the worker that is on one of them; a worker that
polls, and keeps that core to itself as far as the kernel lets it, is measured beside it.
"""

import contextlib
import json
import os
import subprocess
import sys

import lab as lab_module
import measure
import programs

sys.path.append(os.path.join(lab_module.ROOT, "tests", "lib"))
import netns  # noqa: E402

ADDRESSES = "10.9.0.1", "10.9.0.2"


@contextlib.contextmanager
def namespaces():
    netns.sweep()
    with netns.Namespace("a") as a, netns.Namespace("b") as b:
        yield a, b


def set_up(pair, device="t{}"):
    """Addresses and links; returns when each reaches the other."""
    for i, ns in enumerate(pair):
        ns.ip(f"addr add {ADDRESSES[i]}/24 dev {device.format(i)}")
        ns.ip(f"link set {device.format(i)} up")
    lab_module.eventually(
        lambda: pair[0].run("ping", "-c1", "-W1", ADDRESSES[1], check=False)[0] == 0, "a pings b")


def everywhere(lab, *command):
    """Lab's own affinity is narrow, and children inherit it."""
    return ["taskset", "-c", ",".join(map(str, {lab.control, *lab.workers})), *command]


# ---- who joins them; each yields nothing

def vnics_ini(pair, idle):
    text = f"[global]\nidle = {idle}\n[port eth0]\ndevice = none\n"
    for i, ns in enumerate(pair):
        text += (f"[vnic v{i}]\ntype = macvlan\nport = eth0\nmode = bridge\n"
                 f"endpoint = tap:t{i},netns={ns.name}\n")
    return text


def vnics(lab, idle="adaptive"):
    @contextlib.contextmanager
    def join(pair):
        with programs.forwarder(lab, vnics_ini(pair, idle)):
            set_up(pair)
            yield
    return join


def kernel(_lab):
    """Two macvlans in bridge mode above one end of a veth."""
    @contextlib.contextmanager
    def join(pair):
        a, b = pair
        a.ip("link add lower type veth peer name wire")
        a.ip("link set lower up")
        a.ip("link set wire up")
        a.ip("link add link lower name t0 type macvlan mode bridge")
        a.ip(f"link add link lower name t1 netns {b.name} type macvlan mode bridge")
        set_up(pair)
        yield
    return join


def bare(lab, *how):
    """bare_tap.c on the core that is measured."""
    @contextlib.contextmanager
    def join(pair):
        program = programs.built("tests", "bench", "bench_bare_tap")
        words = [w for i, ns in enumerate(pair) for w in (ns.path, f"t{i}")]
        with lab.program("bare_tap", ["taskset", "-c", lab.workers[0], program, *words,
                                      *how]) as p:
            p.await_text("ready")
            set_up(pair)
            yield
    return join


def net_tap(lab):
    """testpmd io between two net_tap, whose netdevs are then moved."""
    @contextlib.contextmanager
    def join(pair):
        names = [f"vb{os.getpid()}{i}" for i in range(2)]
        vdevs = [f"net_tap{i},iface={n}" for i, n in enumerate(names)]
        with programs.testpmd(lab, vdevs, ["--total-num-mbufs=16384"]):
            for i, ns in enumerate(pair):
                netns.run("ip", "link", "set", names[i], "netns", ns.name, "name", f"t{i}")
            set_up(pair)
            yield
    return join


def contestant(name, join, sampler):
    """@sampler(pair, seconds) gives the figure."""
    @contextlib.contextmanager
    def opened(_):
        with namespaces() as pair, join(pair):
            yield lambda seconds: measure.Sample(value=sampler(pair, seconds))
    return measure.Contestant(name, opened)


# ---- what is measured

def tcp(lab, streams):
    """Gbit/s that b received of a."""
    def sample(pair, seconds):
        path, = lab_module.need("iperf3")
        a, b = pair
        server = b.popen(*everywhere(lab, path, "-s", "-1"), stdout=subprocess.DEVNULL)
        try:
            def client():
                _, out, _ = a.run(*everywhere(lab, path, "-c", ADDRESSES[1], "-J", "-O", "0.5",
                                              "-t", seconds, "-P", streams), check=False)
                answer = json.loads(out)
                return None if "error" in answer else answer  # it doesn't listen yet
            answer = lab_module.eventually(client, "iperf3 connects", pause=0.1)
        finally:
            netns.stop(server)
        return answer["end"]["sum_received"]["bits_per_second"] / 1e9
    return sample


def rr(lab):
    """Median microseconds of a datagram there and one back."""
    def sample(pair, seconds):
        program = programs.built("tests", "bench", "bench_pingpong")
        a, b = pair
        server = b.popen(*everywhere(lab, program, "server", ADDRESSES[1], "7"))
        try:
            out = a.run(*everywhere(lab, program, "client", ADDRESSES[1], "7", seconds))
        finally:
            netns.stop(server)
        return int(out.split()[1]) / 1e3
    return sample


def netns_tcp(streams):
    def contestants(lab):
        sampler = tcp(lab, streams)
        return [contestant(name, join, sampler) for name, join in (
            (measure.OURS, vnics(lab)),
            ("the same, idle = poll", vnics(lab, "poll")),
            ("kernel macvlan", kernel(lab)),
            ("bare loop", bare(lab)),
            ("bare loop that waits", bare(lab, "wait")),
            ("bare loop that naps", bare(lab, "nap")),
            ("net_tap + testpmd", net_tap(lab)))]
    return contestants


def netns_rr(lab):
    sampler = rr(lab)
    return [contestant(name, join, sampler) for name, join in (
        (measure.OURS, vnics(lab)),
        ("the same, idle = poll", vnics(lab, "poll")),
        ("kernel macvlan", kernel(lab)),
        ("bare loop", bare(lab)),
        ("bare loop that waits", bare(lab, "wait")))]


# ---- segmentation

def without_tso(lab):
    """The same vnics; their owners' stacks cut their segments themselves."""
    @contextlib.contextmanager
    def join(pair):
        ethtool, = lab_module.need("ethtool")
        with vnics(lab)(pair):
            for i, ns in enumerate(pair):
                ns.run(ethtool, "-K", f"t{i}", "tso", "off", "gso", "off", "gro", "off")
            yield
    return join


def gso(lab):
    sampler = tcp(lab, 1)
    return [contestant(measure.OURS, vnics(lab), sampler),
            contestant("without TSO", without_tso(lab), sampler)]


TCP_GOALS = [measure.ratio("bare loop", at_least=0.9),
             measure.ratio("bare loop that waits", at_least=0.9),
             measure.ratio("bare loop that naps", at_least=0.9),
             measure.ratio("kernel macvlan", at_least=0.7),
             measure.ratio("net_tap + testpmd", at_least=6)]

CASES = [
    measure.Case("netns-tcp", "iperf3 between two namespaces, 1 stream", netns_tcp(1), TCP_GOALS,
                 unit="Gbit/s", seconds=2.0),
    measure.Case("netns-tcp-4", "iperf3 between two namespaces, 4 streams", netns_tcp(4), TCP_GOALS,
                 unit="Gbit/s", seconds=2.0),
    measure.Case("netns-rr", "a datagram there and one back, median", netns_rr,
                 [measure.ratio("kernel macvlan", at_most=2)], unit="µs", less_is_better=True),
    measure.Case("gso", "iperf3 between two namespaces, with TSO and without", gso,
                 [measure.ratio("without TSO", at_least=3)], unit="Gbit/s", seconds=2.0),
]
