// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which VMCS is active on which CPU, and what of the host is saved around a guest's runs.
 *
 * A CPU may keep an active VMCS in itself, so it must be cleared there before another CPU loads it
 * (SDM 3C 24.11.1): by an IPI when a vCPU has moved. A VMCS stays active, and current, when its vCPU
 * leaves the CPU; the next vCPU only makes its own current.
 *
 *	vcpu_load	VMPTRLD, on a new CPU with the host's constants of that CPU
 *	prepare_enter	the host's selectors, FS base, KERNEL_GS_BASE; the guest's go in
 *	vcpu_put	the host's come back
 */
#include <linux/cpumask.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <asm/cpu_entry_area.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

#include "intel/vt.h"

/* ---- active VMCSs ---- */

/* Interrupts off, on the CPU where it is active. */
static void vt_clear_here(struct vt_vcpu *vt)
{
	struct vt_cpu *cpu = this_cpu_ptr(&vt_cpus);

	vmx_insn_vmclear(vt->vmcs_pa);
	/* An NMI that crashes the machine may be walking the list: vt_cpu_emergency_disable(). */
	list_del_rcu(&vt->active_on);
	if (cpu->current_vmcs == vt)
		cpu->current_vmcs = NULL;
	vt->entry.flags &= ~VT_ENTRY_LAUNCHED;
	/* Then others may load it. */
	smp_store_release(&vt->active_cpu, -1);
}

static void vt_clear_ipi(void *arg)
{
	struct vt_vcpu *vt = arg;

	/* The CPU may have gone down, and cleared it then, or have come back without it. */
	if (vt->active_cpu == smp_processor_id())
		vt_clear_here(vt);
}

void vt_vmcs_forget(struct vt_vcpu *vt)
{
	int cpu = smp_load_acquire(&vt->active_cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, vt_clear_ipi, vt, 1);
}

void vt_clear_active(struct vt_cpu *cpu)
{
	struct vt_vcpu *vt, *next;

	list_for_each_entry_safe(vt, next, &cpu->active, active_on)
		vt_clear_here(vt);
}

/*
 * The VMCS becomes active and current. Nothing happens on a CPU whose VMX is off.
 *
 * What a CPU takes for the launch state of memory that was never a VMCS is its own secret: VMCLEAR
 * before the first VMPTRLD says "clear" (24.11.3). On the list before it is active: an NMI that crashes
 * the machine in between would not find it.
 */
static void vt_make_active(struct vt_vcpu *vt, struct vt_cpu *cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	if (cpu->enabled) {
		if (unlikely(!vt->initialised))
			vmx_insn_vmclear(vt->vmcs_pa);
		list_add_rcu(&vt->active_on, &cpu->active);
		if (!vmx_insn_vmptrld(vt->vmcs_pa)) {
			vt->active_cpu = smp_processor_id();
			cpu->current_vmcs = vt;
		} else {
			list_del_rcu(&vt->active_on);
		}
	}
	local_irq_restore(flags);
}

static void vt_make_current(struct vt_vcpu *vt, struct vt_cpu *cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	if (cpu->enabled && !vmx_insn_vmptrld(vt->vmcs_pa))
		cpu->current_vmcs = vt;
	local_irq_restore(flags);
}

/* ---- the host's state ---- */

/* What an exit loads that is another on each CPU, and what is the same for as long as it runs. */
static void vt_set_host_constants(struct vt_vcpu *vt, int cpu)
{
	struct desc_ptr idt;
	u64 val;

	store_idt(&idt);
	vmcs_write(VMCS_HOST_IDTR_BASE, idt.address);
	vmcs_write(VMCS_HOST_GDTR_BASE, (unsigned long)get_cpu_gdt_ro(cpu));
	vmcs_write(VMCS_HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	rdmsrl(MSR_IA32_SYSENTER_ESP, val);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, val);
	vmcs_write(VMCS_HOST_CR0, read_cr0() & ~X86_CR0_TS);
	rdmsrl(MSR_GS_BASE, val);
	vt->host.gs_base = val;
	vmcs_write(VMCS_HOST_GS_BASE, val);
	vt->host.cr3 = __native_read_cr3();
	vmcs_write(VMCS_HOST_CR3, vt->host.cr3);
	vt->host.cr4 = native_read_cr4();
	vmcs_write(VMCS_HOST_CR4, vt->host.cr4);
}

void vt_vcpu_load(struct vcpu *vcpu, int cpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	struct vt_cpu *c = per_cpu_ptr(&vt_cpus, cpu);

	vt->cpu = c;
	if (unlikely(vt->active_cpu != cpu)) {
		vt_vmcs_forget(vt);
		vt_make_active(vt, c);
		if (unlikely(!vt->initialised && vt->active_cpu == cpu)) {
			vt_vmcs_init(vt);
			vt->initialised = true;
		}
		vt_set_host_constants(vt, cpu);
	} else if (unlikely(c->current_vmcs != vt)) {
		vt_make_current(vt, c);
	}
	if (unlikely(vt->last_cpu != cpu)) {
		/* It may have missed flushes that others did while it was elsewhere. */
		vt->last_cpu = cpu;
		vt->slow |= VT_SLOW_FLUSH;
	}
	if (unlikely(c->last != vt)) {
		/* One guest's branch targets are not for another. */
		c->last = vt;
		indirect_branch_prediction_barrier();
	}
}

