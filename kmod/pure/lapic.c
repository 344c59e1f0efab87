// SPDX-License-Identifier: GPL-2.0-only
/* Local APIC: registers, priorities, EOI, local vectors. See lapic.h. */
#include "pure/lapic.h"
#include "pure/lapic_pir.h"

/* Which of the 64 registers of a page exist: bit n is offset n * 16. */
#define R(off) BIT_ULL((off) >> 4)
#define R8(off) (0xffULL << ((off) >> 4))

#define LAPIC_READABLE                                                                     \
	(R(LAPIC_ID) | R(LAPIC_VERSION) | R(LAPIC_TPR) | R(LAPIC_PPR) | R(LAPIC_LDR) |     \
	 R(LAPIC_SVR) | R8(LAPIC_ISR) | R8(LAPIC_TMR) | R8(LAPIC_IRR) | R(LAPIC_ESR) |     \
	 R(LAPIC_ICR) | R(LAPIC_LVT_TIMER) | R(LAPIC_LVT_THERMAL) | R(LAPIC_LVT_PERF) |    \
	 R(LAPIC_LVT_LINT0) | R(LAPIC_LVT_LINT1) | R(LAPIC_LVT_ERROR) |                    \
	 R(LAPIC_TIMER_INITIAL) | R(LAPIC_TIMER_CURRENT) | R(LAPIC_TIMER_DIVIDE))
#define LAPIC_READABLE_XAPIC (R(LAPIC_APR) | R(LAPIC_DFR) | R(LAPIC_ICR_HIGH) | R(LAPIC_EOI))

#define LAPIC_WRITABLE                                                                     \
	(R(LAPIC_TPR) | R(LAPIC_EOI) | R(LAPIC_SVR) | R(LAPIC_ESR) | R(LAPIC_ICR) |        \
	 R(LAPIC_LVT_TIMER) | R(LAPIC_LVT_THERMAL) | R(LAPIC_LVT_PERF) |                   \
	 R(LAPIC_LVT_LINT0) | R(LAPIC_LVT_LINT1) | R(LAPIC_LVT_ERROR) |                    \
	 R(LAPIC_TIMER_INITIAL) | R(LAPIC_TIMER_DIVIDE))
#define LAPIC_WRITABLE_XAPIC (R(LAPIC_ID) | R(LAPIC_LDR) | R(LAPIC_DFR) | R(LAPIC_ICR_HIGH))
/* A write to a register that can only be read is ignored, not an error. */
#define LAPIC_READ_ONLY                                                                     \
	(R(LAPIC_VERSION) | R(LAPIC_APR) | R(LAPIC_PPR) | R8(LAPIC_ISR) | R8(LAPIC_TMR) |   \
	 R8(LAPIC_IRR) | R(LAPIC_TIMER_CURRENT))

static inline bool lapic_has(const struct lapic *l, u64 set, u32 reg)
{
	if (l->cmci)
		set |= R(LAPIC_LVT_CMCI);
	return set >> (reg >> 4) & 1;
}

/* ---- requests and service ---- */

bool lapic_set_irr(struct lapic *l, u8 vec, bool level)
{
	u32 reg = (u32)(vec >> 5) * 16, bit = 1u << (vec & 31);
	u32 old = lapic_reg(l, LAPIC_IRR + reg);
	u32 tmr = lapic_reg(l, LAPIC_TMR + reg);

	if (old & bit)
		return false;
	lapic_reg_set(l, LAPIC_IRR + reg, old | bit);
	lapic_reg_set(l, LAPIC_TMR + reg, level ? tmr | bit : tmr & ~bit);
	l->irr_words |= (u8)(1u << (vec >> 5));
	return true;
}

static void lapic_error(struct lapic *l, u32 error)
{
	u32 lvt = lapic_reg(l, LAPIC_LVT_ERROR);

	if (l->esr_pending & error)
		return;
	l->esr_pending |= error;
	if (lvt & LAPIC_LVT_MASKED)
		return;
	if ((lvt & LAPIC_LVT_VECTOR) < 16)
		l->esr_pending |= LAPIC_ESR_RECEIVE_VECTOR; /* and no interrupt to tell of it */
	else
		lapic_set_irr(l, (u8)lvt, false);
}

