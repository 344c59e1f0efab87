/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bits and numbers of Intel's virtualisation: controls, exit reasons, events, access rights, EPT
 * pointer, capability MSRs, VM-instruction errors. Sections are those of the editions of the SDM
 * in which the VMCS is chapter 24 and VM entries are chapter 26.
 */
#ifndef VMX_PURE_VT_BITS_H
#define VMX_PURE_VT_BITS_H

#include "pure/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- pin-based controls: SDM 3C 24.6.1 ---- */

enum vt_pin_controls {
	VT_PIN_EXTERNAL_INTR = 1 << 0,
	VT_PIN_NMI = 1 << 3,
	VT_PIN_VIRTUAL_NMI = 1 << 5,
	VT_PIN_PREEMPTION_TIMER = 1 << 6,
	VT_PIN_POSTED_INTR = 1 << 7,
};

/* ---- processor-based controls: SDM 3C 24.6.2 ---- */

enum vt_proc_controls {
	VT_PROC_INTR_WINDOW = 1 << 2,
	VT_PROC_TSC_OFFSET = 1 << 3,
	VT_PROC_HLT = 1 << 7,
	VT_PROC_INVLPG = 1 << 9,
	VT_PROC_MWAIT = 1 << 10,
	VT_PROC_RDPMC = 1 << 11,
	VT_PROC_RDTSC = 1 << 12,
	VT_PROC_CR3_LOAD = 1 << 15,
	VT_PROC_CR3_STORE = 1 << 16,
	VT_PROC_TERTIARY = 1 << 17,
	VT_PROC_CR8_LOAD = 1 << 19,
	VT_PROC_CR8_STORE = 1 << 20,
	VT_PROC_TPR_SHADOW = 1 << 21,
	VT_PROC_NMI_WINDOW = 1 << 22,
	VT_PROC_MOV_DR = 1 << 23,
	VT_PROC_UNCOND_IO = 1 << 24,
	VT_PROC_IO_BITMAPS = 1 << 25,
	VT_PROC_MTF = 1 << 27,
	VT_PROC_MSR_BITMAPS = 1 << 28,
	VT_PROC_MONITOR = 1 << 29,
	VT_PROC_PAUSE = 1 << 30,
	VT_PROC_SECONDARY = 1u << 31,
};

enum vt_proc2_controls {
	VT_PROC2_APIC_ACCESS = 1 << 0,
	VT_PROC2_EPT = 1 << 1,
	VT_PROC2_DESC_TABLE = 1 << 2,
	VT_PROC2_RDTSCP = 1 << 3,
	VT_PROC2_X2APIC = 1 << 4,
	VT_PROC2_VPID = 1 << 5,
	VT_PROC2_WBINVD = 1 << 6,
	VT_PROC2_UNRESTRICTED = 1 << 7,
	VT_PROC2_APIC_REGISTER = 1 << 8,
	VT_PROC2_VIRTUAL_INTR = 1 << 9,
	VT_PROC2_PLE = 1 << 10,
	VT_PROC2_RDRAND = 1 << 11,
	VT_PROC2_INVPCID = 1 << 12,
	VT_PROC2_VMFUNC = 1 << 13,
	VT_PROC2_VMCS_SHADOW = 1 << 14,
	VT_PROC2_ENCLS = 1 << 15,
	VT_PROC2_RDSEED = 1 << 16,
	VT_PROC2_PML = 1 << 17,
	VT_PROC2_EPT_VE = 1 << 18,
	VT_PROC2_PT_CONCEAL = 1 << 19,
	VT_PROC2_XSAVES = 1 << 20,
	VT_PROC2_PASID = 1 << 21,
	VT_PROC2_MODE_EXECUTE = 1 << 22,
	VT_PROC2_SPP = 1 << 23,
	VT_PROC2_PT_GUEST_PA = 1 << 24,
	VT_PROC2_TSC_SCALING = 1 << 25,
	VT_PROC2_USER_WAIT = 1 << 26,
	VT_PROC2_PCONFIG = 1 << 27,
	VT_PROC2_ENCLV = 1 << 28,
	VT_PROC2_BUS_LOCK = 1 << 30,
	VT_PROC2_INSN_TIMEOUT = 1u << 31,
};

