// SPDX-License-Identifier: GPL-2.0-only
/* The VMCS to look at: field by field, and against the rules of VM entry. */
#include <linux/build_bug.h>
#include <asm/processor.h>

#include "intel/vt.h"
#include "pure/vt_check.h"

static_assert(VMCS_KIND_CONTROL == VMX_X_FIELD_CONTROL && VMCS_KIND_READ_ONLY == VMX_X_FIELD_EXIT &&
	      VMCS_KIND_GUEST == VMX_X_FIELD_GUEST && VMCS_KIND_HOST == VMX_X_FIELD_HOST);

/* What is kept beside the VMCS until the next entry writes it. False: this CPU has no such field. */
static bool vt_field_value(struct vcpu *vcpu, u32 field, u64 *val)
{
	enum vcpu_reg reg;

	switch (field) {
	case VMCS_GUEST_RSP:
		reg = VCPU_RSP;
		break;
	case VMCS_GUEST_RIP:
		reg = VCPU_RIP;
		break;
	case VMCS_GUEST_RFLAGS:
		reg = VCPU_RFLAGS;
		break;
	default:
		return vmcs_try_read(field, val);
	}
	*val = vcpu_reg(vcpu, reg);
	return true;
}

unsigned int vt_get_block(struct vcpu *vcpu, struct vmx_x_field *fields)
{
	static const u8 widths[] = { [VMCS_WIDTH_16] = 2, [VMCS_WIDTH_64] = 8, [VMCS_WIDTH_32] = 4,
				     [VMCS_WIDTH_NATURAL] = 8 };
	bool shadow = to_vt(vcpu)->shadow;
	unsigned int i, n = 0;
	u64 val;

	for (i = 0; i < vmcs_nr_fields; i++) {
		u32 field = vmcs_field_rows[i].field;

		if (!vt_field_value(vcpu, field, &val))
			continue;
		fields[n++] = (struct vmx_x_field){
			.id = field,
			.width = widths[vmcs_field_width(field)],
			.kind = vmcs_field_kind(field),
			.flags = vmcs_field_is_host_address(field, shadow) ? VMX_X_FIELD_HIDDEN : 0,
			.value = val,
		};
	}
	return n;
}

struct vt_block_check {
	struct vcpu *vcpu;
	vm_violation_report *report;
	void *ctx;
};

static u64 block_read(void *ctx, u32 field)
{
	struct vt_block_check *check = ctx;
	u64 val;

	vt_field_value(check->vcpu, field, &val);
	return val;
}

static void block_report(void *ctx, const struct vt_violation *broken)
{
	struct vt_block_check *check = ctx;
	struct vm_violation v = {
		.id = broken->field,
		.value = broken->value,
		.hidden = vmcs_field_is_host_address(broken->field, to_vt(check->vcpu)->shadow),
		.section = broken->section,
		.rule = broken->rule,
	};

	check->report(check->ctx, &v);
}

unsigned int vt_check_block(struct vcpu *vcpu, vm_violation_report *report, void *ctx)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	struct vt_block_check check = { .vcpu = vcpu, .report = report, .ctx = ctx };
	struct vt_check_env env = {
		.read = block_read,
		.report = block_report,
		.ctx = &check,
		.caps = &vt_host.caps,
		/* The CPU's own answer: boot_cpu_data subtracts what memory encryption takes. */
		.maxphyaddr = cpuid_eax(0x80000008) & 0xff,
		.linear_bits = vt_host.linear_bits,
		.vtpr = vt->tpr_shadow ? *vt->vtpr : -1,
	};

	return vt_check_entry(&env);
}
