# SPDX-License-Identifier: GPL-2.0-only
# Tests of the `vmx` program on a device: scripts, nothing to build. Run by selftests/run-in-host.

TESTS += selftests/vmm/lost_memory
TESTS += selftests/vmm/inspect
TESTS += selftests/vmm/stat
TESTS += selftests/vmm/trace
TESTS += selftests/vmm/explain
