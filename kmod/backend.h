/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The backend contract: all that the core asks of a kind of virtualisation hardware.
 *
 * One backend serves a module load. Its functions are reached by backend_call(name)(args), a static
 * call. A backend holds no policy: it moves state between struct vcpu and the hardware, enters, and
 * decodes exits. Unless said otherwise a function is called by the vCPU's own thread with the vCPU
 * loaded, preemption off or on, and must not sleep.
 */
#ifndef VMX_BACKEND_H
#define VMX_BACKEND_H

#include <linux/static_call.h>
#include <linux/types.h>

#include "exit.h"
#include "vcpu.h"
#include "x86/field.h"

#define VM_BLOCK_MAX_FIELDS 320

/* A rule of the manual's that a control block breaks. */
struct vm_violation {
	u32 id;			/* of a field, as struct vmx_x_field */
	bool hidden;		/* its value is an address of the host's */
	u64 value;
	const char *section;
	const char *rule;
};
typedef void vm_violation_report(void *ctx, const struct vm_violation *v);

/* Of the code segment's attributes, what the mode depends on; bits as in the VMCB's attributes. */
#define BACKEND_CS_L (1u << 9)
#define BACKEND_CS_DB (1u << 10)

struct vmx_backend {
	const char *name;		/* "svm", "vt" */
	const char *rival;		/* the module of in-tree KVM for the same hardware */
	u32 x_backend;			/* VMX_X_BACKEND_* */

	/* What the hardware offers; constant after host_setup. */
	struct vmx_backend_caps {
		bool nested_paging;
		bool shadow_paging;	/* set_root() takes tables of the ordinary form in place of nested ones ... */
		bool shadow_needs_paging;	/* ... but only while the guest has paging on */
		bool next_rip;		/* insn_len is filled in for instruction exits */
		u8 max_nested_level;	/* largest page of a nested entry: 1 4K, 2 2M, 3 1G */
		u8 nested_root_levels;	/* 4 or 5 */
		bool nested_ad;		/* nested entries have accessed and dirty bits */
		u8 nested_format;	/* of their entries: enum npte_kind, pure/pte.h */
		bool holds_pdptes;	/* the PDPTEs of PAE paging are registers: set_pdptes */
		bool pause_filter;
		bool tsc_scaling;
		u64 tsc_max_ratio;
		u8 tsc_ratio_frac_bits;
		bool lapic_page;	/* accesses to a page that stands for the LAPIC's are seen: apic_mode */
		/*
		 * The host's vector that makes the hardware of a running guest take the edges that were posted to
		 * its LAPIC (lapic_posted_descriptor()); outside of a guest the host only acknowledges it. 0: none.
		 */
		u8 post_vector;
		bool logs_dirty;	/* it logs where it sets dirty flags: mmu_log_dirty() */
		bool guest_timer;	/* the guest's run can be ended at a given time: set_timer */
		bool virtual_nmi;	/* NMI blocking is known without an IRET intercept */
		bool single_step;	/* the backend can step for the VMM: VM_EXIT_STEP */
		bool cr4_ends_run;	/* the guest's write of a reserved CR4 bit comes as VM_EXIT_ENTRY_FAILED */
		bool far_jump64;	/* the CPU's far pointers in memory have 64-bit offsets with REX.W, of JMP and CALL */
		bool far_load64;	/* and of LSS, LFS, LGS (pure/emu.h) */
		bool step_by_tf;	/* by RFLAGS.TF, which an instruction that stores RFLAGS would show */
		u8 hypercall_insn[3];	/* the instruction that makes a hypercall here */
		u64 cr4_allowed;	/* bits of CR4 that a guest may be given on this host */
		u64 efer_allowed;
	} *caps;

	/*
	 * ---- host ----
	 * host_check: can this CPU do it? -EOPNOTSUPP (no such CPU), -EBUSY, -EACCES (firmware); the
	 * reason in words has been printed then. Called once, at load. May sleep.
	 */
	int (*host_check)(void);
	int (*host_setup)(void);	/* allocate what is per host; may sleep */
	void (*host_teardown)(void);
	int (*cpu_enable)(void);	/* this CPU: EFER.SVME or VMXON; interrupts off */
	void (*cpu_disable)(void);	/* this CPU; interrupts off; harmless if not enabled */
	void (*cpu_emergency_disable)(void);	/* crash or reboot: NMI-like context, no locks */

