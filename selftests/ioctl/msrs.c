// SPDX-License-Identifier: GPL-2.0-only
/* GET_MSRS and SET_MSRS: round trips, partial success, and what the guest sees. */
#include "vmxtest.h"

static const struct {
	u32 index;
	u64 value;
} msrs[] = {
	{ MSR_SYSENTER_CS, 0x10 }, { MSR_SYSENTER_ESP, 0x123000 }, { MSR_SYSENTER_EIP, 0x456000 },
	{ MSR_STAR, 0x0023001000000000ull }, { MSR_LSTAR, 0xffffffff81000000ull },
	{ MSR_CSTAR, 0xffffffff81001000ull }, { MSR_FMASK, 0x47700 },
	{ MSR_KERNEL_GS_BASE, 0xffff888000000000ull }, { MSR_PAT, 0x0407050600070106ull },
	{ MSR_TSC_ADJUST, 0 }, { MSR_MISC_ENABLE, 1 },
};

#define COUNT (sizeof(msrs) / sizeof(msrs[0]))

static void guest_check(u64 id)
{
	for (u32 i = 0; i < COUNT; i++) {
		u64 v;

		GUEST_ASSERT_EQ(rdmsr_try(msrs[i].index, &v), -1);
		if (v != msrs[i].value)
			guest_call(CALL_ASSERT, __LINE__, (u64)"MSR has another value",
				   msrs[i].index, v);
	}
	guest_sync(1);
	wrmsr(MSR_LSTAR, 0x12345000);
	wrmsr(MSR_KERNEL_GS_BASE, 0x777000);
	wrmsr(MSR_SYSENTER_EIP, 0x888000);
	guest_done();
}

TEST(round_trip)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_check);

	for (u32 i = 0; i < COUNT; i++)
		vcpu_set_msr(v, msrs[i].index, msrs[i].value);
	for (u32 i = 0; i < COUNT; i++) {
		ASSERT_EQ(msrs[i].value, vcpu_msr(v, msrs[i].index)) {
			TH_LOG("MSR %#x", msrs[i].index);
		}
	}
	vcpu_expect_sync(v, 1);
	vcpu_expect_done(v);
	ASSERT_EQ(0x12345000, vcpu_msr(v, MSR_LSTAR));
	ASSERT_EQ(0x777000, vcpu_msr(v, MSR_KERNEL_GS_BASE));
	ASSERT_EQ(0x888000, vcpu_msr(v, MSR_SYSENTER_EIP));
}

/* The list stops at the first MSR that is refused; the return value says how many went. */
TEST(stops_at_bad)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_check);
	struct {
		struct vmx_msrs head;
		struct {
			u32 index, reserved;
			u64 data;
		} e[3];
	} m = { .head.nmsrs = 3, .e = { { MSR_STAR, 0, 5 }, { 0x12345678, 0, 6 },
					{ MSR_CSTAR, 0, 7 } } };

	ASSERT_EQ(1, try_ioctl(v->fd, VMX_SET_MSRS, &m));
	ASSERT_EQ(5, vcpu_msr(v, MSR_STAR));
	ASSERT_EQ(0, vcpu_msr(v, MSR_CSTAR));
	ASSERT_EQ(1, try_ioctl(v->fd, VMX_GET_MSRS, &m));
	m.head.nmsrs = 100000;
	ASSERT_EQ(-E2BIG, try_ioctl(v->fd, VMX_GET_MSRS, &m));
	m.head.nmsrs = 0;
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_GET_MSRS, &m));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_GET_MSRS, (void *)8));
}

/* Every MSR of the list can be read and takes back what it gave, wherever the LAPIC is: a VMM gives up else. */
static void check_index_list(struct __test_metadata *_metadata, unsigned int flags)
{
	static struct {
		struct vmx_msr_list head;
		u32 index[1000];
	} list;
	struct vm *vm = vm_create(flags);
	struct vcpu *v = vcpu_create(vm, 0, guest_check);
	u64 value;

	list.head.nmsrs = 1000;
	must_ioctl(vm->dev, VMX_GET_MSR_INDEX_LIST, &list);
	for (u32 i = 0; i < list.head.nmsrs; i++) {
		EXPECT_EQ(1, try_msr_get(v, list.index[i], &value)) {
			TH_LOG("cannot read MSR %#x", list.index[i]);
		}
		EXPECT_EQ(1, try_msr_set(v, list.index[i], value)) {
			TH_LOG("MSR %#x does not take %#llx", list.index[i], value);
		}
	}
}

TEST(index_list)
{
	check_index_list(_metadata, VM_IRQCHIP);
}

TEST(index_list_without_lapic)
{
	check_index_list(_metadata, 0);
}

TEST(checked)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_check);

	ASSERT_EQ(0, try_msr_set(v, MSR_PAT, 0x0202020202020202ull));
	ASSERT_EQ(0, try_msr_set(v, MSR_LSTAR, 0x8000000000000000ull));
	ASSERT_EQ(0, try_msr_set(v, MSR_EFER, 1ull << 40));
	ASSERT_EQ(0, try_msr_set(v, MSR_APIC_BASE, 1));
	ASSERT_EQ(0, try_msr_set(v, 0xffffffff, 1));
}

static void guest_misc_enable(u64 id)
{
	u64 was = rdmsr(MSR_MISC_ENABLE);

	GUEST_ASSERT_EQ(was, 1);
	wrmsr(MSR_MISC_ENABLE, 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_MISC_ENABLE), 0);
	wrmsr(MSR_MISC_ENABLE, was);
	GUEST_ASSERT_EQ(rdmsr(MSR_MISC_ENABLE), was);
	guest_done();
}

/* The VMM's word about the read-only bits is kept through the guest's writes. */
TEST(misc_enable)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_misc_enable);

	vcpu_set_msr(v, MSR_MISC_ENABLE, 1);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
