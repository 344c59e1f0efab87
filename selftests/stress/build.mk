# SPDX-License-Identifier: GPL-2.0-only
# STRESS: programs that run in an emulated host as the ioctl tests do, but try rather than test.

STRESS += build/tests/vmx_ioctl_storm
tests: $(STRESS)
STRESS_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-missing-field-initializers -D_GNU_SOURCE -I. -Iselftests/stress -pthread -static

build/tests/vmx_ioctl_storm: $(wildcard selftests/stress/*.[ch]) $(wildcard uapi/*.h)
	@mkdir -p $(@D)
	$(CC) $(STRESS_CFLAGS) -o $@ $(filter %.c,$^)
