/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC of one virtual CPU: xAPIC and x2APIC register files, priorities, timer.
 *
 * Implements: SDM 3A chapter 11 (chapter 10 in older editions), APM 2 chapter 16. Version 0x14 with
 * six local vectors (timer, thermal, performance, LINT0, LINT1, error) and, if the owner asks, CMCI.
 * Missing: remote read, focus processor checking (both obsolete).
 * Differs: the xAPIC ID may be written, as on P6; the bus clock that drives the timer is 1 GHz.
 *
 * Ownership: a struct lapic and its register page belong to one thread at a time (the vCPU's, or an
 * ioctl that holds the vCPU). There are no locks here and no atomics: other threads reach a local
 * APIC only through struct lapic_post (lapic_pir.h), which the owner drains.
 *
 * Effects: functions that can concern the world outside return a mask of LAPIC_FX_*; the caller
 * carries them out. Time is an argument: `now` is any monotonic clock in nanoseconds, a TSC value
 * is the guest's.
 */
#ifndef VMX_PURE_LAPIC_H
#define VMX_PURE_LAPIC_H

#include "pure/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Offsets in the register page (SDM 3A table 11-1). The x2APIC MSR is 0x800 + offset / 16. */
enum lapic_reg {
	LAPIC_ID = 0x020,
	LAPIC_VERSION = 0x030,
	LAPIC_TPR = 0x080,
	LAPIC_APR = 0x090,
	LAPIC_PPR = 0x0a0,
	LAPIC_EOI = 0x0b0,
	LAPIC_LDR = 0x0d0,
	LAPIC_DFR = 0x0e0,
	LAPIC_SVR = 0x0f0,
	LAPIC_ISR = 0x100, /* eight registers of 32 vectors each, 16 bytes apart; so TMR, IRR */
	LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280,
	LAPIC_LVT_CMCI = 0x2f0,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERF = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0, /* x2APIC only */
};

#define LAPIC_STATE_SIZE 1024 /* what GET_LAPIC and SET_LAPIC carry */
#define LAPIC_PAGE_SIZE 4096
#define LAPIC_DEFAULT_BASE 0xfee00000UL
#define LAPIC_MSR_FIRST 0x800
#define LAPIC_MSR_LAST 0x8ff

/* IA32_APIC_BASE (SDM 3A 11.4.4, 11.12.1) */
#define LAPIC_BASE_BSP BIT_ULL(8)
#define LAPIC_BASE_X2APIC BIT_ULL(10)
#define LAPIC_BASE_ENABLE BIT_ULL(11)

/* Spurious-interrupt vector register (SDM 3A 11.9) */
#define LAPIC_SVR_ENABLE BIT(8)
#define LAPIC_SVR_NO_EOI_BROADCAST BIT(12)
/* Version register: the EOI broadcast can be suppressed (SDM 3A 11.4.8) */
#define LAPIC_VERSION_DIRECTED_EOI BIT(24)

/* Local vector table (SDM 3A 11.5.1) */
#define LAPIC_LVT_VECTOR 0xffu
#define LAPIC_LVT_MODE 0x700u /* delivery mode, enum apic_delivery at bit 8 */
#define LAPIC_LVT_PENDING BIT(12)
#define LAPIC_LVT_ACTIVE_LOW BIT(13)
#define LAPIC_LVT_REMOTE_IRR BIT(14)
#define LAPIC_LVT_LEVEL BIT(15)
#define LAPIC_LVT_MASKED BIT(16)
#define LAPIC_LVT_TIMER_MODE (3u << 17)
#define LAPIC_LVT_TIMER_ONESHOT (0u << 17)
#define LAPIC_LVT_TIMER_PERIODIC (1u << 17)
#define LAPIC_LVT_TIMER_DEADLINE (2u << 17)

/* Error status register (SDM 3A 11.5.3) */
#define LAPIC_ESR_SEND_VECTOR BIT(5)
#define LAPIC_ESR_RECEIVE_VECTOR BIT(6)
#define LAPIC_ESR_REGISTER BIT(7)

