/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Encodings of the SVM control block that need no kernel: exit codes and their names, segment
 * attributes, events, and where an MSR has its bits in the permission map. APM is the AMD64
 * Architecture Programmer's Manual, volume 2.
 */
#ifndef VMX_PURE_SVM_CODEC_H
#define VMX_PURE_SVM_CODEC_H

#include "pure/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- exit codes: APM 2 appendix C ---- */

/* X(name, code, in words) */
#define SVM_EXITS(X)                                                        \
	X(CR0_READ, 0x000, "read of CR0")                                   \
	X(CR3_READ, 0x003, "read of CR3")                                   \
	X(CR4_READ, 0x004, "read of CR4")                                   \
	X(CR8_READ, 0x008, "read of CR8")                                   \
	X(CR0_WRITE, 0x010, "write to CR0")                                 \
	X(CR3_WRITE, 0x013, "write to CR3")                                 \
	X(CR4_WRITE, 0x014, "write to CR4")                                 \
	X(CR8_WRITE, 0x018, "write to CR8")                                 \
	X(DR0_READ, 0x020, "read of DR0")                                   \
	X(DR1_READ, 0x021, "read of DR1")                                   \
	X(DR2_READ, 0x022, "read of DR2")                                   \
	X(DR3_READ, 0x023, "read of DR3")                                   \
	X(DR4_READ, 0x024, "read of DR4")                                   \
	X(DR5_READ, 0x025, "read of DR5")                                   \
	X(DR6_READ, 0x026, "read of DR6")                                   \
	X(DR7_READ, 0x027, "read of DR7")                                   \
	X(DR0_WRITE, 0x030, "write to DR0")                                 \
	X(DR1_WRITE, 0x031, "write to DR1")                                 \
	X(DR2_WRITE, 0x032, "write to DR2")                                 \
	X(DR3_WRITE, 0x033, "write to DR3")                                 \
	X(DR4_WRITE, 0x034, "write to DR4")                                 \
	X(DR5_WRITE, 0x035, "write to DR5")                                 \
	X(DR6_WRITE, 0x036, "write to DR6")                                 \
	X(DR7_WRITE, 0x037, "write to DR7")                                 \
	X(EXC_DE, 0x040, "#DE")                                             \
	X(EXC_DB, 0x041, "#DB")                                             \
	X(EXC_NMI, 0x042, "exception vector 2")                             \
	X(EXC_BP, 0x043, "#BP")                                             \
	X(EXC_OF, 0x044, "#OF")                                             \
	X(EXC_BR, 0x045, "#BR")                                             \
	X(EXC_UD, 0x046, "#UD")                                             \
	X(EXC_NM, 0x047, "#NM")                                             \
	X(EXC_DF, 0x048, "#DF")                                             \
	X(EXC_TS, 0x04a, "#TS")                                             \
	X(EXC_NP, 0x04b, "#NP")                                             \
	X(EXC_SS, 0x04c, "#SS")                                             \
	X(EXC_GP, 0x04d, "#GP")                                             \
	X(EXC_PF, 0x04e, "#PF")                                             \
	X(EXC_MF, 0x050, "#MF")                                             \
	X(EXC_AC, 0x051, "#AC")                                             \
	X(EXC_MC, 0x052, "#MC")                                             \
	X(EXC_XF, 0x053, "#XF")                                             \
	X(INTR, 0x060, "physical interrupt")                                \
	X(NMI, 0x061, "physical NMI")                                       \
	X(SMI, 0x062, "physical SMI")                                       \
	X(INIT, 0x063, "physical INIT")                                     \
	X(VINTR, 0x064, "virtual interrupt window")                         \
	X(CR0_SEL_WRITE, 0x065, "write to CR0 of more than TS and MP")      \
	X(IDTR_READ, 0x066, "SIDT")                                         \
	X(GDTR_READ, 0x067, "SGDT")                                         \
	X(LDTR_READ, 0x068, "SLDT")                                         \
	X(TR_READ, 0x069, "STR")                                            \
	X(IDTR_WRITE, 0x06a, "LIDT")                                        \
	X(GDTR_WRITE, 0x06b, "LGDT")                                        \
	X(LDTR_WRITE, 0x06c, "LLDT")                                        \
	X(TR_WRITE, 0x06d, "LTR")                                           \
	X(RDTSC, 0x06e, "RDTSC")                                            \
	X(RDPMC, 0x06f, "RDPMC")                                            \
	X(PUSHF, 0x070, "PUSHF")                                            \
	X(POPF, 0x071, "POPF")                                              \
	X(CPUID, 0x072, "CPUID")                                            \
	X(RSM, 0x073, "RSM")                                                \
	X(IRET, 0x074, "IRET")                                              \
	X(SWINT, 0x075, "INT n")                                            \
	X(INVD, 0x076, "INVD")                                              \
	X(PAUSE, 0x077, "PAUSE")                                            \
	X(HLT, 0x078, "HLT")                                                \
	X(INVLPG, 0x079, "INVLPG")                                          \
	X(INVLPGA, 0x07a, "INVLPGA")                                        \
	X(IOIO, 0x07b, "port access")                                       \
	X(MSR, 0x07c, "RDMSR or WRMSR")                                     \
	X(TASK_SWITCH, 0x07d, "task switch")                                \
	X(FERR_FREEZE, 0x07e, "FERR freeze")                                \
	X(SHUTDOWN, 0x07f, "shutdown")                                      \
	X(VMRUN, 0x080, "VMRUN")                                            \
	X(VMMCALL, 0x081, "VMMCALL")                                        \
	X(VMLOAD, 0x082, "VMLOAD")                                          \
	X(VMSAVE, 0x083, "VMSAVE")                                          \
	X(STGI, 0x084, "STGI")                                              \
	X(CLGI, 0x085, "CLGI")                                              \
	X(SKINIT, 0x086, "SKINIT")                                          \
	X(RDTSCP, 0x087, "RDTSCP")                                          \
	X(ICEBP, 0x088, "INT1")                                             \
	X(WBINVD, 0x089, "WBINVD or WBNOINVD")                              \
	X(MONITOR, 0x08a, "MONITOR or MONITORX")                            \
	X(MWAIT, 0x08b, "MWAIT or MWAITX")                                  \
	X(MWAIT_ARMED, 0x08c, "MWAIT with the monitor armed")               \
	X(XSETBV, 0x08d, "XSETBV")                                          \
	X(RDPRU, 0x08e, "RDPRU")                                            \
	X(EFER_WRITE_TRAP, 0x08f, "EFER written")                           \
	X(CR0_WRITE_TRAP, 0x090, "CR0 written")                             \
	X(CR4_WRITE_TRAP, 0x094, "CR4 written")                             \
	X(CR8_WRITE_TRAP, 0x098, "CR8 written")                             \
	X(INVLPGB, 0x0a0, "INVLPGB")                                        \
	X(INVLPGB_ILLEGAL, 0x0a1, "INVLPGB with an illegal operand")        \
	X(INVPCID, 0x0a2, "INVPCID")                                        \
	X(MCOMMIT, 0x0a3, "MCOMMIT")                                        \
	X(TLBSYNC, 0x0a4, "TLBSYNC")                                        \
	X(BUS_LOCK, 0x0a5, "bus lock")                                      \
	X(IDLE_HLT, 0x0a6, "HLT with nothing pending")                      \
	X(NPF, 0x400, "nested page fault")                                  \
	X(AVIC_INCOMPLETE_IPI, 0x401, "AVIC: IPI not delivered")            \
	X(AVIC_NOACCEL, 0x402, "AVIC: access not accelerated")              \
	X(VMGEXIT, 0x403, "VMGEXIT")

