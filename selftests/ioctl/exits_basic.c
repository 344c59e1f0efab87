// SPDX-License-Identifier: GPL-2.0-only
/* HLT without an irqchip, shutdown, RUN with nothing to run. */
#include "vmxtest.h"

static void guest_halt(u64 id)
{
	guest_hlt();
	guest_sync(1);
	guest_done();
}

TEST(hlt)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_halt);

	vcpu_expect_exit(v, VMX_EXIT_HLT);
	vcpu_expect_sync(v, 1);		/* run again: it goes on behind HLT */
	vcpu_expect_done(v);
}

static void guest_triple(u64 id)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) none = { 0, 0 };

	asm volatile("lidt %0; int3" : : "m"(none));
	guest_sync(1);
}

TEST(triple_fault)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_triple);

	vcpu_expect_exit(v, VMX_EXIT_SHUTDOWN);
}

/* #DF's own handler is reached when only the first vector is broken: SDM 3A 6.15. */
static volatile u64 df_error, df_rsp;

static void on_df(struct guest_frame *f)
{
	df_error = f->error;
	df_rsp = (u64)f;
	guest_done();
}

static void guest_double(u64 id)
{
	u64 *idt = (u64 *)LOW_IDT;

	guest_handlers[VEC_DF] = on_df;
	/*
	 * A page fault of the host's on #DF's stack, or, under shadow paging, on what the CPU reads on the way, would
	 * be reported by QEMU as one during #GP's delivery, which then starts again and no longer counts as a second
	 * fault.
	 */
	*(volatile u64 *)(LOW_IST + 0x7f8) = 0;
	(void)*(volatile u64 *)LOW_TSS;
	(void)*(volatile u64 *)LOW_GDT;
	/* #NP while #GP is delivered: contributory after contributory */
	idt[2 * VEC_GP] &= ~(0x8000ull << 32);
	asm volatile("mov %0, %%ds" : : "r"(0x7f8));
}

TEST(double_fault)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_double);

	df_error = 99;
	vcpu_expect_done(v);
	ASSERT_EQ(0, df_error);
	/* on its IST stack */
	ASSERT_LE(LOW_IST, df_rsp);
	ASSERT_GT(LOW_IST + 0x800, df_rsp);
}

static void guest_double_to_shutdown(u64 id)
{
	u64 *idt = (u64 *)LOW_IDT;

	idt[2 * VEC_GP] &= ~(0x8000ull << 32);
	idt[2 * VEC_DF] &= ~(0x8000ull << 32);
	asm volatile("mov %0, %%ds" : : "r"(0x7f8));
}

TEST(double_fault_to_shutdown)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_double_to_shutdown);

	vcpu_expect_exit(v, VMX_EXIT_SHUTDOWN);
}

/* With no memory at all the first fetch is from MMIO: an emulation failure, and no hang. */
TEST(no_memory)
{
	struct vm *vm = vm_create(VM_BARE);
	struct vcpu *v = vcpu_create_reset(vm, 0);
	u32 reason;
	long ret = try_run(v);

	/* In-tree has no shadow pages to spend before the first slot came: ENOSPC. */
	if (ret == -ENOSPC)
		return;
	ASSERT_EQ(0, ret);
	reason = v->run->exit_reason;
	ASSERT_TRUE(reason == VMX_EXIT_INTERNAL_ERROR || reason == VMX_EXIT_SHUTDOWN);
	if (reason == VMX_EXIT_INTERNAL_ERROR)
		ASSERT_EQ(VMX_INTERNAL_ERROR_EMULATION, v->run->internal.suberror);
}

static void on_alarm(int sig)
{
}

/* CR3 that leads out of all slots. The first fetch cannot be done: not the VMM's mistake. */
TEST(page_tables_nowhere)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_halt);
	struct vmx_sregs s = vcpu_sregs(v);
	struct sigaction action = { .sa_handler = on_alarm };
	u32 reason;

	s.cr3 = 0x8000000000ull;
	if (s.cr3 >> (cpuid_find(supported_cpuid(), 0x80000008, 0)->eax & 0xff))
		SKIP(return, "no address that is free");
	vcpu_set_sregs(v, &s);
	sigaction(SIGALRM, &action, NULL);
	alarm(3);
	ASSERT_EQ(0, try_run(v));
	reason = v->run->exit_reason;
	ASSERT_TRUE(reason == VMX_EXIT_INTERNAL_ERROR || reason == VMX_EXIT_SHUTDOWN);
}

/* State that no CPU can be in is refused, or found at entry; it never runs. */
TEST(bad_state_is_refused)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_halt);
	struct vmx_sregs s = vcpu_sregs(v);

	s.cr0 &= ~(u64)CR0_PE;		/* PG without PE */
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	s = vcpu_sregs(v);
	s.cr4 &= ~(u64)CR4_PAE;		/* long mode without PAE */
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	s = vcpu_sregs(v);
	s.cr0 |= 1ull << 32;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	vcpu_expect_exit(v, VMX_EXIT_HLT);
}

TEST_HARNESS_MAIN
