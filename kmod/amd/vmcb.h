/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine control block, field by field: APM 2 appendix B (control area table B-1,
 * state save area table B-2). One page, at offset 0 the control area, at 400h the state save area.
 */
#ifndef VMX_AMD_VMCB_H
#define VMX_AMD_VMCB_H

#include <linux/build_bug.h>
#include <linux/types.h>

#include "pure/svm_codec.h"

/*
 * Intercepts, numbered through the six 32-bit words at offset 0: bit n is bit n % 32 of word n /
 * 32.
 */
enum svm_intercept {
	SVM_INTERCEPT_CR_READ = 0,	/* plus the register's number */
	SVM_INTERCEPT_CR_WRITE = 16,
	SVM_INTERCEPT_DR_READ = 32,
	SVM_INTERCEPT_DR_WRITE = 48,
	SVM_INTERCEPT_EXC = 64,		/* plus the vector */
	SVM_INTERCEPT_INTR = 96,
	SVM_INTERCEPT_NMI,
	SVM_INTERCEPT_SMI,
	SVM_INTERCEPT_INIT,
	SVM_INTERCEPT_VINTR,
	SVM_INTERCEPT_CR0_SEL_WRITE,
	SVM_INTERCEPT_IDTR_READ,
	SVM_INTERCEPT_GDTR_READ,
	SVM_INTERCEPT_LDTR_READ,
	SVM_INTERCEPT_TR_READ,
	SVM_INTERCEPT_IDTR_WRITE,
	SVM_INTERCEPT_GDTR_WRITE,
	SVM_INTERCEPT_LDTR_WRITE,
	SVM_INTERCEPT_TR_WRITE,
	SVM_INTERCEPT_RDTSC,
	SVM_INTERCEPT_RDPMC,
	SVM_INTERCEPT_PUSHF,
	SVM_INTERCEPT_POPF,
	SVM_INTERCEPT_CPUID,
	SVM_INTERCEPT_RSM,
	SVM_INTERCEPT_IRET,
	SVM_INTERCEPT_INTN,
	SVM_INTERCEPT_INVD,
	SVM_INTERCEPT_PAUSE,
	SVM_INTERCEPT_HLT,
	SVM_INTERCEPT_INVLPG,
	SVM_INTERCEPT_INVLPGA,
	SVM_INTERCEPT_IOIO,
	SVM_INTERCEPT_MSR,
	SVM_INTERCEPT_TASK_SWITCH,
	SVM_INTERCEPT_FERR_FREEZE,
	SVM_INTERCEPT_SHUTDOWN,
	SVM_INTERCEPT_VMRUN = 128,
	SVM_INTERCEPT_VMMCALL,
	SVM_INTERCEPT_VMLOAD,
	SVM_INTERCEPT_VMSAVE,
	SVM_INTERCEPT_STGI,
	SVM_INTERCEPT_CLGI,
	SVM_INTERCEPT_SKINIT,
	SVM_INTERCEPT_RDTSCP,
	SVM_INTERCEPT_ICEBP,
	SVM_INTERCEPT_WBINVD,
	SVM_INTERCEPT_MONITOR,
	SVM_INTERCEPT_MWAIT,
	SVM_INTERCEPT_MWAIT_ARMED,
	SVM_INTERCEPT_XSETBV,
	SVM_INTERCEPT_RDPRU,
	SVM_INTERCEPT_EFER_WRITE_TRAP,
	SVM_INTERCEPT_CR_WRITE_TRAP = 144,
	SVM_INTERCEPT_INVLPGB = 160,
	SVM_INTERCEPT_INVLPGB_ILLEGAL,
	SVM_INTERCEPT_INVPCID,
	SVM_INTERCEPT_MCOMMIT,
	SVM_INTERCEPT_TLBSYNC,
	SVM_INTERCEPT_BUS_LOCK,
	SVM_INTERCEPT_IDLE_HLT,
	SVM_NR_INTERCEPTS = 192,
};

/* TLB_CONTROL: APM 2 15.16.1. */
enum svm_tlb_control {
	SVM_TLB_KEEP = 0,
	SVM_TLB_FLUSH_ALL = 1,		/* every ASID, host's globals too */
	SVM_TLB_FLUSH_ASID = 3,		/* this guest's; needs FlushByAsid */
	SVM_TLB_FLUSH_ASID_NONGLOBAL = 7,
};

