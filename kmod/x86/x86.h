/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The x86 part of VM and vCPU that no backend needs to know: CPUID, MSR values, clocks, PV areas, FPU,
 * debug registers, and the ioctls on them.
 */
#ifndef VMX_X86_X86_H
#define VMX_X86_X86_H

#include <linux/types.h>
#include <asm/debugreg.h>

#include "vcpu.h"
#include "vm.h"

/* ---- life (x86/x86.c) ---- */
int x86_module_init(void);	/* host CPUID and MSR tables; after the backend's host_setup */
void x86_module_exit(void);
int x86_vm_create(struct vm *vm);
void x86_vm_destroy(struct vm *vm);
int x86_vcpu_create(struct vcpu *vcpu);
void x86_vcpu_destroy(struct vcpu *vcpu);
void x86_vcpu_reset(struct vcpu *vcpu, bool init);	/* MSRs, FPU, debug registers, PV areas */
void x86_vcpu_load(struct vcpu *vcpu, int cpu);		/* TSC on this CPU, steal time; preemption off */
void x86_vcpu_preempted(struct vcpu *vcpu);		/* steal time: tell; preemption off */

/* ---- ioctls; -ENOIOCTLCMD: not one of these ---- */
long x86_dev_ioctl(unsigned int cmd, unsigned long arg);	/* SUPPORTED_CPUID, MSR lists, feature MSRs */
long x86_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);	/* clock, TSC, TSS_ADDR, caps */
/* Everything on registers: REGS, SREGS(2), FPU, XSAVE, XCRS, MSRS, CPUID2, DEBUGREGS, VCPU_EVENTS, ... */
long x86_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);
/* CHECK_EXTENSION; @vm NULL on the system fd. */
int x86_check_extension(struct vm *vm, u32 cap);

/*
 * VMX_CAP_SYNC_REGS (x86/sync_regs.c): registers that struct vmx_run carries. load: what the VMM has marked
 * dirty; 0 or -EINVAL. store: what it wants to see.
 */
int sync_regs_load(struct vcpu *vcpu);
void sync_regs_store(struct vcpu *vcpu);

/* The PDPTEs of PAE paging into the backend, from where CR3 points (REQ_LOAD_PDPTES); may sleep. */
void x86_load_pdptes(struct vcpu *vcpu);
/*
 * x86_pdptes_refused() - would the guest's load of control registers to these values raise #GP for a PDPTE (SDM 3A
 * 4.4.1)? Only asked of VMs with shadow paging: else the hardware has looked. May sleep.
 */
bool x86_pdptes_refused(struct vcpu *vcpu, u64 cr0, u64 cr3, u64 cr4);

