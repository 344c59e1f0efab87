// SPDX-License-Identifier: GPL-2.0-only
/* Hyper-V's MSRs: there for a guest that sees "Hv#1", with its privileges only if the VMM wants that. */
#include "hyperv.h"

static volatile u32 msr;
static volatile u64 value;
static volatile int got;

static void guest_reads(u64 id)
{
	for (;;) {
		u64 v = 0;

		got = rdmsr_try(msr, &v);
		value = v;
		guest_sync(1);
	}
}

static void guest_writes(u64 id)
{
	for (;;) {
		got = wrmsr_try(msr, value);
		guest_sync(1);
	}
}

static int attempt(struct vcpu *v, u32 index, u64 val)
{
	msr = index;
	value = val;
	vcpu_expect_sync(v, 1);
	return got;
}

TEST(without_the_interface)
{
	struct vcpu *v;
	u64 val;

	REQUIRE_HV();
	v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_reads);
	ASSERT_EQ(VEC_GP, attempt(v, HV_GUEST_OS_ID, 0));
	ASSERT_EQ(VEC_GP, attempt(v, HV_TIME_REF_COUNT, 0));
	/* the VMM may ask */
	ASSERT_EQ(1, try_msr_get(v, HV_TIME_REF_COUNT, &val));
	ASSERT_EQ(1, try_msr_get(v, HV_SCONTROL, &val));
	ASSERT_EQ(0, val);
}

TEST(constants)
{
	struct vcpu *v;

	REQUIRE_HV();
	v = hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_reads);
	ASSERT_EQ(-1, attempt(v, HV_VP_INDEX, 0));
	ASSERT_EQ(0, value);
	ASSERT_EQ(-1, attempt(v, HV_APIC_FREQUENCY, 0));
	ASSERT_EQ(1000000000, value);
	ASSERT_EQ(-1, attempt(v, HV_TSC_FREQUENCY, 0));
	ASSERT_EQ(try_ioctl(v->fd, VMX_GET_TSC_KHZ, 0) * 1000, value);
	ASSERT_EQ(-1, attempt(v, HV_RESET, 0));
	ASSERT_EQ(0, value);
	ASSERT_EQ(VEC_GP, attempt(v, HV_SCONTROL, 0));	/* no SynIC yet */
}

TEST(vp_index)
{
	struct vm *vm;
	struct vcpu *v;

	REQUIRE_HV();
	vm = vm_create(VM_IRQCHIP);
	vcpu_create_bare(vm, 0);
	v = hv_vcpu(vm, 5, guest_reads);
	ASSERT_EQ(1, vcpu_msr(v, HV_VP_INDEX));
	ASSERT_EQ(0, try_msr_set(v, HV_VP_INDEX, 1 << 20));
	vcpu_set_msr(v, HV_VP_INDEX, 7);
	ASSERT_EQ(-1, attempt(v, HV_VP_INDEX, 0));
	ASSERT_EQ(7, value);
}

TEST(read_only)
{
	static const u32 ro[] = { HV_VP_INDEX, HV_VP_RUNTIME, HV_TIME_REF_COUNT, HV_TSC_FREQUENCY,
				  HV_APIC_FREQUENCY };
	struct vcpu *v;

	REQUIRE_HV();
	v = hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_writes);
	for (unsigned int i = 0; i < 5; i++)
		ASSERT_EQ(VEC_GP, attempt(v, ro[i], 1));
	ASSERT_EQ(VEC_GP, attempt(v, HV_TSC_EMULATION_STATUS, 1));
	ASSERT_EQ(-1, attempt(v, HV_TSC_EMULATION_STATUS, 0));
	/* a VMM gives back what it has read */
	vcpu_set_msr(v, HV_TIME_REF_COUNT, 1);
	vcpu_set_msr(v, HV_TSC_FREQUENCY, 1);
}

