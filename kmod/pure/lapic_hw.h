/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC whose interrupts the hardware delivers: virtual-interrupt delivery, SDM 3C 29.
 *
 * While the guest runs the CPU works on the page of registers: it takes vectors from IRR to ISR, ends them
 * at writes of EOI, requests those that the guest sends to itself and those that others have posted, and
 * stores what the guest writes to registers before it tells of it. While the guest does not run all of
 * it is the model's, as ever. In between:
 *
 *	lapic_hw_enter()	before an entry: the status word that the CPU is to start from; what a write
 *				may overwrite is kept
 *	lapic_hw_left()		after the exit: what is kept beside the registers is found again
 *	lapic_hw_ended()	the exit says: this vector ended, and was in the bitmap of lapic_hw_eoi_exits()
 *	lapic_hw_take(), lapic_hw_write()	the exit says: this register has been written
 *
 * Trigger modes: the hardware does not know of them. Level-triggered requests from others and those that are
 * watched go the way of lapic_pir_hold(), on which only software takes them: so it sees them, and puts them
 * into the bitmap, before the guest can.
 */
#ifndef VMX_PURE_LAPIC_HW_H
#define VMX_PURE_LAPIC_HW_H

#include "pure/lapic.h"
#include "pure/lapic_pir.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As they were at the last entry: a write that exits has left its value in the page. */
struct lapic_hw {
	u32 svr;
	u32 lvt_timer;
	u32 timer_initial;
	u32 irr_low;	/* vectors 0..31 of IRR */
};

/*
 * The guest interrupt status (SDM 3C 24.4.2): bits 7:0 the highest requested vector, 15:8 the highest in
 * service, 0 where there is none. The CPU keeps it so by itself from then on, until the exit.
 */
static inline u16 lapic_hw_status(const struct lapic *l)
{
	int irr = lapic_irr_top(l);

	return (u16)((irr < 0 ? 0 : irr) | (l->isr_top < 0 ? 0 : l->isr_top) << 8);
}

/* Returns the status to enter with. */
static inline u16 lapic_hw_enter(const struct lapic *l, struct lapic_hw *hw)
{
	hw->svr = lapic_reg(l, LAPIC_SVR);
	hw->lvt_timer = lapic_reg(l, LAPIC_LVT_TIMER);
	hw->timer_initial = lapic_reg(l, LAPIC_TIMER_INITIAL);
	hw->irr_low = lapic_reg(l, LAPIC_IRR);
	return lapic_hw_status(l);
}

/* Returns the status that the CPU has left with. */
u16 lapic_hw_left(struct lapic *l, const struct lapic_hw *hw);

/*
 * The vectors whose EOI concerns others: whose last request, as far as the owner took it, was
 * level-triggered, and those that are watched.
 */
void lapic_hw_eoi_exits(const struct lapic *l, const struct lapic_post *p, u64 bitmap[4]);

/* vec, of the bitmap, ended. Returns LAPIC_FX_EOI*, as lapic_eoi(). */
u32 lapic_hw_ended(struct lapic *l, const struct lapic_post *p, u8 vec);

/*
 * The guest wrote register reg (an offset in the page; in x2APIC mode only LAPIC_SELF_IPI can be told so).
 * _take() returns the value and puts the register back to what it was before; _write() has the write take its
 * effect and returns LAPIC_FX_*. Between them is time to look at the clock.
 */
u32 lapic_hw_take(struct lapic *l, const struct lapic_hw *hw, u32 reg);
u32 lapic_hw_write(struct lapic *l, u32 reg, u32 val, u64 now);

/*
 * Can accesses to this x2APIC MSR (reg: the offset of its register) be left to the CPU, which reads the page
 * and does TPR, EOI and self-IPI by itself (SDM 3C 29.5)? Not where a read has to compute, nor the ICR, whose
 * upper half the CPU looks for elsewhere than the xAPIC has it.
 */
bool lapic_hw_x2_passes(u32 reg, bool write);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_LAPIC_HW_H */
