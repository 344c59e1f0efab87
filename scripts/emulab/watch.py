# SPDX-License-Identifier: GPL-2.0-only
"""A VM is looked at from outside while its guest runs: `vmx stat` and `vmx trace` have to agree with each other."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from vmx_trace import StatsPage, TraceFile

from .guest import GuestError

VMX = Path(__file__).resolve().parents[2] / "build/bin/vmx"


def run(*words: str) -> str:
    done = subprocess.run([str(VMX), *words], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise GuestError(f"vmx {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def samples(pid: int, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("stat", "--pid", str(pid), "--json", *words).splitlines()]


def check_watched(pid: int, cpus: int, scratch: Path) -> None:
    """cpus: how many the guest has; it should have something to do meanwhile."""
    per_vcpu = samples(pid, "--vcpu", "--count", "1")
    if [s["vcpu"] for s in per_vcpu] != list(range(cpus)):
        raise GuestError(f"vmx stat sees the vCPUs {[s['vcpu'] for s in per_vcpu]}")
    for s in per_vcpu:
        if s["consistent"] and s["counters"]["exits"] != sum(e["count"] for e in s["exits"]):
            raise GuestError(f"the exits of vCPU {s['vcpu']} are not the sum of their reasons: {s}")
    pages = StatsPage.of_process(pid)
    before = [page.sample().counters["exits"] for page in pages]
    file = scratch / "watched.trace"
    told = json.loads(run("trace", "record", str(pid), "--duration", "2", "-o", str(file), "--json"))
    after = [page.sample().counters["exits"] for page in pages]
    trace = TraceFile.load(file)
    if told["lost"] or not told["recorded"] or len(trace.records) != told["recorded"]:
        raise GuestError(f"vmx trace says {told}, and {len(trace.records)} are in the file")
    for index, vcpu in enumerate(trace.vcpus):
        # The trace begins after the first sample and ends before the second.
        if not 0 <= vcpu.recorded <= after[index] - before[index]:
            raise GuestError(f"of vCPU {vcpu.vcpu_id} {vcpu.recorded} exits are in the trace, and the statistics "
                             f"count {after[index] - before[index]}")
    summary = json.loads(run("trace", "summary", str(file), "--json"))
    if sum(s["count"] for s in summary["reasons"]) != len(trace.records):
        raise GuestError(f"the summary is of other exits: {summary['reasons']}")
