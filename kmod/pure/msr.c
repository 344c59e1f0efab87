// SPDX-License-Identifier: GPL-2.0-only
/* MSR lookup, the checks of written values, and the lists that come from the table. */
#include "pure/msr.h"
#include "uapi/vmx_para.h"

#define EFER_LME BIT_ULL(8)
#define EFER_LMA BIT_ULL(10)
#define EFER_KNOWN (BIT_ULL(0) | EFER_LME | EFER_LMA | BIT_ULL(11) | BIT_ULL(14))

#define SPEC_CTRL_IBRS BIT_ULL(0)
#define SPEC_CTRL_STIBP BIT_ULL(1)
#define SPEC_CTRL_SSBD BIT_ULL(2)
#define SPEC_CTRL_PSFD BIT_ULL(7)
#define PRED_CMD_IBPB BIT_ULL(0)

#define MCG_CAP_CTL_P BIT_ULL(8)

#define HWCR_MC_STATUS_WRITE BIT_ULL(18)
#define HWCR_TSC_FREQ_SEL BIT_ULL(24)
/* Cache and TLB knobs that firmware sets and nothing here depends on (AMD PPR, HWCR) */
#define HWCR_DROPPED \
	(BIT_ULL(3) | BIT_ULL(4) | BIT_ULL(6) | BIT_ULL(8) | BIT_ULL(9))

#define DEBUGCTL_DROPPED (BIT_ULL(0) | BIT_ULL(1)) /* LBR, BTF */

/* MISC_ENABLE: EMON, BTS and PEBS unavailable are read-only (SDM 4, table 2-2): the guest's writes leave them */
#define MISC_ENABLE_RO (BIT_ULL(7) | BIT_ULL(11) | BIT_ULL(12))

#define MTRR_DEF_VALID 0xcffULL

const struct msr_rule *msr_rule(u32 msr)
{
	unsigned int lo = 0, hi = msr_nr_rules;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (msr > msr_rules[mid].last)
			lo = mid + 1;
		else if (msr < msr_rules[mid].first)
			hi = mid;
		else
			return &msr_rules[mid];
	}
	return NULL;
}

static bool has(const struct msr_access *a, enum cpuid_feature f)
{
	return cpuid_has(a->cpuid, f);
}

/* Does this CPU have the MSR at all? The VMM may touch it in any case. */
static bool exists(const struct msr_rule *rule, const struct msr_access *a)
{
	if (rule->treatment == MSRT_REFUSE)
		return false;
	if (a->host)
		return true;
	if ((rule->flags & MSRF_AMD) && !a->cpuid->amd)
		return false;
	if ((rule->flags & MSRF_INTEL) && a->cpuid->amd)
		return false;
	if (rule->needs != MSR_NEEDS_NOTHING && !has(a, (enum cpuid_feature)rule->needs))
		return false;
	/* Those that any of several features brings. */
	switch ((enum msr_check)rule->check) {
	case MSRC_SPEC_CTRL:
		return has(a, CPUID_F_SPEC_CTRL) || has(a, CPUID_F_AMD_IBRS) ||
		       has(a, CPUID_F_AMD_STIBP) || has(a, CPUID_F_AMD_SSBD);
	case MSRC_PRED_CMD:
		return has(a, CPUID_F_SPEC_CTRL) || has(a, CPUID_F_AMD_IBPB);
	case MSRC_TSC_AUX:
		return has(a, CPUID_F_RDTSCP) || has(a, CPUID_F_RDPID);
	case MSRC_MCG:
		return a->mcg_cap & MCG_CAP_CTL_P;
	default:
		return true;
	}
}

enum msr_verdict msr_check_read(const struct msr_rule *rule, const struct msr_access *a)
{
	if (!exists(rule, a))
		return MSR_FAULT;
	if ((rule->flags & MSRF_WRITE_ONLY) && !a->host)
		return MSR_FAULT;
	return MSR_OK;
}

