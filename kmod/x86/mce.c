// SPDX-License-Identifier: GPL-2.0-only
/* The guest's machine-check banks (SDM 3B 16.3): registers that the VMM fills by SET_MCE. */
#include <linux/uaccess.h>

#include "backend.h"
#include "x86/cr.h"
#include "x86/state.h"
#include "x86/x86.h"

#define VECTOR_MC 18

#define MCG_CAP_CTL_P BIT_ULL(8)
#define MCG_CAP_SER_P BIT_ULL(24)
#define MCG_CAP_BANKS 0xffULL
#define MCG_CAP_EXT_COUNT 0xff0000ULL
#define MCG_CAP_SUPPORTED (MCG_CAP_CTL_P | MCG_CAP_SER_P)
#define MCG_STATUS_MCIP BIT_ULL(2)

#define MCI_STATUS_VAL BIT_ULL(63)
#define MCI_STATUS_OVER BIT_ULL(62)
#define MCI_STATUS_UC BIT_ULL(61)

/* Four registers per bank. */
enum mc_reg { MC_CTL, MC_STATUS, MC_ADDR, MC_MISC };

void mce_vcpu_reset(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	x->mcg_cap = X86_MAX_MC_BANKS;
	x->mcg_status = 0;
	x->mcg_ctl = 0;
	memset(x->mc, 0, sizeof(x->mc));
}

/* Legality is the table's to check; the bank number has been. */
static u64 *mc_register(struct vcpu *vcpu, u32 msr)
{
	struct vcpu_x86 *x = vcpu->x86;
	u32 n = msr - GMSR_MC0_CTL;

	switch (msr) {
	case GMSR_MCG_CAP:
		return &x->mcg_cap;
	case GMSR_MCG_STATUS:
		return &x->mcg_status;
	case GMSR_MCG_CTL:
		return &x->mcg_ctl;
	default:
		if (msr < GMSR_MC0_CTL || n / 4 >= (x->mcg_cap & MCG_CAP_BANKS) ||
		    n >= ARRAY_SIZE(x->mc))
			return NULL;
		return &x->mc[array_index_nospec(n, ARRAY_SIZE(x->mc))];
	}
}

int mce_msr_read(struct vcpu *vcpu, u32 msr, u64 *val)
{
	const u64 *reg = mc_register(vcpu, msr);

	if (!reg)
		return 1;
	*val = *reg;
	return 0;
}

int mce_msr_write(struct vcpu *vcpu, u32 msr, u64 val)
{
	u64 *reg = mc_register(vcpu, msr);

	/* MCG_CAP comes from SETUP_MCE, which knows what is supported. */
	if (!reg || msr == GMSR_MCG_CAP)
		return 1;
	*reg = val;
	return 0;
}

static long setup_mce(struct vcpu *vcpu, u64 cap)
{
	struct vcpu_x86 *x = vcpu->x86;
	unsigned int banks = cap & MCG_CAP_BANKS, i;

	if (!banks || banks > X86_MAX_MC_BANKS)
		return -EINVAL;
	if (cap & ~(MCG_CAP_SUPPORTED | MCG_CAP_BANKS | MCG_CAP_EXT_COUNT))
		return -EINVAL;
	x->mcg_cap = cap;
	if (cap & MCG_CAP_CTL_P)
		x->mcg_ctl = ~0ULL;
	for (i = 0; i < banks; i++)
		x->mc[4 * i + MC_CTL] = ~0ULL;
	return 0;
}

static void log_bank(u64 *bank, const struct vmx_x86_mce *m, u64 status)
{
	bank[MC_ADDR] = m->addr;
	bank[MC_MISC] = m->misc;
	bank[MC_STATUS] = status;
}

/* SDM 3B 16.3.2.2: what is logged, what overwrites what, and when #MC is raised. */
static long set_mce(struct vcpu *vcpu, const void __user *argp)
{
	struct vcpu_x86 *x = vcpu->x86;
	struct vmx_x86_mce m;
	u64 *bank;

	if (copy_from_user(&m, argp, sizeof(m)))
		return -EFAULT;
	if (m.bank >= (x->mcg_cap & MCG_CAP_BANKS) || m.bank >= X86_MAX_MC_BANKS ||
	    !(m.status & MCI_STATUS_VAL))
		return -EINVAL;
	bank = &x->mc[4 * array_index_nospec(m.bank, X86_MAX_MC_BANKS)];

	if (!(m.status & MCI_STATUS_UC)) {
		/* A corrected error does not replace an uncorrected one. */
		if (!(bank[MC_STATUS] & MCI_STATUS_VAL) || !(bank[MC_STATUS] & MCI_STATUS_UC))
			log_bank(bank, &m,
				 m.status | (bank[MC_STATUS] & MCI_STATUS_VAL ? MCI_STATUS_OVER :
										0));
		else
			bank[MC_STATUS] |= MCI_STATUS_OVER;
		return 0;
	}
	/* Reporting of uncorrected errors is switched off for all banks, or for this one. */
	if ((x->mcg_cap & MCG_CAP_CTL_P) && x->mcg_ctl != ~0ULL)
		return 0;
	if (bank[MC_CTL] != ~0ULL)
		return 0;
	if ((x->mcg_status & MCG_STATUS_MCIP) || !(vcpu_cr4(vcpu) & X86_CR4_MCE)) {
		vcpu_request(vcpu, REQ_TRIPLE_FAULT);
		return 0;
	}
	log_bank(bank, &m,
		 m.status | (bank[MC_STATUS] & MCI_STATUS_VAL ? MCI_STATUS_OVER : 0));
	x->mcg_status = m.mcg_status;
	vcpu_raise(vcpu, VECTOR_MC);
	return 0;
}

long mce_dev_ioctl(unsigned int cmd, unsigned long arg)
{
	u64 cap = MCG_CAP_SUPPORTED;

	if (cmd != VMX_X86_GET_MCE_CAP_SUPPORTED)
		return -ENOIOCTLCMD;
	return copy_to_user((void __user *)arg, &cap, sizeof(cap)) ? -EFAULT : 0;
}

long mce_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	u64 cap;

	switch (cmd) {
	case VMX_X86_SETUP_MCE:
		if (copy_from_user(&cap, (void __user *)arg, sizeof(cap)))
			return -EFAULT;
		return setup_mce(vcpu, cap);
	case VMX_X86_SET_MCE:
		return set_mce(vcpu, (void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}
