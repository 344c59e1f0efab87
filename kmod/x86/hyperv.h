/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hyper-V's enlightenments: the state behind pure/hyperv.h, and what the rest of the module asks of it.
 *
 *	hyperv.c        life, CPUID, capabilities, ioctls; exits to the VMM
 *	hyperv_msr.c    MSRs
 *	hyperv_call.c   hypercalls
 *	hyperv_synic.c  synthetic interrupts, messages and timers
 *	hyperv_clock.c  reference time, and the page that holds it
 *
 * A vCPU has its part (vcpu->x86->hv) from when the VMM first asks for it: by a CPUID that says "Hv#1", a capability,
 * or a write of one of the MSRs. It belongs to the vCPU's thread, but for what others send by: the index, and the
 * interrupt sources. The VM's part is under its lock, or under vm_x86.clock_lock where it says so.
 */
#ifndef VMX_X86_HYPERV_H
#define VMX_X86_HYPERV_H

#include <linux/hrtimer.h>
#include <linux/jump_label.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "pure/hyperv.h"
#include "vcpu.h"

struct vm_hv {
	struct mutex lock;		/* inside vcpu->mutex */
	bool counted;			/* in hv_in_use */
	u64 guest_os_id;		/* not 0: hypercalls are Hyper-V's. Read without the lock */
	u64 hypercall;
	u64 crash[5];
	u64 crash_ctl;
	u64 reenlightenment;
	struct {
		u64 control, status, send, recv, pending, options;
	} syndbg;
	struct xarray eventfds;		/* by connection; read under RCU */

	/* vm_x86.clock_lock */
	u64 tsc_page;			/* MSR REFERENCE_TSC */
	u64 tsc_emulation;		/* TSC_EMULATION_CONTROL: the page stays as it is */
	u64 tsc_emulation_status;
	bool tsc_by_guest;		/* the guest has just written tsc_page: it wants to see a page */
	bool tsc_valid;			/* scale and offset are what the page says */
	u64 tsc_made_of;		/* vm_x86.sample_nr that it was made of */
	u64 tsc_scale;
	s64 tsc_offset;
};

struct hv_timer {
	struct hv_stimer model;
	struct hrtimer timer;
	struct vcpu_hv *hv;
};

/* What a REQ_HYPERV exits for. */
enum hv_exit { HV_EXIT_NONE, HV_EXIT_SYNIC, HV_EXIT_SYNDBG, HV_EXIT_RESET, HV_EXIT_CRASH };

struct vcpu_hv {
	struct vcpu *vcpu;
	struct hv_cpuid cpuid;
	bool enforce;			/* VMX_CAP_HYPERV_ENFORCE_CPUID */
	bool active;			/* VMX_CAP_HYPERV_SYNIC: there is a SynIC */
	bool keep_pages;		/* VMX_CAP_HYPERV_SYNIC2 */
	u8 exit;			/* enum hv_exit */
	u32 exit_msr;
	u32 vp_index;
	u64 vp_assist;
	s64 runtime_offset;		/* 100 ns */
	struct hv_synic synic;
	struct hv_timer timer[VMX_HV_STIMERS];
	unsigned long look;		/* timers to be looked at; atomic */
	struct hv_call call;		/* the one being served */
	struct hv_vp_set set;
};

/* ---- for the rest of the module ---- */

/* Some VM's guest may know of Hyper-V. */
DECLARE_STATIC_KEY_FALSE(hv_in_use);

void hv_vm_init(struct vm *vm);
void hv_vm_destroy(struct vm *vm);
void hv_vcpu_destroy(struct vcpu *vcpu);
/* SET_CPUID2 is about to install @t, or has: makes the vCPU's part if it is wanted. 0 or -ENOMEM. May sleep. */
int hv_cpuid_changed(struct vcpu *vcpu, const struct cpuid_table *t);

long hv_dev_ioctl(unsigned int cmd, unsigned long arg);
long hv_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);
long hv_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);
/* ENABLE_CAP on the vCPU: 0 or -errno; -ENOIOCTLCMD: none of these. */
long hv_enable_cap(struct vcpu *vcpu, u32 cap, u64 arg);

/* As x86_msr_read() and x86_msr_write(), for the rows of pure/msr_rules.c that are Hyper-V's. */
int hv_msr_read(struct vcpu *vcpu, u32 msr, u64 *val, bool host);
int hv_msr_write(struct vcpu *vcpu, u32 msr, u64 val, bool host);

/* Are this guest's hypercalls Hyper-V's? Interrupts may be off. */
bool hv_hypercalls_used(struct vcpu *vcpu);
static __always_inline bool hv_hypercalls(struct vcpu *vcpu)
{
	return static_branch_unlikely(&hv_in_use) && hv_hypercalls_used(vcpu);
}
/* Is the one at hand #UD? RIP is still at it. */
bool hv_hypercall_ud(struct vcpu *vcpu);
/* Serves it; RIP is past it. May sleep. VCPU_RESUME or VCPU_TO_USER. */
int hv_hypercall(struct vcpu *vcpu);

/* REQ_HYPERV: timers that expired; exits. May sleep. VCPU_RESUME or VCPU_TO_USER. */
int hv_serve(struct vcpu *vcpu);

/* The clock's sample changed, before the guest is entered: the page anew. May sleep. */
void hv_clock_refresh(struct vcpu *vcpu);

/* ---- for the local APIC ---- */

/* Own thread: is this vector one that ends when it is taken? Only asked while vcpu->auto_eoi. */
bool hv_vector_auto_eoi(struct vcpu *vcpu, u8 vector);
/* An interrupt that was watched ended. True: it was a synthetic source's. Any context, own thread. */
bool hv_vector_ended(struct vcpu *vcpu, u8 vector);
/* A route to source @sint of virtual processor @vp is raised. As irq_deliver(). Any context. */
int hv_sint_raise(struct vm *vm, u32 vp, u32 sint);

/* ---- between the files ---- */

/* The vCPU's part, made if there is none; NULL: no memory. May sleep. */
struct vcpu_hv *hv_get(struct vcpu *vcpu);
u32 hv_vp_index(struct vcpu *vcpu);
/* Leave for the VMM once the instruction is complete. */
void hv_exit_soon(struct vcpu_hv *hv, enum hv_exit why, u32 msr);

/* Time of the partition's clock, 100 ns. May sleep. */
u64 hv_time(struct vcpu *vcpu);
int hv_write_reference_tsc(struct vcpu *vcpu, u64 val, bool host);
u64 hv_read_clock_msr(struct vcpu *vcpu, u32 msr);
void hv_write_tsc_emulation(struct vcpu *vcpu, u32 msr, u64 val);

void hv_synic_init(struct vcpu_hv *hv);
void hv_synic_destroy(struct vcpu_hv *hv);
int hv_synic_read(struct vcpu_hv *hv, u32 msr, u64 *val, bool host);
int hv_synic_write(struct vcpu_hv *hv, u32 msr, u64 val, bool host);
int hv_stimer_read(struct vcpu_hv *hv, u32 msr, u64 *val, bool host);
int hv_stimer_write(struct vcpu_hv *hv, u32 msr, u64 val, bool host);
void hv_stimers_serve(struct vcpu_hv *hv);

#endif /* VMX_X86_HYPERV_H */
