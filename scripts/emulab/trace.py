# SPDX-License-Identifier: GPL-2.0-only
"""Reads QEMU's execution log: which instruction ran after which, in the host or in its guest.

With `singlestep on` each translation block holds one instruction, so that `log exec` names
every instruction executed, and `log in_asm` shows its bytes when it is first translated:

    0xffffffff81000010:  0f 01 d8                 vmrun    %rax
    Trace 0: 0x7fdfcc88c900 [0000000000000000/ffffffff81000010/08d0c2b0/ff020201]
                             cs base          pc               hflags   cflags
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

# What an instruction is counted as. UNSEEN: it was executed but its bytes never logged.
OTHER, MSR, VMSAVE, LOCKED, XSAVE, VMRUN, UNSEEN = range(7)
COUNTED = {"msr": MSR, "vmsave": VMSAVE, "locked": LOCKED, "xsave": XSAVE}

GUEST_MODE = 1 << 21  # hflags: the CPU runs an SVM guest
TB_LENGTH = 0x1ff     # cflags: instructions per block, 0 for no limit

LEGACY_PREFIXES = frozenset((0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3))
LOCK = 0xf0
MANDATORY = frozenset((0x66, 0xf2, 0xf3))  # with one of these 0F AE and 0F C7 mean others
# APM 3, table A-7: groups 9 and 15, the forms with a memory operand.
XSAVE_FORMS = {0xae: frozenset((0, 1, 4, 5, 6)),  # FXSAVE FXRSTOR XSAVE XRSTOR XSAVEOPT
               0xc7: frozenset((3, 4, 5))}        # XRSTORS XSAVEC XSAVES

DISASSEMBLY = re.compile(r"^0x([0-9a-f]+):\s+((?:[0-9a-f]{2} )+)\s*(\S.*)$")
STOPPED = re.compile(r"^Stopped execution of TB chain before \S+ \[([0-9a-f]+)\]")


def classify(code: bytes) -> int:
    """What a 64-bit instruction, given by its first bytes, counts as.

    An exchange with memory is locked without the prefix (APM 2, 7.3.2).
    """
    at = 0
    while at < len(code) and code[at] in LEGACY_PREFIXES:
        at += 1
    prefixes = code[:at]
    if at < len(code) and code[at] & 0xf0 == 0x40:  # REX
        at += 1
    opcode, follow, modrm = (*code[at:at + 3], -1, -1, -1)[:3]
    if LOCK in prefixes:
        return LOCKED
    if opcode in (0x86, 0x87):
        return LOCKED if follow >= 0 and follow >> 6 != 3 else OTHER
    if opcode != 0x0f:
        return OTHER
    if follow in (0x30, 0x32):
        return MSR
    if follow == 0x01:
        return {0xd8: VMRUN, 0xda: VMSAVE, 0xdb: VMSAVE}.get(modrm, OTHER)
    if follow in XSAVE_FORMS and modrm >= 0 and modrm >> 6 != 3 \
            and not MANDATORY.intersection(prefixes):
        return XSAVE if modrm >> 3 & 7 in XSAVE_FORMS[follow] else OTHER
    return OTHER


@dataclass
class Code:
    """What is known of the instructions by address, over all traces of one emulated host:
    a block is logged when it is translated, which may have been in an earlier trace."""

    kinds: dict[int, int] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)

    def add(self, line: str) -> None:
        found = DISASSEMBLY.match(line)
        if found:  # the rest of a long instruction has a line without a mnemonic
            pc = int(found[1], 16)
            self.kinds[pc] = classify(bytes.fromhex(found[2]))
            self.texts[pc] = " ".join(found[3].split())


@dataclass
class Trace:
    """Instructions in the order of their execution. `breaks` are the indices before which some
    were not seen one by one."""

    code: Code
    pcs: array[int] = field(default_factory=lambda: array("Q"))
    kinds: bytearray = field(default_factory=bytearray)
    guest: bytearray = field(default_factory=bytearray)  # 1: executed by the guest
    breaks: list[int] = field(default_factory=lambda: [0])

    def __len__(self) -> int:
        return len(self.pcs)

    def feed(self, lines: Iterable[str]) -> None:
        """Adds lines of the log. One without its end was cut off with the log."""
        for line in lines:
            if not line.endswith("\n"):
                self.interrupt()
            elif line.startswith("Trace "):
                self._executed(line)
            elif line.startswith("0x"):
                self.code.add(line)
            elif line.startswith("Stopped "):
                self._stopped(line)

    def interrupt(self) -> None:
        """What follows does not follow at once."""
        if self.breaks[-1] != len(self.pcs):
            self.breaks.append(len(self.pcs))

    def _executed(self, line: str) -> None:
        _, pc_text, flags, cflags = line[line.index("[") + 1:line.index("]")].split("/")
        if int(cflags, 16) & TB_LENGTH != 1:
            self.interrupt()
            return
        pc = int(pc_text, 16)
        self.pcs.append(pc)
        self.kinds.append(self.code.kinds.get(pc, UNSEEN))
        self.guest.append(1 if int(flags, 16) & GUEST_MODE else 0)

    def _stopped(self, line: str) -> None:
        """The block just logged was left before its instruction: it will be logged again."""
        found = STOPPED.match(line)
        if found and self.pcs and self.pcs[-1] == int(found[1], 16):
            self.pcs.pop()
            self.kinds.pop()
            self.guest.pop()