enum vt_proc3_controls {
	VT_PROC3_LOADIWKEY = 1 << 0,
	VT_PROC3_HLAT = 1 << 1,
	VT_PROC3_PAGING_WRITE = 1 << 2,
	VT_PROC3_PAGING_VERIFY = 1 << 3,
	VT_PROC3_IPI = 1 << 4,
	VT_PROC3_MSR_LIST = 1 << 6,
	VT_PROC3_SPEC_CTRL = 1 << 7,
};

/* ---- VM-exit controls: SDM 3C 24.7.1 ---- */

enum vt_exit_controls {
	VT_EXITC_SAVE_DEBUG = 1 << 2,
	VT_EXITC_HOST_64 = 1 << 9,
	VT_EXITC_LOAD_PERF_GLOBAL = 1 << 12,
	VT_EXITC_ACK_INTR = 1 << 15,
	VT_EXITC_SAVE_PAT = 1 << 18,
	VT_EXITC_LOAD_PAT = 1 << 19,
	VT_EXITC_SAVE_EFER = 1 << 20,
	VT_EXITC_LOAD_EFER = 1 << 21,
	VT_EXITC_SAVE_TIMER = 1 << 22,
	VT_EXITC_CLEAR_BNDCFGS = 1 << 23,
	VT_EXITC_PT_CONCEAL = 1 << 24,
	VT_EXITC_CLEAR_RTIT = 1 << 25,
	VT_EXITC_CLEAR_LBR = 1 << 26,
	VT_EXITC_CLEAR_UINV = 1 << 27,
	VT_EXITC_LOAD_CET = 1 << 28,
	VT_EXITC_LOAD_PKRS = 1 << 29,
	VT_EXITC_SAVE_PERF_GLOBAL = 1 << 30,
	VT_EXITC_SECONDARY = 1u << 31,
};

/* ---- VM-entry controls: SDM 3C 24.8.1 ---- */

enum vt_entry_controls {
	VT_ENTRYC_LOAD_DEBUG = 1 << 2,
	VT_ENTRYC_GUEST_64 = 1 << 9,
	VT_ENTRYC_SMM = 1 << 10,
	VT_ENTRYC_NO_DUAL_MONITOR = 1 << 11,
	VT_ENTRYC_LOAD_PERF_GLOBAL = 1 << 13,
	VT_ENTRYC_LOAD_PAT = 1 << 14,
	VT_ENTRYC_LOAD_EFER = 1 << 15,
	VT_ENTRYC_LOAD_BNDCFGS = 1 << 16,
	VT_ENTRYC_PT_CONCEAL = 1 << 17,
	VT_ENTRYC_LOAD_RTIT = 1 << 18,
	VT_ENTRYC_LOAD_UINV = 1 << 19,
	VT_ENTRYC_LOAD_CET = 1 << 20,
	VT_ENTRYC_LOAD_LBR = 1 << 21,
	VT_ENTRYC_LOAD_PKRS = 1 << 22,
	VT_ENTRYC_LOAD_FRED = 1 << 23,
};

/* ---- the exit reason: SDM 3C 24.9.1 and appendix C ---- */

enum vt_reason_bits {
	VT_REASON_BASIC = 0xffff,
	VT_REASON_SHADOW_STACK_BUSY = 1 << 25,
	VT_REASON_BUS_LOCK = 1 << 26,	/* the exit came with a bus lock, whatever else it is */
	VT_REASON_ENCLAVE = 1 << 27,
	VT_REASON_MTF_PENDING = 1 << 28,
	VT_REASON_FROM_ROOT = 1 << 29,
	VT_REASON_ENTRY_FAILED = 1u << 31,
};

