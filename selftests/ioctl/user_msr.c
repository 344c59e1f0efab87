// SPDX-License-Identifier: GPL-2.0-only
/* User-space MSR exits (VMX_CAP_X86_USER_SPACE_MSR) and the filter (X86_SET_MSR_FILTER). */
#include "vmxtest.h"

#define ALLOW VMX_MSR_FILTER_DEFAULT_ALLOW
#define DENY VMX_MSR_FILTER_DEFAULT_DENY
#define R VMX_MSR_FILTER_READ
#define W VMX_MSR_FILTER_WRITE
#define MSR_NOT_THERE 0x474f4f00u
#define MSR_CSTAR_ 0xc0000083u
#define MSR_PAT_ 0x277u

static volatile u64 value;
static volatile int vector;

static void exits_for(struct vm *vm, u64 reasons)
{
	struct vmx_enable_cap c = { .cap = VMX_CAP_X86_USER_SPACE_MSR, .args[0] = reasons };

	must_ioctl(vm->fd, VMX_ENABLE_CAP, &c);
}

/* One range of n MSRs from base; bit 0 of the map: base is allowed. */
static void filter(struct vm *vm, u32 flags, u32 kind, u32 base, u32 n, u64 map)
{
	struct vmx_msr_filter f = { .flags = flags };

	f.ranges[0] = (struct vmx_msr_filter_range){ .flags = kind, .nmsrs = n, .base = base,
						     .bitmap = (u8 *)&map };
	must_ioctl(vm->fd, VMX_X86_SET_MSR_FILTER, &f);
}

static void expect_msr(struct vcpu *v, bool write, u32 msr, u32 reason)
{
	vcpu_expect_exit(v, write ? VMX_EXIT_X86_WRMSR : VMX_EXIT_X86_RDMSR);
	CHECK_EQ(v->run->msr.index, msr);
	CHECK_EQ(v->run->msr.reason, reason);
}

static void guest_unknown(u64 id)
{
	u64 v = 0;

	vector = rdmsr_try(MSR_NOT_THERE, &v);
	value = v;
	guest_sync(1);
	vector = wrmsr_try(MSR_NOT_THERE, 0x1122334455667788);
	guest_sync(2);
	vector = wrmsr_try(MSR_PAT_, 0x0202020202020202);	/* no memory type 2 */
	guest_sync(3);
	guest_done();
}

TEST(unknown)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_unknown);

	REQUIRE_CAP(VMX_CAP_X86_USER_SPACE_MSR);
	exits_for(vm, VMX_MSR_EXIT_REASON_UNKNOWN);
	expect_msr(v, false, MSR_NOT_THERE, VMX_MSR_EXIT_REASON_UNKNOWN);
	v->run->msr.data = 0xaabbccdd11223344;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(-1, vector);
	ASSERT_EQ(0xaabbccdd11223344, value);
	expect_msr(v, true, MSR_NOT_THERE, VMX_MSR_EXIT_REASON_UNKNOWN);
	ASSERT_EQ(0x1122334455667788, v->run->msr.data);
	v->run->msr.error = 1;
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(VEC_GP, vector);
	/* known, and illegal: not asked for */
	vcpu_expect_sync(v, 3);
	ASSERT_EQ(VEC_GP, vector);
}

TEST(illegal)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_unknown);

	REQUIRE_CAP(VMX_CAP_X86_USER_SPACE_MSR);
	exits_for(vm, VMX_MSR_EXIT_REASON_INVAL);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(VEC_GP, vector);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(VEC_GP, vector);
	expect_msr(v, true, MSR_PAT_, VMX_MSR_EXIT_REASON_INVAL);
	vcpu_expect_sync(v, 3);
	ASSERT_EQ(-1, vector);
	/* the VMM has served it: the MSR is what it was */
	ASSERT_NE(0x0202020202020202, vcpu_msr(v, MSR_PAT_));
}

