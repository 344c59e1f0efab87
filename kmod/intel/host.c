// SPDX-License-Identifier: GPL-2.0-only
/* VMX on this host: what there is, and switching it on and off per CPU (SDM 3C 23.6 to 23.8). */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/cpumask.h>
#include <linux/dmi.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/rculist.h>
#include <linux/topology.h>
#include <asm/cpufeature.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include <asm/processor-flags.h>
#include <asm/processor.h>
#include <asm/tlbflush.h>

#include "compat.h"
#include "intel/vt.h"
#include "pure/pte.h"

struct vt_host vt_host __read_mostly;
struct vmx_backend_caps vt_backend_caps __read_mostly;
DEFINE_PER_CPU(struct vt_cpu, vt_cpus);

static bool vt_preemption_timer = true;
module_param_named(preemption_timer, vt_preemption_timer, bool, 0444);
MODULE_PARM_DESC(preemption_timer, "vt: let the CPU's preemption timer serve the guests' timers (default 1)");

static bool vt_pml = true;
module_param_named(pml, vt_pml, bool, 0444);
MODULE_PARM_DESC(pml, "vt: let the CPU log which pages guests write, for the dirty log (default 1)");

static bool vt_apicv = true;
module_param_named(apicv, vt_apicv, bool, 0444);
MODULE_PARM_DESC(apicv, "vt: let the CPU serve the guests' local APICs and deliver their interrupts (default 1)");

static bool vt_posted = true;
module_param_named(posted_intr, vt_posted, bool, 0444);
MODULE_PARM_DESC(posted_intr, "vt: with apicv, let it take interrupts from other CPUs without an exit (default 1)");

static bool vt_emulated_apicv;
module_param_named(emulated_apicv, vt_emulated_apicv, bool, 0444);
MODULE_PARM_DESC(emulated_apicv, "vt: apicv on Bochs too, which may lose an interrupt there (default 0)");

#define CPUID_1_ECX_VMX BIT(5)

static u64 vt_rdmsr(void *ctx, u32 msr)
{
	u64 val;

	return rdmsrl_safe(msr, &val) ? 0 : val;
}

/* ---- may this kernel use VMX? ---- */

static bool vt_cpu_has_vmx(void)
{
	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_CENTAUR &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_ZHAOXIN)
		return false;
	return cpuid_ecx(1) & CPUID_1_ECX_VMX;
}

