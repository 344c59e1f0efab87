// SPDX-License-Identifier: GPL-2.0-only
/* What waits in system management mode (SMI, NMI, INIT), and that its state can be taken elsewhere. */
#include "smm.h"

/* Bochs 2.7 leaves NMIs blocked at a VM entry whose interruptibility state does not have them so. */
#define REQUIRE_NMIS_AFTER_RSM() do { \
	if (host_is_bochs()) \
		SKIP(return, "Bochs lets no NMI in before the next IRET"); \
	} while (0)

static volatile u64 nmis;

static void on_nmi(struct guest_frame *f)
{
	nmis++;
}

static void guest(u64 id)
{
	guest_handlers[VEC_NMI] = on_nmi;
	for (;;)
		guest_sync2(1, nmis);
}

CODE16(handler, SMM_SAY(100) SMM_SAY(101) "rsm\n");

static void smm_start(struct vm **vm, struct vcpu **v, char **ram, const char *start, const char *end)
{
	*vm = vm_create(0);
	*ram = smm_setup(*vm, start, end);
	*v = vcpu_create(*vm, 0, guest);
	vcpu_expect_sync(*v, 1);
	smm_send(*v);
	CHECK_EQ(vcpu_events(*v).smi.pending, 1);
	CHECK_EQ(vcpu_events(*v).smi.smm, 0);
	vcpu_expect_sync(*v, 100);
	CHECK_EQ(vcpu_events(*v).smi.pending, 0);
	CHECK_EQ(vcpu_events(*v).smi.smm, 1);
	CHECK_EQ(vcpu_events(*v).nmi.masked, 1);
	CHECK(vcpu_events(*v).flags & VMX_VCPUEVENT_VALID_SMM);
}

/* Two more while in the handler are one, which comes before the interrupted program goes on. */
TEST(smi_is_latched)
{
	struct vcpu *v;
	struct vm *vm;
	char *ram;
	u64 rip;

	smm_start(&vm, &v, &ram, handler, handler_end);
	rip = smm_get(ram, SAVE_RIP, 8);
	smm_send(v);
	smm_send(v);
	CHECK_EQ(vcpu_events(v).smi.pending, 1);
	vcpu_expect_sync(v, 101);
	CHECK_EQ(vcpu_events(v).smi.pending, 1);
	vcpu_expect_sync(v, 100);
	CHECK_EQ(smm_get(ram, SAVE_RIP, 8), rip);
	CHECK_EQ(vcpu_events(v).smi.pending, 0);
	vcpu_expect_sync(v, 101);
	vcpu_expect_sync(v, 1);
	CHECK_EQ(vcpu_msr(v, MSR_SMI_COUNT), 2);
}

TEST(nmi_waits_for_rsm)
{
	struct vcpu *v;
	struct ucall uc;
	struct vm *vm;
	char *ram;

	REQUIRE_NMIS_AFTER_RSM();
	smm_start(&vm, &v, &ram, handler, handler_end);
	must_ioctl(v->fd, VMX_NMI, 0);
	vcpu_expect_sync(v, 101);
	CHECK_EQ(vcpu_events(v).nmi.pending, 1);
	uc = vcpu_call(v);
	CHECK_EQ(uc.a, 1);
	CHECK_EQ(uc.b, 1);
	CHECK_EQ(vcpu_events(v).nmi.masked, 0);
}

/* An SMI and an NMI at once: the SMI goes first (SDM 3A table 6-2). */
TEST(smi_before_nmi)
{
	struct vm *vm = vm_create(0);
	struct ucall uc;
	struct vcpu *v;

	REQUIRE_NMIS_AFTER_RSM();
	smm_setup(vm, handler, handler_end);
	v = vcpu_create(vm, 0, guest);
	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_NMI, 0);
	smm_send(v);
	vcpu_expect_sync(v, 100);
	CHECK_EQ(nmis, 0);
	vcpu_expect_sync(v, 101);
	uc = vcpu_call(v);
	CHECK_EQ(uc.b, 1);
}

static volatile u64 in_nmi;

static void slow_nmi(struct guest_frame *f)
{
	in_nmi++;
	guest_sync2(2, in_nmi);
	in_nmi++;
}

static void guest_slow(u64 id)
{
	guest_handlers[VEC_NMI] = slow_nmi;
	for (;;)
		guest_sync2(1, in_nmi);
}

