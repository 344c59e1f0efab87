// SPDX-License-Identifier: GPL-2.0-only
/* When interrupts and NMIs get in: STI's shadow, CLI, NMI until IRET, the VMM's window. */
#include "vmxtest.h"

static volatile u64 irqs, irq_rip, nmis, nmi_depth, nested;

static void on_irq(struct guest_frame *f)
{
	irqs++;
	irq_rip = f->rip;
	xapic_eoi();
}

/* STI, then an instruction that runs before the interrupt is taken. */
static void guest_sti_shadow(u64 id)
{
	u64 here;

	guest_handlers[0x40] = on_irq;
	xapic_enable();
	irqs_off();
	for (u64 i = 1; i <= 50; i++) {
		xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
		asm volatile("lea 1f(%%rip), %0; sti; nop; 1: nop; cli" : "=&r"(here) : : "memory");
		GUEST_ASSERT_EQ(irqs, i);
		GUEST_ASSERT_EQ(irq_rip, here);
	}
	/* STI;CLI opens nothing */
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
	asm volatile("sti; cli; nop; nop" : : : "memory");
	GUEST_ASSERT_EQ(irqs, 50);
	/* an instruction that exits, in the shadow */
	u32 a = 0, b, c = 0, d;

	asm volatile("lea 1f(%%rip), %4; sti; cpuid; 1: nop; cli"
		     : "+a"(a), "=b"(b), "+c"(c), "=d"(d), "=&r"(here) : : "memory");
	GUEST_ASSERT_EQ(irqs, 51);
	GUEST_ASSERT_EQ(irq_rip, here);
	guest_done();
}

TEST(sti_shadow)
{
	vcpu_expect_done(vcpu_create(vm_create(VM_IRQCHIP), 0, guest_sti_shadow));
}

/* CR8 is written while an interrupt waits for IF, as firmware's handlers do on their way out. */
static void guest_cr8_in_window(u64 id)
{
	guest_handlers[0x40] = on_irq;
	xapic_enable();
	irqs_off();
	for (u64 i = 1; i <= 50; i++) {
		xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
		write_cr8(2);
		GUEST_ASSERT_EQ(read_cr8(), 2);
		write_cr8(0);
		GUEST_ASSERT_EQ(irqs, i - 1);
		asm volatile("sti; nop; cli" : : : "memory");
		GUEST_ASSERT_EQ(irqs, i);
	}
	guest_done();
}

TEST(cr8_in_window)
{
	if (host_is_tcg() && !device_is_vmx())
		SKIP(return, "QEMU, the emulated host, ends with an assertion (amd/inject.c)");
	vcpu_expect_done(vcpu_create(vm_create(VM_IRQCHIP), 0, guest_cr8_in_window));
}

/*
 * The shadow that the VMM sets covers one instruction, a NOP here. In-tree KVM fails this where QEMU
 * emulates the host: its VMRUN does not load the shadow from the control block.
 */
extern char shadow_nops[];

static void guest_shadow_nops(u64 id)
{
	guest_handlers[0x40] = on_irq;
	xapic_enable();
	irqs_on();
	for (;;) {
		guest_sync(1);
		asm volatile(".globl shadow_nops; shadow_nops: nop; nop; nop; nop");
	}
}

TEST(shadow_from_the_vmm)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_shadow_nops);
	struct vmx_msi msi = { .address_lo = APIC_DEFAULT_BASE, .data = 0x40 };
	struct vmx_vcpu_events e;
	struct vmx_regs regs;

	for (u64 i = 1; i <= 200; i++) {
		vcpu_expect_sync(v, 1);
		v->run->immediate_exit = 1;	/* the OUT is over after that */
		ASSERT_EQ(-EINTR, try_run(v));
		v->run->immediate_exit = 0;
		must_ioctl(v->fd, VMX_GET_REGS, &regs);
		regs.rip = (u64)shadow_nops;
		must_ioctl(v->fd, VMX_SET_REGS, &regs);
		must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
		e.interrupt.shadow = i % 2 ? VMX_X86_SHADOW_INT_STI : 0;
		e.flags = VMX_VCPUEVENT_VALID_SHADOW;
		must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
		ASSERT_EQ(1, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi));
		vcpu_expect_sync(v, 1);
		ASSERT_EQ(i, irqs);
		ASSERT_EQ((u64)shadow_nops + i % 2, irq_rip);
	}
}

