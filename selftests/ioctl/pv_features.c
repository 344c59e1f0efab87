// SPDX-License-Identifier: GPL-2.0-only
/* Steal time, PV EOI, PV IPI, kick: the guest turns them on and they work. */
#include <sched.h>
#include "vmxtest.h"

static struct pv_steal_time steal __attribute__((aligned(64)));
static volatile u32 eoi_flag __attribute__((aligned(4)));
static volatile u64 count, spin, seen_flag;

#define REQUIRE_PV(bit, name) REQUIRE_CPUID(PV_CPUID_FEATURES, 0, 0, bit, name)

static void guest_steal(u64 id)
{
	GUEST_ASSERT_EQ(wrmsr_try(MSR_PV_STEAL_TIME, (u64)&steal | 2), VEC_GP);
	wrmsr(MSR_PV_STEAL_TIME, (u64)&steal | 1);
	for (;;) {
		guest_sync(*(volatile u64 *)&steal.steal);
		for (volatile int i = 0; i < 1000; i++)
			;
	}
}

static void *hog(void *arg)
{
	volatile bool *stop = arg;

	while (!*stop)
		spin++;
	return NULL;
}

TEST(steal_time)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_steal);
	volatile bool stop = false;
	u64 first, last = 0, start;
	pthread_t thread;
	cpu_set_t one;

	REQUIRE_PV(PV_FEATURE_STEAL_TIME, "steal time");
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	vcpu_call(v);
	first = vcpu_call(v).a;
	ASSERT_EQ(0, steal.version & 1);
	/* another thread on the same CPU takes half of it */
	ASSERT_EQ(0, pthread_create(&thread, NULL, hog, (void *)&stop));
	start = now_ms();
	while (now_ms() - start < 1000) {
		struct ucall uc = vcpu_call(v);

		ASSERT_LE(last, uc.a);
		last = uc.a;
	}
	stop = true;
	pthread_join(thread, NULL);
	ASSERT_LE(first + 100000000, last);
	ASSERT_GE(first + 2000000000, last);
	ASSERT_EQ((u64)&steal | 1, vcpu_msr(v, MSR_PV_STEAL_TIME));
}

/* The flag is set at delivery of an edge; the guest clears it instead of an EOI. */
static void on_pv_eoi(struct guest_frame *f)
{
	u8 was;

	count++;
	asm volatile("btrl $0, %0; setc %1" : "+m"(eoi_flag), "=r"(was) : : "memory");
	seen_flag += was;
	if (!was)
		xapic_eoi();
}

static void guest_pv_eoi(u64 id)
{
	guest_handlers[0x40] = on_pv_eoi;
	xapic_enable();
	wrmsr(MSR_PV_EOI, (u64)&eoi_flag | 1);
	irqs_on();
	for (u64 i = 1; i <= 50; i++) {
		xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
		asm volatile("nop; nop");
		GUEST_ASSERT_EQ(count, i);
	}
	/* every one must have ended: the ISR shows it */
	GUEST_ASSERT_EQ(xapic_read(APIC_ISR + 0x20), 0);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_PV_EOI, ((u64)&eoi_flag + 2) | 1), VEC_GP);
	wrmsr(MSR_PV_EOI, 0);
	seen_flag |= 1ull << 32;
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(count, 51);
	guest_sync(seen_flag & 0xffffffff);
	guest_done();
}

TEST(pv_eoi)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_pv_eoi);
	struct ucall uc;

	REQUIRE_PV(PV_FEATURE_PV_EOI, "PV EOI");
	uc = vcpu_call(v);
	ASSERT_EQ(CALL_SYNC, uc.call);
	/* It was used, not only allowed: unless the CPU serves the EOI itself, without an exit to save. */
	if (!vt_parameter("apicv"))
		ASSERT_LE(25, uc.a);
	vcpu_expect_done(v);
}

/* With a second interrupt behind it the flag must not be set, or that would be late. */
static volatile u32 order[4], n_order;

static void on_two(struct guest_frame *f)
{
	order[n_order++ & 3] = (u32)f->vector;
	on_pv_eoi(f);
}

static void guest_pv_eoi_two(u64 id)
{
	guest_handlers[0x40] = guest_handlers[0x50] = on_two;
	xapic_enable();
	wrmsr(MSR_PV_EOI, (u64)&eoi_flag | 1);
	irqs_off();
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x40);
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | 0x50);
	irqs_on();
	asm volatile("nop; nop; nop");
	GUEST_ASSERT_EQ(n_order, 2);
	GUEST_ASSERT_EQ(order[0], 0x50);
	GUEST_ASSERT_EQ(order[1], 0x40);
	guest_done();
}

TEST(pv_eoi_with_two_pending)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	REQUIRE_PV(PV_FEATURE_PV_EOI, "PV EOI");
	vcpu_expect_done(vcpu_create(vm, 0, guest_pv_eoi_two));
}

static void guest_pv_eoi_alone(u64 id)
{
	GUEST_ASSERT_EQ(rdmsr(MSR_PV_EOI), 0);
	wrmsr(MSR_PV_EOI, (u64)&eoi_flag | 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_PV_EOI), (u64)&eoi_flag | 1);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_PV_EOI, ((u64)&eoi_flag + 2) | 1), VEC_GP);
	guest_sync(1);
	GUEST_ASSERT_EQ(eoi_flag, 0);
	guest_done();
}