bool msr_pat_valid(u64 pat)
{
	unsigned int i;

	for (i = 0; i < 8; i++, pat >>= 8) {
		u8 type = pat & 0xff;

		/* 0 UC, 1 WC, 4 WT, 5 WP, 6 WB, 7 UC-; 2 and 3 are reserved */
		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool mtrr_type_valid(u8 type)
{
	return type < 8 && (0x73u >> type & 1); /* 0, 1, 4, 5, 6 */
}

int msr_mtrr_index(u32 msr)
{
	if (msr >= GMSR_MTRR_PHYS_BASE0 && msr < GMSR_MTRR_PHYS_BASE0 + 2 * MSR_MTRR_VARIABLE)
		return (int)(msr - GMSR_MTRR_PHYS_BASE0);
	if (msr == GMSR_MTRR_FIX_64K)
		return 2 * MSR_MTRR_VARIABLE;
	if (msr == GMSR_MTRR_FIX_16K_8 || msr == GMSR_MTRR_FIX_16K_A)
		return 2 * MSR_MTRR_VARIABLE + 1 + (int)(msr - GMSR_MTRR_FIX_16K_8);
	if (msr >= GMSR_MTRR_FIX_4K_C0 && msr < GMSR_MTRR_FIX_4K_C0 + 8)
		return 2 * MSR_MTRR_VARIABLE + 3 + (int)(msr - GMSR_MTRR_FIX_4K_C0);
	if (msr == GMSR_MTRR_DEF_TYPE)
		return 2 * MSR_MTRR_VARIABLE + MSR_MTRR_FIXED;
	return -1;
}

/* SDM 3A 12.11.2 */
static bool mtrr_valid(u32 msr, u64 val, unsigned int phys_bits)
{
	u64 high = ~0ULL << phys_bits;
	unsigned int i;

	if (msr == GMSR_MTRR_DEF_TYPE)
		return !(val & ~MTRR_DEF_VALID) && mtrr_type_valid(val & 0xff);
	if (msr < GMSR_MTRR_FIX_64K) {
		if (msr & 1) /* mask: valid bit 11, address above */
			return !(val & (high | 0x7ff));
		return !(val & (high | 0xf00)) && mtrr_type_valid(val & 0xff);
	}
	for (i = 0; i < 8; i++)
		if (!mtrr_type_valid(val >> (8 * i) & 0xff))
			return false;
	return true;
}

u64 msr_spec_ctrl_allowed(const struct cpuid_table *t)
{
	u64 allowed = 0;

	/* A CPU with IBRS and without STIBP ignores the STIBP bit (SDM 4, IA32_SPEC_CTRL). */
	if (cpuid_has(t, CPUID_F_SPEC_CTRL) || cpuid_has(t, CPUID_F_AMD_IBRS))
		allowed |= SPEC_CTRL_IBRS | SPEC_CTRL_STIBP;
	if (cpuid_has(t, CPUID_F_STIBP) || cpuid_has(t, CPUID_F_AMD_STIBP))
		allowed |= SPEC_CTRL_STIBP;
	if (cpuid_has(t, CPUID_F_SSBD) || cpuid_has(t, CPUID_F_AMD_SSBD))
		allowed |= SPEC_CTRL_SSBD;
	if (cpuid_has(t, CPUID_F_AMD_PSFD))
		allowed |= SPEC_CTRL_PSFD;
	return allowed;
}

static bool spec_ctrl_valid(const struct msr_access *a, u64 val)
{
	const u64 known = SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD | SPEC_CTRL_PSFD;

	return !(val & ~(a->host ? known : msr_spec_ctrl_allowed(a->cpuid)));
}

/* SDM 3B 16.3.2 */
static bool mc_bank_valid(const struct msr_access *a, u32 msr, u64 val)
{
	u32 bank = (msr - GMSR_MC0_CTL) / 4;

	if (bank >= a->mc_banks)
		return false;
	switch ((msr - GMSR_MC0_CTL) % 4) {
	case 0:
		/* All or nothing; Linux clears bit 10 of a bank on early AMD CPUs, bit 0 on others. */
		return val == 0 || !(~val & ~(BIT_ULL(10) | BIT_ULL(0)));
	case 1:
		return a->host || val == 0 || a->hwcr_mc_write;
	default:
		return true;
	}
}

static enum msr_verdict efer_check(const struct msr_access *a, u64 *val)
{
	u64 allowed = a->host ? EFER_KNOWN : cpuid_efer_allowed(a->cpuid);

	if (*val & ~allowed)
		return MSR_FAULT;
	/* Long mode is switched with paging off (SDM 3A 4.1.2). */
	if (!a->host && a->paging && ((*val ^ a->efer) & EFER_LME))
		return MSR_FAULT;
	/* LMA is the CPU's: it follows LME and CR0.PG. */
	*val = (*val & ~EFER_LMA) | (a->efer & EFER_LMA);
	return MSR_OK;
}

static enum msr_verdict verdict(bool ok)
{
	return ok ? MSR_OK : MSR_FAULT;
}

static enum msr_verdict check_value(const struct msr_rule *rule, const struct msr_access *a,
				    u32 msr, u64 *val)
{
	u64 v = *val;

	switch ((enum msr_check)rule->check) {
	case MSRC_NONE:
	case MSRC_PV_AREA:
		return MSR_OK;
	case MSRC_CANONICAL:
		return verdict(cpuid_canonical(v, a->cpuid->virt_bits ? a->cpuid->virt_bits : 48));
	case MSRC_PAT:
		return verdict(msr_pat_valid(v));
	case MSRC_EFER:
		return efer_check(a, val);
	case MSRC_SPEC_CTRL:
		return verdict(spec_ctrl_valid(a, v));
	case MSRC_PRED_CMD:
		if (v & ~PRED_CMD_IBPB)
			return MSR_FAULT;
		return v ? MSR_OK : MSR_DROP;
	case MSRC_TSC_AUX:
		/* Reserved on Intel, not there on AMD (APM 2 appendix A). */
		if (v >> 32 && !a->cpuid->amd)
			return MSR_FAULT;
		*val = (u32)v;
		return MSR_OK;
	case MSRC_MTRR:
		return verdict(mtrr_valid(msr, v, a->cpuid->phys_bits ? a->cpuid->phys_bits : 36));
	case MSRC_MC_BANK:
		return verdict(mc_bank_valid(a, msr, v));
	case MSRC_MCG:
		if (a->host)
			return a->mcg_cap & MCG_CAP_CTL_P ? MSR_OK : MSR_DROP;
		return verdict(v == 0 || v == ~0ULL);
	case MSRC_XSS:
		return verdict(v == 0); /* no supervisor component is offered */
	case MSRC_HWCR:
		*val = v & ~HWCR_DROPPED;
		return verdict(!(*val & ~(HWCR_MC_STATUS_WRITE | HWCR_TSC_FREQ_SEL)));
	case MSRC_DEBUGCTL:
		return verdict(!(v & ~DEBUGCTL_DROPPED));
	case MSRC_MISC_ENABLE:
		/* The VMM restores what it has read, here or elsewhere. */
		if (!a->host)
			*val = (v & ~MISC_ENABLE_RO) | (a->misc_enable & MISC_ENABLE_RO);
		return MSR_OK;
	case MSRC_STEAL_TIME:
		return verdict(!(v & VMX_PV_STEAL_RESERVED_MASK));
	case MSRC_PV_EOI:
		return verdict(!(v & 2)); /* a 32-bit word, aligned */
	case MSRC_LOW32:
		*val = (u32)v;
		return MSR_OK;
	}
	return MSR_FAULT;
}

enum msr_verdict msr_check_write(const struct msr_rule *rule, const struct msr_access *a, u32 msr,
				 u64 *val)
{
	enum msr_verdict v;

	if (!exists(rule, a))
		return MSR_FAULT;
	if (!a->host && (rule->flags & MSRF_GUEST_RO))
		return MSR_FAULT;
	if (*val & ~rule->valid)
		return MSR_FAULT;
	if (!a->host && (rule->flags & MSRF_GUEST_DROP))
		return MSR_DROP;
	if ((rule->flags & MSRF_ZERO) && *val)
		return MSR_FAULT;
	v = check_value(rule, a, msr, val);
	if (v == MSR_OK && rule->treatment == MSRT_CONST)
		return MSR_DROP;
	return v;
}

bool msr_passes(const struct msr_rule *rule, const struct cpuid_table *cpuid)
{
	struct msr_access guest = { .cpuid = cpuid };

	return rule->treatment == MSRT_PASS && exists(rule, &guest);
}

unsigned int msr_list(u32 flag, bool (*backend_has)(u32 msr), u32 *out, unsigned int room)
{
	unsigned int i, n = 0;

	for (i = 0; i < msr_nr_rules; i++) {
		const struct msr_rule *rule = &msr_rules[i];
		u32 msr;

		if (!(rule->flags & flag))
			continue;
		for (msr = rule->first; msr <= rule->last; msr++) {
			if (backend_has && !backend_has(msr))
				continue;
			if (n < room)
				out[n] = msr;
			n++;
		}
	}
	return n;
}
