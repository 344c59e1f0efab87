// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exception comes in the way of another event: it goes first, and the other is not lost.
 *
 * What raises one here is the handler's stack: 32-bit code of ring 3 is interrupted into ring 3, with #AC on
 * and ESP odd. #AC is benign, so no #DF (SDM 3A 6.15, table 6-5); its handler in ring 0 mends ESP, and then the
 * event is due again.
 */
#include "vmxtest.h"

#define SEL_UCODE32 0x483
#define SEL_TSS32 0x488
#define IDT32 LOW_SCRATCH
#define TSS32 (LOW_SCRATCH + 0x1000)
#define KERNEL_STACK (LOW_SCRATCH + 0x3000)
#define USER_STACK (LOW_SCRATCH + 0x5001)
#define VECTOR_IRQ 0x40
#define VECTOR_INT 0x41
#define VECTOR_AC 17
#define EFLAGS_IF (1 << 9)
#define EFLAGS_IOPL3 (3 << 12)
#define EFLAGS_AC (1 << 18)

volatile u32 alignment_checks, user_irqs;

CODE32(user_spin, "1: pause; jmp 1b");
CODE32(user_int, "int $0x41; mov $2, %eax; mov $0xe0, %edx; out %eax, %dx; hlt");
CODE32(on_user_irq, "incl user_irqs; mov $1, %eax; mov user_irqs, %edi; mov alignment_checks, %esi;"
       "mov $0xe0, %edx; out %eax, %dx; iret");
CODE32(on_alignment_check, "incl alignment_checks; add $4, %esp; andl $~3, 12(%esp); iret");

static u64 gate32(const char *handler, u16 selector, u8 dpl)
{
	u64 at = (u64)handler;

	return (at & 0xffff) | (u64)selector << 16 | (u64)(0x8e | dpl << 5) << 40 |
	       (at & 0xffff0000) << 32;
}

static struct vcpu *user32_vcpu(struct vm *vm, const char *code)
{
	struct vcpu *v = vcpu_create_reset(vm, 0);
	u64 *gdt = (u64 *)(vm->low + LOW_GDT), *idt = (u64 *)(vm->low + IDT32);
	u32 *tss = (u32 *)(vm->low + TSS32);
	struct vmx_sregs s;
	struct vmx_regs r;

	gdt[SEL_UCODE32 / 8] = 0x00cffb000000ffffull;
	idt[VECTOR_IRQ] = gate32(on_user_irq, SEL_UCODE32, 3);
	idt[VECTOR_INT] = gate32(on_user_irq, SEL_UCODE32, 3);
	idt[VECTOR_AC] = gate32(on_alignment_check, SEL_CODE32, 0);
	tss[1] = KERNEL_STACK;	/* ESP0, SS0 */
	tss[2] = SEL_DATA;

	vcpu_set_prot32(v, (u64)code);
	s = vcpu_sregs(v);
	s.cr0 |= 1 << 18;	/* AM */
	s.idt = (struct vmx_dtable){ .base = IDT32, .limit = 0x7ff };
	s.tr = (struct vmx_segment){ .selector = SEL_TSS32, .base = TSS32, .limit = 0x67,
				     .type = 11, .present = 1 };
	s.cs.selector = SEL_UCODE32;
	s.ss.selector = s.ds.selector = s.es.selector = SEL_UDATA;
	s.fs.selector = s.gs.selector = SEL_UDATA;
	s.cs.dpl = s.ss.dpl = s.ds.dpl = s.es.dpl = s.fs.dpl = s.gs.dpl = 3;
	vcpu_set_sregs(v, &s);
	r = vcpu_regs(v);
	r.rsp = USER_STACK;
	r.rflags |= EFLAGS_IF | EFLAGS_IOPL3 | EFLAGS_AC;
	vcpu_set_regs(v, &r);
	return v;
}

static void lapic_switch_on(struct vcpu *v)
{
	struct vmx_lapic_state l;

	must_ioctl(v->fd, VMX_GET_LAPIC, &l);
	*(u32 *)&l.regs[APIC_SPIV] = 0x1ff;
	must_ioctl(v->fd, VMX_SET_LAPIC, &l);
}

