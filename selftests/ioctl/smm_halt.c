// SPDX-License-Identifier: GPL-2.0-only
/* An SMI in HLT: the save area says so, and the handler decides whether the HLT goes on (SDM 3C 31.10). */
#include "smm.h"

/* With a byte of SMRAM set it clears the flag. */
CODE16(handler, SMM_SAY(100) "cmpb $0, %cs:0x1000\n je 1f\n movb $0, %cs:0xfec9\n 1: rsm\n");

static void guest(u64 id)
{
	guest_sync(1);
	irqs_off();
	guest_hlt();
	guest_sync(2);
	guest_done();
}

static void on_alarm(int sig)
{
}

/* Runs until it halts. */
static void expect_halt(struct vcpu *v)
{
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	CHECK_EQ(try_run(v), -EINTR);
	CHECK_EQ(vcpu_mp_state(v), VMX_MP_STATE_HALTED);
}

TEST(auto_halt_restart)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	char *ram = smm_setup(vm, handler, handler_end);
	struct vcpu *v = vcpu_create(vm, 0, guest);

	vcpu_expect_sync(v, 1);
	smm_send(v);
	vcpu_expect_sync(v, 100);
	CHECK_EQ(smm_get(ram, SAVE_HALT, 1), 0);
	expect_halt(v);
	for (int i = 0; i < 2; i++) {
		smm_send(v);
		vcpu_expect_sync(v, 100);
		CHECK_EQ(smm_get(ram, SAVE_HALT, 1), 1);
		CHECK_EQ(vcpu_mp_state(v), VMX_MP_STATE_RUNNABLE);
		expect_halt(v);
		CHECK(!in_smm(v));
	}
	smm_put(ram, 0x1000, 1, 1);
	smm_send(v);
	vcpu_expect_sync(v, 100);
	vcpu_expect_sync(v, 2);
	vcpu_expect_done(v);
	CHECK_EQ(vcpu_msr(v, MSR_SMI_COUNT), 4);
}

/* It wakes a thread that sleeps in HLT, and HLT with an SMI already there does not lose it. */
TEST(wakes)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	char *ram = smm_setup(vm, handler, handler_end);
	struct vcpu *v = vcpu_create(vm, 0, guest);
	struct vmx_msi smi = { .address_lo = 0xfee00000, .data = 0x4200 };

	kick_init();
	smm_put(ram, 0x1000, 1, 1);
	vcpu_start(v);
	WAIT_UNTIL(v->syncs == 1, 20000);
	usleep(200000);
	CHECK_EQ(v->syncs, 1);
	must_ioctl(vm->fd, VMX_SIGNAL_MSI, &smi);
	vcpu_join(v);
	CHECK_EQ(v->syncs, 3);
	CHECK_EQ(vcpu_msr(v, MSR_SMI_COUNT), 1);
}

TEST_HARNESS_MAIN
