// SPDX-License-Identifier: GPL-2.0-only
/* SMIs as messages: from a local APIC, by MSI and from an IOAPIC's pin (SDM 3A 11.6.1, delivery mode 010). */
#include "smm.h"

#define DM_SMI 0x200

CODE16(handler, SMM_SAY(100) "rsm\n");

static volatile u64 sent;

static void guest_xapic(u64 id)
{
	xapic_enable();
	guest_sync(1);
	xapic_icr((u32)id, APIC_INT_ASSERT | DM_SMI);
	guest_sync(2);
	/* to all the others: nobody is there */
	xapic_icr(0, APIC_DEST_ALLBUT | APIC_INT_ASSERT | DM_SMI);
	xapic_icr(0, APIC_DEST_SELF | APIC_INT_ASSERT | DM_SMI);
	guest_sync(3);
	/* An APIC that software disabled takes it too. */
	xapic_write(APIC_SPIV, 0xff);
	xapic_icr(0, APIC_DEST_ALL | APIC_INT_ASSERT | DM_SMI);
	guest_sync(4);
	guest_done();
}

static void guest_x2apic(u64 id)
{
	x2apic_enable();
	guest_sync(1);
	x2apic_write(APIC_ICR, id << 32 | APIC_INT_ASSERT | DM_SMI);
	guest_sync(2);
	guest_done();
}

TEST(own_apic)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v;

	smm_setup(vm, handler, handler_end);
	v = vcpu_create(vm, 0, guest_xapic);
	vcpu_expect_sync(v, 1);
	vcpu_expect_sync(v, 100);
	vcpu_expect_sync(v, 2);
	vcpu_expect_sync(v, 100);
	vcpu_expect_sync(v, 3);
	vcpu_expect_sync(v, 100);
	vcpu_expect_sync(v, 4);
	vcpu_expect_done(v);
	CHECK_EQ(vcpu_msr(v, MSR_SMI_COUNT), 3);
}

TEST(x2apic)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v;

	smm_setup(vm, handler, handler_end);
	v = vcpu_create(vm, 0, guest_x2apic);
	vcpu_expect_sync(v, 1);
	vcpu_expect_sync(v, 100);
	vcpu_expect_sync(v, 2);
	vcpu_expect_done(v);
}

static void guest_lines(u64 id)
{
	xapic_enable();
	ioapic_redirect(5, DM_SMI, (u32)id);
	guest_sync(1);
	guest_sync(2);
	guest_sync(3);
	guest_done();
}

TEST(msi_and_pin)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vmx_msi smi = { .address_lo = 0xfee00000, .data = 0x4000 | DM_SMI };
	struct vcpu *v;

	smm_setup(vm, handler, handler_end);
	v = vcpu_create(vm, 0, guest_lines);
	vcpu_expect_sync(v, 1);
	CHECK_EQ(must_ioctl(vm->fd, VMX_SIGNAL_MSI, &smi), 1);
	vcpu_expect_sync(v, 100);
	vcpu_expect_sync(v, 2);
	vm_irq_line(vm, 5, 1);
	vm_irq_line(vm, 5, 0);
	vcpu_expect_sync(v, 100);
	vcpu_expect_sync(v, 3);
	vcpu_expect_done(v);
}

/* From one vCPU to another that runs without an exit. */
static void guest_spins(u64 id)
{
	xapic_enable();
	if (id) {
		sent = 1;
		while (sent != 2)
			guest_pause();
		guest_done();
	}
	while (!sent)
		guest_pause();
	xapic_icr(1, APIC_INT_ASSERT | DM_SMI);
	guest_done();
}

TEST(other_cpu)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *a, *b;

	smm_setup(vm, handler, handler_end);
	a = vcpu_create(vm, 0, guest_spins);
	b = vcpu_create(vm, 1, guest_spins);
	kick_init();
	vcpu_start(b);
	vcpu_start(a);
	WAIT_UNTIL(b->syncs == 1, 20000);
	CHECK_EQ(b->sync_value, 100);
	sent = 2;
	vcpu_join(a);
	vcpu_join(b);
	CHECK_EQ(vcpu_msr(a, MSR_SMI_COUNT), 0);
	CHECK_EQ(vcpu_msr(b, MSR_SMI_COUNT), 1);
}

TEST_HARNESS_MAIN
