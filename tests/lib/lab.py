# SPDX-License-Identifier: BSD-3-Clause
"""What functional tests build again and again: namespaces that behave like machines, a port,
vnics with addresses, and the everyday programs between them."""

import contextlib
import json
import os
import re
import socket
import tempfile
import threading
import time

import forwarder
import netns
import taptest


_LEASE_SCRIPT = """#!/bin/sh
[ "$1" = bound ] && ip address add "$ip/${mask:-24}" dev "$interface"
exit 0
"""


@contextlib.contextmanager
def machines(*labels):
    """Namespaces with a stack of their own, IPv6 included and without its waiting times."""
    with contextlib.ExitStack() as stack:
        made = []
        for label in labels:
            ns = stack.enter_context(netns.Namespace(label, quiet=False))
            ns.sysctl("ipv6/conf/default/accept_dad", 0)
            ns.sysctl("ipv6/conf/default/router_solicitations", 0)
            made.append(ns)
        yield made


def port(out, host=None, name="eth0", device="w0", **keys):
    """A port whose wire ends as netdev @device in @out."""
    return forwarder.section("port", name, {
        "device": f"tap:{device},netns={out.name}",
        "host": f"tap:lower,netns={host.name}" if host else None, **keys})


def vnic(name, ns, port_name="eth0", **keys):
    """A bridge-mode macvlan whose netdev NAME0 stands in @ns."""
    words = {"type": "macvlan", "port": port_name, "mode": "bridge",
             "endpoint": f"tap:{name}0,netns={ns.name}", **keys}
    return forwarder.section("vnic", name, words)


def pings(ns, address, count=3, wait=2, size=56):
    """
    How many of the first @count echo requests were answered.

    Without -w, ping gives up on an answer after twice the longest round trip so far, which on a
    loaded machine is soon; with it, ping goes on until it has @count answers.
    """
    status, out, err = ns.run("ping", "-n", "-c", count, "-i", "0.1", "-w", wait + 1,
                              "-s", size, address, check=False)
    if status not in (0, 1):
        raise taptest.Failure(f"ping {address}: exit {status}: {err or out}")
    answered = {int(n) for n in re.findall(r"bytes from .*icmp_seq=(\d+)", out)}
    return len(answered & set(range(1, count + 1)))


def reaches(ns, address, size=56, limit=5.0):
    """@ns gets answers from @address, the first within @limit; then not one is lost."""
    taptest.eventually(lambda: pings(ns, address, 1, 1, size), f"{ns.name} pings {address}",
                       limit)
    taptest.equal(pings(ns, address, 5, 5, size), 5, f"{ns.name}: answers from {address}")


def does_not_reach(ns, address):
    taptest.equal(pings(ns, address, 3, 1), 0, f"{ns.name}: answers from {address}")


def _echo(sock, stop):
    while not stop.is_set():
        try:
            data, peer = sock.recvfrom(1 << 16)
            sock.sendto(data, peer)
        except socket.timeout:
            pass


def udp_echo(client, server, address, sizes=(1, 18, 100, 1400, 3000, 9000)):
    """Datagrams of all @sizes come back from @server unchanged."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with server.entered():
        there = socket.socket(family, socket.SOCK_DGRAM)
        there.bind((address, 7007))
    with client.entered():
        here = socket.socket(family, socket.SOCK_DGRAM)
    there.settimeout(0.1)
    here.settimeout(2)
    stop = threading.Event()
    thread = threading.Thread(target=_echo, args=(there, stop))
    thread.start()
    try:
        for size in sizes:
            data = os.urandom(size)
            here.sendto(data, (address, 7007))
            taptest.check(here.recv(1 << 16) == data, f"{size} bytes came back changed")
    except socket.timeout:
        raise taptest.Failure(f"a datagram of {size} bytes did not come back") from None
    finally:
        stop.set()
        thread.join()
        here.close()
        there.close()


def tcp_gbits(client, server, address, seconds=1, reverse=False):
    """iperf3's throughput of one connection; fails when it moves nothing."""
    daemon = server.popen("iperf3", "-s", "-1", "-B", address, stdout=-3, stderr=-3)
    try:
        words = ["iperf3", "-c", address, "-t", seconds, "-J"] + (["-R"] if reverse else [])
        # The server may not listen yet; iperf3 tells its errors in JSON, and exits 0 with some.
        end = time.monotonic() + 5
        while True:
            status, out, _ = client.run(*words, check=False, timeout=seconds + 20)
            answer = json.loads(out) if out.strip() else {"error": f"exit {status}"}
            if "refused" not in answer.get("error", "") or time.monotonic() > end:
                break
            time.sleep(0.05)
        taptest.check("error" not in answer, f"iperf3 to {address}: {answer.get('error')}")
        rate = answer["end"]["sum_received"]["bits_per_second"] / 1e9
        taptest.check(rate > 0.01, f"iperf3 to {address}: only {rate:.4f} Gbit/s")
        return rate
    finally:
        netns.stop(daemon)


def link(ns, device):
    """`ip -j link show`, or None when there is no such netdev."""
    status, out, _ = ns.ip(f"-j -d -s link show {device}", check=False)
    return json.loads(out)[0] if status == 0 else None


def need(*programs):
    """Skips the test where a program is missing."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for p in programs:
        if not any(os.access(os.path.join(d, p), os.X_OK) for d in path.split(":")):
            raise taptest.Skip(f"{p} is not installed")


def addresses(ns, device):
    """The addresses of a netdev, as `ip -j address` lists them."""
    return json.loads(ns.ip(f"-j address show {device}"))[0]["addr_info"]


def eventually_up(ns, *devices):
    """Every one of @devices has carrier."""
    for d in devices:
        taptest.eventually(lambda d=d: "LOWER_UP" in (link(ns, d) or {"flags": ()})["flags"],
                           f"{d} has carrier")


@contextlib.contextmanager
def dhcp_server(ns, device):
    """dnsmasq gives away 10.1.0.50 to 10.1.0.60 on @device."""
    need("dnsmasq")
    with tempfile.TemporaryDirectory(prefix="vnic-dhcp-") as directory:
        daemon = ns.popen(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
            f"--interface={device}", "--bind-interfaces", "--no-ping", "--user=root",
            "--dhcp-range=10.1.0.50,10.1.0.60,255.255.255.0,1h", "--dhcp-authoritative",
            f"--dhcp-leasefile={directory}/leases", "--pid-file=", stdout=-3, stderr=-3)
        try:
            yield
        finally:
            netns.stop(daemon)


def dhcp_lease(ns, device, client_id=None):
    """A real client, which doesn't ask for broadcasts, gets an address on @device."""
    need("busybox")
    with tempfile.TemporaryDirectory(prefix="vnic-dhcp-") as directory:
        script = os.path.join(directory, "script")
        with open(script, "w", encoding="ascii") as f:
            f.write(_LEASE_SCRIPT)
        os.chmod(script, 0o755)
        words = ("-C", "-x", f"0x3d:{client_id}") if client_id else ()
        ns.run("busybox", "udhcpc", "-f", "-q", "-n", "-i", device, "-t", 8, "-T", 1,
               "-s", script, *words)
    got = [a["local"] for a in addresses(ns, device) if a["family"] == "inet"]
    taptest.check(got and 50 <= int(got[0].split(".")[3]) <= 60, f"no lease: {got}")
    return got[0]