/* The word at 60h: APM 2 15.21.1, 15.21.4, 15.21.10. */
enum svm_int_ctl {
	SVM_INT_V_TPR = 0xff,
	SVM_INT_V_IRQ = 1 << 8,
	SVM_INT_V_GIF = 1 << 9,
	SVM_INT_V_NMI = 1 << 11,
	SVM_INT_V_NMI_MASK = 1 << 12,
	SVM_INT_V_PRIO_SHIFT = 16,
	SVM_INT_V_PRIO = 0xf << SVM_INT_V_PRIO_SHIFT,
	SVM_INT_V_IGN_TPR = 1 << 20,
	SVM_INT_V_INTR_MASKING = 1 << 24,
	SVM_INT_V_GIF_ENABLE = 1 << 25,
	SVM_INT_V_NMI_ENABLE = 1 << 26,
	SVM_INT_X2AVIC_ENABLE = 1 << 30,
	SVM_INT_AVIC_ENABLE = (int)(1U << 31),
};

enum svm_int_state {
	SVM_INT_SHADOW = 1 << 0,
	SVM_GUEST_INT_MASK = 1 << 1,
};

/* The word at 90h. */
enum svm_nested_ctl {
	SVM_NP_ENABLE = 1 << 0,
	SVM_SEV_ENABLE = 1 << 1,
	SVM_SEV_ES_ENABLE = 1 << 2,
	SVM_GMET_ENABLE = 1 << 3,
	SVM_SSS_CHECK = 1 << 4,
	SVM_VTE_ENABLE = 1 << 5,
	SVM_RO_GPT_ENABLE = 1 << 6,
	SVM_INVLPGB_ENABLE = 1 << 7,
};

/* The word at B8h. */
enum svm_virt_ext {
	SVM_LBR_VIRT = 1 << 0,
	SVM_VMLOAD_VIRT = 1 << 1,
	SVM_IBS_VIRT = 1 << 2,
	SVM_PMC_VIRT = 1 << 3,
};

/* VMCB clean bits: APM 2 15.15.3. A set bit: the CPU may use what it has cached. */
enum svm_clean {
	SVM_CLEAN_I = 1 << 0,		/* intercepts, TSC offset, PAUSE filter */
	SVM_CLEAN_IOPM = 1 << 1,	/* IOPM and MSRPM addresses */
	SVM_CLEAN_ASID = 1 << 2,
	SVM_CLEAN_TPR = 1 << 3,		/* the two words at 60h */
	SVM_CLEAN_NP = 1 << 4,		/* N_CR3, G_PAT */
	SVM_CLEAN_CRX = 1 << 5,		/* CR0, CR3, CR4, EFER */
	SVM_CLEAN_DRX = 1 << 6,		/* DR6, DR7 */
	SVM_CLEAN_DT = 1 << 7,		/* GDTR, IDTR */
	SVM_CLEAN_SEG = 1 << 8,		/* CS, DS, SS, ES, CPL */
	SVM_CLEAN_CR2 = 1 << 9,
	SVM_CLEAN_LBR = 1 << 10,	/* DBGCTL, branch and exception addresses */
	SVM_CLEAN_AVIC = 1 << 11,	/* APIC BAR and AVIC tables */
	SVM_CLEAN_CET = 1 << 12,	/* S_CET, SSP, ISST_ADDR */
	SVM_CLEAN_ALL = 0x1fff,
};

struct vmcb_control {
	u32 intercept[6];		/* 000 enum svm_intercept */
	u8 reserved_018[0x03c - 0x018];
	u16 pause_threshold;		/* 03c */
	u16 pause_count;		/* 03e */
	u64 iopm_pa;			/* 040 */
	u64 msrpm_pa;			/* 048 */
	u64 tsc_offset;			/* 050 */
	u32 asid;			/* 058 */
	u8 tlb_control;			/* 05c enum svm_tlb_control */
	u8 reserved_05d[3];
	u32 int_ctl;			/* 060 enum svm_int_ctl */
	u32 int_vector;			/* 064 bits 7:0 V_INTR_VECTOR */
	u32 int_state;			/* 068 enum svm_int_state */
	u32 reserved_06c;
	u64 exit_code;			/* 070 */
	u64 exit_info1;			/* 078 */
	u64 exit_info2;			/* 080 */
	u64 exit_int_info;		/* 088 */
	u64 nested_ctl;			/* 090 enum svm_nested_ctl */
	u64 avic_apic_bar;		/* 098 */
	u64 ghcb_pa;			/* 0a0 */
	u64 event_inj;			/* 0a8 */
	u64 nested_cr3;			/* 0b0 */
	u64 virt_ext;			/* 0b8 enum svm_virt_ext */
	u32 clean;			/* 0c0 enum svm_clean */
	u32 reserved_0c4;
	u64 next_rip;			/* 0c8 */
	u8 insn_len;			/* 0d0 bytes fetched, not the instruction's length */
	u8 insn_bytes[15];		/* 0d1 */
	u64 avic_backing_page;		/* 0e0 */
	u64 reserved_0e8;
	u64 avic_logical_table;		/* 0f0 */
	u64 avic_physical_table;	/* 0f8 */
	u64 reserved_100;
	u64 vmsa_pa;			/* 108 */
	u64 vmgexit_rax;		/* 110 */
	u8 vmgexit_cpl;			/* 118 */
	u8 reserved_119[7];
	u16 bus_lock_threshold;		/* 120 */
	u8 reserved_122[0x400 - 0x122];	/* 3e0 to 3ff are the VMM's own */
} __packed;

