#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The cases of ipvlan, played on Linux's own driver in a virtual machine.

What tests say of the forwarder by tests/data/ipvlan-cases.tsv is worth as much as that table: here
it is judged by the driver that it speaks of.

    ipvlan_judge_test.py [ID…]
"""

import json
import os
import sys
import time

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(_HERE, "..", "lib"))
# pylint: disable=wrong-import-position
import ipvlan_rows
import packets
import taptest
import vm
import vmimage
import vmpython

LIMIT = 240
# Of a TAP that stands for a vnic of ours: nothing that Linux's ipvlan has a part in.
_NOT_IPVLAN = ("IV-741", "IV-742", "IV-743")
_MODULES = ("virtio_pci", "virtio_console", "8021q", *vmimage.MORE_MODULES)


def play(ids):
    """The guest's results: a list of dicts."""
    command = []

    def fill(archive):
        command.append(vmpython.add(
            archive, os.path.join(_HERE, "ipvlan_guest.py"), [os.path.dirname(vm.__file__)],
            [(path, os.path.join("data", os.path.basename(path)))
             for path in (packets.CASES, packets.SYMBOLS)]))

    start = time.monotonic()
    with vm.Machine("judge", extra=fill, modules=_MODULES,
                    append="rcupdate.rcu_expedited=1") as machine:
        release = machine.run("uname", "-r").strip()
        taptest.note(f"Linux {release}, booted in {time.monotonic() - start:.1f} s")
        status, out, err = machine.shell(" ".join([*command, *ids]), check=False, timeout=LIMIT)
        taptest.note(f"all played after {time.monotonic() - start:.1f} s")
    if status or err:
        taptest.note(err)
    return release, status, [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def judge_frames(reporter, results, ids):
    found = {r["id"]: r for r in results if "copies" in r}
    for rows in ipvlan_rows.frame_rows().values():
        for row in rows:
            if ids and row.id not in ids:
                continue
            with reporter.case(f"{row.id} {row.mode} {row.flags} {row.setup} {row.text}"):
                taptest.check(row.id in found, "was not played")
                copies = [ipvlan_rows.Copy(s, letter, bytes.fromhex(data))
                          for s, letter, data in found[row.id]["copies"]]
                faults = list(ipvlan_rows.wrong(row, copies, found[row.id]["accepted"]))
                taptest.check(not faults, "\n".join(faults))


def judge_scenarios(reporter, results, release, ids):
    found = {r["id"]: r["text"] for r in results if "text" in r}
    for case in packets.rows(packets.CASES):
        name = case["id"]
        if (ids and name not in ids) or name[3] not in "67" or name in _NOT_IPVLAN:
            continue
        setup = f"{case['mode']} {case['flags']} {case['setup']}"
        with reporter.case(f"{name} {setup}: {case['packet description']}"):
            taptest.equal(found.get(name, "not played"), ipvlan_rows.wanted_text(case, release),
                          "what came of it")


def main():
    ids = sys.argv[1:]
    reporter = taptest.Reporter()
    try:
        release, status, results = play(ids)
    except taptest.Skip as why:
        reporter.skip("the driver as judge", str(why))
        reporter.finish()
    except taptest.Failure as why:
        reporter.not_ok("the machine has played everything", why)
        reporter.finish()
    with reporter.case("the machine has played everything"):
        errors = [f"{r['group']}: {r['error']}" for r in results if "error" in r]
        taptest.check(not status and not errors, "\n".join(errors) or f"exit {status}")
    for r in results:
        if "note" in r:
            taptest.note(r["note"])
    judge_frames(reporter, results, ids)
    judge_scenarios(reporter, results, release, ids)
    reporter.finish()


if __name__ == "__main__":
    main()
