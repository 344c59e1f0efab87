/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID policy: what a guest may be told (cpuid_supported), what one vCPU is told (struct
 * cpuid_table), and the limits that follow from it for CR4, EFER, XCR0 and addresses.
 *
 *	host CPUID --callback--> cpuid_supported() --VMM edits--> cpuid_table_build()
 *	                              |                                   |
 *	                     cpuid_bits.c: one row                 lookup on each exit,
 *	                     per feature bit                       runtime bits, summary
 *
 * Implements: leaves 0-7, 0xb, 0xd, 0x1f; the hypervisor's 0x40000000-1; 0x80000000-8,
 * 0x80000019-1e, 0x80000021. Missing: 0xa (no PMU), 0x12 (SGX), 0x14 (PT), 0x1d-1e (AMX),
 * 0x8000000a (no nesting), 0x8000001f (SEV), all of which read as zero or are out of range.
 * Differs from hardware: no topology (0xb, 0x1f, the sharing fields of 4 and 0x8000001d): that is
 * the VMM's to fill in.
 *
 * All functions are pure; a table belongs to one thread at a time.
 */
#ifndef VMX_PURE_CPUID_H
#define VMX_PURE_CPUID_H

#include "pure/env.h"
#include "uapi/vmx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Registers of a leaf, in the order in which they are stored. */
enum cpuid_word {
	CPUID_W_EAX,
	CPUID_W_EBX,
	CPUID_W_ECX,
	CPUID_W_EDX,
	CPUID_W_NR
};

/* The host's CPUID. Interface of the real one: leaf and subleaf in, four registers out. */
typedef void (*cpuid_host_fn)(void *ctx, u32 leaf, u32 subleaf, u32 out[CPUID_W_NR]);

/* ---- policy ---- */

enum cpuid_treatment {
	CPUID_PASS,    /* offered if the host has it and the condition holds */
	CPUID_EMULATE, /* offered always: done in software */
	CPUID_RUNTIME, /* never offered; follows the vCPU's state, see cpuid_runtime_update() */
	CPUID_REFUSE,  /* not offered, for the reason that the row gives */
};

/* What a passed bit needs besides the host's bit. */
enum cpuid_condition {
	CPUID_IF_ANY,
	CPUID_IF_TDP,	  /* nested paging: shadow paging cannot follow it */
	CPUID_IF_AVX,	  /* XCR0.YMM is offered */
	CPUID_IF_AVX512,  /* XCR0.opmask, ZMM_Hi256, Hi16_ZMM are offered */
	CPUID_IF_LA57,	  /* the backend can run five-level guests */
	CPUID_IF_XSAVE,	  /* the host uses XSAVE */
	CPUID_IF_PKU,	  /* XCR0.PKRU is offered, with nested paging */
	CPUID_IF_TSC_AUX, /* TSC_AUX is switched */
	CPUID_IF_SPEC,	  /* SPEC_CTRL and PRED_CMD are served */
	CPUID_IF_ARCHCAP, /* the host is of the kind that has ARCH_CAPABILITIES */
	CPUID_IF_NR
};

struct cpuid_bit {
	u32 leaf;
	u8 subleaf;
	u8 word; /* enum cpuid_word */
	u8 bit;
	u8 treatment; /* enum cpuid_treatment */
	u8 condition; /* enum cpuid_condition */
	const char *name;
	const char *why; /* of REFUSE and RUNTIME; NULL else */
};

/* Sorted by leaf, subleaf, word, bit. A bit without a row is unknown and not offered. */
extern const struct cpuid_bit cpuid_bits[];
extern const unsigned int cpuid_nr_bits;

/* What the policy must know of the host that CPUID does not say. */
struct cpuid_env {
	cpuid_host_fn host;
	void *ctx;
	u64 host_xcr0;	   /* XCR0 as the host kernel runs with; 0: no XSAVE */
	u8 host_phys_bits; /* physical address bits that the host kernel may use */
	bool tdp;
	bool la57;
	bool tsc_aux;
	bool spec_ctrl;
	bool arch_cap;
};

/* XCR0 components that a guest may have (SDM 1 13.1); AMX (17, 18) is not among them. */
#define CPUID_XCR0_X87 BIT_ULL(0)
#define CPUID_XCR0_SSE BIT_ULL(1)
#define CPUID_XCR0_YMM BIT_ULL(2)
#define CPUID_XCR0_AVX512 (BIT_ULL(5) | BIT_ULL(6) | BIT_ULL(7))
#define CPUID_XCR0_PKRU BIT_ULL(9)
#define CPUID_XCR0_KNOWN \
	(CPUID_XCR0_X87 | CPUID_XCR0_SSE | CPUID_XCR0_YMM | CPUID_XCR0_AVX512 | CPUID_XCR0_PKRU)

/* The components offered on this host. */
u64 cpuid_supported_xcr0(const struct cpuid_env *env);

/* The offered bits of one register, by the table and the conditions. */
u32 cpuid_mask(const struct cpuid_env *env, u32 leaf, u32 subleaf, enum cpuid_word word);

