# SPDX-License-Identifier: BSD-3-Clause
"""Readers of metrics: HTTP byte by byte, Prometheus's text format, DPDK's telemetry socket."""

import collections
import contextlib
import json
import re
import socket
import subprocess

import lab
import taptest

Metric = collections.namedtuple("Metric", "name kind samples")

_LABEL = r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"'
_SAMPLE = re.compile(rf"([a-zA-Z_:][\w:]*)(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (-?[\d.]+(?:e[+-]\d+)?)")
_UNESCAPED = {"n": "\n", "\\": "\\", '"': '"'}


def connect(ns, address, limit=20):
    """A connection from inside @ns to "ADDR:PORT"."""
    host, port = address.rsplit(":", 1)
    with ns.entered():
        s = socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET)
    s.settimeout(limit)
    try:
        s.connect((host.strip("[]"), int(port)))
    except OSError:
        s.close()
        raise
    return s


@contextlib.contextmanager
def listener(ns, port):
    """Somebody else has the port."""
    with ns.entered():
        s = socket.socket()
    with s:
        s.bind(("127.0.0.1", port))
        s.listen()
        yield


def read_all(s):
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := s.recv(1 << 16):
            data += part
    return data


def talk(ns, address, request):
    """What the server answers to these bytes, until it hangs up."""
    with connect(ns, address) as s:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            s.sendall(request)
        return read_all(s)


def split(answer):
    """(status, headers, body) of an answer that must be well-formed."""
    head, end, body = answer.partition(b"\r\n\r\n")
    taptest.check(end, f"no end of headers in {answer[:200]!r}")
    first, *lines = head.decode("ascii").split("\r\n")
    m = re.fullmatch(r"HTTP/1\.1 (\d\d\d) .+", first)
    taptest.check(m, f"status line {first!r}")
    return int(m[1]), dict(line.split(": ", 1) for line in lines), body


def get(ns, address, path="/metrics"):
    status, headers, body = split(talk(ns, address, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()))
    taptest.equal(status, 200, f"status of {path}")
    taptest.equal(int(headers["Content-Length"]), len(body), "Content-Length")
    taptest.equal(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8",
                  "Content-Type")
    return body


def parse(text):
    """{name: Metric} of a page; strict: HELP, TYPE, then all samples, none twice."""
    metrics, current, helped, seen = {}, None, None, set()
    taptest.check(text.endswith(b"\n"), "the page ends with a newline")
    for line in text.decode().splitlines():
        if m := re.fullmatch(r"# HELP (\w+) \S.*", line):
            taptest.check(m[1] not in metrics, f"{m[1]} comes twice")
            helped = m[1]
        elif m := re.fullmatch(r"# TYPE (\w+) (counter|gauge)", line):
            taptest.equal(m[1], helped, "TYPE follows HELP")
            taptest.equal(m[1].endswith("_total"), m[2] == "counter", f"{m[1]} is a {m[2]}")
            current = metrics[m[1]] = Metric(m[1], m[2], [])
        else:
            m = _SAMPLE.fullmatch(line)
            taptest.check(m, f"no sample: {line!r}")
            taptest.check(current and m[1] == current.name, f"not below its TYPE: {line}")
            labels = {k: re.sub(r"\\(.)", lambda e: _UNESCAPED[e[1]], v)
                      for k, v in re.findall(_LABEL, m[2] or "")}
            key = (m[1], *sorted(labels.items()))
            taptest.check(key not in seen, f"twice: {line}")
            seen.add(key)
            value = m[m.lastindex]
            current.samples.append((labels, float(value) if "." in value else int(value)))
    return metrics


def telemetry(forwarder, *commands):
    """dpdk-telemetry.py's answers to @commands, unwrapped."""
    lab.need("dpdk-telemetry.py")
    done = subprocess.run(["dpdk-telemetry.py", "-f", forwarder.prefix], check=False, timeout=60,
                          input="\n".join(commands) + "\n", capture_output=True, text=True)
    taptest.equal(done.returncode, 0, f"dpdk-telemetry.py: {done.stdout}{done.stderr}")
    lines = done.stdout.splitlines()
    taptest.equal(len(lines), len(commands), f"answers to {commands}: {done.stdout[-500:]}")
    answers = []
    for command, line in zip(commands, lines):
        answer = json.loads(line)
        name = command.split(",")[0]
        taptest.equal(list(answer), [name], f"answer to {command}")
        answers.append(answer[name])
    return answers
