# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-vnic beside its peers: runs cases, prints a table. scripts/bench builds and calls this.

A case is a measure.Case in the list CASES of a module case_*.py in this directory.
"""

import argparse
import glob
import importlib
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)

import lab as lab_module  # noqa: E402
import measure  # noqa: E402
import programs  # noqa: E402
import report  # noqa: E402


def all_cases():
    """name → Case, in the order of the modules' names."""
    cases = {}
    for path in sorted(glob.glob(os.path.join(HERE, "case_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for case in module.CASES:
            cases[case.name] = case
    return cases


def arguments(cases):
    p = argparse.ArgumentParser(prog="scripts/bench", description="Measures dpdk-vnic beside its "
                                "peers, in turns on the same cores, ports and traffic.",
                                epilog="cases: " + " ".join(cases))
    p.add_argument("case", nargs="*", help="which; all without one")
    p.add_argument("--turns", type=int, default=5, help="how often each contestant runs (5)")
    p.add_argument("--seconds", type=float, help="of one sample (the case's own; 1 mostly)")
    p.add_argument("--stages", action="store_true",
                   help="microbenchmarks of each stage, on warm and on cold tables, and end")
    p.add_argument("--list", action="store_true", help="name the cases and end")
    p.add_argument("--out", default=os.path.join(lab_module.ROOT, "bench-results"),
                   help="directory for JSON, chart and table (bench-results)")
    given = p.parse_args()
    unknown = [c for c in given.case if c not in cases]
    if unknown:
        p.error(f"no case {', '.join(unknown)}; there are {', '.join(cases)}")
    if given.turns < 1:
        p.error("--turns must be 1 at least")
    return given


def say(case, turn, result):
    if result.missing:
        print(f"{case.name}: {result.name}: missing: {result.missing}", flush=True)
    else:
        s = result.samples[-1]
        cycles = f", {s.cycles:.1f} cycles a frame" if s.cycles else ""
        print(f"{case.name} {turn + 1}: {result.name}: {s.value:.2f} {case.unit}{cycles}",
              flush=True)


def main():
    cases = all_cases()
    given = arguments(cases)
    if given.list:
        for c in cases.values():
            print(f"{c.name:14} {c.title}")
        return 0
    outcomes = []
    status = 0
    try:
        with lab_module.Lab() as lab:
            if given.stages:
                os.sched_setaffinity(0, set(lab.workers))
                return subprocess.call([programs.built("tests", "bench", "bench_stages")])
            try:
                for name in given.case or cases:
                    case = cases[name]
                    if given.seconds:
                        case.seconds = given.seconds
                    outcomes.append((case, measure.run_case(lab, case, case.turns or given.turns,
                                                            say)))
            except KeyboardInterrupt:
                print("bench: interrupted; this is what there was", flush=True)
                status = 130
            if outcomes:
                print("\n" + report.table(outcomes) + "\n\n" + report.stages(outcomes))
                print("\nwritten: " + report.write(outcomes, lab, given.out) + ".{json,svg,md}")
    except lab_module.Missing as why:
        print(f"bench: {why}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
