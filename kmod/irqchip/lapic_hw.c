// SPDX-License-Identifier: GPL-2.0-only
/*
 * A LAPIC whose interrupts the backend's hardware delivers (pure/lapic_hw.h): what the backend asks around
 * each run of the guest, and the exits that are left.
 */
#include <linux/ktime.h>

#include "backend.h"
#include "irqchip/chip.h"
#include "vcpu.h"

void lapic_set_hw(struct vcpu *vcpu, bool on)
{
	if (vcpu->irqs_in_hw == on)
		return;
	lapic_pv_eoi_settle(vcpu->lapic);
	vcpu->irqs_in_hw = on;
	lapic_pv_eoi_gate(vcpu->lapic);
	/* Who delivers what is pending has changed. */
	vcpu->event_check = true;
}

bool lapic_hw_may_deliver(struct vcpu *vcpu)
{
	/* The hardware knows no interrupt that ends when it is taken. */
	return lapic_sw_enabled(&vcpu->lapic->model) && !READ_ONCE(vcpu->vm->auto_eoi);
}

u16 lapic_hw_run(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	return lapic_hw_enter(&vl->model, &vl->hw);
}

u16 lapic_hw_ran(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	return lapic_hw_left(&vl->model, &vl->hw);
}

void lapic_eoi_exits(struct vcpu *vcpu, u64 bitmap[4])
{
	lapic_hw_eoi_exits(&vcpu->lapic->model, &vcpu->lapic->post, bitmap);
}

struct lapic_pir *lapic_posted_descriptor(struct vcpu *vcpu)
{
	return &vcpu->lapic->post.pi;
}

void lapic_serve_hw_eoi(struct vcpu *vcpu, u8 vector)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	lapic_effects(vcpu, lapic_hw_ended(&vl->model, &vl->post, vector));
	/* For the bitmap: it may have been the last end that concerns others. */
	vcpu->event_check = true;
}

int lapic_serve_hw_write(struct vcpu *vcpu, u32 reg, bool atomic)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	u32 val;
	u64 now;

	reg &= LAPIC_PAGE_SIZE - 0x10;
	if (unlikely(reg >= LAPIC_STATE_SIZE))
		return 0;
	if (atomic && unlikely(lapic_write_sleeps(vl, reg)))
		return -EAGAIN;
	val = lapic_hw_take(&vl->model, &vl->hw, reg);
	now = lapic_access_time(vcpu, reg);
	lapic_effects(vcpu, lapic_hw_write(&vl->model, reg, val, now));
	return 0;
}
