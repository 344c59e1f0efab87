/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest sees of the hypervisor: CPUID leaves, MSRs, shared structures and hypercalls.
 *
 * Linux guests have drivers for KVM's paravirtual interface, so this is KVM's, signature
 * included. Nothing here is an ioctl; a VMM needs it only to edit CPUID or MSR lists.
 */
#ifndef UAPI_VMX_PARA_H
#define UAPI_VMX_PARA_H

#include <linux/types.h>

/* ---- CPUID ---- */

#define VMX_PV_CPUID_SIGNATURE 0x40000000 /* eax: highest leaf; ebx, ecx, edx: signature */
#define VMX_PV_CPUID_FEATURES 0x40000001  /* eax: VMX_PV_FEATURE_*; edx: VMX_PV_HINT_* */
#define VMX_PV_SIGNATURE "KVMKVMKVM\0\0\0"
#define VMX_PV_SIGNATURE_EBX 0x4b4d564b /* "KVMK" */
#define VMX_PV_SIGNATURE_ECX 0x564b4d56 /* "VMKV" */
#define VMX_PV_SIGNATURE_EDX 0x0000004d /* "M" */

/* Bit numbers in eax of the feature leaf. */
#define VMX_PV_FEATURE_CLOCKSOURCE 0   /* MSRs 0x11, 0x12 */
#define VMX_PV_FEATURE_NOP_IO_DELAY 1  /* port 0x80 delays are useless */
#define VMX_PV_FEATURE_MMU_OP 2	       /* withdrawn long ago */
#define VMX_PV_FEATURE_CLOCKSOURCE2 3  /* MSRs 0x4b564d00, 01 */
#define VMX_PV_FEATURE_ASYNC_PF 4
#define VMX_PV_FEATURE_STEAL_TIME 5
#define VMX_PV_FEATURE_PV_EOI 6
#define VMX_PV_FEATURE_PV_UNHALT 7 /* HC_KICK_CPU */
#define VMX_PV_FEATURE_PV_TLB_FLUSH 9
#define VMX_PV_FEATURE_ASYNC_PF_VMEXIT 10
#define VMX_PV_FEATURE_PV_SEND_IPI 11
#define VMX_PV_FEATURE_POLL_CONTROL 12
#define VMX_PV_FEATURE_PV_SCHED_YIELD 13
#define VMX_PV_FEATURE_ASYNC_PF_INT 14
#define VMX_PV_FEATURE_MSI_EXT_DEST_ID 15
#define VMX_PV_FEATURE_HC_MAP_GPA_RANGE 16
#define VMX_PV_FEATURE_MIGRATION_CONTROL 17
#define VMX_PV_FEATURE_CLOCKSOURCE_STABLE 24 /* the flags of vmx_pv_vcpu_time_info count */

/* Bit numbers in edx: set by the VMM, never by the kernel. */
#define VMX_PV_HINT_REALTIME 0 /* vCPUs are never preempted */

/* ---- MSRs ---- */

#define VMX_PV_MSR_WALL_CLOCK 0x11
#define VMX_PV_MSR_SYSTEM_TIME 0x12
#define VMX_PV_MSR_WALL_CLOCK_NEW 0x4b564d00
#define VMX_PV_MSR_SYSTEM_TIME_NEW 0x4b564d01
#define VMX_PV_MSR_ASYNC_PF_EN 0x4b564d02
#define VMX_PV_MSR_STEAL_TIME 0x4b564d03
#define VMX_PV_MSR_PV_EOI_EN 0x4b564d04
#define VMX_PV_MSR_POLL_CONTROL 0x4b564d05
#define VMX_PV_MSR_ASYNC_PF_INT 0x4b564d06
#define VMX_PV_MSR_ASYNC_PF_ACK 0x4b564d07
#define VMX_PV_MSR_MIGRATION_CONTROL 0x4b564d08

/* Bit 0 of the address-carrying MSRs above turns the service on. */
#define VMX_PV_MSR_ENABLED 1

/* ---- clock ---- */

/*
 * ns = system_time + ((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul >> 32
 * (a negative shift is to the right). version is odd while the host writes.
 */
struct vmx_pv_vcpu_time_info {
	__u32 version;
	__u32 pad0;
	__u64 tsc_timestamp;
	__u64 system_time;
	__u32 tsc_to_system_mul;
	__s8 tsc_shift;
	__u8 flags;
	__u8 pad[2];
} __attribute__((packed));

