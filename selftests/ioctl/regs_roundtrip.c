// SPDX-License-Identifier: GPL-2.0-only
/* What is set is what is got, for every block of vCPU state; wrong values are refused. */
#include "vmxtest.h"

static void guest_nop(u64 id)
{
	guest_done();
}

static struct vcpu *start(unsigned int flags)
{
	return vcpu_create(vm_create(flags), 0, guest_nop);
}

static void fill(void *p, size_t size, u8 seed)
{
	for (size_t i = 0; i < size; i++)
		((u8 *)p)[i] = (u8)(seed + i * 37);
}

TEST(regs)
{
	struct vcpu *v = start(0);
	struct vmx_regs a, b;

	fill(&a, sizeof(a), 3);
	a.rflags = 0x202;
	vcpu_set_regs(v, &a);
	memset(&b, 0, sizeof(b));
	b = vcpu_regs(v);
	ASSERT_EQ(0, memcmp(&a, &b, sizeof(a)));
	/* bit 1 of RFLAGS is always one */
	a.rflags = 0;
	vcpu_set_regs(v, &a);
	ASSERT_EQ(2, vcpu_regs(v).rflags);
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_SET_REGS, (void *)8));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_GET_REGS, (void *)8));
}

TEST(sregs)
{
	struct vcpu *v = start(0);
	struct vmx_sregs a = vcpu_sregs(v), b;

	a.fs.base = 0x123456789000ull;
	a.gs.base = 0xffff888000001000ull;
	a.ldt.base = 0x5000;
	a.ldt.limit = 0x77;
	a.ldt.type = 2;
	a.ldt.present = 1;
	a.ldt.unusable = 0;
	a.ldt.selector = 0x50;
	a.gdt.base = 0xffff800000012340ull;
	a.gdt.limit = 0x1237;
	a.idt.base = 0xffff800000056780ull;
	a.idt.limit = 0x0ff7;
	a.cr2 = 0xdeadbeef000ull;
	a.cr3 = 0x7000;
	vcpu_set_sregs(v, &a);
	b = vcpu_sregs(v);
	ASSERT_EQ(a.fs.base, b.fs.base);
	ASSERT_EQ(a.gs.base, b.gs.base);
	ASSERT_EQ(a.ldt.base, b.ldt.base);
	ASSERT_EQ(a.ldt.limit, b.ldt.limit);
	ASSERT_EQ(a.ldt.selector, b.ldt.selector);
	ASSERT_EQ(a.gdt.base, b.gdt.base);
	ASSERT_EQ(a.gdt.limit, b.gdt.limit);
	ASSERT_EQ(a.idt.base, b.idt.base);
	ASSERT_EQ(a.idt.limit, b.idt.limit);
	ASSERT_EQ(a.cr2, b.cr2);
	ASSERT_EQ(a.cr3, b.cr3);
	ASSERT_EQ(a.cr0, b.cr0);
	ASSERT_EQ(a.cr4, b.cr4);
	ASSERT_EQ(a.efer, b.efer);
	ASSERT_EQ(a.cs.selector, b.cs.selector);
	ASSERT_EQ(a.cs.type, b.cs.type);
	ASSERT_EQ(1, b.cs.l);
}

/* CR4 bits that CPUID does not offer, an APIC base beyond the physical address width. */
TEST(sregs_checked)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());
	struct vmx_sregs good, s;

	cpuid_find(c, 7, 0)->ebx &= ~(1u << 7);		/* no SMEP */
	cpuid_find(c, 1, 0)->ecx &= ~(1u << 26);	/* no XSAVE */
	vcpu_set_cpuid(v, c);
	vcpu_set_long(v, guest_nop);
	good = s = vcpu_sregs(v);
	s.cr4 |= CR4_SMEP;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	s = good;
	s.cr4 |= CR4_OSXSAVE;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	s = good;
	s.cr4 |= 1ull << 40;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	s = good;
	s.apic_base |= 1ull << 60;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	s = good;
	s.cs.l = 0;	/* LMA with a 32-bit CS is compatibility mode: allowed */
	s.cs.db = 1;
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	vcpu_set_sregs(v, &good);
	vcpu_expect_done(v);
}

/* An interrupt to inject without an irqchip: taken by SET_SREGS's bitmap. */
static volatile u64 got_vector;

static void on_irq(struct guest_frame *f)
{
	got_vector = f->vector;
}

