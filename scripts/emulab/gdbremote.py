# SPDX-License-Identifier: GPL-2.0-only
"""As much of GDB's remote protocol as a test of a debug stub needs, for a 64-bit x86 guest."""

from __future__ import annotations

import socket
from pathlib import Path

from .guest import GuestError

RIP_AT = 16 * 8  # in the reply to "g": after sixteen registers of eight bytes


class GdbRemote:
    """Connecting stops the guest."""

    def __init__(self, path: Path, timeout: float = 60.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(str(path))
        self._buffer = b""
        self.send("?")
        self._packet()

    def _packet(self) -> str:
        """The next packet's text; acknowledgements are passed over."""
        while True:
            start, end = self._buffer.find(b"$"), self._buffer.find(b"#")
            if 0 <= start < end <= len(self._buffer) - 3:
                text = self._buffer[start + 1:end].decode()
                self._buffer = self._buffer[end + 3:]
                self._socket.sendall(b"+")
                return text
            try:
                data = self._socket.recv(4096)
            except TimeoutError as error:
                raise GuestError("the debug stub is silent") from error
            if not data:
                raise GuestError("the debug stub has gone")
            self._buffer += data

    def send(self, text: str) -> None:
        self._socket.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())

    def ask(self, text: str) -> str:
        """The answer; that the guest has stopped may be told in between, of the connection's own stop."""
        self.send(text)
        answer = self._packet()
        while answer.startswith(("T", "S")):
            answer = self._packet()
        return answer

    def command(self, text: str) -> None:
        answer = self.ask(text)
        if answer != "OK":
            raise GuestError(f"the debug stub's answer to {text} is {answer!r}")

    def wait_stop(self) -> None:
        answer = self._packet()
        while answer.startswith(("T02", "S02")):
            answer = self._packet()
        if not answer.startswith(("T05", "S05")):
            raise GuestError(f"the guest did not stop with SIGTRAP: {answer!r}")

    def rip(self) -> int:
        raw = bytes.fromhex(self.ask("g")[:2 * (RIP_AT + 8)])
        return int.from_bytes(raw[RIP_AT:], "little")

    def close(self) -> None:
        """Lets the guest run on."""
        self.ask("D")
        self._socket.close()
