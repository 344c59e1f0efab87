/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a field of the control block is kept. Much of a guest's state is not the block's alone: registers are
 * cached, control registers merged with what the host needs, CR3 may be a table of ours. So a field of guest state
 * is written by way of the state that it shows, with the checks that a VMM's SET ioctl has.
 */
#ifndef VMX_X86_FIELD_H
#define VMX_X86_FIELD_H

#include "uapi/vmx.h"
#include "vcpu.h"

enum vm_field_home {
	VM_FIELD_UNKNOWN,	/* the block has no such field */
	VM_FIELD_RAW,		/* only in the block */
	VM_FIELD_READ_ONLY,	/* written by the CPU */
	VM_FIELD_REG,		/* .reg */
	VM_FIELD_SREGS,		/* .sregs, which holds the new value */
	VM_FIELD_MSR,		/* .msr */
	VM_FIELD_DR6,
	VM_FIELD_DR7,
};

struct vm_field_write {
	enum vcpu_reg reg;
	u32 msr;
	struct vmx_sregs sregs;		/* in: as they are */
};

static inline struct vmx_segment *sregs_segment(struct vmx_sregs *s, enum vcpu_seg seg)
{
	switch (seg) {
	case VCPU_SEG_ES:
		return &s->es;
	case VCPU_SEG_CS:
		return &s->cs;
	case VCPU_SEG_SS:
		return &s->ss;
	case VCPU_SEG_DS:
		return &s->ds;
	case VCPU_SEG_FS:
		return &s->fs;
	case VCPU_SEG_GS:
		return &s->gs;
	case VCPU_SEG_TR:
		return &s->tr;
	default:
		return &s->ldt;
	}
}

/* VMX_X_SET_FIELD; the vCPU loaded. 0 or -errno, as uapi/vmx_ext.h has it. */
long field_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);

#endif /* VMX_X86_FIELD_H */