/* An interrupt comes once, and not into its own handler, however long that runs with IF clear. */
static volatile u64 depth, handler_cycles;

static void on_long_irq(struct guest_frame *f)
{
	u64 start = rdtsc();

	GUEST_ASSERT_EQ(depth, 0);
	depth++;
	irqs++;
	while (rdtsc() - start < handler_cycles)
		;
	depth--;
	xapic_eoi();
}

static void guest_long_handler(u64 id)
{
	guest_handlers[0x40] = on_long_irq;
	xapic_enable();
	irqs_on();
	for (u64 i = 1; i <= 150; i++) {
		xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
		GUEST_ASSERT_EQ(irqs, i);
	}
	guest_done();
}

/* Keeps another CPU busy: emulated CPUs then take turns, and each is stopped wherever it is. */
static volatile bool spinning;

static void *spin(void *unused)
{
	while (spinning)
		;
	return NULL;
}

static pthread_t begin_long_handlers(struct vcpu *v)
{
	pthread_t spinner;

	/* 4 ms: a tick of the host comes in most of them */
	handler_cycles = 4 * (u64)must_ioctl(v->fd, VMX_GET_TSC_KHZ, 0);
	spinning = true;
	CHECK_EQ(pthread_create(&spinner, NULL, spin, NULL), 0);
	return spinner;
}

static void end_long_handlers(pthread_t spinner)
{
	spinning = false;
	pthread_join(spinner, NULL);
}

TEST(once_and_not_nested)
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_long_handler);
	pthread_t spinner = begin_long_handlers(v);

	vcpu_expect_done(v);
	end_long_handlers(spinner);
}

/* The same with one behind it, which waits until the handler is through. */
static volatile u64 behind;

static void on_behind(struct guest_frame *f)
{
	behind++;
	GUEST_ASSERT_EQ(depth, 0);
	GUEST_ASSERT_EQ(irqs, behind);
	xapic_eoi();
}

static void guest_two_at_once(u64 id)
{
	guest_handlers[0x40] = on_long_irq;
	guest_handlers[0x70] = on_behind;
	xapic_enable();
	irqs_on();
	for (u64 i = 1; i <= 150; i++) {
		guest_sync(i);
		GUEST_ASSERT_EQ(irqs, i);
		GUEST_ASSERT_EQ(behind, i);
	}
	guest_done();
}

TEST(once_with_one_behind)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_two_at_once);
	struct vmx_msi msi = { .address_lo = APIC_DEFAULT_BASE, .data = 0x70 };
	pthread_t spinner = begin_long_handlers(v);
	struct vmx_vcpu_events e;

	for (u64 i = 1; i <= 150; i++) {
		vcpu_expect_sync(v, i);
		must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
		e.interrupt.injected = 1;
		e.interrupt.nr = 0x40;
		must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
		ASSERT_EQ(1, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi));
	}
	vcpu_expect_done(v);
	end_long_handlers(spinner);
}

/*
 * The host's CPU keeps its timer interrupts while a guest takes interrupts on it: QEMU forgets one now and then
 * when VMRUN brings a virtual interrupt, and ours has to have it found again.
 */
static volatile bool enough;

static void guest_self_ipis(u64 id)
{
	guest_handlers[0x40] = guest_handlers[0x41] = on_irq;
	xapic_enable();
	irqs_off();
	xapic_write(APIC_TDCR, 0xb);	/* divide by 1: 1 GHz */
	xapic_write(APIC_LVTT, APIC_TIMER_PERIODIC | 0x41);
	xapic_write(APIC_TMICT, 300000);	/* makes the host's timer come more often, too */
	while (!enough) {
		xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
		sti_hlt_cli();
	}
	guest_done();
}

