/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The AMD backend's own: what it knows of the host, of a CPU and of a vCPU, and what its files
 * offer each other.
 *
 *   svm.c       the ops table, life of a vCPU, load and put
 *   host.c      SVM on and off per CPU, what the hardware offers
 *   vmcb.c      control block: set-up, reset state
 *   intercept.c which intercepts follow from CPUID, disabled exits, debugging, control registers
 *   vmenter.S   world switch
 *   enter.c     around it: dirty fields, ASID, TLB flush
 *   exit.c, decode.h  EXITCODE to struct vm_exit
 *   state.c     control registers, segments, tables, debug registers
 *   msr.c       MSRs that the hardware holds; SPEC_CTRL, TSC_AUX, TSC ratio
 *   permmap.c   MSR and port permission maps
 *   asid.c      address space identifiers
 *   inject.c    events into the guest, NMI masking, windows
 *   debug.c     single steps and breakpoints of the VMM
 *   oracle.c    debug builds: what the clean bits claim, against a copy
 *   dump.c      the control block in words
 *   block.c     the control block as fields, and against the rules of VMRUN
 *   field.c     and where a field is kept, to write it
 */
#ifndef VMX_AMD_SVM_H
#define VMX_AMD_SVM_H

#include <linux/percpu.h>
#include <linux/user-return-notifier.h>

#include "amd/vmcb.h"
#include "amd/vmenter.h"
#include "backend.h"
#include "vcpu.h"

/* ---- the host: constant after svm_host_check() ---- */

struct svm_host {
	u32 nr_asids;
	bool npt;
	bool lbrv;
	bool nrips;
	bool tsc_ratio;
	bool clean_bits;
	bool flush_by_asid;
	bool decode_assists;
	bool pause_filter;
	bool pause_threshold;
	bool v_spec_ctrl;
	bool vnmi;
	bool spec_ctrl;		/* MSR SPEC_CTRL exists */
	bool virq_inject;	/* interrupts by V_IRQ, not by EVENTINJ: see inject.c */
	bool int3_is_intn;	/* no #BP intercept for INT3, but that of INT n: debug.c */
	bool rdtscp;
	bool rdpid;
	bool rdpru;
	bool mcommit;
	bool invlpgb;
	bool invpcid;
	u64 cr4_supported;	/* by the CPU, whatever the kernel makes of it */
};

extern struct svm_host svm_host;
extern struct vmx_backend_caps svm_caps;

int svm_host_check(void);
int svm_host_setup(void);
void svm_host_teardown(void);
int svm_cpu_enable(void);
void svm_cpu_disable(void);
void svm_cpu_emergency_disable(void);

/* ---- a host CPU ---- */

#define SVM_TSC_RATIO_ONE (1ULL << 32)	/* 8.32 fixed point: APM 2 15.30.5 */

struct svm_cpu {
	u64 asid_generation;	/* ASIDs of older generations are void here */
	u32 next_asid;
	bool enabled;
	bool switched_tsc_aux;	/* TSC_AUX is not the host's; the notifier is registered */
	u64 host_pa;		/* VMSAVE area of the host */
	void *host_area;
	void *hsave_area;	/* VM_HSAVE_PA: the CPU's own, never looked at */
	u64 hsave_pa;
	u64 tsc_ratio;		/* in the MSR now */
	u64 host_tsc_aux;
	u64 tsc_aux;		/* in the MSR now */
	struct vmcb *last;	/* the guest that ran last, for the branch prediction barrier */
	struct user_return_notifier return_notifier;
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpus);

/* ---- a vCPU ---- */

/* vmenter.S reads this. */
struct svm_entry {
	u64 *regs;
	u64 vmcb_pa;
	u64 host_pa;
	u64 spec_guest;
	u64 spec_host;
	u32 flags;		/* SVM_ENTRY_* */
};

