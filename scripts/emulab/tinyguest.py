# SPDX-License-Identifier: GPL-2.0-only
"""Guests of a few instructions under `vmx run`, for tests of what is seen of them from outside."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The static one is what travels to a host that is only an initramfs.
VMX = next(p for p in (ROOT / "build/bin/vmx", ROOT / "build/bin/vmx-static") if p.exists() or p.name == "vmx-static")
DEVICE = os.environ.get("VMX_DEVICE", "/dev/vmx")
LOAD = 0x100000
NOBODY = 65534

# out %al, $0x3f8: the guest's serial port
_SAY = b"\xba\xf8\x03\x00\x00\xb0%c\xee"
_SPIN = b"\xeb\xfe"


def say(letter: str) -> bytes:
    """Writes a letter to the serial port: one exit, which goes to the VMM."""
    return _SAY % letter.encode()


def cpuids(count: int) -> bytes:
    """So many CPUIDs: xor %eax, %eax; cpuid; dec %esi; jnz."""
    return b"\xbe" + struct.pack("<I", count) + b"\x31\xc0\x0f\xa2\xff\xce\x75\xf8"


def spin() -> bytes:
    """A jump to itself."""
    return _SPIN


def forever(body: bytes) -> bytes:
    """The body, again and again."""
    return body + b"\xe9" + struct.pack("<i", -len(body) - 5)


def kernel(code: bytes) -> bytes:
    """An ELF file with one segment, as `vmx run --kernel` takes it; it starts in 64-bit mode at LOAD."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, LOAD, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 7, 120, LOAD, LOAD, len(code), len(code), 4096)
    return header + segment + code


@contextmanager
def running(folder: Path, code: bytes, cpus: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """The guest, once it has said its first letter; killed at the end."""
    image = folder / "kernel"
    image.write_bytes(kernel(code))
    process = subprocess.Popen([str(VMX), "run", "--kernel", str(image), "--memory", "48M", "--cpus", str(cpus),
                                "--device", DEVICE, "--no-console"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if not process.stdout.read(1):
            raise RuntimeError("the guest says nothing")
        yield process
    finally:
        process.kill()
        process.wait()
