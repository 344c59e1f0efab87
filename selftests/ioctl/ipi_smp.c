// SPDX-License-Identifier: GPL-2.0-only
/* INIT-SIPI, IPIs between vCPUs, NMI IPIs, lowest priority, broadcast, HLT wake-up. */
#include "vmxtest.h"

#define CPUS 4
#define VEC 0x60

static volatile u64 online, hits[CPUS], nmis[CPUS];
static volatile bool finish;

static u64 my_id(void)
{
	return xapic_read(APIC_ID) >> 24;
}

static void on_irq(struct guest_frame *f)
{
	__atomic_add_fetch(&hits[my_id()], 1, __ATOMIC_SEQ_CST);
	xapic_eoi();
}

static void on_nmi(struct guest_frame *f)
{
	__atomic_add_fetch(&nmis[my_id()], 1, __ATOMIC_SEQ_CST);
}

static void guest_ap(u64 id)
{
	xapic_enable();
	xapic_write(APIC_DFR, 0xffffffff);
	xapic_write(APIC_LDR, 1u << (24 + id));
	__atomic_add_fetch(&online, 1, __ATOMIC_SEQ_CST);
	while (!finish)
		sti_hlt_cli();
	guest_done();
}

static void wait_for(volatile u64 *p, u64 v)
{
	guest_wait(p, v, 20000000000ull);
	GUEST_ASSERT_EQ(*p, v);
}

static void bsp_setup(void)
{
	guest_handlers[VEC] = on_irq;
	guest_handlers[VEC_NMI] = on_nmi;
	xapic_enable();
	xapic_write(APIC_DFR, 0xffffffff);
	xapic_write(APIC_LDR, 1u << 24);
	irqs_on();
}

static void start_aps(u64 n)
{
	/* SDM 3A 8.4.4.1 */
	xapic_icr(0, APIC_DEST_ALLBUT | APIC_DM_INIT | APIC_INT_ASSERT);
	xapic_icr(0, APIC_DEST_ALLBUT | APIC_DM_STARTUP | APIC_INT_ASSERT | LOW_CODE16 >> 12);
	wait_for(&online, n);
}

static void finish_aps(void)
{
	finish = true;
	xapic_icr(0, APIC_DEST_ALLBUT | APIC_INT_ASSERT | VEC);
	guest_done();
}

static void guest_bsp(u64 id)
{
	bsp_setup();
	start_aps(CPUS - 1);
	for (u32 i = 0; i < 300; i++) {
		u32 to = 1 + i % (CPUS - 1);

		xapic_icr(to, APIC_INT_ASSERT | VEC);
		wait_for(&hits[to], i / (CPUS - 1) + 1);
	}
	GUEST_ASSERT_EQ(hits[0], 0);
	/* logical: CPUs 1 and 3 */
	xapic_icr(0x0a, APIC_DEST_LOGICAL | APIC_INT_ASSERT | VEC);
	wait_for(&hits[1], 101);
	wait_for(&hits[3], 101);
	GUEST_ASSERT_EQ(hits[2], 100);
	/* everyone */
	xapic_icr(0, APIC_DEST_ALL | APIC_INT_ASSERT | VEC);
	wait_for(&hits[0], 1);
	wait_for(&hits[1], 102);
	wait_for(&hits[2], 101);
	wait_for(&hits[3], 102);
	/* lowest priority among 1..3: one of them, each time */
	for (u64 i = 0; i < 30; i++) {
		u64 before = hits[1] + hits[2] + hits[3];
		u64 start = rdtsc();

		xapic_icr(0x0e, APIC_DEST_LOGICAL | APIC_DM_LOWEST | APIC_INT_ASSERT | VEC);
		while (hits[1] + hits[2] + hits[3] < before + 1 && rdtsc() - start < 20000000000ull)
			guest_pause();
		GUEST_ASSERT_EQ(hits[1] + hits[2] + hits[3], before + 1);
	}
	GUEST_ASSERT_EQ(hits[0], 1);
	/* NMI wakes a halted CPU, whatever its interrupt flag is */
	xapic_icr(2, APIC_DM_NMI | APIC_INT_ASSERT);
	wait_for(&nmis[2], 1);
	GUEST_ASSERT_EQ(nmis[1] + nmis[3], 0);
	finish_aps();
}

