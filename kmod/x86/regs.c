// SPDX-License-Identifier: GPL-2.0-only
/* GET_REGS and SET_REGS. */
#include <linux/uaccess.h>
#include <asm/processor-flags.h>

#include "backend.h"
#include "x86/state.h"
#include "x86/x86.h"

/* The order of struct vmx_regs; rip and rflags follow. */
static const u8 order[16] = {
	VCPU_RAX, VCPU_RBX, VCPU_RCX, VCPU_RDX, VCPU_RSI, VCPU_RDI, VCPU_RSP, VCPU_RBP,
	VCPU_R8,  VCPU_R9,  VCPU_R10, VCPU_R11, VCPU_R12, VCPU_R13, VCPU_R14, VCPU_R15,
};

static_assert(sizeof(struct vmx_regs) == 18 * sizeof(u64));

void regs_get(struct vcpu *vcpu, u64 regs[18])
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		regs[i] = vcpu_reg(vcpu, order[i]);
	regs[16] = vcpu_rip(vcpu);
	regs[17] = vcpu_reg(vcpu, VCPU_RFLAGS);
}

void regs_set(struct vcpu *vcpu, const u64 regs[18])
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		vcpu_set_reg(vcpu, order[i], regs[i]);
	vcpu_set_reg(vcpu, VCPU_RIP, regs[16]);
	vcpu_set_reg(vcpu, VCPU_RFLAGS, regs[17] | X86_EFLAGS_FIXED);
	/* An exception of the instruction that the VMM has just replaced. */
	vcpu->events.exc_pending = false;
	vcpu_request(vcpu, REQ_EVENT);
	vcpu_request(vcpu, REQ_STEP);
}

long regs_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	u64 regs[18];

	switch (cmd) {
	case VMX_GET_REGS:
		regs_get(vcpu, regs);
		return copy_to_user(argp, regs, sizeof(regs)) ? -EFAULT : 0;
	case VMX_SET_REGS:
		if (copy_from_user(regs, argp, sizeof(regs)))
			return -EFAULT;
		regs_set(vcpu, regs);
		return 0;
	default:
		return -ENOIOCTLCMD;
	}
}
