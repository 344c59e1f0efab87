// SPDX-License-Identifier: GPL-2.0-only
/* Local APIC: reset, IA32_APIC_BASE, and the state that the VMM gets and sets. */
#include "pure/lapic.h"

static void lapic_set_ids(struct lapic *l)
{
	if (lapic_x2apic(l)) {
		/* SDM 3A 11.12.5.1: the ID is the one wired in, LDR follows from it. */
		lapic_reg_set(l, LAPIC_ID, l->id);
		lapic_reg_set(l, LAPIC_LDR, lapic_x2apic_ldr(l->id));
	} else {
		lapic_reg_set(l, LAPIC_ID, l->id << 24);
	}
}

/* SDM 3A 11.4.7.1; keeps the ID register. */
static void lapic_reset_registers(struct lapic *l)
{
	u32 id = lapic_reg(l, LAPIC_ID);
	u32 version = 0x14 | (l->cmci ? 6u : 5u) << 16;
	u32 reg;

	memset(l->regs, 0, LAPIC_STATE_SIZE);
	lapic_reg_set(l, LAPIC_ID, id);
	if (l->directed_eoi)
		version |= (u32)LAPIC_VERSION_DIRECTED_EOI;
	lapic_reg_set(l, LAPIC_VERSION, version);
	for (reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg += 0x10)
		lapic_reg_set(l, reg, LAPIC_LVT_MASKED);
	if (l->cmci)
		lapic_reg_set(l, LAPIC_LVT_CMCI, LAPIC_LVT_MASKED);
	if (l->lint0_extint)
		lapic_reg_set(l, LAPIC_LVT_LINT0, 0x700);
	lapic_reg_set(l, LAPIC_DFR, 0xffffffff);
	lapic_reg_set(l, LAPIC_SVR, 0xff);
	if (lapic_x2apic(l))
		lapic_reg_set(l, LAPIC_LDR, lapic_x2apic_ldr(l->id));
	l->irr_words = 0;
	l->isr_words = 0;
	l->isr_top = -1;
	l->esr_pending = 0;
	l->timer_shift = 1;
	memset(&l->timer, 0, sizeof(l->timer));
}

void lapic_init(struct lapic *l, bool bsp)
{
	l->base = LAPIC_DEFAULT_BASE | LAPIC_BASE_ENABLE | (bsp ? LAPIC_BASE_BSP : 0);
	lapic_set_ids(l);
	lapic_reset_registers(l);
}

u32 lapic_reset(struct lapic *l)
{
	lapic_reset_registers(l);
	return LAPIC_FX_TIMER | LAPIC_FX_MAP | LAPIC_FX_LINT0;
}

int lapic_base_check(u64 old, u64 val, bool host, bool x2apic_cpuid, u64 reserved)
{
	u64 mode = val & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC);
	u64 from = old & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC);

	if ((val & (reserved | 0x2ff)) || mode == LAPIC_BASE_X2APIC)
		return -EINVAL;
	if ((mode & LAPIC_BASE_X2APIC) && !x2apic_cpuid)
		return -EINVAL;
	if (host || mode == from)
		return 0;
	/* SDM 3A figure 11-27: x2APIC is entered from xAPIC only, and left to disabled only. */
	if (mode == (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC))
		return from == LAPIC_BASE_ENABLE ? 0 : -EINVAL;
	if (mode == LAPIC_BASE_ENABLE && (from & LAPIC_BASE_X2APIC))
		return -EINVAL;
	return 0;
}

u32 lapic_base_set(struct lapic *l, u64 val)
{
	u64 old = l->base;
	bool was_x2apic = lapic_x2apic(l);

	l->base = val;
	if (!((old ^ val) & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)))
		return 0;
	if ((old & LAPIC_BASE_ENABLE) && !(val & LAPIC_BASE_ENABLE)) {
		/* SDM 3A 11.4.3: a disabled APIC comes back as after power-up. */
		lapic_set_ids(l);
		return lapic_reset(l);
	}
	if (lapic_x2apic(l) != was_x2apic || !(old & LAPIC_BASE_ENABLE))
		lapic_set_ids(l);
	return LAPIC_FX_MAP | LAPIC_FX_LINT0 | LAPIC_FX_TIMER;
}

