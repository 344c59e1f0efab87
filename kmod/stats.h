/* SPDX-License-Identifier: GPL-2.0-only */
/* Per-vCPU counters and times, which one writer, the vCPU's thread, fills and others map. */
#ifndef VMX_STATS_H
#define VMX_STATS_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "exit.h"
#include "uapi/vmx_ext.h"

struct vcpu;
struct vm;

/*
 * X(name, what it counts). The order is the order in the page and in GET_STATS_FD.
 */
#define VCPU_COUNTERS(X)                                                                          \
	X(exits, "all exits from the guest")                                                      \
	X(fast_exits, "exits served with interrupts off, without leaving the inner loop")         \
	X(user_exits, "returns to the VMM")                                                       \
	X(io_exits, "port accesses that went to the VMM")                                         \
	X(mmio_exits, "memory-mapped accesses that went to the VMM")                              \
	X(signal_exits, "returns to the VMM for a signal")                                        \
	X(halt_exits, "HLT with nothing to wake it")                                              \
	X(halt_poll_success, "a HLT that ended while polling")                                    \
	X(halt_poll_fail, "a HLT for which polling was in vain")                                  \
	X(halt_wakeup, "wake-ups from HLT")                                                       \
	X(irq_injections, "interrupts delivered to the guest")                                    \
	X(nmi_injections, "NMIs delivered to the guest")                                          \
	X(exc_injections, "exceptions delivered to the guest")                                    \
	X(irq_windows, "exits for an interrupt window")                                           \
	X(insn_emulations, "instructions emulated")                                               \
	X(insn_emulation_fail, "instructions that could not be emulated")                         \
	X(pf_fixed, "nested page faults that installed an entry")                                 \
	X(pf_logged, "write faults for the dirty log alone, served without a lock")              \
	X(pf_spurious, "nested page faults that found it already installed")                      \
	X(pf_mmio, "nested page faults on a device access")                                       \
	X(tlb_flush, "flushes of this vCPU's translations")                                       \
	X(requests, "entries that found a request")                                               \
	X(hypercalls, "hypercalls")                                                               \
	X(preemption_reported, "steal time with the preempted flag set")                          \
	X(directed_yield_attempted, "pause-loop exits that looked for a vCPU to yield to")        \
	X(directed_yield_successful, "and found one")                                             \
	X(guest_cycles, "TSC ticks in the guest")                                                 \
	X(vmm_cycles, "TSC ticks between two runs")                                               \
	X(halt_cycles, "TSC ticks of waiting in HLT or for a SIPI")

/* One more than there are: the last is the run ioctl, until the guest is entered (exit_times.h). */
#define STATS_NR_REASONS (VM_EXIT_NR + 1)

struct vcpu_stats {
	struct vmx_x_stats_header header;	/* version, sizes, seqcount */
#define VCPU_COUNTER_FIELD(name, what) u64 name;
	VCPU_COUNTERS(VCPU_COUNTER_FIELD)
#undef VCPU_COUNTER_FIELD
	u64 by_reason[STATS_NR_REASONS];	/* exits by enum vm_exit_reason */
	struct vmx_x_stats_time times[STATS_NR_REASONS];
	char names[][VMX_X_STATS_NAME];	/* of the counters, then of the reasons */
};

/* Around changes that belong together; one writer, so plain increments in order do (x86 keeps it). */
static __always_inline void stats_begin(struct vcpu_stats *stats)
{
	stats->header.seq++;
	barrier();
}

static __always_inline void stats_end(struct vcpu_stats *stats)
{
	barrier();
	stats->header.seq++;
}

#define vcpu_count(vcpu, name) ((vcpu)->stats->name++)

extern const char *const vm_exit_names[STATS_NR_REASONS];

int stats_vcpu_create(struct vcpu *vcpu);
void stats_vcpu_destroy(struct vcpu *vcpu);
/* GET_STATS_FD of a vCPU or (vcpu NULL) a VM. Returns an fd or -errno. */
long stats_fd(struct vm *vm, struct vcpu *vcpu);
/* VMX_X_STATS_FD: the statistics as a file of their own. Returns an fd or -errno. */
long stats_page_fd(struct vcpu *vcpu);
/* The module's parameter exit_times. */
void stats_module_init(void);
void stats_debugfs_init(void);
void stats_debugfs_exit(void);
void stats_debugfs_add_vm(struct vm *vm);
void stats_debugfs_remove_vm(struct vm *vm);
void stats_debugfs_add_vcpu(struct vcpu *vcpu);

#endif /* VMX_STATS_H */
