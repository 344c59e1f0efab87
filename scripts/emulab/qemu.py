# SPDX-License-Identifier: GPL-2.0-only
"""The emulated AMD host: a Debian kernel under QEMU TCG, the build host's root over 9p.

    build host                       emulated host (QEMU TCG, SVM with nested paging)
    /  (9p, read-only) ------------> lower layer of an overlay, chroot
    --out DIR (9p, writable) ------> DIR
    stdout      <--- virtio port --- the command's stdout and stderr
    exit status <--- virtio port --- "exit N"
    log file    <--- ttyS0 --------- the kernel's log
"""

from __future__ import annotations

import os
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import kernels
from .cpio import CpioWriter
from .kernels import Kernel
from .splat import END_MARK, START_MARK

MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"]
BUSYBOX = Path("/bin/busybox")
TIMED_OUT = 124
HOST_DIED = 125

INIT = """#!/bin/busybox sh
# First process of the emulated host: assemble the root, run the command, power off.
B=/bin/busybox
$B mkdir -p /proc /sys /dev /lower /upper /root
$B mount -t proc proc /proc
$B mount -t sysfs sysfs /sys
$B mount -t devtmpfs devtmpfs /dev
fail() {
	echo "emuhost: $1" >/dev/kmsg
	$B poweroff -f
}
for m in $($B cat /modules.list); do
	$B insmod /modules/$m || fail "cannot load $m"
done
$B mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose root /lower ||
	fail 'cannot mount the 9p root'
$B mount -t tmpfs -o mode=755 tmpfs /upper
$B mkdir /upper/up /upper/work
$B mount -t overlay -o lowerdir=/lower,upperdir=/upper/up,workdir=/upper/work overlay /root ||
	fail 'cannot mount the overlay'
for d in proc sys dev tmp run var/tmp; do $B mkdir -p /root/$d; done
$B mount -t proc proc /root/proc
$B mount -t sysfs sysfs /root/sys
$B mount -t devtmpfs devtmpfs /root/dev
$B mount -t debugfs debugfs /root/sys/kernel/debug
$B mount -t tracefs tracefs /root/sys/kernel/tracing
$B mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
# A working folder below /tmp would vanish under the fresh /tmp: hold on to it.
CWD=$($B cat /cwd)
$B mkdir /cwd.held
$B mount -o bind "/root$CWD" /cwd.held || fail "no folder $CWD"
for d in tmp run var/tmp; do $B mount -t tmpfs -o mode=1777 tmpfs /root/$d; done
if [ ! -d "/root$CWD" ]; then
	$B mkdir -p "/root$CWD"
	$B mount -o bind /cwd.held "/root$CWD"
fi
$B mkdir -p /root/dev/shm /root/dev/pts /root/dev/hugepages
$B mount -t tmpfs -o mode=1777 tmpfs /root/dev/shm
$B mount -t devpts -o ptmxmode=666 devpts /root/dev/pts
$B mount -t hugetlbfs hugetlbfs /root/dev/hugepages 2>/dev/null
$B ln -sf /proc/self/fd /root/dev/fd
for n in 0:stdin 1:stdout 2:stderr; do $B ln -sf /proc/self/fd/${n%%:*} /root/dev/${n#*:}; done
$B ip link set lo up 2>/dev/null || $B ifconfig lo up
$B hostname emuhost
. /mounts
$B mkdir /root/run/emuhost
$B cp /command /root/run/emuhost/command
port() {
	for p in /sys/class/virtio-ports/*; do
		[ "$($B cat $p/name)" = $1 ] && echo /dev/${p##*/}
	done
}
OUT=$(port out) CTL=$(port ctl)
echo '@START@' >/dev/kmsg
if [ -e /tty ]; then
	$B setsid -c $B chroot /root /bin/sh /run/emuhost/command </dev/hvc0 >/dev/hvc0 2>&1
else
	$B chroot /root /bin/sh /run/emuhost/command </dev/null >$OUT 2>&1
fi
status=$?
$B sync
echo "@END@ with $status" >/dev/kmsg
echo "exit $status" >$CTL
$B poweroff -f
""".replace("@START@", START_MARK).replace("@END@", END_MARK)


@dataclass
class Options:
    """What to emulate and what to run in it."""

    command: list[str]
    cwd: Path
    log: Path
    smp: int = 2
    memory: str = "2G"
    append: str = ""
    mitigations: bool = False
    icount: bool = False
    parallel: bool = False
    timeout: float = 600.0
    out: Path | None = None
    tty: bool = False
    keep_going: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    qemu_args: list[str] = field(default_factory=list)


def base_archive(kernel: Kernel) -> bytes:
    """busybox, the modules for 9p and virtio, and /init; kept in the cache per kernel."""
    archive = CpioWriter()
    archive.file("bin/busybox", BUSYBOX.read_bytes(), executable=True)
    archive.symlink("bin/sh", "busybox")
    archive.char_device("dev/console", 5, 1)
    names = []
    for number, path in enumerate(kernel.module_order(MODULES)):
        names.append(f"{number:02}-{kernels.module_name(path.name)}.ko")
        archive.file(f"modules/{names[-1]}", kernels.module_bytes(path))
    archive.file("modules.list", "\n".join(names).encode() + b"\n")
    archive.file("init", INIT.encode(), executable=True)
    return archive.finish()


