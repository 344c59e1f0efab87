// SPDX-License-Identifier: GPL-2.0-only
/*
 * A #PF that the shadow pager found for the guest, and that the VMM's signal keeps from being delivered, is none of the
 * vCPU's events: its instruction raises it again. (QEMU loses the error code of an exception when it migrates.)
 */
#include <sys/time.h>

#include "uapi/vmx_ext.h"
#include "vmxtest.h"

#define VA 0x7f1234400000ul
#define PF 14

static volatile u64 faults, stop;

static void guest(u64 id)
{
	u64 vec, va = VA;

	while (!stop) {
		GUEST_TRY(vec, "movq $1, (%[va])", (), ([va] "r"(va)));
		GUEST_ASSERT_EQ(vec, PF);
		GUEST_ASSERT_EQ(guest_error, PF_W);
		GUEST_ASSERT_EQ(read_cr2(), va);
		faults++;
		va ^= 0x1000;
	}
	guest_done();
}

static void on_alarm(int sig)
{
}

static void alarm_each_us(long us)
{
	const struct itimerval t = { .it_interval = { 0, us }, .it_value = { 0, us } };
	const struct sigaction sa = { .sa_handler = on_alarm };

	CHECK(!sigaction(SIGALRM, &sa, NULL));
	CHECK(!setitimer(ITIMER_REAL, &t, NULL));
}

TEST(fault_is_no_event)
{
	struct vm *vm = vm_create(0);
	u32 how = VMX_X_PAGING_SHADOW;
	unsigned int seen = 0;
	struct vcpu *v;

	if (!device_is_vmx() || try_ioctl(vm->fd, VMX_X_SET_PAGING, &how))
		SKIP(return, "no shadow paging to be had");
	v = vcpu_create(vm, 0, guest);
	alarm_each_us(400);
	for (unsigned int i = 0; i < 2000; i++) {
		struct vmx_vcpu_events e;

		if (try_run(v) != -EINTR)
			break;
		must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
		if (!e.exception.injected)
			continue;
		seen++;
		e.exception.error_code = 0;
		must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	}
	alarm_each_us(0);
	stop = 1;
	vcpu_expect_done(v);
	ASSERT_EQ(0, seen);
	ASSERT_LT(100, faults);
}

TEST_HARNESS_MAIN
