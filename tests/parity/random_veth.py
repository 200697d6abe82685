#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Random changes of a veth pair, on the kernel and on the forwarder: what is refused, what state
that leaves, and which frames arrive then.

    random_veth.py [--seed N] [--count N] [--steps N]
"""

import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import capture
import forwarder
import frames
import hands
import kernel
import netns
import random_topologies
import taptest
import topology

ENDS = ("A", "Y")
MACS = [frames.mac("A"), frames.mac("Y"), "02:4d:00:00:00:01"]
BAD_MACS = ["01:00:5e:00:00:07", "00:00:00:00:00:00"]
MTUS = [68, 600, 1000, 1500, 1500, 2000, 9000]
BAD_MTUS = [67, 65536]


class KernelPair(hands.KernelHands):
    def make(self, macs, mtus):
        self.side.inside.ip(f"link add A address {macs[0]} mtu {mtus[0]} type veth "
                            f"peer name Y address {macs[1]} mtu {mtus[1]}")

    def ends(self):
        links = {link["ifname"]: link for link in json.loads(self.side.inside.ip("-j link show"))}
        return [ends_state(links[n]) for n in ENDS if n in links]


class ForwarderPair(hands.ForwarderHands):
    def make(self, macs, mtus):
        one, other = ({"name": n.lower(), "address": mac, "mtu": mtu, "state": "down",
                       "endpoint": f"tap:{n},netns={self.side.inside.name}"}
                      for n, mac, mtu in zip(ENDS, macs, mtus))
        self.side.forwarder.rpc("link.add", {**one, "type": "veth", "peer": other})

    def ends(self):
        links = {link["ifname"]: link for link in self.side.forwarder.rpc("link.show")}
        return [ends_state(links[n.lower()]) for n in ENDS if n.lower() in links]


def ends_state(link):
    return (link["address"], link["mtu"], "UP" in link["flags"], "LOWER_UP" in link["flags"])


class Duel:
    TRIES = 4

    def __init__(self, rng, sides):
        self.rng = rng
        self.sides = sides
        self.hands = (KernelPair(sides[0]), ForwarderPair(sides[1]))
        self.story = []
        self.state = []

    def _both(self, words, *doings):
        """Both do the same, or are refused the same."""
        self.story.append(words)
        results = []
        for doing in doings:
            try:
                doing()
                results.append("OK")
            except (netns.CommandFailed, forwarder.RpcError) as why:
                results.append(hands.errno_name(why))
        self.story[-1] += f" → {results[0]}"
        taptest.equal(results[1], results[0], "forwarder")
        return results[0]

    def _make(self):
        macs = [self.rng.choice(MACS) for _ in ENDS]
        mtus = [self.rng.choice(MTUS) for _ in ENDS]
        made = self._both(f"make {macs} {mtus}",
                          *(lambda h=h: h.make(macs, mtus) for h in self.hands))
        taptest.equal(made, "OK", "make")
        for h in self.hands:
            for name in ENDS:
                h.watch(name)

    def _delete(self):
        name = self.rng.choice(ENDS)
        for h in self.hands:
            for n in ENDS:
                h.unwatch(n)
        self._both(f"delete {name}", *(lambda h=h: h.delete(name) for h in self.hands))

    def _change(self):
        rng, name = self.rng, self.rng.choice(ENDS)
        key = rng.choice(["mac", "mtu", "mtu", "state", "state", "state"])
        up = self.state[ENDS.index(name)][2]
        value = {"mac": rng.choice(MACS * 2 + BAD_MACS), "mtu": rng.choice(MTUS * 2 + BAD_MTUS),
                 "state": "down" if up and rng.random() < 0.5 else "up"}[key]
        by_owner = rng.random() < 0.5 and value not in BAD_MACS + BAD_MTUS
        text = {"mac": f"address {value}", "mtu": f"mtu {value}", "state": value}[key]
        self._both(f"{name} {text}" + (" (owner)" if by_owner else ""), *(
            (lambda h=h: h.owner(name, text)) if by_owner else
            (lambda h=h: h.link(name, {key: value})) for h in self.hands))

    def _settle(self):
        def same():
            self.state, ours = (h.ends() for h in self.hands)
            return self.state == ours
        try:
            taptest.eventually(same, "", 3)
        except taptest.Failure:
            raise taptest.Failure(f"kernel {self.state}, forwarder {self.hands[1].ends()}") \
                from None

    def _frames(self, n):
        rng = self.rng
        batch = []
        for number in range(1, n + 1):
            at = rng.choice(ENDS)
            mtus = [s[1] for s in self.state]
            dst = rng.choice(MACS + ["U", "BC", "MJ", "LL0", "Z"])
            src = rng.choice(MACS + ["Z", "BC"])
            kind = rng.choice(["", "", "c100.", "s100.c200."]) + rng.choice(["0x88b5", "0x8808"])
            length = rng.choice([60, 100, *(m + 14 + x for m in mtus for x in (-4, 0, 1, 4, 5))])
            data = frames.build(number, frames.mac(dst), frames.mac(src), kind, max(60, length))
            batch.append(capture.Frame(number, at, data, f"{at} {src}->{dst} {kind} {len(data)}"))
        return batch

    def _compare(self, n):
        batch = self._frames(n)
        for attempt in range(self.TRIES):
            kernel_has, ours = random_topologies.play_both(self.sides, batch)
            batch = [f for f in batch if kernel_has[0][f.number] != ours[0][f.number]]
            if not batch:
                return
            time.sleep(0.05 * (attempt + 1))
        raise taptest.Failure("\n".join(
            f"{f.label}: kernel {{{kernel_has[1][f.number]}}} "
            f"forwarder {{{ours[1][f.number]}}}" for f in batch))

    def run(self, steps, n):
        try:
            self._make()
            for _ in range(steps):
                self._settle()
                self._compare(n)
                if self.rng.random() < 0.06:
                    self._delete()
                    self._make()
                else:
                    self._change()
            self._settle()
            self._delete()
        except taptest.Failure as why:
            raise taptest.Failure("\n".join(self.story + [str(why)])) from None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--first", type=int)
    parser.add_argument("--count", type=int, default=hands.default_count(2, 15))
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--frames", type=int, default=20)
    args = parser.parse_args()
    reporter = taptest.Reporter()
    hands.need(reporter)
    seeds = hands.seeds(args)
    with kernel.KernelSide() as one, forwarder.ForwarderSide(keep=True) as other:
        for seed in seeds:
            with reporter.case(f"seed {seed}"), one.built(topology.Topology()), \
                    other.built(topology.Topology()):
                Duel(random.Random(seed), (one, other)).run(args.steps, args.frames)
    reporter.finish()


if __name__ == "__main__":
    main()