	/* ---- VM and vCPU ---- */
	int (*vm_create)(struct vm *vm);	/* sets vm->backend; may sleep */
	void (*vm_destroy)(struct vm *vm);
	int (*vcpu_create)(struct vcpu *vcpu);	/* sets vcpu->backend; may sleep */
	void (*vcpu_destroy)(struct vcpu *vcpu);
	void (*vcpu_reset)(struct vcpu *vcpu, bool init);	/* segments, tables, control block */
	void (*vcpu_load)(struct vcpu *vcpu, int cpu);	/* preemption off */
	void (*vcpu_put)(struct vcpu *vcpu);		/* preemption off */
	/*
	 * Guest CPUID, disabled exits, the MSR filter, guest_debug, mmu_logging() or vcpu->smm changed:
	 * intercepts and maps anew. While vcpu->smm an RSM exits, as such or as the #UD that the hardware
	 * raises for it.
	 */
	void (*vcpu_update_policy)(struct vcpu *vcpu);

	/*
	 * ---- run ----
	 * prepare_enter: save the host's state that enter() does not; interrupts off, the hardware is
	 * on; called before each series of entries, cheap when done already since vcpu_load.
	 * enter: writes dirty registers, runs the guest, fills in vcpu->exit and makes RIP, RFLAGS and
	 * the general registers but RSP available. Interrupts off before and after; noinstr inside.
	 * On return the host may run C code; interrupts that are pending are taken when the caller enables them.
	 * handle_host_event: after an exit for HOST_INTR, with interrupts still off: whatever is
	 * needed so that local_irq_enable() takes it (nothing on AMD), or, if the exit has acknowledged
	 * the interrupt, runs the host's handler for it. After HOST_MC: runs the host's
	 * machine check handler, as the exit has swallowed the exception.
	 */
	void (*prepare_enter)(struct vcpu *vcpu);
	void (*enter)(struct vcpu *vcpu);
	void (*handle_host_event)(struct vcpu *vcpu);

	/* ---- registers ---- */
	void (*reg_fetch)(struct vcpu *vcpu, enum vcpu_reg reg);	/* into vcpu->regs[] */
	/*
	 * Set control registers: the value is legal (x86/cr.c checked it); it is stored in
	 * vcpu->regs[] by the caller, before.
	 */
	void (*set_cr0)(struct vcpu *vcpu, u64 cr0);
	void (*set_cr3)(struct vcpu *vcpu, u64 cr3);
	void (*set_cr4)(struct vcpu *vcpu, u64 cr4);
	void (*set_efer)(struct vcpu *vcpu, u64 efer);
	/*
	 * Only with caps.holds_pdptes: the four PDPTEs of a guest with PAE paging. A setter above whose
	 * value has changed them asks for REQ_LOAD_PDPTES; the guest's own loads need nobody.
	 */
	void (*set_pdptes)(struct vcpu *vcpu, const u64 pdptes[4]);
	void (*get_pdptes)(struct vcpu *vcpu, u64 pdptes[4]);
	void (*get_segment)(struct vcpu *vcpu, enum vcpu_seg seg, struct vmx_segment *out);
	void (*set_segment)(struct vcpu *vcpu, enum vcpu_seg seg, const struct vmx_segment *in);
	u64 (*seg_base)(struct vcpu *vcpu, enum vcpu_seg seg);
	int (*cpl)(struct vcpu *vcpu);
	unsigned int (*cs_flags)(struct vcpu *vcpu);	/* BACKEND_CS_L, BACKEND_CS_DB */
	void (*get_gdt)(struct vcpu *vcpu, struct vmx_dtable *out);
	void (*set_gdt)(struct vcpu *vcpu, const struct vmx_dtable *in);
	void (*get_idt)(struct vcpu *vcpu, struct vmx_dtable *out);
	void (*set_idt)(struct vcpu *vcpu, const struct vmx_dtable *in);
	/*
	 * MSRs that the hardware holds for the guest (the SYSCALL and SYSENTER sets, FS/GS/KERNEL_GS
	 * base, PAT, TSC_AUX, SPEC_CTRL, DEBUGCTL...). Returns 0, or -ENOENT: not one of the
	 * backend's. The value has been checked against the MSR's rule (pure/msr.h).
	 */
	int (*get_msr)(struct vcpu *vcpu, u32 msr, u64 *val);
	int (*set_msr)(struct vcpu *vcpu, u32 msr, u64 val);
	/* DR7 and DR6 as the guest is to run with (guest debug of the VMM merged in by the caller). */
	void (*set_dr7)(struct vcpu *vcpu, u64 dr7);
	void (*set_dr6)(struct vcpu *vcpu, u64 dr6);
	u64 (*get_dr6)(struct vcpu *vcpu);
	u64 (*get_dr7)(struct vcpu *vcpu);	/* while passed through */
	/* Pass accesses to DR0-7 through until the next exit handler that asks otherwise. */
	void (*pass_drs)(struct vcpu *vcpu, bool pass);

