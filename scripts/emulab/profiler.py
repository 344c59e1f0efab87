# SPDX-License-Identifier: GPL-2.0-only
"""Traces the exit benchmark in an emulated AMD host, instruction by instruction.

    this side                               emulated host (QEMU TCG, -icount)
    runs scripts/emuhost -----------------> scripts/profile-in-host: module in, the
                                            benchmark repeats one operation without end
    "looping: OP" comes    <--- stdout ---
    log on, single step on ---- monitor --> each instruction is logged
    single step off, log off -- monitor -->
    reads the log; once more if that was not enough
    done.OP appears in OUT ------ 9p -----> next operation

Booting with single steps would take hours: they are on only while something is traced.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .kernels import Kernel
from .roundtrip import Iteration, Profile, Symbols, split, summarise
from .trace import Code, Trace

ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = "build/tests/vmx_exit_bench"
PROMPT = b"(qemu) "
# Per run of the guest's loop, after each of which the benchmark may end. Long runs where an
# iteration is short; a touch needs fresh memory per iteration, which takes time to prepare.
ITERATIONS = {"touch_isolated": 2000, "touch_sequential": 2000, "self_ipi_hlt": 1000}
MOST_ITERATIONS = 4000
ENOUGH_ITERATIONS = 24
ENOUGH_INSTRUCTIONS = 100_000
SLICE = 0.5  # seconds; the log grows by some 10 MB in each


class Monitor:
    """QEMU's human monitor on a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(str(path))
        self._answer()

    def _answer(self) -> None:
        data = b""
        while not data.endswith(PROMPT):
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError("the emulator closed its monitor")
            data += more

    def command(self, text: str) -> None:
        self._socket.sendall(text.encode() + b"\n")
        self._answer()

    def close(self) -> None:
        self._socket.close()


@dataclass
class Request:
    """What to trace. `instructions` is the least number to look at per operation."""

    kernel: Kernel
    devices: list[str]
    ops: list[str]
    mitigations: str = "off"
    module: Path | None = None
    instructions: int = ENOUGH_INSTRUCTIONS
    seconds: float = 60.0    # for one operation's trace
    timeout: float = 1200.0  # for everything
    log: Path | None = None  # the host kernel's


def operations() -> list[str]:
    """The operations that the benchmark knows."""
    done = subprocess.run([str(ROOT / BENCHMARK), "--list"], capture_output=True, text=True,
                          check=True)
    return [line.split()[0] for line in done.stdout.splitlines()]


def program_symbols() -> str:
    return subprocess.run(["nm", str(ROOT / BENCHMARK)], capture_output=True, text=True,
                          check=True).stdout


class Profiler:
    """One emulated host and what is traced in it."""

    def __init__(self, request: Request, scratch: Path) -> None:
        self.request = request
        self.out = scratch / "out"
        self.out.mkdir()
        self.results: dict[str, list[Profile]] = {device: [] for device in request.devices}
        self.failures: list[str] = []
        self._scratch = scratch
        self._code = Code()
        self._monitor: Monitor | None = None
        self._logs = 0
        self._started = time.monotonic()
        self._symbols = Symbols()

    def run(self) -> int:
        """Boots, traces, returns the emulated host's status."""
        request = self.request
        module = request.module or ROOT / f"build/kmod/{request.kernel.release}/vmx.ko"
        command = [
            "scripts/emuhost", "--icount", "--kernel", request.kernel.release,
            "--mitigations", request.mitigations, "--timeout", str(request.timeout),
            # On one CPU Linux would patch the LOCK prefixes out of itself and of modules.
            "--append", "noreplace-smp",
            "--out", str(self.out), "--qemu-arg=-monitor",
            f"--qemu-arg=unix:{self._scratch}/monitor,server,nowait",
            *(["--log", str(request.log)] if request.log else []),
            "--", "scripts/profile-in-host", BENCHMARK, str(module), str(self.out),
            ",".join(request.devices),
            *(f"{op}:{ITERATIONS.get(op, MOST_ITERATIONS)}" for op in request.ops)]
        device = ""
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    word, _, rest = line.strip().partition(" ")
                    if word == "==":
                        device = rest
                        self._say(device)
                        self._load_symbols(device)
                    elif word == "looping:":
                        self._one(device, rest)
                    else:
                        self._say(line.rstrip())
            except BaseException:
                process.terminate()
                raise
            finally:
                if self._monitor:
                    self._monitor.close()
        return process.returncode

    def _load_symbols(self, device: str) -> None:
        self._symbols = Symbols()
        self._symbols.add((self.out / f"kallsyms{device.replace('/', '.')}").read_text())
        self._symbols.add(program_symbols(), " [user]")

    def _say(self, text: str) -> None:
        print(f"profile: [{time.monotonic() - self._started:4.0f} s] {text}", file=sys.stderr,
              flush=True)

    def _one(self, device: str, op: str) -> None:
        """Traces one operation, then lets the host go on with the next."""
        self._say(f"{device}: {op}: tracing")
        try:
            profile = self._trace(op)
            self.results[device].append(profile)
            self._say(f"{device}: {op}: {profile.instructions:.0f} instructions, {profile.how}")
        except ValueError as error:
            self.failures.append(f"{device}: {op}: {error}")
        finally:
            (self.out / f"done{device.replace('/', '.')}.{op}").touch()

    def _trace(self, op: str) -> Profile:
        """Traces slices until they hold enough iterations, or the time is up."""
        trace = Trace(self._code)
        low, high = self._symbols.extent(f"run_{op} [user]")
        deadline = time.monotonic() + self.request.seconds
        found: list[Iteration] = []
        while len(found) < ENOUGH_ITERATIONS or len(trace) < self.request.instructions:
            if time.monotonic() > deadline:
                break
            self._slice(trace)
            found = split(trace, low, high, self._symbols)
        return summarise(op, trace, found, self._symbols)

    def _slice(self, trace: Trace) -> None:
        """Adds what the host executes in the next moments."""
        if self._monitor is None:
            self._monitor = Monitor(self._scratch / "monitor")
        self._logs += 1
        log = self._scratch / f"trace.{self._logs}.log"
        # The log first, off last: a block that is translated unseen would have no bytes.
        self._monitor.command(f"logfile {log}")
        self._monitor.command("log exec,nochain,in_asm")
        self._monitor.command("singlestep on")
        time.sleep(SLICE)
        self._monitor.command("singlestep off")
        self._monitor.command("log none")
        trace.interrupt()
        with open(log, encoding="ascii", errors="replace") as file:
            trace.feed(file)
        log.unlink()


def profile(request: Request) -> tuple[dict[str, list[Profile]], list[str]]:
    """The profiles per device in the order of `ops`, and what failed, in words."""
    with tempfile.TemporaryDirectory(prefix="vmx-profile-") as name:
        profiler = Profiler(request, Path(name))
        status = profiler.run()
        failures = list(profiler.failures)
        for device in request.devices:
            there = {p.op for p in profiler.results[device]}
            failures += [f"{device}: {op}: not traced" for op in request.ops
                         if op not in there and not any(f"{device}: {op}:" in f
                                                        for f in profiler.failures)]
        if status != 0:
            failures.append(f"the emulated host ended with status {status}")
        return profiler.results, failures
