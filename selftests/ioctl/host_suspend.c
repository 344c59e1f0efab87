// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host suspends (its test level "processors": all but the last step) while a VM runs,
 * and the VM goes on. Changes the host: only on /dev/vmx, as root, and when asked for by
 * VMX_TEST_SUSPEND=1, because a root file system over virtio-9p does not come back from it: it
 * must be the last thing that runs in such a host.
 */
#include "vmxtest.h"

static volatile u64 loops;

static void guest_spin(u64 id)
{
	for (;;)
		loops++;
}

static bool put(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");
	bool ok;

	if (!f)
		return false;
	ok = fputs(text, f) >= 0;
	return !fclose(f) && ok;
}

FIXTURE(host) { int unused; };
FIXTURE_SETUP(host) { }
FIXTURE_TEARDOWN(host) { }

static void suspend_at(struct __test_metadata *_metadata, const char *level)
{
	struct vcpu *v;
	u64 before;
	struct vm *vm;

	vm = vm_create(VM_PIT);
	v = vcpu_create(vm, 0, guest_spin);
	vcpu_start(v);
	WAIT_UNTIL(loops > 1000, 10000);
	ASSERT_TRUE(put("/sys/power/pm_test", level));
	ASSERT_TRUE(put("/sys/power/state", "mem") || put("/sys/power/state", "freeze"));
	ASSERT_TRUE(put("/sys/power/pm_test", "none"));
	before = loops;
	WAIT_UNTIL(loops > before + 1000, 20000);
	vcpu_stop(v);
}

static const char *why_not(void)
{
	if (!device_is_vmx())
		return "changes the host: only for /dev/vmx";
	if (geteuid())
		return "needs root";
	if (!getenv("VMX_TEST_SUSPEND"))
		return "suspends the host's devices: runs only with VMX_TEST_SUSPEND=1";
	if (access("/sys/power/pm_test", W_OK))
		return "the host kernel has no suspend test levels";
	return NULL;
}

TEST_F_TIMEOUT(host, processors, 90)
{
	if (why_not())
		SKIP(return, "%s", why_not());
	suspend_at(_metadata, "processors");
}

TEST_F_TIMEOUT(host, core, 90)
{
	if (why_not())
		SKIP(return, "%s", why_not());
	suspend_at(_metadata, "core");
}

TEST_HARNESS_MAIN