struct vmcb_seg {
	u16 selector;
	u16 attr;			/* enum svm_seg_attr */
	u32 limit;
	u64 base;
} __packed;

struct vmcb_save {
	struct vmcb_seg es;		/* 000 */
	struct vmcb_seg cs;		/* 010 */
	struct vmcb_seg ss;		/* 020 */
	struct vmcb_seg ds;		/* 030 */
	struct vmcb_seg fs;		/* 040 VMLOAD, VMSAVE */
	struct vmcb_seg gs;		/* 050 VMLOAD, VMSAVE */
	struct vmcb_seg gdtr;		/* 060 limit in bits 15:0 */
	struct vmcb_seg ldtr;		/* 070 VMLOAD, VMSAVE */
	struct vmcb_seg idtr;		/* 080 */
	struct vmcb_seg tr;		/* 090 VMLOAD, VMSAVE */
	u8 reserved_0a0[0x0cb - 0x0a0];
	u8 cpl;				/* 0cb */
	u32 reserved_0cc;
	u64 efer;			/* 0d0 */
	u64 reserved_0d8;
	struct {
		u64 ctl;
		u64 ctr;
	} perf[6];			/* 0e0 */
	u64 reserved_140;
	u64 cr4;			/* 148 */
	u64 cr3;			/* 150 */
	u64 cr0;			/* 158 */
	u64 dr7;			/* 160 */
	u64 dr6;			/* 168 */
	u64 rflags;			/* 170 */
	u64 rip;			/* 178 */
	u8 reserved_180[0x1c0 - 0x180];
	u64 instr_retired_ctr;		/* 1c0 */
	u64 perf_global_status;		/* 1c8 */
	u64 perf_global_ctl;		/* 1d0 */
	u64 rsp;			/* 1d8 */
	u64 s_cet;			/* 1e0 */
	u64 ssp;			/* 1e8 */
	u64 isst_addr;			/* 1f0 */
	u64 rax;			/* 1f8 */
	u64 star;			/* 200 to 238: VMLOAD, VMSAVE */
	u64 lstar;			/* 208 */
	u64 cstar;			/* 210 */
	u64 sfmask;			/* 218 */
	u64 kernel_gs_base;		/* 220 */
	u64 sysenter_cs;		/* 228 */
	u64 sysenter_esp;		/* 230 */
	u64 sysenter_eip;		/* 238 */
	u64 cr2;			/* 240 */
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat;			/* 268 */
	u64 dbgctl;			/* 270 */
	u64 br_from;			/* 278 */
	u64 br_to;			/* 280 */
	u64 last_excp_from;		/* 288 */
	u64 last_excp_to;		/* 290 */
	u64 dbg_extn_ctl;		/* 298 */
	u8 reserved_2a0[0x2e0 - 0x2a0];
	u64 spec_ctrl;			/* 2e0 with virtual SPEC_CTRL */
	u8 reserved_2e8[0x670 - 0x2e8];
	u64 lbr_stack[32];		/* 670 from, to */
	u64 lbr_select;			/* 770 */
	/* 778 fetch_ctl, fetch_linaddr, op_ctl, op_rip, op_data 1 to 3, dc_linaddr */
	u64 ibs[8];
	u8 reserved_7b8[0xc00 - 0x7b8];
} __packed;

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
} __packed;

