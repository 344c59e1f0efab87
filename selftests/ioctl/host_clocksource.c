// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host stops counting its own time by the TSC, and takes it up again, while a vCPU runs and never leaves the
 * guest. Changes the host: only on /dev/vmx, as root, in a host made for it.
 */
#include "vmxtest.h"

#define FOLDER "/sys/devices/system/clocksource/clocksource0/"

static volatile struct pv_time_info info __attribute__((aligned(64)));
static volatile u64 loops;

static bool read_line(const char *name, char *line, size_t size)
{
	FILE *f = fopen(name, "r");
	bool ok;

	if (!f)
		return false;
	ok = fgets(line, (int)size, f);
	fclose(f);
	if (ok)
		line[strcspn(line, "\n")] = 0;
	return ok;
}

static bool set_clocksource(const char *name)
{
	FILE *f = fopen(FOLDER "current_clocksource", "w");
	bool ok;

	if (!f)
		return false;
	ok = fputs(name, f) >= 0;
	return !fclose(f) && ok;
}

static void guest_spin(u64 id)
{
	wrmsr(MSR_PV_SYSTEM_TIME, (u64)&info | 1);
	for (;;)
		loops++;
}

FIXTURE(host) { bool changed; };
FIXTURE_SETUP(host) { }
FIXTURE_TEARDOWN(host)
{
	if (self->changed)
		set_clocksource("tsc");
}

TEST_F_TIMEOUT(host, clocksource_changes, 60)
{
	char line[128], *other;
	struct vmx_clock_data c;
	struct vcpu *v;
	struct vm *vm;

	if (!device_is_vmx())
		SKIP(return, "changes the host: only for /dev/vmx");
	if (geteuid() || access(FOLDER "current_clocksource", W_OK))
		SKIP(return, "needs root");
	if (!read_line(FOLDER "current_clocksource", line, sizeof(line)) || strcmp(line, "tsc"))
		SKIP(return, "the host's clocksource is not the TSC");
	ASSERT_TRUE(read_line(FOLDER "available_clocksource", line, sizeof(line)));
	for (other = strtok(line, " "); other && !strcmp(other, "tsc"); other = strtok(NULL, " "))
		;
	if (!other)
		SKIP(return, "the host has no other clocksource");

	vm = vm_create(0);
	v = vcpu_create(vm, 0, guest_spin);
	vcpu_start(v);
	WAIT_UNTIL(loops, 10000);
	ASSERT_EQ(1, info.flags & 1);
	self->changed = true;
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(set_clocksource(other));
		WAIT_UNTIL(!(info.flags & 1), 10000);
		must_ioctl(vm->fd, VMX_GET_CLOCK, &c);
		ASSERT_EQ(0, c.flags);
		ASSERT_TRUE(set_clocksource("tsc"));
		WAIT_UNTIL(info.flags & 1, 10000);
		must_ioctl(vm->fd, VMX_GET_CLOCK, &c);
		ASSERT_NE(0, c.flags & VMX_CLOCK_HOST_TSC);
	}
	vcpu_stop(v);
}

TEST_HARNESS_MAIN
