# SPDX-License-Identifier: GPL-2.0-only
"""The pieces of the emulated host: archives, initramfs, QEMU, Bochs, log checks."""
