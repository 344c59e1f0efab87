/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual CPU.
 *
 * Everything but requests, mode, cpu, wait and the interrupt posting area belongs to the thread
 * that holds vcpu->mutex (the run ioctl, or another ioctl on a vCPU that does not run).
 */
#ifndef VMX_VCPU_H
#define VMX_VCPU_H

#include <linux/bitops.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>

#include "exit.h"
#include "inspect.h"
#include "stats.h"
#include "uapi/vmx.h"
#include "vm.h"

struct vcpu_mmu;	/* mmu/mmu.h */
struct vcpu_lapic;	/* irqchip/irqchip.h */
struct vcpu_emul;	/* x86/emulate.h */
struct dirty_ring;	/* dirty_ring.h */
struct vcpu_x86;	/* x86/x86.h: CPUID table, MSR values, clocks, PV areas, FPU, debug registers */

/* Registers that can be cached. The first sixteen are numbered as in ModRM. */
enum vcpu_reg {
	VCPU_RAX, VCPU_RCX, VCPU_RDX, VCPU_RBX, VCPU_RSP, VCPU_RBP, VCPU_RSI, VCPU_RDI,
	VCPU_R8, VCPU_R9, VCPU_R10, VCPU_R11, VCPU_R12, VCPU_R13, VCPU_R14, VCPU_R15,
	VCPU_RIP,
	VCPU_RFLAGS,
	VCPU_CR0,
	VCPU_CR3,
	VCPU_CR4,
	VCPU_EFER,
	VCPU_NR_REGS
};

/* Segment numbers, in the order of the instruction encoding. */
enum vcpu_seg {
	VCPU_SEG_ES, VCPU_SEG_CS, VCPU_SEG_SS, VCPU_SEG_DS, VCPU_SEG_FS, VCPU_SEG_GS,
	VCPU_SEG_TR, VCPU_SEG_LDTR,
	VCPU_NR_SEGS
};

/* What others ask of a vCPU; served before the next entry, in this order. */
enum vcpu_request {
	REQ_TLB_FLUSH,		/* all translations of this vCPU */
	REQ_MMU_RELOAD,		/* the root went away */
	REQ_LOAD_PDPTES,	/* CR3 of PAE paging was set, and the backend holds the PDPTEs */
	REQ_EVENT,		/* look again at what could be injected */
	REQ_NMI,		/* nmi_queued is not zero */
	REQ_SMI,		/* an SMI came, or what held one back is gone (x86/smm.c) */
	REQ_CLOCK_UPDATE,	/* write the kvmclock page anew */
	REQ_STEAL_UPDATE,
	REQ_LAPIC_TIMER,	/* the timer fired */
	REQ_IOAPIC_SCAN,	/* EOI bitmap changed */
	REQ_INIT_SIPI,		/* INIT or SIPI pending */
	REQ_MSR_BITMAP,		/* pass-through rules changed */
	REQ_DEAD,		/* vm->dead */
	REQ_KICK,		/* only leave the guest */
	REQ_TRIPLE_FAULT,
	REQ_IOAPIC_EOI,		/* tell the VMM's IOAPIC of the end of a level interrupt */
	REQ_DEBUG,		/* tell the VMM's debugger that it has stepped (x86/guestdebug.c) */
	REQ_STEP,		/* it is about to step: the next instruction may be one for the emulator */
	REQ_APF,		/* a page that the guest was told is not present has come (x86/asyncpf.c) */
	REQ_DIRTY_FULL,		/* its dirty ring has too little room to enter */
	REQ_GUEST_FLUSH,	/* as REQ_TLB_FLUSH, and it is the guest that flushes */
	REQ_INSPECT,		/* someone wants to look at it (inspect.c) */
	REQ_HYPERV,		/* synthetic timers, exits (x86/hyperv.c) */
	REQ_NR
};

enum vcpu_mode {
	VCPU_OUTSIDE,		/* not in the guest; requests are seen before it enters */
	VCPU_IN_GUEST,		/* in the guest or about to be: a request needs an IPI */
	VCPU_EXITING,		/* was IPI'ed, on its way out */
};

/* Pending events, in the architecture's order of priority. */
struct vcpu_events {
	struct vm_event injected;	/* delivery was cut short by an exit: goes first, as it is */
	bool exc_pending;		/* raised by us, not yet handed to the hardware */
	bool exc_has_error;
	bool exc_has_payload;
	bool exc_again;			/* a #PF that comes again by itself if it is dropped: vcpu_raise_pf_again() */
	u8 exc_vector;
	u32 exc_error;
	u64 exc_payload;		/* #PF: CR2, #DB: DR6 bits; written when the event is injected */
	atomic_t nmi_queued;		/* 0..2 */
	unsigned int nmi_pending;	/* taken over from nmi_queued, to be injected; 0..2 */
	bool irq_pending;		/* acknowledged at its controller, not taken yet: VMX_INTERRUPT, held back */
	u8 irq_vector;
	bool smi_pending;		/* latched, or waits behind another event */
};