enum svm_exit_code {
#define SVM_EXIT_ENUM(name, code, words) SVM_EXIT_##name = (code),
	SVM_EXITS(SVM_EXIT_ENUM)
#undef SVM_EXIT_ENUM
	SVM_EXIT_EXC_BASE = 0x40,	/* plus the vector, 0-31 */
	SVM_EXIT_CR_READ_BASE = 0x00,
	SVM_EXIT_CR_WRITE_BASE = 0x10,
	SVM_EXIT_DR_READ_BASE = 0x20,
	SVM_EXIT_DR_WRITE_BASE = 0x30,
	SVM_EXIT_TABLE_SIZE = 0xa7,	/* the dense part */
};

/* 64-bit codes of refusals, as sign-extended integers. */
#define SVM_EXIT_INVALID ((u64)-1)
#define SVM_EXIT_BUSY ((u64)-2)
#define SVM_EXIT_IDLE_REQUIRED ((u64)-3)
/* VMEXIT_INVALID? Also as QEMU's TCG writes it: not sign-extended. */
static inline bool svm_refused(u64 code)
{
	return (u32)code == (u32)SVM_EXIT_INVALID;
}
/* Not the hardware's: CLGI found EFER.SVME clear. */
#define SVM_EXIT_SVM_OFF ((u64)-0x100)

/* svm_exit_name() - in words; "unknown exit" if it has no row. @code: low 32 bits of EXITCODE. */
const char *svm_exit_name(u32 code);

/* ---- segment attributes: APM 2 appendix B, 15.5.1 ---- */

enum svm_seg_attr {
	SVM_SEG_TYPE = 0x00f,
	SVM_SEG_S = 1 << 4,
	SVM_SEG_DPL_SHIFT = 5,
	SVM_SEG_DPL = 3 << SVM_SEG_DPL_SHIFT,
	SVM_SEG_P = 1 << 7,
	SVM_SEG_AVL = 1 << 8,
	SVM_SEG_L = 1 << 9,
	SVM_SEG_DB = 1 << 10,
	SVM_SEG_G = 1 << 11,
	SVM_SEG_KNOWN = 0xfff,
};

