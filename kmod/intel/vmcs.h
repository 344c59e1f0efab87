/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to the current VMCS (SDM 3C 30). The fields are in pure/vmcs.h.
 *
 * Whoever calls these has loaded the VMCS on this CPU: with the vCPU loaded, preemption on or off, or
 * on the CPU that has just done VMPTRLD. An access that the CPU refuses is reported once a minute with
 * the field's name; a read gives 0 then. On a CPU whose VMX a reboot has switched off the access
 * faults; that is silent, as nothing enters any more.
 */
#ifndef VMX_INTEL_VMCS_H
#define VMX_INTEL_VMCS_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/asm.h>

#include "pure/vmcs.h"

void vmcs_access_failed(enum vmcs_field field, bool write, u64 val);

static __always_inline u64 vmcs_read(enum vmcs_field field)
{
	u64 val;

	/* volatile said aloud: some compilers forget that it goes with goto. */
	asm volatile goto("1: vmread %[field], %[val]\n\t"
			  "jna %l[refused]\n"
			  _ASM_EXTABLE(1b, %l[off])
			  : [val] "=r"(val) : [field] "r"((u64)field) : "cc" : refused, off);
	return val;
refused:
	vmcs_access_failed(field, false, 0);
off:
	return 0;
}

/* For fields that this CPU may lack: false, and nothing is reported. */
static inline bool vmcs_try_read(u32 field, u64 *val)
{
	asm volatile goto("1: vmread %[field], %[val]\n\t"
			  "jna %l[none]\n"
			  _ASM_EXTABLE(1b, %l[none])
			  : [val] "=r"(*val) : [field] "r"((u64)field) : "cc" : none);
	return true;
none:
	*val = 0;
	return false;
}

/* The same for a write. */
static inline bool vmcs_try_write(u32 field, u64 val)
{
	asm volatile goto("1: vmwrite %[val], %[field]\n\t"
			  "jna %l[none]\n"
			  _ASM_EXTABLE(1b, %l[none])
			  : : [val] "rm"(val), [field] "r"((u64)field) : "cc" : none);
	return true;
none:
	return false;
}

static __always_inline void vmcs_write(enum vmcs_field field, u64 val)
{
	asm volatile goto("1: vmwrite %[val], %[field]\n\t"
			  "jna %l[refused]\n"
			  _ASM_EXTABLE(1b, %l[off])
			  : : [val] "rm"(val), [field] "r"((u64)field) : "cc" : refused, off);
	return;
refused:
	vmcs_access_failed(field, true, val);
off:
	return;
}

/* ---- VMXON and its kin; 0, -EIO: refused, -EFAULT: the instruction faulted ---- */

/* The body of such a function. */
#define VMX_INSN(text, ...)								\
	asm volatile goto("1: " text "\n\t"						\
			  "jna %l[refused]\n"						\
			  _ASM_EXTABLE(1b, %l[fault])					\
			  : : __VA_ARGS__ : "cc", "memory" : refused, fault);		\
	return 0;									\
refused:										\
	return -EIO;									\
fault:											\
	return -EFAULT

static __always_inline int vmx_insn_vmxon(u64 pa)
{
	VMX_INSN("vmxon %[pa]", [pa] "m"(pa));
}

static __always_inline int vmx_insn_vmxoff(void)
{
	VMX_INSN("vmxoff");
}

static __always_inline int vmx_insn_vmclear(u64 pa)
{
	VMX_INSN("vmclear %[pa]", [pa] "m"(pa));
}

static __always_inline int vmx_insn_vmptrld(u64 pa)
{
	VMX_INSN("vmptrld %[pa]", [pa] "m"(pa));
}

/* The operand of INVEPT and INVVPID: SDM 3C 30.3. */
struct vt_inv_desc {
	u64 context;		/* EPTP or VPID */
	u64 address;
};

static __always_inline int vmx_insn_invept(enum vt_invept_type type, u64 eptp)
{
	struct vt_inv_desc desc = { eptp, 0 };

	VMX_INSN("invept %[desc], %[type]", [desc] "m"(desc), [type] "r"((u64)type));
}

static __always_inline int vmx_insn_invvpid(enum vt_invvpid_type type, u16 vpid, u64 address)
{
	struct vt_inv_desc desc = { vpid, address };

	VMX_INSN("invvpid %[desc], %[type]", [desc] "m"(desc), [type] "r"((u64)type));
}

#undef VMX_INSN

#endif /* VMX_INTEL_VMCS_H */
