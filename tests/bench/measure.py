# SPDX-License-Identifier: BSD-3-Clause
"""Samples, turns and goals: who was how fast, beside whom. Knows nothing of what is measured."""

import contextlib
import dataclasses
import statistics
import time
import typing

import lab as lab_module


@dataclasses.dataclass
class Sample:
    """One contestant's figure in one turn."""

    value: float  # in the case's unit
    cycles: float = None  # TSC cycles a frame
    share: float = None  # of the time, what its threads had of their cores
    stages: dict = None  # dpdk-vnic: cycles a frame by stage
    extra: dict = dataclasses.field(default_factory=dict)  # name → what else goals are about


@dataclasses.dataclass
class Contestant:
    """open(lab) is a context manager; it yields a function of seconds that gives a Sample."""

    name: str
    open: typing.Callable


@dataclasses.dataclass
class Goal:
    """What must be reached. figure(results) is a number; None: somebody is missing."""

    text: str
    figure: typing.Callable
    limit: float
    at_least: bool = True

    def judge(self, results):
        figure = self.figure(results)
        if figure is None:
            return None, None
        return figure, figure >= self.limit if self.at_least else figure <= self.limit


@dataclasses.dataclass
class Case:
    """A row of the bench. The first contestant is ours."""

    name: str
    title: str
    contestants: typing.Callable  # of a lab: a list of Contestant
    goals: list = dataclasses.field(default_factory=list)
    unit: str = "Mpps"
    less_is_better: bool = False
    seconds: float = 1.0
    turns: int = 0  # 0: as many as the command line says
    side_by_side: bool = False  # all stay started from the first turn to the last, one runs at a time


class Result:
    """All samples of one contestant."""

    def __init__(self, name):
        self.name = name
        self.samples = []
        self.missing = None  # why it didn't run

    @property
    def is_there(self):
        return bool(self.samples)

    def median(self, key="value"):
        values = [getattr(s, key) for s in self.samples if getattr(s, key) is not None]
        return statistics.median(values) if values else None

    @property
    def spread(self):
        """Half of what lies between the quartiles, as a share of the median."""
        values = sorted(s.value for s in self.samples)
        if len(values) < 3 or not self.median():
            return None
        q = statistics.quantiles(values, n=4, method="inclusive")
        return (q[2] - q[0]) / 2 / self.median()

    @property
    def stages(self):
        all_of = [s.stages for s in self.samples if s.stages]
        return {k: statistics.median(s[k] for s in all_of) for k in all_of[0]} if all_of else None


def _pairs(results, a, b, key):
    by_name = {r.name: r for r in results}
    if a not in by_name or b not in by_name:
        return []
    both = zip(by_name[a].samples, by_name[b].samples)
    return [(getattr(x, key), getattr(y, key)) for x, y in both
            if getattr(x, key) is not None and getattr(y, key) is not None]


def ratio_of(results, a, b):
    """Median over turns of a's value by b's; None: one is missing."""
    values = [x / y for x, y in _pairs(results, a, b, "value") if y]
    return statistics.median(values) if values else None


def cycles_over_of(results, a, b):
    """Median over turns of the cycles a frame that a needs more than b."""
    values = [x - y for x, y in _pairs(results, a, b, "cycles")]
    return statistics.median(values) if values else None


def stages_ratio_of(results, a, b):
    """Median over turns of the cycles of b's stages by a's: bursts without frames, and interruptions, aside."""
    values = [sum(y.values()) / sum(x.values()) for x, y in _pairs(results, a, b, "stages")
              if sum(x.values()) and sum(y.values())]
    return statistics.median(values) if values else None


OURS = "dpdk-vnic"


def ratio(peer, at_least=None, at_most=None, ours=OURS):
    """Goal: ours, as a multiple of @peer's."""
    least = at_least is not None
    limit = at_least if least else at_most
    return Goal(f"{'≥' if least else '≤'} {limit:g} × {peer}",
                lambda results: ratio_of(results, ours, peer), limit, least)


def stages_ratio(peer, at_least, ours=OURS):
    """Goal: @peer's cycles a frame in all stages, as a multiple of ours."""
    return Goal(f"≥ {at_least:g} × {peer}, by cycles in stages",
                lambda results: stages_ratio_of(results, ours, peer), at_least, True)


