// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU's accesses to its own local APIC, and what the run loop asks of it. All of this is the vCPU's
 * own thread, mostly with interrupts off.
 */
#include <linux/ktime.h>

#include "backend.h"
#include "irqchip/chip.h"
#include "uapi/vmx_para.h"
#include "vcpu.h"
#include "x86/hyperv.h"

/* ---- posted interrupts ---- */

void lapic_sync(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	if (!vl || !lapic_pir_pending(&vl->post))
		return;
	/* Another interrupt may have to wait for this EOI, so it must become a real one. */
	lapic_pv_eoi_settle(vl);
	if (likely(lapic_enabled(&vl->model)))
		lapic_pir_drain(&vl->model, &vl->post);
	else
		lapic_pir_clear(&vl->post);
}

/* ---- what could be injected ---- */

static bool lapic_pic_waits(struct vcpu_lapic *vl)
{
	return READ_ONCE(*vl->extint) && lapic_accepts_pic(&vl->model);
}

int irqchip_pending_vector(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	int vec;

	if (!vl)
		return vcpu->events.irq_pending ? vcpu->events.irq_vector : -1;
	if (unlikely(vl->pv_eoi_offered) && vl->model.irr_words)
		lapic_pv_eoi_settle(vl);
	vec = lapic_pending(&vl->model);
	if (vec < 0 && unlikely(lapic_pic_waits(vl)))
		return 0; /* which one, the PIC says when it is acknowledged */
	return vec;
}

static int extint_ack(struct vcpu_lapic *vl)
{
	if (likely(!vl->vcpu->vm->split_irqchip))
		return pic_dev_ack(vl->vcpu->vm->irqchip);
	vl->extint_pending = false;
	return vl->extint_vector;
}

bool irqchip_extint_wanted(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	return !vl || (!vl->extint_pending && lapic_accepts_pic(&vl->model));
}

int irqchip_serve_ioapic_eoi(struct vcpu *vcpu)
{
	vcpu->run->exit_reason = VMX_EXIT_IOAPIC_EOI;
	vcpu->run->eoi.vector = vcpu->lapic->ended_vector;
	return VCPU_TO_USER;
}

bool irqchip_extint_waits(struct vcpu *vcpu)
{
	return lapic_pic_waits(vcpu->lapic);
}

int irqchip_ack_extint(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	return lapic_pic_waits(vl) ? extint_ack(vl) : -1;
}

int irqchip_ack(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	int vec;

	if (!vl) {
		if (!vcpu->events.irq_pending)
			return -1;
		vcpu->events.irq_pending = false;
		return vcpu->events.irq_vector;
	}
	vec = lapic_pending(&vl->model);
	if (vec < 0)
		return lapic_pic_waits(vl) ? extint_ack(vl) : -1;
	lapic_ack(&vl->model, vec);
	if (unlikely(vcpu->auto_eoi) && hv_vector_auto_eoi(vcpu, vec))
		lapic_eoi(&vl->model); /* an edge, of which nobody hears */
	else if (vcpu->pv_eoi)
		lapic_pv_eoi_offer(vl);
	return vec;
}

int lapic_tpr_blocked_class(struct vcpu *vcpu, int *tpr)
{
	struct lapic *l;
	int top;

	*tpr = 0;
	l = &vcpu->lapic->model;
	top = lapic_irr_top(l);
	if (likely(top < 0))
		return -1;
	*tpr = lapic_tpr_to_cr8(l);
	if (top >> 4 > *tpr || (l->isr_top >= 0 && top >> 4 <= l->isr_top >> 4))
		return -1;
	return top >> 4;
}

bool irqchip_has_wake_event(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	if (!vl)
		return vcpu->events.irq_pending;
	if (READ_ONCE(vl->events))
		return true;
	/* Before INIT and SIPI, nothing else starts a CPU. */
	if (vcpu->mp_state == VMX_MP_STATE_UNINITIALIZED ||
	    vcpu->mp_state == VMX_MP_STATE_INIT_RECEIVED)
		return false;
	if (READ_ONCE(vl->unhalt))
		return true;
	lapic_sync(vcpu);
	vcpu->event_check = true;
	return irqchip_pending_vector(vcpu) >= 0 && backend_call(irq_allowed)(vcpu);
}

void lapic_publish(struct vcpu *vcpu)
{
	struct lapic *l = &vcpu->lapic->model;

	vcpu->run->cr8 = lapic_tpr_to_cr8(l);
	vcpu->run->apic_base = l->base;
}

u64 lapic_get_cr8(struct vcpu *vcpu)
{
	return vcpu->lapic ? lapic_tpr_to_cr8(&vcpu->lapic->model) : vcpu->cr8;
}

void lapic_set_cr8(struct vcpu *vcpu, u64 cr8)
{
	if (!vcpu->lapic) {
		vcpu->cr8 = cr8 & 0xf;
		return;
	}
	lapic_tpr_from_cr8(&vcpu->lapic->model, cr8);
	vcpu->cr8 = cr8 & 0xf;
	if (vcpu->lapic->model.irr_words)
		vcpu->event_check = true;
}

