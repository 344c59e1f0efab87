# SPDX-License-Identifier: GPL-2.0-only
"""For what runs inside an emulated host: TAP, the kernel's log, the module in and out, leaks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from .splat import complaints

ROOT = Path(__file__).resolve().parents[2]
KMEMLEAK = Path("/sys/kernel/debug/kmemleak")


class Tap:
    """Numbers the results and counts what failed."""

    def __init__(self) -> None:
        self.count = 0
        self.failed = 0
        print("TAP version 13", flush=True)

    def result(self, passed: bool, name: str) -> None:
        self.count += 1
        self.failed += not passed
        print(f"{'' if passed else 'not '}ok {self.count} {name}", flush=True)

    def skip(self, name: str, reason: str) -> None:
        self.count += 1
        print(f"ok {self.count} {name} # SKIP {reason}", flush=True)

    def note(self, text: str) -> None:
        for line in text.splitlines():
            print("# " + line, flush=True)


class KernelLog:
    """What the kernel has logged since the last look."""

    def __init__(self) -> None:
        self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._fd, 0, os.SEEK_END)

    def news(self) -> list[str]:
        lines = []
        while True:
            try:
                record = os.read(self._fd, 16384)
            except BlockingIOError:
                return lines
            except BrokenPipeError:  # records were overwritten: the next read goes on after them
                continue
            text = record.decode(errors="replace").partition(";")[2]
            lines.append(text.split("\n")[0])


def judge_log(tap: Tap, log: KernelLog, name: str) -> None:
    """A warning in the log is a failure of the step that just ran; no warning is no result."""
    lines = log.news()
    if complaints(lines):
        tap.note("\n".join(lines[-80:]))
        tap.result(False, f"{name}: kernel log clean")


def in_tree_module() -> str:
    return "kvm_amd" if "svm" in Path("/proc/cpuinfo").read_text().split() else "kvm_intel"


def load_module(tap: Tap, log: KernelLog, device: str, own: bool, module: Path | None = None,
                extra: list[str] | None = None) -> bool:
    """Ours (own), or in-tree KVM; one result: the device is there."""
    if own:
        module = module or ROOT / f"build/kmod/{os.uname().release}/vmx.ko"
        command = ["insmod", str(module), *(extra or [])]
    else:
        command = ["modprobe", in_tree_module()]
    done = subprocess.run(command, capture_output=True, text=True)
    loaded = done.returncode == 0 and Path(device).exists()
    if not loaded:
        tap.note(done.stdout + done.stderr)
        tap.note("\n".join(log.news()[-20:]))
    tap.result(loaded, "module: loads")
    judge_log(tap, log, "module: load")
    return loaded


def unload_module(tap: Tap, log: KernelLog, device: str, own: bool) -> None:
    command = ["rmmod", "vmx"] if own else ["modprobe", "-r", in_tree_module()]
    # A killed test's files are closed by the kernel a moment after its exit: try for a while.
    for _ in range(20):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            break
        time.sleep(0.25)
    gone = done.returncode == 0 and not Path(device).exists()
    if not gone:
        tap.note(done.stdout + done.stderr)
    tap.result(gone, "module: unloads")
    judge_log(tap, log, "module: unload")


def run_program(command: list[str], timeout: float,
                environment: dict[str, str] | None = None) -> tuple[int | None, str]:
    """Its exit status (None: it did not end in time, and was killed with its children), its output."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=environment, start_new_session=True)
    try:
        raw, _ = process.communicate(timeout=timeout)
        return process.returncode, raw.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    try:
        raw, _ = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:  # stuck in the kernel: its pipe stays open
        raw = b"(the process does not die)\n"
    return None, raw.decode(errors="replace")


def look_for_leaks(tap: Tap) -> None:
    """kmemleak reports an object only when two scans, 5 s after its allocation, miss it."""
    time.sleep(6)
    for _ in range(2):
        KMEMLEAK.write_text("scan")
        time.sleep(1)
    found = KMEMLEAK.read_text(errors="replace")
    ours = [block for block in re.split(r"(?=^unreferenced object)", found, flags=re.M)
            if re.search(r"\[<[^>]*>\] .*\[vmx(_vhost_net)?\]|\bvmx_|\bvm_ioctl|\bvcpu_|\bsvm_"
                         r"|\bmmu_[a-z]+_(vm|vcpu)", block)]
    if ours:
        tap.note("\n".join(ours)[:8000])
    tap.result(not ours, "module: no memory leaked (kmemleak)")