/* X(name, basic exit reason, in words) */
#define VT_EXIT_REASONS(X)									\
	X(EXCEPTION_NMI, 0, "exception or NMI")							\
	X(EXTERNAL_INTERRUPT, 1, "external interrupt")						\
	X(TRIPLE_FAULT, 2, "triple fault")							\
	X(INIT, 3, "INIT signal")								\
	X(SIPI, 4, "start-up IPI")								\
	X(IO_SMI, 5, "I/O SMI")									\
	X(OTHER_SMI, 6, "SMI")									\
	X(INTR_WINDOW, 7, "interrupt window")							\
	X(NMI_WINDOW, 8, "NMI window")								\
	X(TASK_SWITCH, 9, "task switch")							\
	X(CPUID, 10, "CPUID")									\
	X(GETSEC, 11, "GETSEC")									\
	X(HLT, 12, "HLT")									\
	X(INVD, 13, "INVD")									\
	X(INVLPG, 14, "INVLPG")									\
	X(RDPMC, 15, "RDPMC")									\
	X(RDTSC, 16, "RDTSC")									\
	X(RSM, 17, "RSM")									\
	X(VMCALL, 18, "VMCALL")									\
	X(VMCLEAR, 19, "VMCLEAR")								\
	X(VMLAUNCH, 20, "VMLAUNCH")								\
	X(VMPTRLD, 21, "VMPTRLD")								\
	X(VMPTRST, 22, "VMPTRST")								\
	X(VMREAD, 23, "VMREAD")									\
	X(VMRESUME, 24, "VMRESUME")								\
	X(VMWRITE, 25, "VMWRITE")								\
	X(VMXOFF, 26, "VMXOFF")									\
	X(VMXON, 27, "VMXON")									\
	X(CR_ACCESS, 28, "control-register access")						\
	X(DR_ACCESS, 29, "debug-register access")						\
	X(IO, 30, "I/O instruction")								\
	X(RDMSR, 31, "RDMSR")									\
	X(WRMSR, 32, "WRMSR")									\
	X(ENTRY_GUEST_STATE, 33, "VM entry refused: guest state")				\
	X(ENTRY_MSR_LOAD, 34, "VM entry refused: MSR loading")					\
	X(MWAIT, 36, "MWAIT")									\
	X(MTF, 37, "monitor trap flag")								\
	X(MONITOR, 39, "MONITOR")								\
	X(PAUSE, 40, "PAUSE")									\
	X(ENTRY_MACHINE_CHECK, 41, "VM entry refused: machine check")				\
	X(TPR_BELOW_THRESHOLD, 43, "TPR below threshold")					\
	X(APIC_ACCESS, 44, "APIC access")							\
	X(VIRTUAL_EOI, 45, "virtualised EOI")							\
	X(GDTR_IDTR, 46, "access to GDTR or IDTR")						\
	X(LDTR_TR, 47, "access to LDTR or TR")							\
	X(EPT_VIOLATION, 48, "EPT violation")							\
	X(EPT_MISCONFIG, 49, "EPT misconfiguration")						\
	X(INVEPT, 50, "INVEPT")									\
	X(RDTSCP, 51, "RDTSCP")									\
	X(PREEMPTION_TIMER, 52, "VMX-preemption timer expired")					\
	X(INVVPID, 53, "INVVPID")								\
	X(WBINVD, 54, "WBINVD or WBNOINVD")							\
	X(XSETBV, 55, "XSETBV")									\
	X(APIC_WRITE, 56, "APIC write")								\
	X(RDRAND, 57, "RDRAND")									\
	X(INVPCID, 58, "INVPCID")								\
	X(VMFUNC, 59, "VMFUNC")									\
	X(ENCLS, 60, "ENCLS")									\
	X(RDSEED, 61, "RDSEED")									\
	X(PML_FULL, 62, "page-modification log full")						\
	X(XSAVES, 63, "XSAVES")									\
	X(XRSTORS, 64, "XRSTORS")								\
	X(PCONFIG, 65, "PCONFIG")								\
	X(SPP, 66, "sub-page permissions: miss or misconfiguration")				\
	X(UMWAIT, 67, "UMWAIT")									\
	X(TPAUSE, 68, "TPAUSE")									\
	X(LOADIWKEY, 69, "LOADIWKEY")								\
	X(ENCLV, 70, "ENCLV")									\
	X(ENQCMD_PASID, 72, "ENQCMD: PASID translation failed")					\
	X(ENQCMDS_PASID, 73, "ENQCMDS: PASID translation failed")				\
	X(BUS_LOCK, 74, "bus lock")								\
	X(INSN_TIMEOUT, 75, "instruction timeout")						\
	X(SEAMCALL, 76, "SEAMCALL")								\
	X(TDCALL, 77, "TDCALL")									\
	X(RDMSRLIST, 78, "RDMSRLIST")								\
	X(WRMSRLIST, 79, "WRMSRLIST")								\
	X(URDMSR, 80, "URDMSR")									\
	X(UWRMSR, 81, "UWRMSR")									\
	X(RDMSR_IMM, 84, "RDMSR with an immediate operand")					\
	X(WRMSRNS_IMM, 85, "WRMSRNS with an immediate operand")

