# SPDX-License-Identifier: BSD-3-Clause
"""tests/data/macvlan-cases.tsv and the list of intended differences, as values."""

import collections
import csv
import os
import re

import frames

_TESTS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..")
CASES = os.path.join(_TESTS, "data", "macvlan-cases.tsv")
DIFFERENCES = os.path.join(_TESTS, "parity", "intended-differences.tsv")

Case = collections.namedtuple("Case", "id cls setup ingress src dst type expected note")


def _rows(path):
    with open(path, encoding="utf-8") as f:
        lines = [line for line in f if not line.startswith("#")]
    yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def load():
    """All cases, in the file's order."""
    return [Case(r["id"], r["class"], r["setup"], r["ingress"], r["src"], r["dst"], r["type"],
                 r["expected"], r["note"]) for r in _rows(CASES)]


def frame_cases():
    """Those that are one frame, in groups that share a setup."""
    groups = collections.OrderedDict()
    for c in load():
        if c.ingress != "ctl":
            groups.setdefault(c.setup, []).append(c)
    return groups


def normal(expected, letters=True):
    """The same receivers in Play.text()'s form: sorted; letters=False: without packet types."""
    if expected == "-" or expected.startswith("send:"):
        return expected
    tokens = expected.split()
    if not letters:
        tokens = [re.sub(r":[HBMO]", "", t) for t in tokens]
    return " ".join(sorted(tokens))


def receivers(expected):
    """Who receives how many copies."""
    if expected == "-" or expected.startswith("send:"):
        return collections.Counter()
    return collections.Counter(re.split(r"[:@]", t)[0] for t in expected.split())


def frame(case, number, topology):
    """The case's frame."""
    at = topology.macs()
    return frames.build(number, frames.mac(case.dst, at), frames.mac(case.src, at), case.type)


class Differences:
    """The intended differences, and how often each was met."""

    def __init__(self):
        self.entries = {}
        self._of_row = {}
        for r in _rows(DIFFERENCES):
            self.entries[r["id"]] = r
            for row in filter(None, (w.strip() for w in r["rows"].split(";"))):
                name, _, instead = row.partition("=>")
                self._of_row[name.strip()] = (r["id"], instead.strip() or None)
        unknown = set(self._of_row) - {c.id for c in load()}
        if unknown:
            raise ValueError(f"{DIFFERENCES}: no such case: {', '.join(sorted(unknown))}")
        self.used = collections.Counter()

    def of_row(self, row):
        """(id, what the forwarder does instead or None: either way) of a case; None."""
        return self._of_row.get(row)

    def use(self, identity):
        self.used[identity] += 1

    def report(self, played=()):
        """Lines for the end of a run. An entry that none of the cases @played needed is told,
        too: perhaps it could go."""
        concerned = {self._of_row[row][0] for row in played if row in self._of_row}
        for identity in self.entries:
            n = self.used[identity]
            if n:
                yield f"intended difference {identity}: used {n} times"
            elif identity in concerned:
                yield f"intended difference {identity}: never used in this run"