/* Also where the VMM has the LAPIC: CPUID offers it, so the guest switches it on, and the VMM restores it. */
TEST(pv_eoi_without_lapic)
{
	struct vcpu *v;

	REQUIRE_PV(PV_FEATURE_PV_EOI, "PV EOI");
	eoi_flag = 0;
	v = vcpu_create(vm_create(0), 0, guest_pv_eoi_alone);
	vcpu_set_msr(v, MSR_PV_EOI, 0);
	vcpu_expect_sync(v, 1);
	ASSERT_EQ((u64)&eoi_flag | 1, vcpu_msr(v, MSR_PV_EOI));
	vcpu_set_msr(v, MSR_PV_EOI, (u64)&eoi_flag | 1);
	vcpu_expect_done(v);
}

static void guest_is_there(u64 id)
{
	xapic_enable();	/* in-tree's senders find it only then */
	guest_sync(1);
}

/* INIT switches off what the guest has set up in its memory: a kernel started by kexec has other plans for it. */
TEST(init_ends_pv_areas)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 1, guest_is_there);
	struct vmx_msi init = { .address_lo = 0xfee01000u, .data = APIC_DM_INIT | APIC_INT_ASSERT };
	struct vmx_regs r;

	vcpu_expect_sync(v, 1);
	vcpu_set_msr(v, MSR_PV_EOI, (u64)&eoi_flag | 1);
	vcpu_set_msr(v, MSR_PV_STEAL_TIME, (u64)&steal | 1);
	vcpu_set_msr(v, MSR_PV_SYSTEM_TIME, (LOW_SCRATCH) | 1);
	ASSERT_LT(0, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &init));
	ASSERT_EQ(VMX_MP_STATE_INIT_RECEIVED, vcpu_mp_state(v));
	ASSERT_EQ(0, vcpu_msr(v, MSR_PV_EOI));
	ASSERT_EQ(0, vcpu_msr(v, MSR_PV_STEAL_TIME));
	ASSERT_EQ(0, vcpu_msr(v, MSR_PV_SYSTEM_TIME));
	/* SDM 3A 9.1.2: RDX has the CPU's signature */
	r = vcpu_regs(v);
	ASSERT_EQ(cpuid_find(supported_cpuid(), 1, 0)->eax, r.rdx);
	ASSERT_EQ(0xfff0, r.rip);
}

static u64 hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	u32 ra, rb, rc, rd;
	u64 ret;

	guest_cpuid(0, 0, &ra, &rb, &rc, &rd);
	if (rb == 0x68747541)
		asm volatile("vmmcall" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			     : "memory");
	else
		asm volatile("vmcall" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			     : "memory");
	return ret;
}

static volatile u64 got[4], ready;
static volatile bool finish;

static void on_ipi(struct guest_frame *f)
{
	got[xapic_read(APIC_ID) >> 24]++;
	xapic_eoi();
}

static void guest_pv_target(u64 id)
{
	xapic_enable();
	irqs_off();
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (!finish)
		sti_hlt_cli();
	guest_done();
}

static void guest_pv_ipi(u64 id)
{
	guest_handlers[0x66] = on_ipi;
	xapic_enable();
	irqs_on();
	guest_wait(&ready, 3, 20000000000ull);
	GUEST_ASSERT_EQ(ready, 3);
	for (u64 i = 1; i <= 50; i++) {
		/* bitmap from APIC id 1 on: ids 1 and 3 */
		GUEST_ASSERT_EQ(hypercall(PV_HC_SEND_IPI, 5, 0, 1, 0x66), 2);
		guest_wait(&got[1], i, 20000000000ull);
		guest_wait(&got[3], i, 20000000000ull);
		GUEST_ASSERT_EQ(got[1], i);
		GUEST_ASSERT_EQ(got[3], i);
	}
	GUEST_ASSERT_EQ(got[2], 0);
	/* ids far out of range: nothing, and no harm */
	GUEST_ASSERT_EQ(hypercall(PV_HC_SEND_IPI, ~0ull, ~0ull, 0xffffffffu, 0x66) >> 63, 0);
	/* ask the target to wake: no answer but 0 */
	GUEST_ASSERT_EQ(hypercall(PV_HC_KICK_CPU, 0, 2, 0, 0), 0);
	finish = true;
	GUEST_ASSERT_EQ(hypercall(PV_HC_SEND_IPI, 0xe, 0, 0, 0x66), 3);
	guest_done();
}

TEST(pv_ipi)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	REQUIRE_PV(PV_FEATURE_SEND_IPI, "PV IPI");
	vcpu_create(vm, 0, guest_pv_ipi);
	for (int i = 1; i < 4; i++)
		vcpu_create(vm, i, guest_pv_target);
	for (int i = 0; i < 4; i++)
		vcpu_start(vm->vcpus[i]);
	for (int i = 0; i < 4; i++)
		vcpu_join(vm->vcpus[i]);
}

/* PV_UNHALT: a kick ends the target's HLT even with interrupts off. */
static volatile bool halted, woke;

static void guest_unhalt(u64 id)
{
	xapic_enable();
	irqs_off();
	if (id == 0) {
		u64 start = rdtsc();

		while (!halted)
			guest_pause();
		while (rdtsc() - start < 50000000)
			guest_pause();
		for (int i = 0; i < 100000 && !woke; i++)
			hypercall(PV_HC_KICK_CPU, 0, 1, 0, 0);
		GUEST_ASSERT(woke);
	} else {
		halted = true;
		guest_hlt();
		woke = true;
	}
	guest_done();
}

TEST(pv_unhalt)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	REQUIRE_PV(PV_FEATURE_PV_UNHALT, "PV unhalt");
	for (int i = 0; i < 2; i++)
		vcpu_create(vm, i, guest_unhalt);
	for (int i = 0; i < 2; i++)
		vcpu_start(vm->vcpus[i]);
	for (int i = 0; i < 2; i++)
		vcpu_join(vm->vcpus[i]);
	ASSERT_TRUE(woke);
}

TEST_HARNESS_MAIN
