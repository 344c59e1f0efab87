/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Intel backend's own: what it knows of the host, of a CPU and of a vCPU, and what its files
 * offer each other.
 *
 *   vt.c        the ops table, life of a vCPU
 *   host.c      VMX on and off per CPU, what the hardware offers
 *   loaded.c    which VMCS is active on which CPU; the host's state in it; load and put
 *   vmcs.c      VMCS: allocation, set-up, reset state, failed accesses
 *   policy.c    which controls follow from CPUID, disabled exits, debugging
 *   vmenter.S   world switch
 *   enter.c     around it: dirty fields, NMIs, what every exit reads
 *   exit.c, decode.h  exit reason and qualification to struct vm_exit
 *   state.c     control registers, descriptor tables, debug registers
 *   seg.c       segments
 *   msr.c       MSRs that the hardware holds; those switched on the way to user mode
 *   ept.c       EPT pointer, VPID, flushes
 *   shadow.c    from EPT to shadow tables and back
 *   inject.c    events into the guest, NMI blocking, windows
 *   apic.c      what the hardware knows of the guest's local APIC
 *   pml.c       the log of dirtied pages
 *   timer.c     the preemption timer
 *   pmu.c       the host's performance counters while a guest runs
 *   l1d.c       the flush of the L1 data cache that the host's L1TF setting asks for
 *   explain.c   which rule of VM entry the VMCS breaks
 *   block.c     the VMCS as fields, and against the rules of VM entry
 *   field.c     and where a field is kept, to write it
 *   dump.c      the VMCS in words; the audit of debug builds
 */
#ifndef VMX_INTEL_VT_H
#define VMX_INTEL_VT_H

#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/user-return-notifier.h>
#include <asm/desc_defs.h>

#include "backend.h"
#include "intel/l1d.h"
#include "intel/vmcs.h"
#include "intel/vmenter.h"
#include "pure/vt_apic.h"
#include "pure/vt_caps.h"
#include "vcpu.h"

/* ---- the host: constant after vt_host_check() ---- */

struct vt_host {
	struct vt_caps caps;		/* the capability MSRs */
	struct vt_controls c;		/* what was made of them */
	u64 cr4_supported;		/* by the CPU, whatever the kernel makes of it */
	u8 linear_bits;			/* of the CPU, whatever the kernel makes of it */
	u64 pat;			/* of the host; all CPUs have the same */
	u64 efer;
	u64 sysenter_eip;
	u32 sysenter_cs;
	bool spec_ctrl;			/* MSR SPEC_CTRL exists */
	bool rdtscp;
	bool rdpid;
	bool pmu;			/* perf drives counters on this host */
	bool timed_runs;		/* see vt_host_is_bochs() */
	bool guest_timer;		/* the preemption timer serves LAPICs */
	struct vt_apic_use apic;	/* virtual-interrupt delivery, posted interrupts */
};

extern struct vt_host vt_host;
extern struct vmx_backend_caps vt_backend_caps;

int vt_host_check(void);
int vt_host_setup(void);
void vt_host_teardown(void);
int vt_cpu_enable(void);
void vt_cpu_disable(void);
void vt_cpu_emergency_disable(void);

/* ---- a host CPU ---- */

/* MSRs of the guest that the host needs in user mode only: loaded before entry, back by a notifier. */
enum vt_user_msr {
	VT_UMSR_STAR,
	VT_UMSR_LSTAR,
	VT_UMSR_CSTAR,
	VT_UMSR_SFMASK,
	VT_UMSR_TSC_AUX,
	VT_NR_UMSRS
};

struct vt_vcpu;

struct vt_cpu {
	struct vt_vcpu *current_vmcs;	/* what VMPTRLD loaded last */
	struct desc_ptr gdt;		/* of the host: an exit leaves another limit */
	struct list_head active;	/* struct vt_vcpu.active_on: neither cleared nor elsewhere */
	bool enabled;
	void *vmxon;			/* the VMXON region */
	u64 vmxon_pa;
	struct vt_vcpu *last;		/* the guest that ran last, for the branch prediction barrier */
	bool switched_umsrs;		/* some are not the host's; the notifier is registered */
	u64 host_umsr[VT_NR_UMSRS];
	u64 umsr[VT_NR_UMSRS];		/* in the MSRs now */
	struct user_return_notifier return_notifier;
};

