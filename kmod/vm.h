/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine: what its vCPUs share.
 *
 * Each area keeps its own state behind a pointer whose type only that area knows; vm.c calls the
 * areas' create and destroy functions in one order and the reverse.
 *
 * Lock order, outermost first:
 *   vm->lock > vcpu->mutex > slots->lock > mmap_lock (host) > mmu lock > irqchip model locks (raw)
 * SRCU (vm->srcu) is taken inside vcpu->mutex, and is never held across guest entry or a sleep for
 * an event. Code that runs with interrupts off may read slots under RCU instead.
 */
#ifndef VMX_VM_H
#define VMX_VM_H

#include <linux/bitmap.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/srcu.h>
#include <linux/xarray.h>

#include "uapi/vmx.h"

struct vcpu;
struct vm_slots;	/* memslot.h */
struct vm_mmu;		/* mmu/mmu.h */
struct vm_irqchip;	/* irqchip/irqchip.h */
struct vm_x86;		/* x86/x86.h: clock, TSC, caps */
struct vm_iobus;	/* iobus.h */
struct vm_irqfds;	/* irqfd.h, ioeventfd.h */
struct dentry;

#define VM_MAX_VCPUS 1024
#define VM_MAX_VCPU_ID 4096	/* exclusive */

struct vm_stat {
	atomic64_t tlb_flushes;		/* requests for a flush of all vCPUs */
	atomic64_t mmu_notifier_zaps;	/* ranges unmapped because the host asked */
	atomic64_t pages_4k;
	atomic64_t pages_2m;
	atomic64_t pages_1g;
	atomic64_t fault_around_pages;	/* entries installed besides the one that faulted */
	atomic64_t table_pages;
};

struct vm {
	struct kref kref;		/* one for the vm fd, one for each vCPU fd, eventfd, ... */
	struct mm_struct *mm;		/* the VMM's, mmgrab'ed; ioctls from another mm get -EIO */
	struct mutex lock;		/* creation of vCPUs and irqchip, enabling of capabilities */
	struct srcu_struct srcu;	/* slots, routing, bus: readers may sleep on page faults */
	struct list_head clock_link;	/* of all VMs; x86/host_clock.c */
	unsigned int id;

	struct xarray vcpus;		/* by index 0..nr_vcpus-1 in order of creation */
	DECLARE_BITMAP(vcpu_ids, VM_MAX_VCPU_ID);	/* lock: the ids that are taken */
	unsigned int nr_vcpus;		/* published with release, read with acquire */
	unsigned int max_vcpu_id;	/* VMX_CAP_MAX_VCPU_ID when enabled, else VM_MAX_VCPU_ID */
	unsigned int bsp_vcpu_id;

	struct vm_slots *slots;
	struct vm_mmu *mmu;
	struct vm_irqchip *irqchip;	/* NULL until CREATE_IRQCHIP; read with smp_load_acquire */
	bool split_irqchip;		/* of it only local APICs and MSIs: VMX_CAP_SPLIT_IRQCHIP */
	struct vm_x86 *x86;
	struct vm_iobus *buses;
	struct vm_irqfds *irqfds;
	void *backend;			/* the backend's own */

	bool dead;			/* a bug of ours or a hardware failure: every ioctl gets -EIO */
	bool maps_device;		/* a page that is not ordinary memory was mapped, ever */
	u32 halt_poll_ns;		/* bound for adaptive HLT polling; 0: never poll */
	u32 disabled_exits;		/* VMX_X86_DISABLE_EXITS_* */
	u32 nr_mmu_pages;		/* what SET_NR_MMU_PAGES said last; 0: nothing */
	u64 disabled_quirks;
	u64 x2apic_api;		/* VMX_X2APIC_API_*, enabled by the VMM */
	bool auto_eoi;		/* interrupts may end when they are taken: not for hardware that ends them itself */

	struct vm_stat stat;
	struct dentry *debugfs;
};

/*
 * vm_create() - a VM for the calling process.
 * @type: 0, the only one.
 * Returns the VM with one reference, or ERR_PTR(-EINVAL, -ENOMEM, -EBUSY). May sleep.
 */
struct vm *vm_create(unsigned long type);

/* References. vm_put() may free the VM, may sleep. */
void vm_get(struct vm *vm);
bool vm_get_unless_zero(struct vm *vm);
void vm_put(struct vm *vm);

long vm_ioctl_create(unsigned long type);	/* VMX_CREATE_VM: returns an fd */

/*
 * Iterate over the vCPUs that exist now. @i: unsigned long index. No lock needed: a vCPU lives as
 * long as the VM.
 */
#define vm_for_each_vcpu(i, vcpu, vm) xa_for_each(&(vm)->vcpus, i, vcpu)

static inline struct vcpu *vm_vcpu(struct vm *vm, unsigned int index)
{
	return xa_load(&vm->vcpus, index);
}

/*
 * vm_request_all() - make request @req (enum vcpu_request) on every vCPU and, if @wait, do not
 * return before each that was in the guest has left it. A halted vCPU is woken only for what ends a
 * HLT: a flush, for one, it does when it next enters. Sleeps not; interrupts must be on if @wait.
 * Returns true if any vCPU was in the guest.
 */
bool vm_request_all(struct vm *vm, unsigned int req, bool wait);

/* Likewise, of those vCPUs for which @want says so. */
bool vm_request_some(struct vm *vm, unsigned int req, bool wait,
		     bool (*want)(struct vcpu *vcpu, const void *ctx), const void *ctx);

/* vm_flush_tlbs() - every vCPU flushes all translations of this VM before it next enters. */
void vm_flush_tlbs(struct vm *vm);

/* Marks the VM dead and throws its vCPUs out of the guest. Any context. */
void vm_kill(struct vm *vm);

#endif /* VMX_VM_H */