void lapic_merge(struct lapic *l, unsigned int word, u64 bits, u64 level)
{
	unsigned int i;

	/* SDM 3A 11.5.2: vectors 0..15 are illegal, the receiver records that. */
	if (word == 0 && unlikely(bits & 0xffff)) {
		lapic_error(l, LAPIC_ESR_RECEIVE_VECTOR);
		bits &= ~0xffffULL;
	}
	for (i = 0; i < 2; i++, bits >>= 32, level >>= 32) {
		u32 reg = (word * 2 + i) * 16;
		u32 add = (u32)bits;
		u32 tmr;

		if (!add)
			continue;
		tmr = lapic_reg(l, LAPIC_TMR + reg);
		lapic_reg_set(l, LAPIC_IRR + reg, lapic_reg(l, LAPIC_IRR + reg) | add);
		lapic_reg_set(l, LAPIC_TMR + reg, (tmr & ~add) | ((u32)level & add));
		l->irr_words |= (u8)(1u << (word * 2 + i));
	}
}

/* Those of lapic_pir_hold(). The trigger mode is that of the vector's last request in either map. */
static noinline void lapic_drain_held(struct lapic *l, struct lapic_post *p)
{
	unsigned int w;

	for (w = 0; w < 4; w++) {
		u64 bits = __atomic_exchange_n(&p->held[w], 0, __ATOMIC_SEQ_CST);

		lapic_merge(l, w, bits, __atomic_load_n(&p->level[w], __ATOMIC_RELAXED));
	}
}

void lapic_pir_drain_words(struct lapic *l, struct lapic_post *p)
{
	u64 control = __atomic_fetch_and(&p->pi.control, ~LAPIC_PIR_ANY, __ATOMIC_SEQ_CST);
	unsigned int w;

	if (unlikely(control & LAPIC_PIR_HELD))
		lapic_drain_held(l, p);
	for (w = 0; w < 4; w++) {
		u64 bits;

		if (!__atomic_load_n(&p->pi.pir[w], __ATOMIC_RELAXED))
			continue;
		bits = __atomic_exchange_n(&p->pi.pir[w], 0, __ATOMIC_SEQ_CST);
		lapic_merge(l, w, bits, __atomic_load_n(&p->level[w], __ATOMIC_RELAXED));
	}
}

void lapic_pir_clear(struct lapic_post *p)
{
	unsigned int w;

	__atomic_fetch_and(&p->pi.control, ~LAPIC_PIR_ANY, __ATOMIC_SEQ_CST);
	for (w = 0; w < 4; w++) {
		__atomic_store_n(&p->pi.pir[w], 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&p->held[w], 0, __ATOMIC_SEQ_CST);
	}
}

void lapic_ack(struct lapic *l, u8 vec)
{
	u32 word = vec >> 5, bit = 1u << (vec & 31);
	u32 irr = lapic_reg(l, LAPIC_IRR + word * 16) & ~bit;

	lapic_reg_set(l, LAPIC_IRR + word * 16, irr);
	if (!irr)
		l->irr_words &= (u8)~(1u << word);
	lapic_reg_set(l, LAPIC_ISR + word * 16, lapic_reg(l, LAPIC_ISR + word * 16) | bit);
	l->isr_words |= (u8)(1u << word);
	if (vec > l->isr_top)
		l->isr_top = vec;
}

u32 lapic_eoi(struct lapic *l)
{
	u32 vec, word, bit, isr, fx = LAPIC_FX_EOI;

	/* An EOI with nothing in service is legal and does nothing. */
	if (l->isr_top < 0)
		return 0;
	vec = (u32)l->isr_top;
	word = vec >> 5;
	bit = 1u << (vec & 31);
	isr = lapic_reg(l, LAPIC_ISR + word * 16) & ~bit;
	lapic_reg_set(l, LAPIC_ISR + word * 16, isr);
	if (!isr)
		l->isr_words &= (u8)~(1u << word);
	l->isr_top = l->isr_words ? (s16)lapic_top(l, LAPIC_ISR, l->isr_words) : -1;
	l->eoi_vector = (u8)vec;
	/* SDM 3A 11.8.5: EOI messages go out for level interrupts, unless software does that. */
	if (unlikely(lapic_reg(l, LAPIC_TMR + word * 16) & bit) &&
	    !(lapic_reg(l, LAPIC_SVR) & LAPIC_SVR_NO_EOI_BROADCAST))
		fx |= LAPIC_FX_EOI_LEVEL;
	return fx;
}

