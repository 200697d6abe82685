#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Telemetry and Prometheus: the numbers of vnicctl, pages of names, and reloads."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import capture
import forwarder
import frames
import lab
import netns
import scrape
import taptest
from taptest import check, equal, eventually

DASHBOARD = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "config",
                         "grafana-dashboard.json")
ADDRESS = "127.0.0.1:9477"
WEB = "02:00:00:00:01:01"
DB = "02:00:00:00:01:02"
STATS = ("rx_packets", "rx_bytes", "rx_multicast", "rx_dropped",
         "tx_packets", "tx_bytes", "tx_dropped")


def global_section(address=ADDRESS):
    return forwarder.section("global", "", {"metrics": address})


def none_vnics(n, name="n", port="eth0"):
    return forwarder.section("vnic", name, {"type": "macvlan", "port": port,
                                            "count": None if n == 1 else n})


def none_port(name="eth0"):
    return forwarder.section("port", name, {"device": "none"})


@contextlib.contextmanager
def running(ini, **kw):
    """The daemon in a namespace of its own, so that its port is nobody else's."""
    forwarder.need()
    with netns.Namespace("home", quiet=False) as home, \
            forwarder.Forwarder(ini, ns=home, telemetry=True, **kw) as f:
        yield f, home


@contextlib.contextmanager
def with_traffic():
    """Two siblings, the wire, a veth pair; frames went every way, and some were dropped."""
    with netns.Namespace("in") as inside, netns.Namespace("out") as out:
        ini = (global_section() + lab.port(out)
               + lab.vnic("web", inside, mac=WEB, spoofcheck="mac")
               + lab.vnic("db", inside, mac=DB, type="macvtap")
               + forwarder.section("vnic", "a", {"type": "veth", "peer": "b"})
               + forwarder.section("vnic", "b", {"type": "veth", "peer": "a", "state": "down"}))
        with running(ini) as (f, home):
            lab.eventually_up(inside, "web0", "db0")
            stations = {"wire": capture.Station("wire", out, "w0"),
                        "web": capture.Station("web", inside, "web0"),
                        "db": capture.Station("db", inside, "db0")}
            try:
                send(stations)
                yield f, home
            finally:
                for s in stations.values():
                    s.close()


def send(stations):
    play = capture.Play(stations)
    todo, wanted = [], {}
    for i in range(0, 40, 4):
        todo += [
            capture.Frame(i, "wire", frames.build(i, WEB, frames.mac("X0")), ""),
            capture.Frame(i + 1, "db", frames.build(i + 1, WEB, DB), ""),
            capture.Frame(i + 2, "web", frames.build(i + 2, frames.mac("BC"), WEB), ""),
            capture.Frame(i + 3, "web", frames.build(i + 3, DB, frames.mac("S1")), "")]
        wanted.update({i: {"web": 1}, i + 1: {"web": 1}, i + 2: {"db": 1, "wire": 1}, i + 3: {}})
    play.send(todo, wanted)
    play.close()


# ---- the same state, asked in three ways: {name: {counter: value}}


def by_vnicctl(f):
    rows = json.loads(f.ctl("-j", "-s", "link")) + json.loads(f.ctl("-j", "-s", "port"))
    numbers = {}
    for row in rows:
        s = row["stats64"]
        numbers[row["ifname"]] = {
            "up": row["operstate"] == "UP",
            **{k: s[k[:2]][k[3:]] for k in STATS}, **row["drops"]}
    return numbers


def by_telemetry(f, names):
    asked = [f"/vnic/{what},{name}" for name in names for what in ("info", "stats", "drops")]
    answers = iter(scrape.telemetry(f, *asked))
    numbers = {}
    for name in names:
        info, stats, drops = next(answers), next(answers), next(answers)
        equal(info["ifname"], name, "info's name")
        numbers[name] = {"up": info["operstate"] == "UP", **stats, **drops}
    return numbers


def by_prometheus(home, address=ADDRESS):
    numbers = {}
    for metric in scrape.parse(scrape.get(home, address)).values():
        m = re.fullmatch(r"dpdk_vnic_(port_)?(\w+?)(_packets)?(_total)?", metric.name)
        if m[1] and m[2] in ("addresses", "neighbours"):  # the other two have no such numbers
            continue
        for labels, value in metric.samples:
            name = labels.get("port" if m[1] else "vnic")
            if not name:
                continue
            key = {"rx": "rx_packets", "tx": "tx_packets", "drops": labels.get("reason")}.get(
                m[2], m[2])
            numbers.setdefault(name, {})[key] = value
    return numbers