static u64 timer_interrupts(int cpu)
{
	char line[4096], *at;
	u64 n = 0;
	FILE *f = fopen("/proc/interrupts", "r");

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, "LOC:");
		if (!at)
			continue;
		at += 4;
		for (int i = 0; i <= cpu; i++)
			n = strtoull(at, &at, 10);
		break;
	}
	fclose(f);
	return n;
}

TEST(host_keeps_its_timer)
{
	int cpu = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_self_ipis);
	u64 start = now_ms(), at = start, seen = 0, silent = 0;
	cpu_set_t set;

	if (cpu < 1)
		SKIP(return, "one CPU: nobody to watch it");
	enough = false;
	vcpu_start(v);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ASSERT_EQ(0, pthread_setaffinity_np(v->thread, sizeof(set), &set));
	while (silent < 2000 && now_ms() - start < 10000) {
		u64 n = timer_interrupts(cpu);

		if (n != seen)
			at = now_ms();
		seen = n;
		silent = now_ms() - at;
		usleep(100000);
	}
	enough = true;
	vcpu_join(v);
	ASSERT_NE(0, seen);
	ASSERT_GT(2000, silent);
}

/* A second NMI waits for the IRET of the first; one is kept. SDM 3A 6.7.1 */
static void on_nmi(struct guest_frame *f)
{
	nmis++;
	if (nmi_depth++)
		nested++;
	if (nmis == 1) {
		guest_sync(2);		/* the host sends two more */
		asm volatile("nop; nop; nop");
	}
	nmi_depth--;
}

static void guest_nmi(u64 id)
{
	guest_handlers[VEC_NMI] = on_nmi;
	guest_sync(1);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(nested, 0);
	GUEST_ASSERT_EQ(nmis, 2);
	guest_sync(3);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(nmis, 3);
	guest_done();
}

TEST(nmi_blocked_until_iret)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_nmi);
	struct vmx_vcpu_events e;

	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_NMI, 0);
	vcpu_expect_sync(v, 2);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	ASSERT_EQ(1, e.nmi.masked);
	must_ioctl(v->fd, VMX_NMI, 0);
	must_ioctl(v->fd, VMX_NMI, 0);
	vcpu_expect_sync(v, 3);
	must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
	ASSERT_EQ(0, e.nmi.masked);
	must_ioctl(v->fd, VMX_NMI, 0);
	vcpu_expect_done(v);
}

/*
 * An NMI waits for the IRET of the handler, whose frame is in a page that was not touched before: what the module has to
 * do for that page is not the guest's business. Or in one that the guest has not mapped: then #PF is. No frame shows
 * with what means the IRET was watched.
 */
#define FRAME_VA 0x7f1234400000ul
#define FLAGS_TF 0x100

volatile u64 handler_rsp;
void leave_nmi(void);
extern char behind_iret[];
asm(".pushsection .text\n"
    "leave_nmi: mov %rsp, handler_rsp(%rip); movabs $0x7f1234400000, %rsp; iretq\n"
    "behind_iret: nop; nop; mov handler_rsp(%rip), %rsp; ret\n"
    ".popsection\n");
static volatile u64 faults, fault_error, fault_flags, second_rip, second_flags, frame_entry;

static void on_frame_nmi(struct guest_frame *f)
{
	if (++nmis == 2) {
		second_rip = f->rip;
		second_flags = f->rflags;
		return;
	}
	guest_sync(2); /* the host sends one more */
	leave_nmi();
}

static void on_frame_fault(struct guest_frame *f)
{
	faults++;
	fault_error = f->error;
	fault_flags = f->rflags;
	*(volatile u64 *)frame_entry |= PTE_P;
}

static void guest_frame_nmi(u64 id)
{
	guest_handlers[VEC_NMI] = on_frame_nmi;
	guest_handlers[14] = on_frame_fault;
	guest_sync(1);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(nmis, 2);
	GUEST_ASSERT_EQ(second_flags & FLAGS_TF, 0);
	GUEST_ASSERT_EQ(fault_flags & FLAGS_TF, 0);
	guest_sync2(3, faults);
}

