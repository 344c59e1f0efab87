// SPDX-License-Identifier: GPL-2.0-only
/* VMX_CAP_SYNC_REGS: registers in struct vmx_run, out with an exit and in with an entry. */
#include "vmxtest.h"

#define ALL (VMX_SYNC_X86_REGS | VMX_SYNC_X86_SREGS | VMX_SYNC_X86_EVENTS)

static volatile u64 seen_rbx, seen_cr3, hits;

static void guest_loop(u64 id)
{
	for (;;) {
		u64 b = 0;

		asm volatile("outl %%eax, %%dx" : "+b"(b) : "a"(CALL_SYNC), "d"(CALL_PORT), "D"(1ul)
			     : "memory");
		seen_rbx = b;
		seen_cr3 = read_cr3();
	}
}

TEST(capability)
{
	ASSERT_EQ(ALL, check_cap(vm_create(0)->fd, VMX_CAP_SYNC_REGS) & ALL);
}

TEST(out)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_loop);
	struct vmx_vcpu_events e;
	struct vmx_sregs s;
	struct vmx_regs r;

	memset(&v->run->s, 0xee, sizeof(v->run->s));
	vcpu_expect_sync(v, 1);
	/* not asked for: not written */
	ASSERT_EQ(0xeeeeeeeeeeeeeeee, v->run->s.regs.regs.rip);
	v->run->vmx_valid_regs = ALL;
	vcpu_expect_sync(v, 1);
	r = vcpu_regs(v);
	s = vcpu_sregs(v);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	ASSERT_EQ(0, memcmp(&r, &v->run->s.regs.regs, sizeof(r)));
	ASSERT_EQ(0, memcmp(&s, &v->run->s.regs.sregs, sizeof(s)));
	ASSERT_EQ(0, memcmp(&e, &v->run->s.regs.events, sizeof(e)));
	/* one of them */
	v->run->vmx_valid_regs = VMX_SYNC_X86_SREGS;
	v->run->s.regs.regs.rip = 7;
	v->run->s.regs.sregs.cr3 = 7;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(7, v->run->s.regs.regs.rip);
	ASSERT_EQ(s.cr3, v->run->s.regs.sregs.cr3);
}

TEST(in)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_loop);
	u64 cr3;

	v->run->vmx_valid_regs = ALL;
	vcpu_expect_sync(v, 1);
	v->run->s.regs.regs.rbx = 0x1234;
	/* not marked: not taken */
	v->run->vmx_valid_regs = 0;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, seen_rbx);
	v->run->vmx_valid_regs = ALL;
	vcpu_expect_sync(v, 1);
	v->run->s.regs.regs.rbx = 0x1234;
	/* a copy of the top of the page tables elsewhere */
	cr3 = pt_alloc(vm);
	memcpy(vm_ptr(vm, cr3), vm_ptr(vm, LOW_PGTABLE), 4096);
	v->run->s.regs.sregs.cr3 = cr3;
	v->run->vmx_dirty_regs = VMX_SYNC_X86_REGS | VMX_SYNC_X86_SREGS;
	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, v->run->vmx_dirty_regs);
	ASSERT_EQ(0x1234, seen_rbx);
	ASSERT_EQ(cr3, seen_cr3);
}

static void on_gp(struct guest_frame *f)
{
	hits++;
	hits += f->error;
}

static void guest_event(u64 id)
{
	guest_handlers[VEC_GP] = on_gp;
	guest_sync(1);
	guest_sync(2);
	guest_done();
}

TEST(event_in)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_event);
	struct vmx_vcpu_events *e = &v->run->s.regs.events;

	v->run->vmx_valid_regs = VMX_SYNC_X86_EVENTS;
	vcpu_expect_sync(v, 1);
	e->exception.injected = 1;
	e->exception.nr = VEC_GP;
	e->exception.has_error_code = 1;
	e->exception.error_code = 0x10;
	v->run->vmx_dirty_regs = VMX_SYNC_X86_EVENTS;
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(0x11, hits);
	ASSERT_EQ(0, e->exception.injected);
}

TEST(refused)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_loop);

	vcpu_expect_sync(v, 1);
	v->run->vmx_valid_regs = 1u << 30;
	ASSERT_EQ(-EINVAL, try_run(v));
	v->run->vmx_valid_regs = 0;
	v->run->vmx_dirty_regs = 1u << 30;
	ASSERT_EQ(-EINVAL, try_run(v));
	/* a state that there is not: EFER.LMA without paging */
	v->run->vmx_dirty_regs = 0;
	v->run->vmx_valid_regs = VMX_SYNC_X86_SREGS;
	vcpu_expect_sync(v, 1);
	v->run->s.regs.sregs.cr4 |= 1ull << 63;
	v->run->vmx_dirty_regs = VMX_SYNC_X86_SREGS;
	ASSERT_EQ(-EINVAL, try_run(v));
	v->run->vmx_dirty_regs = VMX_SYNC_X86_EVENTS;
	v->run->s.regs.events.flags = ~0u;
	ASSERT_EQ(-EINVAL, try_run(v));
	v->run->vmx_dirty_regs = 0;
	vcpu_expect_sync(v, 1);
}

TEST_HARNESS_MAIN
