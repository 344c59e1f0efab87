# SPDX-License-Identifier: GPL-2.0-only
"""Reads test results: TAP, and GoogleTest's JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

LINE = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*([^#]*)(?:#\s*(SKIP|TODO)?\s*(.*))?$", re.I)
PLAN = re.compile(r"^1\.\.(\d+)")
VERSION = "TAP version"


@dataclass(frozen=True)
class Result:
    part: str
    name: str
    status: str  # "passed", "failed" or "skipped"
    detail: str = ""


def parse_tap(part: str, text: str) -> list[Result]:
    """The results of a TAP stream, or of several in turn, each begun by its version. Fewer or
    more than the plans say is one more failure, and so is a stream without a plan.
    """
    results: list[Result] = []
    plans, streams = [], 0
    for line in text.splitlines():
        streams += line.startswith(VERSION)
        plan = PLAN.match(line)
        if plan:
            plans.append(int(plan[1]))
        found = LINE.match(line)
        if not found:
            continue
        name = found[2].strip()
        if found[1]:
            results.append(Result(part, name, "failed"))
        elif (found[3] or "").upper() == "SKIP":
            results.append(Result(part, name, "skipped", found[4].strip()))
        else:
            results.append(Result(part, name, "passed"))
    if sum(plans) != len(results) or len(plans) != max(streams, 1):
        what = (f"{len(results)} results, planned: {sum(plans) if plans else 'no plan'}; "
                f"{streams} streams, {len(plans)} plans")
        results.append(Result(part, "all results there", "failed", what))
    return results


def parse_gtest(part: str, path: Path) -> list[Result]:
    """The results in a file that --gtest_output=json: wrote."""
    results = []
    for suite in json.loads(path.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            name = f"{suite['name']}.{case['name']}"
            if case.get("failures"):
                detail = "\n".join(f["failure"] for f in case["failures"])
                results.append(Result(part, name, "failed", detail))
            elif case.get("result") == "SKIPPED":
                messages = [s.get("message", "") for s in case.get("skipped", [])]
                results.append(Result(part, name, "skipped", " ".join(messages).strip()))
            elif case.get("status") == "RUN":
                results.append(Result(part, name, "passed"))
    return results
