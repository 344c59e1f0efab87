// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1TF: on a CPU that has it a guest can read what is in the L1 data cache. The host's setting (l1tf=)
 * says when to flush that before a guest runs: never, when the host has run its own code since ("cond":
 * here before each series of entries, which the inner loop's own exits do not end), or each time.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/vmx.h>

#include "intel/l1d.h"

#define L1D_FLUSH BIT(0)	/* of MSR IA32_FLUSH_CMD */
#define L1D_ORDER 4		/* twice the largest L1 data cache that lacks the MSR */

bool vt_l1d_series __read_mostly;
static bool l1d_each __read_mostly;
static struct page *l1d_pages;

int vt_l1d_setup(void)
{
	enum vmx_l1d_flush_state state = VMENTER_L1D_FLUSH_NOT_REQUIRED;
	u64 arch = 0;

	vt_l1d_series = false;
	l1d_each = false;
	/* A hypervisor below this kernel may say that it flushes already. */
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES) &&
	    rdmsrl_safe(MSR_IA32_ARCH_CAPABILITIES, &arch))
		arch = 0;
	if (boot_cpu_has_bug(X86_BUG_L1TF) && !(arch & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH)) {
		state = VMENTER_L1D_FLUSH_COND;
		if (l1tf_mitigation == L1TF_MITIGATION_OFF)
			state = VMENTER_L1D_FLUSH_NEVER;
		else if (l1tf_mitigation == L1TF_MITIGATION_FULL ||
			 l1tf_mitigation == L1TF_MITIGATION_FULL_FORCE)
			state = VMENTER_L1D_FLUSH_ALWAYS;
	}
	if (state == VMENTER_L1D_FLUSH_COND || state == VMENTER_L1D_FLUSH_ALWAYS) {
		if (!boot_cpu_has(X86_FEATURE_FLUSH_L1D)) {
			l1d_pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, L1D_ORDER);
			if (!l1d_pages)
				return -ENOMEM;
		}
		l1d_each = state == VMENTER_L1D_FLUSH_ALWAYS;
		vt_l1d_series = !l1d_each;
		pr_info("L1TF: the L1 data cache is flushed before %s\n",
			l1d_each ? "each entry" : "each series of entries");
	}
	/* For /sys/devices/system/cpu/vulnerabilities/l1tf. */
	l1tf_vmx_mitigation = state;
	return 0;
}

void vt_l1d_teardown(void)
{
	if (l1d_pages)
		__free_pages(l1d_pages, L1D_ORDER);
	l1d_pages = NULL;
	l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_AUTO;
}

bool vt_l1d_each_entry(void)
{
	return l1d_each;
}

/* Reading 64 KiB evicts all else; the first pass brings the translations in. */
static noinline void l1d_evict(void)
{
	const volatile u8 *p = page_address(l1d_pages);
	unsigned int i;

	for (i = 0; i < PAGE_SIZE << L1D_ORDER; i += PAGE_SIZE)
		(void)p[i];
	mb();
	for (i = 0; i < PAGE_SIZE << L1D_ORDER; i += boot_cpu_data.x86_clflush_size)
		(void)p[i];
	rmb();
}

void vt_l1d_flush(void)
{
	if (l1d_pages)
		l1d_evict();
	else
		wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
}
