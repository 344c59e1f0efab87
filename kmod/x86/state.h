/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the x86 part keeps per VM and per vCPU, for the files of x86/ alone. Others use x86.h.
 *
 * A vCPU's state belongs to the holder of vcpu->mutex; a VM's has its lock beside it.
 */
#ifndef VMX_X86_STATE_H
#define VMX_X86_STATE_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <asm/fpu/types.h>

#include "gmem.h"
#include "pure/cpuid.h"
#include "pure/msr.h"
#include "uapi/vmx_para.h"
#include "vcpu.h"
#include "vm.h"
#include "x86/hyperv.h"

/* ---- host, constant after x86_module_init() ---- */

struct x86_host {
	struct cpuid_env env;
	struct cpuid_xstate xstate;
	u64 xcr0;	   /* as the host runs */
	u64 xss;
	u64 guest_xcr0;	   /* components that a guest may have */
	u64 arch_cap;	   /* offered ARCH_CAPABILITIES */
	u64 spec_ctrl;	   /* bits of SPEC_CTRL that the CPU lets one write */
	u64 de_cfg;
	u64 ucode_rev;
	unsigned int nr_supported; /* entries of the supported list */
	struct vmx_cpuid_entry2 supported[CPUID_MAX_SUPPORTED];
};

extern struct x86_host x86_host;

/* ---- VM ---- */

#define X86_MAX_MC_BANKS 32

/* A host TSC and the two clocks at the same instant. */
struct clock_sample {
	u64 tsc;
	u64 boot_ns;
	u64 real_ns;
};

struct vm_x86 {
	/*
	 * The guest's clock, in ns: boot_ns + clock_offset; with .master all vCPUs extrapolate from
	 * one sample by TSC, so they agree to the tick. clock_lock: taken inside vcpu->mutex.
	 */
	struct mutex clock_lock;
	s64 clock_offset;
	bool master;
	bool stale;		/* the host's TSC jumped: the sample is of another count */
	struct clock_sample sample;
	u64 sample_nr;		/* counts samples */
	u64 last_spread_ns;	/* when all vCPUs were last asked to rewrite their page */

	/* Writes of the TSC that belong together (x86/tsc.c). */
	raw_spinlock_t tsc_lock;
	u64 tsc_last_write;
	u64 tsc_last_ns;
	u64 tsc_last_offset;
	u32 tsc_last_khz;
	u32 tsc_default_khz;

	/* Capabilities that the VMM has enabled. */
	bool exception_payload;
	bool triple_fault_event;
	bool exit_on_emulation_failure;
	bool hide_platform_info;	/* the guest may not read it */
	u32 msr_exits;		/* VMX_MSR_EXIT_REASON_* */
	u64 hypercall_exits;	/* bit n: hypercall n */
	struct msr_filter __rcu *msr_filter;	/* x86/msr_user.c */

	struct vm_hv hv;	/* x86/hyperv.h */

	u64 tss_addr;		/* only stored: no backend needs them */
	u64 identity_map_addr;
};

/* ---- vCPU ---- */

struct vcpu_apf;	/* asyncpf.c */

struct vcpu_x86 {
	/* CPUID; never NULL, empty before SET_CPUID2 */
	struct cpuid_table *cpuid;
	u64 cr4_allowed;
	u64 efer_allowed;
	bool ran;		/* the guest has seen its CPUID: no more changes */

	/* FPU */
	struct fpu_guest fpu;
	u64 xcr0;
	bool xcr0_loaded;	/* between x86_fpu_enter() and x86_fpu_leave() */
	u64 xss;
	u32 pkru;
	u32 host_pkru;
	bool switch_pkru;	/* host and guest have protection keys */
	bool switch_rest;	/* PKRU or XSS have to be switched */

	/* debug registers; DR6 is the backend's */
	u64 db[4];
	u64 dr7;
	u64 guest_db[4];	/* the VMM's breakpoints, with VMX_GUESTDBG_USE_HW_BP */
	u64 guest_dr7;
	bool dr_passed;		/* accesses do not exit: DR0-3 and DR7 are in the hardware */

	/* TSC: guest = host * ratio + offset */
	u64 tsc_offset;
	u64 tsc_ratio;		/* 0: no scaling */
	u64 tsc_adjust;
	u64 last_host_tsc;
	u32 tsc_khz;
	int last_cpu;

	/* kvmclock */
	u64 system_time;	/* MSR value */
	struct gmem_cache clock_page;
	u64 wall_clock;
	u32 clock_version;
	bool guest_stopped;

	/* steal time */
	u64 steal_time;		/* MSR value */
	struct gmem_cache steal_page;
	u64 last_run_delay;
	struct task_struct *last_task;	/* only compared */
	bool steal_marked;	/* the preempted byte may be set */

	struct vcpu_apf *apf;

	/* RDMSR or WRMSR that the VMM serves */
	u64 msr_rip;
	u8 msr_len;
	bool msr_write;

	bool pv_enforce;	/* PV services that CPUID does not show are refused */
	struct vcpu_hv *hv;	/* Hyper-V's part, or NULL; published with release */

	/* system management mode */
	u64 smbase;
	u64 smi_count;
	bool smm_inside_nmi;	/* the SMI came in an NMI handler */

	/* MSRs without effect, and those whose effect is elsewhere */
	u64 misc_enable;
	u64 platform_info;
	u64 power_ctl;
	u64 ucode_rev;
	u64 arch_cap;
	u64 de_cfg;
	u64 hwcr;
	u64 poll_control;
	u64 mtrr[MSR_MTRR_COUNT];

	/* machine check */
	u64 mcg_cap;
	u64 mcg_status;
	u64 mcg_ctl;
	u64 mc[4 * X86_MAX_MC_BANKS];
};

