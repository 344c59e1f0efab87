// SPDX-License-Identifier: GPL-2.0-only
/* Why the CPU may have refused a VM entry: the rules of pure/vt_check.c against the current VMCS. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/printk.h>
#include <asm/processor.h>

#include "intel/vt.h"
#include "pure/vt_check.h"

static u64 explain_read(void *ctx, u32 field)
{
	return vmcs_read(field);
}

static void explain_report(void *ctx, const struct vt_violation *v)
{
	pr_err("  broken rule (SDM 3C %s): %s is %#llx: %s\n", v->section, vmcs_field_name(v->field), v->value,
	       v->rule);
}

void vt_explain_refusal(struct vt_vcpu *vt)
{
	struct vt_check_env env = {
		.read = explain_read,
		.report = explain_report,
		.caps = &vt_host.caps,
		/* The CPU's own answer: boot_cpu_data subtracts what memory encryption takes. */
		.maxphyaddr = cpuid_eax(0x80000008) & 0xff,
		.linear_bits = vt_host.linear_bits,
		.vtpr = vt->tpr_shadow ? *vt->vtpr : -1,
	};

	if (!vt_check_entry(&env))
		pr_err("  no rule of VM entry that is known here is broken\n");
}
