/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The save area of system management mode: what an SMI stores and RSM loads.
 *
 *	wide	the AMD64 map (APM 2 10.2.3, table 10-1), for a guest whose CPUID has long mode
 *	narrow	the older 32-bit map (SDM 3C table 31-1), for others; the places of what that leaves reserved,
 *		hidden parts of segments and CR4, are those of the processors before AMD64
 *
 * Both lie in the 512 bytes at SMBASE + SMRAM_AREA. Attributes of segments are the descriptor's second
 * doubleword without base and limit: shifted right by 8 in the wide map. Two bytes that both maps reserve
 * hold the interrupt shadow. Missing: restart of I/O instructions (SDM 3C 31.12), which the revision
 * identifier says; SVM state; shadow stacks.
 */
#ifndef VMX_PURE_SMRAM_H
#define VMX_PURE_SMRAM_H

#include "pure/env.h"
#include "uapi/vmx_x86.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SMRAM_DEFAULT_BASE 0x30000u /* SMBASE after RESET */
#define SMRAM_ENTRY 0x8000u	    /* where the handler starts, from SMBASE */
#define SMRAM_AREA 0xfe00u
#define SMRAM_SIZE 512

/* Revision identifiers: SMBASE can be relocated, I/O instructions cannot be restarted (APM 2 10.2.4). */
#define SMRAM_REVISION_WIDE 0x00020064u
#define SMRAM_REVISION_NARROW 0x00020000u

/* In the order of enum vcpu_seg. */
enum { SMRAM_ES, SMRAM_CS, SMRAM_SS, SMRAM_DS, SMRAM_FS, SMRAM_GS, SMRAM_TR, SMRAM_LDTR, SMRAM_NR_SEGS };

struct smram_state {
	u64 regs[16]; /* numbered as in ModRM */
	u64 rip, rflags;
	u64 cr0, cr3, cr4, efer;
	u64 dr6, dr7;
	struct vmx_segment seg[SMRAM_NR_SEGS];
	struct vmx_dtable gdt, idt;
	u32 smbase;
	u8 shadow;   /* VMX_X86_SHADOW_* */
	bool halted; /* the SMI came in HLT; on the way back: HLT goes on */
};

/* Fills all of @image; what it has no name for is 0. The narrow map keeps lower halves. */
void smram_encode(const struct smram_state *s, bool wide, u8 image[SMRAM_SIZE]);

/*
 * The state that @image holds, of any contents: what a register cannot hold is cut off, as loading it does
 * (RFLAGS, selectors' hidden parts; addresses to @virt_bits, sign-extended). Control registers come as they
 * are: whether they can be loaded is the caller's to find out.
 */
void smram_decode(struct smram_state *s, bool wide, unsigned int virt_bits,
		  const u8 image[SMRAM_SIZE]);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_SMRAM_H */