/* What is in the list can be read, and written back to a vCPU that has no SynIC. */
TEST(list_round_trip)
{
	static struct { struct vmx_msr_list head; u32 index[600]; } list = { .head.nmsrs = 600 };
	struct vcpu *v;
	int n = 0;

	REQUIRE_HV();
	v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_reads);
	must_ioctl(v->vm->dev, VMX_GET_MSR_INDEX_LIST, &list.head);
	for (u32 i = 0; i < list.head.nmsrs; i++) {
		u32 index = list.head.indices[i];
		u64 val;

		if (index >> 12 != 0x40000)
			continue;
		n++;
		ASSERT_EQ(1, try_msr_get(v, index, &val));
		ASSERT_EQ(1, try_msr_set(v, index, val));
	}
	ASSERT_LE(20, n);
}

/* ---- privileges ---- */

static const struct {
	u32 msr;
	int bit;	/* of leaf 0x40000003: EAX, + 96: EDX */
	bool synic;
} rights[] = {
	{ HV_GUEST_OS_ID, 5, false }, { HV_HYPERCALL, 5, false }, { HV_VP_RUNTIME, 0, false },
	{ HV_TIME_REF_COUNT, 1, false }, { HV_VP_INDEX, 6, false }, { HV_RESET, 7, false },
	{ HV_REFERENCE_TSC, 9, false }, { HV_TSC_FREQUENCY, 11, false },
	{ HV_REENLIGHTENMENT, 13, false }, { HV_TPR, 4, false }, { HV_VP_ASSIST, 4, false },
	{ HV_CRASH_P0, 96 + 10, false },
	{ HV_SCONTROL, 2, true }, { HV_SINT(3), 2, true }, { HV_STIMER_COUNT(1), 3, true },
};

static int with_rights(u32 index, u32 eax, u32 edx, bool enforce, bool synic)
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_reads);
	struct vmx_cpuid2 *c = hv_cpuid();
	struct vmx_cpuid_entry2 *e = cpuid_find(c, 0x40000003, 0);
	int r;

	e->eax = eax;
	e->edx = edx;
	vcpu_set_cpuid(v, c);
	free(c);
	if (enforce)
		hv_enable_cap(v, VMX_CAP_HYPERV_ENFORCE_CPUID, 1);
	if (synic)
		hv_enable_cap(v, VMX_CAP_HYPERV_SYNIC2, 0);
	r = attempt(v, index, 0);
	vm_close(v->vm);
	return r;
}

TEST(enforced_privileges)
{
	REQUIRE_HV();
	for (unsigned int i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		u32 a = rights[i].bit < 32 ? 1u << rights[i].bit : 0;
		u32 d = rights[i].bit < 32 ? 0 : 1u << (rights[i].bit - 96);

		EXPECT_EQ(-1, with_rights(rights[i].msr, a, d, true, rights[i].synic));
		EXPECT_EQ(VEC_GP, with_rights(rights[i].msr, ~a, ~d, true, rights[i].synic));
		EXPECT_EQ(-1, with_rights(rights[i].msr, ~a, ~d, false, rights[i].synic));
	}
}

/* ---- for the VMM ---- */

TEST(reset_and_crash)
{
	struct vcpu *v;

	REQUIRE_HV();
	v = hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_writes);
	vcpu_set_msr(v, HV_CRASH_CTL, 1ull << 63);
	ASSERT_EQ(-1, attempt(v, HV_CRASH_P0 + 4, 0xdead));
	msr = HV_CRASH_CTL;
	value = 1ull << 63;
	vcpu_expect_exit(v, VMX_EXIT_SYSTEM_EVENT);
	ASSERT_EQ(VMX_SYSTEM_EVENT_CRASH, v->run->system_event.type);
	ASSERT_EQ(0xdead, vcpu_msr(v, HV_CRASH_P0 + 4));
	vcpu_expect_sync(v, 1);
	msr = HV_RESET;
	value = 1;
	vcpu_expect_exit(v, VMX_EXIT_SYSTEM_EVENT);
	ASSERT_EQ(VMX_SYSTEM_EVENT_RESET, v->run->system_event.type);
}

TEST_HARNESS_MAIN
