# SPDX-License-Identifier: GPL-2.0-only
"""Finds the lines of a kernel log that mean that something in the kernel went wrong."""

from __future__ import annotations

import re

START_MARK = "emuhost: command starts"
END_MARK = "emuhost: command ended"
# A test writes these around what makes the kernel log a call trace that nothing is wrong with.
ASKED_FOR_BEGIN = "asked-for traces begin"
ASKED_FOR_END = "asked-for traces end"

SPLAT = re.compile(
    r"WARNING:|\bBUG:|\bBUG at|kernel BUG|Oops|KASAN|UBSAN:|KCSAN|general protection fault"
    r"|unable to handle|Kernel panic|possible recursive locking|possible circular locking"
    r"|possible irq lock inversion|inconsistent lock state|invalid wait context"
    r"|bad unlock balance|suspicious RCU usage|rcu: INFO:|rcu:.*stall|self-detected stall"
    r"|new suspected memory leaks|blocked for more than|soft lockup|hard LOCKUP"
    r"|DEBUG_LOCKS_WARN|refcount_t:|list_(add|del) corruption|scheduling while atomic"
    r"|sleeping function called|Call Trace:|double free|Bad page state|held lock freed"
    r"|lock held when returning to user space|unchecked MSR access|stack segment:"
    r"|unreferenced object|ODEBUG:|BUG kmalloc|nobody cared|vmx-oracle:"
)


def complaints(lines: list[str]) -> list[str]:
    """Lines that match, but for traces that were asked for."""
    found, asked_for = [], False
    for line in lines:
        if ASKED_FOR_BEGIN in line:
            asked_for = True
        elif ASKED_FOR_END in line:
            asked_for = False
        elif not asked_for and SPLAT.search(line):
            found.append(line.rstrip())
    return found


def find_splats(log: str) -> list[str]:
    """Lines after the start mark that match; the kernel's own boot is not ours to judge.

    A log without the mark (the host died before the command) is looked at as a whole.
    """
    lines = log.splitlines()
    starts = [i for i, line in enumerate(lines) if START_MARK in line]
    first = starts[-1] + 1 if starts else 0
    return complaints(lines[first:])
