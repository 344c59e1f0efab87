# SPDX-License-Identifier: GPL-2.0-only
"""Work for a guest's CPUs that notices when its memory is wrong, and a migration under it."""

from __future__ import annotations

import base64
import time
from pathlib import Path

from .guest import GuestError
from .inhost import Tap
from .qmp import Machine
from .steps import want

LOAD = """# Copies memory and compares; counts rounds, and what was wrong.
dd if=/dev/urandom of=/tmp/a.$1 bs=64k count=16 2>/dev/null
i=0
while :; do
	cp /tmp/a.$1 /tmp/b.$1
	cmp /tmp/a.$1 /tmp/b.$1 || echo "round $i" >>/tmp/wrong
	i=$((i + 1))
	echo $i >/tmp/rounds.$1
done
"""


def start_load(m: Machine) -> None:
    """One on each CPU."""
    script = base64.b64encode(LOAD.encode()).decode()
    m.guest.command(f"echo {script} | base64 -d >/tmp/load; "
                    "for n in $(seq $(nproc)); do sh /tmp/load $n >/dev/null 2>&1 & done")
    rounds(m)


def rounds(m: Machine, timeout: float = 120.0) -> list[int]:
    """How far each CPU's has come. A file that is just being written is empty: one more look."""
    deadline = time.monotonic() + timeout
    while True:
        cpus, *found = m.guest.command("nproc; cat /tmp/rounds.* 2>/dev/null").split()
        if len(found) == int(cpus):
            return [int(word) for word in found]
        if time.monotonic() > deadline:
            raise GuestError(f"the load has not begun everywhere: {found}")
        time.sleep(0.5)


def check_load_goes_on(m: Machine, before: list[int]) -> None:
    """Beyond what `rounds` once said, and with nothing wrong."""
    want("what the load found wrong", m.guest.command("cat /tmp/wrong 2>/dev/null"), "")
    deadline = time.monotonic() + 60
    while not all(new > old for new, old in zip(rounds(m), before, strict=True)):
        if time.monotonic() > deadline:
            raise GuestError(f"the load stands still: {before}, then {rounds(m)}")
        time.sleep(0.5)


def migrate(tap: Tap, source: Machine, target: Machine, socket: Path, timeout: float) -> None:
    """The load goes on in the target, which waits for the guest at the socket."""
    before = rounds(source)
    info = source.qmp.migrate(f"unix:{socket}", timeout)
    target.qmp.wait_event("RESUME", 30)
    target.guest.command("true")  # with it comes what QEMU itself has to say, about many CPUs for one
    ram = info.get("ram", {})
    tap.note(f"migration: {info.get('total-time')} ms, down {info.get('downtime')} ms, "
             f"{ram.get('dirty-sync-count')} rounds, {ram.get('transferred')} bytes")
    check_load_goes_on(target, before)
