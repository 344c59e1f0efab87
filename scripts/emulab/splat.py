# SPDX-License-Identifier: GPL-2.0-only
"""Finds the lines of a kernel log that mean that something in the kernel went wrong."""

from __future__ import annotations

import re

START_MARK = "emuhost: command starts"
END_MARK = "emuhost: command ended"

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


def find_splats(log: str) -> list[str]:
    """Lines after the start mark that match; the kernel's own boot is not ours to judge.

    A log without the mark (the host died before the command) is looked at as a whole.
    """
    lines = log.splitlines()
    starts = [i for i, line in enumerate(lines) if START_MARK in line]
    first = starts[-1] + 1 if starts else 0
    return [line.rstrip() for line in lines[first:] if SPLAT.search(line)]