enum vt_exit_reason {
#define VT_EXIT_ENUM(name, code, words) VT_EXIT_##name = (code),
	VT_EXIT_REASONS(VT_EXIT_ENUM)
#undef VT_EXIT_ENUM
	VT_EXIT_TABLE_SIZE = 86,
};

/* vt_exit_reason_name() - in words; "unknown exit" if it has no row. Takes the whole field. */
const char *vt_exit_reason_name(u32 reason);

/* ---- interruptibility, activity, pending debug exceptions: SDM 3C 24.4.2 ---- */

enum vt_interruptibility {
	VT_INT_STI = 1 << 0,
	VT_INT_MOV_SS = 1 << 1,
	VT_INT_SMI = 1 << 2,
	VT_INT_NMI = 1 << 3,
	VT_INT_ENCLAVE = 1 << 4,
	VT_INT_KNOWN = 0x1f,
};

enum vt_activity {
	VT_ACTIVITY_ACTIVE,
	VT_ACTIVITY_HLT,
	VT_ACTIVITY_SHUTDOWN,
	VT_ACTIVITY_WAIT_SIPI,
};

enum vt_pending_debug {
	VT_PDBG_B0_B3 = 0xf,
	VT_PDBG_BUS_LOCK = 1 << 11,	/* a bus lock was detected: DR6 bit 11 would be cleared */
	VT_PDBG_ENABLED_BP = 1 << 12,	/* a breakpoint was met that DR7 has enabled */
	VT_PDBG_BS = 1 << 14,
	VT_PDBG_RTM = 1 << 16,
	VT_PDBG_KNOWN = VT_PDBG_B0_B3 | VT_PDBG_BUS_LOCK | VT_PDBG_ENABLED_BP | VT_PDBG_BS |
			VT_PDBG_RTM,
};

/*
 * ---- interruption information: SDM 3C 24.8.3 (entry), 24.9.2 (exit), 24.9.3 (vectoring) ----
 * One layout; bit 12 has a meaning only in VM-exit interruption information.
 */

enum vt_intr_bits {
	VT_INTR_VECTOR = 0xff,
	VT_INTR_TYPE_SHIFT = 8,
	VT_INTR_TYPE = 7 << VT_INTR_TYPE_SHIFT,
	VT_INTR_DELIVER_ERROR = 1 << 11,
	VT_INTR_NMI_UNBLOCK = 1 << 12,	/* the exiting IRET had unblocked NMIs */
	VT_INTR_VALID = 1u << 31,
	VT_INTR_ENTRY_RESERVED = 0x7ffff000,
};

enum vt_intr_type {
	VT_INTR_EXTERNAL = 0,
	VT_INTR_NMI = 2,
	VT_INTR_HARD_EXC = 3,
	VT_INTR_SOFT_INT = 4,		/* INT n */
	VT_INTR_PRIV_SW_EXC = 5,	/* INT1 */
	VT_INTR_SOFT_EXC = 6,		/* INT3, INTO */
	VT_INTR_OTHER = 7,		/* entry, vector 0: a pending MTF exit */
};

/* ---- segment access rights: SDM 3C table 24-2 ---- */

