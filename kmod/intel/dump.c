// SPDX-License-Identifier: GPL-2.0-only
/* The VMCS in words, and the audit of debug builds. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/irqflags.h>
#include <linux/printk.h>

#include "intel/vt.h"

static void vt_dump_kind(enum vmcs_kind kind, const char *title)
{
	unsigned int i, n = 0;
	char line[160];
	int len = 0;
	u64 val;

	pr_err(" %s:\n", title);
	for (i = 0; i < vmcs_nr_fields; i++) {
		const struct vmcs_field_row *row = &vmcs_field_rows[i];

		if (vmcs_field_kind(row->field) != kind || !vmcs_try_read(row->field, &val))
			continue;
		/* Most are 0, and then their absence says so. */
		if (!val)
			continue;
		len += scnprintf(line + len, sizeof(line) - len, "%s%s %llx", n ? ", " : "",
				 row->words, val);
		if (++n == 3) {
			pr_err("  %s\n", line);
			n = 0;
			len = 0;
		}
	}
	if (n)
		pr_err("  %s\n", line);
}

void vt_dump(struct vcpu *vcpu)
{
	u64 error = 0;

	pr_err("VMCS of vCPU %u, on CPU %d (fields that are 0 are left out):\n", vcpu->id, vcpu->cpu);
	vmcs_try_read(VMCS_VM_INSN_ERROR, &error);
	if (!(vcpu->exit.hw_reason & VT_REASON_ENTRY_FAILED))
		pr_err(" VM-instruction error %llu: %s\n", error, vt_insn_error_text(error));
	else
		pr_err(" exit reason %#x: %s, qualification %llx\n", vcpu->exit.hw_reason,
		       vt_exit_reason_name(vcpu->exit.hw_reason), vcpu->exit.info1);
	vt_explain_refusal(vcpu);
	vt_dump_kind(VMCS_KIND_CONTROL, "controls");
	vt_dump_kind(VMCS_KIND_GUEST, "guest");
	/* Where the host's code and memory are: any VMM can cause a dump, and many users can read the log. */
#ifdef VMX_DEBUG
	vt_dump_kind(VMCS_KIND_HOST, "host");
#endif
	vt_dump_kind(VMCS_KIND_READ_ONLY, "the last exit");
}

/*
 * Fields that are never read back must hold what is kept beside them. Called before each entry of a
 * debug build, interrupts off.
 */
bool vt_audit(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	const struct {
		u32 field;
		u64 kept;
	} rows[] = {
		{ VMCS_PIN_CONTROLS, vt->ctl.pin },
		{ VMCS_PROC_CONTROLS, vt->ctl.proc },
		{ VMCS_PROC2_CONTROLS, vt->ctl.proc2 },
		{ VMCS_EXIT_CONTROLS, vt->ctl.exit },
		{ VMCS_EXCEPTION_BITMAP, vt->ctl.exceptions },
		{ VMCS_TPR_THRESHOLD, vt->ctl.tpr_threshold },
		{ VMCS_EPT_POINTER, vt->eptp },
		{ VMCS_CR0_MASK, vt->cr0_mask },
		{ VMCS_CR4_MASK, vt->cr4_mask },
		{ VMCS_CR0_SHADOW, vt->cr0_shadow },
		{ VMCS_CR4_SHADOW, vt->cr4_shadow },
		{ VMCS_TSC_OFFSET, vt->tsc_offset },
		{ VMCS_GUEST_RIP, vcpu->regs[VCPU_RIP] },
		{ VMCS_GUEST_RFLAGS, vcpu->regs[VCPU_RFLAGS] },
		{ VMCS_HOST_CR3, vt->host.cr3 },
		{ VMCS_HOST_CR4, vt->host.cr4 },
		{ VMCS_HOST_FS_BASE, vt->host.fs_base },
		{ VMCS_HOST_GS_BASE, vt->host.gs_base },
	};
	bool ok = true;
	unsigned int i;
	u64 val;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!vmcs_try_read(rows[i].field, &val) || val == rows[i].kept)
			continue;
		ok = false;
		if (!vt->audit_failed)
			pr_err("BUG: vmx: vCPU %u: VMCS field %s is %#llx, kept as %#llx\n", vcpu->id,
			       vmcs_field_name(rows[i].field), val, rows[i].kept);
	}
	vt->audit_failed |= !ok;
	return ok;
}
