#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Random topologies and frames, on kernel macvlan and on the forwarder: who received what.

A seed makes a topology and its frames, the same on every machine; a seed that failed is printed
and played again with --seed.

    random_topologies.py [--seed N] [--count N] [--frames N] [--kernel]
"""

import argparse
import collections
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import capture
import cases
import forwarder
import frames
import kernel
import netns
import taptest
import topology

_GROUPS = ["MJ", "MK", "MU", "AH", "LL0", "LL1", "LL3", "LLE"]
_TYPES = ["0x88b5"] * 6 + ["0x0800", "0x0800", "0x86dd", "0x8808", "0x88cc"]
_TAGS = [""] * 6 + ["c100.", "c0.", "c4094.", "s100.", "s100.c200.", "c7.c8."]
_LETTER = {"bridge": "B", "vepa": "V", "private": "P", "source": "S"}


def random_vnic(rng, name, mode, siblings):
    options = ""
    if mode == "source":
        pool = ["X0", "X1", "X2"] + siblings
        words = rng.sample(pool, rng.randint(0, min(3, len(pool))))
        words += ["nodst"] if rng.random() < 0.3 else []
        inside = f"({','.join(words)})"
        down = rng.random() < 0.1 and "nodst" not in words  # Q5 is a case of its own
    elif mode == "passthru":
        inside = "(nopromisc)" if rng.random() < 0.3 else ""
        down = rng.random() < 0.15
    else:
        inside = ""
        down = rng.random() < 0.12
    options += "/down" if down else ""
    options += "/promisc" if rng.random() < 0.12 else ""
    options += "/allmulti" if rng.random() < 0.12 else ""
    options += "/tap" if rng.random() < 0.2 else ""
    if rng.random() < 0.4:
        options += "/join=" + "+".join(rng.sample(_GROUPS[:2] + _GROUPS[4:], rng.randint(1, 3)))
    return f"{name}={mode}{inside}{options}"


def random_topology(rng):
    """The text of a setup."""
    words = ["wire=hairpin"] if rng.random() < 0.35 else []
    if rng.random() < 0.12:
        words.append(random_vnic(rng, "T", "passthru", []))
    else:
        count = collections.Counter()
        names = []
        for _ in range(rng.randint(1, 8)):
            mode = rng.choice(["bridge", "bridge", "vepa", "private", "source"])
            count[mode] += 1
            names.append((f"{_LETTER[mode]}{count[mode]}", mode))
        for name, mode in names:
            words.append(random_vnic(rng, name, mode, [n for n, _ in names if n != name]))
    words += ["L/promisc"] if rng.random() < 0.1 else []
    words += ["L/join=MJ"] if rng.random() < 0.1 else []
    words += ["W/down"] if rng.random() < 0.03 else []
    return " ".join(words)


def random_frames(rng, t, n):
    """Frames 1 … n with what they are, in words."""
    names = list(t.vnics)
    senders = ["wire", "wire", "wire", "host"] + [v.name for v in t.vnics.values() if v.up] * 2
    sources = names * 2 + ["L", "X0", "X1", "X2", "X9", "Z", "BC", "MJ"]
    targets = names * 3 + ["L", "U", "Z", "X1", "BC", "BC", "BC"] + _GROUPS
    batch = []
    for number in range(1, n + 1):
        at = rng.choice(senders)
        # Mostly a sender's own address; the rest is spoofed.
        own = {"wire": rng.choice(["X0", "X1", "X2"]), "host": "L"}.get(at, at)
        src = own if rng.random() < 0.6 else rng.choice(sources)
        dst = rng.choice(targets)
        kind = rng.choice(_TAGS) + rng.choice(_TYPES)
        length = rng.choice([rng.randint(26, 90), 60, 100, rng.randint(100, 1514), 1514])
        length = max(length, 14 + 60)
        data = frames.build(number, frames.mac(dst, t.macs()), frames.mac(src, t.macs()), kind,
                            length)
        batch.append(capture.Frame(number, at, data, f"{at} {src}->{dst} {kind} {len(data)}"))
    return batch


def result(p, batch):
    """number → Counter of (station, bytes), and the receivers' text."""
    copies = {f.number: collections.Counter((s.station, s.data) for s in p.seen[f.number])
              for f in batch}
    return copies, {f.number: p.text(f.number, letters=False) for f in batch}


def play(side, setup, batch, wanted=None):
    """The result of a batch in a setup of its own."""
    with side.built(topology.parse(setup)):
        p = side.play()
        p.send(batch, wanted)
        p.close()
        return result(p, batch)


