# SPDX-License-Identifier: GPL-2.0-only
"""Cuts a trace of the exit benchmark into the iterations of its guest's loop and counts.

The guest's loop is found by itself: of the backward steps that the guest takes within the
operation's function, the widest that it takes often. One iteration is what lies between two
of them, so it holds all exits of the operation, and the loop's own two or three instructions.

    guest    body  jne >--.      iteration n: from `body` in the guest through every exit,
    host     ... exit ... |                   the kernel, maybe the VMM, back to the `jne`
    guest    body <-------'
"""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass, field

from .trace import COUNTED, UNSEEN, VMRUN, Trace

RARE = 50  # a step or an address seen this many times less than the loop is not part of it
INTERRUPTS = ("asm_sysvec_", "asm_common_interrupt")
GUEST = "(guest)"


class Symbols:
    """Names for addresses, from lines "address type name [module]" of kallsyms or nm."""

    def __init__(self) -> None:
        self._symbols: list[tuple[int, str]] = []
        self._starts: list[int] = []
        self._found: dict[int, tuple[str, int]] = {}

    def add(self, text: str, suffix: str = "") -> None:
        for line in text.splitlines():
            words = line.split()
            if len(words) >= 3 and words[1] in "tTwWi":
                name = words[2] + "".join(" " + word for word in words[3:4])
                self._symbols.append((int(words[0], 16), name + suffix))
        # Of several names for one address the first in the alphabet: steady output.
        self._symbols.sort(reverse=True)
        unique = dict(self._symbols)
        self._symbols = sorted(unique.items())
        self._starts = [address for address, _ in self._symbols]
        self._found.clear()

    def find(self, pc: int) -> tuple[str, int]:
        """The name of the function around `pc` and the offset in it."""
        found = self._found.get(pc)
        if found is None:
            at = bisect.bisect_right(self._starts, pc) - 1
            found = (self._symbols[at][1], pc - self._starts[at]) if at >= 0 else ("?", pc)
            self._found[pc] = found
        return found

    def extent(self, name: str) -> tuple[int, int]:
        """Start and end of a function; KeyError without such a one."""
        for number, (address, known) in enumerate(self._symbols[:-1]):
            if known == name:
                return address, self._symbols[number + 1][0]
        raise KeyError(name)


@dataclass(frozen=True)
class Iteration:
    """One round of the guest's loop: entries [start, end) of the trace."""

    start: int
    end: int
    exits: int
    guest: int
    counts: tuple[int, ...]  # in the order of COUNTED
    interrupted: bool = False

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def key(self) -> tuple[int, ...]:
        return (self.length, self.exits, self.guest, *self.counts)


@dataclass
class Profile:
    """What one operation costs."""

    op: str
    instructions: float
    mean: float  # instructions of all iterations but the interrupted ones
    guest: float
    exits: float
    counts: dict[str, float]
    how: str
    iterations: int
    interrupted: int
    functions: list[tuple[str, float]] = field(default_factory=list)
    calls: list[tuple[str, int]] = field(default_factory=list)
    listing: list[tuple[str, str]] = field(default_factory=list)


def find_loop(trace: Trace, low: int, high: int) -> tuple[tuple[int, int], frozenset[int]] | None:
    """The step that closes the guest's loop in the function [low, high), and the function's
    addresses that are not part of it; None when the trace shows no loop."""
    steps: Counter[tuple[int, int]] = Counter()
    seen: Counter[int] = Counter()
    previous = 0
    for pc, guest in zip(trace.pcs, trace.guest):
        if guest and low <= pc < high:
            seen[pc] += 1
            if pc < previous:
                steps[previous, pc] += 1
            previous = pc
    if not steps:
        return None
    most = max(steps.values())
    step = max((s for s, n in steps.items() if n * RARE >= most), key=lambda s: s[0] - s[1])
    outside = frozenset(pc for pc, n in seen.items() if n * RARE < steps[step])
    return step, outside


