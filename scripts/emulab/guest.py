# SPDX-License-Identifier: GPL-2.0-only
"""A guest under a VMM whose console is a pair of pipes: types commands and reads the answers."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import sys
import time
from pathlib import Path

from .cpio import CpioWriter
from .kernels import Kernel, module_bytes

PROMPT = "guest-shell# "
READY = "guest: the shell is ready"

GUEST_INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /bin /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
hostname guest
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ TERM=@TERM@ PS1='@PROMPT@'
for m in /modules/*; do [ -e $m ] && insmod $m; done
echo "Linux $(uname -r) on $(nproc) CPUs, up after $(cut -d' ' -f1 /proc/uptime) s"
@BODY@
"""

# No echo and no line editing: a program types here.
SCRIPTED = """stty -F /dev/ttyS0 -echo -onlcr 2>/dev/null
echo '@READY@'
setsid -c sh -i </dev/ttyS0 >/dev/ttyS0 2>&1
poweroff -f
"""
INTERACTIVE = """echo 'This is a guest. `poweroff -f` or exit ends it.'
setsid -c sh -i </dev/ttyS0 >/dev/ttyS0 2>&1
poweroff -f
"""


class GuestError(Exception):
    """The guest did not do what it had to; the text says what."""


def guest_initramfs(interactive: bool, kernel: Kernel | None = None,
                    modules: list[str] | None = None,
                    files: dict[str, str] | None = None) -> bytes:
    """busybox and a shell; modules: of that kernel, to load before it; files: more, by path."""
    body = (INTERACTIVE if interactive else SCRIPTED).replace("@READY@", READY)
    text = GUEST_INIT.replace("@BODY@", body).replace("@PROMPT@", PROMPT)
    text = text.replace("@TERM@", os.environ.get("TERM", "vt100") if interactive else "dumb")
    archive = CpioWriter()
    archive.file("bin/busybox", Path("/bin/busybox").read_bytes(), executable=True)
    archive.symlink("bin/sh", "busybox")
    archive.char_device("dev/console", 5, 1)
    for number, path in enumerate(kernel.module_order(modules or []) if kernel else []):
        archive.file(f"modules/{number:02}.ko", module_bytes(path))
    for name, content in (files or {}).items():
        archive.file(name, content.encode())
    archive.file("init", text.encode(), executable=True)
    return archive.finish()


class Guest:
    """Owns the VMM's process. `output` is all that the guest's console has said."""

    def __init__(self, command: list[str], echo: bool) -> None:
        self.output = ""
        self._echo = echo
        self._count = 0
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)

    def _read(self, wait: float) -> bool:
        """Takes what the console says within `wait` seconds; False at its end."""
        if not self._selector.select(max(0.0, wait)):
            return True
        data = os.read(self._stdout.fileno(), 65536)
        text = data.decode(errors="replace").replace("\r", "")
        self.output += text
        if self._echo:
            sys.stdout.write(text)
            sys.stdout.flush()
        return bool(data)

    def _wait_for(self, pattern: str, start: int, timeout: float, what: str) -> re.Match[str]:
        deadline = time.monotonic() + timeout
        while True:
            # A slice, because `^` does not match in the middle of a line, where `start` may be.
            found = re.compile(pattern, re.S | re.M).search(self.output[start:])
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise GuestError(f"{what}: nothing within {timeout:.0f} s")
            if not self._read(min(left, 1.0)):
                raise GuestError(f"{what}: the VMM ended with {self._process.wait()}")

    def wait_for_shell(self, timeout: float) -> None:
        self._wait_for(re.escape(READY) + r".*" + re.escape(PROMPT), 0, timeout,
                       "waiting for the guest's shell")

    def wait_for_login(self, timeout: float) -> str:
        """Returns what the console said up to the prompt of an installed system."""
        found = self._wait_for(r"^(.*)^\S+ login: ", 0, timeout, "waiting for a login prompt")
        return found[1]

    def login(self, user: str, password: str, timeout: float = 120.0) -> None:
        """At the prompt; after it `command` works."""
        start = len(self.output)
        self.type(user)
        self._wait_for(r"^Password: ", start, timeout, "waiting to be asked for the password")
        self.type(password)
        self._wait_for(r"^\S*[#$] ", start, timeout, "waiting for the shell after the password")
        # In two pieces, so that the terminal's echo of this line is not taken for the prompt.
        half = len(PROMPT) // 2
        self.type(f"stty -echo -onlcr; TERM=dumb PS1='{PROMPT[:half]}''{PROMPT[half:]}' exec sh")
        self._wait_for(re.escape(PROMPT), start, timeout, "waiting for the plain shell")

    def wait_for_prompt(self, timeout: float = 60.0) -> None:
        """An empty line, which the guest's shell answers: where nobody knows what the console has said."""
        start = len(self.output)
        self.type("")
        self._wait_for(re.escape(PROMPT), start, timeout, "waiting for the shell's prompt")

    def type(self, text: str) -> None:
        """A line that is not waited for."""
        self._stdin.write(text.encode() + b"\n")
        self._stdin.flush()

    def command(self, text: str, timeout: float = 60.0) -> str:
        """Types a command; returns what it printed."""
        self._count += 1
        mark = f"end-{self._count}"
        start = len(self.output)
        show, self._echo = self._echo, False
        # The mark is written in two pieces, so that an echo of the line is not taken for it.
        self._stdin.write(f"{text}; echo 'end'-{self._count}\n".encode())
        self._stdin.flush()
        found = self._wait_for(rf"(.*?)^{mark}$.*?{re.escape(PROMPT)}", start, timeout, f"`{text}`")
        if show:  # the guest's terminal does not echo, and the mark is of no interest
            sys.stdout.write(f"{text}\n{found[1]}{PROMPT}")
            sys.stdout.flush()
        self._echo = show
        return found[1]

    def power_off(self, timeout: float = 60.0, command: str = "poweroff -f") -> int:
        """Returns the VMM's exit status."""
        self.type(command)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self._read(0.5):
                try:
                    return self._process.wait(timeout=max(1.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    break
        raise GuestError(f"the VMM still runs {timeout:.0f} s after `{command}`")

    def last_words(self) -> str:
        """Ends the VMM; what it has said, its complaint if it could not start."""
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()
        for _ in range(20):
            if not self._read(0.5):
                break
        return self.output[-3000:]

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def read_counters() -> dict[str, int]:
    """The counters of all VMs in debugfs, added up over VMs and vCPUs."""
    totals: dict[str, int] = {}
    for root in (Path("/sys/kernel/debug/vmx"), Path("/sys/kernel/debug/kvm")):
        if not root.is_dir():
            continue
        for folder in (p for p in root.iterdir() if p.is_dir()):
            for file in folder.rglob("*"):
                try:
                    value = file.read_text().split()
                except (OSError, UnicodeDecodeError):
                    continue
                if len(value) == 1 and value[0].lstrip("-").isdigit():
                    totals[file.name] = totals.get(file.name, 0) + int(value[0])
                elif len(value) % 2 == 0:  # a table of "name value"
                    for name, number in zip(value[::2], value[1::2]):
                        if number.isdigit():
                            name = name.rstrip(":")
                            totals[name] = totals.get(name, 0) + int(number)
    return totals


def print_counters(counters: dict[str, int]) -> None:
    rows = sorted(((n, v) for n, v in counters.items() if v > 0), key=lambda row: -row[1])
    if not rows:
        print("# no exit counters found in /sys/kernel/debug/vmx", flush=True)
        return
    print("# exit counters:")
    for name, value in rows[:30]:
        print(f"#   {value:>12,}  {name}")
    sys.stdout.flush()