/* TSC readings, and which time they are of; exit_times.h. */
struct vcpu_times {
	u64 at_exit;		/* when the time that is open began: of an exit, or of the run ioctl */
	u64 at_entry;		/* when it ended, and the guest's began */
	u64 returned;		/* from the last run ioctl */
	struct vmx_x_stats_time *open;
};

struct vcpu {
	/* The exit path's data first. */
	unsigned long requests;		/* bits of enum vcpu_request, atomic */
	int mode;			/* enum vcpu_mode */
	int cpu;			/* the host CPU it is loaded on, -1: none */
	u32 regs_avail;			/* bits of enum vcpu_reg: regs[] holds the guest's value */
	u32 regs_dirty;			/* must be written to the hardware before entry */
	u64 regs[VCPU_NR_REGS];
	u64 cr2;
	u64 cr8;			/* of the TPR; with an in-kernel LAPIC it follows that one */
	u64 apic_base;			/* without an in-kernel LAPIC; else it is in it */
	struct vm_exit exit;
	struct vcpu_stats *stats;	/* pages of its own, stats.h */
	struct vcpu_times times;
	struct vcpu_events events;
	void *backend;			/* the backend's own */
	struct vm *vm;
	struct vmx_run *run;		/* page 0 of the fd's mapping */
	struct vcpu_mmu *mmu;
	const u64 *irq_posted;		/* bit 0: something was posted to the LAPIC; never NULL */
	struct vcpu_lapic *lapic;	/* NULL: the VMM has the interrupt controllers */
	struct vcpu_x86 *x86;
	struct vcpu_emul *emul;
	struct dirty_ring *dirty_ring;	/* NULL: the dirty log is in bitmaps */
	u32 mp_state;			/* VMX_MP_STATE_* */
	/*
	 * The host is taking an interrupt (1) or NMI (2) that ended this guest's run: perf counts it
	 * as the guest's. The backend sets 2 around the point where an NMI is let in.
	 */
	u8 host_event;

	/* Others' side: wake-up. */
	struct rcuwait wait;
	bool ready;			/* woken and not yet run: a target for a directed yield */
	bool preempted;
	bool in_pause;			/* left the guest by a pause-loop exit */
	bool event_check;		/* own thread: look at what could be injected before the next entry */

	/* What a series of entries needs besides; rare, own thread. */
	bool drs_used;			/* debug registers: x86/debugregs.c */
	bool smm;			/* in system management mode; x86/smm.c changes it */
	bool pv_eoi;			/* the guest has PV EOI enabled, and a LAPIC that makes use of it */
	bool irqs_in_hw;		/* the hardware delivers the LAPIC's interrupts: lapic_set_hw() */
	bool auto_eoi;			/* some vectors end when they are taken: x86/hyperv_synic.c */

	/* Ioctl side. */
	struct mutex mutex;
	struct pid __rcu *pid;		/* of the thread that ran it last */
	unsigned int id;		/* APIC id */
	unsigned int index;
	void *pio_data;			/* page 1 of the mapping */
	struct preempt_notifier preempt;
	bool fpu_borrow;		/* the FPU may be borrowed for one series of entries */
	bool fpu_kept;			/* the kernel treats the guest's FPU as the thread's own */
	u8 run_extras;			/* VCPU_RUN_*: what the run ioctl does besides */
	sigset_t sigset;
	int (*complete_userspace_io)(struct vcpu *vcpu);	/* on the next run; may be NULL */
	u64 halt_poll_ns;		/* adaptive */
	unsigned long rcu_noted;	/* jiffies when RCU was last told of guest mode */
	u32 guest_debug;		/* VMX_GUESTDBG_* */
	u32 exceptions_wanted;		/* bit per vector: exits besides those that every vCPU has; constant */
	u64 pv_eoi_msr;

	struct vcpu_inspections inspections;
	struct vcpu_failures *failures;	/* failure.c */
	struct exit_trace __rcu *trace;	/* that records now: exit_trace.c */
	struct exit_trace *tracer;	/* that may; its mutex */
	struct dentry *debugfs;
};

/* struct vcpu.run_extras */
#define VCPU_RUN_SIGMASK 1	/* SET_SIGNAL_MASK: always */
#define VCPU_RUN_SYNC 2		/* registers are to be stored in struct vmx_run: this run */
#define VCPU_RUN_SPLIT 4	/* LAPIC here, PICs the VMM's: always */
#define VCPU_RUN_SMM 8		/* the VMM is told: while in system management mode */

#define VCPU_HOST_IRQ 1
#define VCPU_HOST_NMI 2

/* ---- life ---- */

/* VMX_CREATE_VCPU: -EINVAL (id too large), -EEXIST, -ENOMEM; the fd otherwise. May sleep. */
long vcpu_ioctl_create(struct vm *vm, unsigned long id);
void vcpu_destroy(struct vcpu *vcpu);

/* vcpu_load(): take the mutex's owner onto this CPU (preempt notifier, backend). May sleep. */
void vcpu_load(struct vcpu *vcpu);
void vcpu_put(struct vcpu *vcpu);

