#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The metrics port and strangers: garbage, endless headers, silence, readers that don't read."""

import contextlib
import os
import random
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import netns
import scrape
import taptest
from taptest import check, equal, eventually

ADDRESS = "127.0.0.1:9477"
MAX_CLIENTS = 32  # lib/ctl/http.h


@contextlib.contextmanager
def running(n_vnics=1):
    forwarder.need()
    ini = (forwarder.section("global", "", {"metrics": ADDRESS})
           + forwarder.section("port", "eth0", {"device": "none"})
           + forwarder.section("vnic", "web", {"type": "macvlan", "port": "eth0",
                                               "count": n_vnics}))
    with netns.Namespace("home") as home, forwarder.Forwarder(ini, ns=home) as f:
        scrape.get(home, ADDRESS)
        n_fds = len(os.listdir(f"/proc/{f.process.pid}/fd"))
        yield f, home
        check(f.is_running(), "dpdk-vnic has ended")
        scrape.parse(scrape.get(home, ADDRESS))
        eventually(lambda: len(os.listdir(f"/proc/{f.process.pid}/fd")) <= n_fds,
                   "descriptors are given back", 20)


def status_of(home, request):
    return scrape.split(scrape.talk(home, ADDRESS, request))[0]


def test_requests():
    """What is a request, and what the answer is to what isn't."""
    good = b"HTTP/1.1\r\nHost: x\r\n\r\n"
    cases = (
        (200, b"GET /metrics HTTP/1.0\r\n\r\n"),
        (200, b"GET /metrics HTTP/1.1\n\n"),
        (200, b"GET /metrics?name[]=up " + good),
        (200, b"GET http://127.0.0.1:9477/metrics " + good),
        (200, b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 8000 + b"\r\n\r\n"),
        (200, b"GET /metrics HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n"),
        (404, b"GET / " + good),
        (404, b"GET /metricsx " + good),
        (404, b"GET /../metrics " + good),
        (404, b"GET http:// " + good),
        (404, b"GET http://metrics " + good),
        (404, b"DELETE / " + good),
        (405, b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nx=1"),
        (405, b"get /metrics " + good),
        (400, b"GET /metrics\r\n\r\n"),
        (400, b"GET  /metrics " + good),
        (400, b"GET /metrics HTTP/1.1 \r\n\r\n"),
        (400, b"GET /metrics HTTP/11\r\n\r\n"),
        (400, b"\r\n\r\n"),
        (400, b"\0\0\0\0 \0 \0\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"),
        (505, b"GET /metrics HTTP/2.0\r\n\r\n"),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (431, b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100000),
        (431, b"\n" + b"x" * 8191),
        (431, b"A: b\r\n" * 100000),
    )
    with running() as (_, home):
        for wanted, request in cases:
            equal(status_of(home, request), wanted, f"status of {request[:60]!r}")
        answer = scrape.talk(home, ADDRESS, b"POST /metrics " + good)
        equal(scrape.split(answer)[1].get("Allow"), "GET, HEAD", "Allow")


def test_head():
    """HEAD tells what GET would send, and sends none of it."""
    with running() as (_, home):
        status, headers, body = scrape.split(
            scrape.talk(home, ADDRESS, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"))
        equal((status, body), (200, b""), "HEAD")
        check(int(headers["Content-Length"]) > 1000, f"headers: {headers}")
        equal(headers["Connection"], "close", "Connection")
        status, headers, body = scrape.split(
            scrape.talk(home, ADDRESS, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"))
        equal((status, body), (404, b""), "HEAD of what isn't there")


def test_half_closed():
    """Who sends no more still gets the answer; a request in pieces is one."""
    with running(200) as (_, home):
        with scrape.connect(home, ADDRESS) as s:
            for piece in (b"GE", b"T /met", b"rics HTTP/1.1\r\nHost: x\r", b"\n\r", b"\n"):
                s.sendall(piece)
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.shutdown(socket.SHUT_WR)
            status, headers, body = scrape.split(scrape.read_all(s))
            equal((status, len(body)), (200, int(headers["Content-Length"])), "the answer")
        with scrape.connect(home, ADDRESS) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\n")
            s.shutdown(socket.SHUT_WR)
            equal(scrape.read_all(s), b"", "half a request")


def test_garbage():
    """Random bytes get an error or nothing, and never more."""
    rng = random.Random(9477)
    words = (b"GET ", b"HEAD ", b"/metrics", b" HTTP/1.1", b"\r\n", b"\n", b"\r", b"\0", b" ",
             b"http://", b"?", b":", b"\xff\xfe")
    with running() as (_, home):
        for i in range(300):
            data = b"".join(rng.choice(words) if rng.random() < 0.7
                            else rng.randbytes(rng.randrange(40)) for _ in range(rng.randrange(12)))
            with scrape.connect(home, ADDRESS) as s:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                answer = scrape.read_all(s)
            if answer:
                check(scrape.split(answer)[0] in (200, 400, 404, 405, 505), f"{i}: {data!r}")
        with scrape.connect(home, ADDRESS) as s:
            with contextlib.suppress(OSError):
                for _ in range(200):
                    s.sendall(rng.randbytes(1 << 16))
            s.close()


def test_silence():
    """Silent and trickling clients keep nobody out, and are sent away."""
    with running() as (_, home), contextlib.ExitStack() as stack:
        silent = [stack.enter_context(scrape.connect(home, ADDRESS))
                  for _ in range(MAX_CLIENTS + 8)]
        for s in silent[::2]:
            s.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        for _ in range(3):
            scrape.get(home, ADDRESS)
        trickling = silent[-2]
        trickling.settimeout(0.05)

        def is_sent_away():
            try:
                trickling.sendall(b"x")
                return trickling.recv(1) == b""
            except socket.timeout:
                return False
            except OSError:
                return True
        eventually(is_sent_away, "the trickling client is sent away", 25)
        for s in silent:
            equal(scrape.read_all(s), b"", "what a silent client reads")


def test_no_reader():
    """Clients that ask for a long page and don't read it cost nobody else anything."""
    with running(1000) as (_, home), contextlib.ExitStack() as stack:
        deaf = []
        for i in range(MAX_CLIENTS // 2):
            s = stack.enter_context(scrape.connect(home, ADDRESS))
            if i > 0:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            deaf.append(s)
        for _ in range(3):
            scrape.get(home, ADDRESS)
        # One of them wakes up in time; it has a window in which to hurry.
        status, headers, body = scrape.split(scrape.read_all(deaf[0]))
        equal((status, len(body)), (200, int(headers["Content-Length"])), "the late reader's page")


if __name__ == "__main__":
    taptest.main()