static_assert(offsetof(struct svm_entry, regs) == SVM_ENTRY_REGS);
static_assert(offsetof(struct svm_entry, vmcb_pa) == SVM_ENTRY_VMCB_PA);
static_assert(offsetof(struct svm_entry, host_pa) == SVM_ENTRY_HOST_PA);
static_assert(offsetof(struct svm_entry, spec_guest) == SVM_ENTRY_SPEC_GUEST);
static_assert(offsetof(struct svm_entry, spec_host) == SVM_ENTRY_SPEC_HOST);
static_assert(offsetof(struct svm_entry, flags) == SVM_ENTRY_FLAGS);
static_assert(VCPU_RCX * 8 == SVM_REG_RCX && VCPU_RBX * 8 == SVM_REG_RBX);
static_assert(VCPU_RDI * 8 == SVM_REG_RDI && VCPU_R15 * 8 == SVM_REG_R15);

/* What makes an entry or an exit take the out-of-line way. */
enum svm_slow {
	SVM_SLOW_FLUSH = 1 << 0,	/* flush this guest's translations */
	SVM_SLOW_STEP = 1 << 1,		/* RFLAGS.TF is ours */
	SVM_SLOW_EVENT = 1 << 2,	/* EVENTINJ, V_NMI or svm->virq is in use */
	SVM_SLOW_VNMI = 1 << 3,		/* V_NMI is in use */
	SVM_SLOW_ORACLE = 1 << 4,	/* debug build */
	SVM_SLOW_SHADOW = 1 << 5,	/* the next entry is into an interrupt shadow */
	SVM_SLOW_DEBUG = 1 << 6,	/* the VMM steps or has breakpoints: debug.c */
};

/* Blocking of NMIs without virtual NMI; inject.c draws the state machine. */
enum svm_nmi_state {
	SVM_NMI_OPEN,
	SVM_NMI_MASKED,		/* IRET is intercepted */
	SVM_NMI_IRET,		/* at the IRET that will unmask */
};

struct svm_vcpu {
	struct vmcb *vmcb;
	struct svm_cpu *cpu;		/* where it is loaded */
	struct svm_entry entry;
	u64 asid_generation;
	u32 slow;			/* enum svm_slow */
	u32 avail_after_run;		/* bits of enum vcpu_reg that an exit leaves known */
	bool host_saved;		/* since vcpu_load */
	bool cr0_passed;		/* CR0 in the VMCB is the guest's, accesses do not exit */
	bool cr4_passed;
	bool cr4_pass_allowed;		/* by CPUID */
	bool nested;			/* nested paging, else shadow */
	u8 nmi_state;			/* enum svm_nmi_state */
	bool drs_passed;
	bool step;			/* single step for an NMI window */
	bool step_guest_tf;		/* the guest's own RFLAGS.TF meanwhile */
	bool debug_step;		/* the VMM steps */
	bool debug_event;		/* and the last entry had an event to deliver */
	bool debug_tf;			/* else: the guest's own RFLAGS.TF */
	u64 debug_dr6;			/* the guest's DR6, while ours is in the block */
	bool tpr_watched;		/* writes of CR8 exit: an interrupt waits for a lower TPR */
	bool virq;			/* V_IRQ holds an interrupt that the guest is to take */
	bool soft_injected;		/* EVENTINJ holds an event whose RIP was adjusted */
	bool guest_tsc_aux;		/* the guest can read TSC_AUX */
	bool spec_ctrl_passed;		/* the guest writes SPEC_CTRL itself */
	u8 soft_len;			/* of the injected INT n, when its delivery was cut short */
	int last_cpu;
	u64 iret_rip;
	u64 soft_rip;			/* of the instruction that raised the injected event */
	u64 soft_next_rip;
	u64 inj_event;			/* EVENTINJ of the last entry that had one */
	u64 inj_rip;
	u64 root;
	u64 step_dr6;
	u64 tsc_offset;
	u64 tsc_ratio;
	u64 tsc_aux;
	unsigned long *msrpm;
#ifdef VMX_DEBUG
	struct vmcb *oracle_copy;	/* what the CPU has seen last */
	u64 oracle_asid_generation;
	const struct svm_cpu *oracle_cpu;	/* its ASIDs are not another's */
	bool oracle_valid;
	bool oracle_failed;
#endif
};

static __always_inline struct svm_vcpu *to_svm(struct vcpu *vcpu)
{
	return vcpu->backend;
}

