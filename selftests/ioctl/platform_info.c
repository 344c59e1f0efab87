// SPDX-License-Identifier: GPL-2.0-only
/* MSR PLATFORM_INFO: the VMM says what is in it, and whether the guest may read it. */
#include "vmxtest.h"

#define MSR_PLATFORM_INFO 0xce

static volatile u64 value;
static volatile int vector;

static void guest_reads(u64 id)
{
	u64 v;

	for (;;) {
		vector = rdmsr_try(MSR_PLATFORM_INFO, &v);
		value = v;
		guest_sync(wrmsr_try(MSR_PLATFORM_INFO, 0x100));
	}
}

static void let_guest_read(struct vm *vm, u64 yes)
{
	struct vmx_enable_cap c = { .cap = VMX_CAP_MSR_PLATFORM_INFO, .args[0] = yes };

	must_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
}

TEST(platform_info)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_reads);
	u64 before = vcpu_msr(v, MSR_PLATFORM_INFO);

	REQUIRE_CAP(VMX_CAP_MSR_PLATFORM_INFO);
	/* From the beginning it may. */
	vcpu_expect_sync(v, VEC_GP);
	ASSERT_EQ(-1, vector);
	ASSERT_EQ(before, value);
	vcpu_set_msr(v, MSR_PLATFORM_INFO, before | 0xff00);
	vcpu_expect_sync(v, VEC_GP);
	ASSERT_EQ(-1, vector);
	ASSERT_EQ(before | 0xff00, value);
	let_guest_read(vm, 0);
	vcpu_expect_sync(v, VEC_GP);
	ASSERT_EQ(VEC_GP, vector);
	ASSERT_EQ(before | 0xff00, vcpu_msr(v, MSR_PLATFORM_INFO));
	let_guest_read(vm, 1);
	vcpu_expect_sync(v, VEC_GP);
	ASSERT_EQ(-1, vector);
	ASSERT_EQ(before | 0xff00, value);
}

TEST_HARNESS_MAIN