static void guest_wait_irq(u64 id)
{
	guest_handlers[0x41] = on_irq;
	guest_sync(1);
	irqs_on();
	asm volatile("nop");
	GUEST_ASSERT_EQ(got_vector, 0x41);
	guest_done();
}

TEST(sregs_interrupt_bitmap)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_wait_irq);
	struct vmx_sregs s;
	struct vmx_regs r;

	vcpu_expect_sync(v, 1);
	v->run->immediate_exit = 1;		/* completes the OUT */
	ASSERT_EQ(-EINTR, try_run(v));
	v->run->immediate_exit = 0;
	r = vcpu_regs(v);
	r.rflags |= RFLAGS_IF;
	vcpu_set_regs(v, &r);
	s = vcpu_sregs(v);
	s.interrupt_bitmap[1] = 1ull << 1;
	vcpu_set_sregs(v, &s);
	vcpu_expect_done(v);
}

TEST(fpu)
{
	struct vcpu *v = start(0);
	struct vmx_fpu a = { .fcw = 0x27f, .fsw = 0x3800, .ftwx = 0x81, .last_opcode = 0x123,
			     .last_ip = 0x1234567, .last_dp = 0x7654321, .mxcsr = 0x1f80 }, b;

	fill(a.fpr, sizeof(a.fpr), 11);
	for (int i = 0; i < 8; i++)	/* 80 bits each; the rest is reserved */
		memset(a.fpr[i] + 10, 0, 6);
	fill(a.xmm, sizeof(a.xmm), 77);
	must_ioctl(v->fd, VMX_SET_FPU, &a);
	must_ioctl(v->fd, VMX_GET_FPU, &b);
	ASSERT_EQ(a.fcw, b.fcw);
	ASSERT_EQ(a.fsw, b.fsw);
	ASSERT_EQ(a.ftwx, b.ftwx);
	ASSERT_EQ(a.last_opcode, b.last_opcode);
	ASSERT_EQ(a.last_ip, b.last_ip);
	ASSERT_EQ(a.last_dp, b.last_dp);
	ASSERT_EQ(0, memcmp(a.fpr, b.fpr, sizeof(a.fpr)));
	ASSERT_EQ(0, memcmp(a.xmm, b.xmm, sizeof(a.xmm)));
}

TEST(xsave)
{
	struct vcpu *v = start(0);
	static struct vmx_xsave a, b;
	u8 *area = (u8 *)a.region;

	REQUIRE_CAP(VMX_CAP_XSAVE);
	must_ioctl(v->fd, VMX_GET_XSAVE, &a);
	/* legacy area: FCW at 0, MXCSR at 24, XMM from 160; XSTATE_BV at 512 (SDM 1 13.4) */
	ASSERT_EQ(0x1f80, *(u32 *)(area + 24));
	*(u16 *)area = 0x27f;
	fill(area + 160, 256, 9);
	*(u64 *)(area + 512) |= 3;
	must_ioctl(v->fd, VMX_SET_XSAVE, &a);
	must_ioctl(v->fd, VMX_GET_XSAVE, &b);
	ASSERT_EQ(0x27f, *(u16 *)b.region);
	ASSERT_EQ(0, memcmp(area + 160, (u8 *)b.region + 160, 256));
	ASSERT_EQ(3, *(u64 *)((u8 *)b.region + 512) & 3);
	/* a reserved MXCSR bit, a feature that XCR0 cannot have */
	*(u32 *)(area + 24) = 0x80000000;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_XSAVE, &a));
	*(u32 *)(area + 24) = 0x1f80;
	*(u64 *)(area + 512) |= 1ull << 62;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_XSAVE, &a));
}

TEST(xcrs)
{
	struct vcpu *v = start(0);
	struct vmx_xcrs x;

	REQUIRE_CAP(VMX_CAP_XCRS);
	REQUIRE_CPUID(1, 0, 2, 26, "XSAVE");
	must_ioctl(v->fd, VMX_GET_XCRS, &x);
	ASSERT_EQ(1, x.nr_xcrs);
	ASSERT_EQ(0, x.xcrs[0].xcr);
	ASSERT_EQ(1, x.xcrs[0].value);	/* after reset: x87 only */
	x.xcrs[0].value = 3;
	must_ioctl(v->fd, VMX_SET_XCRS, &x);
	memset(&x, 0, sizeof(x));
	must_ioctl(v->fd, VMX_GET_XCRS, &x);
	ASSERT_EQ(3, x.xcrs[0].value);
	x.xcrs[0].value = 2;	/* SSE without x87 */
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_XCRS, &x));
	x.xcrs[0].value = 5;	/* AVX without SSE */
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_XCRS, &x));
	x.xcrs[0].value = 3;
	x.flags = 1;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_XCRS, &x));
	x.flags = 0;
	x.nr_xcrs = 1000;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_XCRS, &x));
}

