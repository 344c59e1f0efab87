// SPDX-License-Identifier: GPL-2.0-only
/* Hyper-V's reference time: the MSR counts 100 ns, follows SET_CLOCK, and the page agrees with it. */
#include "hyperv.h"

struct tsc_page {
	u32 sequence, reserved;
	u64 scale;
	int64_t offset;
};

#define PAGE ((volatile struct tsc_page *)HV_PAGE_TSC)

static volatile u64 msr_time, page_time, sequence, set_page;

static void guest_clock(u64 id)
{
	for (;;) {
		if (set_page) {
			wrmsr(HV_REFERENCE_TSC, set_page);
			set_page = 0;
		}
		sequence = PAGE->sequence;
		page_time = (u64)((unsigned __int128)rdtsc() * PAGE->scale >> 64) + PAGE->offset;
		msr_time = rdmsr(HV_TIME_REF_COUNT);
		guest_sync(1);
	}
}

static void set_clock(struct vm *vm, u64 ns)
{
	struct vmx_clock_data c = { .clock = ns };

	must_ioctl(vm->fd, VMX_SET_CLOCK, &c);
}

TEST(counts_100ns_of_the_clock)
{
	struct vmx_clock_data before = { 0 }, after = { 0 };
	struct vcpu *v;
	struct vm *vm;

	REQUIRE_HV();
	vm = vm_create(VM_IRQCHIP);
	v = hv_vcpu(vm, 0, guest_clock);
	set_clock(vm, 5000000000);
	must_ioctl(vm->fd, VMX_GET_CLOCK, &before);
	vcpu_expect_sync(v, 1);
	must_ioctl(vm->fd, VMX_GET_CLOCK, &after);
	ASSERT_LE(before.clock / 100, msr_time);
	ASSERT_LE(msr_time, after.clock / 100);
	ASSERT_LE(50000000, msr_time);
	ASSERT_LE(msr_time, vcpu_msr(v, HV_TIME_REF_COUNT));
}

TEST(page_disabled_is_not_touched)
{
	struct vcpu *v;

	REQUIRE_HV();
	v = hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_clock);
	set_page = HV_PAGE_TSC;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, ((struct tsc_page *)vm_ptr(v->vm, HV_PAGE_TSC))->scale);
	ASSERT_EQ(HV_PAGE_TSC, vcpu_msr(v, HV_REFERENCE_TSC));
}

/* On a host whose TSC cannot be trusted there is no page: the sequence says so, and the MSR serves. */
TEST(page_agrees_with_the_msr)
{
	struct tsc_page *page;
	struct vcpu *v;
	u64 last;

	REQUIRE_HV();
	v = hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_clock);
	page = vm_ptr(v->vm, HV_PAGE_TSC);
	page->sequence = 5;
	set_page = HV_PAGE_TSC | 1;
	vcpu_expect_sync(v, 1);
	if (!sequence)
		SKIP(return, "this host's TSC is not one clock");
	ASSERT_EQ(6, sequence);
	/* the page was read first; 100 ms are much, but the host is emulated */
	ASSERT_LE(page_time, msr_time);
	ASSERT_LE(msr_time, page_time + 1000000);
	/* a new clock, a new page */
	last = sequence;
	set_clock(v->vm, 0);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(last + 1, sequence);
	ASSERT_LE(page_time, msr_time);
	ASSERT_LE(msr_time, 100000000);
	/* a guest that has TSC emulation on keeps its page and its time */
	vcpu_set_msr(v, HV_TSC_EMULATION, 1);
	last = page_time;
	set_clock(v->vm, 1000000000000);
	vcpu_expect_sync(v, 1);
	ASSERT_LE(last, page_time);
	ASSERT_LE(page_time, msr_time);
	ASSERT_LE(msr_time, page_time + 1000000);
	ASSERT_LE(msr_time, 1000000000);
	/* until it says that it has taken note */
	vcpu_set_msr(v, HV_TSC_EMULATION, 0);
	vcpu_expect_sync(v, 1);
	ASSERT_LE(10000000000, msr_time);
	ASSERT_LE(page_time, msr_time);
	ASSERT_LE(msr_time, page_time + 1000000);
}

TEST(page_that_is_no_memory)
{
	struct vcpu *v;

	REQUIRE_HV();
	v = hv_vcpu(vm_create(VM_IRQCHIP), 0, guest_clock);
	set_page = TEST_MMIO | 1;
	vcpu_expect_sync(v, 1);
	ASSERT_LT(0, msr_time);
}

TEST_HARNESS_MAIN