enum vt_ar_bits {
	VT_AR_TYPE = 0xf,
	VT_AR_S = 1 << 4,
	VT_AR_DPL_SHIFT = 5,
	VT_AR_DPL = 3 << VT_AR_DPL_SHIFT,
	VT_AR_P = 1 << 7,
	VT_AR_AVL = 1 << 12,
	VT_AR_L = 1 << 13,
	VT_AR_DB = 1 << 14,
	VT_AR_G = 1 << 15,
	VT_AR_UNUSABLE = 1 << 16,
	VT_AR_RESERVED = 0xf00,		/* with bits 31:17 */
};

/* ---- EPT: SDM 3C 24.6.11 (the pointer), 27.2.1 table 27-7 (a violation's qualification) ---- */

enum vt_eptp_bits {
	VT_EPTP_TYPE = 7,		/* memory type of the tables: 0 uncached, 6 write-back */
	VT_EPTP_TYPE_UC = 0,
	VT_EPTP_TYPE_WB = 6,
	VT_EPTP_LEVELS_SHIFT = 3,	/* number of levels less one */
	VT_EPTP_LEVELS = 7 << VT_EPTP_LEVELS_SHIFT,
	VT_EPTP_AD = 1 << 6,
	VT_EPTP_SUPERVISOR_SHADOW_STACK = 1 << 7,
	VT_EPTP_RESERVED = 0xf00,	/* with the bits from MAXPHYADDR on */
};

enum vt_ept_violation {
	VT_EPTV_READ = 1 << 0,		/* the access */
	VT_EPTV_WRITE = 1 << 1,
	VT_EPTV_FETCH = 1 << 2,
	VT_EPTV_READABLE = 1 << 3,	/* what all entries together allow */
	VT_EPTV_WRITABLE = 1 << 4,
	VT_EPTV_EXECUTABLE = 1 << 5,
	VT_EPTV_USER_EXECUTABLE = 1 << 6,
	VT_EPTV_GLA_VALID = 1 << 7,
	VT_EPTV_FINAL = 1 << 8,		/* with GLA_VALID: 0: on the walk of the guest's tables */
	/* Bits 11:9 only with advanced information (VT_EPT_ADVANCED_INFO), GLA_VALID and FINAL. */
	VT_EPTV_USER = 1 << 9,
	VT_EPTV_GUEST_WRITABLE = 1 << 10,
	VT_EPTV_GUEST_XD = 1 << 11,
	VT_EPTV_NMI_UNBLOCK = 1 << 12,
	VT_EPTV_SHADOW_STACK = 1 << 13,
	VT_EPTV_ASYNC = 1 << 16,
};

/* ---- the qualification of an APIC-access exit: SDM 3C 27.2.1, table 27-6 ---- */

#define VT_APIC_OFFSET 0xfffULL		/* for linear accesses */
#define VT_APIC_TYPE_SHIFT 12

enum vt_apic_access {
	VT_APIC_LINEAR_READ = 0,
	VT_APIC_LINEAR_WRITE = 1,
	VT_APIC_LINEAR_FETCH = 2,
	VT_APIC_LINEAR_EVENT = 3,	/* the delivery of an event */
	VT_APIC_PHYSICAL_EVENT = 10,	/* not by a linear address: the guest's tables, for one */
	VT_APIC_PHYSICAL = 15,
};

static inline unsigned int vt_qual_apic_type(u64 qual)
{
	return (unsigned int)(qual >> VT_APIC_TYPE_SHIFT & 0xf);
}

/* ---- capability MSRs: SDM 3D appendix A ---- */

enum vt_msr {
	VT_MSR_BASIC = 0x480,
	VT_MSR_PIN = 0x481,
	VT_MSR_PROC = 0x482,
	VT_MSR_EXIT = 0x483,
	VT_MSR_ENTRY = 0x484,
	VT_MSR_MISC = 0x485,
	VT_MSR_CR0_FIXED0 = 0x486,	/* bits that must be 1 */
	VT_MSR_CR0_FIXED1 = 0x487,	/* bits that may be 1 */
	VT_MSR_CR4_FIXED0 = 0x488,
	VT_MSR_CR4_FIXED1 = 0x489,
	VT_MSR_VMCS_ENUM = 0x48a,
	VT_MSR_PROC2 = 0x48b,
	VT_MSR_EPT_VPID = 0x48c,
	VT_MSR_TRUE_PIN = 0x48d,
	VT_MSR_TRUE_PROC = 0x48e,
	VT_MSR_TRUE_EXIT = 0x48f,
	VT_MSR_TRUE_ENTRY = 0x490,
	VT_MSR_VMFUNC = 0x491,
	VT_MSR_PROC3 = 0x492,		/* 64 allowed-1 bits */
	VT_MSR_EXIT2 = 0x493,		/* 64 allowed-1 bits */
};