void *lapic_page(struct vcpu *vcpu)
{
	return vcpu->lapic ? vcpu->lapic->model.regs : NULL;
}

void lapic_tpr_changed(struct vcpu *vcpu)
{
	vcpu->cr8 = lapic_tpr_to_cr8(&vcpu->lapic->model);
	if (vcpu->lapic->model.irr_words)
		vcpu->event_check = true;
}

/* ---- PV EOI: the guest ends an edge interrupt by clearing a bit in its memory ---- */

void lapic_pv_eoi_offer(struct vcpu_lapic *vl)
{
	u8 bit = VMX_PV_EOI_ENABLED;

	if (vl->pv_eoi_offered || !lapic_pv_eoi_ok(&vl->model) ||
	    lapic_watched(&vl->post, vl->model.isr_top))
		return;
	rcu_read_lock();
	if (!gmem_cache_write_atomic(vl->vcpu->vm, &vl->pv_eoi, 0, &bit, 1))
		vl->pv_eoi_offered = true;
	rcu_read_unlock();
}

void lapic_pv_eoi_settle(struct vcpu_lapic *vl)
{
	struct vm *vm = vl->vcpu->vm;
	u8 bit = VMX_PV_EOI_DISABLED;
	int ret;

	if (likely(!vl->pv_eoi_offered))
		return;
	vl->pv_eoi_offered = false;
	rcu_read_lock();
	ret = gmem_cache_read_atomic(vm, &vl->pv_eoi, 0, &bit, 1);
	if (!ret && (bit & VMX_PV_EOI_MASK)) {
		bit &= ~VMX_PV_EOI_MASK;
		ret = gmem_cache_write_atomic(vm, &vl->pv_eoi, 0, &bit, 1);
		if (!ret) {
			/* Not ended yet: the guest will write EOI after all. */
			rcu_read_unlock();
			return;
		}
	}
	rcu_read_unlock();
	/*
	 * Ended. Or the page is not at hand, and whether it was ended cannot be known now: then the
	 * guest, who may still find the bit set, must be able to rely on it.
	 */
	lapic_effects(vl->vcpu, lapic_eoi(&vl->model));
}

void pv_eoi_enter(struct vcpu *vcpu)
{
	lapic_pv_eoi_offer(vcpu->lapic);
}

void pv_eoi_exit(struct vcpu *vcpu)
{
	lapic_pv_eoi_settle(vcpu->lapic);
}

void lapic_pv_eoi_gate(struct vcpu_lapic *vl)
{
	vl->vcpu->pv_eoi = (vl->vcpu->pv_eoi_msr & 1) && !vl->vcpu->irqs_in_hw;
}

u64 lapic_get_pv_eoi(struct vcpu *vcpu)
{
	return vcpu->pv_eoi_msr;
}

int lapic_set_pv_eoi(struct vcpu *vcpu, u64 val)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	u64 gpa = val & ~3ULL;

	/* Bit 1 is reserved: the address has four-byte alignment, bit 0 enables. */
	if (val & 2)
		return 1;
	/*
	 * CPUID offers the feature to all guests. Where the VMM has the LAPIC nothing ever sets the guest's
	 * bit, so it ends each interrupt at the LAPIC; and the VMM carries the value along.
	 */
	if (!vl) {
		vcpu->pv_eoi_msr = val;
		return 0;
	}
	lapic_pv_eoi_settle(vl);
	vcpu->pv_eoi = false;
	if ((val & 1) && gmem_cache_init(vcpu->vm, &vl->pv_eoi, gpa, 1))
		return 1;
	vcpu->pv_eoi_msr = val;
	lapic_pv_eoi_gate(vl);
	return 0;
}

/* ---- effects ---- */

static void level_ended(struct vcpu *vcpu, struct vm_irqchip *chip, u8 vec)
{
	if (!vcpu->vm->split_irqchip) {
		ioapic_dev_eoi(chip, vec);
	} else if (irq_vmm_awaits_eoi(chip, vec)) {
		vcpu->lapic->ended_vector = vec;
		vcpu_request(vcpu, REQ_IOAPIC_EOI);
	}
}

static void lapic_ended(struct vcpu *vcpu, u32 fx)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	struct vm_irqchip *chip = vcpu->vm->irqchip;
	u8 vec = vl->model.eoi_vector;

	if (unlikely(fx & LAPIC_FX_EOI_LEVEL))
		level_ended(vcpu, chip, vec);
	if (unlikely(lapic_unwatch(&vl->post, vec)) && !hv_vector_ended(vcpu, vec))
		irq_watched_ended(chip, vec);
}

