# SPDX-License-Identifier: BSD-3-Clause
"""Plays ipvlan's cases on the kernel that this runs on, inside of a machine; a line of JSON each.

    ipvlan_guest.py [ID…]
"""

import json
import os
import sys
import time

import ipvlan_control  # pylint: disable=unused-import
import ipvlan_counts  # pylint: disable=unused-import
import ipvlan_lab
import ipvlan_rows
import ipvlan_stacks  # pylint: disable=unused-import
import ipvlan_watch
import netns
import packets


def say(**result):
    print(json.dumps(result), flush=True)


def play_group(lab, key, rows):
    """The rows of one setup; what differs is played once more, in a setup of its own."""
    again = []
    with lab.built(*key) as play:
        for row in rows:
            play.play(row)
    for row, copies, accepted in play.done:
        if any(ipvlan_rows.wrong(row, copies, accepted)):
            again.append(row)
        else:
            tell(row, copies, accepted)
    for row in again:
        with lab.built(*key) as play:
            play.play(row)
        tell(*play.done[0])


def tell(row, copies, accepted):
    say(id=row.id, copies=[(c.station, c.letter, c.data.hex()) for c in copies],
        accepted=accepted)


def play_frames(lab, wanted):
    for key, rows in ipvlan_rows.frame_rows().items():
        rows = [r for r in rows if not wanted or r.id in wanted]
        try:
            if rows:
                play_group(lab, key, rows)
        except (OSError, netns.CommandFailed) as why:
            say(group=" ".join(key), error=str(why))


def play_scenario(lab, case):
    """Twice when it differs: stacks say something by themselves now and then."""
    function = ipvlan_watch.SCENARIOS[case["id"]]
    setup = case["setup"] if case["setup"].startswith("S0") else "S0"
    text = None
    for _ in range(2):
        try:
            with lab.built(case["mode"], case["flags"], setup) as play:
                text = function(lab, play)
        except Exception as why:  # pylint: disable=broad-except
            text = f"{type(why).__name__}: {why}"
        if text == ipvlan_rows.wanted_text(case, os.uname().release):
            break
    say(id=case["id"], text=text)


def main():
    wanted = sys.argv[1:]
    lab = ipvlan_lab.Lab()
    start = time.monotonic()
    play_frames(lab, wanted)
    say(note=f"frames: {time.monotonic() - start:.1f} s")
    start = time.monotonic()
    for case in packets.rows(packets.CASES):
        if case["id"] in ipvlan_watch.SCENARIOS and (not wanted or case["id"] in wanted):
            play_scenario(lab, case)
    say(note=f"scenarios: {time.monotonic() - start:.1f} s")
    lab.delete()


if __name__ == "__main__":
    main()
