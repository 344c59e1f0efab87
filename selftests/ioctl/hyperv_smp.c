// SPDX-License-Identifier: GPL-2.0-only
/* Hyper-V's IPIs and TLB flushes to sets of virtual processors, by memory and by registers. */
#include "hyperv.h"

#define CPUS 3
#define VEC 0x60

static volatile u64 hits[CPUS], ready, finish;

static void on_irq(struct guest_frame *f)
{
	__atomic_add_fetch(&hits[xapic_read(APIC_ID) >> 24], 1, __ATOMIC_SEQ_CST);
	xapic_eoi();
}

static void guest_other(u64 id)
{
	guest_handlers[VEC] = on_irq;
	xapic_enable();
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (!finish)
		sti_hlt_cli();
	guest_done();
}

static void expect_hits(u64 a, u64 b, u64 c)
{
	const u64 want[CPUS] = { a, b, c };

	for (int i = 0; i < CPUS; i++) {
		guest_wait(&hits[i], want[i], 100000000000ull);
		GUEST_ASSERT_EQ(hits[i], want[i]);
	}
}

/* A fast call with two more quadwords in XMM0, and XMM1's low one. */
static u64 hv_call_xmm(u64 input, u64 in, u64 out, u64 x0, u64 x1, u64 x2)
{
	u64 x[4] __attribute__((aligned(16))) = { x0, x1, x2, 0 };

	asm volatile("movdqa (%0), %%xmm0; movdqa 16(%0), %%xmm1" : : "r"(x) : "memory");
	return hv_call(input, in, out);
}

/* Virtual processors 0, 70 and 130: three banks. */
static void guest_sends(u64 id)
{
	u64 in[8] = { VEC, 1 };

	guest_handlers[VEC] = on_irq;
	xapic_enable();
	hv_guest_setup();
	irqs_on();
	while (ready < CPUS - 1)
		guest_pause();
	GUEST_ASSERT_EQ(hv_call_mem(0xb, in, 2), 0);	/* bank 0 only */
	expect_hits(1, 0, 0);
	in[1] = 0;					/* sparse */
	in[2] = 2 | 4;
	in[3] = 1ull << 6;
	in[4] = 1ull << 2;
	GUEST_ASSERT_EQ(hv_call_mem(0x15 | HV_HEAD(2), in, 5), 0);
	expect_hits(1, 1, 1);
	in[1] = 1;					/* all */
	in[2] = 0;
	GUEST_ASSERT_EQ(hv_call_mem(0x15, in, 3), 0);
	expect_hits(2, 2, 2);
	/* in registers: vector, format, banks, contents */
	GUEST_ASSERT_EQ(hv_call_xmm(0x15 | HV_FAST | HV_HEAD(1), VEC, 0, 4, 1ull << 2, 0), 0);
	expect_hits(2, 2, 3);
	GUEST_ASSERT_EQ(hv_call_xmm(0x15 | HV_FAST | HV_HEAD(2), VEC, 0, 1 | 2, 1, 1ull << 6), 0);
	expect_hits(3, 3, 3);
	/* more banks than registers */
	GUEST_ASSERT_EQ(hv_call_xmm(0x15 | HV_FAST | HV_HEAD(12), VEC, 0, 0xfff, 1, 1), 3);
	/* nobody, and one who does not exist */
	in[1] = 0;
	in[2] = 0;
	GUEST_ASSERT_EQ(hv_call_mem(0x15, in, 3), 0);
	in[2] = 1ull << 63;
	in[3] = ~0ull;
	GUEST_ASSERT_EQ(hv_call_mem(0x15 | HV_HEAD(1), in, 4), 0);
	expect_hits(3, 3, 3);
	finish = 1;
	in[1] = 1;
	in[2] = 0;
	hv_call_mem(0x15, in, 3);
	guest_done();
}

static void run_all(void (*first)(u64), void (*others)(u64))
{
	static const u32 index[CPUS] = { 0, 70, 130 };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v[CPUS];

	for (int i = 0; i < CPUS; i++) {
		v[i] = hv_vcpu(vm, i, i ? others : first);
		vcpu_set_msr(v[i], HV_VP_INDEX, index[i]);
		vcpu_set_mp_state(v[i], 0);
	}
	for (int i = 0; i < CPUS; i++)
		vcpu_start(v[i]);
	for (int i = 0; i < CPUS; i++)
		vcpu_join(v[i]);
}

TEST(ipis)
{
	REQUIRE_CAP(VMX_CAP_HYPERV_SEND_IPI);
	run_all(guest_sends, guest_other);
}

/* ---- flushes: a translation that another CPU holds is gone when the call returns ---- */

#define WINDOW 0x40000000ul
#define A (TEST_MEM + 0x0000)
#define B (TEST_MEM + 0x1000)

static u64 *volatile pte;
static volatile u64 seen[CPUS], round_nr;

static void guest_looks(u64 id)
{
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (!finish) {
		u64 r = round_nr;

		if (*(volatile u64 *)WINDOW == r)
			seen[id] = r;
	}
	guest_done();
}

static void one_round(u64 r, u64 page, u64 input, const u64 *in, unsigned int n)
{
	*(volatile u64 *)page = r;
	*pte = page | PTE_P | PTE_W | PTE_A | PTE_D;
	GUEST_ASSERT_EQ(hv_call_mem(input, in, n) & 0xffff, 0);
	round_nr = r;
	for (int i = 1; i < CPUS; i++) {
		guest_wait(&seen[i], r, 100000000000ull);
		GUEST_ASSERT_EQ(seen[i], r);
	}
}

static void guest_flushes(u64 id)
{
	u64 all[4] = { 0, 1, 0, WINDOW };
	u64 sparse[8] = { 0, 0, 0, 2 | 4, 1ull << 6, 1ull << 2, WINDOW };

	hv_guest_setup();
	while (ready < CPUS - 1)
		guest_pause();
	one_round(1, A, 2, all, 3);
	one_round(2, B, 3 | HV_REPS(1), all, 4);
	one_round(3, A, 0x13 | HV_HEAD(2), sparse, 6);
	one_round(4, B, 0x14 | HV_HEAD(2) | HV_REPS(1), sparse, 7);
	finish = 1;
	guest_done();
}

TEST(flushes)
{
	static const u32 index[CPUS] = { 0, 70, 130 };
	struct vcpu *v[CPUS];
	struct vm *vm;

	REQUIRE_CAP(VMX_CAP_HYPERV_TLBFLUSH);
	vm = vm_create(VM_IRQCHIP);
	slot_add(vm, SLOT_TEST, TEST_MEM, 0x200000);
	for (int i = 0; i < CPUS; i++) {
		v[i] = hv_vcpu(vm, i, i ? guest_looks : guest_flushes);
		vcpu_set_msr(v[i], HV_VP_INDEX, index[i]);
		vcpu_set_mp_state(v[i], 0);
	}
	pte = (u64 *)((char *)pt_map(vm, LOW_PGTABLE, WINDOW, A, 1, PTE_P | PTE_W) - vm->low);
	for (int i = 0; i < CPUS; i++)
		vcpu_start(v[i]);
	for (int i = 0; i < CPUS; i++)
		vcpu_join(v[i]);
}

TEST_HARNESS_MAIN
