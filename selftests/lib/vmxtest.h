/* SPDX-License-Identifier: GPL-2.0-only */
/* Everything that a test file includes. */
#ifndef SELFTESTS_LIB_VMXTEST_H
#define SELFTESTS_LIB_VMXTEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "host.h"
#include "guest.h"

/* Skips with a reason unless the capability is there. Use at the top of a test. */
#define REQUIRE_CAP(cap) do { \
	int dev_ = device_open(); \
	int val_ = check_cap(dev_, cap); \
	close(dev_); \
	if (val_ <= 0) \
		SKIP(return, "%s is not offered by %s", #cap, device_path()); \
	} while (0)

#define REQUIRE_CPUID(leaf, sub, reg, bit, name) do { \
	if (!cpuid_has(leaf, sub, reg, bit)) \
		SKIP(return, "CPUID offers no %s", name); \
	} while (0)

/* Snippet of 16-bit code in AT&T syntax; position independent. Use with vcpu_set_real(). */
#define CODE16(name, text) \
	extern const char name[], name##_end[]; \
	asm(".pushsection .rodata\n.balign 64\n.code16\n" #name ":\n" text "\n" #name "_end:\n" \
	    ".code64\n.popsection\n.globl " #name ", " #name "_end")
/* Snippet of 32-bit code, run where it is linked. Use with vcpu_set_prot32(). */
#define CODE32(name, text) \
	extern const char name[]; \
	asm(".pushsection .text\n.code32\n" #name ":\n" text "\n.code64\n.popsection\n" \
	    ".globl " #name)

#endif
