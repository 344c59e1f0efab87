# SPDX-License-Identifier: GPL-2.0-only
"""Reads what vmx measures: the file that `vmx trace record` writes, and the pages of statistics of a running VM's vCPUs.

  trace = TraceFile.load("vmx-1234.trace")
  slow = [r for r in trace.records if trace.ns(r.in_kernel) > 1e6]

  for page in StatsPage.of_process(1234):
      print(page.vcpu_id, page.sample().counts["cpuid"])

Formats: userspace/trace/file.h, uapi/vmx_ext.h. Standard library only.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import mmap
import os
import struct
from pathlib import Path
from typing import Any, NamedTuple

VCPU_LINK = "anon_inode:vmx-vcpu"
VMX_X_STATS_FD = 0xB901  # _IO(0xB9, 0x01)
STATS_VERSION = 2
STATS_NAME = 32
STATS_BUCKETS = 62
TRACE_VERSION = 1
BLOCK_MAGIC, END_MAGIC = 0x42545856, 0x45545856
RESULTS = ("fast", "kernel", "vmm", "error")

_BLOCK = struct.Struct("<IIIIQQ")
_RECORD = struct.Struct("<7QHBBI")
_STATS_HEADER = struct.Struct("<12I2Q")
_SYS_PIDFD_GETFD = 438  # of x86-64
_TRIES = 1000


class TraceError(Exception):
    """A file or page that cannot be read; the text says why."""


# ---- traces --------------------------------------------------------------------------------------

class Record(NamedTuple):
    """One exit; times in TSC ticks."""

    tsc: int
    rip: int
    cr3: int
    info1: int
    info2: int
    in_guest: int
    in_kernel: int
    reason: int
    result: int
    detail: int
    hw_reason: int
    vcpu: int  # index in TraceFile.vcpus
    number: int  # of this vCPU's exits; it jumps where some were lost


class TracedVcpu(NamedTuple):
    vm_id: int
    vcpu_id: int
    recorded: int
    lost: int


class TraceFile:
    """A whole trace; `records` by time."""

    def __init__(self, header: dict[str, Any], records: list[Record], vcpus: list[TracedVcpu]) -> None:
        self.tsc_khz: int = header["tsc_khz"]
        self.backend: str = header["backend"]
        self.reasons: list[str] = header["reasons"]
        self.records = records
        self.vcpus = vcpus

    @classmethod
    def load(cls, path: str | Path) -> TraceFile:
        return cls.parse(Path(path).read_bytes())

    @classmethod
    def parse(cls, data: bytes) -> TraceFile:
        line, newline, _ = data.partition(b"\n")
        try:
            header = json.loads(line) if newline else {}
        except ValueError:
            header = {}
        if not isinstance(header, dict) or header.get("format") != "vmx-trace":
            raise TraceError("this is no trace of exits")
        if header.get("version") != TRACE_VERSION:
            raise TraceError(f"the trace is of another version than {TRACE_VERSION}")
        records, end = _read_blocks(data, len(line) + 1, len(header["reasons"]), len(header["vcpus"]))
        vcpus = [TracedVcpu(v["vm"], v["vcpu"], v["recorded"], v["lost"]) for v in end["vcpus"]]
        for index, vcpu in enumerate(vcpus):
            if vcpu.recorded != sum(r.vcpu == index for r in records):
                raise TraceError(f"records of vCPU {vcpu.vcpu_id} are missing")
        return cls(header, sorted(records, key=lambda r: r.tsc), vcpus)

    def reason(self, record: Record) -> str:
        return self.reasons[record.reason]

    def result(self, record: Record) -> str:
        return RESULTS[record.result] if record.result < len(RESULTS) else "unknown"

    def ns(self, ticks: int) -> float:
        return ticks * 1e6 / self.tsc_khz

    @property
    def lost(self) -> int:
        return sum(v.lost for v in self.vcpus)


def _read_blocks(data: bytes, at: int, reasons: int, vcpus: int) -> tuple[list[Record], dict[str, Any]]:
    records: list[Record] = []
    following = [0] * vcpus
    while True:
        if len(data) - at < _BLOCK.size:
            raise TraceError("the file ends in the middle: the recording was cut off")
        magic, vcpu, length, reserved, first, lost = _BLOCK.unpack_from(data, at)
        at += _BLOCK.size
        size = length if magic == END_MAGIC else length * _RECORD.size
        if magic not in (BLOCK_MAGIC, END_MAGIC) or reserved or vcpu >= vcpus:
            raise TraceError("a block of records is broken")
        if size > len(data) - at:
            raise TraceError("the file ends in the middle: the recording was cut off")
        if magic == END_MAGIC:
            if at + size != len(data):
                raise TraceError("there is something behind the end")
            return records, json.loads(data[at:])
        if first != following[vcpu] + lost:
            raise TraceError("blocks of records do not follow each other")
        for number, values in enumerate(_RECORD.iter_unpack(data[at:at + size]), first):
            record = Record(*values, vcpu, number)
            if record.reason >= reasons:
                raise TraceError(f"a record has reason {record.reason} of {reasons}")
            records.append(record)
        following[vcpu] = first + length
        at += size


# ---- statistics ----------------------------------------------------------------------------------

class StatsTime(NamedTuple):
    """TSC ticks."""

    total: int
    max: int
    histogram: tuple[int, ...]


class StatsSample(NamedTuple):
    counters: dict[str, int]
    counts: dict[str, int]  # by reason; run_ioctl, which is no exit, is among them
    times: dict[str, StatsTime]


class StatsPage:
    """The mapped statistics of a vCPU, which go on as long as it runs and stay when it is gone."""

    def __init__(self, fd: int) -> None:
        """fd: of VMX_X_STATS_FD; it is not needed afterwards."""
        header = os.read(fd, _STATS_HEADER.size)
        (version, _, self._counters_at, counters, self._reasons_at, reasons, self.vcpu_id, self.vm_id, size,
         self._times_at, names_at, self.tsc_khz, _, _) = _STATS_HEADER.unpack(header)
        if version != STATS_VERSION:
            raise TraceError(f"the statistics have version {version}, this reads {STATS_VERSION}")
        self._map = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
        names = [self._map[names_at + i * STATS_NAME:names_at + (i + 1) * STATS_NAME].partition(b"\0")[0].decode()
                 for i in range(counters + reasons)]
        self.counters, self.reasons = names[:counters], names[counters:]

    @classmethod
    def of_process(cls, pid: int) -> list[StatsPage]:
        """Of all vCPUs of a VMM, by VM and vCPU; it takes the right to ptrace it."""
        pages: dict[tuple[int, int], StatsPage] = {}
        process = os.pidfd_open(pid)
        try:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                if os.readlink(link) != VCPU_LINK:
                    continue
                vcpu = _pidfd_getfd(process, int(link.name))
                try:
                    stats = fcntl.ioctl(vcpu, VMX_X_STATS_FD)
                finally:
                    os.close(vcpu)
                try:
                    page = cls(stats)
                finally:
                    os.close(stats)
                pages[page.vm_id, page.vcpu_id] = page
        finally:
            os.close(process)
        return [pages[key] for key in sorted(pages)]

    def sample(self) -> StatsSample:
        """All of one moment; TraceError if the vCPU never rests for as long as a copy takes."""
        for _ in range(_TRIES):
            before = self._seq()
            copy = self._map[:]
            if before % 2 == 0 and self._seq() == before:
                return self._parse(copy)
        raise TraceError("the statistics change too fast to be copied")

    def _seq(self) -> int:
        return int(struct.unpack_from("<I", self._map, 4)[0])

    def _parse(self, page: bytes) -> StatsSample:
        counters = struct.unpack_from(f"<{len(self.counters)}Q", page, self._counters_at)
        counts = struct.unpack_from(f"<{len(self.reasons)}Q", page, self._reasons_at)
        one = struct.Struct(f"<{2 + STATS_BUCKETS}Q")
        times = {}
        for i, name in enumerate(self.reasons):
            total, longest, *histogram = one.unpack_from(page, self._times_at + i * one.size)
            times[name] = StatsTime(total, longest, tuple(histogram))
        return StatsSample(dict(zip(self.counters, counters)), dict(zip(self.reasons, counts)), times)


def _pidfd_getfd(process: int, fd: int) -> int:
    """pidfd_getfd(2), for which Python has no name."""
    libc = ctypes.CDLL(None, use_errno=True)
    got = int(libc.syscall(_SYS_PIDFD_GETFD, process, fd, 0))
    if got < 0:
        raise OSError(ctypes.get_errno(), f"{os.strerror(ctypes.get_errno())} (fd {fd})")
    return got