static void guest_filtered(u64 id)
{
	u64 v;

	for (;;) {
		vector = wrmsr_try(MSR_CSTAR_, 0x1000);
		guest_sync(1);
		v = 0;
		vector = rdmsr_try(MSR_CSTAR_, &v);
		value = v;
		guest_sync(2);
	}
}

/* An MSR that the guest else reaches without an exit. */
TEST(filtered)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_filtered);

	REQUIRE_CAP(VMX_CAP_X86_MSR_FILTER);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(-1, vector);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0x1000, value);
	/* both, with the guest running already */
	filter(vm, ALLOW, R | W, MSR_CSTAR_, 1, 0);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(VEC_GP, vector);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(VEC_GP, vector);
	/* the VMM itself may */
	vcpu_set_msr(v, MSR_CSTAR_, 0x2000);
	ASSERT_EQ(0x2000, vcpu_msr(v, MSR_CSTAR_));
	/* writes only; to the VMM */
	exits_for(vm, VMX_MSR_EXIT_REASON_FILTER);
	filter(vm, ALLOW, W, MSR_CSTAR_ - 1, 2, 1);
	expect_msr(v, true, MSR_CSTAR_, VMX_MSR_EXIT_REASON_FILTER);
	ASSERT_EQ(0x1000, v->run->msr.data);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(-1, vector);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0x2000, value);
	/* none again */
	filter(vm, ALLOW, 0, 0, 0, 0);
	vcpu_expect_sync(v, 1);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0x1000, value);
}

static void guest_denied(u64 id)
{
	u64 v, x;

	GUEST_ASSERT_EQ(rdmsr_try(MSR_CSTAR_, &v), -1);
	GUEST_ASSERT_EQ(rdmsr_try(MSR_PAT_, &v), VEC_GP);
	GUEST_ASSERT_EQ(rdmsr_try(MSR_TSC, &v), VEC_GP);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_TSC_ADJUST, 0), VEC_GP);
	/* never filtered */
	x2apic_enable();
	GUEST_ASSERT_EQ(rdmsr_try(MSR_X2APIC + 3, &x), -1);
	guest_done();
}

/* All but what a range allows; the fast path obeys too. */
TEST(denied_by_default)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_denied);
	u64 map[2] = { 1, ~0ull };
	struct vmx_msr_filter f = { .flags = DENY };

	REQUIRE_CAP(VMX_CAP_X86_MSR_FILTER);
	f.ranges[0] = (struct vmx_msr_filter_range){ R, 1, MSR_CSTAR_, (u8 *)&map[0] };
	f.ranges[1] = (struct vmx_msr_filter_range){ R | W, 1, MSR_APIC_BASE, (u8 *)&map[1] };
	must_ioctl(vm->fd, VMX_X86_SET_MSR_FILTER, &f);
	vcpu_expect_done(v);
}

TEST(refused)
{
	struct vm *vm = vm_create(0);
	struct vmx_enable_cap c = { .cap = VMX_CAP_X86_USER_SPACE_MSR, .args[0] = 1 << 3 };
	struct vmx_msr_filter f = { .flags = DENY };
	u64 map[0x700 / 8] = { 0 };

	REQUIRE_CAP(VMX_CAP_X86_MSR_FILTER);
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_ENABLE_CAP, &c));
	/* nothing allowed at all */
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_X86_SET_MSR_FILTER, &f));
	f.flags = 0;
	f.ranges[0] = (struct vmx_msr_filter_range){ 0, 1, 0, (u8 *)map };
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_X86_SET_MSR_FILTER, &f));
	f.ranges[0].flags = 4;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_X86_SET_MSR_FILTER, &f));
	f.ranges[0].flags = R;
	f.ranges[0].nmsrs = 0x600 * 8 + 1;
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_X86_SET_MSR_FILTER, &f));
	f.ranges[0].nmsrs = 0x600 * 8;
	must_ioctl(vm->fd, VMX_X86_SET_MSR_FILTER, &f);
	f.ranges[0].bitmap = (u8 *)8;
	ASSERT_EQ(-EFAULT, try_ioctl(vm->fd, VMX_X86_SET_MSR_FILTER, &f));
}

TEST_HARNESS_MAIN
