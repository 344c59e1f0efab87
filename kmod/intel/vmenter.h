/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vmenter.S and enter.c share: the offsets of struct vt_entry (vt.h asserts them) and of the
 * registers, and the flags.
 */
#ifndef VMX_INTEL_VMENTER_H
#define VMX_INTEL_VMENTER_H

#define VT_ENTRY_REGS 0x00
#define VT_ENTRY_HOST_RSP 0x08
#define VT_ENTRY_SPEC_GUEST 0x10
#define VT_ENTRY_SPEC_HOST 0x18
#define VT_ENTRY_FLAGS 0x20

/* Flags, by bit number. */
#define VT_ENTRY_LAUNCHED_BIT 0		/* VMRESUME, not VMLAUNCH */
#define VT_ENTRY_SWITCH_SPEC_BIT 1	/* write SPEC_CTRL before and after */
#define VT_ENTRY_READ_SPEC_BIT 2	/* the guest may have written it: read it after */

#define VT_ENTRY_LAUNCHED (1 << VT_ENTRY_LAUNCHED_BIT)
#define VT_ENTRY_SWITCH_SPEC (1 << VT_ENTRY_SWITCH_SPEC_BIT)
#define VT_ENTRY_READ_SPEC (1 << VT_ENTRY_READ_SPEC_BIT)

/* What vt_vmenter() returns. */
#define VT_ENTERED 0
#define VT_REFUSED 1	/* VMfail: the guest has not run */
#define VT_OFF 2	/* VMX is off on this CPU */

/* Encodings of the fields that the assembly touches; vt.h asserts them. */
#define VT_FIELD_HOST_RSP 0x6c14

/* vcpu->regs[]: numbered as in ModRM, eight bytes each. */
#define VT_REG_RAX 0x00
#define VT_REG_RCX 0x08
#define VT_REG_RDX 0x10
#define VT_REG_RBX 0x18
#define VT_REG_RBP 0x28
#define VT_REG_RSI 0x30
#define VT_REG_RDI 0x38
#define VT_REG_R8 0x40
#define VT_REG_R9 0x48
#define VT_REG_R10 0x50
#define VT_REG_R11 0x58
#define VT_REG_R12 0x60
#define VT_REG_R13 0x68
#define VT_REG_R14 0x70
#define VT_REG_R15 0x78

#endif /* VMX_INTEL_VMENTER_H */
