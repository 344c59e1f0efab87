# SPDX-License-Identifier: GPL-2.0-only
"""What travels in an initramfs so that a command works there: programs with their shared libraries
and without debug information, and for a Python script the interpreter and the modules it loads.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from .cpio import CpioWriter

PYTHON = Path("/usr/bin/python3")
# Prints what is loaded once a script's imports are done, as NAME<tab>FILE. The modules named here
# are imported by functions of the standard library, not when the scripts start.
LOADED = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="cargo")
import encodings.ascii, encodings.latin_1, shutil, site, textwrap, traceback
for name, module in sys.modules.items():
    file = getattr(module, "__file__", None)
    if file and name != "cargo":
        print(name, file, sep="\\t")
"""


def shared_libraries(path: Path) -> list[Path]:
    """What `ldd` says that the program needs; nothing for a static one."""
    done = subprocess.run(["ldd", str(path)], capture_output=True, text=True)
    return [Path(p) for p in re.findall(r"(/\S+) \(0x", done.stdout)]


def stripped(path: Path) -> bytes:
    """An ELF program without symbols; as it is when `strip` cannot."""
    with tempfile.NamedTemporaryFile() as target:
        done = subprocess.run(["strip", "-o", target.name, str(path)], capture_output=True)
        return Path(target.name).read_bytes() if done.returncode == 0 else path.read_bytes()


def add_libraries(archive: CpioWriter, path: Path) -> None:
    for library in shared_libraries(path):
        archive.file(str(library), library.resolve().read_bytes(), executable=True)


def compiled(path: Path) -> bytes:
    """A module as byte code: compiling it inside would take the emulator seconds."""
    with tempfile.NamedTemporaryFile(suffix=".pyc") as target:
        subprocess.run([str(PYTHON), "-c", "import py_compile, sys; py_compile.compile("
                        "sys.argv[1], cfile=sys.argv[2], doraise=True)", str(path), target.name],
                       check=True)
        return Path(target.name).read_bytes()


def byte_code(source: Path) -> bytes:
    """The byte code that the package installed, or our own."""
    tag = f"cpython-{python_version().replace('.', '')}"
    ready = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
    if source.is_relative_to("/usr/lib") and ready.exists():
        return ready.read_bytes()
    return compiled(source)


def python_version() -> str:
    """"3.11": what /usr/bin/python3 is."""
    return PYTHON.resolve().name.removeprefix("python")


def add_python(archive: CpioWriter, script: Path) -> None:
    """The interpreter and what the script imports; the modules without their sources."""
    done = subprocess.run([str(PYTHON), "-I", "-S", "-c", LOADED, str(script)], capture_output=True, text=True)
    if done.returncode != 0:
        raise FileNotFoundError(f"cannot tell what {script} imports: {done.stderr}")
    interpreter = PYTHON.resolve()
    archive.file(str(interpreter), interpreter.read_bytes(), executable=True)
    archive.symlink(str(PYTHON), interpreter.name)
    add_libraries(archive, interpreter)
    archive.directory(f"usr/lib/python{python_version()}/lib-dynload")
    for line in done.stdout.splitlines():
        name, _, text = line.partition("\t")
        path = Path(text)
        # The script finds our own package from where it lies itself.
        if path.suffix == ".py":
            archive.file(str(path.with_suffix(".pyc")), byte_code(path))
        elif path.suffix == ".so":
            archive.file(text, path.read_bytes(), executable=True)
            add_libraries(archive, path)
        else:
            print(f"emuhost: module {name} is no file that can travel: {text}", file=sys.stderr)


def add_file(archive: CpioWriter, path: Path) -> None:
    """A file, at the path that it has here, with what it needs to run."""
    executable = os.access(path, os.X_OK)
    with open(path, "rb") as file:
        start = file.read(64)
    if start[:4] == b"\x7fELF" and path.suffix != ".ko":
        archive.file(str(path), stripped(path), executable=True)
        add_libraries(archive, path)
        return
    archive.file(str(path), path.read_bytes(), executable=executable)
    if start.startswith(b"#!") and b"python3" in start.split(b"\n")[0]:
        add_python(archive, path)
