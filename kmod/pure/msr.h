/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSR policy: one table that says of every model-specific register how it is treated.
 *
 * From the table come the permission bitmaps (MSRT_PASS), the list of what is switched when,
 * GET_MSR_INDEX_LIST (MSRF_SAVE), GET_MSR_FEATURE_INDEX_LIST (MSRF_FEATURE), and the check of
 * every written value. An MSR without a row raises #GP, as on hardware.
 *
 *	WRMSR exit or SET_MSRS --> msr_rule() --> msr_check_write() --> handler by treatment
 *
 * Sources: SDM 4 (MSR lists), APM 2 appendix A, KVM's documentation for 0x4b564dxx.
 */
#ifndef VMX_PURE_MSR_H
#define VMX_PURE_MSR_H

#include "pure/cpuid.h"
#include "pure/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers, with a prefix of our own: the kernel's names are macros. */
enum gmsr {
	GMSR_P5_MC_ADDR = 0x0,
	GMSR_P5_MC_TYPE = 0x1,
	GMSR_TSC = 0x10,
	GMSR_PV_WALL_CLOCK_OLD = 0x11,
	GMSR_PV_SYSTEM_TIME_OLD = 0x12,
	GMSR_PLATFORM_ID = 0x17,
	GMSR_APIC_BASE = 0x1b,
	GMSR_EBL_CR_POWERON = 0x2a,
	GMSR_EBC_FREQUENCY_ID = 0x2c,
	GMSR_SMI_COUNT = 0x34,
	GMSR_FEATURE_CONTROL = 0x3a,
	GMSR_TSC_ADJUST = 0x3b,
	GMSR_SPEC_CTRL = 0x48,
	GMSR_PRED_CMD = 0x49,
	GMSR_UCODE_WRITE = 0x79,
	GMSR_UCODE_REV = 0x8b,
	GMSR_SMBASE = 0x9e,
	GMSR_P6_PERFCTR0 = 0xc1,
	GMSR_FSB_FREQ = 0xcd,
	GMSR_PLATFORM_INFO = 0xce,
	GMSR_MTRR_CAP = 0xfe,
	GMSR_ARCH_CAPABILITIES = 0x10a,
	GMSR_FLUSH_CMD = 0x10b,
	GMSR_BBL_CR_CTL3 = 0x11e,
	GMSR_TSX_CTRL = 0x122,
	GMSR_MISC_FEATURES_ENABLES = 0x140,
	GMSR_SYSENTER_CS = 0x174,
	GMSR_SYSENTER_ESP = 0x175,
	GMSR_SYSENTER_EIP = 0x176,
	GMSR_MCG_CAP = 0x179,
	GMSR_MCG_STATUS = 0x17a,
	GMSR_MCG_CTL = 0x17b,
	GMSR_P6_EVNTSEL0 = 0x186,
	GMSR_PERF_STATUS = 0x198,
	GMSR_PERF_CTL = 0x199,
	GMSR_MISC_ENABLE = 0x1a0,
	GMSR_DEBUGCTL = 0x1d9,
	GMSR_LAST_BRANCH_FROM = 0x1db,
	GMSR_LAST_INT_TO = 0x1de,
	GMSR_POWER_CTL = 0x1fc,
	GMSR_MTRR_PHYS_BASE0 = 0x200,
	GMSR_MTRR_FIX_64K = 0x250,
	GMSR_MTRR_FIX_16K_8 = 0x258,
	GMSR_MTRR_FIX_16K_A = 0x259,
	GMSR_MTRR_FIX_4K_C0 = 0x268,
	GMSR_PAT = 0x277,
	GMSR_MC0_CTL2 = 0x280,
	GMSR_MTRR_DEF_TYPE = 0x2ff,
	GMSR_FIXED_CTR0 = 0x309,
	GMSR_PERF_CAPABILITIES = 0x345,
	GMSR_PERF_GLOBAL_STATUS = 0x38e,
	GMSR_MC0_CTL = 0x400,
	GMSR_VMX_BASIC = 0x480,
	GMSR_MCG_EXT_CTL = 0x4d0,
	GMSR_RTIT_OUTPUT_BASE = 0x560,
	GMSR_U_CET = 0x6a0,
	GMSR_TSC_DEADLINE = 0x6e0,
	GMSR_X2APIC = 0x800,
	GMSR_XSS = 0xda0,
	GMSR_HV_GUEST_OS_ID = 0x40000000,
	GMSR_PV_WALL_CLOCK = 0x4b564d00,
	GMSR_PV_SYSTEM_TIME = 0x4b564d01,
	GMSR_PV_ASYNC_PF_EN = 0x4b564d02,
	GMSR_PV_STEAL_TIME = 0x4b564d03,
	GMSR_PV_EOI_EN = 0x4b564d04,
	GMSR_PV_POLL_CONTROL = 0x4b564d05,
	GMSR_PV_ASYNC_PF_INT = 0x4b564d06,
	GMSR_PV_ASYNC_PF_ACK = 0x4b564d07,
	GMSR_PV_MIGRATION_CONTROL = 0x4b564d08,
	GMSR_EFER = 0xc0000080,
	GMSR_STAR = 0xc0000081,
	GMSR_LSTAR = 0xc0000082,
	GMSR_CSTAR = 0xc0000083,
	GMSR_SFMASK = 0xc0000084,
	GMSR_FS_BASE = 0xc0000100,
	GMSR_GS_BASE = 0xc0000101,
	GMSR_KERNEL_GS_BASE = 0xc0000102,
	GMSR_TSC_AUX = 0xc0000103,
	GMSR_AMD_TSC_RATIO = 0xc0000104,
	GMSR_K7_EVNTSEL0 = 0xc0010000,
	GMSR_K7_PERFCTR0 = 0xc0010004,
	GMSR_AMD_SYSCFG = 0xc0010010,
	GMSR_AMD_HWCR = 0xc0010015,
	GMSR_AMD_IORR_BASE0 = 0xc0010016,
	GMSR_AMD_TOP_MEM = 0xc001001a,
	GMSR_AMD_TOP_MEM2 = 0xc001001d,
	GMSR_AMD_NB_CFG = 0xc001001f,
	GMSR_AMD_PATCH_LOADER = 0xc0010020,
	GMSR_AMD_INT_PENDING = 0xc0010055,
	GMSR_AMD_MMIO_CONF_BASE = 0xc0010058,
	GMSR_AMD_TSEG_ADDR = 0xc0010112,
	GMSR_AMD_TSEG_MASK = 0xc0010113,
	GMSR_AMD_VM_CR = 0xc0010114,
	GMSR_AMD_VM_HSAVE_PA = 0xc0010117,
	GMSR_AMD_VIRT_SPEC_CTRL = 0xc001011f,
	GMSR_AMD_OSVW_ID_LENGTH = 0xc0010140,
	GMSR_AMD_F15H_PERF_CTL0 = 0xc0010200,
	GMSR_AMD_LS_CFG = 0xc0011020,
	GMSR_AMD_IC_CFG = 0xc0011021,
	GMSR_AMD_DC_CFG = 0xc0011022,
	GMSR_AMD_DE_CFG = 0xc0011029,
	GMSR_AMD_BU_CFG2 = 0xc001102a,
	GMSR_AMD_IBS_CTL = 0xc0011030,
};