/* SDM 3C 23.7. The kernel itself locks the MSR at boot if the firmware has not. */
static int vt_check_firmware(void)
{
	u64 ctl;

	if (rdmsrl_safe(MSR_IA32_FEAT_CTL, &ctl)) {
		pr_err("VMX: MSR IA32_FEATURE_CONTROL cannot be read; another hypervisor below this kernel hides it\n");
		return -EOPNOTSUPP;
	}
	if (!(ctl & FEAT_CTL_LOCKED) || !(ctl & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX)) {
		if (ctl & FEAT_CTL_LOCKED)
			pr_err("VMX is switched off and locked by the firmware: switch on \"Intel Virtualization Technology\" (or \"VT-x\") in the firmware's setup, then power the machine off and on\n");
		else
			pr_err("VMX is not enabled (IA32_FEATURE_CONTROL is not locked): this kernel was built without CONFIG_KVM_INTEL, or booted with nosmx or novmx\n");
		return -EACCES;
	}
	if (__read_cr4() & X86_CR4_VMXE) {
		pr_err("another hypervisor uses VMX on this CPU (CR4.VMXE is set): unload it; for in-tree KVM: rmmod kvm_intel\n");
		return -EBUSY;
	}
	if (compat_has_fred()) {
		pr_err("this host delivers events by FRED, for which exits by NMI are not done yet: boot with fred=off\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* ---- what there is ---- */

/* All that is fatal; what merely costs something, too, if the user wants to know. */
static void vt_tell_lacks(bool fatal)
{
	unsigned int i;

	for (i = 0; i < vt_host.c.nr_lacks; i++) {
		const struct vt_lack *l = &vt_host.c.lacks[i];

		if (l->fatal != fatal)
			continue;
		if (fatal)
			pr_err("this CPU cannot run guests: %s (%s bit %u) is missing: %s\n", l->control,
			       l->msr, l->bit, l->without);
		else
			pr_info("VMX: %s (%s bit %u) is missing: %s\n", l->control, l->msr, l->bit,
				l->without);
	}
}

static void vt_set_caps(void)
{
	const struct vt_controls *c = &vt_host.c;

	vt_backend_caps = (struct vmx_backend_caps){
		.nested_paging = true,
		.shadow_paging = c->shadow,
		.shadow_needs_paging = true,
		.far_jump64 = true,	/* SDM 2A CALL, JMP, LSS */
		.far_load64 = true,
		.next_rip = true,
		.max_nested_level = c->ept_1g ? 3 : c->ept_2m ? 2 : 1,
		.nested_root_levels = 4,
		.nested_ad = c->ept_ad,
		.nested_format = PTE_KIND_EPT,
		.holds_pdptes = true,
		.pause_filter = c->ple,
		.hypercall_insn = { 0x0f, 0x01, 0xc1 }, /* VMCALL */
		.lapic_page = c->apic_access,
		.post_vector = vt_host.apic.posted ? COMPAT_POSTED_VECTOR : 0,
		.logs_dirty = c->pml && vt_pml,
		.guest_timer = vt_host.guest_timer,
		.tsc_scaling = c->tsc_scaling,
		.tsc_max_ratio = c->tsc_scaling ? ~0ULL : 1ULL << 48,
		.tsc_ratio_frac_bits = 48,
		.virtual_nmi = true,
		.single_step = c->mtf,
		/* CET state is not switched; SMX and VMX are not for guests. */
		.cr4_allowed = vt_host.caps.cr4_fixed1 &
			       ~(X86_CR4_VMXE | X86_CR4_SMXE | BIT_ULL(23) | BIT_ULL(24)),
		.efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX,
	};
	/* The guest's PKRU is a component of the XSAVE state that the host must have. */
	if (!boot_cpu_has(X86_FEATURE_OSPKE))
		vt_backend_caps.cr4_allowed &= ~(u64)X86_CR4_PKE;
	/* What the kernel does not use it does not save. */
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		vt_backend_caps.cr4_allowed &= ~(u64)X86_CR4_OSXSAVE;
}

/*
 * Bochs' emulation, by its BIOS. A guest that is entered with IF clear keeps external interrupts masked
 * there (the mask follows RFLAGS before the CPU counts as in the guest), so that a guest that spins would
 * hold its host for ever. The preemption timer ends each run there after a while.
 */
static bool vt_host_is_bochs(void)
{
	const char *bios = dmi_get_system_info(DMI_BIOS_VERSION);

	return bios && !strncmp(bios, "Bochs", 5);
}

static void vt_read_host(void)
{
	struct x86_pmu_capability pmu;
	u32 low, high, ecx7 = cpuid_eax(0) >= 7 ? cpuid_ecx(7) : 0;

	vt_host.linear_bits = cpuid_eax(0x80000008) >> 8 & 0xff;
	rdmsrl(MSR_IA32_CR_PAT, vt_host.pat);
	rdmsrl(MSR_EFER, vt_host.efer);
	rdmsr(MSR_IA32_SYSENTER_CS, low, high);
	vt_host.sysenter_cs = low;
	rdmsrl(MSR_IA32_SYSENTER_EIP, vt_host.sysenter_eip);
	vt_host.spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL);
	vt_host.rdtscp = boot_cpu_has(X86_FEATURE_RDTSCP);
	vt_host.rdpid = ecx7 & BIT(22);
	perf_get_x86_pmu_capability(&pmu);
	vt_host.pmu = pmu.version || pmu.num_counters_gp;
	vt_host.timed_runs = vt_host.c.preemption_timer && vt_host.c.save_timer &&
			     vt_host_is_bochs();
	vt_host.guest_timer = vt_host.c.preemption_timer && vt_preemption_timer &&
			      !vt_timer_is_broken(cpuid_eax(1));
	/*
	 * Where an exit cuts the delivery of a virtual interrupt short, the IDT-vectoring information is to have
	 * it (27.2.4). Bochs leaves an older event there: the interrupt is lost.
	 */
	if (vt_host_is_bochs() && !vt_emulated_apicv)
		vt_apicv = false;
	vt_host.apic = vt_apic_choose(&vt_host.c, vt_apicv, vt_posted && COMPAT_POSTED_VECTOR);
	/* The parameters tell what is used. */
	vt_apicv = vt_host.apic.delivery;
	vt_posted = vt_host.apic.posted;
}

int vt_host_check(void)
{
	int r;

	if (!vt_cpu_has_vmx())
		return -EOPNOTSUPP;
	r = vt_check_firmware();
	if (r)
		return r;
	vt_caps_read(&vt_host.caps, vt_rdmsr, NULL);
	if (vt_caps_decide(&vt_host.caps, &vt_host.c)) {
		vt_tell_lacks(true);
		return -EOPNOTSUPP;
	}
	vt_read_host();
	vt_set_caps();
	return 0;
}

/* ---- per host ---- */

void vt_host_teardown(void)
{
	int cpu;

	vt_l1d_teardown();
	for_each_possible_cpu(cpu) {
		struct vt_cpu *c = per_cpu_ptr(&vt_cpus, cpu);

		vt_vmcs_free(c->vmxon);
		c->vmxon = NULL;
	}
}

int vt_host_setup(void)
{
	const struct vt_controls *c = &vt_host.c;
	int cpu, r;

	r = vt_l1d_setup();
	if (r)
		return r;
	for_each_possible_cpu(cpu) {
		struct vt_cpu *own = per_cpu_ptr(&vt_cpus, cpu);

		INIT_LIST_HEAD(&own->active);
		own->vmxon = vt_vmcs_alloc(cpu_to_node(cpu));
		if (!own->vmxon) {
			vt_host_teardown();
			return -ENOMEM;
		}
		own->vmxon_pa = virt_to_phys(own->vmxon);
	}
	pr_info("VMX: EPT%s%s%s%s%s%s%s%s%s\n", c->ept_ad ? " with accessed and dirty bits" : "",
		c->vpid ? ", VPID" : "", c->tpr_shadow ? ", TPR shadow" : "",
		c->ple ? ", PAUSE loop" : "", c->tsc_scaling ? ", TSC scaling" : "",
		vt_backend_caps.logs_dirty ? ", PML" : "", vt_host.guest_timer ? ", timer" : "",
		vt_host.apic.delivery ? ", APIC registers and interrupts" : "",
		vt_host.apic.posted ? ", posted interrupts" : "");
	vt_tell_lacks(false);
	return 0;
}

/* ---- per CPU ---- */

/* All CPUs must be alike: a VMCS may run on each of them. */
static int vt_check_same(void)
{
	struct vt_caps caps;
	u32 msr;

	vt_caps_read(&caps, vt_rdmsr, NULL);
	msr = vt_caps_difference(&caps, &vt_host.caps);
	if (!msr)
		return 0;
	pr_err("CPU %d differs from the first in MSR %#x: no guest can run on both\n",
	       smp_processor_id(), msr);
	return -EIO;
}

int vt_cpu_enable(void)
{
	struct vt_cpu *c = this_cpu_ptr(&vt_cpus);
	u64 ctl;
	int r;

	if (__read_cr4() & X86_CR4_VMXE)
		return -EBUSY;
	/* Else VMXON faults. */
	if (rdmsrl_safe(MSR_IA32_FEAT_CTL, &ctl) || !(ctl & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX))
		return -EACCES;
	r = vt_check_same();
	if (r)
		return r;
	/* Processor trace may not run across VMXON on older CPUs. */
	intel_pt_handle_vmx(1);
	cr4_set_bits(X86_CR4_VMXE);
	r = vmx_insn_vmxon(c->vmxon_pa);
	if (r) {
		cr4_clear_bits(X86_CR4_VMXE);
		intel_pt_handle_vmx(0);
		return r;
	}
	c->gdt.address = (unsigned long)get_cpu_gdt_ro(smp_processor_id());
	c->gdt.size = GDT_SIZE - 1;
	c->current_vmcs = NULL;
	c->last = NULL;
	vt_umsr_cpu_init(c);
	/* Neither VMXON nor VMXOFF drops what was cached of guests (28.3.3.1). */
	vt_flush_cpu();
	c->enabled = true;
	return 0;
}

void vt_cpu_disable(void)
{
	struct vt_cpu *c = this_cpu_ptr(&vt_cpus);

	if (!c->enabled)
		return;
	c->enabled = false;
	vt_restore_umsrs(c);
	vt_clear_active(c);
	vmx_insn_vmxoff();
	cr4_clear_bits(X86_CR4_VMXE);
	intel_pt_handle_vmx(0);
}

/*
 * A crash, perhaps in NMI context: only what the next kernel needs. What the CPU keeps of an active
 * VMCS it may write to memory later, into that kernel's; and a CPU in VMX operation ignores INIT. The
 * walk of the list is safe at any moment: its writer is this CPU, and writes as for RCU.
 */
void vt_cpu_emergency_disable(void)
{
	struct vt_cpu *c = this_cpu_ptr(&vt_cpus);
	struct list_head *at;

	if (!(native_read_cr4() & X86_CR4_VMXE))
		return;
	for (at = READ_ONCE(c->active.next); at != &c->active; at = READ_ONCE(at->next))
		vmx_insn_vmclear(list_entry(at, struct vt_vcpu, active_on)->vmcs_pa);
	vmx_insn_vmxoff();
	asm volatile("mov %0, %%cr4" : : "r"(native_read_cr4() & ~(unsigned long)X86_CR4_VMXE) : "memory");
}