/* ---- between the files of x86/ ---- */

/* cpuid.c */
int cpuid_host_init(void);
int cpuid_vcpu_create(struct vcpu *vcpu);
void cpuid_vcpu_destroy(struct vcpu *vcpu);
/* XCR0, XSS, MISC_ENABLE changed: what CPUID shows of them. */
void cpuid_vcpu_refresh(struct vcpu *vcpu);
/* @entries to the VMM's list; -E2BIG if it is too small, and then nothing is written. */
long cpuid_copy_list(struct vmx_cpuid2 __user *argp, const struct vmx_cpuid_entry2 *entries, u32 nent);
long cpuid_dev_ioctl(unsigned int cmd, unsigned long arg);
long cpuid_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);

/* msr.c */
void msr_vcpu_reset(struct vcpu *vcpu);
long msr_dev_ioctl(unsigned int cmd, unsigned long arg);
long msr_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);

/* regs.c, sregs.c, events.c, debugregs.c, guestdebug.c, fpu.c, mce.c */
void regs_get(struct vcpu *vcpu, u64 regs[18]);		/* struct vmx_regs */
void regs_set(struct vcpu *vcpu, const u64 regs[18]);
void sregs_get(struct vcpu *vcpu, struct vmx_sregs *s);
long sregs_set(struct vcpu *vcpu, const struct vmx_sregs *s);	/* 0 or -EINVAL */
/* Control registers and CS as one state; and loading it, with all segments and tables, but CR2, CR8, APIC base. */
bool sregs_state_valid(struct vcpu *vcpu, const struct vmx_sregs *s);
void sregs_load(struct vcpu *vcpu, const struct vmx_sregs *s);
void events_get(struct vcpu *vcpu, struct vmx_vcpu_events *e);
long events_set(struct vcpu *vcpu, const struct vmx_vcpu_events *e);
long regs_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);
long sregs_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);
long events_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);
long debugregs_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);
void debugregs_vcpu_reset(struct vcpu *vcpu);
void debugregs_restore(struct vcpu *vcpu, u64 dr6, u64 dr7);	/* what the registers lack is cut off */
/* guest_debug or the VMM's DR7 changed. */
void debugregs_reload(struct vcpu *vcpu);
u64 debugregs_effective_dr7(struct vcpu *vcpu);
long guestdebug_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);
long fpu_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);
void fpu_vcpu_reset(struct vcpu *vcpu);
/* fpu_run.c; once, after the fpstate was allocated. */
void fpu_choose_way(struct vcpu *vcpu);
/* The guest's CPUID or its XSS is another: what follows from it. */
void fpu_cpuid_changed(struct vcpu *vcpu);
/* Take XCR0 over from the register, if the guest's is in it. */
void fpu_read_xcr0(struct vcpu *vcpu);
long mce_dev_ioctl(unsigned int cmd, unsigned long arg);
long mce_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);
void mce_vcpu_reset(struct vcpu *vcpu);
int mce_msr_read(struct vcpu *vcpu, u32 msr, u64 *val);	/* 0, 1: #GP */
int mce_msr_write(struct vcpu *vcpu, u32 msr, u64 val);

/* tsc.c */
void tsc_vm_init(struct vm *vm);
void tsc_vcpu_create(struct vcpu *vcpu);
/* The host's TSC is @now, less than when the vCPU was last loaded. Preemption off. */
void tsc_went_back(struct vcpu *vcpu, u64 now);
/* WRMSR TSC by the guest or by the VMM, and TSC_ADJUST. May sleep. */
void tsc_write_guest(struct vcpu *vcpu, u64 val);
void tsc_write_host(struct vcpu *vcpu, u64 val);
void tsc_adjust_write(struct vcpu *vcpu, u64 val, bool host);
long tsc_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);
long tsc_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);

/* What the guest's counter really counts in a second: without a ratio that is the host's, near as @tsc_khz may be. */
u32 tsc_real_khz(const struct vcpu_x86 *x);

/* host_clock.c: the host's own time is its TSC, the same on all CPUs and of one rate. Any context. */
bool host_clock_is_tsc(void);
int host_clock_init(void);
void host_clock_exit(void);

/* kvmclock.c */
void clock_vm_init(struct vm *vm);
void clock_vcpu_reset(struct vcpu *vcpu);
void clock_vcpu_load(struct vcpu *vcpu, int cpu);	/* preemption off */
int clock_write_system_time(struct vcpu *vcpu, u64 val);	/* 0, 1: #GP */
int clock_write_wall_clock(struct vcpu *vcpu, u64 val);
/* TSC offsets or the offset of the clock changed: one sample for all again. May sleep. */
void clock_resample(struct vm *vm);
void clock_sample(struct clock_sample *s);
/* clock_lock held: the VM's sample can still be extrapolated, or is replaced. */
void clock_check_sample(struct vm *vm);
/* The guest's clock now, ns. clock_lock held, the sample checked. */
u64 clock_now(const struct vm_x86 *v);
long clock_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);
long clock_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);

/* pv.c */
/* Did 64-bit code make the hypercall? Right after the exit. */
bool hypercall_wide(struct vcpu *vcpu);
/* May the guest use the service of this VMX_PV_FEATURE_* bit? Also with interrupts off. */
bool pv_allowed(struct vcpu *vcpu, unsigned int feature);
void steal_vcpu_reset(struct vcpu *vcpu);
void steal_vcpu_load(struct vcpu *vcpu);	/* preemption off */
void steal_vcpu_preempted(struct vcpu *vcpu);	/* preemption off */
int steal_write_msr(struct vcpu *vcpu, u64 val);	/* 0, 1: #GP */

/* caps.c */
long caps_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);
long caps_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);

#endif /* VMX_X86_STATE_H */