/* In the middle of an NMI's handler: after RSM that is still in the middle, and no NMI comes into it. */
TEST(smi_in_nmi)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v;

	REQUIRE_NMIS_AFTER_RSM();
	smm_setup(vm, handler, handler_end);
	v = vcpu_create(vm, 0, guest_slow);
	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_NMI, 0);
	vcpu_expect_sync(v, 2);
	smm_send(v);
	must_ioctl(v->fd, VMX_NMI, 0);
	vcpu_expect_sync(v, 100);
	CHECK_EQ(vcpu_events(v).smi.smm_inside_nmi, 1);
	vcpu_expect_sync(v, 101);
	CHECK_EQ(in_nmi, 1);
	/* Out of the first handler, and only then into the second. */
	vcpu_expect_sync(v, 2);
	CHECK_EQ(in_nmi, 3);
	CHECK_EQ(vcpu_events(v).nmi.masked, 1);
	vcpu_expect_sync(v, 1);
	CHECK_EQ(in_nmi, 4);
}

/*
 * IRET unblocks NMIs in the handler (SDM 3C 31.8): with an IDT of its own it can take them. The code is at
 * 8000h; vector 2 of its table points to the label 2.
 */
CODE16(iret_handler,
       "0: movw %cs, %ax\n movw %ax, %ss\n movl $0x7000, %esp\n lidtw %cs:(9f - 0b + 0x8000)\n"
       SMM_SAY(100)
       "pushfw\n pushw %cs\n pushw $(3f - 0b + 0x8000)\n iretw\n"
       "3:\n" SMM_SAY(103) "rsm\n"
       "2:\n" SMM_SAY(102) "iretw\n"
       "9: .word 0x3ff\n .long 0x30000\n");

TEST(iret_unblocks_nmi)
{
	const unsigned char *code = (const unsigned char *)iret_handler;
	u32 at = 0, says = 0;
	struct vcpu *v;
	struct vm *vm;
	char *ram;

	smm_start(&vm, &v, &ram, iret_handler, iret_handler_end);
	/* The third message's code is the NMI's: each begins with B8, after an operand-size prefix. */
	for (; says < 3; at++)
		says += code[at] == 0x66 && code[at + 1] == 0xb8;
	smm_put(ram, 2 * 4, (SMM_ENTRY + at - 1) | (SMM_BASE >> 4) << 16, 4);
	must_ioctl(v->fd, VMX_NMI, 0);
	vcpu_expect_sync(v, 102);
	CHECK(in_smm(v));
	CHECK_EQ(vcpu_events(v).nmi.masked, 1);
	vcpu_expect_sync(v, 103);
	CHECK_EQ(vcpu_events(v).nmi.masked, 0);
	vcpu_expect_sync(v, 1);
	CHECK_EQ(nmis, 0);
}

static void on_alarm(int sig)
{
}

/* An AP's INIT waits until RSM; nothing starts it out of SMM. */
TEST(init_is_latched)
{
	struct vmx_msi init = { .address_lo = 0xfee01000, .data = 0x4500 };
	struct vmx_mp_state wait = { .mp_state = VMX_MP_STATE_INIT_RECEIVED };
	struct sigaction action = { .sa_handler = on_alarm };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vmx_vcpu_events e;
	struct vcpu *v;

	smm_setup(vm, handler, handler_end);
	vcpu_create(vm, 0, guest);
	v = vcpu_create(vm, 1, guest);
	vcpu_expect_sync(v, 1);
	smm_send(v);
	vcpu_expect_sync(v, 100);
	must_ioctl(vm->fd, VMX_SIGNAL_MSI, &init);
	CHECK_EQ(vcpu_events(v).smi.latched_init, 1);
	CHECK_EQ(try_ioctl(v->fd, VMX_SET_MP_STATE, &wait), -EINVAL);
	vcpu_expect_sync(v, 101);
	CHECK_EQ(vcpu_mp_state(v), VMX_MP_STATE_RUNNABLE);
	CHECK_EQ(vcpu_events(v).smi.latched_init, 1);
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	CHECK_EQ(try_run(v), -EINTR);
	CHECK_EQ(vcpu_mp_state(v), VMX_MP_STATE_INIT_RECEIVED);
	e = vcpu_events(v);
	CHECK_EQ(e.smi.latched_init, 0);
	CHECK_EQ(e.smi.smm, 0);
	e.smi.smm = 1;
	CHECK_EQ(try_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e), -EINVAL);
}