bool lapic_pv_eoi_ok(const struct lapic *l)
{
	u32 vec;

	if (l->irr_words || l->isr_top < 0)
		return false;
	vec = (u32)l->isr_top;
	return !(lapic_reg(l, LAPIC_TMR + (vec >> 5) * 16) & (1u << (vec & 31)));
}

u32 lapic_local(struct lapic *l, u32 reg)
{
	u32 lvt = lapic_reg(l, reg);

	if (!lapic_enabled(l) || (lvt & LAPIC_LVT_MASKED))
		return 0;
	switch (lvt & LAPIC_LVT_MODE) {
	case 0x000: /* fixed */
		if ((lvt & LAPIC_LVT_VECTOR) < 16)
			lapic_error(l, LAPIC_ESR_RECEIVE_VECTOR);
		else
			lapic_set_irr(l, (u8)lvt, (lvt & LAPIC_LVT_LEVEL) &&
					      (reg == LAPIC_LVT_LINT0 || reg == LAPIC_LVT_LINT1));
		return 0;
	case 0x200:
		return LAPIC_FX_SMI;
	case 0x400:
		return LAPIC_FX_NMI;
	case 0x500:
		return LAPIC_FX_INIT;
	case 0x700:
		return LAPIC_FX_EXTINT;
	default: /* reserved modes deliver nothing */
		return 0;
	}
}

/* ---- register access ---- */

static __always_inline u32 lapic_read(const struct lapic *l, u32 reg, u64 now)
{
	if (unlikely(reg == LAPIC_TIMER_CURRENT))
		return lapic_timer_current(l, now);
	if (reg == LAPIC_PPR)
		return lapic_ppr(l);
	return lapic_reg(l, reg);
}

/* The rest of lapic_page_read(): other widths, registers that are not there. */
static noinline u32 lapic_page_read_odd(struct lapic *l, u32 offset, u32 len, u64 *val, u64 now)
{
	u32 reg = offset & 0xff0, byte = offset & 0xf;

	*val = 0;
	/* SDM 3A 11.4.1: registers are 32 bits, 128 bits apart; other bytes are undefined. */
	if (byte + len > 4 || reg >= LAPIC_STATE_SIZE)
		return 0;
	if (!lapic_has(l, LAPIC_READABLE | LAPIC_READABLE_XAPIC, reg)) {
		lapic_error(l, LAPIC_ESR_REGISTER);
		return 0;
	}
	*val = lapic_read(l, reg, now) >> (byte * 8);
	if (len < 4)
		*val &= (1u << (len * 8)) - 1;
	return 0;
}

u32 lapic_page_read(struct lapic *l, u32 offset, u32 len, u64 *val, u64 now)
{
	if (unlikely((l->base & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)) != LAPIC_BASE_ENABLE)) {
		*val = 0;
		return LAPIC_FX_UNHANDLED;
	}
	if (unlikely(len != 4 || (offset & ~0x3f0u) ||
		     !((LAPIC_READABLE | LAPIC_READABLE_XAPIC) >> (offset >> 4) & 1)))
		return lapic_page_read_odd(l, offset, len, val, now);
	*val = lapic_read(l, offset, now);
	return 0;
}