DECLARE_PER_CPU(struct vt_cpu, vt_cpus);

/* ---- a vCPU ---- */

/* vmenter.S reads this. */
struct vt_entry {
	u64 *regs;
	u64 host_rsp;		/* in the VMCS */
	u64 spec_guest;
	u64 spec_host;
	u32 flags;		/* VT_ENTRY_* */
};

static_assert(offsetof(struct vt_entry, regs) == VT_ENTRY_REGS);
static_assert(offsetof(struct vt_entry, host_rsp) == VT_ENTRY_HOST_RSP);
static_assert(offsetof(struct vt_entry, spec_guest) == VT_ENTRY_SPEC_GUEST);
static_assert(offsetof(struct vt_entry, spec_host) == VT_ENTRY_SPEC_HOST);
static_assert(offsetof(struct vt_entry, flags) == VT_ENTRY_FLAGS);
static_assert(VT_FIELD_HOST_RSP == VMCS_HOST_RSP);
static_assert(VCPU_RCX * 8 == VT_REG_RCX && VCPU_RBX * 8 == VT_REG_RBX);
static_assert(VCPU_RDI * 8 == VT_REG_RDI && VCPU_R15 * 8 == VT_REG_R15);

/* What makes an entry or an exit take the out-of-line way. */
enum vt_slow {
	VT_SLOW_FLUSH = 1 << 0,		/* drop this guest's translations */
	VT_SLOW_EVENT = 1 << 1,		/* the VM-entry interruption information is in use */
	VT_SLOW_DR6 = 1 << 2,		/* the guest has DR6 in the register */
	VT_SLOW_SHADOW = 1 << 3,	/* a shadow or RFLAGS was written: see vt_fix_pending_debug() */
	VT_SLOW_DEBUGCTL = 1 << 4,	/* the host's DEBUGCTL is not 0, to which exits set it */
	VT_SLOW_L1D = 1 << 5,		/* flush the L1 data cache before each entry */
	VT_SLOW_ORACLE = 1 << 6,	/* debug build */
	VT_SLOW_PEBS = 1 << 7,		/* the host's PEBS is to be quiet before the entry */
	VT_SLOW_TIMER = 1 << 8,		/* timer_tsc is set; no reason for the out-of-line way of exits */
	VT_SLOW_PML = 1 << 9,		/* writes are logged: exits empty the log */
	VT_SLOW_DELIVERY = 1 << 10,	/* the CPU delivers the LAPIC's interrupts: vt_vcpu.delivery */
	VT_SLOW_UNFIT = 1 << 11,	/* on EPT until the segments fit: each exit has them looked at */
};

/* An element of the lists of MSRs that entries and exits load: SDM 3C 24.7.2, 24.8.2. */
struct vt_msr_entry {
	u32 msr;
	u32 reserved;
	u64 value;
};

#define VT_NO_INTR_STATUS (~0U)	/* not known; it has 16 bits */

/* Of older CPUs one for each counter. */
#define VT_NR_PERF_MSRS 16

/* Control fields, each kept beside the VMCS: written when it changes, never read back. */
struct vt_ctl {
	u32 pin;
	u32 proc;
	u32 proc2;
	u32 exit;
	u32 exceptions;
	u32 tpr_threshold;
};

/* The host's part of the VMCS that changes from time to time. */
struct vt_host_state {
	u64 cr3;
	u64 cr4;
	u64 fs_base;
	u64 gs_base;
	u16 fs_sel;
	u16 gs_sel;
};

/* Segment fields that were read since the last exit, or written. */
struct vt_seg_cache {
	u32 valid;		/* bit 4 * seg + enum vt_seg_field */
	struct {
		u64 base;
		u32 limit;
		u32 ar;
		u16 selector;
	} seg[VCPU_NR_SEGS];
};

struct vt_vcpu {
	/* The exit path's data first. */
	struct vt_entry entry;
	u32 slow;			/* enum vt_slow */
	u32 avail_after_run;		/* of regs_avail: the others are in the VMCS */
	const u32 *vtpr;		/* the TPR in the LAPIC's page; without tpr_shadow no_tpr */
	u64 rip;			/* in the VMCS, as RFLAGS */
	u64 rflags;
	struct vt_ctl ctl;
	struct vt_seg_cache segs;
	struct vt_cpu *cpu;		/* where it is loaded */
	struct vcpu *vcpu;