/* The whole state to another VM, between the handler's two messages. */
static struct vcpu *migrate(struct vm *from, struct vcpu *v, char *ram)
{
	struct vm *vm = vm_create(0);
	struct vmx_vcpu_events e = vcpu_events(v);
	struct vmx_sregs s = vcpu_sregs(v);
	struct vmx_regs r = vcpu_regs(v);
	struct vcpu *w = vcpu_create_reset(vm, 0);

	memcpy(vm->low, from->low, LOW_SIZE);
	slot_set(vm, SMM_SLOT, 0, SMM_BASE, SMM_SIZE, ram);
	vcpu_set_sregs(w, &s);
	vcpu_set_regs(w, &r);
	vcpu_set_msr(w, MSR_SMBASE, vcpu_msr(v, MSR_SMBASE));
	vcpu_set_msr(w, MSR_SMI_COUNT, vcpu_msr(v, MSR_SMI_COUNT));
	e.flags |= VMX_VCPUEVENT_VALID_NMI_PENDING;
	must_ioctl(w->fd, VMX_SET_VCPU_EVENTS, &e);
	return w;
}

TEST(migration)
{
	struct vcpu *v, *w;
	struct ucall uc;
	struct vm *vm;
	char *ram;

	REQUIRE_NMIS_AFTER_RSM();
	smm_start(&vm, &v, &ram, handler, handler_end);
	must_ioctl(v->fd, VMX_NMI, 0);
	smm_send(v);
	vcpu_complete(v);
	w = migrate(vm, v, ram);
	CHECK_EQ(vcpu_events(w).smi.smm, 1);
	CHECK_EQ(vcpu_events(w).smi.pending, 1);
	vcpu_expect_sync(w, 101);
	CHECK(in_smm(w));
	vcpu_expect_sync(w, 100);	/* the second SMI */
	vcpu_complete(w);
	w = migrate(w->vm, w, ram);
	vcpu_expect_sync(w, 101);
	uc = vcpu_call(w);
	CHECK_EQ(uc.a, 1);
	CHECK_EQ(uc.b, 1);
	CHECK_EQ(vcpu_msr(w, MSR_SMI_COUNT), 2);
}

/* Out of it and into it by the VMM: memory is the other, registers are not touched. */
TEST(set_events)
{
	struct vmx_vcpu_events e;
	struct vmx_sregs s;
	struct vcpu *v;
	struct vm *vm;
	char *ram;

	smm_start(&vm, &v, &ram, handler, handler_end);
	vcpu_complete(v);
	s = vcpu_sregs(v);
	memcpy(vm->low + SMM_BASE + SMM_ENTRY, ram + SMM_ENTRY, 256);
	e = vcpu_events(v);
	e.smi.smm = 0;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	CHECK_EQ(vcpu_sregs(v).cs.base, s.cs.base);
	vcpu_expect_sync(v, 101);
	CHECK(!in_smm(v));
	e = vcpu_events(v);
	e.smi.smm = 1;
	/* Without its flag nothing is said. */
	e.flags &= ~VMX_VCPUEVENT_VALID_SMM;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	CHECK_EQ(vcpu_events(v).smi.smm, 0);
	e.flags |= VMX_VCPUEVENT_VALID_SMM;
	must_ioctl(v->fd, VMX_SET_VCPU_EVENTS, &e);
	vcpu_expect_sync(v, 1);
	CHECK(!in_smm(v));
}

/* By struct vmx_run. */
TEST(sync_regs)
{
	struct vcpu *v;
	struct vm *vm;
	char *ram;

	smm_start(&vm, &v, &ram, handler, handler_end);
	v->run->vmx_valid_regs = VMX_SYNC_X86_REGS | VMX_SYNC_X86_SREGS | VMX_SYNC_X86_EVENTS;
	vcpu_expect_sync(v, 101);
	CHECK_EQ(v->run->s.regs.events.smi.smm, 1);
	CHECK_EQ(v->run->s.regs.sregs.cs.base, SMM_BASE);
	v->run->vmx_dirty_regs = VMX_SYNC_X86_EVENTS;
	v->run->s.regs.events.smi.pending = 1;
	vcpu_expect_sync(v, 100);
	CHECK_EQ(v->run->s.regs.events.smi.pending, 0);
}

TEST_HARNESS_MAIN