def test_same_numbers():
    """vnicctl, telemetry and Prometheus tell the same numbers, under the same names."""
    with with_traffic() as (f, home):
        def same():
            told = by_vnicctl(f)
            return told if (told == by_telemetry(f, list(told))
                            and told == by_prometheus(home)) else None
        try:
            told = eventually(same, "three times the same", 10)
        except taptest.Failure:
            told = by_vnicctl(f)
            taptest.note(f"vnicctl    {told}")
            taptest.note(f"telemetry  {by_telemetry(f, list(told))}")
            taptest.note(f"prometheus {by_prometheus(home)}")
            raise
        equal(sorted(told), ["a", "b", "db", "eth0", "web"], "names")
        happened = [r for r in json.loads(f.ctl("-j", "drops", "show", "web")) if r["packets"]]
        every = json.loads(f.ctl("-j", "-d", "drops", "show", "web"))
        equal([r for r in every if r["packets"]], happened, "drops show, without -d and with it")
        equal({r["reason"]: r["packets"] for r in every}, f.link("web")["drops"], "-d drops show")
        check(all(r["text"] for r in every), f"what each reason means: {every}")
        equal(told["web"]["spoofed"], 10, "spoofed frames of web")
        check(told["web"]["rx_packets"] >= 20, f"web received {told['web']['rx_packets']}")
        check(told["db"]["rx_multicast"] >= 10, f"db heard {told['db']['rx_multicast']} groups")
        check(told["eth0"]["rx_packets"] >= 10, f"eth0 received {told['eth0']['rx_packets']}")
        equal((told["web"]["up"], told["b"]["up"]), (True, False), "up of web and b")


def test_labels():
    """Each sample has the labels that the documentation names."""
    wanted = {"up": {"vnic"}, "drops_total": {"vnic", "reason"}, "build_info": {"version"}}
    with with_traffic() as (_, home):
        metrics = scrape.parse(scrape.get(home, ADDRESS))
        for short in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes"):
            check(f"dpdk_vnic_{short}_total" in metrics, f"there is dpdk_vnic_{short}_total")
            check(f"dpdk_vnic_port_{short}_total" in metrics, f"there is a port's {short}")
        for metric in metrics.values():
            short = metric.name.removeprefix("dpdk_vnic_")
            if short.startswith("worker_"):
                labels = {"lcore"}
            elif short.startswith("port_"):
                labels = {"port", *({"reason"} if "drops" in short else ()),
                          *({"state"} if "neighbours" in short else ())}
            else:
                labels = wanted.get(short, {"vnic", "port", "type"})
            for got, _ in metric.samples:
                equal(set(got), labels, f"labels of {metric.name}")
        kinds = {labels["vnic"]: (labels["port"], labels["type"])
                 for labels, _ in metrics["dpdk_vnic_rx_bytes_total"].samples}
        equal(kinds, {"web": ("eth0", "macvlan"), "db": ("eth0", "macvtap"),
                      "a": ("", "veth"), "b": ("", "veth")}, "port and type")


def test_promtool():
    """promtool finds nothing to say."""
    lab.need("promtool")
    with with_traffic() as (_, home):
        done = subprocess.run(["promtool", "check", "metrics"], input=scrape.get(home, ADDRESS),
                              capture_output=True, check=False, timeout=60)
        equal((done.returncode, done.stdout + done.stderr), (0, b""), "promtool check metrics")


