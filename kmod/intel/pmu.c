// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's performance counters while a guest runs.
 *
 * PEBS writes its records to linear addresses, which in a guest are the guest's: counters that use it
 * must be off there. So must those that the user wants for the host alone, and those for guests alone
 * in the host. perf knows which; asked before each series of entries, since its interrupts end them.
 *
 * The switch is part of entry and exit (a control for IA32_PERF_GLOBAL_CTRL, lists for the rest): by
 * hand an NMI of perf's in between would undo it.
 */
#include <linux/io.h>
#include <linux/perf_event.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/perf_event.h>

#include "intel/vt.h"

/*
 * On these the exit may clear bits of IA32_PERF_GLOBAL_CTRL that it is to load (errata AAK155, AAP115,
 * AAT100, BA97, BC86): the list does it there.
 */
static bool vt_global_ctrl_erratum(void)
{
	if (boot_cpu_data.x86 != 6)
		return false;
	switch (boot_cpu_data.x86_model) {
	case 26:
	case 30:
	case 37:
	case 44:
	case 46:
		return true;
	default:
		return false;
	}
}

static void vt_switch_global_ctrl(struct vt_vcpu *vt, bool on, u64 guest, u64 host)
{
	if (on) {
		vmcs_write(VMCS_GUEST_PERF_GLOBAL_CTRL, guest);
		vmcs_write(VMCS_HOST_PERF_GLOBAL_CTRL, host);
	}
	vt_set_exit(vt, VT_EXITC_LOAD_PERF_GLOBAL, on);
	vt_set_entry(VT_ENTRYC_LOAD_PERF_GLOBAL, on);
}

static void vt_set_lists(struct vt_vcpu *vt, unsigned int n)
{
	if (vt->nr_perf_msrs == n)
		return;
	if (!vt->nr_perf_msrs) {
		vmcs_write(VMCS_ENTRY_MSR_LOAD_ADDR, virt_to_phys(vt->perf_guest));
		vmcs_write(VMCS_EXIT_MSR_LOAD_ADDR, virt_to_phys(vt->perf_host));
	}
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, n);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, n);
	vt->nr_perf_msrs = n;
}

/* Interrupts off. Nothing differs on nearly all hosts at nearly all times. */
void vt_switch_perf(struct vt_vcpu *vt)
{
#if IS_ENABLED(CONFIG_PERF_EVENTS) && IS_ENABLED(CONFIG_CPU_SUP_INTEL)
	const struct perf_guest_switch_msr *msrs;
	bool global = false;
	unsigned int n = 0;
	int i, nr = 0;

	vt->slow &= ~VT_SLOW_PEBS;
	msrs = perf_guest_get_msrs(&nr, NULL);
	/* Without a driver for the CPU's counters there is no array, and no number either. */
	if (!msrs)
		nr = 0;
	for (i = 0; i < nr; i++) {
		const struct perf_guest_switch_msr *m = &msrs[i];

		if (likely(m->host == m->guest))
			continue;
		if (m->msr == MSR_CORE_PERF_GLOBAL_CTRL && vt_host.c.load_perf_global &&
		    !vt_global_ctrl_erratum()) {
			vt_switch_global_ctrl(vt, true, m->guest, m->host);
			global = true;
			continue;
		}
		/* A record that is on its way must be out before the guest's addresses are in. */
		if (m->msr == MSR_IA32_PEBS_ENABLE)
			vt->slow |= VT_SLOW_PEBS;
		if (n == VT_NR_PERF_MSRS)
			continue;
		vt->perf_guest[n] = (struct vt_msr_entry){ .msr = m->msr, .value = m->guest };
		vt->perf_host[n] = (struct vt_msr_entry){ .msr = m->msr, .value = m->host };
		n++;
	}
	if (unlikely(!global && (vt->ctl.exit & VT_EXITC_LOAD_PERF_GLOBAL)))
		vt_switch_global_ctrl(vt, false, 0, 0);
	vt_set_lists(vt, n);
#endif
}
