# SPDX-License-Identifier: BSD-3-Clause
"""What a run found: a table for people, JSON for programs, an SVG chart for both."""

import html
import json
import os
import platform
import time

import lab as lab_module
import measure


def _number(x, digits=2):
    if x is None:
        return "–"
    return f"{x:.{digits}f}" if abs(x) < 100 else f"{x:,.0f}"


def _rows(case, results):
    for r in results:
        ratio = measure.ratio_of(results, results[0].name, r.name) if r is not results[0] else None
        yield (r, _number(r.median()), _number(r.median("cycles"), 1), _number(ratio),
               f"± {r.spread * 100:.1f} %" if r.spread is not None else "–",
               f"{r.median('share') * 100:.0f} %" if r.median("share") else "–")


def table(outcomes):
    """One table of all cases, as Markdown."""
    lines = ["| case | contestant | rate | cycles a frame | ours ÷ it | spread | of a core |",
             "|---|---|--:|--:|--:|--:|--:|"]
    for case, results in outcomes:
        for r, rate, cycles, ratio, spread, share in _rows(case, results):
            if r.is_there:
                lines.append(f"| {case.name} | {r.name} | {rate} {case.unit} | {cycles} | {ratio} "
                             f"| {spread} | {share} |")
            else:
                why = (r.missing or "did not run").splitlines()[0]
                lines.append(f"| {case.name} | {r.name} | missing: {why} | | | | |")
    lines += ["", "| case | must reach | is | |", "|---|---|--:|---|"]
    for case, results in outcomes:
        for goal in case.goals:
            figure, reached = goal.judge(results)
            word = {None: "not measured", True: "reached", False: "NOT REACHED"}[reached]
            lines.append(f"| {case.name} | {goal.text} | {_number(figure)} | {word} |")
    return "\n".join(lines)


def stages(outcomes):
    """Cycles a frame by stage of dpdk-vnic, as Markdown; empty where nobody told."""
    rows = [(case, r.stages) for case, results in outcomes for r in results[:1] if r.stages]
    if not rows:
        return ""
    names = list(rows[0][1])
    lines = ["| case | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for case, s in rows:
        lines.append(f"| {case.name} | " + " | ".join(_number(s.get(n), 1) for n in names) + " |")
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")),
                     "?")
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "load": os.getloadavg()[0]}


def as_json(outcomes, lab):
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": machine(),
        "commit": lab.run("git", "-C", lab_module.ROOT, "describe", "--always", "--dirty",
                          check=False).strip(),
        "cases": [{
            "name": case.name, "title": case.title, "unit": case.unit,
            "contestants": [{
                "name": r.name, "missing": r.missing, "median": r.median(),
                "cycles": r.median("cycles"), "spread": r.spread, "stages": r.stages,
                "samples": [s.value for s in r.samples],
                "extra": [s.extra for s in r.samples],
            } for r in results],
            "goals": [dict(zip(("text", "figure", "reached"), (g.text, *g.judge(results))))
                      for g in case.goals],
        } for case, results in outcomes],
    }


_BAR, _LEFT, _WIDTH = 18, 230, 520


def svg(outcomes):
    """Bars, each case on a scale of its own; a line marks the quartiles' half distance."""
    out, y = [], 10
    for case, results in outcomes:
        there = [r for r in results if r.is_there]
        if not there:
            continue
        top = max(r.median() for r in there) or 1
        less = ", less is better" if case.less_is_better else ""
        out.append(f'<text x="10" y="{y + 14}" font-weight="bold">{html.escape(case.name)}: '
                   f'{html.escape(case.title)} ({case.unit}{less})</text>')
        y += 22
        for r in there:
            width = r.median() / top * _WIDTH
            fill = "#2a78d6" if r is results[0] else "#9aa4ad"
            out.append(f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">'
                       f'{html.escape(r.name)}</text>'
                       f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 3}" '
                       f'fill="{fill}"/>')
            if r.spread:
                half = r.spread * width
                out.append(f'<path d="M{_LEFT + width - half:.1f} {y + 7}h{2 * half:.1f}" '
                           'stroke="#222"/>')
            out.append(f'<text x="{_LEFT + width + 8:.1f}" y="{y + 13}">'
                       f'{_number(r.median())}</text>')
            y += _BAR
        y += 12
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 90}" height="{y}" '
            'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" '
            'fill="white"/>' + "".join(out) + "</svg>\n")


def write(outcomes, lab, directory):
    """The three files, under a name of this moment; the path without its ending."""
    os.makedirs(directory, exist_ok=True)
    base = os.path.join(directory, time.strftime("%Y%m%d-%H%M%S"))
    with open(base + ".json", "w", encoding="utf-8") as f:
        json.dump(as_json(outcomes, lab), f, indent=1)
        f.write("\n")
    with open(base + ".svg", "w", encoding="utf-8") as f:
        f.write(svg(outcomes))
    with open(base + ".md", "w", encoding="utf-8") as f:
        f.write(table(outcomes) + "\n\n" + stages(outcomes) + "\n")
    return base