/* What an access does. */
enum msr_treatment {
	MSRT_PASS,    /* the guest reaches the hardware; no exit */
	MSRT_BACKEND, /* exits; the value lives in the backend (control block or host MSR) */
	MSRT_EMULATE, /* exits; x86/msr.c has a handler */
	MSRT_STORE,   /* exits; kept in x86/msr.c, has no effect */
	MSRT_CONST,   /* reads as .reset; a write of a legal value is dropped */
	MSRT_REFUSE,  /* #GP, for the reason in .why */
};

/* When the host's and the guest's value change places, on each backend. */
enum msr_switch {
	MSRW_NONE,  /* never in hardware */
	MSRW_BLOCK, /* by entry and exit themselves, or VMLOAD and VMSAVE */
	MSRW_ENTRY, /* by code at each entry and exit */
	MSRW_USER,  /* loaded before entry; the host's comes back on the way to user mode */
};

/* Checks of a written value, beyond .valid. */
enum msr_check {
	MSRC_NONE,
	MSRC_CANONICAL,
	MSRC_PAT,
	MSRC_EFER,
	MSRC_SPEC_CTRL,
	MSRC_PRED_CMD,
	MSRC_TSC_AUX,
	MSRC_MTRR,
	MSRC_MC_BANK,
	MSRC_MCG,
	MSRC_XSS,
	MSRC_HWCR,
	MSRC_DEBUGCTL,
	MSRC_MISC_ENABLE,
	MSRC_PV_AREA,	/* address with bit 0 as the enable */
	MSRC_STEAL_TIME,
	MSRC_PV_EOI,
	MSRC_LOW32,	/* the upper half is dropped */
};