#define VMCB_AT(part, field, offset)                                                  \
	static_assert(offsetof(struct vmcb_##part, field) == (offset),                \
		      #field " is at " #offset " in the VMCB's " #part " area")

VMCB_AT(control, pause_threshold, 0x03c);
VMCB_AT(control, pause_count, 0x03e);
VMCB_AT(control, iopm_pa, 0x040);
VMCB_AT(control, msrpm_pa, 0x048);
VMCB_AT(control, tsc_offset, 0x050);
VMCB_AT(control, asid, 0x058);
VMCB_AT(control, tlb_control, 0x05c);
VMCB_AT(control, int_ctl, 0x060);
VMCB_AT(control, int_vector, 0x064);
VMCB_AT(control, int_state, 0x068);
VMCB_AT(control, exit_code, 0x070);
VMCB_AT(control, exit_info1, 0x078);
VMCB_AT(control, exit_info2, 0x080);
VMCB_AT(control, exit_int_info, 0x088);
VMCB_AT(control, nested_ctl, 0x090);
VMCB_AT(control, avic_apic_bar, 0x098);
VMCB_AT(control, ghcb_pa, 0x0a0);
VMCB_AT(control, event_inj, 0x0a8);
VMCB_AT(control, nested_cr3, 0x0b0);
VMCB_AT(control, virt_ext, 0x0b8);
VMCB_AT(control, clean, 0x0c0);
VMCB_AT(control, next_rip, 0x0c8);
VMCB_AT(control, insn_len, 0x0d0);
VMCB_AT(control, avic_backing_page, 0x0e0);
VMCB_AT(control, avic_logical_table, 0x0f0);
VMCB_AT(control, avic_physical_table, 0x0f8);
VMCB_AT(control, vmsa_pa, 0x108);
VMCB_AT(control, vmgexit_rax, 0x110);
VMCB_AT(control, vmgexit_cpl, 0x118);
VMCB_AT(control, bus_lock_threshold, 0x120);

VMCB_AT(save, cs, 0x010);
VMCB_AT(save, ss, 0x020);
VMCB_AT(save, ds, 0x030);
VMCB_AT(save, fs, 0x040);
VMCB_AT(save, gs, 0x050);
VMCB_AT(save, gdtr, 0x060);
VMCB_AT(save, ldtr, 0x070);
VMCB_AT(save, idtr, 0x080);
VMCB_AT(save, tr, 0x090);
VMCB_AT(save, cpl, 0x0cb);
VMCB_AT(save, efer, 0x0d0);
VMCB_AT(save, perf, 0x0e0);
VMCB_AT(save, cr4, 0x148);
VMCB_AT(save, cr3, 0x150);
VMCB_AT(save, cr0, 0x158);
VMCB_AT(save, dr7, 0x160);
VMCB_AT(save, dr6, 0x168);
VMCB_AT(save, rflags, 0x170);
VMCB_AT(save, rip, 0x178);
VMCB_AT(save, instr_retired_ctr, 0x1c0);
VMCB_AT(save, perf_global_status, 0x1c8);
VMCB_AT(save, perf_global_ctl, 0x1d0);
VMCB_AT(save, rsp, 0x1d8);
VMCB_AT(save, s_cet, 0x1e0);
VMCB_AT(save, ssp, 0x1e8);
VMCB_AT(save, isst_addr, 0x1f0);
VMCB_AT(save, rax, 0x1f8);
VMCB_AT(save, star, 0x200);
VMCB_AT(save, lstar, 0x208);
VMCB_AT(save, cstar, 0x210);
VMCB_AT(save, sfmask, 0x218);
VMCB_AT(save, kernel_gs_base, 0x220);
VMCB_AT(save, sysenter_cs, 0x228);
VMCB_AT(save, sysenter_esp, 0x230);
VMCB_AT(save, sysenter_eip, 0x238);
VMCB_AT(save, cr2, 0x240);
VMCB_AT(save, g_pat, 0x268);
VMCB_AT(save, dbgctl, 0x270);
VMCB_AT(save, br_from, 0x278);
VMCB_AT(save, br_to, 0x280);
VMCB_AT(save, last_excp_from, 0x288);
VMCB_AT(save, last_excp_to, 0x290);
VMCB_AT(save, dbg_extn_ctl, 0x298);
VMCB_AT(save, spec_ctrl, 0x2e0);
VMCB_AT(save, lbr_stack, 0x670);
VMCB_AT(save, lbr_select, 0x770);
VMCB_AT(save, ibs, 0x778);

static_assert(sizeof(struct vmcb_control) == 0x400);
static_assert(sizeof(struct vmcb_save) == 0xc00);
static_assert(sizeof(struct vmcb) == 4096);

#endif /* VMX_AMD_VMCB_H */
