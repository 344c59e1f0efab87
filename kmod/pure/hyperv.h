/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hyper-V's enlightenments, as far as they are arithmetic and rules: CPUID, privileges, hypercall input, sets of
 * virtual processors, synthetic interrupts and timers, the reference clock.
 *
 * Implements: TLFS 2 (discovery), 3 (hypercalls), 9 (virtual processors), 10.2-10.8 (VP assist page, SynIC), 12
 * (timers). Missing: everything for nested hypervisors (the enlightened VMCS and VMCB, flushes of guest mappings),
 * ports and partitions (the VMM's), the invariant TSC control.
 * Differs: a flush of some addresses flushes all of them, which TLFS 13 allows.
 *
 * Pure: the caller owns the state; time is an argument, in 100 ns of the partition's reference clock.
 */
#ifndef VMX_PURE_HYPERV_H
#define VMX_PURE_HYPERV_H

#include "pure/cpuid.h"
#include "pure/env.h"
#include "uapi/vmx_hyperv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- CPUID (hyperv_cpuid.c) ---- */

#define HV_MAX_SUPPORTED 10

struct hv_env {
	bool stimer_direct;	/* there is a local APIC to interrupt */
	bool smt;		/* the host's CPUs may have siblings */
	u32 max_vps;
};

/* GET_SUPPORTED_HV_CPUID. Returns the number of entries, -E2BIG if @room is too small. */
int hv_cpuid_supported(const struct hv_env *env, struct vmx_cpuid_entry2 *entries, unsigned int room);

/* What the guest's CPUID says of Hyper-V. */
struct hv_cpuid {
	bool present;		/* "Hv#1": the interface exists */
	u32 priv_a;		/* FEATURES.eax */
	u32 priv_b;		/* FEATURES.ebx */
	u32 features;		/* FEATURES.edx */
	u32 hints;
	u32 spins;
	u32 syndbg;
};

void hv_cpuid_read(struct hv_cpuid *hv, const struct cpuid_table *t);

/* May this guest, whose privileges count (VMX_CAP_HYPERV_ENFORCE_CPUID), touch this MSR? False also for unknown ones. */
bool hv_msr_privileged(const struct hv_cpuid *hv, u32 msr);
/* Likewise for a hypercall; true for codes that do not exist. */
bool hv_call_privileged(const struct hv_cpuid *hv, u16 code);

/* ---- hypercalls (hyperv_call.c) ---- */

/* Quadwords of XMM0 to XMM5. */
#define HV_XMM_WORDS 12

struct hv_call {
	u64 input;		/* as the guest gave it */
	u64 in;			/* address of the input page; fast: the first quadword of the input */
	u64 out;		/* address of the output page; fast: the second */
	u16 code;
	u16 varhead;		/* quadwords of a header of variable size */
	u16 reps;
	u16 start;
	bool fast;
	u64 xmm[HV_XMM_WORDS];	/* fast, and hv_call_wants_xmm() */
};

/* The fields of the input value. False: reserved bits are set (INVALID_INPUT). */
bool hv_call_decode(struct hv_call *call, u64 input);
/* Is its fast form's input longer than two quadwords? */
bool hv_call_wants_xmm(u16 code);
/* What goes back: status and the number of repetitions that are complete. */
u64 hv_call_result(u16 status, u16 reps_done);
/* Does this call exist, and do header, repetitions and form agree with it? A VMX_HV_STATUS_*. */
u16 hv_call_check_form(const struct hv_call *call, bool syndbg);

/*
 * SIGNAL_EVENT's parameter: the connection in the low word, a flag number above. SUCCESS: *conn is to be looked up;
 * INVALID_PORT_ID: the VMM has to know; anything else is the answer.
 */
u16 hv_signal_event(u64 param, u32 *conn);

/* ---- sets of virtual processors ---- */

#define HV_SET_BANKS 64

struct hv_vp_set {
	bool all;
	u64 valid;		/* banks that have contents */
	u64 bank[HV_SET_BANKS];	/* contents, packed: one per bit of valid */
};

static inline void hv_set_mask(struct hv_vp_set *set, u64 mask)
{
	set->all = false;
	set->valid = 1;
	set->bank[0] = mask;
}

/* How many quadwords of contents follow format and valid-bank mask. What is not sparse is all, as in KVM's ABI. */
unsigned int hv_set_begin(struct hv_vp_set *set, u64 format, u64 valid);
bool hv_set_has(const struct hv_vp_set *set, u32 vp);
static inline bool hv_set_empty(const struct hv_vp_set *set)
{
	return !set->all && !set->valid;
}

/*
 * The sources of input: where the quadword @i of the input is. Fast: *val. Else the caller reads 8 bytes at
 * call->in + 8 * i, and this returns false. -> see hv_call_word().
 */
enum hv_word { HV_WORD_HERE, HV_WORD_MEMORY, HV_WORD_NONE };
enum hv_word hv_call_word(const struct hv_call *call, unsigned int i, u64 *val);

/* ---- the synthetic interrupt controller (hyperv_synic.c) ---- */

struct hv_synic {
	u64 control;
	u64 version;
	u64 siefp;
	u64 simp;
	u64 sint[VMX_HV_SINTS];
	u64 auto_eoi[4];	/* vectors that end when they are taken */
};

void hv_synic_reset(struct hv_synic *s);
/* A write of SINT @n. False: not legal (for the guest; the VMM may write all). */
bool hv_sint_write(struct hv_synic *s, unsigned int n, u64 val, bool host);
static inline bool hv_auto_eoi(const struct hv_synic *s, u8 vector)
{
	return s->auto_eoi[vector >> 6] >> (vector & 63) & 1;
}
/* The vector to request for SINT @n, -1: it is masked. */
static inline int hv_sint_vector(u64 sint)
{
	return sint & VMX_HV_SINT_MASKED ? -1 : (int)(sint & VMX_HV_SINT_VECTOR);
}
/* Sources that request this vector, as a bit mask. */
u32 hv_sints_of(const struct hv_synic *s, u8 vector);

/* What to do with a message, from what is in its slot. */
enum hv_slot_step {
	HV_SLOT_WRITE,		/* empty: the message goes in */
	HV_SLOT_MARK,		/* taken: set MESSAGE_PENDING, and look again */
	HV_SLOT_BUSY,		/* taken and marked: wait for EOM */
	HV_SLOT_DROP,		/* taken, and nobody waits */
};
/* @type: found in the slot; @marked: MESSAGE_PENDING has been set there; @retry: the message may come later. */
enum hv_slot_step hv_slot_step(u32 type, bool marked, bool retry);

/* ---- synthetic timers (hyperv_stimer.c) ---- */

/* A periodic timer fires no more often: the host pays for each period, and the guest picks it. 200 us. */
#define HV_STIMER_MIN_PERIOD 2000ULL

struct hv_stimer {
	u64 config;
	u64 count;
	u64 expires;		/* 0: not started */
	bool undelivered;	/* it expired, and its message waits for the slot */
};

void hv_stimer_reset(struct hv_stimer *t);
/* A write of CONFIG, or of COUNT. The timer stops; it is to be looked at (hv_stimer_run) again. */
void hv_stimer_set_config(struct hv_stimer *t, u64 config);
void hv_stimer_set_count(struct hv_stimer *t, u64 count);

enum hv_stimer_step {
	HV_STIMER_OFF,		/* nothing to wait for */
	HV_STIMER_WAIT,		/* until t->expires */
	HV_STIMER_FIRE,		/* deliver, then tell hv_stimer_fired() */
};
/* What the timer is to do at @now. */
enum hv_stimer_step hv_stimer_run(struct hv_stimer *t, u64 now);
/* Delivered, or (false) the slot was taken. A periodic timer goes on either way. */
void hv_stimer_fired(struct hv_stimer *t, bool delivered, u64 now);

static inline bool hv_stimer_periodic(const struct hv_stimer *t)
{
	return t->config & VMX_HV_STIMER_PERIODIC;
}

static inline bool hv_stimer_direct(const struct hv_stimer *t)
{
	return t->config & VMX_HV_STIMER_DIRECT;
}

static inline u8 hv_stimer_vector(const struct hv_stimer *t)
{
	return (u8)(t->config >> VMX_HV_STIMER_VECTOR_SHIFT);
}

static inline unsigned int hv_stimer_sint(const struct hv_stimer *t)
{
	return (unsigned int)(t->config >> VMX_HV_STIMER_SINT_SHIFT) & (VMX_HV_SINTS - 1);
}

/* ---- the reference clock ---- */

/* The page's scale for a TSC of @khz: 2^64 * 10 MHz / frequency. 0: too slow a TSC for the format. */
u64 hv_tsc_scale(u32 khz);
static inline u64 hv_tsc_time(u64 tsc, u64 scale, s64 offset)
{
	return mul_u64_u64_shr(tsc, scale, 64) + (u64)offset;
}
/* The sequence after this one: 0 and ~0 say that the page is not valid. */
static inline u32 hv_tsc_next_sequence(u32 sequence)
{
	return sequence + 1 == 0 || sequence + 1 == ~0u ? 1 : sequence + 1;
}

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_HYPERV_H */