def cycles_over(peer, at_most, ours=OURS):
    """Goal: ours needs so many cycles a frame more than @peer."""
    return Goal(f"≤ {at_most:g} cycles a frame over {peer}",
                lambda results: cycles_over_of(results, ours, peer), at_most, False)


def figure(text, limit, at_least=False, extra=None, ours=OURS):
    """Goal: the median of ours itself, or of what stands in `extra` of its samples."""
    def median(results):
        values = [s.extra.get(extra) if extra else s.value
                  for r in results if r.name == ours for s in r.samples]
        values = [v for v in values if v is not None]
        return statistics.median(values) if values else None
    return Goal(text, median, limit, at_least)


def extra_over(text, extra, peer, limit, ours=OURS):
    """Goal: by how much `extra` of ours is more than @peer's, median of each turn's own."""
    def median(results):
        by_name = {r.name: r for r in results}
        if ours not in by_name or peer not in by_name:
            return None
        both = zip(by_name[ours].samples, by_name[peer].samples)
        values = [a.extra[extra] - b.extra[extra] for a, b in both]
        return statistics.median(values) if values else None
    return Goal(text, median, limit, False)


class Counter:
    """
    A sampler of frames: count() is a total that grows, times() the seconds that the threads
    that make it grow have had of their cores. Where other programs share the cores, a frame costs
    what it costs: the rate is that of a whole core, and `share` tells what part there was of it.
    """

    def __init__(self, count, times, tsc_hz, warm=0.3, stages=None):
        self.count, self.times, self.tsc_hz, self.stages = count, times, tsc_hz, stages
        self.warm = warm

    def __call__(self, seconds):
        time.sleep(self.warm)
        n0, t0, wall0 = self.count(), self.times(), time.monotonic()
        time.sleep(seconds)
        n1, t1, wall1 = self.count(), self.times(), time.monotonic()
        frames = n1 - n0
        had = [t1[k] - t0.get(k, 0.0) for k in t1]
        core = sum(had) / len(had) if had else 0  # two workers together do two cores' work
        if frames <= 0 or core <= 0:
            raise lab_module.Broken(f"no frames were counted in {seconds:g} s")
        return Sample(value=frames / core / 1e6, cycles=core * self.tsc_hz / frames,
                      share=min(1.0, core / (wall1 - wall0)),
                      stages=self.stages() if self.stages else None)


@contextlib.contextmanager
def _resumed(programs):
    for p in programs:
        p.resume()
    try:
        yield
    finally:
        for p in programs:
            p.pause()


@contextlib.contextmanager
def _standing_by(lab, contestant):
    """Opened once, and held but for the samples; yields what takes one."""
    others = list(lab.running)
    with contestant.open(lab) as sample:
        own = [p for p in lab.running if p not in others]

        def one(seconds):
            with _resumed(own):
                return sample(seconds)
        with contextlib.ExitStack() as stack:
            for p in own:
                p.pause()
                stack.callback(p.resume)  # who stands still doesn't end either
            yield one


def _run_side_by_side(lab, case, turns, say):
    """
    Samples of all contestants within seconds of each other: what differs between two starts
    (where memory lies, who else came to the machine meanwhile) is the same for all turns.
    """
    contestants = case.contestants(lab)
    results = [Result(c.name) for c in contestants]
    with contextlib.ExitStack() as stack:
        samples = []
        try:
            lab.ensure_pages()
            for c, result in zip(contestants, results):
                samples.append(stack.enter_context(_standing_by(lab, c)))
            for turn in range(turns):
                for sample, result in zip(samples, results):
                    result.samples.append(sample(case.seconds))
                    say(case, turn, result)
        except (lab_module.Missing, lab_module.Broken) as why:
            for result in results:
                result.missing = str(why)
                result.samples.clear()
            say(case, 0, result)
    return results


def run_case(lab, case, turns, say):
    """A B A B …: every contestant once a turn, so that what disturbs the machine disturbs all."""
    if case.side_by_side:
        return _run_side_by_side(lab, case, turns, say)
    contestants = case.contestants(lab)
    results = [Result(c.name) for c in contestants]
    for turn in range(turns):
        for c, result in zip(contestants, results):
            if result.missing:
                continue
            try:
                lab.ensure_pages()
                with c.open(lab) as sample:
                    result.samples.append(sample(case.seconds))
            except lab_module.Missing as why:
                result.missing = str(why)
            except lab_module.Broken as why:
                result.missing = f"broken: {why}"
                result.samples.clear()
            say(case, turn, result)
    return results
