// SPDX-License-Identifier: GPL-2.0-only
/* VMX_X_SET_FIELD: one field of the control block. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "uapi/vmx_ext.h"
#include "x86/field.h"
#include "x86/state.h"
#include "x86/x86.h"

static bool unsafe_control_writes;
module_param(unsafe_control_writes, bool, 0444);
MODULE_PARM_DESC(unsafe_control_writes,
		 "let root write any field of a VMCS or VMCB: a wrong one breaks this host (default 0)");

/* The field as it is, with nothing checked: what the next entry makes of it is the caller's to see. */
static long field_write_raw(struct vcpu *vcpu, u32 id, u64 val)
{
	if (!unsafe_control_writes || !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!test_taint(TAINT_USER)) {
		pr_warn("%s writes fields of the control block: the kernel is tainted\n", current->comm);
		add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	}
	return backend_call(write_field)(vcpu, id, val) ? 0 : -EIO;
}

static long field_write_reg(struct vcpu *vcpu, enum vcpu_reg reg, u64 val)
{
	u64 regs[18];

	if (reg == VCPU_RFLAGS && val >> 32)
		return -EINVAL;
	vcpu_set_reg(vcpu, reg, val);
	/* As SET_REGS: what goes with a new RIP or RFLAGS. */
	regs_get(vcpu, regs);
	regs_set(vcpu, regs);
	return 0;
}

static long field_write_dr(struct vcpu *vcpu, bool dr7, u64 val)
{
	if (val >> 32)
		return -EINVAL;
	debugregs_restore(vcpu, dr7 ? backend_call(get_dr6)(vcpu) : val, dr7 ? val : vcpu->x86->dr7);
	return 0;
}

static long field_write(struct vcpu *vcpu, u32 id, u64 val, struct vm_field_write *w)
{
	int r;

	sregs_get(vcpu, &w->sregs);
	switch (backend_call(field_home)(id, val, w)) {
	case VM_FIELD_REG:
		return field_write_reg(vcpu, w->reg, val);
	case VM_FIELD_SREGS:
		return sregs_set(vcpu, &w->sregs);
	case VM_FIELD_MSR:
		r = x86_msr_write(vcpu, w->msr, val, true);
		return r > 0 ? -EINVAL : r;
	case VM_FIELD_DR6:
		return field_write_dr(vcpu, false, val);
	case VM_FIELD_DR7:
		return field_write_dr(vcpu, true, val);
	case VM_FIELD_RAW:
		return field_write_raw(vcpu, id, val);
	case VM_FIELD_READ_ONLY:
		return -EROFS;
	default:
		return -ENOENT;
	}
}

long field_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	struct vmx_x_set_field set;
	struct vm_field_write *w;
	unsigned int width;
	long r;

	if (cmd != VMX_X_SET_FIELD)
		return -ENOIOCTLCMD;
	if (copy_from_user(&set, (void __user *)arg, sizeof(set)))
		return -EFAULT;
	if (set.flags & ~VMX_X_SET_FIELD_RAW)
		return -EINVAL;
	width = backend_call(field_width)(set.id);
	if (!width)
		return -ENOENT;
	if (set.width != width || (width < 8 && set.value >> width * 8))
		return -EINVAL;
	if (set.flags & VMX_X_SET_FIELD_RAW)
		return field_write_raw(vcpu, set.id, set.value);
	w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		return -ENOMEM;
	r = field_write(vcpu, set.id, set.value, w);
	kfree(w);
	return r;
}
