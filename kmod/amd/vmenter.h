/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vmenter.S and enter.c share: the offsets of struct svm_entry (svm.h asserts them) and of the
 * registers, and the flags.
 */
#ifndef VMX_AMD_VMENTER_H
#define VMX_AMD_VMENTER_H

#define SVM_ENTRY_REGS 0x00
#define SVM_ENTRY_VMCB_PA 0x08
#define SVM_ENTRY_HOST_PA 0x10
#define SVM_ENTRY_SPEC_GUEST 0x18
#define SVM_ENTRY_SPEC_HOST 0x20
#define SVM_ENTRY_FLAGS 0x28

/* Flags. */
#define SVM_ENTRY_SWITCH_SPEC 1	/* write SPEC_CTRL before and after */
#define SVM_ENTRY_READ_SPEC 2	/* the guest may have written it: read it after */
#define SVM_ENTRY_SHADOW 4	/* the guest is in an interrupt shadow: VMRUN right behind STI */

/* vcpu->regs[]: numbered as in ModRM, eight bytes each. */
#define SVM_REG_RCX 0x08
#define SVM_REG_RDX 0x10
#define SVM_REG_RBX 0x18
#define SVM_REG_RBP 0x28
#define SVM_REG_RSI 0x30
#define SVM_REG_RDI 0x38
#define SVM_REG_R8 0x40
#define SVM_REG_R9 0x48
#define SVM_REG_R10 0x50
#define SVM_REG_R11 0x58
#define SVM_REG_R12 0x60
#define SVM_REG_R13 0x68
#define SVM_REG_R14 0x70
#define SVM_REG_R15 0x78

#endif /* VMX_AMD_VMENTER_H */