/*
 * A periodic timer runs no faster than this: each period costs the host a timer interrupt, and the
 * guest picks the period. (In-tree KVM's default is the same 200 us.)
 */
#define LAPIC_MIN_PERIOD_NS 200000ULL

/* Effects that the caller has to carry out. */
enum lapic_fx {
	LAPIC_FX_IPI = 1 << 0,       /* send what lapic_icr() says */
	LAPIC_FX_EOI = 1 << 1,       /* vector lapic->eoi_vector ended */
	LAPIC_FX_EOI_LEVEL = 1 << 2, /* ... was level triggered: tell the IOAPICs */
	LAPIC_FX_TIMER = 1 << 3,     /* look at lapic_timer_next() and arm or cancel */
	LAPIC_FX_MAP = 1 << 4,       /* an ID, mode or enable changed: rebuild the APIC map */
	LAPIC_FX_NMI = 1 << 5,       /* deliver to the own CPU: an NMI */
	LAPIC_FX_INIT = 1 << 6,      /* ... an INIT */
	LAPIC_FX_SMI = 1 << 7,       /* ... an SMI */
	LAPIC_FX_EXTINT = 1 << 8,    /* ... an external interrupt: the PIC has the vector */
	LAPIC_FX_LINT0 = 1 << 9,     /* LVT LINT0 changed: who takes the PIC's output may differ */
	LAPIC_FX_UNHANDLED = 1 << 10, /* the APIC is disabled or in x2APIC mode: no MMIO here */
};

struct lapic_timer {
	u64 expiry;   /* ns; 0 = stopped. One-shot and periodic */
	u64 period;   /* ns from the initial count and the divisor */
	u64 deadline; /* guest TSC; 0 = disarmed. TSC-deadline mode */
};

struct lapic {
	u8 *regs; /* 4 KiB, 64-byte aligned, in the architectural layout; the owner allocates it */
	u8 irr_words; /* bit n set: IRR register n is not zero. So is isr_words */
	u8 isr_words;
	u8 eoi_vector; /* valid with LAPIC_FX_EOI */
	u8 timer_shift; /* log2 of the divisor */
	s16 isr_top;   /* highest vector in service, -1 if none */
	bool lint0_extint; /* reset leaves LINT0 unmasked as ExtINT (the boot CPU's quirk) */
	bool directed_eoi; /* SVR bit 12 exists */
	bool cmci;         /* the CMCI vector exists */
	bool wide_ids;     /* GET/SET_LAPIC carry 32-bit IDs in x2APIC mode */
	u32 id;            /* x2APIC ID: the vCPU's ID */
	u32 esr_pending;   /* errors since the guest last wrote ESR */
	u64 base;          /* IA32_APIC_BASE */
	struct lapic_timer timer;
};

static inline u32 lapic_reg(const struct lapic *l, u32 reg)
{
	return *(const u32 *)(l->regs + reg);
}

static inline void lapic_reg_set(struct lapic *l, u32 reg, u32 val)
{
	*(u32 *)(l->regs + reg) = val;
}

/* Does an access to this register look at the time? Where not, `now` may be 0. */
static inline bool lapic_reg_timed(u32 reg)
{
	return reg == LAPIC_LVT_TIMER || reg == LAPIC_TIMER_INITIAL ||
	       reg == LAPIC_TIMER_CURRENT || reg == LAPIC_TIMER_DIVIDE;
}

/* Can a write to this register change what the APIC map holds (LAPIC_FX_MAP)? */
static inline bool lapic_reg_mapped(u32 reg)
{
	return reg == LAPIC_ID || reg == LAPIC_LDR || reg == LAPIC_DFR || reg == LAPIC_SVR;
}

static inline bool lapic_enabled(const struct lapic *l)
{
	return l->base & LAPIC_BASE_ENABLE;
}

static inline bool lapic_x2apic(const struct lapic *l)
{
	return (l->base & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)) ==
	       (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC);
}

/* Enabled both in IA32_APIC_BASE and in SVR: takes fixed interrupts (SDM 3A 11.4.7.2). */
static inline bool lapic_sw_enabled(const struct lapic *l)
{
	return lapic_enabled(l) && (lapic_reg(l, LAPIC_SVR) & LAPIC_SVR_ENABLE);
}