def run_archive(kernel: Kernel, options: Options) -> bytes:
    """What differs from run to run: the command, its environment and the mounts."""
    archive = CpioWriter()
    lines = ["#!/bin/sh"]
    if options.tty:
        size = shutil.get_terminal_size()  # 80x24 where the terminal does not know
        lines.append(f"stty cols {size.columns} rows {size.lines} 2>/dev/null")
    for name, value in sorted(options.environment.items()):
        lines.append(f"export {name}={shlex.quote(value)}")
    lines.append(f"cd {shlex.quote(str(options.cwd))} || exit 126")
    lines.append("exec " + shlex.join(options.command))
    archive.file("command", "\n".join(lines).encode() + b"\n")
    mounts = []
    if kernel.modules.parent != Path("/lib/modules"):
        # Beside the installed kernels' modules, not over them: guests boot installed kernels.
        # /lib may be a link to usr/lib, absolute or not: the real folder is usr/lib.
        source = shlex.quote("/root" + str(kernel.modules))
        target = shlex.quote(f"/root{os.path.realpath('/lib')}/modules/{kernel.release}")
        mounts.append(f"$B mkdir -p {target}")
        mounts.append(f"$B mount --bind {source} {target}")
    if options.out:
        where = shlex.quote("/root" + str(options.out))
        mounts.append(f"$B mkdir -p {where}")
        mounts.append("$B mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=mmap "
                      f"out {where} || fail 'cannot mount the output folder'")
    archive.file("mounts", "\n".join(mounts).encode() + b"\n")
    archive.file("cwd", f"{options.cwd}\n".encode())
    if options.tty:
        archive.file("tty", b"")
    return archive.finish()


def kernel_line(options: Options) -> str:
    words = ["console=ttyS0", "panic=-1", "nokaslr", "tsc=reliable", "random.trust_cpu=on",
             "no_timer_check",
             "rcupdate.rcu_cpu_stall_timeout=60", "watchdog_thresh=60",
             "loglevel=5" if options.icount else "loglevel=7",
             "mitigations=" + ("auto" if options.mitigations else "off")]
    if not options.keep_going:
        words.append("oops=panic")
    if options.parallel and not options.icount:
        words.append("isolcpus=0")
    return " ".join([*words, options.append]).strip()


def qemu_command(kernel: Kernel, options: Options, initrd: Path, out_fd: int,
                 ctl_fd: int) -> list[str]:
    smp = 1 if options.icount else options.smp
    thread = "single"
    if options.parallel and smp > 1:
        # In QEMU 7.2 an FXRSTOR or XRSTOR of any CPU writes the first CPU's flags without a lock,
        # GIF and nested paging among them: a guest there gets the host's registers, in-tree KVM's
        # guests too. So the first CPU runs no guest; smp is the number of those that may.
        thread = "multi"
        smp += 1
    command = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
        "-no-reboot", "-machine", "q35", "-accel", f"tcg,thread={thread}", "-cpu", "max",
        "-smp", str(smp), "-m", options.memory,
        "-kernel", str(kernel.image), "-initrd", str(initrd), "-append", kernel_line(options),
        "-serial", f"file:{options.log}",
        "-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,"
                   "multidevs=remap",
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=ctl,fd={ctl_fd}", "-device",
        "virtserialport,chardev=ctl,name=ctl",
    ]
    if options.tty:
        command += ["-chardev", "stdio,id=tty,signal=off", "-device", "virtconsole,chardev=tty"]
    else:
        command += ["-chardev", f"socket,id=out,fd={out_fd}", "-device",
                    "virtserialport,chardev=out,name=out"]
    if options.icount:
        command += ["-icount", "shift=0,sleep=off"]
    if options.out:
        command += ["-virtfs", f"local,path={options.out},mount_tag=out,security_model=none,"
                               "multidevs=remap"]
    return command + options.qemu_args


def run(kernel: Kernel, options: Options, scratch: Path) -> int:
    """Boots, runs the command, returns its exit status (124 timed out, 125 host died)."""
    initrd = scratch / "initrd"
    initrd.write_bytes(base_archive(kernel) + run_archive(kernel, options))
    ours_out, theirs_out = socket.socketpair()
    ours_ctl, theirs_ctl = socket.socketpair()
    command = qemu_command(kernel, options, initrd, theirs_out.fileno(), theirs_ctl.fileno())
    process = subprocess.Popen(
        command, pass_fds=(theirs_out.fileno(), theirs_ctl.fileno()),
        stdin=None if options.tty else subprocess.DEVNULL, stdout=None if options.tty else 2)
    theirs_out.close()
    theirs_ctl.close()
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return _pump(process, ours_out, ours_ctl, options)
    finally:
        signal.signal(signal.SIGTERM, previous)
        if process.poll() is None:
            process.kill()
        process.wait()
        ours_out.close()
        ours_ctl.close()


def _pump(process: subprocess.Popen[bytes], out: socket.socket, ctl: socket.socket,
          options: Options) -> int:
    """Copies the command's output until the emulator ends; the status comes by `ctl`."""
    deadline = time.monotonic() + options.timeout
    selector = selectors.DefaultSelector()
    selector.register(out, selectors.EVENT_READ)
    selector.register(ctl, selectors.EVENT_READ)
    control = b""
    ended = False
    while selector.get_map():
        left = deadline - time.monotonic()
        if left <= 0:
            if ended:
                break  # the command is done, only the power-off takes too long
            sys.stdout.flush()
            print(f"emuhost: no end after {options.timeout:.0f} s", file=sys.stderr)
            return TIMED_OUT
        for key, _ in selector.select(min(left, 1.0)):
            assert isinstance(key.fileobj, socket.socket)
            try:
                data = key.fileobj.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                selector.unregister(key.fileobj)
            elif key.fileobj is out:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            else:
                control += data
        if b"\n" in control and not ended:
            ended = True
            deadline = min(deadline, time.monotonic() + 15.0)
    for line in control.decode(errors="replace").splitlines():
        if line.startswith("exit "):
            return int(line.split()[1])
    print("emuhost: the emulated host ended before the command did", file=sys.stderr)
    return HOST_DIED