static u32 lapic_write_svr(struct lapic *l, u32 val)
{
	u32 mask = 0x1ff | (l->directed_eoi ? (u32)LAPIC_SVR_NO_EOI_BROADCAST : 0);
	u32 old = lapic_reg(l, LAPIC_SVR);
	u32 reg;

	lapic_reg_set(l, LAPIC_SVR, val & mask);
	if (!((old ^ val) & LAPIC_SVR_ENABLE))
		return 0;
	if (val & LAPIC_SVR_ENABLE)
		return LAPIC_FX_MAP;
	/* SDM 3A 11.4.7.2: all local vectors become masked. */
	for (reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg += 0x10)
		lapic_reg_set(l, reg, lapic_reg(l, reg) | LAPIC_LVT_MASKED);
	if (l->cmci)
		lapic_reg_set(l, LAPIC_LVT_CMCI, lapic_reg(l, LAPIC_LVT_CMCI) | LAPIC_LVT_MASKED);
	return LAPIC_FX_MAP | LAPIC_FX_TIMER | LAPIC_FX_LINT0;
}

/* The bits of each local vector that software can change (SDM 3A figure 11-8). */
static u32 lapic_lvt_writable(u32 reg)
{
	switch (reg) {
	case LAPIC_LVT_TIMER:
		return LAPIC_LVT_VECTOR | LAPIC_LVT_MASKED | LAPIC_LVT_TIMER_MODE;
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
		return LAPIC_LVT_VECTOR | LAPIC_LVT_MODE | LAPIC_LVT_ACTIVE_LOW | LAPIC_LVT_LEVEL |
		       LAPIC_LVT_MASKED;
	case LAPIC_LVT_ERROR:
		return LAPIC_LVT_VECTOR | LAPIC_LVT_MASKED;
	default: /* thermal, performance, CMCI */
		return LAPIC_LVT_VECTOR | LAPIC_LVT_MODE | LAPIC_LVT_MASKED;
	}
}

static u32 lapic_write_lvt(struct lapic *l, u32 reg, u32 val, u64 now)
{
	val &= lapic_lvt_writable(reg);
	/* SDM 3A 11.4.7.2: while software-disabled, attempts to clear the mask are ignored. */
	if (!(lapic_reg(l, LAPIC_SVR) & LAPIC_SVR_ENABLE))
		val |= LAPIC_LVT_MASKED;
	if (reg == LAPIC_LVT_TIMER)
		return lapic_timer_set_lvt(l, val, now);
	lapic_reg_set(l, reg, val);
	return reg == LAPIC_LVT_LINT0 ? LAPIC_FX_LINT0 : 0;
}

static u32 lapic_write_icr(struct lapic *l, u32 val)
{
	u32 mode = val >> 8 & 7;

	/* Sending takes no time: the delivery status never reads as pending. */
	lapic_reg_set(l, LAPIC_ICR, val & ~(u32)LAPIC_LVT_PENDING);
	if (mode <= 1 && (val & 0xff) < 16) {
		/* SDM 3A 11.5.3: an illegal vector is not sent. */
		lapic_error(l, LAPIC_ESR_SEND_VECTOR);
		return 0;
	}
	return LAPIC_FX_IPI;
}

/* A write in either mode, the register known to be writable. */
static u32 lapic_write(struct lapic *l, u32 reg, u32 val, u64 now)
{
	switch (reg) {
	case LAPIC_EOI:
		return lapic_eoi(l);
	case LAPIC_TPR:
		lapic_reg_set(l, LAPIC_TPR, val & 0xff);
		return 0;
	case LAPIC_ICR:
		return lapic_write_icr(l, val);
	case LAPIC_ICR_HIGH:
		lapic_reg_set(l, LAPIC_ICR_HIGH, val & 0xff000000);
		return 0;
	case LAPIC_TIMER_INITIAL:
		return lapic_timer_set_initial(l, val, now);
	case LAPIC_TIMER_DIVIDE:
		return lapic_timer_set_divide(l, val & 0xb, now);
	case LAPIC_SVR:
		return lapic_write_svr(l, val);
	case LAPIC_ESR:
		/* SDM 3A 11.5.3: any write latches what was recorded and starts anew. */
		lapic_reg_set(l, LAPIC_ESR, l->esr_pending);
		l->esr_pending = 0;
		return 0;
	case LAPIC_ID:
		lapic_reg_set(l, LAPIC_ID, val & 0xff000000);
		return LAPIC_FX_MAP;
	case LAPIC_LDR:
		lapic_reg_set(l, LAPIC_LDR, val & 0xff000000);
		return LAPIC_FX_MAP;
	case LAPIC_DFR:
		lapic_reg_set(l, LAPIC_DFR, val | 0x0fffffff);
		return LAPIC_FX_MAP;
	default:
		return lapic_write_lvt(l, reg, val, now);
	}
}

