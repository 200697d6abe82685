# SPDX-License-Identifier: BSD-3-Clause
"""Tests that speak TAP: a reporter, and a runner for the test_* functions of a file.

A test fails by raising; it skips by raising Skip. Everything else that it wants to say goes
through note(), which becomes a TAP comment.
"""

import contextlib
import inspect
import signal
import sys
import time
import traceback


class Skip(Exception):
    """This test can't run here, and why."""


class Failure(Exception):
    """What was expected and what came."""


def note(text):
    for line in str(text).splitlines() or [""]:
        print("# " + line, flush=True)


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(got, wanted, text):
    if got != wanted:
        raise Failure(f"{text}: wanted {wanted!r}, got {got!r}")


def eventually(condition, text, limit=5.0, pause=0.02):
    """Waits until condition() is true and returns what it returned."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{text}: not within {limit:g} s")
        time.sleep(pause)


class Reporter:
    """Counts and prints results; the plan comes last, when the number is known."""

    def __init__(self):
        self.n = 0
        self.failed = 0
        self.skipped = 0
        # A plan-less end is how a reader of TAP learns of a crash: so signals become exceptions
        # and clean-up runs.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda n, _: sys.exit(128 + n))

    def ok(self, name):
        self.n += 1
        print(f"ok {self.n} - {name}", flush=True)

    def not_ok(self, name, why=""):
        self.n += 1
        self.failed += 1
        print(f"not ok {self.n} - {name}", flush=True)
        if why:
            note(why)

    def skip(self, name, why):
        self.n += 1
        self.skipped += 1
        print(f"ok {self.n} - {name} # SKIP {why}", flush=True)

    @contextlib.contextmanager
    def case(self, name):
        """One result: ok unless the block raises."""
        try:
            yield
        except Skip as why:
            self.skip(name, why)
        except Failure as why:
            self.not_ok(name, why)
        except Exception:  # pylint: disable=broad-except
            self.not_ok(name, traceback.format_exc())
        else:
            self.ok(name)

    def finish(self):
        print(f"1..{self.n}", flush=True)
        sys.exit(1 if self.failed or not self.n else 0)


def main():
    """Runs the test_* functions of the calling file, or those named on the command line.

    A file's own setup() is a context manager; what it yields is each test's argument.
    """
    module = sys.modules["__main__"]
    tests = {n: f for n, f in vars(module).items() if n.startswith("test_") and callable(f)}
    wanted = sys.argv[1:]
    unknown = [n for n in wanted if n not in tests]
    if unknown:
        sys.exit(f"no such test: {', '.join(unknown)}")
    reporter = Reporter()
    for name, function in tests.items():
        if wanted and name not in wanted:
            continue
        title = (inspect.getdoc(function) or name).splitlines()[0].rstrip(".")
        with reporter.case(title):
            function()
    reporter.finish()
