// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host CPU goes off line and comes back while VMs run; afterwards its SVM state is
 * right. Changes the host: only on /dev/vmx, as root, in a host made for it.
 */
#include <sched.h>
#include "vmxtest.h"

static volatile u64 loops;

static const char *why_not(void)
{
	if (!device_is_vmx())
		return "changes the host: only for /dev/vmx";
	if (geteuid())
		return "needs root";
	if (access("/sys/devices/system/cpu/cpu1/online", W_OK))
		return "the host has no second CPU that can be switched off";
	return NULL;
}

static bool set_online(int on)
{
	FILE *f = fopen("/sys/devices/system/cpu/cpu1/online", "w");
	bool ok;

	if (!f)
		return false;
	fprintf(f, "%d", on);
	ok = !fclose(f);
	return ok;
}

/* EFER of a CPU, by the msr driver; 0 if it is not there. */
static u64 efer_of(int cpu)
{
	char name[40];
	u64 v = 0;
	int fd;

	snprintf(name, sizeof(name), "/dev/cpu/%d/msr", cpu);
	fd = open(name, O_RDONLY);
	if (fd < 0)
		return 0;
	if (pread(fd, &v, 8, MSR_EFER) != 8)
		v = 0;
	close(fd);
	return v;
}

static void guest_spin(u64 id)
{
	for (;;)
		__atomic_add_fetch(&loops, 1, __ATOMIC_RELAXED);
}

static void guest_done_now(u64 id)
{
	guest_done();
}

FIXTURE(host) { int unused; };
FIXTURE_SETUP(host) { }
FIXTURE_TEARDOWN(host) { }

TEST_F_TIMEOUT(host, cpu_off_and_on_while_running, 120)
{
	struct vm *vm;
	cpu_set_t one;

	if (why_not())
		SKIP(return, "%s", why_not());
	vm = vm_create(VM_PIT);
	for (int i = 0; i < 2; i++)
		vcpu_create(vm, i, guest_spin);
	for (int i = 0; i < 2; i++)
		vcpu_start(vm->vcpus[i]);
	for (int i = 0; i < 5; i++) {
		u64 before;

		ASSERT_TRUE(set_online(0));
		before = loops;
		WAIT_UNTIL(loops > before + 1000, 20000);
		ASSERT_TRUE(set_online(1));
		before = loops;
		WAIT_UNTIL(loops > before + 1000, 20000);
	}
	for (int i = 0; i < 2; i++)
		vcpu_stop(vm->vcpus[i]);
	/* a VM on the CPU that came back */
	CPU_ZERO(&one);
	CPU_SET(1, &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	vcpu_expect_done(vcpu_create(vm_create(0), 0, guest_done_now));
}

/* A CPU that comes back after the last VM went does not keep EFER.SVME. */
TEST_F_TIMEOUT(host, svm_state, 60)
{
	struct vm *vm;

	if (why_not())
		SKIP(return, "%s", why_not());
	if (!host_is_amd())
		SKIP(return, "looks at EFER.SVME: AMD only");
	if (system("modprobe msr 2>/dev/null") || !efer_of(1))
		SKIP(return, "no /dev/cpu/1/msr");
	ASSERT_EQ(0, efer_of(1) & EFER_SVME);
	vm = vm_create(0);
	vcpu_expect_done(vcpu_create(vm, 0, guest_done_now));
	ASSERT_EQ(EFER_SVME, efer_of(1) & EFER_SVME);
	ASSERT_TRUE(set_online(0));
	ASSERT_TRUE(set_online(1));
	ASSERT_EQ(EFER_SVME, efer_of(1) & EFER_SVME);
	vm_close(vm);
	/* in-tree and we switch it off with the last VM */
	WAIT_UNTIL(!(efer_of(0) & EFER_SVME) && !(efer_of(1) & EFER_SVME), 5000);
	ASSERT_TRUE(set_online(0));
	ASSERT_TRUE(set_online(1));
	ASSERT_EQ(0, efer_of(1) & EFER_SVME);
}

TEST_HARNESS_MAIN