static void nmi_frame(u64 present, u64 want_faults)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_frame_nmi);
	u64 *frame = (u64 *)(vm->low + LOW_SCRATCH);
	u64 *entry = pt_map(vm, LOW_PGTABLE, FRAME_VA, LOW_SCRATCH, 1, PTE_W | present);

	/* #PF pushes its frame below the other. */
	pt_map(vm, LOW_PGTABLE, FRAME_VA - 0x1000, LOW_SCRATCH + 0x1000, 1, PTE_P | PTE_W);
	frame_entry = (u64)((char *)entry - vm->low);
	frame[0] = (u64)behind_iret;
	frame[1] = SEL_CODE64;
	frame[2] = 2;
	frame[3] = LOW_SCRATCH + 0x4000;
	frame[4] = SEL_DATA;
	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_NMI, 0);
	vcpu_expect_sync(v, 2);
	must_ioctl(v->fd, VMX_NMI, 0);
	vcpu_expect_sync(v, 3);
	CHECK(faults == want_faults);
}

TEST(nmi_behind_iret_from_new_page)
{
	nmi_frame(PTE_P, 0);
	ASSERT_EQ((u64)behind_iret, second_rip);
}

TEST(nmi_behind_iret_that_faults)
{
	nmi_frame(0, 1);
	ASSERT_EQ(0, fault_error);
}

/* Without an irqchip the VMM asks for the window and injects by ioctl. */
static volatile u64 user_irqs;

static void on_user_irq(struct guest_frame *f)
{
	user_irqs++;
}

static void guest_window(u64 id)
{
	guest_handlers[0x77] = on_user_irq;
	irqs_off();
	guest_sync(1);
	for (volatile int i = 0; i < 100; i++)
		;
	GUEST_ASSERT_EQ(user_irqs, 0);
	irqs_on();
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(user_irqs, 1);
	guest_hlt();
	guest_done();
}

TEST(window_for_the_vmm)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_window);
	struct vmx_interrupt irq = { .irq = 0x77 };

	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, v->run->if_flag);
	ASSERT_EQ(0, v->run->ready_for_interrupt_injection);
	v->run->request_interrupt_window = 1;
	vcpu_expect_exit(v, VMX_EXIT_IRQ_WINDOW_OPEN);
	ASSERT_EQ(1, v->run->if_flag);
	ASSERT_EQ(1, v->run->ready_for_interrupt_injection);
	v->run->request_interrupt_window = 0;
	must_ioctl(v->fd, VMX_INTERRUPT, &irq);
	vcpu_expect_exit(v, VMX_EXIT_HLT);
	ASSERT_EQ(1, user_irqs);
	vcpu_expect_done(v);
}

/* Between VMX_INTERRUPT and RUN the interrupt is state that moves with the vCPU. */
TEST(interrupt_is_state)
{
	for (int by_sregs = 0; by_sregs < 2; by_sregs++) {
		struct vm *vm = vm_create(0);
		struct vcpu *v = vcpu_create(vm, 0, guest_window);
		struct vmx_interrupt irq = { .irq = 0x77 };
		struct vmx_vcpu_events e, none = { .flags = 0 };
		struct vmx_sregs s;

		user_irqs = 0;
		vcpu_expect_sync(v, 1);
		v->run->request_interrupt_window = 1;
		vcpu_expect_exit(v, VMX_EXIT_IRQ_WINDOW_OPEN);
		v->run->request_interrupt_window = 0;
		must_ioctl(v->fd, VMX_INTERRUPT, &irq);
		must_ioctl(v->fd, VMX_GET_VCPU_EVENTS, &e);
		ASSERT_EQ(1, e.interrupt.injected);
		ASSERT_EQ(0x77, e.interrupt.nr);
		s = vcpu_sregs(v);
		ASSERT_EQ(1ull << (0x77 - 64), s.interrupt_bitmap[1]);
		/* out and in again: it comes once */
		must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &none);
		ASSERT_EQ(0, vcpu_sregs(v).interrupt_bitmap[1]);
		if (by_sregs)
			vcpu_set_sregs(v, &s);
		else
			must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
		vcpu_expect_exit(v, VMX_EXIT_HLT);
		ASSERT_EQ(1, user_irqs);
		vcpu_expect_done(v);
	}
}