/* ---- CPUID (x86/cpuid.c) ---- */
/* What the guest sees for CPUID; never sleeps, interrupts may be off. */
void x86_cpuid(struct vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
/* CPUID on regs[], which hold the guest's RAX to RDX. Likewise. */
void x86_cpuid_exec(struct vcpu *vcpu);
/* A single feature of the guest's CPUID, cached bits (x86/cpuid.h lists them). */
u64 x86_cr4_guest_allowed(struct vcpu *vcpu);	/* CR4 bits that host and guest CPUID allow */
u64 x86_efer_guest_allowed(struct vcpu *vcpu);
u64 x86_xcr0_guest_allowed(struct vcpu *vcpu);
unsigned int x86_maxphyaddr(struct vcpu *vcpu);

/* ---- MSRs (x86/msr.c) ---- */
/*
 * Access as the guest's RDMSR/WRMSR (@host false) or the VMM's GET/SET_MSRS (@host true).
 * 0; 1: #GP (or refused to the VMM); X86_MSR_UNKNOWN (x86/msr_user.h): there is none. May sleep.
 * x86_msr_write_fast: interrupts off; 0 done, 1 #GP, -EAGAIN: the slow way.
 */
int x86_msr_read(struct vcpu *vcpu, u32 msr, u64 *val, bool host);
int x86_msr_write(struct vcpu *vcpu, u32 msr, u64 val, bool host);
int x86_msr_write_fast(struct vcpu *vcpu, u32 msr, u64 val);
int x86_msr_read_fast(struct vcpu *vcpu, u32 msr, u64 *val);

/* False while the guest polls before it halts (PV poll control). */
bool x86_host_may_poll(struct vcpu *vcpu);

/* ---- TSC and clocks (x86/tsc.c, x86/kvmclock.c) ---- */
u64 x86_guest_tsc(struct vcpu *vcpu, u64 host_tsc);
u64 x86_guest_tsc_khz(struct vcpu *vcpu);
/* How long the host's TSC takes for as many ticks of the guest's: rounded up, and cut to some minutes. */
u64 x86_host_ticks(struct vcpu *vcpu, u64 guest_ticks);
/* The VM's clock follows changes of the host's, from here to there (x86/host_clock.c). May sleep. */
void host_clock_add(struct vm *vm);
void host_clock_remove(struct vm *vm);
void x86_serve_clock_update(struct vcpu *vcpu);	/* REQ_CLOCK_UPDATE; may sleep */
void x86_serve_steal_update(struct vcpu *vcpu);	/* REQ_STEAL_UPDATE; may sleep */

/* ---- FPU, XCR0, PKRU (x86/fpu.c, x86/fpu_run.c) ---- */
int x86_fpu_create(struct vcpu *vcpu);
void x86_fpu_destroy(struct vcpu *vcpu);
/*
 * Begin and end of the run ioctl. x86_fpu_keep(), between the two: the guest's registers stay loaded
 * until the end, as if they were the thread's; for a run that enters more than once, and before
 * anything else touches them. All three with interrupts on.
 */
void fpu_swap_in(struct vcpu *vcpu);
void fpu_swap_out(struct vcpu *vcpu);
static inline void x86_fpu_keep(struct vcpu *vcpu)
{
	if (unlikely(!vcpu->fpu_kept))
		fpu_swap_in(vcpu);
}
static inline void x86_fpu_load(struct vcpu *vcpu)
{
	if (unlikely(!vcpu->fpu_borrow))
		x86_fpu_keep(vcpu);
}
static inline void x86_fpu_put(struct vcpu *vcpu)
{
	if (unlikely(vcpu->fpu_kept))
		fpu_swap_out(vcpu);
}
/* Interrupts off: make sure that registers hold it, load the guest's XCR0, XSS, PKRU; and back. */
void x86_fpu_enter(struct vcpu *vcpu);
void x86_fpu_leave(struct vcpu *vcpu);
/* The guest's PKRU as it is, which it sets without an exit. Any context of the vCPU's thread. */
u32 x86_pkru(const struct vcpu *vcpu);
u64 x86_get_xcr0(struct vcpu *vcpu);
int x86_set_xcr0(struct vcpu *vcpu, u64 val);	/* 0, 1: #GP */

/* ---- debug registers (x86/debugregs.c) ---- */
void dr_enter(struct vcpu *vcpu);
void dr_leave(struct vcpu *vcpu);
/* Interrupts off: load DR0-3 if they are in use. */
static __always_inline void x86_dr_enter(struct vcpu *vcpu)
{
	if (unlikely(vcpu->drs_used))
		dr_enter(vcpu);
}
/*
 * And the host's back. An exit leaves DR7 disabled (APM 2 15.6, SDM 3C 27.5.1), so also the host's
 * breakpoints.
 */
static __always_inline void x86_dr_leave(struct vcpu *vcpu)
{
	if (unlikely(vcpu->drs_used || hw_breakpoint_active()))
		dr_leave(vcpu);
}
/*
 * x86_dr_pass() - from the exit of an access: let the guest do it, and those that follow, itself. False: it is to
 * be emulated.
 */
bool x86_dr_pass(struct vcpu *vcpu);
void x86_clear_dr7_gd(struct vcpu *vcpu);	/* #DB is delivered */
int x86_get_dr(struct vcpu *vcpu, int dr, u64 *val);	/* 0, or 1: #UD/#GP was raised */
int x86_set_dr(struct vcpu *vcpu, int dr, u64 val);

/* ---- debugging by the VMM (x86/guestdebug.c) ---- */
/*
 * debug_exception() - an intercepted #DB or #BP. True: it is the VMM's, and the exit is filled in. @payload:
 * DR6 bits of #DB.
 */
bool debug_exception(struct vcpu *vcpu, u8 vector, u64 payload);
int debug_stepped(struct vcpu *vcpu);		/* VM_EXIT_STEP: VCPU_TO_USER */
int debug_serve(struct vcpu *vcpu);		/* REQ_DEBUG: VCPU_TO_USER; VCPU_RESUME: nobody asks any more */
int debug_before_step(struct vcpu *vcpu);	/* REQ_STEP; may sleep; a handler's result */
/* MOV DR at the exiting instruction while the VMM's DR7 has GD set. True: the exit is filled in. */
bool debug_dr_access(struct vcpu *vcpu);
/* An instruction is complete: for the VMM's debugger, if it steps. */
static inline void debug_insn_done(struct vcpu *vcpu)
{
	if (unlikely(vcpu->guest_debug & VMX_GUESTDBG_SINGLESTEP))
		vcpu_request(vcpu, REQ_DEBUG);
}

/* ---- hypercalls (x86/pv.c) ---- */
/* Serves the hypercall in RAX.. and writes RAX; RIP is the caller's. May sleep. VCPU_RESUME or VCPU_TO_USER. */
int x86_hypercall(struct vcpu *vcpu);
/* Interrupts off: those that need no sleep, among them the refused ones. True if served. */
bool x86_hypercall_fast(struct vcpu *vcpu);
/*
 * x86_foreign_hypercall() - #UD at RIP: is it another vendor's hypercall instruction, which this CPU lacks
 * (VMX_X86_QUIRK_FIX_HYPERCALL_INSN)? Then a handler's result: the instruction has become this CPU's, or, where the
 * guest may not write to it, is served. -ENOENT: #UD it is. May sleep.
 */
int x86_foreign_hypercall(struct vcpu *vcpu);

#endif /* VMX_X86_X86_H */