	/* The VMCS. */
	void *vmcs;
	u64 vmcs_pa;
	bool initialised;		/* its fields have been written */
	int active_cpu;			/* where the VMCS is active; -1: it is clear */
	struct list_head active_on;	/* of struct vt_cpu; that CPU's, interrupts off */

	/* The host's state. */
	bool host_saved;		/* since vcpu_load */
	struct vt_host_state host;
	u16 host_ds, host_es;
	u16 host_ldt;
	u64 host_kernel_gs;
	u64 host_debugctl;

	/* The guest's. */
	u64 cr0_mask, cr4_mask;		/* bits whose writes exit, and that the shadow shows */
	u64 cr0_shadow, cr4_shadow;
	u64 dr6, dr7;
	bool spec_ctrl_passed;
	bool tpr_shadow;		/* CR8 is the TPR in the LAPIC's page; else its accesses exit */
	bool tpr_threshold_used;	/* what the TPR holds back waits for an exit */
	bool delivery;			/* virtual-interrupt delivery is on, with what goes with it */
	u32 intr_status;		/* with it, in the VMCS: the guest interrupt status */
	u64 eoi_exits[4];		/* in the VMCS: the EOI-exit bitmap */
	bool guest_syscall;		/* EFER.SCE: the SYSCALL set means something to the guest */
	bool guest_tsc_aux;		/* the guest can read TSC_AUX */
	u64 umsr[VT_NR_UMSRS];
	u64 kernel_gs;			/* while not loaded */
	u64 tsc_offset, tsc_ratio;
	u64 eptp;
	bool shadow_vm;			/* shadow paging while the guest has paging on; constant */
	bool shadow;			/* now: EPT is off; the guest's CR3 and EFER are in regs[] alone */
	bool segs_written;		/* since it was known that they fit */
	u64 pdptes[4];			/* then, of PAE paging; the pager reads them in memory */
	u64 pat;			/* the guest's MSR, with shadow_vm */
	u16 vpid;			/* 0: none was left */
	int last_cpu;
	unsigned long *msr_bitmap;
	void *vapic;			/* the LAPIC's page, with tpr_shadow: the virtual-APIC page */
	u32 no_tpr;			/* 0 */
	u64 *pml;			/* the log, a page; NULL: the CPU has none */
	u64 timer_tsc;			/* when the guest's run is to end; ~0: not */
	u64 run_end;			/* with timed_runs: likewise */
	struct vm_event injecting;	/* what the interruption information holds */
	struct vm_event injected;	/* and held at the last entry, if VT_SLOW_EVENT was set */
	bool audit_failed;		/* said so once */

	/* The host's counters (pmu.c). */
	unsigned int nr_perf_msrs;	/* in both lists */
	struct vt_msr_entry perf_guest[VT_NR_PERF_MSRS] __aligned(16);
	struct vt_msr_entry perf_host[VT_NR_PERF_MSRS] __aligned(16);
};

static __always_inline struct vt_vcpu *to_vt(struct vcpu *vcpu)
{
	return vcpu->backend;
}

/* The mode of an exit's instruction: exit.h. */
static_assert(VT_AR_L == BACKEND_CS_L << 4 && VT_AR_DB == BACKEND_CS_DB << 4);

/* ---- loaded.c ---- */
void vt_vcpu_load(struct vcpu *vcpu, int cpu);
void vt_vcpu_put(struct vcpu *vcpu);
void vt_prepare_enter(struct vcpu *vcpu);
void vt_vmcs_forget(struct vt_vcpu *vt);	/* clear it wherever it is active; may sleep */
void vt_clear_active(struct vt_cpu *cpu);	/* all of this CPU's; interrupts off */

/* ---- vmcs.c ---- */
void *vt_vmcs_alloc(int node);	/* with the revision in it; NULL: no memory */
void vt_vmcs_free(void *vmcs);
/* With the VMCS current. */
void vt_vmcs_init(struct vt_vcpu *vt);
void vt_vmcs_reset(struct vt_vcpu *vt, bool init);