/* A descriptor's fields, one each, as struct vmx_segment has them. */
struct svm_seg_fields {
	u8 type, present, dpl, db, s, l, g, avl;
};

/*
 * Bits 55:52 and 47:40 of a descriptor, pushed together (APM 2 15.5.1, "segment attributes").
 * Fields wider than their place are cut.
 */
static inline u16 svm_attr_pack(const struct svm_seg_fields *f)
{
	return (u16)((f->type & SVM_SEG_TYPE) | (f->s ? SVM_SEG_S : 0) |
		     ((f->dpl & 3) << SVM_SEG_DPL_SHIFT) | (f->present ? SVM_SEG_P : 0) |
		     (f->avl ? SVM_SEG_AVL : 0) | (f->l ? SVM_SEG_L : 0) | (f->db ? SVM_SEG_DB : 0) |
		     (f->g ? SVM_SEG_G : 0));
}

static inline void svm_attr_unpack(u16 attr, struct svm_seg_fields *f)
{
	f->type = attr & SVM_SEG_TYPE;
	f->s = !!(attr & SVM_SEG_S);
	f->dpl = (attr & SVM_SEG_DPL) >> SVM_SEG_DPL_SHIFT;
	f->present = !!(attr & SVM_SEG_P);
	f->avl = !!(attr & SVM_SEG_AVL);
	f->l = !!(attr & SVM_SEG_L);
	f->db = !!(attr & SVM_SEG_DB);
	f->g = !!(attr & SVM_SEG_G);
}

/* ---- events: EVENTINJ and EXITINTINFO, APM 2 15.7.2 and 15.20 ---- */

enum svm_event_type {
	SVM_EVENT_INTR = 0,
	SVM_EVENT_NMI = 2,
	SVM_EVENT_EXCEPTION = 3,
	SVM_EVENT_SOFT_INT = 4,
};

#define SVM_EVENT_VECTOR 0xffULL
#define SVM_EVENT_TYPE_SHIFT 8
#define SVM_EVENT_TYPE (7ULL << SVM_EVENT_TYPE_SHIFT)
#define SVM_EVENT_HAS_ERROR (1ULL << 11)
#define SVM_EVENT_VALID (1ULL << 31)
#define SVM_EVENT_ERROR_SHIFT 32

static inline u64 svm_event_pack(enum svm_event_type type, u8 vector, bool has_error, u32 error)
{
	u64 event = SVM_EVENT_VALID | ((u64)type << SVM_EVENT_TYPE_SHIFT) | vector;

	if (has_error)
		event |= SVM_EVENT_HAS_ERROR | ((u64)error << SVM_EVENT_ERROR_SHIFT);
	return event;
}

static inline enum svm_event_type svm_event_type(u64 event)
{
	return (enum svm_event_type)((event & SVM_EVENT_TYPE) >> SVM_EVENT_TYPE_SHIFT);
}

static inline u8 svm_event_vector(u64 event)
{
	return event & SVM_EVENT_VECTOR;
}

static inline u32 svm_event_error(u64 event)
{
	return (u32)(event >> SVM_EVENT_ERROR_SHIFT);
}

/* Exceptions that push an error code: APM 2 table 8-1. Bit n: vector n. */
#define SVM_VECTORS_WITH_ERROR                                                             \
	((1U << 8) | (1U << 10) | (1U << 11) | (1U << 12) | (1U << 13) | (1U << 14) |      \
	 (1U << 17) | (1U << 21) | (1U << 29) | (1U << 30))

/* ---- the MSR permission map: APM 2 15.11, table 15-8 ---- */

#define SVM_MSRPM_BYTES 8192

/*
 * svm_msrpm_bit() - number of the bit that intercepts reads of @msr; the next one is for writes.
 * -1: not covered, always intercepted.
 */
static inline int svm_msrpm_bit(u32 msr)
{
	if (msr < 0x2000)
		return (int)(msr * 2);
	if (msr >= 0xc0000000U && msr < 0xc0002000U)
		return (int)(0x800 * 8 + (msr - 0xc0000000U) * 2);
	if (msr >= 0xc0010000U && msr < 0xc0012000U)
		return (int)(0x1000 * 8 + (msr - 0xc0010000U) * 2);
	return -1;
}

/* ---- EXITINFO1 of a port access: APM 2 15.10.2 ---- */

enum svm_ioio_bits {
	SVM_IOIO_IN = 1 << 0,
	SVM_IOIO_STR = 1 << 2,
	SVM_IOIO_REP = 1 << 3,
	SVM_IOIO_SIZE_SHIFT = 4,	/* bits 6:4 one-hot: the size in bytes */
	SVM_IOIO_SIZE = 7 << SVM_IOIO_SIZE_SHIFT,
	SVM_IOIO_PORT_SHIFT = 16,
};

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_SVM_CODEC_H */