def _behind_tags(data):
    at = 12
    while data[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    return int.from_bytes(data[at:at + 2], "big"), at > 12


def intended(t, frame, station, delta):
    """The intended difference that explains @delta more copies at @station than the kernel's."""
    dst = frame.data[:6]
    v = t.vnics.get(station)
    if v is None or not dst[0] & 1 or abs(delta) != 1:
        return None
    ethertype, tagged = _behind_tags(frame.data)
    if ethertype == 0x8808 and tagged:
        return "Q11"
    if dst == b"\xff" * 6:
        return None
    joined = dst in [frames.mac_bytes(frames.mac(g)) for g in v.joins + ["AH"]]
    if delta < 0 and not joined and not v.promisc and not v.allmulti:
        return "Q3"
    if delta > 0 and v.mode == "passthru" and "nopromisc" in v.flags and v.promisc:
        return "Q14"
    return None


def differing(t, batch, oracle, subject, differences, both_kernels=False):
    """
    number → what differs without being meant to. The kernel against itself: either may let
    through what nobody joined (Q3).
    """
    wrong = {}
    for frame in batch:
        kernel_has, ours = oracle[0][frame.number], subject[0][frame.number]
        if kernel_has == ours:
            continue
        stations = {s for s, _ in (kernel_has - ours) + (ours - kernel_has)}
        why = []
        for station in stations:
            n_kernel = sum(n for (s, _), n in kernel_has.items() if s == station)
            n_ours = sum(n for (s, _), n in ours.items() if s == station)
            delta = n_ours - n_kernel
            why.append(intended(t, frame, station, -abs(delta) if both_kernels else delta))
        if all(why):
            for identity in why:
                differences.use(identity)
            continue
        bytes_only = "" if oracle[1][frame.number] != subject[1][frame.number] else " (bytes)"
        wrong[frame.number] = (f"{frame.label}: kernel {{{oracle[1][frame.number]}}} "
                               f"forwarder {{{subject[1][frame.number]}}}{bytes_only}")
    return wrong


def receivers(copies):
    """Whom to wait for: number → Counter of stations."""
    wanted = {}
    for number, counter in copies.items():
        wanted[number] = collections.Counter()
        for (station, _), n in counter.items():
            wanted[number][station] += n
    return wanted


def play_both(sides, batch):
    """As play(), on two sides that are built already; the second is given time for what came of
    the first."""
    played = []
    for side in sides:
        p = side.play()
        p.LIMIT = 1.0
        p.send(batch, receivers(played[0][0]) if played else None)
        p.close()
        played.append(result(p, batch))
    return played


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--count", type=int,
                        default=int(os.environ.get("PARITY_COUNT", "24")))
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--kernel", action="store_true",
                        help="the kernel against itself: does the harness judge the same twice?")
    args = parser.parse_args()
    reporter = taptest.Reporter()
    if not kernel.is_available():
        reporter.skip("random topologies", "this kernel has no macvlan: no oracle")
        reporter.finish()
    if not args.kernel and not forwarder.is_built():
        reporter.skip("random topologies", f"{forwarder.binary()} is not built")
        reporter.finish()
    netns.sweep()
    differences = cases.Differences()
    fresh = random.SystemRandom().randrange(1 << 30)
    # Half of them are the same in every run, so that a change can be told from luck.
    seeds = [args.seed] if args.seed is not None else [
        s if s <= args.count // 2 else fresh + s for s in range(1, args.count + 1)]
    frames_total = copies_total = 0
    second = kernel.KernelSide() if args.kernel else forwarder.ForwarderSide(keep=True)
    second.label = "x-second" if args.kernel else second.label
    with kernel.KernelSide() as oracle_side, second as subject_side:
        for seed in seeds:
            rng = random.Random(seed)
            setup = random_topology(rng)
            batch = random_frames(rng, topology.parse(setup), args.frames)
            with reporter.case(f"seed {seed}: {setup}"):
                oracle = play(oracle_side, setup, batch)
                subject = play(subject_side, setup, batch, receivers(oracle[0]))
                frames_total += len(batch)
                copies_total += sum(c.total() for c in oracle[0].values())
                wrong = list(differing(topology.parse(setup), batch, oracle, subject,
                                       differences, args.kernel).values())
                taptest.check(not wrong, "\n".join(
                    [f"replay: random_topologies.py --seed {seed} --frames {args.frames}",
                     f"{len(wrong)} of {len(batch)} frames differ:"] + wrong[:20]))
    taptest.note(f"{frames_total} frames, {copies_total} copies by the kernel")
    for line in differences.report():
        taptest.note(line)
    reporter.finish()


if __name__ == "__main__":
    main()
