# SPDX-License-Identifier: GPL-2.0-only
"""Writes "newc" cpio archives, the format of an initramfs, with nothing but Python."""

from __future__ import annotations

import stat
from pathlib import Path

MODE_DIR = stat.S_IFDIR | 0o755
MODE_EXEC = stat.S_IFREG | 0o755
MODE_FILE = stat.S_IFREG | 0o644
MODE_LINK = stat.S_IFLNK | 0o777
MODE_CHAR = stat.S_IFCHR | 0o600


class CpioWriter:
    """Collects entries in order; parent directories are added when first needed."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._seen: set[str] = set()
        self._ino = 1

    def _entry(self, name: str, mode: int, data: bytes, rdev: tuple[int, int] = (0, 0)) -> None:
        raw = name.encode() + b"\0"
        fields = (self._ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0)
        self._ino += 1
        header = b"070701" + b"".join(b"%08X" % f for f in fields)
        head = header + raw
        self._chunks.append(head + b"\0" * (-len(head) % 4))
        self._chunks.append(data + b"\0" * (-len(data) % 4))
        self._seen.add(name)

    def directory(self, name: str) -> None:
        name = name.strip("/")
        if not name or name in self._seen:
            return
        self.directory(str(Path(name).parent) if "/" in name else "")
        self._entry(name, MODE_DIR, b"")

    def _parents(self, name: str) -> str:
        name = name.strip("/")
        if "/" in name:
            self.directory(name.rsplit("/", 1)[0])
        return name

    def file(self, name: str, data: bytes, executable: bool = False) -> None:
        name = self._parents(name)
        if name not in self._seen:
            self._entry(name, MODE_EXEC if executable else MODE_FILE, data)

    def symlink(self, name: str, target: str) -> None:
        name = self._parents(name)
        if name not in self._seen:
            self._entry(name, MODE_LINK, target.encode())

    def char_device(self, name: str, major: int, minor: int) -> None:
        name = self._parents(name)
        if name not in self._seen:
            self._entry(name, MODE_CHAR, b"", (major, minor))

    def finish(self) -> bytes:
        self._entry("TRAILER!!!", 0, b"")
        return b"".join(self._chunks)
