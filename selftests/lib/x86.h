/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Architectural constants that host and guest halves of the tests share.
 * Written out here, not taken from uapi/, so that a wrong number there is found.
 */
#ifndef SELFTESTS_LIB_X86_H
#define SELFTESTS_LIB_X86_H

#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE_SIZE	4096ul
#define PAGE_SIZE_2M	(2ul << 20)
#define PAGE_SIZE_1G	(1ul << 30)

/* Control registers: SDM 3A 2.5 */
#define CR0_PE		(1u << 0)
#define CR0_MP		(1u << 1)
#define CR0_EM		(1u << 2)
#define CR0_TS		(1u << 3)
#define CR0_ET		(1u << 4)
#define CR0_NE		(1u << 5)
#define CR0_WP		(1u << 16)
#define CR0_AM		(1u << 18)
#define CR0_NW		(1u << 29)
#define CR0_CD		(1u << 30)
#define CR0_PG		(1u << 31)
#define CR4_DE		(1u << 3)
#define CR4_PSE		(1u << 4)
#define CR4_PAE		(1u << 5)
#define CR4_PGE		(1u << 7)
#define CR4_OSFXSR	(1u << 9)
#define CR4_OSXMMEXCPT	(1u << 10)
#define CR4_VMXE	(1u << 13)
#define CR4_OSXSAVE	(1u << 18)
#define CR4_SMEP	(1u << 20)
#define CR4_SMAP	(1u << 21)
#define CR4_PKE		(1u << 22)
#define EFER_SCE	(1u << 0)
#define EFER_LME	(1u << 8)
#define EFER_LMA	(1u << 10)
#define EFER_NX		(1u << 11)
#define EFER_SVME	(1u << 12)

#define RFLAGS_CF	(1u << 0)
#define RFLAGS_FIXED	(1u << 1)
#define RFLAGS_ZF	(1u << 6)
#define RFLAGS_TF	(1u << 8)
#define RFLAGS_IF	(1u << 9)
#define RFLAGS_DF	(1u << 10)
#define RFLAGS_AC	(1u << 18)

/* Page table entries: SDM 3A 4.5 */
#define PTE_P		(1ull << 0)
#define PTE_W		(1ull << 1)
#define PTE_U		(1ull << 2)
#define PTE_A		(1ull << 5)
#define PTE_D		(1ull << 6)
#define PTE_PS		(1ull << 7)
#define PTE_G		(1ull << 8)
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull

/* Exception vectors: SDM 3A 6.3.1 */
#define VEC_DE		0
#define VEC_DB		1
#define VEC_NMI		2
#define VEC_BP		3
#define VEC_OF		4
#define VEC_UD		6
#define VEC_NM		7
#define VEC_DF		8
#define VEC_TS		10
#define VEC_NP		11
#define VEC_SS		12
#define VEC_GP		13
#define VEC_PF		14
#define VEC_MF		16
#define VEC_AC		17
#define VEC_XM		19

#define PF_P		(1u << 0)
#define PF_W		(1u << 1)
#define PF_U		(1u << 2)
#define PF_RSVD		(1u << 3)
#define PF_I		(1u << 4)
#define PF_PK		(1u << 5)

/* MSRs: SDM 4 2.1, APM 2 A */
#define MSR_TSC			0x10
#define MSR_APIC_BASE		0x1b
#define MSR_TSC_ADJUST		0x3b
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_MISC_ENABLE		0x1a0
#define MSR_PAT			0x277
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_X2APIC		0x800
#define MSR_EFER		0xc0000080u
#define MSR_STAR		0xc0000081u
#define MSR_LSTAR		0xc0000082u
#define MSR_CSTAR		0xc0000083u
#define MSR_FMASK		0xc0000084u
#define MSR_FS_BASE		0xc0000100u
#define MSR_GS_BASE		0xc0000101u
#define MSR_KERNEL_GS_BASE	0xc0000102u
#define MSR_TSC_AUX		0xc0000103u
#define MSR_VM_CR		0xc0010114u
#define MSR_VM_HSAVE_PA		0xc0010117u

#define APIC_BASE_BSP		(1u << 8)
#define APIC_BASE_X2APIC	(1u << 10)
#define APIC_BASE_ENABLE	(1u << 11)

/* Paravirtual ABI: Linux Documentation/virt/kvm/x86/{msr,cpuid,hypercalls}.rst */
#define MSR_PV_WALL_CLOCK_OLD	0x11
#define MSR_PV_SYSTEM_TIME_OLD	0x12
#define MSR_PV_WALL_CLOCK	0x4b564d00u
#define MSR_PV_SYSTEM_TIME	0x4b564d01u
#define MSR_PV_ASYNC_PF		0x4b564d02u
#define MSR_PV_STEAL_TIME	0x4b564d03u
#define MSR_PV_EOI		0x4b564d04u
#define MSR_PV_POLL_CONTROL	0x4b564d05u
#define PV_CPUID_SIGNATURE	0x40000000u
#define PV_CPUID_FEATURES	0x40000001u
#define PV_FEATURE_CLOCKSOURCE2	3
#define PV_FEATURE_STEAL_TIME	5
#define PV_FEATURE_PV_EOI	6
#define PV_FEATURE_PV_UNHALT	7
#define PV_FEATURE_TLB_FLUSH	9
#define PV_FEATURE_SEND_IPI	11
#define PV_FEATURE_CLOCK_STABLE	24
#define PV_HC_KICK_CPU		5
#define PV_HC_SEND_IPI		10
#define PV_ENOSYS		1000

struct pv_time_info {
	u32 version;
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time;
	u32 tsc_to_system_mul;
	int8_t tsc_shift;
	u8 flags;
	u8 pad[2];
} __attribute__((packed));

struct pv_wall_clock {
	u32 version;
	u32 sec;
	u32 nsec;
} __attribute__((packed));

struct pv_steal_time {
	u64 steal;
	u32 version;
	u32 flags;
	u8 preempted;
	u8 pad0[3];
	u32 pad[11];
};

/* Local APIC register offsets: SDM 3A 10.4.1 */
#define APIC_DEFAULT_BASE 0xfee00000ul
#define APIC_ID		0x20
#define APIC_VERSION	0x30
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_EOI	0xb0
#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_SPIV	0xf0
#define APIC_ISR	0x100
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVTT	0x320
#define APIC_LVT0	0x350
#define APIC_LVT1	0x360
#define APIC_LVTERR	0x370
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0
#define APIC_SELF_IPI	0x3f0

#define APIC_LVT_MASKED		(1u << 16)
#define APIC_TIMER_ONESHOT	(0u << 17)
#define APIC_TIMER_PERIODIC	(1u << 17)
#define APIC_TIMER_DEADLINE	(2u << 17)
#define APIC_DM_FIXED		(0u << 8)
#define APIC_DM_LOWEST		(1u << 8)
#define APIC_DM_NMI		(4u << 8)
#define APIC_DM_INIT		(5u << 8)
#define APIC_DM_STARTUP		(6u << 8)
#define APIC_DM_EXTINT		(7u << 8)
#define APIC_DEST_LOGICAL	(1u << 11)
#define APIC_ICR_BUSY		(1u << 12)
#define APIC_INT_ASSERT		(1u << 14)
#define APIC_DEST_SELF		(1u << 18)
#define APIC_DEST_ALL		(2u << 18)
#define APIC_DEST_ALLBUT	(3u << 18)

#define IOAPIC_BASE	0xfec00000ul
#define IOAPIC_PINS	24

#endif