void lapic_effects(struct vcpu *vcpu, u32 fx)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	/* What hardware with a virtual TPR shows the guest. */
	vcpu->cr8 = lapic_tpr_to_cr8(&vl->model);
	if (fx & LAPIC_FX_EOI)
		lapic_ended(vcpu, fx);
	if (fx & LAPIC_FX_IPI)
		irq_send_icr(vcpu, lapic_icr(&vl->model));
	if (fx & LAPIC_FX_TIMER)
		lapic_timer_arm(vcpu);
	if (fx & LAPIC_FX_LINT0)
		WRITE_ONCE(vl->accepts_pic, lapic_accepts_pic(&vl->model));
	if (fx & LAPIC_FX_MAP) {
		apic_map_update(vcpu, false);
		backend_call(apic_mode)(vcpu);
	}
	if (fx & LAPIC_FX_NMI)
		vcpu_queue_nmi(vcpu);
	if (fx & LAPIC_FX_SMI)
		vcpu_queue_smi(vcpu);
	/* Anything written can have let an interrupt through. */
	if (vl->model.irr_words || (fx & LAPIC_FX_LINT0))
		vcpu->event_check = true;
}

/* Changes of identity build a new APIC map, and the EOI of a level interrupt may reach whoever resamples it. */
bool lapic_write_sleeps(struct vcpu_lapic *vl, u32 reg)
{
	int top = vl->model.isr_top;

	if (reg == LAPIC_EOI)
		return top >= 0 && (unlikely(lapic_is_level(&vl->model, top)) ||
				    unlikely(lapic_watched(&vl->post, top)));
	return lapic_reg_mapped(reg);
}

/* A deadline that passed under the mask is dropped before an access to the timer's vector can lift that. */
u64 lapic_access_time(struct vcpu *vcpu, u32 reg)
{
	if (likely(!lapic_reg_timed(reg)))
		return 0;
	if (reg == LAPIC_LVT_TIMER)
		lapic_get_tsc_deadline(vcpu);
	return ktime_get_ns();
}

/* ---- the xAPIC page ---- */

bool lapic_owns_gpa(struct vcpu *vcpu, u64 gpa)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	if (!vl || (gpa ^ vl->model.base) >> PAGE_SHIFT)
		return false;
	if (likely((vl->model.base & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)) == LAPIC_BASE_ENABLE))
		return true;
	/* Disabled or in x2APIC mode the page is a hole, unless the VMM asked for nothing to be there. */
	return !(vcpu->vm->disabled_quirks & VMX_X86_QUIRK_LAPIC_MMIO_HOLE);
}

int lapic_mmio_read(struct vcpu *vcpu, u64 gpa, int len, void *val, bool atomic)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	u32 offset = gpa & (LAPIC_PAGE_SIZE - 1);
	u64 data;

	lapic_pv_eoi_settle(vl);
	if (unlikely(lapic_page_read(&vl->model, offset, len, &data,
				     lapic_access_time(vcpu, offset & ~0xf)))) {
		memset(val, 0xff, len);
		return 0;
	}
	/* A read of a register that is not there sets ESR, and may interrupt. */
	if (unlikely(vl->model.esr_pending) && vl->model.irr_words)
		vcpu->event_check = true;
	if (likely(len == 4)) {
		*(u32 *)val = data;
		return 0;
	}
	memset(val, 0, len);
	memcpy(val, &data, min(len, 8));
	return 0;
}

int lapic_mmio_write(struct vcpu *vcpu, u64 gpa, int len, const void *val, bool atomic)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	u32 offset = gpa & (LAPIC_PAGE_SIZE - 1), fx;

	if (unlikely(len != 4))
		return 0; /* SDM 3A 11.4.1: undefined; here without effect */
	if (atomic && unlikely(lapic_write_sleeps(vl, offset & ~0xf)))
		return -EAGAIN;
	lapic_pv_eoi_settle(vl);
	fx = lapic_page_write(&vl->model, offset, 4, *(const u32 *)val,
			      lapic_access_time(vcpu, offset & ~0xf));
	lapic_effects(vcpu, fx);
	return 0;
}

/* ---- x2APIC ---- */

int lapic_msr_read(struct vcpu *vcpu, u32 msr, u64 *val, bool atomic)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	u32 reg = (msr - LAPIC_MSR_FIRST) << 4;

	if (!vl)
		return 1;
	lapic_pv_eoi_settle(vl);
	return lapic_x2_read(&vl->model, msr, val, lapic_access_time(vcpu, reg)) ? 1 : 0;
}

int lapic_msr_write(struct vcpu *vcpu, u32 msr, u64 val, bool atomic)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	u32 reg = (msr - LAPIC_MSR_FIRST) << 4, fx;

	if (!vl)
		return 1;
	if (atomic && unlikely(lapic_write_sleeps(vl, reg)))
		return -EAGAIN;
	lapic_pv_eoi_settle(vl);
	if (lapic_x2_write(&vl->model, msr, val, lapic_access_time(vcpu, reg), &fx))
		return 1;
	lapic_effects(vcpu, fx);
	return 0;
}