/* ---- policy.c ---- */
void vt_update_policy(struct vcpu *vcpu);
void vt_set_pin(struct vt_vcpu *vt, u32 bits, bool on);
void vt_set_proc(struct vt_vcpu *vt, u32 bits, bool on);
void vt_set_proc2(struct vt_vcpu *vt, u32 bits, bool on);
void vt_set_exit(struct vt_vcpu *vt, u32 bits, bool on);
void vt_set_entry(u32 bits, bool on);
void vt_update_exceptions(struct vcpu *vcpu);
void vt_update_cr_masks(struct vcpu *vcpu);

/* ---- enter.c ---- */
void vt_enter(struct vcpu *vcpu);
void vt_handle_host_event(struct vcpu *vcpu);
int vt_vmenter(struct vt_entry *entry);
void vt_call_gate(unsigned long handler);
extern const char vt_vmexit[];

/* ---- exit.c ---- */
struct vm_event vt_take_vectoring(struct vcpu *vcpu, u32 info);

/* ---- state.c ---- */
void vt_reg_fetch(struct vcpu *vcpu, enum vcpu_reg reg);
void vt_write_crs(struct vcpu *vcpu);		/* from regs[], all four, to where they are now kept */
void vt_write_cr0(struct vt_vcpu *vt, u64 cr0);
void vt_write_cr4(struct vt_vcpu *vt, u64 cr4);
void vt_set_cr0(struct vcpu *vcpu, u64 cr0);
void vt_set_cr3(struct vcpu *vcpu, u64 cr3);
void vt_set_cr4(struct vcpu *vcpu, u64 cr4);
void vt_set_efer(struct vcpu *vcpu, u64 efer);
void vt_set_pdptes(struct vcpu *vcpu, const u64 pdptes[4]);
void vt_get_pdptes(struct vcpu *vcpu, u64 pdptes[4]);
void vt_get_gdt(struct vcpu *vcpu, struct vmx_dtable *out);
void vt_set_gdt(struct vcpu *vcpu, const struct vmx_dtable *in);
void vt_get_idt(struct vcpu *vcpu, struct vmx_dtable *out);
void vt_set_idt(struct vcpu *vcpu, const struct vmx_dtable *in);
void vt_set_dr7(struct vcpu *vcpu, u64 dr7);
void vt_set_dr6(struct vcpu *vcpu, u64 dr6);
u64 vt_get_dr6(struct vcpu *vcpu);
u64 vt_get_dr7(struct vcpu *vcpu);
void vt_pass_drs(struct vcpu *vcpu, bool pass);

static __always_inline u64 vt_read_cr0(const struct vt_vcpu *vt)
{
	return (vmcs_read(VMCS_GUEST_CR0) & ~vt->cr0_mask) | (vt->cr0_shadow & vt->cr0_mask);
}

static __always_inline u64 vt_read_cr4(const struct vt_vcpu *vt)
{
	return (vmcs_read(VMCS_GUEST_CR4) & ~vt->cr4_mask) | (vt->cr4_shadow & vt->cr4_mask);
}

/* ---- seg.c ---- */
void vt_get_segment(struct vcpu *vcpu, enum vcpu_seg seg, struct vmx_segment *out);
void vt_set_segment(struct vcpu *vcpu, enum vcpu_seg seg, const struct vmx_segment *in);
u64 vt_seg_base(struct vcpu *vcpu, enum vcpu_seg seg);
int vt_cpl(struct vcpu *vcpu);
unsigned int vt_cs_flags(struct vcpu *vcpu);
u32 vt_seg_ar(struct vt_vcpu *vt, enum vcpu_seg seg);
void vt_reset_segments(struct vt_vcpu *vt);

/* ---- msr.c ---- */
extern const u32 vt_umsr_numbers[VT_NR_UMSRS];
int vt_get_msr(struct vcpu *vcpu, u32 msr, u64 *val);
int vt_set_msr(struct vcpu *vcpu, u32 msr, u64 val);
void vt_set_tsc(struct vcpu *vcpu, u64 offset, u64 ratio);
void vt_load_umsrs(struct vt_vcpu *vt);		/* interrupts off */
void vt_umsrs_changed(struct vt_vcpu *vt);	/* which of them the guest can use */
void vt_restore_umsrs(struct vt_cpu *cpu);	/* interrupts off, on that CPU */
void vt_umsr_cpu_init(struct vt_cpu *cpu);
void vt_msr_bitmap_update(struct vcpu *vcpu);

