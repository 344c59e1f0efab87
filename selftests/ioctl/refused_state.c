// SPDX-License-Identifier: GPL-2.0-only
/* State that a CPU refuses, or would if it were not put right: an answer, and the vCPU goes on. */
#include "vmxtest.h"

#define RFLAGS_STEP (1ull << 8)
#define RFLAGS_INTR (1ull << 9)

static volatile u64 steps;

static void guest_end(u64 id)
{
	guest_done();
}

/* 64-bit code with 32-bit operands is none: refused by both makes of CPU. Before the first entry, and after. */
TEST(refused_then_repaired)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_end);
	struct vmx_sregs good = vcpu_sregs(v), bad = good;

	if (host_is_tcg() && host_is_amd())
		SKIP(return, "this emulated CPU runs such code");
	bad.cs.db = 1;
	for (int i = 0; i < 3; i++) {
		vcpu_set_sregs(v, &bad);
		ASSERT_EQ(0, try_ioctl(v->fd, VMX_RUN, 0));
		ASSERT_EQ(VMX_EXIT_FAIL_ENTRY, v->run->exit_reason);
		ASSERT_TRUE(v->run->fail_entry.hardware_entry_failure_reason);
		vcpu_set_sregs(v, &good);
		vcpu_expect_done(v);
	}
}

static void on_step(struct guest_frame *f)
{
	steps++;
}

static void on_first_step(struct guest_frame *f)
{
	steps++;
	f->rflags &= ~RFLAGS_STEP;
}

static void guest_steps_sti(u64 id)
{
	guest_handlers[VEC_DB] = on_step;
	asm volatile("cli; pushfq; orl $0x100, (%%rsp); popfq;"
		     "sti; nop; nop; pushfq; andl $~0x100, (%%rsp); popfq" : : : "memory", "cc");
	/* sti, nop, nop, pushfq, andl, popfq */
	GUEST_ASSERT_EQ(steps, 6);
	guest_done();
}

/* The trap comes right behind STI, while its shadow lasts. */
TEST(step_over_sti)
{
	if (host_is_tcg() && host_is_amd())
		SKIP(return, "this emulated CPU takes no trap in the shadow of STI");
	vcpu_expect_done(vcpu_create(vm_create(0), 0, guest_steps_sti));
}

static void set_shadow(struct vcpu *v, u8 shadow)
{
	struct vmx_vcpu_events e;

	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	e.flags = VMX_VCPUEVENT_VALID_SHADOW;
	e.interrupt.shadow = shadow;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
}

/* A shadow first, and then RFLAGS that do not fit it. */
static void shadow_then_rflags(u8 shadow, u64 rflags)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_end);
	struct vmx_regs r = vcpu_regs(v);

	guest_handlers[VEC_DB] = on_first_step;
	r.rflags = 2 | RFLAGS_INTR;
	vcpu_set_regs(v, &r);
	set_shadow(v, shadow);
	r.rflags = 2 | rflags;
	vcpu_set_regs(v, &r);
	vcpu_expect_done(v);
	CHECK_EQ(!!(rflags & RFLAGS_STEP), steps);
	steps = 0;
}

TEST(rflags_in_a_shadow)
{
	shadow_then_rflags(VMX_X86_SHADOW_INT_STI, 0);
	shadow_then_rflags(VMX_X86_SHADOW_INT_STI, RFLAGS_INTR | RFLAGS_STEP);
	shadow_then_rflags(VMX_X86_SHADOW_INT_STI, RFLAGS_STEP);
	shadow_then_rflags(VMX_X86_SHADOW_INT_MOV_SS, RFLAGS_STEP);
}

/* What this CPU has not is refused; with what was taken the guest runs, and the host lives. */
TEST(spec_ctrl_bits)
{
	static const u8 bits[] = { 0, 1, 2, 7 };
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_end);
	struct { struct vmx_msrs head; struct vmx_msrs_entry entry; } m = {
		.head.nmsrs = 1, .entry.index = 0x48,
	};

	for (unsigned int i = 0; i < sizeof(bits); i++) {
		m.entry.data = 1ull << bits[i];
		if (try_ioctl(v->fd, VMX_SET_MSRS, &m) != 1)
			continue;
		vcpu_expect_done(v);
		m.entry.data = 0;
		ASSERT_EQ(1, try_ioctl(v->fd, VMX_SET_MSRS, &m));
	}
	vcpu_expect_done(v);
}

/* Addresses are canonical by this CPU, whatever the VMM's CPUID claims. */
TEST(canonical_msrs)
{
	static const u32 msrs[] = { 0xc0000082, 0xc0000102, 0xc0000100, 0x176 };
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());
	struct vmx_cpuid_entry2 *e = cpuid_find(c, 0x80000008, 0);
	struct { struct vmx_msrs head; struct vmx_msrs_entry entry; } m = { .head.nmsrs = 1 };
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_end);

	if (host_is_amd())
		SKIP(return, "AMD's control block takes any address");
	if ((e->eax >> 8 & 0xff) > 48)
		SKIP(return, "57 bits are canonical here");
	e->eax = (e->eax & ~0xff00u) | 57 << 8;
	if (try_ioctl(v->fd, VMX_SET_CPUID2, c))
		SKIP(return, "the CPUID is refused");
	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		m.entry.index = msrs[i];
		m.entry.data = 0x0012345600000000ull;
		ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_MSRS, &m));
	}
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