def test_workers():
    """Every worker by its lcore, with what it did."""
    with with_traffic() as (f, home):
        (workers,) = scrape.telemetry(f, "/vnic/workers")
        equal(list(workers), ["1"], "lcores")
        check(workers["1"]["frames"] >= 40, f"frames: {workers}")
        equal(workers["1"]["rx_queues"], 3, "queues of w0, web0 and db0")
        check(0 < workers["1"]["busy_cycles"] <= workers["1"]["cycles"], f"cycles: {workers}")
        metrics = scrape.parse(scrape.get(home, ADDRESS))
        ((labels, ratio),) = metrics["dpdk_vnic_worker_busy_ratio"].samples
        equal(labels, {"lcore": "1"}, "labels of the ratio")
        check(0 <= ratio <= 1, f"busy ratio {ratio}")
        ((_, longest),) = metrics["dpdk_vnic_worker_longest_turn_seconds"].samples
        check(0 <= longest < 60, f"longest turn {longest}")
        ((_, n),) = metrics["dpdk_vnic_worker_frames_total"].samples
        check(n >= workers["1"]["frames"], f"frames: {n} after {workers}")


def queries(node):
    """All `expr` of a dashboard, and the queries of its variables."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        if node.get("type") == "query" and isinstance(node.get("definition"), str):
            yield re.sub(r"label_values\((.*),\s*\w+\)$", r"\1", node["definition"])
        for child in node.values():
            yield from queries(child)
    elif isinstance(node, list):
        for child in node:
            yield from queries(child)


def test_dashboard():
    """Every query of the dashboard names metrics and labels that there are."""
    with open(DASHBOARD, encoding="utf-8") as file:
        exprs = list(queries(json.load(file)))
    check(len(exprs) >= 8, f"only {len(exprs)} queries")
    with with_traffic() as (_, home):
        metrics = scrape.parse(scrape.get(home, ADDRESS))
    for expr in exprs:
        found = re.findall(r"(dpdk_vnic_\w+)(?:\{([^}]*)\})?", expr)
        check(found, f"{expr}: has no metric of ours")
        for name, matchers in found:
            check(name in metrics, f"{expr}: there is no {name}")
            for label in re.findall(r"(\w+)\s*[=!]~?", matchers):
                known = set(metrics[name].samples[0][0]) | {"job", "instance"}
                check(label in known, f"{expr}: {name} has no label {label}")
    with_promql(exprs)


def with_promql(exprs):
    lab.need("promtool")
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        rules = [{"record": f"q{i}", "expr": re.sub(r"\$\w+", "5m", e)}
                 for i, e in enumerate(exprs)]
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)  # JSON is YAML
        file.flush()
        done = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True,
                              text=True, check=False, timeout=60)
        equal(done.returncode, 0, f"promtool check rules: {done.stdout}{done.stderr}")


def test_thousand():
    """A thousand vnics: their names page by page, all in one scrape."""
    with running(global_section() + none_port() + none_vnics(1000)) as (f, home):
        names, page = [], None
        while page is None or len(page) == 256:
            (page,) = scrape.telemetry(f, f"/vnic/list,{len(names)}" if names else "/vnic/list")
            names += page
        equal(names, [f"n{i}" for i in range(1000)], "names")
        equal(scrape.telemetry(f, "/vnic/list,1000", "/vnic/list,999999999", "/vnic/ports"),
              [[], [], ["eth0"]], "beyond the end; ports")
        metrics = scrape.parse(scrape.get(home, ADDRESS))
        equal(len(metrics["dpdk_vnic_up"].samples), 1000, "vnics in the scrape")
        equal(len(metrics["dpdk_vnic_drops_total"].samples), 1000 * len(f.link("n0")["drops"]),
              "reasons in the scrape")


def test_bad_commands():
    """Telemetry commands with parameters that mean nothing answer null."""
    with running(global_section("off") + none_port() + none_vnics(1, "web")) as (f, _):
        bad = ["/vnic/list,x", "/vnic/list,-1", "/vnic/list,99999999999999999999", "/vnic/info",
               "/vnic/stats", "/vnic/stats,nope", "/vnic/drops,", "/vnic/info," + "w" * 900,
               "/vnic/drops,web,web", "/vnic/info,\"%s%n"]
        equal(scrape.telemetry(f, *bad), [None] * len(bad), "answers")
        (stats,) = scrape.telemetry(f, "/vnic/stats,web")
        equal(sorted(stats), sorted(STATS), "a good one afterwards")


def test_while_changing():
    """Telemetry and scrapes while vnics come and go."""
    ini = global_section() + none_port()
    some, many = ini + none_vnics(3), ini + none_vnics(40) + none_port("eth1")
    with running(some) as (f, home):
        stop, faults = threading.Event(), []

        def ask():
            asked = [f"/vnic/{what},{name}" for name in ("n1", "n30", "eth1", "eth0")
                     for what in ("info", "stats", "drops")] + ["/vnic/list", "/vnic/workers"]
            while not stop.is_set():
                try:
                    answers = scrape.telemetry(f, *asked)
                    if None in answers[0:3] + answers[9:]:
                        faults.append(answers)
                    scrape.parse(scrape.get(home, ADDRESS))
                except Exception as e:  # pylint: disable=broad-except
                    faults.append(e)
                    return
        askers = [threading.Thread(target=ask) for _ in range(2)]
        for t in askers:
            t.start()
        try:
            for _ in range(15):
                f.reload(many)
                f.reload(some)
        finally:
            stop.set()
            for t in askers:
                t.join()
        equal(faults, [], "faults")


# ---- the address


def answers(home, address):
    try:
        return b"dpdk_vnic_build_info" in scrape.get(home, address)
    except OSError:
        return False


def test_reload():
    """A reload moves, ends and begins metrics; counters and the rest stay."""
    rest = none_port() + none_vnics(2)
    with running(global_section() + rest) as (f, home):
        equal(answers(home, ADDRESS), True, "at the start")
        # Both at once is impossible; then another port; IPv6; none.
        for old, new in ((ADDRESS, "0.0.0.0:9477"), ("127.0.0.1:9477", "127.0.0.1:9478"),
                         ("127.0.0.1:9478", "[::1]:9478")):
            f.reload(global_section(new) + rest)
            equal(answers(home, new.replace("0.0.0.0", "127.0.0.1")), True, new)
            equal(answers(home, old), old == ADDRESS and new.startswith("0"), f"{old} after {new}")
        check("counts from the next start" not in f.text(), "nothing is left for the next start")
        f.reload(global_section("off") + rest)
        equal(answers(home, "[::1]:9478"), False, "off")
        f.reload(global_section() + rest)
        equal(answers(home, ADDRESS), True, "on again")


def refused(f, ini):
    try:
        f.reload(ini)
    except forwarder.RpcError as e:
        return str(e)
    raise taptest.Failure("the reload was not refused")


def test_refused_reload():
    """What can't be served, or comes with what can't be applied, changes nothing."""
    rest = none_port() + none_vnics(2)
    bad = rest + forwarder.section("port", "eth1", {"device": "net_nonsense0"})
    with running(global_section() + rest) as (f, home):
        text = refused(f, global_section("192.0.2.1:9477") + none_port() + none_vnics(5))
        check("192.0.2.1:9477" in text, text)
        equal(len(f.rpc("link.show")), 2, "vnics after a refused address")
        with scrape.listener(home, 9478):
            text = refused(f, global_section("127.0.0.1:9478") + rest)
            check("127.0.0.1:9478" in text and "in use" in text, text)
        equal(answers(home, ADDRESS), True, "after refused addresses")
        for address in ("127.0.0.1:9478", "0.0.0.0:9477"):
            refused(f, global_section(address) + bad)
            equal(answers(home, ADDRESS), True, f"after {address} and a refused port")
        equal(answers(home, "127.0.0.1:9478"), False, "the new one")


def test_start():
    """An address that can't be had is an error at the start; one that is none, of the file."""
    forwarder.need()
    with netns.Namespace("home") as home, scrape.listener(home, 9477):
        try:
            with forwarder.Forwarder(global_section() + none_port(), ns=home):
                raise taptest.Failure("it started")
        except taptest.Failure as e:
            check("ended with 1" in str(e) and "can't listen on 127.0.0.1:9477" in str(e), str(e))
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        for address in ("127.0.0.1", "::1:9477", "[::1]:0", "localhost:9477", "127.0.0.1:65536",
                        "[127.0.0.1]:9477", "*:9477"):
            file.seek(0)
            file.truncate()
            file.write(global_section(address) + none_port())
            file.flush()
            status, _, text = netns.run(forwarder.binary(), "--", "-c", file.name, "--check",
                                        check=False)
            equal(status, 2, f"{address}: {text}")
            check("[global] metrics:" in text and "9477 or [::1]:9477" in text, text)


if __name__ == "__main__":
    taptest.main()