/* VT_MSR_BASIC, A.1 */
#define VT_BASIC_REVISION 0x7fffffffULL
#define VT_BASIC_SIZE_SHIFT 32
#define VT_BASIC_SIZE (0x1fffULL << VT_BASIC_SIZE_SHIFT)
#define VT_BASIC_ADDRESS_32 (1ULL << 48)	/* VMCS and its areas below 4 GiB */
#define VT_BASIC_DUAL_MONITOR (1ULL << 49)
#define VT_BASIC_TYPE_SHIFT 50			/* memory type for the VMCS, as in VT_EPTP_TYPE */
#define VT_BASIC_TYPE (0xfULL << VT_BASIC_TYPE_SHIFT)
#define VT_BASIC_INS_OUTS (1ULL << 54)		/* instruction information of INS and OUTS */
#define VT_BASIC_TRUE (1ULL << 55)		/* the VT_MSR_TRUE_ MSRs exist */
#define VT_BASIC_ANY_ERROR_CODE (1ULL << 56)	/* 26.2.1.3's rule on error codes is waived */

/* Controls' MSRs: bits that must be 1 in the lower half, bits that may be 1 in the upper. */
static inline u32 vt_must_be_1(u64 msr)
{
	return (u32)msr;
}

static inline u32 vt_may_be_1(u64 msr)
{
	return (u32)(msr >> 32);
}

/* VT_MSR_MISC, A.6 */
#define VT_MISC_TIMER_SHIFT 0x1fULL		/* the timer counts when this bit of the TSC changes */
#define VT_MISC_SAVES_LMA (1ULL << 5)		/* exits store EFER.LMA in "IA-32e mode guest" */
#define VT_MISC_ACTIVITY_HLT (1ULL << 6)
#define VT_MISC_ACTIVITY_SHUTDOWN (1ULL << 7)
#define VT_MISC_ACTIVITY_WAIT_SIPI (1ULL << 8)
#define VT_MISC_PT_IN_VMX (1ULL << 14)
#define VT_MISC_CR3_TARGETS_SHIFT 16
#define VT_MISC_CR3_TARGETS (0x1ffULL << VT_MISC_CR3_TARGETS_SHIFT)
#define VT_MISC_MSR_LIST_SHIFT 25		/* recommended length: 512 * (n + 1) */
#define VT_MISC_MSR_LIST (7ULL << VT_MISC_MSR_LIST_SHIFT)
#define VT_MISC_VMWRITE_ANY (1ULL << 29)	/* read-only fields can be written */
#define VT_MISC_INJECT_LEN_0 (1ULL << 30)	/* software events with instruction length 0 */

/* VT_MSR_EPT_VPID, A.10 */
#define VT_EPT_EXECUTE_ONLY (1ULL << 0)
#define VT_EPT_LEVELS_4 (1ULL << 6)
#define VT_EPT_LEVELS_5 (1ULL << 7)
#define VT_EPT_TABLES_UC (1ULL << 8)
#define VT_EPT_TABLES_WB (1ULL << 14)
#define VT_EPT_2M (1ULL << 16)
#define VT_EPT_1G (1ULL << 17)
#define VT_EPT_INVEPT (1ULL << 20)
#define VT_EPT_AD (1ULL << 21)
#define VT_EPT_ADVANCED_INFO (1ULL << 22)	/* bits 11:9 of a violation's qualification */
#define VT_EPT_SUPERVISOR_SHADOW_STACK (1ULL << 23)
#define VT_EPT_INVEPT_SINGLE (1ULL << 25)
#define VT_EPT_INVEPT_ALL (1ULL << 26)
#define VT_VPID_INVVPID (1ULL << 32)
#define VT_VPID_INVVPID_ADDRESS (1ULL << 40)
#define VT_VPID_INVVPID_SINGLE (1ULL << 41)
#define VT_VPID_INVVPID_ALL (1ULL << 42)
#define VT_VPID_INVVPID_KEEP_GLOBAL (1ULL << 43)