TEST(debugregs)
{
	struct vcpu *v = start(0);
	struct vmx_debugregs d = { .db = { 0x1000, 0x2000, 0x3000, 0x4000 }, .dr6 = 0xffff0ff0,
				   .dr7 = 0x400 }, e;

	must_ioctl(v->fd, VMX_SET_DEBUGREGS, &d);
	must_ioctl(v->fd, VMX_GET_DEBUGREGS, &e);
	ASSERT_EQ(0, memcmp(d.db, e.db, sizeof(d.db)));
	ASSERT_EQ(0xffff0ff0, e.dr6);
	ASSERT_EQ(0x400, e.dr7);
	d.flags = 1;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_DEBUGREGS, &d));
	d.flags = 0;
	d.dr7 = 1ull << 32;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_DEBUGREGS, &d));
	d.dr7 = 0x400;
	d.dr6 = 1ull << 32;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_DEBUGREGS, &d));
}

TEST(vcpu_events)
{
	struct vcpu *v = start(VM_IRQCHIP);
	struct vmx_vcpu_events e, f;

	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	ASSERT_EQ(0, e.exception.injected);
	ASSERT_EQ(0, e.nmi.masked);
	e.nmi.pending = 1;
	e.nmi.masked = 1;
	e.interrupt.shadow = VMX_X86_SHADOW_INT_STI;
	e.flags = VMX_VCPUEVENT_VALID_NMI_PENDING | VMX_VCPUEVENT_VALID_SHADOW;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &f);
	ASSERT_EQ(1, f.nmi.pending);
	ASSERT_EQ(1, f.nmi.masked);
	ASSERT_NE(0, f.interrupt.shadow);
	e.flags = 1u << 31;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e));
}

/* An exception put in by the VMM reaches the guest's handler. */
static volatile u64 injected_gps, injected_error;

static void on_injected_gp(struct guest_frame *f)
{
	injected_gps++;
	injected_error = f->error;
}

static void guest_injected(u64 id)
{
	guest_handlers[VEC_GP] = on_injected_gp;
	guest_sync(1);
	/* whatever comes next: the exception is delivered before it and returns to it */
	GUEST_ASSERT_EQ(injected_gps, 1);
	GUEST_ASSERT_EQ(injected_error, 0x18);
	guest_done();
}

TEST(vcpu_events_inject)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_injected);
	struct vmx_vcpu_events e;

	vcpu_expect_sync(v, 1);
	/* finish the OUT */
	v->run->immediate_exit = 1;
	ASSERT_EQ(-EINTR, try_run(v));
	v->run->immediate_exit = 0;
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	e.exception.injected = 1;
	e.exception.nr = VEC_GP;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0x18;
	e.flags = 0;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	vcpu_expect_done(v);
}

TEST(mp_state)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create_reset(vm, 0), *w = vcpu_create_reset(vm, 1);
	struct vmx_mp_state s = { .mp_state = 77 };

	ASSERT_EQ(VMX_MP_STATE_RUNNABLE, vcpu_mp_state(v));
	ASSERT_EQ(VMX_MP_STATE_UNINITIALIZED, vcpu_mp_state(w));
	vcpu_set_mp_state(w, VMX_MP_STATE_HALTED);
	ASSERT_EQ(VMX_MP_STATE_HALTED, vcpu_mp_state(w));
	vcpu_set_mp_state(w, VMX_MP_STATE_INIT_RECEIVED);
	ASSERT_EQ(VMX_MP_STATE_INIT_RECEIVED, vcpu_mp_state(w));
	if (!device_is_vmx())
		return;		/* in-tree 6.1 takes any number */
	ASSERT_EQ(-EINVAL, try_ioctl(w->fd, VMX_SET_MP_STATE, &s));
}

TEST(mp_state_without_irqchip)
{
	struct vcpu *v = start(0);
	struct vmx_mp_state s = { .mp_state = VMX_MP_STATE_HALTED };

	ASSERT_EQ(VMX_MP_STATE_RUNNABLE, vcpu_mp_state(v));
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_MP_STATE, &s));
}

TEST_HARNESS_MAIN