enum msr_flags {
	MSRF_SAVE = 1 << 0,	 /* in GET_MSR_INDEX_LIST */
	MSRF_FEATURE = 1 << 1,	 /* in GET_MSR_FEATURE_INDEX_LIST */
	MSRF_GUEST_RO = 1 << 2,	 /* a guest's write: #GP; the VMM may write */
	MSRF_GUEST_DROP = 1 << 3, /* a guest's write is dropped; the VMM may write */
	MSRF_WRITE_ONLY = 1 << 4, /* a guest's read: #GP; the VMM may read */
	MSRF_AMD = 1 << 5,	 /* only on a guest whose CPUID says AMD or Hygon */
	MSRF_INTEL = 1 << 6,	 /* only on a guest whose CPUID does not */
	MSRF_ZERO = 1 << 7,	 /* CONST: only a write of 0 is legal */
};

#define MSR_NEEDS_NOTHING 0xff

struct msr_rule {
	u32 first;
	u32 last;
	u8 treatment;	/* enum msr_treatment */
	u8 check;	/* enum msr_check */
	u8 switch_svm;	/* enum msr_switch */
	u8 switch_vt;
	u16 flags;
	u8 needs;	/* enum cpuid_feature without which it is #GP for the guest */
	u64 valid;	/* bits that may be one; ~0 when .check decides */
	u64 reset;	/* value after RESET; what a CONST reads as */
	const char *name;
	const char *why; /* of REFUSE, and of anything surprising */
};

/* Sorted by number, without overlaps. */
extern const struct msr_rule msr_rules[];
extern const unsigned int msr_nr_rules;

/* In the range of Hyper-V's? */
static inline bool msr_is_hyperv(u32 msr)
{
	return (msr & ~0x1ffU) == GMSR_HV_GUEST_OS_ID;
}

/* The rule for @msr, or NULL: unknown, #GP. At most seven comparisons. */
const struct msr_rule *msr_rule(u32 msr);

/* Who accesses, and what its CPU is. */
struct msr_access {
	const struct cpuid_table *cpuid;
	bool host;	   /* the VMM: feature and read-only rules do not hold */
	bool hwcr_mc_write; /* HWCR.McStatusWrEn */
	u64 efer;	   /* current, for LMA and the LME rule */
	bool paging;	   /* CR0.PG */
	u64 misc_enable;   /* current, for the bits that are read-only */
	u8 mc_banks;
	u64 mcg_cap;
};

enum msr_verdict {
	MSR_OK,
	MSR_DROP,  /* legal, and without effect: report success */
	MSR_FAULT, /* #GP; for the VMM: stop the list here */
};

/* May @msr be read? */
enum msr_verdict msr_check_read(const struct msr_rule *rule, const struct msr_access *a);

/*
 * May @val be written? *val becomes what is to be stored (upper halves and ignored bits cut off).
 */
enum msr_verdict msr_check_write(const struct msr_rule *rule, const struct msr_access *a, u32 msr,
				 u64 *val);

/* Is the MSR passed through for this vCPU? (Needs checked: without the feature it must exit.) */
bool msr_passes(const struct msr_rule *rule, const struct cpuid_table *cpuid);

/*
 * Lists. @backend_has tells whether a row that MSRT_BACKEND or MSRT_PASS describes exists on this
 * host; NULL: all do. Returns the number, and writes the first @room.
 */
unsigned int msr_list(u32 flag, bool (*backend_has)(u32 msr), u32 *out, unsigned int room);

/* The bits of SPEC_CTRL that a guest of this CPUID may set. */
u64 msr_spec_ctrl_allowed(const struct cpuid_table *cpuid);

/* The eight memory types of PAT (SDM 3A 12.12.2): 0, 1, 4, 5, 6, 7. */
bool msr_pat_valid(u64 pat);

/* ---- MTRRs: kept so that they read back; memory types come from elsewhere ---- */

#define MSR_MTRR_VARIABLE 8
#define MSR_MTRR_FIXED 11
#define MSR_MTRR_COUNT (2 * MSR_MTRR_VARIABLE + MSR_MTRR_FIXED + 1)

/* Index of an MTRR into an array of MSR_MTRR_COUNT, -1: not one. */
int msr_mtrr_index(u32 msr);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_MSR_H */
