/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of APIC virtualisation is used (SDM 3C 29): on this CPU at all, and by a vCPU in a mode of its local
 * APIC. Registers and delivery go together: with one of the two alone, each EOI would exit as before.
 */
#ifndef VMX_PURE_VT_APIC_H
#define VMX_PURE_VT_APIC_H

#include "pure/lapic.h"
#include "pure/vt_caps.h"

struct vt_apic_use {
	bool delivery;	/* APIC-register virtualization and virtual-interrupt delivery */
	bool posted;	/* posted interrupts; implies delivery */
};

/* @delivery, @posted: may they be used? */
static inline struct vt_apic_use vt_apic_choose(const struct vt_controls *c, bool delivery, bool posted)
{
	struct vt_apic_use use;

	use.delivery = delivery && c->apic_register && c->virtual_intr &&
		       (c->apic_access || c->x2apic);
	use.posted = use.delivery && posted && c->posted_intr;
	return use;
}

#define VT_PROC2_DELIVERY (VT_PROC2_APIC_REGISTER | VT_PROC2_VIRTUAL_INTR)
/* The secondary controls that depend on the mode. */
#define VT_PROC2_APIC_MODE (VT_PROC2_APIC_ACCESS | VT_PROC2_X2APIC | VT_PROC2_DELIVERY)

/*
 * vt_apic_controls() - which of VT_PROC2_APIC_MODE to set. @base: IA32_APIC_BASE; @delivery: vt_apic_use(), and
 * nobody debugs the guest. The accesses to the APIC's page and to its MSRs exclude each other (26.2.1.1). With
 * neither, the registers are out of the CPU's sight: then it delivers nothing, and a disabled APIC has nothing.
 */
static inline u32 vt_apic_controls(const struct vt_controls *c, u64 base, bool delivery)
{
	u64 mode = base & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC);
	u32 wanted = 0;

	if (mode == (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)) {
		if (c->x2apic)
			wanted = VT_PROC2_X2APIC;
	} else if (mode && (base & ~0xfffULL) == LAPIC_DEFAULT_BASE && c->apic_access) {
		wanted = VT_PROC2_APIC_ACCESS;
	}
	return wanted && delivery ? wanted | VT_PROC2_DELIVERY : wanted;
}

#endif /* VMX_PURE_VT_APIC_H */
