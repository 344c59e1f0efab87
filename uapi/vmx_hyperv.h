/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest sees of Hyper-V's enlightenments: CPUID leaves, MSRs, pages, hypercalls.
 *
 * The numbers are those of Microsoft's Hypervisor Top-Level Functional Specification (TLFS); which of them there
 * are, and what the VMM sees of them, is KVM's ABI. Nothing here is an ioctl: a VMM needs it to edit CPUID, and to
 * answer VMX_EXIT_HYPERV.
 */
#ifndef UAPI_VMX_HYPERV_H
#define UAPI_VMX_HYPERV_H

#include <linux/types.h>

/* ---- CPUID (TLFS 2.4) ---- */

#define VMX_HV_CPUID_VENDOR 0x40000000		/* eax: highest leaf; ebx, ecx, edx: a name */
#define VMX_HV_CPUID_INTERFACE 0x40000001	/* eax: VMX_HV_INTERFACE, or there is no Hyper-V at all */
#define VMX_HV_CPUID_VERSION 0x40000002
#define VMX_HV_CPUID_FEATURES 0x40000003	/* eax, ebx: privileges; edx: features */
#define VMX_HV_CPUID_HINTS 0x40000004		/* eax: recommendations; ebx: spins before NOTIFY_LONG_SPIN_WAIT */
#define VMX_HV_CPUID_LIMITS 0x40000005
#define VMX_HV_CPUID_NESTED 0x4000000a
#define VMX_HV_CPUID_SYNDBG_VENDOR 0x40000080
#define VMX_HV_CPUID_SYNDBG_INTERFACE 0x40000081
#define VMX_HV_CPUID_SYNDBG_PLATFORM 0x40000082

#define VMX_HV_INTERFACE 0x31237648		/* "Hv#1" */
#define VMX_HV_SYNDBG_INTERFACE 0x31235356	/* "VS#1" */
#define VMX_HV_SPIN_NEVER 0xffffffff		/* ebx of HINTS: never notify */

/* FEATURES.eax */
#define VMX_HV_P_VP_RUNTIME (1u << 0)
#define VMX_HV_P_TIME_REF_COUNT (1u << 1)
#define VMX_HV_P_SYNIC (1u << 2)
#define VMX_HV_P_STIMER (1u << 3)
#define VMX_HV_P_APIC (1u << 4)
#define VMX_HV_P_HYPERCALL (1u << 5)
#define VMX_HV_P_VP_INDEX (1u << 6)
#define VMX_HV_P_RESET (1u << 7)
#define VMX_HV_P_REFERENCE_TSC (1u << 9)
#define VMX_HV_P_FREQUENCY (1u << 11)
#define VMX_HV_P_REENLIGHTENMENT (1u << 13)
/* FEATURES.ebx */
#define VMX_HV_P_POST_MESSAGES (1u << 4)
#define VMX_HV_P_SIGNAL_EVENTS (1u << 5)
#define VMX_HV_P_DEBUGGING (1u << 11)
/* FEATURES.edx */
#define VMX_HV_F_XMM_INPUT (1u << 4)
#define VMX_HV_F_FREQUENCY_MSRS (1u << 8)
#define VMX_HV_F_CRASH_MSRS (1u << 10)
#define VMX_HV_F_DEBUG_MSRS (1u << 11)
#define VMX_HV_F_STIMER_DIRECT (1u << 19)
/* HINTS.eax */
#define VMX_HV_H_REMOTE_FLUSH (1u << 2)
#define VMX_HV_H_APIC_MSRS (1u << 3)
#define VMX_HV_H_RELAXED_TIMING (1u << 5)
#define VMX_HV_H_NO_AUTO_EOI (1u << 9)
#define VMX_HV_H_CLUSTER_IPI (1u << 10)
#define VMX_HV_H_EX_MASKS (1u << 11)
#define VMX_HV_H_NO_CORE_SHARING (1u << 18)
/* NESTED.eax */
#define VMX_HV_N_MSR_BITMAP (1u << 19)
/* SYNDBG_PLATFORM.eax */
#define VMX_HV_SYNDBG_ALLOW (1u << 1)

/* ---- MSRs (TLFS appendix C) ---- */

#define VMX_HV_MSR_GUEST_OS_ID 0x40000000
#define VMX_HV_MSR_HYPERCALL 0x40000001
#define VMX_HV_MSR_VP_INDEX 0x40000002
#define VMX_HV_MSR_RESET 0x40000003
#define VMX_HV_MSR_VP_RUNTIME 0x40000010
#define VMX_HV_MSR_TIME_REF_COUNT 0x40000020
#define VMX_HV_MSR_REFERENCE_TSC 0x40000021
#define VMX_HV_MSR_TSC_FREQUENCY 0x40000022
#define VMX_HV_MSR_APIC_FREQUENCY 0x40000023
#define VMX_HV_MSR_EOI 0x40000070
#define VMX_HV_MSR_ICR 0x40000071
#define VMX_HV_MSR_TPR 0x40000072
#define VMX_HV_MSR_VP_ASSIST_PAGE 0x40000073
#define VMX_HV_MSR_SCONTROL 0x40000080
#define VMX_HV_MSR_SVERSION 0x40000081
#define VMX_HV_MSR_SIEFP 0x40000082
#define VMX_HV_MSR_SIMP 0x40000083
#define VMX_HV_MSR_EOM 0x40000084
#define VMX_HV_MSR_SINT0 0x40000090
#define VMX_HV_MSR_STIMER0_CONFIG 0x400000b0	/* CONFIG and COUNT in turn, four timers */
#define VMX_HV_MSR_STIMER0_COUNT 0x400000b1
#define VMX_HV_MSR_SYNDBG_CONTROL 0x400000f1
#define VMX_HV_MSR_SYNDBG_STATUS 0x400000f2
#define VMX_HV_MSR_SYNDBG_SEND_BUFFER 0x400000f3
#define VMX_HV_MSR_SYNDBG_RECV_BUFFER 0x400000f4
#define VMX_HV_MSR_SYNDBG_PENDING_BUFFER 0x400000f5
#define VMX_HV_MSR_SYNDBG_OPTIONS 0x400000ff
#define VMX_HV_MSR_CRASH_P0 0x40000100
#define VMX_HV_MSR_CRASH_CTL 0x40000105
#define VMX_HV_MSR_REENLIGHTENMENT_CONTROL 0x40000106
#define VMX_HV_MSR_TSC_EMULATION_CONTROL 0x40000107
#define VMX_HV_MSR_TSC_EMULATION_STATUS 0x40000108