/* Firecracker's buffer; the offered list never exceeds it. */
#define CPUID_MAX_SUPPORTED 80

/*
 * cpuid_supported() - GET_SUPPORTED_CPUID.
 * @entries: room for @room entries.
 * Returns the number of entries, -E2BIG if @room is too small.
 */
int cpuid_supported(const struct cpuid_env *env, struct vmx_cpuid_entry2 *entries,
		    unsigned int room);

/* GET_EMULATED_CPUID: what is done in software although the host's CPU may lack it. */
int cpuid_emulated(struct vmx_cpuid_entry2 *entries, unsigned int room);

/* ---- one vCPU ---- */

/* More entries than this: SET_CPUID2 says -E2BIG. */
#define CPUID_MAX_ENTRIES 256

/*
 * Features that other code asks about; one bit each in cpuid_table.features.
 * X(name, leaf, word, bit), subleaf 0.
 */
#define CPUID_FEATURES(X)                                                                         \
	X(VME, 1, CPUID_W_EDX, 1)                                                                 \
	X(DE, 1, CPUID_W_EDX, 2)                                                                  \
	X(PSE, 1, CPUID_W_EDX, 3)                                                                 \
	X(TSC, 1, CPUID_W_EDX, 4)                                                                 \
	X(PAE, 1, CPUID_W_EDX, 6)                                                                 \
	X(MCE, 1, CPUID_W_EDX, 7)                                                                 \
	X(APIC, 1, CPUID_W_EDX, 9)                                                                \
	X(MTRR, 1, CPUID_W_EDX, 12)                                                               \
	X(PGE, 1, CPUID_W_EDX, 13)                                                                \
	X(PAT, 1, CPUID_W_EDX, 16)                                                                \
	X(PSE36, 1, CPUID_W_EDX, 17)                                                              \
	X(FXSR, 1, CPUID_W_EDX, 24)                                                               \
	X(XMM, 1, CPUID_W_EDX, 25)                                                                \
	X(MWAIT, 1, CPUID_W_ECX, 3)                                                               \
	X(CX16, 1, CPUID_W_ECX, 13)                                                               \
	X(PDCM, 1, CPUID_W_ECX, 15)                                                               \
	X(PCID, 1, CPUID_W_ECX, 17)                                                               \
	X(X2APIC, 1, CPUID_W_ECX, 21)                                                             \
	X(TSC_DEADLINE, 1, CPUID_W_ECX, 24)                                                       \
	X(XSAVE, 1, CPUID_W_ECX, 26)                                                              \
	X(FSGSBASE, 7, CPUID_W_EBX, 0)                                                            \
	X(TSC_ADJUST, 7, CPUID_W_EBX, 1)                                                          \
	X(SMEP, 7, CPUID_W_EBX, 7)                                                                \
	X(INVPCID, 7, CPUID_W_EBX, 10)                                                            \
	X(RTM, 7, CPUID_W_EBX, 11)                                                                \
	X(SMAP, 7, CPUID_W_EBX, 20)                                                               \
	X(UMIP, 7, CPUID_W_ECX, 2)                                                                \
	X(PKU, 7, CPUID_W_ECX, 3)                                                                 \
	X(LA57, 7, CPUID_W_ECX, 16)                                                               \
	X(RDPID, 7, CPUID_W_ECX, 22)                                                              \
	X(SPEC_CTRL, 7, CPUID_W_EDX, 26)                                                          \
	X(STIBP, 7, CPUID_W_EDX, 27)                                                              \
	X(ARCH_CAP, 7, CPUID_W_EDX, 29)                                                           \
	X(SSBD, 7, CPUID_W_EDX, 31)                                                               \
	X(SYSCALL, 0x80000001, CPUID_W_EDX, 11)                                                   \
	X(NX, 0x80000001, CPUID_W_EDX, 20)                                                        \
	X(FXSR_OPT, 0x80000001, CPUID_W_EDX, 25)                                                  \
	X(GBPAGES, 0x80000001, CPUID_W_EDX, 26)                                                   \
	X(RDTSCP, 0x80000001, CPUID_W_EDX, 27)                                                    \
	X(LM, 0x80000001, CPUID_W_EDX, 29)                                                        \
	X(LAHF, 0x80000001, CPUID_W_ECX, 0)                                                       \
	X(SVM, 0x80000001, CPUID_W_ECX, 2)                                                        \
	X(CR8_LEGACY, 0x80000001, CPUID_W_ECX, 4)                                                 \
	X(AMD_IBPB, 0x80000008, CPUID_W_EBX, 12)                                                  \
	X(AMD_IBRS, 0x80000008, CPUID_W_EBX, 14)                                                  \
	X(AMD_STIBP, 0x80000008, CPUID_W_EBX, 15)                                                 \
	X(AMD_SSBD, 0x80000008, CPUID_W_EBX, 24)                                                  \
	X(AMD_PSFD, 0x80000008, CPUID_W_EBX, 28)                                                  \
	X(LFENCE_RDTSC, 0x80000021, CPUID_W_EAX, 2)

