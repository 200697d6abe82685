#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Random changes of a running port, on kernel macvlan and on the forwarder: what is refused and
with which errno, what state that leaves, and who receives which frames then.

Both sides stand side by side and take each step in turn, so that a step's choices may depend on
what the kernel made of those before. A seed gives the same steps on every machine.

    random_changes.py [--seed N] [--count N] [--steps N] [--verbose]
"""

import argparse
import collections
import contextlib
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import capture
import cases
import forwarder
import frames
import hands
import kernel
import netns
import random_topologies
import taptest
import topology

_MODES = ("bridge", "vepa", "private", "source")
_POOL = [f"02:4d:00:00:00:{n:02x}" for n in range(1, 5)]  # addresses that vnics compete for
_BAD_MACS = ["01:00:5e:00:00:07", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]
_SOURCES = ["X0", "X1", "X2"]
_GROUPS = ["MJ", "MK", "LL0"]

# One change. Both sides take it from one description: `what` is a method of each.
Step = collections.namedtuple("Step", "what name args")


# ---- what to do next


class Chooser:
    """The random part: it knows the topology as the kernel has it."""

    def __init__(self, rng, t, lower):
        self.rng = rng
        self.t = t
        self.lower = lower
        self.n_added = 0
        self.n_junk = 0
        self.joined = collections.defaultdict(set)
        # What the forwarder's configuration says, whatever an owner did since.
        self.said = {v.name: {"mac": v.mac, "mtu": v.mtu, "state": "up" if v.up else "down"}
                     for v in t.vnics.values()}

    def is_claimed(self, mac, name):
        """
        The forwarder refuses an address that its configuration has for an up vnic, or for the
        port, though their owners changed or switched it off: no file can say both.
        """
        return mac == frames.mac("L") != self.lower["mac"] or any(
            (self.said[n]["mac"], self.said[n]["state"]) == (mac, "up")
            and (not v.up or v.mac != mac)
            for n, v in self.t.vnics.items() if n != name and v.mode != "passthru")

    def say(self, name, words):
        """
        @words of `link set` were carried out. Who comes up with what its owner gave it, because
        what the configuration says is taken, has that in the configuration, too.
        """
        said, v = self.said[name], self.t.vnics[name]
        taken = said["mac"] in (frames.mac("L"), self.lower["mac"]) or any(
            said["mac"] == o.mac and o.up for n, o in self.t.vnics.items()
            if n != name and o.mode != "passthru") or self.is_claimed(said["mac"], name)
        if words.get("state") == "up" and "mac" not in words and taken and v.mode != "passthru":
            said["mac"] = v.mac
        said.update(words)

    def macs(self):
        return {**self.t.macs(), "L": self.lower["mac"]}

    def _any_mac(self):
        return self.rng.choice(
            _POOL * 3 + [v.mac for v in self.t.vnics.values()] * 2 + [self.lower["mac"]]
            + [frames.mac(n) for n in self.t.vnics if n != "T"] + _BAD_MACS[:2])

    def _link(self, name):
        rng, v = self.rng, self.t.vnics[name]
        what = rng.choice(["mac", "mac", "mac", "mtu", "state", "state", "state"])
        if what == "mac":
            value = self._any_mac()
        elif what == "mtu":
            mtu = self.lower["mtu"]
            value = rng.choice([mtu, mtu, mtu - 1, mtu + 1, 67, 68, 600, 1000, 1400, 1500, 65536])
        else:
            value = "down" if v.up else "up"
            value = value if rng.random() < 0.9 else "up" if v.up else "down"
        words = {what: value}
        if what == "state" and rng.random() < 0.1:
            words = {"mac": self._any_mac(), **words}
        if len(words) == 1 and rng.random() < 0.4:
            text = {"mac": f"address {value}", "mtu": f"mtu {value}", "state": str(value)}[what]
            return Step("owner", name, {"words": text})
        return Step("link", name, {"words": words})

    def _addresses(self, verb):
        rng = self.rng
        pool = [frames.mac(s) for s in _SOURCES] * 2 + [
            v.mac for v in self.t.vnics.values()] + [self.lower["mac"]]
        n = 1 if verb in ("add", "del") else rng.randint(0, 4)
        macs = list(dict.fromkeys(rng.choice(pool) for _ in range(n)))
        if rng.random() < 0.06 and verb != "set":
            macs = macs[:-1] + [rng.choice(_BAD_MACS)]
        return macs

    def _kind(self, name):
        rng, v = self.rng, self.t.vnics[name]
        args = {}
        if rng.random() < 0.6:
            args["mode"] = rng.choice(_MODES + (v.mode,)) if rng.random() < 0.93 else "passthru"
        mode = args.get("mode", v.mode)
        if rng.random() < 0.4 and mode == "source":
            args["flag"] = rng.choice(["nodst", "null"])
            args["mode"] = mode  # iproute2 wants both
        if rng.random() < 0.4 and mode == "passthru" == v.mode and v.up:
            args["flag"] = rng.choice(["nopromisc", "null"])
            args["mode"] = mode
        # What the kernel has done of a command that then fails stays; the forwarder does all or
        # nothing. So only one thing of those that fail is asked for.
        if rng.random() < (0.6 if mode == "source" else 0 if "mode" in args else 0.1):
            verb = rng.choice(["add", "add", "add", "del", "set", "flush"])
            args["macaddr"] = (verb, [] if verb == "flush" else self._addresses(verb))
        if not args and rng.random() < 0.4:
            return Step("bclim", name, {"value": rng.choice([-1, -1, 0, 1, 3])})
        if not args:
            args["queue"] = rng.choice([0, 0, 1000, 3000])
        return Step("kind", name, args)

    def _filter(self, name):
        rng = self.rng
        if rng.random() < 0.5:
            word = rng.choice(["promisc", "allmulticast"])
            return Step("owner", name, {"words": f"{word} {rng.choice(['on', 'off'])}"})
        group = rng.choice(_GROUPS)
        if group in self.joined[name]:
            self.n_junk += 1
            return Step("leave", name, {"group": group,
                                        "junk": f"33:33:dd:00:{self.n_junk >> 8:02x}:"
                                                f"{self.n_junk & 255:02x}"})
        return Step("join", name, {"group": group})

    def _lower(self):
        rng = self.rng
        what = rng.choice(["mac", "mtu", "mtu", "state", "wire"])
        if what == "mac":
            # Who sets the one that it has takes it for his own in the kernel, and shows in no TAP.
            macs = [m for m in _POOL + [frames.mac("L")] * 2 if m != self.lower["mac"]]
            words = f"address {rng.choice(macs)}"
        elif what == "mtu":
            words = f"mtu {rng.choice([1500, 1500, 1499, 1400, 1000, 600])}"
        elif what == "state":
            words = "down" if self.lower["up"] else "up"
        else:
            self.t.wire_up = not self.t.wire_up
            return Step("wire", "", {"words": "up" if self.t.wire_up else "down"})
        return Step("lower", "", {"words": words})

    def _add(self):
        rng = self.rng
        self.n_added += 1
        name = f"N{self.n_added}"
        mode = rng.choice(_MODES) if rng.random() < (0.9 if self.t.vnics else 0.4) else "passthru"
        v = topology.Vnic(name, mode, rng.choice([frames.mac(name), self._any_mac()]), up=False,
                          tap=rng.random() < 0.2,
                          mtu=rng.choice([self.lower["mtu"]] * 4 + [self.lower["mtu"] + 1, 600]))
        if mode == "source" and rng.random() < 0.3:
            v.flags = ["nodst"]
        return Step("add", name, {"v": v})

    def step(self):
        rng = self.rng
        while True:
            step = self._some_step()
            if step.what == "add":
                mac = step.args["v"].mac
            elif step.what in ("link", "owner"):
                words = step.args["words"]
                mac = self.t.vnics[step.name].mac
                if step.what == "link":
                    mac = words.get("mac", mac)
                elif words.startswith("address"):
                    mac = words.split(" ")[1]
            else:
                return step
            if not self.is_claimed(mac, step.name):
                return step

    def _some_step(self):
        rng = self.rng
        names = list(self.t.vnics)
        if not names or rng.random() < 0.06:
            return self._add()
        if rng.random() < 0.04:
            return Step("delete", rng.choice(names), {})
        if rng.random() < 0.05:
            return Step("remake", "", {})
        if rng.random() < 0.12:
            return self._lower()
        name = rng.choice(names)
        return rng.choice([self._link, self._link, self._kind, self._kind, self._filter])(name)

    def frames(self, n):
        """Frames for the state that there is."""
        rng, t = self.rng, self.t
        names = list(t.vnics)
        senders = ["wire"] * 3 + ["host"] + names * 2
        sources = names * 2 + ["L", "X0", "X1", "X2"] + _POOL[:2]
        targets = names * 3 + ["L", "U", "BC", "BC", "BC"] + _POOL[:3] + _GROUPS + ["MU"]
        batch = []
        for number in range(1, n + 1):
            at = rng.choice(senders)
            own = {"wire": rng.choice(_SOURCES), "host": "L"}.get(at, at)
            src = own if rng.random() < 0.6 else rng.choice(sources)
            dst = rng.choice(targets)
            kind = rng.choice(["", "", "", "c100."]) + rng.choice(["0x88b5"] * 5 + ["0x8808"])
            length = rng.choice([60, 100, 100, 618, 619, 1018, 1019, 1418, 1419, 1514])
            if at == "wire":  # whether a device takes more than its MTU is its driver's affair
                length = min(length, self.lower["mtu"] + 14)
            data = frames.build(number, frames.mac(dst, self.macs()),
                                frames.mac(src, self.macs()), kind, length)
            batch.append(capture.Frame(number, at, data, f"{at} {src}->{dst} {kind} {len(data)}"))
        return batch


# ---- one seed


def random_setup(rng):
    words = ["wire=hairpin"] if rng.random() < 0.2 else []
    if rng.random() < 0.3:
        words.append("T=passthru" + rng.choice(["", "(nopromisc)"]))
    else:
        count = collections.Counter()
        for _ in range(rng.randint(2, 5)):
            mode = rng.choice(("bridge",) + _MODES)
            count[mode] += 1
            inside = f"({','.join(rng.sample(_SOURCES, rng.randint(0, 2)))})" \
                if mode == "source" else ""
            words.append(f"{mode[0].upper()}{count[mode]}={mode}{inside}"
                         + ("/down" if rng.random() < 0.15 else "")
                         + ("/tap" if rng.random() < 0.2 else ""))
    return " ".join(words + ["L/promisc"])


class Duel:
    """One seed: the two sides, and what they did so far."""

    TRIES = 4

    def __init__(self, rng, setup, kernel_side, forwarder_side, differences):
        self.setup = setup
        self.t = topology.parse(setup)
        for v in self.t.vnics.values():
            v.mtu = v.mtu or 1500
        self.sides = (kernel_side, forwarder_side)
        self.hands = (hands.KernelHands(kernel_side), hands.ForwarderHands(forwarder_side))
        self.differences = differences
        self.lower = {}
        self.chooser = Chooser(rng, self.t, self.lower)
        self.story = []
        self.n_refused = 0
        self.n_frames = 0

    def _adopt(self):
        """The kernel's state becomes the topology's."""
        seen = self.hands[0].state()
        for name, s in seen.items():
            v = self.t.vnics[name]
            v.mode, v.mac, v.mtu, v.up = s["mode"], s["mac"], s["mtu"], s["up"]
            v.sources = s["sources"]
        self.lower.update(self.hands[0].lower_state())
        self.t.lower_up = self.lower["up"]

    def _settle(self):
        """Waits until both show the same; what differs then is wrong."""
        end = time.monotonic() + 3
        while True:
            late = time.monotonic() > end  # a loaded machine may take that long to ask once
            seen = [h.state() for h in self.hands]
            lowers = [h.lower_state() for h in self.hands]
            if seen[0] == seen[1] and lowers[0] == lowers[1]:
                return
            if late:
                break
            time.sleep(0.02)
        lines = [f"lower: kernel {lowers[0]} forwarder {lowers[1]}"] if lowers[0] != lowers[1] \
            else []
        lines += [f"{n}: kernel {seen[0].get(n)} forwarder {seen[1].get(n)}"
                  for n in sorted(set(seen[0]) | set(seen[1]))
                  if seen[0].get(n) != seen[1].get(n)]
        raise taptest.Failure("\n".join(lines))

    def _can_be_said(self, step, result):
        """By the file instead of a command? Then nothing may be as only an owner wanted it."""
        v = self.t.vnics.get(step.name)
        if v is not None and v.mode == "passthru" and "mac" in step.args.get("words", {}):
            return False  # no key of its section
        return (result == "OK" and step.what in ("link", "kind") and "queue" not in step.args
                and self.chooser.said[v.name] == {"mac": v.mac, "mtu": v.mtu,
                                                  "state": "up" if v.up else "down"}
                and self.chooser.rng.random() < 0.3)

    def _say(self, step):
        self.story[-1] += " (by the file)"
        v = self.t.vnics[step.name]
        s = self.hands[0].state()[step.name]
        v.mode, v.mac, v.mtu, v.up = s["mode"], s["mac"], s["mtu"], s["up"]
        v.flags = self._flags(step)
        try:
            self.hands[1].by_file(v, s["sources"])
        except (netns.CommandFailed, forwarder.RpcError) as why:
            return f"{hands.errno_name(why)} {why}"
        return "OK"

    def _flags(self, step):
        """The flags that the vnic of @step has after it."""
        v = self.t.vnics[step.name]
        if step.args.get("flag"):
            return [] if step.args["flag"] == "null" else [step.args["flag"]]
        return v.flags if step.args.get("mode", v.mode) in ("source", "passthru") else []

    def _take(self, step):
        words = " ".join([step.what, step.name] + [f"{k}={v}" for k, v in step.args.items()])
        self.story.append(words)
        if step.what == "delete":
            for h in self.hands:
                h.unwatch(step.name)
        results = [self.hands[0].take(step)]
        if step.what == "owner" and results[0] != "OK":
            # No TAP refuses its owner; who asks the forwarder is refused as the kernel does.
            key, value = step.args["words"].split(" ") if " " in step.args["words"] \
                else ("state", step.args["words"])
            step = Step("link", step.name, {"words": {
                {"address": "mac"}.get(key, key): int(value) if key == "mtu" else value}})
        if self._can_be_said(step, results[0]):
            results.append(self._say(step))
        else:
            results.append(self.hands[1].take(step))
        self.story[-1] += f" → {results[0]}"
        if results[0] != results[1]:
            raise taptest.Failure(f"kernel {results[0]}, forwarder {results[1]}")
        self.n_refused += results[0] != "OK"
        if results[0] == "OK":
            self._note(step)
        elif step.what == "delete":
            for h in self.hands:
                h.watch(step.name)

    def _note(self, step):
        """What can't be read back."""
        v = self.t.vnics.get(step.name)
        if step.what == "link":
            self.chooser.say(step.name, step.args["words"])
        elif step.what == "add":
            new = step.args["v"]
            self.t.vnics[new.name] = new
            self.chooser.said[new.name] = {"mac": new.mac, "mtu": new.mtu, "state": "down"}
            for h in self.hands:
                h.watch(step.name)
        elif step.what == "delete":
            del self.t.vnics[step.name]
            self.chooser.joined.pop(step.name, None)
        elif step.what == "join":
            self.chooser.joined[step.name].add(step.args["group"])
        elif step.what == "leave":
            self.chooser.joined[step.name].discard(step.args["group"])
        elif step.what == "kind":
            v.flags = self._flags(step)
        elif step.what == "owner" and " o" in step.args["words"]:
            word, value = step.args["words"].split(" ")
            setattr(v, {"promisc": "promisc", "allmulticast": "allmulti"}[word], value == "on")
        if v is not None:
            v.joins = sorted(self.chooser.joined[step.name])

    def _eaten(self, frame):
        """Q5: on the list of a vnic that is down and has nodst."""
        source = frame.data[6:12]
        return any(v.mode == "source" and not v.up and "nodst" in v.flags and
                   any(frames.mac_bytes(s) == source for s in v.sources)
                   for v in self.t.vnics.values())

    def _compare(self, n):
        batch = self.chooser.frames(n)
        self.n_frames += len(batch)
        for attempt in range(self.TRIES):
            played = random_topologies.play_both(self.sides, batch)
            wrong = random_topologies.differing(self.t, batch, *played, self.differences)
            wrong = {n: w for n, w in wrong.items()
                     if not self._eaten(next(f for f in batch if f.number == n))}
            if not wrong:
                return
            # What an owner did may need a moment to be known.
            batch = [f for f in batch if f.number in wrong]
            time.sleep(0.05 * (attempt + 1))
        raise taptest.Failure("\n".join(wrong.values()))

    def run(self, steps, n, verbose=False):
        with contextlib.ExitStack() as stack:
            for side in self.sides:
                stack.enter_context(side.built(self.t))
            try:
                self._adopt()
                self._compare(n)
                for _ in range(steps):
                    step = self.chooser.step()
                    self._take(step)
                    if verbose:
                        taptest.note(self.story[-1])
                    self._adopt()
                    self._settle()
                    self._compare(n)
            except taptest.Failure as why:
                raise taptest.Failure(f"{self.setup}\n" + "\n".join(self.story[-60:])
                                      + f"\n{self.t.text()}\n{why}") from None
            finally:
                # The forwarder's port stays, and its lower device belongs to the next seed.
                self.hands[1].lower("", f"up mtu 1500 address {frames.mac('L')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--first", type=int, help="play --count from this one on")
    parser.add_argument("--count", type=int, default=hands.default_count(3, 25))
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    reporter = taptest.Reporter()
    hands.need(reporter)
    differences = cases.Differences()
    seeds = hands.seeds(args)
    refused = n_frames = 0
    with kernel.KernelSide() as one, forwarder.ForwarderSide(keep=True) as other:
        for seed in seeds:
            rng = random.Random(seed)
            setup = random_setup(rng)
            duel = Duel(rng, setup, one, other, differences)
            with reporter.case(f"seed {seed}: {setup}"):
                duel.run(args.steps, args.frames, args.verbose)
            refused += duel.n_refused
            n_frames += duel.n_frames
    taptest.note(f"{refused} steps were refused, {n_frames} frames")
    for line in differences.report():
        taptest.note(line)
    reporter.finish()


if __name__ == "__main__":
    main()