#define VMX_PV_CLOCK_TSC_STABLE (1 << 0)    /* all vCPUs' pages describe one clock */
#define VMX_PV_CLOCK_GUEST_STOPPED (1 << 1) /* the VM was paused: soft-lockup watchdogs excuse it */

/* Wall-clock time at the instant when the system time was 0. */
struct vmx_pv_wall_clock {
	__u32 version;
	__u32 sec;
	__u32 nsec;
} __attribute__((packed));

/* HC_CLOCK_PAIRING: host's real time and the guest TSC of one instant. */
#define VMX_PV_CLOCK_PAIRING_WALLCLOCK 0
struct vmx_pv_clock_pairing {
	__s64 sec;
	__s64 nsec;
	__u64 tsc;
	__u32 flags;
	__u32 pad[9];
};

/* ---- steal time and TLB shootdown ---- */

struct vmx_pv_steal_time {
	__u64 steal; /* ns that the vCPU was runnable and did not run */
	__u32 version;
	__u32 flags;
	__u8 preempted; /* VMX_PV_VCPU_* */
	__u8 u8_pad[3];
	__u32 pad[11];
};

#define VMX_PV_VCPU_PREEMPTED (1 << 0)
#define VMX_PV_VCPU_FLUSH_TLB (1 << 1) /* guest asks: flush before this vCPU runs again */

/* MSR_STEAL_TIME: 64-byte aligned address, bits 1..5 reserved, bit 0 enables. */
#define VMX_PV_STEAL_ALIGNMENT_BITS 5
#define VMX_PV_STEAL_VALID_BITS (~0ULL << (VMX_PV_STEAL_ALIGNMENT_BITS + 1))
#define VMX_PV_STEAL_RESERVED_MASK (((1 << VMX_PV_STEAL_ALIGNMENT_BITS) - 1) << 1)

/* ---- PV EOI: one bit of guest memory; the guest clears it instead of writing EOI ---- */

#define VMX_PV_EOI_BIT 0
#define VMX_PV_EOI_MASK (1 << VMX_PV_EOI_BIT)
#define VMX_PV_EOI_ENABLED VMX_PV_EOI_MASK
#define VMX_PV_EOI_DISABLED 0

/* ---- asynchronous page faults ---- */

/* Where MSR ASYNC_PF_EN points, 64-byte aligned. The guest clears each field when it has taken note of it. */
struct vmx_pv_apf_data {
	__u32 flags; /* VMX_PV_REASON_*: the #PF that comes now is one of these, its CR2 a token */
	__u32 token; /* with the interrupt of MSR ASYNC_PF_INT: what has come; ~0: everything */
	__u8 pad[56];
	__u32 enabled; /* the guest's own */
};

#define VMX_PV_REASON_PAGE_NOT_PRESENT 1

#define VMX_PV_ASYNC_PF_ENABLED (1 << 0)
#define VMX_PV_ASYNC_PF_SEND_ALWAYS (1 << 1)
#define VMX_PV_ASYNC_PF_DELIVERY_AS_PF_VMEXIT (1 << 2)
#define VMX_PV_ASYNC_PF_DELIVERY_AS_INT (1 << 3)

/* ---- hypercalls: VMCALL or VMMCALL, number in rax, arguments rbx rcx rdx rsi, result rax ---- */

#define VMX_PV_HC_VAPIC_POLL_IRQ 1
#define VMX_PV_HC_MMU_OP 2
#define VMX_PV_HC_FEATURES 3
#define VMX_PV_HC_KICK_CPU 5	  /* rcx: APIC id of a halted vCPU */
#define VMX_PV_HC_CLOCK_PAIRING 9 /* rbx: gpa of vmx_pv_clock_pairing, rcx: type */
#define VMX_PV_HC_SEND_IPI 10	  /* rbx, rcx: bitmap of APIC ids from rdx; rsi: ICR low */
#define VMX_PV_HC_SCHED_YIELD 11  /* rbx: APIC id to which the caller yields */
#define VMX_PV_HC_MAP_GPA_RANGE 12

/* Results, as negative numbers in rax. */
#define VMX_PV_ENOSYS 1000
#define VMX_PV_EPERM 1
#define VMX_PV_E2BIG 7
#define VMX_PV_EFAULT 14
#define VMX_PV_EINVAL 22
#define VMX_PV_EOPNOTSUPP 95

#endif /* UAPI_VMX_PARA_H */