/* ---- pmu.c ---- */
void vt_switch_perf(struct vt_vcpu *vt);	/* before a series of entries; interrupts off */

/* ---- ept.c ---- */
void vt_set_root(struct vcpu *vcpu, u64 root, unsigned int levels, bool nested);
void vt_flush_tlb(struct vcpu *vcpu);
void vt_flush_gva(struct vcpu *vcpu, u64 gva);
void vt_flush_now(struct vt_vcpu *vt);		/* interrupts off, loaded */
void vt_flush_cpu(void);			/* all that this CPU ever cached of guests */
void vt_vpid_alloc(struct vt_vcpu *vt);
void vt_vpid_free(struct vt_vcpu *vt);

/* ---- shadow.c ---- */
void vt_set_shadow_paging(struct vcpu *vcpu, bool on);
bool vt_shadow_fits(struct vcpu *vcpu);
u64 vt_shadow_cr0_mask(const struct vt_vcpu *vt);
u64 vt_shadow_cr4_mask(const struct vt_vcpu *vt);
u64 vt_get_pat(const struct vt_vcpu *vt);
void vt_set_pat(struct vt_vcpu *vt, u64 pat);

/* ---- inject.c ---- */
bool vt_irq_allowed(struct vcpu *vcpu);
bool vt_nmi_allowed(struct vcpu *vcpu);
void vt_inject(struct vcpu *vcpu, const struct vm_event *event);
void vt_cancel_injection(struct vcpu *vcpu, struct vm_event *event);
void vt_request_irq_window(struct vcpu *vcpu);
void vt_request_nmi_window(struct vcpu *vcpu);
u32 vt_get_shadow(struct vcpu *vcpu);
void vt_set_shadow(struct vcpu *vcpu, u32 shadow);
bool vt_get_nmi_mask(struct vcpu *vcpu);
void vt_set_nmi_mask(struct vcpu *vcpu, bool masked);
void vt_unhalt(struct vt_vcpu *vt);
void vt_fix_pending_debug(struct vcpu *vcpu, struct vt_vcpu *vt);

/* ---- pml.c ---- */
int vt_pml_create(struct vt_vcpu *vt);		/* 0 or -ENOMEM */
void vt_pml_destroy(struct vt_vcpu *vt);
void vt_pml_init(struct vt_vcpu *vt);		/* the VMCS current, its fields being written */
void vt_pml_update(struct vcpu *vcpu);
void vt_pml_empty(struct vt_vcpu *vt);		/* right after an exit */

/* ---- timer.c ---- */
void vt_timer_init(struct vt_vcpu *vt);		/* the VMCS current, its fields being written */
void vt_set_timer(struct vcpu *vcpu, u64 tsc);
void vt_timer_enter(struct vt_vcpu *vt);
void vt_timer_exit(struct vt_vcpu *vt, struct vm_exit *exit);

/* ---- apic.c ---- */
void vt_apic_init(struct vt_vcpu *vt);		/* the VMCS current, its fields being written */
void vt_apic_update(struct vcpu *vcpu);	/* the controls */
void vt_apic_mode(struct vcpu *vcpu);	/* and the MSR bitmap */
void vt_delivery_enter(struct vt_vcpu *vt);	/* with VT_SLOW_DELIVERY, just before an entry */
void vt_delivery_exit(struct vt_vcpu *vt);	/* right after an exit */
void vt_update_tpr_threshold(struct vcpu *vcpu, int tpr, int pending_class);

/* ---- explain.c ---- */
void vt_explain_refusal(struct vcpu *vcpu);	/* which rules of VM entry the VMCS breaks, in words */

/* ---- block.c ---- */
unsigned int vt_get_block(struct vcpu *vcpu, struct vmx_x_field *fields);
unsigned int vt_check_block(struct vcpu *vcpu, vm_violation_report *report, void *ctx);

/* ---- field.c ---- */

unsigned int vt_field_width_bytes(u32 id);
enum vm_field_home vt_field_home(u32 id, u64 val, struct vm_field_write *w);
bool vt_write_field(struct vcpu *vcpu, u32 id, u64 val);

/* ---- dump.c ---- */
void vt_dump(struct vcpu *vcpu);
bool vt_audit(struct vcpu *vcpu);

#endif /* VMX_INTEL_VT_H */