/* The VMM's controller hears of a TPR that falls, at once, and of one that rises with the next exit. */
static void guest_tpr(u64 id)
{
	guest_sync(1);
	write_cr8(9);
	guest_sync(2);
	GUEST_ASSERT_EQ(read_cr8(), 9);
	write_cr8(9);
	write_cr8(3);
	GUEST_ASSERT_EQ(read_cr8(), 3);
	guest_sync(3);
	GUEST_ASSERT_EQ(read_cr8(), 5);	/* by the VMM */
	guest_done();
}

TEST(tpr_for_the_vmm)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_tpr);

	vcpu_expect_sync(v, 1);
	ASSERT_EQ(0, v->run->cr8);
	vcpu_expect_sync(v, 2);
	ASSERT_EQ(9, v->run->cr8);
	vcpu_expect_exit(v, VMX_EXIT_SET_TPR);
	ASSERT_EQ(3, v->run->cr8);
	vcpu_expect_sync(v, 3);
	ASSERT_EQ(3, v->run->cr8);
	v->run->cr8 = 5;
	vcpu_expect_done(v);
	ASSERT_EQ(5, v->run->cr8);
}

TEST(interrupt_ioctl_checked)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_window);
	struct vmx_interrupt irq = { .irq = 256 };

	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_INTERRUPT, &irq));
	v = vcpu_create(vm_create(VM_IRQCHIP), 0, guest_window);
	irq.irq = 0x77;
	ASSERT_EQ(-ENXIO, try_ioctl(v->fd, VMX_INTERRUPT, &irq));
}

/* HLT with IF clear and an interrupt pending does not wake; NMI does. */
static void on_wake_nmi(struct guest_frame *f)
{
	nmis++;
}

static void guest_dead_halt(u64 id)
{
	guest_handlers[0x40] = on_irq;
	guest_handlers[VEC_NMI] = on_wake_nmi;
	xapic_enable();
	irqs_off();
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
	guest_hlt();
	GUEST_ASSERT_EQ(nmis, 1);
	GUEST_ASSERT_EQ(irqs, 0);
	guest_done();
}

TEST(hlt_with_interrupts_off)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_dead_halt);
	struct vmx_msi nmi = { .address_lo = APIC_DEFAULT_BASE, .data = APIC_DM_NMI };

	vcpu_start(v);
	usleep(100000);
	ASSERT_FALSE(v->ended);
	/* not by the vCPU's fd: that waits for RUN to end */
	ASSERT_LT(0, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &nmi));
	vcpu_join(v);
}

/* A vCPU that the VMM sets to a waiting state goes on at an interrupt. */
static void guest_held(u64 id)
{
	guest_handlers[0x40] = on_irq;
	xapic_enable();
	irqs_on();
	guest_sync(1);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(irqs, 1);
	guest_done();
}

TEST(waiting_states_end)
{
	static const u32 states[] = { VMX_MP_STATE_HALTED, VMX_MP_STATE_AP_RESET_HOLD };

	for (int i = 0; i < 2; i++) {
		struct vm *vm = vm_create(VM_IRQCHIP);
		struct vcpu *v = vcpu_create(vm, 0, guest_held);
		struct vmx_msi msi = { .address_lo = APIC_DEFAULT_BASE, .data = 0x40 };

		irqs = 0;
		vcpu_expect_sync(v, 1);
		vcpu_set_mp_state(v, states[i]);
		vcpu_start(v);
		usleep(20000);
		ASSERT_FALSE(v->ended);
		ASSERT_LT(0, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi));
		WAIT_UNTIL(v->ended, 5000);
		vcpu_join(v);
	}
}

TEST_HARNESS_MAIN