#define VMX_HV_ENABLE 1ULL	/* bit 0 of HYPERCALL, REFERENCE_TSC, VP_ASSIST_PAGE, SCONTROL, SIMP, SIEFP */
#define VMX_HV_PAGE_MASK (~0xfffULL)
#define VMX_HV_CRASH_NOTIFY (1ULL << 63)
#define VMX_HV_SYNDBG_USE_HCALLS (1ULL << 2)	/* SYNDBG_OPTIONS */

#define VMX_HV_SINTS 16
#define VMX_HV_SINT_VECTOR 0xffULL
#define VMX_HV_SINT_MASKED (1ULL << 16)
#define VMX_HV_SINT_AUTO_EOI (1ULL << 17)
#define VMX_HV_SINT_FIRST_VECTOR 16

#define VMX_HV_STIMERS 4
#define VMX_HV_STIMER_ENABLE (1ULL << 0)
#define VMX_HV_STIMER_PERIODIC (1ULL << 1)
#define VMX_HV_STIMER_LAZY (1ULL << 2)
#define VMX_HV_STIMER_AUTO (1ULL << 3)
#define VMX_HV_STIMER_VECTOR_SHIFT 4
#define VMX_HV_STIMER_DIRECT (1ULL << 12)
#define VMX_HV_STIMER_SINT_SHIFT 16

/* ---- pages ---- */

/* The reference time in 100 ns: ((tsc * scale) >> 64) + offset; with sequence 0 the MSR must be asked. */
struct vmx_hv_tsc_page {
	__u32 sequence;
	__u32 reserved;
	__u64 scale;
	__s64 offset;
};

/* Slot n of the message page (SIMP) is of synthetic interrupt source n. */
#define VMX_HV_MESSAGE_SIZE 256
#define VMX_HV_MESSAGE_NONE 0
#define VMX_HV_MESSAGE_TIMER 0x80000010
#define VMX_HV_MESSAGE_PENDING 1	/* in flags: end the message by EOM, another one waits */

struct vmx_hv_message {
	__u32 type;
	__u8 payload_size;
	__u8 flags;
	__u8 reserved[2];
	__u64 sender;
	__u64 payload[30];
};

struct vmx_hv_timer_payload {
	__u32 index;
	__u32 reserved;
	__u64 expired;		/* when, reference time */
	__u64 delivered;
};

/* ---- hypercalls (TLFS 3) ---- */

#define VMX_HV_CALL_FLUSH_SPACE 0x0002
#define VMX_HV_CALL_FLUSH_LIST 0x0003
#define VMX_HV_CALL_LONG_SPIN_WAIT 0x0008
#define VMX_HV_CALL_SEND_IPI 0x000b
#define VMX_HV_CALL_FLUSH_SPACE_EX 0x0013
#define VMX_HV_CALL_FLUSH_LIST_EX 0x0014
#define VMX_HV_CALL_SEND_IPI_EX 0x0015
#define VMX_HV_CALL_POST_MESSAGE 0x005c
#define VMX_HV_CALL_SIGNAL_EVENT 0x005d
#define VMX_HV_CALL_POST_DEBUG_DATA 0x0069
#define VMX_HV_CALL_RETRIEVE_DEBUG_DATA 0x006a
#define VMX_HV_CALL_RESET_DEBUG_SESSION 0x006b

/* The input value: code in 15:0, header size in 26:17 (quadwords), repetitions in 43:32, the first of them in 59:48. */
#define VMX_HV_CALL_FAST (1ULL << 16)
#define VMX_HV_CALL_VARHEAD_SHIFT 17
#define VMX_HV_CALL_REP_SHIFT 32
#define VMX_HV_CALL_START_SHIFT 48

#define VMX_HV_FLUSH_ALL_CPUS (1ULL << 0)
#define VMX_HV_SET_SPARSE 0
#define VMX_HV_SET_ALL 1

#define VMX_HV_STATUS_SUCCESS 0
#define VMX_HV_STATUS_INVALID_CODE 2
#define VMX_HV_STATUS_INVALID_INPUT 3
#define VMX_HV_STATUS_INVALID_ALIGNMENT 4
#define VMX_HV_STATUS_INVALID_PARAMETER 5
#define VMX_HV_STATUS_ACCESS_DENIED 6
#define VMX_HV_STATUS_OPERATION_DENIED 8
#define VMX_HV_STATUS_INSUFFICIENT_MEMORY 11
#define VMX_HV_STATUS_INVALID_PORT_ID 17
#define VMX_HV_STATUS_INVALID_CONNECTION_ID 18
#define VMX_HV_STATUS_INSUFFICIENT_BUFFERS 19

#endif /* UAPI_VMX_HYPERV_H */
