# SPDX-License-Identifier: GPL-2.0-only
"""Finds installed kernels and their modules, stock ones and the debug build."""

from __future__ import annotations

import lzma
import os
import re
from dataclasses import dataclass
from pathlib import Path


def cache_dir() -> Path:
    """Where things live that are slow to make and may be thrown away at any time."""
    return Path(os.environ.get("VMX_CACHE") or Path.home() / ".cache" / "vmx")


def version_key(release: str) -> list[tuple[int, str]]:
    """Sorts 6.1.0-9 before 6.1.0-56 and both before 6.12."""
    return [(int(part), "") if part.isdigit() else (-1, part)
            for part in re.findall(r"\d+|[a-z]+", release)]


@dataclass(frozen=True)
class Kernel:
    release: str
    image: Path
    modules: Path  # the directory that holds modules.dep

    def module_order(self, wanted: list[str]) -> list[Path]:
        """The files to load, dependencies first. A module that is built in needs none."""
        deps: dict[str, tuple[str, list[str]]] = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, _, rest = line.partition(":")
            deps[module_name(path)] = (path, rest.split())
        builtin_list = self.modules / "modules.builtin"
        builtin = set()
        if builtin_list.exists():
            builtin = {module_name(line) for line in builtin_list.read_text().splitlines()}
        order: list[Path] = []
        for name in wanted:
            if name in builtin:
                continue
            if name not in deps:
                raise FileNotFoundError(f"kernel {self.release} has no module {name}")
            path, needs = deps[name]
            # modules.dep lists the direct need first: the deepest one has to load first.
            for item in [*reversed(needs), path]:
                if self.modules / item not in order:
                    order.append(self.modules / item)
        return order


def module_name(path: str) -> str:
    return Path(path).name.split(".ko")[0].replace("-", "_")


def module_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def installed(cloud: bool = False) -> list[Kernel]:
    """Installed Debian kernels, newest last."""
    found = []
    for image in Path("/boot").glob("vmlinuz-*"):
        release = image.name.removeprefix("vmlinuz-")
        modules = Path("/lib/modules") / release
        # The debug host has modules of its own in their place; a guest needs only the image.
        usable = (modules / "modules.dep").exists() or Path("/run/emuhost").exists()
        if ("-cloud-" in release) == cloud and usable:
            found.append(Kernel(release, image, modules))
    return sorted(found, key=lambda k: version_key(k.release))


def find(release: str | None, cloud: bool = False) -> Kernel:
    """A kernel by release or by the start of one ("6.12"); default the newest 6.1. A cloud kernel
    can also be had by its release or as "6.1-cloud".
    """
    wanted = release or "6.1"
    cloud = cloud or "-cloud" in wanted
    wanted = wanted.removesuffix("-cloud")
    kernels = installed(cloud)
    for kernel in kernels:
        if kernel.release == wanted:
            return kernel
    matches = [k for k in kernels if k.release.startswith(wanted.rstrip(".") + ".")]
    if matches:
        return matches[-1]
    have = ", ".join(k.release for k in kernels) or "none"
    kind = "cloud kernel" if cloud else "kernel"
    raise FileNotFoundError(f"no installed {kind} matches {wanted} (installed: {have}); "
                            "run `make setup`")


def debug_kernel() -> Kernel:
    """The debug kernel that scripts/debug-kernel builds."""
    root = cache_dir() / "debug-kernel"
    images = sorted(root.glob("vmlinuz-*"))
    if not images:
        raise FileNotFoundError(f"no debug kernel in {root}: run `scripts/debug-kernel`")
    release = images[-1].name.removeprefix("vmlinuz-")
    return Kernel(release, images[-1], root / "lib" / "modules" / release)