def split(trace: Trace, low: int, high: int, symbols: Symbols) -> list[Iteration]:
    """The whole iterations in a trace, in order. What happens between two runs of the loop
    belongs to none."""
    loop = find_loop(trace, low, high)
    if loop is None:
        return []
    (last, first), outside = loop
    found: list[Iteration] = []
    breaks = set(trace.breaks)
    start, whole, previous = -1, False, 0
    for at, pc in enumerate(trace.pcs):
        if at in breaks:
            start, previous = -1, 0
        if not (trace.guest[at] and low <= pc < high):
            continue
        if pc == first and previous == last:
            if start >= 0 and whole:
                found.append(count(trace, start, at, symbols))
            start, whole = at, True
        elif pc in outside:
            whole = False
        previous = pc
    return found


def count(trace: Trace, start: int, end: int, symbols: Symbols) -> Iteration:
    """Counts what the host executed in [start, end); the guest's own instructions are only
    added up. ValueError for an instruction whose bytes were never logged."""
    kinds, interrupted, guest = [0] * (UNSEEN + 1), False, 0
    for at in range(start, end):
        if trace.guest[at]:
            guest += 1
            continue
        kinds[trace.kinds[at]] += 1
        interrupted = interrupted or symbols.find(trace.pcs[at])[0].startswith(INTERRUPTS)
        if trace.kinds[at] == UNSEEN:
            raise ValueError(f"no bytes were logged for the instruction at {trace.pcs[at]:#x}")
    return Iteration(start, end, kinds[VMRUN], guest,
                     tuple(kinds[kind] for kind in COUNTED.values()), interrupted)


def undisturbed(found: list[Iteration]) -> list[Iteration]:
    """The iterations without a host interrupt. Where interrupts are the rule they belong to
    the operation."""
    quiet = [i for i in found if not i.interrupted]
    return quiet if len(quiet) * 2 >= len(found) else found


def choose(quiet: list[Iteration]) -> tuple[list[Iteration], str]:
    """The iterations to take the figures from, and in words which these are.

    Where each iteration has the same number of exits, the most common kind of iteration is
    the typical one. Else (a fault that maps several pages) only the mean says something: over
    whole periods, from one iteration with exits to the last other.
    """
    if len({i.exits for i in quiet}) == 1:
        commonest, number = Counter(i.key for i in quiet).most_common(1)[0]
        chosen = [i for i in quiet if i.key == commonest]
        return chosen, f"{number} of {len(quiet)} iterations are like this"
    most = Counter(i.exits for i in quiet).most_common(1)[0][0]
    edges = [n for n, i in enumerate(quiet) if i.exits != most]
    whole = quiet[edges[0]:edges[-1]] if len(edges) > 2 else quiet
    return whole, f"mean of {len(whole)} iterations whose exits differ"


def runs(names: list[str]) -> list[tuple[str, int]]:
    """Equal neighbours folded, with their number."""
    folded: list[tuple[str, int]] = []
    for name in names:
        if folded and folded[-1][0] == name:
            folded[-1] = (name, folded[-1][1] + 1)
        else:
            folded.append((name, 1))
    return folded


def summarise(op: str, trace: Trace, found: list[Iteration], symbols: Symbols) -> Profile:
    """The figures of one operation. ValueError without an iteration."""
    if not found:
        raise ValueError(f"{op}: the trace holds no whole iteration")
    quiet = undisturbed(found)
    chosen, how = choose(quiet)
    number = len(chosen)

    def place(at: int) -> tuple[str, int]:
        return (GUEST, trace.pcs[at]) if trace.guest[at] else symbols.find(trace.pcs[at])

    functions: Counter[str] = Counter()
    for iteration in chosen:
        functions.update(place(at)[0] for at in range(iteration.start, iteration.end))
    # The sequence is shown for one iteration: the most common one that exits, if any does.
    exiting = [i for i in chosen if i.exits] or chosen
    length = Counter(i.length for i in exiting).most_common(1)[0][0]
    example = next(i for i in exiting if i.length == length)
    shown = range(example.start, example.end)
    return Profile(
        op, sum(i.length for i in chosen) / number, sum(i.length for i in quiet) / len(quiet),
        sum(i.guest for i in chosen) / number, sum(i.exits for i in chosen) / number,
        {name: sum(i.counts[n] for i in chosen) / number for n, name in enumerate(COUNTED)},
        how, len(found), len(found) - len(quiet),
        [(name, n / number) for name, n in functions.most_common()],
        runs([place(at)[0] for at in shown]),
        [("{}+{:#x}".format(*place(at)), trace.code.texts.get(trace.pcs[at], ""))
         for at in shown])
