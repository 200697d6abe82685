#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts what the tests said, and prints the closing lines of scripts/test.

    tap_report.py RESULTS_DIR
    tap_report.py --again RESULTS_DIR PHASE    names of programs that deserve a second try

RESULTS_DIR holds, for each phase of scripts/test (a build and its tests):

    PHASE.testlog.json    Meson's record: one line of JSON a test program, with its output
    PHASE.again.json      the same of those that failed and were run once more, alone
    PHASE.broken          text: why the phase did not get as far as running tests
    PHASE.sanitizer/*     reports that a sanitizer wrote, from any process of that phase

The programs speak TAP. Every test point counts once. Meson's own verdict is not enough to count by:
cmocka 1.1.5 writes a skipped test as `not ok 2 # SKIP name`, which Meson takes for a failure, and
Meson takes a program that printed nothing and exited 0 for a skipped one. So the output is read
here, and a program fails, beyond its own `not ok` lines, when it crashed, ran out of time, bailed
out, exited non-zero without saying why, or ran fewer or more tests than it had announced.

Tests share their machine with whatever else runs there, and some wait for kernels, namespaces and
virtual machines. What fails once and passes when it is run again, alone, is told as FLAKY, with what
it said the first time, and counts as it went the second time. A crash, of a program or of a daemon
that it started, and what a sanitizer found are never excused.
"""
import json
import re
import sys
from pathlib import Path

POINT = re.compile(r'(not )?ok\b\s*(\d+)?\s*(?:-\s+)?(.*)')
PLAN = re.compile(r'\s*1\.\.(\d+)\s*(?:#\s*SKIP\b\s*(.*))?$', re.IGNORECASE)
DIRECTIVE = re.compile(r'(.*?)\s*#\s*(SKIP|TODO)\w*\b[\s:]*(.*)$', re.IGNORECASE)
PHASES = ('plain', 'asan', 'tsan', 'debian13')
MOST_AGAIN = 3  # programs of a phase that may have failed by chance
TAIL = 30  # lines of a failed program's output that are shown


class Program:
    """One run of one test program."""

    def __init__(self, phase, record):
        self.name = f"{phase}: {record['name'].split(':', 1)[-1]}"
        self.test = record['name'].rsplit(' / ', 1)[-1].rsplit(':', 1)[-1]
        self.passed = 0
        self.failures = []  # (what, lines that belong to it)
        self.skips = []  # (what, reason)
        self.output = record.get('stdout', '')
        self.errors = record.get('stderr', '')
        self.crashed = (record.get('returncode') or 0) < 0 or any(
            sign in self.output + self.errors for sign in ('ended with -', 'runtime error:'))
        self.read(self.output.splitlines())
        self.judge(record.get('result', ''), record.get('returncode', 0))

    def read(self, lines):
        self.planned = None
        self.seen = 0
        self.skipped_whole = False
        self.lenient = False  # Meson's verdict is known to be wrong
        self.remark = ''
        notes = None
        for line in lines:
            if line.startswith('#'):
                self.remark = line.lstrip('# ')
                if notes is not None:
                    notes.append(line)
                continue
            notes = None
            plan = PLAN.match(line)
            if plan:
                self.lenient |= self.planned is not None
                self.planned = (self.planned or 0) + int(plan[1])
                if plan[1] == '0':
                    self.skipped_whole = True
                    self.skips.append(('all of it', plan[2] or 'no reason given'))
                continue
            if line.startswith('Bail out!'):
                self.failures.append((line, []))
                continue
            point = POINT.match(line)
            if point:
                notes = self.point(bool(point[1]), point[2], point[3])
                self.remark = ''

    def point(self, failed, number, text):
        """Takes one test point; a failed one returns the list that its diagnostics go to."""
        if number != '0':  # cmocka's number for a group's setup and teardown, which no plan announces
            self.seen += 1
        directive = DIRECTIVE.match(text)
        kind = directive[2].upper() if directive else ''
        if kind == 'SKIP':
            self.lenient |= failed
            if directive[1]:
                self.skips.append((directive[1], directive[3] or 'no reason given'))
            else:
                # cmocka's "not ok 2 # SKIP name" has the name where the reason belongs; the
                # reason is what the test remarked before it called skip()
                self.skips.append((directive[3], self.remark or 'no reason given'))
        elif failed and kind != 'TODO':
            notes = []
            self.failures.append((text or f'test {number}', notes))
            return notes
        else:
            self.passed += 1
        return None

    def judge(self, verdict, code):
        """Adds the failures that the program did not tell itself."""
        if verdict == 'TIMEOUT':
            self.failures.append((f'ran out of time after {self.seen} of {self.planned or "?"} tests', []))
        elif code is not None and code < 0:
            self.failures.append((f'was killed by signal {-code} after {self.seen} of {self.planned or "?"} tests', []))
        elif code and not self.failures:
            self.failures.append((f'exited with status {code}', []))
        if self.failures:
            return
        if self.planned is None:
            self.failures.append(('announced no tests (no TAP plan)', []))
        elif self.seen != self.planned:
            self.failures.append((f'ran {self.seen} of {self.planned} tests', []))
        elif verdict not in ('OK', 'SKIP') and not self.lenient:
            self.failures.append((f'Meson says {verdict}', []))


def read_record(log, phase):
    if not log.exists():
        return []
    return [Program(phase, json.loads(line))
            for line in log.read_text(errors='replace').splitlines()]


def show_flaky(program):
    print(f'FLAKY   {program.name}: passed when it ran again; at first:')
    for what, notes in program.failures:
        print(f'        {printable(what)}')
        for note in notes[:TAIL]:
            print(f'          {printable(note)}')


def again(results, phase):
    """Few, or it is no chance."""
    failed = [p for p in read_record(results / f'{phase}.testlog.json', phase) if p.failures]
    if len(failed) <= MOST_AGAIN:
        for program in failed:
            if not program.crashed:
                print(program.test)


def read_phase(results, phase):
    """All programs of a phase, then its failures that belong to no program."""
    programs, failures = read_record(results / f'{phase}.testlog.json', phase), []
    again = {p.name: p for p in read_record(results / f'{phase}.again.json', phase)}
    for i, program in enumerate(programs):
        second = again.get(program.name)
        if program.failures and second is not None and not second.failures:
            show_flaky(program)
            programs[i] = second
    broken = results / f'{phase}.broken'
    if broken.exists():
        failures.append((phase, broken.read_text(errors='replace').splitlines()[-TAIL:]))
    for report in sorted((results / f'{phase}.sanitizer').glob('*')):
        lines = report.read_text(errors='replace').splitlines()
        failures.append((f'{phase}: sanitizer report {report.name}', lines[:TAIL]))
    return programs, failures


def printable(text):
    return ''.join(c if c.isprintable() or c == '\t' else '?' for c in text)


def show_failure(program):
    print(f'FAILED  {program.name}')
    for what, notes in program.failures:
        print(f'        {printable(what)}')
        for note in notes[:TAIL]:
            print(f'          {printable(note)}')
    for title, text in (('output', program.output), ('errors', program.errors)):
        lines = text.splitlines()
        if lines:
            print(f'    the end of its {title}:')
            for line in lines[-TAIL:]:
                print(f'    | {printable(line)}')


def main():
    if sys.argv[1] == '--again':
        again(Path(sys.argv[2]), sys.argv[3])
        return 0
    results = Path(sys.argv[1])
    passed = failed = skipped = 0
    skip_lines = []
    for phase in PHASES:
        programs, failures = read_phase(results, phase)
        for program in programs:
            passed += program.passed
            failed += len(program.failures)
            skipped += len(program.skips)
            skip_lines += [f'skipped {program.name}: {printable(what)}: {printable(why)}'
                           for what, why in program.skips]
            if program.failures:
                show_failure(program)
        for what, lines in failures:
            failed += 1
            print(f'FAILED  {what}')
            for line in lines:
                print(f'    | {printable(line)}')
    for line in skip_lines:
        print(line)
    if passed + failed == 0:
        print('no test ran')
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