/* The highest vector in the bank (LAPIC_IRR or LAPIC_ISR) whose summary is words, not 0. */
static inline int lapic_top(const struct lapic *l, u32 bank, u32 words)
{
	int word = fls(words) - 1;

	return word * 32 + fls(lapic_reg(l, bank + (u32)word * 16)) - 1;
}

/* Processor priority (SDM 3A 11.8.3.1). */
static inline u32 lapic_ppr(const struct lapic *l)
{
	u32 tpr = lapic_reg(l, LAPIC_TPR) & 0xff;
	u32 isrv = l->isr_top >= 0 ? (u32)l->isr_top : 0;

	return (tpr & 0xf0) >= (isrv & 0xf0) ? tpr : isrv & 0xf0;
}

/* The vector that may interrupt the CPU now (RFLAGS.IF aside), or -1. */
static inline int lapic_pending(const struct lapic *l)
{
	int vec;

	if (likely(!l->irr_words))
		return -1;
	vec = lapic_top(l, LAPIC_IRR, l->irr_words);
	return ((u32)vec & 0xf0) > (lapic_ppr(l) & 0xf0) ? vec : -1;
}

/* Highest requested vector, priority aside; -1 if none. What a TPR write has to be compared with. */
static inline int lapic_irr_top(const struct lapic *l)
{
	return l->irr_words ? lapic_top(l, LAPIC_IRR, l->irr_words) : -1;
}

/* Requests vec, as an edge or a level interrupt. Returns false if it was requested already. */
bool lapic_set_irr(struct lapic *l, u8 vec, bool level);

/* Merges 64 vectors from word * 64 on into IRR; level has the bits of those that are level. */
void lapic_merge(struct lapic *l, unsigned int word, u64 bits, u64 level);

/* Is vec a level interrupt, as far as its last request told? */
static inline bool lapic_is_level(const struct lapic *l, u32 vec)
{
	return lapic_reg(l, LAPIC_TMR + (vec >> 5) * 16) >> (vec & 31) & 1;
}

/* Takes vec (from lapic_pending()) from IRR into ISR: the CPU acknowledged it. */
void lapic_ack(struct lapic *l, u8 vec);

/* Ends the highest interrupt in service (a write to EOI). Returns LAPIC_FX_EOI*, or 0. */
u32 lapic_eoi(struct lapic *l);

/*
 * May the end of the interrupt that was just acknowledged be left to the guest as a bit in memory?
 * Not if a level EOI must be broadcast, or another interrupt waits for this EOI.
 */
bool lapic_pv_eoi_ok(const struct lapic *l);

/* TPR through CR8 (SDM 3A 11.8.6). */
static inline u32 lapic_tpr_to_cr8(const struct lapic *l)
{
	return (lapic_reg(l, LAPIC_TPR) >> 4) & 0xf;
}

static inline void lapic_tpr_from_cr8(struct lapic *l, u32 cr8)
{
	lapic_reg_set(l, LAPIC_TPR, (cr8 & 0xf) << 4);
}

/*
 * A guest's read of the register page in xAPIC mode: offset in the page, len 1..8. *val gets the
 * bytes (0 where none). Returns 0 or LAPIC_FX_UNHANDLED.
 */
u32 lapic_page_read(struct lapic *l, u32 offset, u32 len, u64 *val, u64 now);

/* A guest's write; only aligned 32-bit writes do anything. Returns LAPIC_FX_*. */
u32 lapic_page_write(struct lapic *l, u32 offset, u32 len, u64 val, u64 now);

/* RDMSR/WRMSR of LAPIC_MSR_FIRST..LAST. Return 0, or -EINVAL for #GP; *fx gets LAPIC_FX_*. */
int lapic_x2_read(struct lapic *l, u32 msr, u64 *val, u64 now);
int lapic_x2_write(struct lapic *l, u32 msr, u64 val, u64 now, u32 *fx);

/* Is the register at this offset one that every x2APIC lets be read? */
bool lapic_x2_readable(u32 reg);