enum cpuid_feature {
#define CPUID_F_ENUM(name, leaf, word, bit) CPUID_F_##name,
	CPUID_FEATURES(CPUID_F_ENUM)
#undef CPUID_F_ENUM
	CPUID_F_XSAVES, /* leaf 0xd, subleaf 1 */
	CPUID_F_XSAVEC,
	CPUID_F_XFD,
	CPUID_F_NR
};

struct cpuid_row {
	u32 leaf;
	u32 subleaf;
	u32 word[CPUID_W_NR];
	u16 next;	/* index + 1 of the next row with this hash; 0: none */
	bool by_subleaf; /* ECX on input counts */
	u8 flags;	/* as the VMM gave them */
};

#define CPUID_HASH_SIZE 64

/* Sizes and offsets of the XSAVE components, from the host's leaf 0xd. */
struct cpuid_xstate {
	u32 size[64];
	u32 offset[64]; /* in the standard format */
	u64 aligned;	/* components on 64-byte boundaries in the compacted format */
};

/*
 * The vCPU's CPUID. Allocate cpuid_table_size(nent) bytes. rows[] is in the VMM's order; when
 * two rows match, the first does.
 */
struct cpuid_table {
	u64 features;	   /* bits of enum cpuid_feature */
	u32 count;
	u32 max_basic;	   /* leaf 0 eax */
	u32 max_hyper;	   /* leaf 0x40000000 eax, or 0 */
	u32 max_ext;	   /* leaf 0x80000000 eax, or 0 */
	bool amd;	   /* AuthenticAMD or HygonGenuine */
	bool intel;	   /* GenuineIntel */
	u8 phys_bits;	   /* MAXPHYADDR */
	u8 virt_bits;	   /* 48, or 57 with LA57 */
	u32 pv_features;   /* leaf 0x40000001 eax */
	u64 xcr0;	   /* components that the guest may enable: leaf 0xd subleaf 0 */
	u64 xss;	   /* likewise IA32_XSS, subleaf 1 */
	/* index + 1 of the rows that change at run time; 0: none */
	u16 row_1, row_7, row_d0, row_d1, row_pv;
	u16 hash[CPUID_HASH_SIZE];		  /* index + 1 */
	struct cpuid_row rows[];
};

static inline size_t cpuid_table_size(unsigned int nent)
{
	return sizeof(struct cpuid_table) + nent * sizeof(struct cpuid_row);
}

static inline bool cpuid_has(const struct cpuid_table *t, enum cpuid_feature f)
{
	return t->features >> f & 1;
}

/*
 * cpuid_table_build() - fill @t from what the VMM gave.
 * Returns 0 or -EINVAL: virtual address bits other than 0, 48, 57 in leaf 0x80000008.
 */
int cpuid_table_build(struct cpuid_table *t, const struct vmx_cpuid_entry2 *entries,
		      unsigned int nent);

/* The table as the VMM gave it, with runtime bits as they are. @out: t->count entries. */
void cpuid_table_export(const struct cpuid_table *t, struct vmx_cpuid_entry2 *out);

/* State that CPUID shows (SDM 2A, CPUID: OSXSAVE, OSPKE, APIC, MONITOR, leaf 0xd sizes). */
struct cpuid_runtime {
	u64 cr4;
	u64 xcr0;
	u64 xss;
	bool apic_enabled;
	bool has_apic;	    /* there is an in-kernel APIC: the APIC bit follows its enable */
	bool mwait_follows; /* MISC_ENABLE bit 18 drives the MONITOR bit */
	bool mwait;
	bool hlt_in_guest;  /* no HLT exits: PV unhalt cannot work */
};

/* Rewrite the runtime bits. Call when any of it changed. */
void cpuid_runtime_update(struct cpuid_table *t, const struct cpuid_xstate *x,
			  const struct cpuid_runtime *r);

/* Exact row or NULL. */
const struct cpuid_row *cpuid_find(const struct cpuid_table *t, u32 leaf, u32 subleaf);

/* What the CPUID instruction returns, out-of-range rules included. */
void cpuid_query(const struct cpuid_table *t, u32 leaf, u32 subleaf, u32 out[CPUID_W_NR]);

/* ---- XSAVE geometry ---- */

void cpuid_xstate_init(struct cpuid_xstate *x, cpuid_host_fn host, void *ctx);
/* Bytes of an XSAVE area for the components in @mask. */
u32 cpuid_xsave_size(const struct cpuid_xstate *x, u64 mask, bool compacted);

/* ---- limits ---- */

/* CR4 bits that must be zero for this vCPU (SDM 3A 2.5), as far as CPUID decides. */
u64 cpuid_cr4_reserved(const struct cpuid_table *t);
/* EFER bits that may be one. */
u64 cpuid_efer_allowed(const struct cpuid_table *t);
/* XSETBV(0) (SDM 1 13.3): may the guest load @xcr0? */
bool cpuid_xcr0_valid(const struct cpuid_table *t, u64 xcr0);

/* Canonical for @virt_bits (48 or 57). */
static inline bool cpuid_canonical(u64 la, unsigned int virt_bits)
{
	return (u64)((s64)(la << (64 - virt_bits)) >> (64 - virt_bits)) == la;
}

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_CPUID_H */
