# SPDX-License-Identifier: GPL-2.0-only
# Builds the ioctl tests and the exit benchmark: build/tests/vmx_*_test, vmx_exit_bench.
# To be included by the top-level Makefile, or run from the top: make -f selftests/build.mk
#
# KSELFTEST_INC  folder of kselftest_harness.h; taken from Debian's linux-source if missing
# ST_UAPI        folder that holds uapi/vmx.h

KSELFTEST_INC ?= $(HOME)/.cache/vmx/kselftest
ST_UAPI ?= .
ST_BUILD ?= build
ST_CC ?= gcc

# Static, so that a test runs from a bare initramfs. Not position independent: a guest runs
# the program at the address it is linked at (lib/layout.h). No red zone, no FPU in C and no
# stack protector, because the same code runs in the guest under interrupts.
ST_CFLAGS = -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -D_GNU_SOURCE \
	-fno-pie -mno-red-zone -mgeneral-regs-only -D__NO_INLINE__ -fno-stack-protector \
	-fcf-protection=none -fno-tree-loop-distribute-patterns -fno-strict-aliasing -pthread \
	-U_FORTIFY_SOURCE -DTEST_TIMEOUT_DEFAULT=100 -I$(ST_UAPI) -Iselftests/lib -isystem $(KSELFTEST_INC)
ST_LDFLAGS = -static -no-pie -pthread -Wl,-z,noexecstack -Wl,-z,max-page-size=4096

ST_OBJ := $(ST_BUILD)/selftests
ST_HARNESS := $(KSELFTEST_INC)/kselftest_harness.h
ST_LIB_OBJS := $(patsubst selftests/lib/%,$(ST_OBJ)/lib/%.o,\
	$(wildcard selftests/lib/*.c selftests/lib/*.S))
ST_TESTS := $(patsubst selftests/ioctl/%.c,$(ST_BUILD)/tests/vmx_%_test,\
	$(wildcard selftests/ioctl/*.c))
ST_BENCH := $(patsubst selftests/bench/%.c,$(ST_BUILD)/tests/vmx_%,\
	$(wildcard selftests/bench/*.c))

.PHONY: selftests selftests-clean
selftests: $(ST_TESTS) $(ST_BENCH)

$(ST_OBJ)/lib/%.c.o: selftests/lib/%.c | $(ST_HARNESS)
	@mkdir -p $(@D)
	$(ST_CC) $(ST_CFLAGS) -MMD -MP -c -o $@ $<

$(ST_OBJ)/lib/%.S.o: selftests/lib/%.S
	@mkdir -p $(@D)
	$(ST_CC) -Iselftests/lib -g -MMD -MP -c -o $@ $<

$(ST_OBJ)/%.o: selftests/%.c | $(ST_HARNESS)
	@mkdir -p $(@D)
	$(ST_CC) $(ST_CFLAGS) -MMD -MP -c -o $@ $<

$(ST_BUILD)/tests/vmx_%_test: $(ST_OBJ)/ioctl/%.o $(ST_LIB_OBJS)
	@mkdir -p $(@D)
	$(ST_CC) $(ST_LDFLAGS) -o $@ $^

$(ST_BUILD)/tests/vmx_%_bench: $(ST_OBJ)/bench/%_bench.o $(ST_LIB_OBJS)
	@mkdir -p $(@D)
	$(ST_CC) $(ST_LDFLAGS) -o $@ $^

# Objects are kept: they are what makes the next build short.
.SECONDARY:

# Only the harness's header comes from the kernel's sources.
$(ST_HARNESS):
	@scripts/debug-kernel --harness-only >/dev/null

selftests-clean:
	rm -rf $(ST_OBJ) $(ST_TESTS) $(ST_BENCH)

-include $(wildcard $(ST_OBJ)/*/*.d)