u32 lapic_page_write(struct lapic *l, u32 offset, u32 len, u64 val, u64 now)
{
	u32 reg = offset & 0xff0;

	if (unlikely((l->base & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)) != LAPIC_BASE_ENABLE))
		return LAPIC_FX_UNHANDLED;
	if (unlikely(len != 4 || (offset & 0xf) || reg >= LAPIC_STATE_SIZE))
		return 0;
	if (unlikely(!lapic_has(l, LAPIC_WRITABLE | LAPIC_WRITABLE_XAPIC, reg))) {
		if (!lapic_has(l, LAPIC_READ_ONLY, reg))
			lapic_error(l, LAPIC_ESR_REGISTER);
		return 0;
	}
	return lapic_write(l, reg, (u32)val, now);
}

/* ---- x2APIC ---- */

/* Bits of a 32-bit x2APIC register whose setting is a #GP (SDM 3A 11.12.1.2, 11.12.1.3). */
static u32 lapic_x2apic_reserved(const struct lapic *l, u32 reg)
{
	switch (reg) {
	case LAPIC_EOI:
	case LAPIC_ESR:
		return ~0u;
	case LAPIC_TPR:
	case LAPIC_SELF_IPI:
		return ~0xffu;
	case LAPIC_SVR:
		return ~(0x3ffu | (l->directed_eoi ? (u32)LAPIC_SVR_NO_EOI_BROADCAST : 0));
	case LAPIC_TIMER_INITIAL:
		return 0;
	case LAPIC_TIMER_DIVIDE:
		return ~0xbu;
	default: /* local vectors */
		return 0xfff80000;
	}
}

/*
 * SDM 3A 11.12.9 makes a set reserved bit a #GP. The ABI that we keep (Linux 6.1) takes and returns
 * any value, and its users test for that; the reserved bits have no effect.
 */
u32 lapic_x2_icr(struct lapic *l, u64 icr)
{
	lapic_reg_set(l, LAPIC_ICR_HIGH, (u32)(icr >> 32));
	return lapic_write_icr(l, (u32)icr);
}

bool lapic_x2_readable(u32 reg)
{
	return reg < LAPIC_STATE_SIZE && (LAPIC_READABLE >> (reg >> 4) & 1);
}

int lapic_x2_read(struct lapic *l, u32 msr, u64 *val, u64 now)
{
	u32 reg = (msr - LAPIC_MSR_FIRST) << 4;

	*val = 0;
	if (!lapic_x2apic(l) || msr < LAPIC_MSR_FIRST || reg >= LAPIC_STATE_SIZE ||
	    !lapic_has(l, LAPIC_READABLE, reg))
		return -EINVAL;
	*val = reg == LAPIC_ICR ? lapic_icr(l) : lapic_read(l, reg, now);
	return 0;
}

int lapic_x2_write(struct lapic *l, u32 msr, u64 val, u64 now, u32 *fx)
{
	u32 reg = (msr - LAPIC_MSR_FIRST) << 4;

	*fx = 0;
	if (!lapic_x2apic(l) || msr < LAPIC_MSR_FIRST || reg >= LAPIC_STATE_SIZE ||
	    !lapic_has(l, LAPIC_WRITABLE | R(LAPIC_SELF_IPI), reg))
		return -EINVAL;
	if (reg == LAPIC_ICR) {
		*fx = lapic_x2_icr(l, val);
		return 0;
	}
	if (val & (~0ULL << 32 | lapic_x2apic_reserved(l, reg)))
		return -EINVAL;
	if (reg == LAPIC_SELF_IPI) {
		if (val < 16)
			lapic_error(l, LAPIC_ESR_SEND_VECTOR);
		else if (lapic_sw_enabled(l))
			lapic_set_irr(l, (u8)val, false);
		return 0;
	}
	*fx = lapic_write(l, reg, (u32)val, now);
	return 0;
}
