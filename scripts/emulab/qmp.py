# SPDX-License-Identifier: GPL-2.0-only
"""A QEMU that is driven over QMP, with its guest's console for commands."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

from .guest import Guest, GuestError

QEMU = "qemu-system-x86_64"


class Qmp:
    """The monitor. Commands are answered in order; events are kept until someone asks."""

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        self._socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise GuestError(f"no monitor at {path}: {error}") from error
                time.sleep(0.1)
        self._file = self._socket.makefile("rw", encoding="utf-8")
        self.events: list[dict[str, Any]] = []
        self._read(timeout)
        self.command("qmp_capabilities")

    def _read(self, timeout: float) -> dict[str, Any]:
        self._socket.settimeout(timeout)
        try:
            line = self._file.readline()
        except TimeoutError as error:
            raise GuestError(f"the monitor is silent for {timeout:.0f} s") from error
        if not line:
            raise GuestError("the monitor's connection is closed")
        message: dict[str, Any] = json.loads(line)
        return message

    def command(self, name: str, timeout: float = 120.0, **arguments: Any) -> Any:
        words = {key.replace("_", "-"): value for key, value in arguments.items()}
        self._file.write(json.dumps({"execute": name, "arguments": words}) + "\n")
        self._file.flush()
        while True:
            message = self._read(timeout)
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise GuestError(f"{name}: {message['error']['desc']}")
            else:
                return message["return"]

    def human(self, line: str, timeout: float = 120.0) -> str:
        """A command of the human monitor; what it prints is a complaint, or what was asked for."""
        return str(self.command("human-monitor-command", timeout, command_line=line)).strip()

    def wait_event(self, name: str, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while True:
            for message in self.events:
                if message["event"] == name:
                    self.events.remove(message)
                    return message
            self.events.append(self._read(max(0.1, deadline - time.monotonic())))

    def migrate(self, uri: str, timeout: float) -> dict[str, Any]:
        """Returns what QEMU says about it at the end."""
        self.command("migrate", uri=uri)
        deadline = time.monotonic() + timeout
        while True:
            info: dict[str, Any] = self.command("query-migrate")
            if info.get("status") == "completed":
                return info
            if info.get("status") in ("failed", "cancelled") or time.monotonic() > deadline:
                raise GuestError(f"migration: {info.get('status')}: {info.get('error-desc', '')}")
            time.sleep(0.2)


class Machine:
    """One QEMU with its guest; leaves nothing behind when the `with` ends."""

    def __init__(self, name: str, arguments: list[str], scratch: Path, echo: bool) -> None:
        monitor, self.gdb_path = scratch / f"{name}.qmp", scratch / f"{name}.gdb"
        for path in (monitor, self.gdb_path):
            path.unlink(missing_ok=True)
        command = [QEMU, "-nodefaults", "-no-user-config", "-display", "none",
                   "-serial", "stdio", "-qmp", f"unix:{monitor},server=on,wait=off",
                   "-gdb", f"unix:{self.gdb_path},server=on,wait=off", *arguments]
        self.guest = Guest(command, echo)
        try:
            self.qmp = Qmp(monitor)
        except (GuestError, OSError) as error:
            raise GuestError(f"QEMU: {error}: {self.guest.last_words()}") from error

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.guest.kill()