/* Types of INVEPT and INVVPID, SDM 3C 30.3. */
enum vt_invept_type {
	VT_INVEPT_SINGLE = 1,
	VT_INVEPT_ALL = 2,
};

enum vt_invvpid_type {
	VT_INVVPID_ADDRESS = 0,
	VT_INVVPID_SINGLE = 1,
	VT_INVVPID_ALL = 2,
	VT_INVVPID_KEEP_GLOBAL = 3,
};

/* ---- VM-instruction errors: SDM 3C 30.4 ---- */

/* X(name, number, in words) */
#define VT_INSN_ERRORS(X)									\
	X(VMCALL_IN_ROOT, 1, "VMCALL executed in VMX root operation")				\
	X(VMCLEAR_ADDRESS, 2, "VMCLEAR with an invalid physical address")			\
	X(VMCLEAR_VMXON_POINTER, 3, "VMCLEAR with the VMXON pointer")				\
	X(VMLAUNCH_NOT_CLEAR, 4, "VMLAUNCH with a VMCS that is not clear")			\
	X(VMRESUME_NOT_LAUNCHED, 5, "VMRESUME with a VMCS that was not launched")		\
	X(VMRESUME_AFTER_VMXOFF, 6, "VMRESUME after VMXOFF and VMXON")				\
	X(ENTRY_CONTROLS, 7, "VM entry with invalid control fields")				\
	X(ENTRY_HOST_STATE, 8, "VM entry with invalid host state")				\
	X(VMPTRLD_ADDRESS, 9, "VMPTRLD with an invalid physical address")			\
	X(VMPTRLD_VMXON_POINTER, 10, "VMPTRLD with the VMXON pointer")				\
	X(VMPTRLD_REVISION, 11, "VMPTRLD with a wrong VMCS revision")				\
	X(UNSUPPORTED_FIELD, 12, "VMREAD or VMWRITE of a field this CPU lacks")			\
	X(READ_ONLY_FIELD, 13, "VMWRITE to a read-only field")					\
	X(VMXON_IN_ROOT, 15, "VMXON executed in VMX root operation")				\
	X(ENTRY_EXECUTIVE_POINTER, 16, "VM entry with an invalid executive-VMCS pointer")	\
	X(ENTRY_EXECUTIVE_NOT_LAUNCHED, 17, "VM entry, executive VMCS not launched")		\
	X(ENTRY_EXECUTIVE_NOT_VMXON, 18, "VM entry, executive VMCS not the VMXON pointer")	\
	X(VMCALL_NOT_CLEAR, 19, "VMCALL with a VMCS that is not clear")				\
	X(VMCALL_EXIT_CONTROLS, 20, "VMCALL with invalid VM-exit controls")			\
	X(VMCALL_MSEG_REVISION, 22, "VMCALL with a wrong MSEG revision")			\
	X(VMXOFF_DUAL_MONITOR, 23, "VMXOFF under dual-monitor treatment of SMM")		\
	X(VMCALL_SMM_FEATURES, 24, "VMCALL with invalid SMM-monitor features")			\
	X(ENTRY_EXECUTIVE_CONTROLS, 25, "VM entry, executive VMCS has invalid controls")	\
	X(ENTRY_MOV_SS, 26, "VM entry with events blocked by MOV SS")				\
	X(INVALIDATION_OPERAND, 28, "invalid operand of INVEPT or INVVPID")

enum vt_insn_error {
#define VT_INSN_ERROR_ENUM(name, code, words) VT_ERR_##name = (code),
	VT_INSN_ERRORS(VT_INSN_ERROR_ENUM)
#undef VT_INSN_ERROR_ENUM
};

/* vt_insn_error_text() - in words; of a number without a row it says that. */
const char *vt_insn_error_text(u32 error);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_VT_BITS_H */