void lapic_get_state(const struct lapic *l, void *state, u64 now)
{
	u8 *s = (u8 *)state;
	u32 current_count = lapic_timer_current(l, now);
	u32 ppr = lapic_ppr(l);

	memcpy(s, l->regs, LAPIC_STATE_SIZE);
	memcpy(s + LAPIC_TIMER_CURRENT, &current_count, 4);
	memcpy(s + LAPIC_PPR, &ppr, 4);
	if (lapic_x2apic(l) && !l->wide_ids) {
		u32 id = l->id << 24;

		memcpy(s + LAPIC_ID, &id, 4);
	}
}

void lapic_recount(struct lapic *l)
{
	u32 i;

	l->irr_words = 0;
	l->isr_words = 0;
	for (i = 0; i < 8; i++) {
		if (lapic_reg(l, LAPIC_IRR + i * 16))
			l->irr_words |= (u8)(1u << i);
		if (lapic_reg(l, LAPIC_ISR + i * 16))
			l->isr_words |= (u8)(1u << i);
	}
	l->isr_top = l->isr_words ? (s16)lapic_top(l, LAPIC_ISR, l->isr_words) : -1;
}

int lapic_set_state(struct lapic *l, const void *state, u64 now, u32 *fx)
{
	const u8 *s = (const u8 *)state;
	u32 id, version, initial, current_count, divide, lvt, old_lvt;
	u64 deadline = l->timer.deadline;

	memcpy(&id, s + LAPIC_ID, 4);
	if (lapic_x2apic(l) && l->wide_ids && id != l->id)
		return -EINVAL;

	version = lapic_reg(l, LAPIC_VERSION);
	old_lvt = lapic_reg(l, LAPIC_LVT_TIMER);
	memcpy(l->regs, s, LAPIC_STATE_SIZE);
	lapic_reg_set(l, LAPIC_VERSION, version);
	lapic_reg_set(l, LAPIC_TPR, lapic_reg(l, LAPIC_TPR) & 0xff);
	if (lapic_x2apic(l))
		lapic_set_ids(l);
	l->esr_pending = 0;
	/*
	 * Vectors 0..15 can be neither requested nor in service. Whoever sets them in IRR gets them
	 * back, as KVM's clients expect; their priority class, 0, is above no PPR: none is delivered.
	 */
	lapic_reg_set(l, LAPIC_ISR, lapic_reg(l, LAPIC_ISR) & 0xffff0000);
	lapic_recount(l);

	/* Start the timer again at the count it had. */
	divide = lapic_reg(l, LAPIC_TIMER_DIVIDE) & 0xb;
	initial = lapic_reg(l, LAPIC_TIMER_INITIAL);
	current_count = lapic_reg(l, LAPIC_TIMER_CURRENT);
	lvt = lapic_reg(l, LAPIC_LVT_TIMER);
	lapic_reg_set(l, LAPIC_TIMER_CURRENT, 0);
	memset(&l->timer, 0, sizeof(l->timer));
	lapic_timer_set_divide(l, divide, now);
	if ((lvt & LAPIC_LVT_TIMER_MODE) == LAPIC_LVT_TIMER_DEADLINE) {
		/* An MSR, no register: a VMM that changes something else here does not mean it. */
		if ((old_lvt & LAPIC_LVT_TIMER_MODE) == LAPIC_LVT_TIMER_DEADLINE)
			l->timer.deadline = deadline;
	} else if (initial) {
		lapic_timer_set_initial(l, initial, now);
		if (current_count && current_count < initial)
			l->timer.expiry = now + ((u64)current_count << l->timer_shift);
		else if (!current_count && (lvt & LAPIC_LVT_TIMER_MODE) == LAPIC_LVT_TIMER_ONESHOT)
			l->timer.expiry = 0;
	}
	*fx = LAPIC_FX_TIMER | LAPIC_FX_MAP | LAPIC_FX_LINT0;
	return 0;
}
