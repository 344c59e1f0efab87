# SPDX-License-Identifier: GPL-2.0-only
"""The emulated Intel host: a Debian cloud kernel under Bochs, which has VT-x with EPT.

Bochs has no 9p, so what runs inside travels in the initramfs of a boot CD: busybox, the kernel's
modules that are needed, our own module for it if it is built, and every file that the command line
names, with what it needs to run (cargo.py), at the same path as here. Serial port 1 carries the
kernel's log, port 2 the command's output.

Bochs 2.7 forgets to let external interrupts through when it enters a guest whose interrupt flag is
clear; the flag's first change in the guest puts it right. Until then only an NMI gets the host its CPU
back, so a test module (selftests/kmod-nmi) makes some, if it is built.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import kernels
from .cargo import add_file
from .cpio import CpioWriter
from .kernels import Kernel
from .splat import END_MARK, START_MARK

MODEL = "corei7_skylake_x"
MODULES = ["kvm_intel"]
END = b"\nemuhost-exit "
TIMED_OUT = 124
HOST_DIED = 125

CONFIG = """
config_interface: textconfig
display_library: rfb, options="timeout=0"
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
plugin_ctrl: unmapped=1, biosdev=1, e1000=0, ne2k=0, sb16=0, es1370=0, usb_uhci=0, voodoo=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
cpu: model={model}, count=1, ips={mips}000000, reset_on_triple_fault=0
memory: guest={memory}, host={memory}
clock: sync=none, time0=local
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={log}
com2: enabled=1, mode=file, dev={output}
log: {bochs_log}
panic: action=fatal
error: action={errors}
info: action=ignore
debug: action=ignore
"""

INIT = """#!/bin/busybox sh
B=/bin/busybox
$B mkdir -p /proc /sys /dev /tmp /run /var/tmp
$B mount -t proc proc /proc
$B mount -t sysfs sysfs /sys
$B mount -t devtmpfs devtmpfs /dev
# All of / is memory. No fresh /tmp or /run: the files that came along may lie there.
$B chmod 1777 /tmp /run
$B mkdir -p /dev/shm /dev/pts /usr/bin /usr/sbin /sbin
$B mount -t tmpfs -o mode=1777 tmpfs /dev/shm
$B mount -t devpts devpts /dev/pts
$B mount -t debugfs debugfs /sys/kernel/debug
$B ln -sf /proc/self/fd /dev/fd
$B --install -s
$B stty -F /dev/ttyS1 raw -echo 115200
$B ip link set lo up
[ -e /nmi.ko ] && $B insmod /nmi.ko hz=100
# As on the AMD host: says that this is one.
$B mkdir -p /run/emuhost
echo '@START@' >/dev/kmsg
/bin/sh /command </dev/null >/dev/ttyS1 2>&1
status=$?
echo "@END@ with $status" >/dev/kmsg
printf '\\nemuhost-exit %s\\n' $status >/dev/ttyS1
# The last bytes on a serial port are lost at power-off.
$B sleep 2
$B poweroff -f
""".replace("@START@", START_MARK).replace("@END@", END_MARK)


def initramfs(kernel: Kernel, command: list[str], extra: list[Path],
              environment: dict[str, str], root: Path) -> bytes:
    archive = CpioWriter()
    archive.file("bin/busybox", Path("/bin/busybox").read_bytes(), executable=True)
    archive.symlink("bin/sh", "busybox")
    archive.char_device("dev/console", 5, 1)
    archive.directory(str(root))
    tree = f"lib/modules/{kernel.release}"
    depends = []
    order = kernel.module_order(MODULES)
    for path in order:
        short = f"{kernels.module_name(path.name)}.ko"
        archive.file(f"{tree}/{short}", kernels.module_bytes(path))
        needs = [f"{kernels.module_name(p.name)}.ko" for p in order[:order.index(path)]]
        depends.append(f"{short}: {' '.join(reversed(needs))}".rstrip())
    archive.file(f"{tree}/modules.dep", "\n".join(depends).encode() + b"\n")
    for word in [*command, *map(str, extra), f"build/kmod/{kernel.release}/vmx.ko"]:
        path = root / word
        if path.is_file() and "/" in word:
            add_file(archive, path)
    nmis = root / f"build/selftests/kmod-nmi/{kernel.release}/vmx_nmi.ko"
    if nmis.exists():
        archive.file("nmi.ko", nmis.read_bytes())
    else:
        print(f"emuhost: {nmis} is not there: a guest that spins with interrupts off may stop "
              f"the host; `make test-module-{kernel.release}`", file=sys.stderr)
    lines = [f"export {n}={shlex.quote(v)}" for n, v in sorted(environment.items())]
    lines += [f"cd {shlex.quote(str(root))} || exit 126", "exec " + shlex.join(command)]
    archive.file("command", "\n".join(lines).encode() + b"\n")
    archive.file("init", INIT.encode(), executable=True)
    return compressed(archive.finish())


def compressed(data: bytes) -> bytes:
    """The window holds all test programs: what they share, the C library, is stored once."""
    return subprocess.run(["zstd", "-q", "-3", "--long=27", "-c"], input=data,
                          stdout=subprocess.PIPE, check=True).stdout


def make_iso(kernel: Kernel, archive: bytes, append: str, scratch: Path) -> Path:
    tree = scratch / "iso"
    (tree / "isolinux").mkdir(parents=True)
    shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", tree / "isolinux")
    shutil.copy("/usr/lib/syslinux/modules/bios/ldlinux.c32", tree / "isolinux")
    shutil.copy(kernel.image, tree / "vmlinuz")
    (tree / "initrd").write_bytes(archive)
    (tree / "isolinux/isolinux.cfg").write_text(
        f"DEFAULT linux\nPROMPT 0\nTIMEOUT 0\nLABEL linux\n KERNEL /vmlinuz\n"
        f" INITRD /initrd\n APPEND {append}\n")
    iso = scratch / "boot.iso"
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", str(iso), "-b",
                    "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot",
                    "-boot-load-size", "4", "-boot-info-table", str(tree)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return iso


def run_from_arguments(arguments: argparse.Namespace, environment: dict[str, str], root: Path,
                       log: Path, scratch: Path) -> int:
    """The same contract as qemu.run()."""
    for name in ("icount", "debug_kernel", "tty", "parallel"):
        if getattr(arguments, name):
            print(f"emuhost: --cpu intel has no --{name.replace('_', '-')}", file=sys.stderr)
            return 126
    kernel = kernels.find(arguments.kernel, cloud=True)
    archive = initramfs(kernel, arguments.command, arguments.include, environment, root)
    mitigations = "auto" if arguments.mitigations == "on" else "off"
    # The TSC's rate is not what the CPU model's CPUID says; the kernel would believe that, and delays
    # would be 70 times too long. The tests of the kernel's crypto code would be half of the boot.
    append = (f"console=ttyS0 quiet loglevel=5 panic=-1 mitigations={mitigations} lsm= nokaslr "
              f"tsc_early_khz={arguments.mips}000 cryptomgr.notests "
              f"{'' if arguments.keep_going else 'oops=panic'} {arguments.append}")
    iso = make_iso(kernel, archive, append, scratch)
    output = scratch / "output"
    output.touch()
    memory = arguments.memory or "1024"
    config, commands = scratch / "bochsrc", scratch / "rc"
    config.write_text(CONFIG.format(
        model=arguments.cpu_model or MODEL, mips=arguments.mips,
        errors=os.environ.get("EMUHOST_BOCHS_ERRORS", "ignore"),
        memory=memory_megabytes(memory), iso=iso, log=log, output=output,
        bochs_log=scratch / "bochs.log"))
    commands.write_text("c\n")
    with open(scratch / "bochs.out", "wb") as sink:
        process = subprocess.Popen(
            ["/usr/bin/bochs-bin", "-q", "-f", str(config), "-rc", str(commands)],
            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=scratch)
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        status = follow(process, output, arguments.timeout)
    finally:
        signal.signal(signal.SIGTERM, previous)
        if process.poll() is None:
            process.kill()
        process.wait()
    if status == HOST_DIED:
        for name in ("bochs.out", "bochs.log"):
            text = (scratch / name).read_text(errors="replace") if (scratch / name).exists() else ""
            sys.stderr.write(f"{name}:\n" + "".join(
                "  " + line + "\n" for line in text.splitlines()[-15:]))
    return status


def memory_megabytes(text: str) -> int:
    return int(text[:-1]) * 1024 if text[-1] in "Gg" else int(text.rstrip("Mm"))


def follow(process: subprocess.Popen[bytes], output: Path, timeout: float) -> int:
    """Copies what the command writes until the mark with its exit status."""
    deadline = time.monotonic() + timeout
    shown = 0
    while True:
        ended = process.poll() is not None
        data = output.read_bytes()
        mark = data.find(END)
        whole = mark >= 0 and b"\n" in data[mark + len(END):]
        # Hold back what might be the start of the mark.
        upto = mark if mark >= 0 else len(data) if ended else max(shown, len(data) - len(END))
        sys.stdout.buffer.write(data[shown:upto])
        sys.stdout.buffer.flush()
        shown = max(shown, upto)
        if whole:
            try:
                process.wait(timeout=20)  # lets the kernel's log come to its end
            except subprocess.TimeoutExpired:
                pass
            return int(data[mark + len(END):].split()[0])
        if ended:
            print("emuhost: the emulated host ended before the command did", file=sys.stderr)
            return HOST_DIED
        if time.monotonic() > deadline:
            print(f"emuhost: no end after {timeout:.0f} s", file=sys.stderr)
            return TIMED_OUT
        time.sleep(0.3)
