// SPDX-License-Identifier: GPL-2.0-only
/* Why the CPU may have refused a VM entry: the rules of pure/vt_check.c against the current VMCS, into the log. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/printk.h>

#include "intel/vt.h"

static void explain_report(void *ctx, const struct vm_violation *v)
{
	pr_err("  broken rule (SDM 3C %s): %s is %#llx: %s\n", v->section, vmcs_field_name(v->id), v->value,
	       v->rule);
}

void vt_explain_refusal(struct vcpu *vcpu)
{
	if (!vt_check_block(vcpu, explain_report, NULL))
		pr_err("  no rule of VM entry that is known here is broken\n");
}
