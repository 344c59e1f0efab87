/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The neutral form of a VM exit. A backend decodes what its hardware reports (VMCB EXITCODE and
 * EXITINFO, VMCS exit reason and qualification) into this; shared code looks at nothing else.
 */
#ifndef VMX_EXIT_H
#define VMX_EXIT_H

#include <linux/types.h>

enum vm_exit_reason {
	VM_EXIT_UNKNOWN,	/* hw_reason is not one the backend asked for */
	VM_EXIT_ENTRY_FAILED,	/* the CPU refused the control block */
	VM_EXIT_HOST_INTR,	/* physical interrupt: the host takes it once interrupts are on */
	VM_EXIT_HOST_NMI,	/* physical NMI, already delivered to the host by the backend */
	VM_EXIT_HOST_MC,	/* machine check: handle_host_event delivers it to the host */
	VM_EXIT_HOST_SMI,	/* physical SMI or INIT: nothing to do but re-enter */
	VM_EXIT_EXCEPTION,	/* .exc */
	VM_EXIT_TRIPLE_FAULT,	/* shutdown */
	VM_EXIT_IRQ_WINDOW,	/* the guest can take an interrupt now */
	VM_EXIT_NMI_WINDOW,	/* the guest can take an NMI now (or executes IRET) */
	VM_EXIT_PAGE_FAULT,	/* nested page fault: .pf */
	VM_EXIT_MMIO_MISCONFIG,	/* an entry marked as MMIO was used: .pf.gpa */
	VM_EXIT_CPUID,
	VM_EXIT_HLT,
	VM_EXIT_HYPERCALL,	/* VMCALL or VMMCALL */
	VM_EXIT_IO,		/* .io */
	VM_EXIT_RDMSR,
	VM_EXIT_WRMSR,
	VM_EXIT_CR,		/* .cr */
	VM_EXIT_DR,		/* .dr */
	VM_EXIT_INVLPG,		/* .invlpg */
	VM_EXIT_PAUSE,
	VM_EXIT_RDTSC,
	VM_EXIT_RDTSCP,
	VM_EXIT_RDPMC,
	VM_EXIT_MONITOR,
	VM_EXIT_MWAIT,
	VM_EXIT_XSETBV,
	VM_EXIT_INVD,
	VM_EXIT_WBINVD,
	VM_EXIT_DESC_TABLE,	/* LGDT, SIDT and the like */
	VM_EXIT_TASK_SWITCH,	/* .task */
	VM_EXIT_RSM,
	VM_EXIT_VIRT_INSN,	/* VMRUN, VMLOAD, VMXON, ...: #UD for a guest without nesting */
	VM_EXIT_UD_INSN,	/* other instructions that this guest is not to have: #UD */
	VM_EXIT_LAPIC_ACCESS,	/* the frame of mmu_lapic_pa() was read or written: .pf */
	VM_EXIT_LAPIC_EOI,	/* the hardware served an EOI that concerns others: .lapic.vector */
	VM_EXIT_LAPIC_WRITE,	/* it stored what the guest wrote to a register: .lapic.reg */
	VM_EXIT_PREEMPTION_TIMER,	/* the time of set_timer() may have come */
	VM_EXIT_PML_FULL,	/* the log of dirtied frames was full; it has been emptied */
	VM_EXIT_BUS_LOCK,
	VM_EXIT_SOFT_INT,	/* INT n, or INT3 where the CPU does not tell them apart */
	VM_EXIT_SHADOW_FAULT,	/* #PF under shadow paging: .pf, with the linear address */
	VM_EXIT_INVPCID,
	VM_EXIT_STEP,		/* one step of the VMM's debugger; .exc: what else traps, for the guest */
	VM_EXIT_NR
};

/* Page fault, either stage, in one set of bits. */
enum vm_pf_flags {
	VM_PF_PRESENT = 1 << 0,	/* the entry was present: a permission was missing */
	VM_PF_WRITE = 1 << 1,
	VM_PF_USER = 1 << 2,
	VM_PF_RSVD = 1 << 3,	/* a reserved bit was set in an entry of ours */
	VM_PF_FETCH = 1 << 4,
	VM_PF_GUEST_TABLE = 1 << 8,	/* on the guest's walk of its own tables, not on the final access */
};

/* An event whose delivery the exit cut short, or which is to be injected. */
enum vm_io_flags {
	VM_IO_IN = 1 << 0,
	VM_IO_STRING = 1 << 2,
	VM_IO_REP = 1 << 3,
};

enum vm_event_type {
	VM_EVENT_NONE,
	VM_EVENT_IRQ,
	VM_EVENT_NMI,
	VM_EVENT_EXCEPTION,
	VM_EVENT_SOFT_INT,	/* INT n */
	VM_EVENT_SOFT_EXC,	/* INT3, INTO, INT1 */
};

struct vm_event {
	u8 type;		/* enum vm_event_type */
	u8 vector;
	bool has_error;
	u8 insn_len;		/* of the INT n, when software raised it; 0: unknown */
	u32 error;
};

struct vm_exit {
	u16 reason;		/* enum vm_exit_reason */
	u8 insn_len;		/* length of the exiting instruction; 0: hardware does not tell */
	bool decoded;		/* for CR, DR, INVLPG, MONITOR: the operands below are filled in */
	u16 cs_flags;		/* of the code that exited; only the bits BACKEND_CS_* mean something */
	u8 cpl;			/* of the code that exited */
	bool mode_known;	/* these are filled in; else exit_learn_mode() does it */
	u8 shadow;		/* not 0: it came in an interrupt shadow; always known of instructions */
	u32 hw_reason;		/* as the hardware numbers it */
	u64 info1;		/* raw: EXITINFO1 or the exit qualification */
	u64 info2;		/* raw: EXITINFO2 or the guest-physical address */
	struct vm_event vectoring;	/* type NONE: no delivery was interrupted */
	union {
		struct {
			u8 vector;
			bool has_error;
			u32 error;
			u64 payload;	/* #PF: CR2; #DB: DR6 bits */
		} exc;
		struct {
			u64 gpa;	/* nested: guest-physical; shadow: guest-linear address */
			u32 flags;	/* enum vm_pf_flags */
		} pf;
		struct {
			u16 port;
			u8 size;	/* 1, 2, 4 */
			u8 flags;	/* enum vm_io_flags */
		} io;
		struct {
			u8 cr;		/* 0, 2, 3, 4, 8 */
			u8 gpr;
			bool write;
			bool clts;
			bool lmsw;
			u16 lmsw_source;
		} cr;
		struct {
			u8 dr;
			u8 gpr;
			bool write;
		} dr;
		struct {
			u64 gva;
		} invlpg;
		struct {
			u16 reg;	/* offset in the page */
			u8 vector;
		} lapic;
		struct {
			u16 selector;
			u8 reason;	/* 0 CALL, 1 IRET, 2 JMP, 3 task gate */
			bool has_error;
			u32 error;
		} task;
	};
};

/* In vm_exit.shadow, by the core: the VMM steps, to whom the end of the instruction is to be told. */
#define VM_SHADOW_STEP 0x80

/* Handlers' result, and that of everything under the run ioctl. */
enum {
	VCPU_TO_USER = 0,	/* struct vmx_run is filled in: return to the VMM */
	VCPU_RESUME = 1,	/* enter the guest again */
	/* < 0: -errno of the run ioctl */
};

#endif /* VMX_EXIT_H */
