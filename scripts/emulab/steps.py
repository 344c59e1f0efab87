# SPDX-License-Identifier: GPL-2.0-only
"""What a guest is put through, step by step, as TAP."""

from __future__ import annotations

import time
from collections.abc import Callable

from .guest import GuestError
from .inhost import KernelLog, Tap, judge_log


def want(what: str, got: str, wanted: str) -> None:
    if got.strip() != wanted:
        raise GuestError(f"{what} is {got.strip()!r}, not {wanted!r}")


class Steps:
    """The results of one guest, in order; after a failure the rest is skipped."""

    def __init__(self, tap: Tap, log: KernelLog, name: str) -> None:
        self._tap, self._log, self._name, self._dead = tap, log, name, ""

    @property
    def alive(self) -> bool:
        return not self._dead

    def step(self, what: str, function: Callable[[], None],
             output: Callable[[], str] = lambda: "") -> None:
        """output: gives what the guest's console has said, for the report of a failure."""
        title = f"{self._name}: {what}"
        if self._dead:
            self._tap.skip(title, f"after the failure of: {self._dead}")
            return
        started = time.monotonic()
        try:
            function()
            self._tap.result(True, title)
        except Exception as error:  # noqa: BLE001 -- whatever it is, this step has failed
            self._tap.note(f"{type(error).__name__}: {error}")
            self._tap.note("the guest's last output:\n" + output()[-3000:])
            self._tap.result(False, title)
            self._dead = what
        self._tap.note(f"{title}: {time.monotonic() - started:.1f} s")
        judge_log(self._tap, self._log, title)
