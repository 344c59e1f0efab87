// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits of guests that run on shadow tables: #PF, which is the pager's, the guest's, a device access, or a write to
 * a table of the guest's that has to be emulated so that the pager hears of it.
 */
#include "backend.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "trace.h"
#include "x86/emulate.h"
#include "x86/exits.h"

int exit_fast_shadow(struct vcpu *vcpu)
{
	u32 flags = vcpu->exit.pf.flags;
	u64 gpa;
	int r;

	r = mmu_shadow_fault_fast(vcpu, vcpu->exit.pf.gpa, flags, &gpa);
	if (r == MMU_RETRY)
		return VCPU_RESUME;
	if (r != MMU_MMIO)
		return -EAGAIN;
	r = emulate_mmio_fast(vcpu, gpa, flags & VM_PF_WRITE);
	if (r >= 0)
		vcpu_count(vcpu, pf_mmio);
	return r;
}

/* Delivery of an event through a device page, or one that must not be written: no VMM could make sense of it. */
static int delivery_failed(struct vcpu *vcpu, u64 gpa)
{
	u64 data[] = { vcpu->exit.vectoring.vector, vcpu->exit.hw_reason, gpa };

	return vcpu_internal_error(vcpu, VMX_INTERNAL_ERROR_DELIVERY_EV, ARRAY_SIZE(data), data);
}

int handle_shadow_fault(struct vcpu *vcpu)
{
	bool vectoring = vcpu->exit.vectoring.type != VM_EVENT_NONE;
	u64 gva = vcpu->exit.pf.gpa, gpa = 0;
	u32 flags = vcpu->exit.pf.flags;

	trace_vmx_page_fault(vcpu, gva, flags);
	switch (mmu_shadow_fault(vcpu, gva, flags, &gpa)) {
	case MMU_RETRY:
	case MMU_HWPOISON:
		return VCPU_RESUME;
	case MMU_MMIO:
		vcpu_count(vcpu, pf_mmio);
		return vectoring ? delivery_failed(vcpu, gpa) : emulate_mmio(vcpu, gpa, flags & VM_PF_WRITE);
	case MMU_EMULATE:
		/* The CPU's own write of an exception's frame is no instruction. */
		if (vectoring)
			return mmu_untrack(vcpu, gpa) ? VCPU_RESUME : delivery_failed(vcpu, gpa);
		return emulate_table_write(vcpu, gpa);
	case MMU_NOMEM:
		return -ENOMEM;
	default:
		return -EFAULT;
	}
}