/* The interrupt command register; the destination in bits 63:32 (x2APIC) or 63:56 (xAPIC). */
static inline u64 lapic_icr(const struct lapic *l)
{
	return (u64)lapic_reg(l, LAPIC_ICR_HIGH) << 32 | lapic_reg(l, LAPIC_ICR);
}

/* The x2APIC write of ICR, for a fast path; the mode must be x2APIC. Returns LAPIC_FX_IPI or 0. */
u32 lapic_x2_icr(struct lapic *l, u64 icr);

/* A local source fires (reg: one of the LVT registers). Returns LAPIC_FX_NMI and the like, or 0. */
u32 lapic_local(struct lapic *l, u32 reg);

/* Does this APIC pass the PIC's output to its CPU (SDM 3A 11.1: LINT0 as ExtINT, or disabled)? */
static inline bool lapic_accepts_pic(const struct lapic *l)
{
	if (!lapic_enabled(l))
		return true;
	return (lapic_reg(l, LAPIC_LVT_LINT0) & (LAPIC_LVT_MASKED | LAPIC_LVT_MODE)) == 0x700;
}

/* ---- timer (lapic_timer.c) ---- */

enum lapic_timer_kind {
	LAPIC_TIMER_OFF,
	LAPIC_TIMER_NS,  /* *at in the clock of `now` */
	LAPIC_TIMER_TSC, /* *at in guest TSC */
};

/* When must lapic_timer_expire() be called next? A masked timer needs no call. */
enum lapic_timer_kind lapic_timer_next(const struct lapic *l, u64 *at);

/* The host's timer went off. Returns LAPIC_FX_TIMER if it must be armed again. */
u32 lapic_timer_expire(struct lapic *l, u64 now, u64 tsc);

/* IA32_TSC_DEADLINE (SDM 3A 11.5.4.1). A write outside deadline mode is ignored. */
u64 lapic_deadline_read(struct lapic *l, u64 tsc);
u32 lapic_deadline_write(struct lapic *l, u64 deadline);

u32 lapic_timer_current(const struct lapic *l, u64 now);
u32 lapic_timer_set_initial(struct lapic *l, u32 count, u64 now);
u32 lapic_timer_set_divide(struct lapic *l, u32 divide, u64 now);
u32 lapic_timer_set_lvt(struct lapic *l, u32 lvt, u64 now);

/* ---- mode and state (lapic_state.c) ---- */

/*
 * Sets up *l: regs (zeroed page), id and flags in place, everything else zero. The APIC comes up
 * enabled in xAPIC mode; bsp sets the boot CPU's bit.
 */
void lapic_init(struct lapic *l, bool bsp);

/* INIT (SDM 3A 11.4.7.3): the registers' reset values; ID and IA32_APIC_BASE are kept. */
u32 lapic_reset(struct lapic *l);

/*
 * May IA32_APIC_BASE go from old to val (SDM 3A 11.12.5)? host: the VMM may make any transition
 * between valid states. reserved: the address bits that must be 0. Returns 0 or -EINVAL.
 */
int lapic_base_check(u64 old, u64 val, bool host, bool x2apic_cpuid, u64 reserved);

/* Sets a checked IA32_APIC_BASE. Returns LAPIC_FX_*. */
u32 lapic_base_set(struct lapic *l, u64 val);

/* Finds irr_words, isr_words and isr_top again: somebody else has worked on the registers. */
void lapic_recount(struct lapic *l);

/* x2APIC logical ID (SDM 3A 11.12.10.2). */
static inline u32 lapic_x2apic_ldr(u32 id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
}

/* KVM_GET_LAPIC's page, LAPIC_STATE_SIZE bytes. */
void lapic_get_state(const struct lapic *l, void *state, u64 now);

/*
 * KVM_SET_LAPIC. Returns 0 (*fx: LAPIC_FX_*), or -EINVAL for an ID that does not fit. A TSC deadline is not part of
 * it: the one that is armed stays if the timer was and is in that mode.
 */
int lapic_set_state(struct lapic *l, const void *state, u64 now, u32 *fx);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_LAPIC_H */