static struct vm *start(void (*bsp)(u64), int cpus)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	vm_setup_ap(vm, guest_ap);
	vcpu_create(vm, 0, bsp);
	for (int i = 1; i < cpus; i++)
		vcpu_create_reset(vm, i);	/* waits for INIT and SIPI */
	for (int i = 0; i < cpus; i++)
		vcpu_start(vm->vcpus[i]);
	return vm;
}

static void join(struct vm *vm, int cpus)
{
	for (int i = 0; i < cpus; i++)
		vcpu_join(vm->vcpus[i]);
}

FIXTURE(smp) { int unused; };
FIXTURE_SETUP(smp) { }
FIXTURE_TEARDOWN(smp) { }

TEST_F_TIMEOUT(smp, init_sipi_and_ipis, 90)
{
	join(start(guest_bsp, CPUS), CPUS);
}

/* A vCPU restored between its SIPI and its first instruction. */
TEST(sipi_received_is_state)
{
	struct vmx_vcpu_events e = { .flags = VMX_VCPUEVENT_VALID_SIPI_VECTOR,
				     .sipi_vector = LOW_CODE16 >> 12 };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v;

	vm_setup_ap(vm, guest_ap);
	v = vcpu_create_reset(vm, 1);
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	vcpu_set_mp_state(v, VMX_MP_STATE_SIPI_RECEIVED);
	vcpu_start(v);
	WAIT_UNTIL(online == 1, 10000);
	vcpu_stop(v);
}

/* INIT stops an AP that runs; SIPI starts it again from the beginning. */
static void guest_restart(u64 id)
{
	bsp_setup();
	for (u64 i = 1; i <= 10; i++) {
		xapic_icr(1, APIC_DM_INIT | APIC_INT_ASSERT);
		xapic_icr(1, APIC_DM_STARTUP | APIC_INT_ASSERT | LOW_CODE16 >> 12);
		wait_for(&online, i);
	}
	/* a second SIPI to a CPU that runs is ignored */
	xapic_icr(1, APIC_DM_STARTUP | APIC_INT_ASSERT | LOW_CODE16 >> 12);
	xapic_icr(1, APIC_INT_ASSERT | VEC);
	wait_for(&hits[1], 1);
	GUEST_ASSERT_EQ(online, 10);
	finish_aps();
}

TEST_F_TIMEOUT(smp, init_restarts, 90)
{
	join(start(guest_restart, 2), 2);
}

/* A vCPU that got no SIPI does not run, and has the state that INIT leaves. */
TEST_F(smp, wait_for_sipi)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create_reset(vm, 1);

	vcpu_start(v);
	usleep(50000);
	ASSERT_FALSE(v->ended);
	vcpu_stop(v);
	ASSERT_EQ(VMX_MP_STATE_UNINITIALIZED, vcpu_mp_state(v));
}

/* Ping-pong through HLT: each wake-up is somebody's IPI, none is lost. */
static volatile u64 turn;

static void guest_pong(u64 id)
{
	guest_handlers[VEC] = on_irq;
	xapic_enable();
	irqs_off();
	for (u64 i = 0; i < 200; i++) {
		while (turn % 2 != id)
			sti_hlt_cli();
		turn++;
		xapic_icr((u32)!id, APIC_INT_ASSERT | VEC);
	}
	guest_done();
}

TEST_F_TIMEOUT(smp, hlt_ping_pong, 90)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	for (int i = 0; i < 2; i++)
		vcpu_create(vm, i, guest_pong);
	for (int i = 0; i < 2; i++)
		vcpu_start(vm->vcpus[i]);
	join(vm, 2);
	ASSERT_EQ(400, turn);
}

TEST_HARNESS_MAIN