/* To the state after RESET (@init false) or INIT. With the vCPU loaded. */
void vcpu_reset(struct vcpu *vcpu, bool init);

/* The vCPU that this CPU has loaded, or NULL. Preemption off. */
struct vcpu *vcpu_running(void);

/* ---- requests; any context ---- */

static inline void vcpu_request(struct vcpu *vcpu, unsigned int req)
{
	/* Pairs with the full barrier between writing mode and reading requests in run.c. */
	smp_wmb();
	set_bit(req, &vcpu->requests);
}

static inline bool vcpu_requests_pending(const struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) != 0;
}

/* True, and cleared, if it was asked. Only the vCPU's own thread. */
static inline bool vcpu_take_request(struct vcpu *vcpu, unsigned int req)
{
	if (!test_bit(req, &vcpu->requests))
		return false;
	clear_bit(req, &vcpu->requests);
	smp_mb__after_atomic();
	return true;
}

/* vcpu_wake(): ends a HLT wait. True if it waited. */
bool vcpu_wake(struct vcpu *vcpu);

/* vcpu_kick(): wake it, or throw it out of the guest with an IPI; never waits. */
void vcpu_kick(struct vcpu *vcpu);

/*
 * vcpu_notify_posted(): something was posted to its LAPIC. The hardware of a guest that runs takes it without
 * an exit (caps.post_vector); else as vcpu_kick().
 */
void vcpu_notify_posted(struct vcpu *vcpu);

/* ---- registers; the vCPU loaded, or in an ioctl on it ---- */

void vcpu_reg_fetch(struct vcpu *vcpu, enum vcpu_reg reg);

static inline u64 vcpu_reg(struct vcpu *vcpu, enum vcpu_reg reg)
{
	if (unlikely(!(vcpu->regs_avail & BIT(reg))))
		vcpu_reg_fetch(vcpu, reg);
	return vcpu->regs[reg];
}

/* For the general registers, RIP and RFLAGS. CR0, CR3, CR4, EFER: see x86/cr.h. */
static inline void vcpu_set_reg(struct vcpu *vcpu, enum vcpu_reg reg, u64 val)
{
	vcpu->regs[reg] = val;
	vcpu->regs_avail |= BIT(reg);
	vcpu->regs_dirty |= BIT(reg);
}

static inline u64 vcpu_rip(struct vcpu *vcpu)
{
	return vcpu_reg(vcpu, VCPU_RIP);
}

static inline u64 vcpu_cr0(struct vcpu *vcpu)
{
	return vcpu_reg(vcpu, VCPU_CR0);
}

static inline u64 vcpu_cr3(struct vcpu *vcpu)
{
	return vcpu_reg(vcpu, VCPU_CR3);
}

static inline u64 vcpu_cr4(struct vcpu *vcpu)
{
	return vcpu_reg(vcpu, VCPU_CR4);
}

static inline u64 vcpu_efer(struct vcpu *vcpu)
{
	return vcpu_reg(vcpu, VCPU_EFER);
}

/* Segment, descriptor table and privilege access: thin wrappers of the backend (x86/seg.c). */
void vcpu_get_segment(struct vcpu *vcpu, enum vcpu_seg seg, struct vmx_segment *out);
void vcpu_set_segment(struct vcpu *vcpu, enum vcpu_seg seg, const struct vmx_segment *in);
u64 vcpu_seg_base(struct vcpu *vcpu, enum vcpu_seg seg);
int vcpu_cpl(struct vcpu *vcpu);

/* ---- events (x86/inject.c); the vCPU's own thread ---- */

/* Raise an exception at the current instruction; two that collide become #DF or a triple fault. */
void vcpu_raise(struct vcpu *vcpu, u8 vector);
void vcpu_raise_error(struct vcpu *vcpu, u8 vector, u32 error);
void vcpu_raise_payload(struct vcpu *vcpu, u8 vector, u64 payload);	/* #DB */
void vcpu_raise_pf(struct vcpu *vcpu, u64 address, u32 error);
/* The same for a fault of the hardware's that the guest would have had: executed again, the instruction has it again. */
void vcpu_raise_pf_again(struct vcpu *vcpu, u64 address, u32 error);
/* An NMI, an SMI from any context. */
void vcpu_queue_nmi(struct vcpu *vcpu);
void vcpu_queue_smi(struct vcpu *vcpu);

/* ---- exits to the VMM ---- */

/*
 * vcpu_wait_for_slot() - a handler found no memory where there must be some. True: the VMM may be about to put it
 * there (slots_lately_removed()), a little time has passed, and the guest is to be entered again (VCPU_RESUME):
 * it comes back here if there is nothing yet, and signals end the run on the way. Sleeps; no locks held.
 */
bool vcpu_wait_for_slot(struct vcpu *vcpu);

/* VMX_EXIT_INTERNAL_ERROR with @n words of data. Returns VCPU_TO_USER. */
int vcpu_internal_error(struct vcpu *vcpu, u32 suberror, unsigned int n, const u64 *data);

#endif /* VMX_VCPU_H */