	/* ---- time ---- */
	void (*set_tsc)(struct vcpu *vcpu, u64 offset, u64 ratio);	/* guest = host * ratio + offset */

	/*
	 * Only with caps.guest_timer. From now on the guest's run ends (VM_EXIT_PREEMPTION_TIMER) once the
	 * host's TSC has reached @tsc, at once if it has; not earlier. ~0: no longer. It may end so without
	 * need. Outside of the guest nothing happens. Interrupts on or off.
	 */
	void (*set_timer)(struct vcpu *vcpu, u64 tsc);

	/* ---- paging ---- */
	/* root: physical address of the nested table (or of the shadow table, nested false). */
	void (*set_root)(struct vcpu *vcpu, u64 root, unsigned int levels, bool nested);
	/* With caps.shadow_needs_paging, CR0.PG being set: would the CPU enter it on shadow tables? */
	bool (*shadow_fits)(struct vcpu *vcpu);
	void (*flush_tlb)(struct vcpu *vcpu);		/* all translations of this vCPU, at next entry */
	void (*flush_gva)(struct vcpu *vcpu, u64 gva);	/* shadow paging: one address, all PCIDs */

	/* ---- events ---- */
	bool (*irq_allowed)(struct vcpu *vcpu);	/* IF, no shadow, GIF-like state */
	bool (*nmi_allowed)(struct vcpu *vcpu);	/* not blocked by NMI or shadow */
	/* At most one a time; written into the control block for the next entry. */
	void (*inject)(struct vcpu *vcpu, const struct vm_event *event);
	/* An injected event that enter() has not consumed, taken back (type NONE: none). */
	void (*cancel_injection)(struct vcpu *vcpu, struct vm_event *event);
	void (*request_irq_window)(struct vcpu *vcpu);	/* until the exit VM_EXIT_IRQ_WINDOW */
	void (*request_nmi_window)(struct vcpu *vcpu);
	/* Interrupt shadow: 0 none, VMX_X86_SHADOW_INT_STI, VMX_X86_SHADOW_INT_MOV_SS. */
	u32 (*get_shadow)(struct vcpu *vcpu);
	void (*set_shadow)(struct vcpu *vcpu, u32 shadow);
	bool (*get_nmi_mask)(struct vcpu *vcpu);
	void (*set_nmi_mask)(struct vcpu *vcpu, bool masked);
	/*
	 * IA32_APIC_BASE (lapic_get_base()) or the LAPIC's software enable may have changed, or the vCPU was reset. With caps.lapic_page, while
	 * the LAPIC is in xAPIC mode at its default address: accesses to the frame of mmu_lapic_pa() exit
	 * (VM_EXIT_LAPIC_ACCESS) or are done by the hardware.
	 */
	void (*apic_mode)(struct vcpu *vcpu);
	/*
	 * The LAPIC's interrupts have been looked at, before an entry. TPR threshold: the highest pending vector's
	 * class is blocked by the TPR; exit when the guest lowers it (CR8). -1: no such exit wanted. A backend
	 * that delivers them itself (lapic_set_hw()) asks for lapic_eoi_exits() here instead.
	 */
	void (*update_tpr_threshold)(struct vcpu *vcpu, int tpr, int pending_class);