/* Fields of group @bits (enum svm_clean) were written. */
static __always_inline void svm_dirty(struct svm_vcpu *svm, u32 bits)
{
	svm->vmcb->control.clean &= ~bits;
}

static __always_inline bool svm_intercepted(const struct svm_vcpu *svm, unsigned int n)
{
	return svm->vmcb->control.intercept[n / 32] & BIT(n % 32);
}

static __always_inline void svm_intercept(struct svm_vcpu *svm, unsigned int n, bool on)
{
	u32 *word = &svm->vmcb->control.intercept[n / 32];
	u32 val = on ? *word | BIT(n % 32) : *word & ~(u32)BIT(n % 32);

	if (val != *word) {
		*word = val;
		svm_dirty(svm, SVM_CLEAN_I);
	}
}

/* ---- vmcb.c ---- */
void svm_vmcb_init(struct svm_vcpu *svm);
void svm_vmcb_reset(struct svm_vcpu *svm, bool init);

/* ---- intercept.c ---- */
/* Those that every control block that is ever run has set. */
extern const u8 svm_mandatory_intercepts[];
extern const unsigned int svm_nr_mandatory_intercepts;
void svm_update_policy(struct vcpu *vcpu);
void svm_update_cr_intercepts(struct vcpu *vcpu);
void svm_update_exc_intercepts(struct vcpu *vcpu);

/* ---- enter.c ---- */
void svm_prepare_enter(struct vcpu *vcpu);
void svm_enter(struct vcpu *vcpu);
void svm_handle_host_event(struct vcpu *vcpu);
int svm_vmenter(struct svm_entry *entry);

/* ---- exit.c ---- */
void svm_exit_table_init(void);	/* after svm_host is known */

/* ---- state.c ---- */
void svm_reg_fetch(struct vcpu *vcpu, enum vcpu_reg reg);
void svm_set_cr0(struct vcpu *vcpu, u64 cr0);
void svm_set_cr3(struct vcpu *vcpu, u64 cr3);
void svm_set_cr4(struct vcpu *vcpu, u64 cr4);
void svm_set_efer(struct vcpu *vcpu, u64 efer);
void svm_fetch_crs(struct vcpu *vcpu);	/* make regs[] hold CR0, CR3, CR4 and EFER */
void svm_get_segment(struct vcpu *vcpu, enum vcpu_seg seg, struct vmx_segment *out);
void svm_set_segment(struct vcpu *vcpu, enum vcpu_seg seg, const struct vmx_segment *in);
u64 svm_seg_base(struct vcpu *vcpu, enum vcpu_seg seg);
int svm_cpl(struct vcpu *vcpu);
unsigned int svm_cs_flags(struct vcpu *vcpu);
void svm_get_gdt(struct vcpu *vcpu, struct vmx_dtable *out);
void svm_set_gdt(struct vcpu *vcpu, const struct vmx_dtable *in);
void svm_get_idt(struct vcpu *vcpu, struct vmx_dtable *out);
void svm_set_idt(struct vcpu *vcpu, const struct vmx_dtable *in);
void svm_set_dr7(struct vcpu *vcpu, u64 dr7);
void svm_set_dr6(struct vcpu *vcpu, u64 dr6);
u64 svm_get_dr6(struct vcpu *vcpu);
u64 svm_get_dr7(struct vcpu *vcpu);
void svm_pass_drs(struct vcpu *vcpu, bool pass);
bool svm_shadow_fits(struct vcpu *vcpu);
void svm_set_root(struct vcpu *vcpu, u64 root, unsigned int levels, bool nested);

/* ---- msr.c ---- */
int svm_get_msr(struct vcpu *vcpu, u32 msr, u64 *val);
int svm_set_msr(struct vcpu *vcpu, u32 msr, u64 val);
void svm_set_tsc(struct vcpu *vcpu, u64 offset, u64 ratio);
void svm_load_msrs(struct svm_vcpu *svm);	/* TSC ratio, TSC_AUX; preemption off */
/* Nothing to do for svm_load_msrs(). Without the feature the ratio is 1 everywhere. */
static __always_inline bool svm_msrs_loaded(const struct svm_vcpu *svm)
{
	return svm->cpu->tsc_ratio == svm->tsc_ratio &&
	       (!svm->guest_tsc_aux || svm->cpu->tsc_aux == svm->tsc_aux);
}
void svm_restore_tsc_aux(struct svm_cpu *cpu);	/* interrupts off, on that CPU */

