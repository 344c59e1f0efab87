// SPDX-License-Identifier: GPL-2.0-only
/*
 * Permission maps: a set bit makes the access exit.
 *
 * Ports (APM 2 15.10.1): 12 KiB, one for all guests, all ones: no port is ever passed through. The
 * bits past port FFFFh are for accesses that wrap.
 * MSRs (APM 2 15.11): 8 KiB for each vCPU, two bits an MSR, from the table of MSR rules.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <asm/msr-index.h>

#include "amd/svm.h"
#include "pure/msr.h"
#include "x86/features.h"

#define IOPM_ORDER 2	/* 12 KiB must be contiguous */
#define MSRPM_ORDER 1

static struct page *iopm;

int svm_iopm_create(void)
{
	iopm = alloc_pages(GFP_KERNEL, IOPM_ORDER);
	if (!iopm)
		return -ENOMEM;
	memset(page_address(iopm), 0xff, PAGE_SIZE << IOPM_ORDER);
	return 0;
}

void svm_iopm_destroy(void)
{
	if (iopm)
		__free_pages(iopm, IOPM_ORDER);
	iopm = NULL;
}

u64 svm_iopm_pa(void)
{
	return page_to_phys(iopm);
}

int svm_msrpm_create(struct svm_vcpu *svm)
{
	BUILD_BUG_ON(SVM_MSRPM_BYTES != PAGE_SIZE << MSRPM_ORDER);
	svm->msrpm = (unsigned long *)__get_free_pages(GFP_KERNEL_ACCOUNT, MSRPM_ORDER);
	if (!svm->msrpm)
		return -ENOMEM;
	memset(svm->msrpm, 0xff, SVM_MSRPM_BYTES);
	return 0;
}

void svm_msrpm_destroy(struct svm_vcpu *svm)
{
	free_pages((unsigned long)svm->msrpm, MSRPM_ORDER);
	svm->msrpm = NULL;
}

/* What the VMM allows reaches the hardware. What the map does not cover always exits. */
static void svm_msrpm_pass(struct vcpu *vcpu, u32 msr)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u32 allowed = x86_msr_allowed(vcpu, msr);
	int bit = svm_msrpm_bit(msr);

	if (bit < 0)
		return;
	if (allowed & VMX_MSR_FILTER_READ)
		__clear_bit(bit, svm->msrpm);
	if (allowed & VMX_MSR_FILTER_WRITE)
		__clear_bit(bit + 1, svm->msrpm);
}

/* Anew: what the rules pass and this vCPU's CPUID has. */
void svm_msrpm_update(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	unsigned int i;
	u32 msr;

	memset(svm->msrpm, 0xff, SVM_MSRPM_BYTES);
	for (i = 0; i < msr_nr_rules; i++) {
		const struct msr_rule *rule = &msr_rules[i];

		if (!x86_msr_passes(vcpu, rule))
			continue;
		for (msr = rule->first; msr <= rule->last; msr++)
			svm_msrpm_pass(vcpu, msr);
	}
	if (svm->spec_ctrl_passed)
		svm_msrpm_pass(vcpu, MSR_IA32_SPEC_CTRL);
	svm_dirty(svm, SVM_CLEAN_IOPM);
}
