// SPDX-License-Identifier: GPL-2.0-only
/* A local APIC whose interrupts the hardware delivers. See lapic_hw.h. */
#include "pure/lapic_hw.h"

u16 lapic_hw_left(struct lapic *l, const struct lapic_hw *hw)
{
	u32 illegal = lapic_reg(l, LAPIC_IRR) & ~hw->irr_low & 0xffff;
	u16 status;

	lapic_recount(l);
	status = lapic_hw_status(l);
	/* SDM 3A 11.5.2: a receiver records vectors 0..15 as an error. The CPU took what was posted as it is. */
	if (unlikely(illegal)) {
		lapic_reg_set(l, LAPIC_IRR, lapic_reg(l, LAPIC_IRR) & ~illegal);
		lapic_recount(l);
		lapic_merge(l, 0, illegal, 0);
	}
	return status;
}

static u64 lapic_bank64(const struct lapic *l, u32 bank, unsigned int word)
{
	return lapic_reg(l, bank + word * 32) | (u64)lapic_reg(l, bank + word * 32 + 16) << 32;
}

void lapic_hw_eoi_exits(const struct lapic *l, const struct lapic_post *p, u64 bitmap[4])
{
	unsigned int w;

	for (w = 0; w < 4; w++)
		bitmap[w] = lapic_bank64(l, LAPIC_TMR, w) |
			    __atomic_load_n(&p->watch[w], __ATOMIC_ACQUIRE);
}

u32 lapic_hw_ended(struct lapic *l, const struct lapic_post *p, u8 vec)
{
	u32 reg = (u32)(vec >> 5) * 16, bit = 1u << (vec & 31), fx = LAPIC_FX_EOI;
	bool posted_level = __atomic_load_n(&p->level[vec >> 6], __ATOMIC_RELAXED) >> (vec & 63) & 1;

	l->eoi_vector = vec;
	if (lapic_is_level(l, vec) &&
	    !(lapic_reg(l, LAPIC_SVR) & LAPIC_SVR_NO_EOI_BROADCAST))
		fx |= LAPIC_FX_EOI_LEVEL;
	/* Requests that the hardware takes are edges: if the next ones are, it need not tell of their ends. */
	if (!posted_level && !(lapic_reg(l, LAPIC_IRR + reg) & bit))
		lapic_reg_set(l, LAPIC_TMR + reg, lapic_reg(l, LAPIC_TMR + reg) & ~bit);
	return fx;
}

u32 lapic_hw_take(struct lapic *l, const struct lapic_hw *hw, u32 reg)
{
	u32 val = lapic_reg(l, reg);

	/* The others are replaced by what is written, whatever they were. */
	switch (reg) {
	case LAPIC_SVR:
		lapic_reg_set(l, reg, hw->svr);
		break;
	case LAPIC_LVT_TIMER:
		lapic_reg_set(l, reg, hw->lvt_timer);
		break;
	case LAPIC_TIMER_INITIAL:
		lapic_reg_set(l, reg, hw->timer_initial);
		break;
	}
	return val;
}

u32 lapic_hw_write(struct lapic *l, u32 reg, u32 val, u64 now)
{
	u32 fx;

	if (likely(!lapic_x2apic(l)))
		return lapic_page_write(l, reg, 4, val, now);
	/* Reserved bits have raised #GP before. */
	return lapic_x2_write(l, LAPIC_MSR_FIRST + (reg >> 4), val, now, &fx) ? 0 : fx;
}

bool lapic_hw_x2_passes(u32 reg, bool write)
{
	if (write)
		return reg == LAPIC_TPR || reg == LAPIC_EOI || reg == LAPIC_SELF_IPI;
	return reg != LAPIC_TIMER_CURRENT && reg != LAPIC_ICR && lapic_x2_readable(reg);
}