/* ---- permmap.c ---- */
int svm_iopm_create(void);
void svm_iopm_destroy(void);
u64 svm_iopm_pa(void);
int svm_msrpm_create(struct svm_vcpu *svm);
void svm_msrpm_destroy(struct svm_vcpu *svm);
void svm_msrpm_update(struct vcpu *vcpu);

/* ---- asid.c ---- */
void svm_asid_cpu_init(struct svm_cpu *cpu);
void svm_asid_new(struct svm_vcpu *svm);	/* interrupts off */
void svm_asid_flush(struct svm_vcpu *svm);	/* interrupts off */
void svm_flush_tlb(struct vcpu *vcpu);
void svm_flush_gva(struct vcpu *vcpu, u64 gva);

/* ---- inject.c ---- */
bool svm_irq_allowed(struct vcpu *vcpu);
bool svm_nmi_allowed(struct vcpu *vcpu);
void svm_inject(struct vcpu *vcpu, const struct vm_event *event);
void svm_cancel_injection(struct vcpu *vcpu, struct vm_event *event);
void svm_request_irq_window(struct vcpu *vcpu);
void svm_request_nmi_window(struct vcpu *vcpu);
u32 svm_get_shadow(struct vcpu *vcpu);
void svm_set_shadow(struct vcpu *vcpu, u32 shadow);
void svm_keep_shadow(struct svm_vcpu *svm);
bool svm_get_nmi_mask(struct vcpu *vcpu);
void svm_set_nmi_mask(struct vcpu *vcpu, bool masked);
void svm_update_tpr_threshold(struct vcpu *vcpu, int tpr, int pending_class);
void svm_end_irq_window(struct svm_vcpu *svm);
void svm_end_step(struct vcpu *vcpu);
/* For enter.c and exit.c. */
void svm_event_exit(struct vcpu *vcpu);	/* EVENTINJ or V_NMI was in use */
void svm_step_exit(struct vcpu *vcpu);	/* any exit while stepping, after decoding */
void svm_iret_exit(struct vcpu *vcpu);
struct vm_event svm_decode_event(struct svm_vcpu *svm, u64 info);

/* ---- debug.c ---- */
void svm_update_debug(struct vcpu *vcpu);
void svm_debug_enter(struct vcpu *vcpu, struct svm_vcpu *svm);
void svm_debug_exit(struct vcpu *vcpu, struct svm_vcpu *svm);

/* ---- oracle.c ---- */
#ifdef VMX_DEBUG
int svm_oracle_create(struct svm_vcpu *svm);
void svm_oracle_destroy(struct svm_vcpu *svm);
void svm_oracle_before(struct vcpu *vcpu, struct svm_vcpu *svm);
void svm_oracle_after(struct vcpu *vcpu, struct svm_vcpu *svm);
#else
static inline int svm_oracle_create(struct svm_vcpu *svm)
{
	return 0;
}
static inline void svm_oracle_destroy(struct svm_vcpu *svm)
{
}
static inline void svm_oracle_before(struct vcpu *vcpu, struct svm_vcpu *svm)
{
}
static inline void svm_oracle_after(struct vcpu *vcpu, struct svm_vcpu *svm)
{
}
#endif
bool svm_audit(struct vcpu *vcpu);

/* ---- dump.c ---- */
void svm_dump(struct vcpu *vcpu);

/* ---- block.c ---- */
unsigned int svm_get_block(struct vcpu *vcpu, struct vmx_x_field *fields);
unsigned int svm_check_block(struct vcpu *vcpu, vm_violation_report *report, void *ctx);

/* ---- field.c ---- */

unsigned int svm_field_width(u32 id);
enum vm_field_home svm_field_home(u32 id, u64 val, struct vm_field_write *w);
bool svm_write_field(struct vcpu *vcpu, u32 id, u64 val);

#endif /* VMX_AMD_SVM_H */