/* A host selector must have TI and RPL 0 (SDM 3C 26.2.3): others are loaded again by hand. */
static u16 vt_loadable(u16 selector)
{
	return selector & 7 ? 0 : selector;
}

static void vt_save_selectors(struct vt_vcpu *vt)
{
	u16 fs, gs;
	u64 base;

	savesegment(ds, vt->host_ds);
	savesegment(es, vt->host_es);
	savesegment(fs, fs);
	savesegment(gs, gs);
	store_ldt(vt->host_ldt);
	if (unlikely(fs != vt->host.fs_sel)) {
		vt->host.fs_sel = fs;
		vmcs_write(VMCS_HOST_FS_SELECTOR, vt_loadable(fs));
	}
	if (unlikely(gs != vt->host.gs_sel)) {
		vt->host.gs_sel = gs;
		vmcs_write(VMCS_HOST_GS_SELECTOR, vt_loadable(gs));
	}
	base = x86_fsbase_read_cpu();
	if (unlikely(base != vt->host.fs_base)) {
		vt->host.fs_base = base;
		vmcs_write(VMCS_HOST_FS_BASE, base);
	}
}

/* Interrupts off; the first series of entries since vcpu_load. */
static noinline void vt_host_out(struct vcpu *vcpu, struct vt_vcpu *vt)
{
	vt_save_selectors(vt);
	vt->host_kernel_gs = __rdmsr(MSR_KERNEL_GS_BASE);
	native_wrmsrl(MSR_KERNEL_GS_BASE, vt->kernel_gs);
	vt_load_umsrs(vt);
	vt->host_saved = true;
}

/*
 * Exits leave LDTR empty. Another thread of the VMM may have installed an LDT meanwhile; the IPI that
 * loaded it here is undone by the next exit.
 */
static __always_inline void vt_note_ldt(struct vt_vcpu *vt)
{
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	if (unlikely(READ_ONCE(current->mm->context.ldt)))
		vt->host_ldt = GDT_ENTRY_LDT * 8;
#endif
}

/*
 * The host's DEBUGCTL is looked at each time: perf's interrupts, which end a series of entries, switch
 * branch records on and off.
 */
static __always_inline void vt_note_debugctl(struct vt_vcpu *vt)
{
	vt->host_debugctl = __rdmsr(MSR_IA32_DEBUGCTLMSR);
	vt->slow &= ~VT_SLOW_DEBUGCTL;
	if (unlikely(vt->host_debugctl))
		vt->slow |= VT_SLOW_DEBUGCTL;
}

void vt_prepare_enter(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	/* From the registers: as quick as what the kernel keeps beside them, and shorter. */
	u64 cr3 = __native_read_cr3(), cr4 = native_read_cr4();

	if (unlikely(!vt->host_saved))
		vt_host_out(vcpu, vt);
	vt_note_ldt(vt);
	vt_note_debugctl(vt);
	if (vt_host.pmu)
		vt_switch_perf(vt);
	if (unlikely(cr3 != vt->host.cr3)) {
		vt->host.cr3 = cr3;
		vmcs_write(VMCS_HOST_CR3, cr3);
	}
	if (unlikely(cr4 != vt->host.cr4)) {
		vt->host.cr4 = cr4;
		vmcs_write(VMCS_HOST_CR4, cr4);
	}
	if (unlikely(vt_l1d_series))
		vt_l1d_flush();
}

static noinline void vt_reload_tr(void)
{
	invalidate_tss_limit();
}

/* Selectors that an exit could not load: of 32-bit programs, and of those with an LDT. */
static noinline void vt_reload_selectors(struct vt_vcpu *vt)
{
	if (vt->host_ldt)
		asm volatile("lldt %0" : : "m"(vt->host_ldt));
	if (vt->host.gs_sel & 7)
		load_gs_index(vt->host.gs_sel);
	if (vt->host.fs_sel & 7) {
		loadsegment(fs, vt->host.fs_sel);
		if (boot_cpu_has(X86_FEATURE_FSGSBASE))
			wrfsbase(vt->host.fs_base);
		else
			wrmsrl(MSR_FS_BASE, vt->host.fs_base);
	}
	if (vt->host_ds | vt->host_es) {
		loadsegment(ds, vt->host_ds);
		loadsegment(es, vt->host_es);
	}
}

/*
 * Exits leave TR's limit too small for the I/O permission map (27.5.2): the kernel loads TR again before a
 * task that has such a map, which may be this one, goes to user mode.
 */
static __always_inline void vt_tss_limit_is_wrong(void)
{
	if (unlikely(test_thread_flag(TIF_IO_BITMAP)))
		vt_reload_tr();
	else
		this_cpu_write(__tss_limit_invalid, true);
}

/* Interrupts on or off: none of what comes back here is used by a handler. */
void vt_vcpu_put(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);

	if (!vt->host_saved)
		return;
	vt->host_saved = false;
	/* First: loading GS below changes the base that is swapped out. */
	vt->kernel_gs = __rdmsr(MSR_KERNEL_GS_BASE);
	if (unlikely((vt->host_ldt | vt->host_ds | vt->host_es) ||
		     ((vt->host.fs_sel | vt->host.gs_sel) & 7)))
		vt_reload_selectors(vt);
	native_wrmsrl(MSR_KERNEL_GS_BASE, vt->host_kernel_gs);
	vt_tss_limit_is_wrong();
	/* And GDTR's limit at 64 KiB. */
	native_load_gdt(&vt->cpu->gdt);
}