#define REQUIRE_AC() do { \
	if (host_is_tcg()) \
		SKIP(return, "QEMU raises no #AC"); \
	} while (0)

static void expect_both(struct vcpu *v)
{
	struct ucall uc = vcpu_call(v);

	CHECK_EQ(uc.call, CALL_SYNC);
	CHECK_EQ(uc.a, 1);	/* the event came once */
	CHECK_EQ(uc.b, 1);	/* after the exception */
}

TEST(lapic_interrupt)
{
	struct vmx_msi msi = { .address_lo = APIC_DEFAULT_BASE, .data = VECTOR_IRQ };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v;

	REQUIRE_AC();
	v = user32_vcpu(vm, user_spin);
	lapic_switch_on(v);
	ASSERT_EQ(1, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi));
	expect_both(v);
}

TEST(vmm_interrupt)
{
	struct vmx_interrupt irq = { .irq = VECTOR_IRQ };
	struct vcpu *v;

	REQUIRE_AC();
	v = user32_vcpu(vm_create(0), user_spin);
	must_ioctl(v->fd, VMX_INTERRUPT, &irq);
	expect_both(v);
}

TEST(software_interrupt)
{
	struct vcpu *v;

	REQUIRE_AC();
	v = user32_vcpu(vm_create(0), user_int);
	expect_both(v);
	ASSERT_EQ(CALL_DONE, vcpu_call(v).call);	/* back behind the INT, once */
	ASSERT_EQ(1, user_irqs);
}

/* The same as state that a VMM restores: an exception and an interrupt, both on their way. */
static volatile u64 exceptions, irqs, nmis, exceptions_at_irq;

static void on_ud(struct guest_frame *f)
{
	GUEST_ASSERT_EQ(f->rflags & EFLAGS_IF, EFLAGS_IF);
	exceptions++;
}

static void on_irq(struct guest_frame *f)
{
	irqs++;
	exceptions_at_irq = exceptions;
	xapic_eoi();
}

static void on_nmi(struct guest_frame *f)
{
	nmis++;
}

static void guest_restored(u64 id)
{
	guest_handlers[VEC_UD] = on_ud;
	guest_handlers[VECTOR_IRQ] = on_irq;
	guest_handlers[VEC_NMI] = on_nmi;
	xapic_enable();
	irqs_on();
	guest_sync(1);
	for (volatile int i = 0; i < 100; i++)
		;
	guest_done();
}

TEST(restored_exception_and_interrupt)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_restored);
	struct vmx_vcpu_events e;

	vcpu_expect_sync(v, 1);
	v->run->immediate_exit = 1;	/* the OUT is over after that */
	ASSERT_EQ(-EINTR, try_run(v));
	v->run->immediate_exit = 0;
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	e.exception.injected = 1;
	e.exception.nr = VEC_UD;
	e.interrupt.injected = 1;
	e.interrupt.nr = VECTOR_IRQ;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	ASSERT_EQ(1, e.exception.injected);
	ASSERT_EQ(1, e.interrupt.injected);
	ASSERT_EQ(VECTOR_IRQ, e.interrupt.nr);
	vcpu_expect_done(v);
	ASSERT_EQ(1, exceptions);
	ASSERT_EQ(1, irqs);
	ASSERT_EQ(1, exceptions_at_irq);
}

TEST(restored_exception_and_nmi)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_restored);
	struct vmx_vcpu_events e;

	vcpu_expect_sync(v, 1);
	v->run->immediate_exit = 1;
	ASSERT_EQ(-EINTR, try_run(v));
	v->run->immediate_exit = 0;
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	e.exception.injected = 1;
	e.exception.nr = VEC_UD;
	e.nmi.injected = 1;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	vcpu_expect_done(v);
	ASSERT_EQ(1, exceptions);
	ASSERT_EQ(1, nmis);
}

TEST_HARNESS_MAIN