	/* ---- to look at ---- */
	const char *(*exit_name)(u32 hw_reason);
	void (*dump)(struct vcpu *vcpu);	/* the control block, in words, rate-limited by the caller */
	/*
	 * The control block as fields, with the values of the next entry; fields[] has room for
	 * VM_BLOCK_MAX_FIELDS. VMX_X_FIELD_HIDDEN marks addresses of the host's, whose value is given all the
	 * same. Returns how many.
	 */
	unsigned int (*get_block)(struct vcpu *vcpu, struct vmx_x_field *fields);
	/*
	 * Of field @id: its bytes (0: the block has none such), where it is kept, with @val put there in w->sregs if
	 * that is it, and writing it as it is (false: this CPU has no such field; the vCPU loaded).
	 */
	unsigned int (*field_width)(u32 id);
	enum vm_field_home (*field_home)(u32 id, u64 val, struct vm_field_write *w);
	bool (*write_field)(struct vcpu *vcpu, u32 id, u64 val);
	/* Which rules of an entry it breaks; reports each. Returns how many. */
	unsigned int (*check_block)(struct vcpu *vcpu, vm_violation_report *report, void *ctx);
	/* Debug builds: what the clean bits claim against a shadow copy; true if they hold. */
	bool (*audit)(struct vcpu *vcpu);
};

/* All members that are functions, for the static calls. */
#define BACKEND_OPS(X)                                                                            \
	X(host_check) X(host_setup) X(host_teardown) X(cpu_enable) X(cpu_disable)                 \
	X(cpu_emergency_disable) X(vm_create) X(vm_destroy) X(vcpu_create) X(vcpu_destroy)        \
	X(vcpu_reset) X(vcpu_load) X(vcpu_put) X(vcpu_update_policy) X(prepare_enter) X(enter)    \
	X(handle_host_event) X(reg_fetch) X(set_cr0) X(set_cr3) X(set_cr4) X(set_efer)            \
	X(set_pdptes) X(get_pdptes)                                                               \
	X(get_segment) X(set_segment) X(seg_base) X(cpl) X(cs_flags) X(get_gdt) X(set_gdt)        \
	X(get_idt)                                                                                \
	X(set_idt) X(get_msr) X(set_msr) X(set_dr7) X(set_dr6) X(get_dr6) X(get_dr7) X(pass_drs) X(set_tsc)  \
	X(set_timer)                                                                              \
	X(set_root) X(shadow_fits) X(flush_tlb) X(flush_gva) X(irq_allowed) X(nmi_allowed) X(inject)             \
	X(cancel_injection) X(request_irq_window) X(request_nmi_window) X(get_shadow)             \
	X(set_shadow) X(get_nmi_mask) X(set_nmi_mask) X(apic_mode) X(update_tpr_threshold)        \
	X(exit_name)                                                                              \
	X(dump) X(get_block) X(field_width) X(field_home) X(write_field) X(check_block) X(audit)

#define BACKEND_DECLARE(op) DECLARE_STATIC_CALL(vmx_be_##op, *((struct vmx_backend *)0)->op);
BACKEND_OPS(BACKEND_DECLARE)
#undef BACKEND_DECLARE

#define backend_call(op) static_call(vmx_be_##op)

extern const struct vmx_backend *backend;	/* the one in use; NULL before it is chosen */
#define backend_caps (backend->caps)

/*
 * backend_choose() - by the parameter backend= or from the CPU.
 * Returns 0 or -errno after saying in words why not.
 */
int backend_choose(const char *name);

/* The mode of the code that exited, from whoever did not ask for it at the exit: nothing has changed yet. */
static inline void exit_learn_mode(struct vcpu *vcpu)
{
	if (likely(vcpu->exit.mode_known))
		return;
	vcpu->exit.cs_flags = backend_call(cs_flags)(vcpu);
	vcpu->exit.cpl = backend_call(cpl)(vcpu);
	vcpu->exit.shadow |= backend_call(get_shadow)(vcpu);
	vcpu->exit.mode_known = true;
}

extern const struct vmx_backend svm_backend;
extern const struct vmx_backend vt_backend;

#endif /* VMX_BACKEND_H */
