/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between host kernels, and nothing else.
 *
 * probe.sh compiles snippets against the target kernel's headers and writes HAVE_* into probes.h.
 * Everything here has one form for callers whatever the kernel; no other file tests HAVE_*, but
 * for members of kernel structures that exist only sometimes (mmu_notifier_ops).
 */
#ifndef VMX_COMPAT_H
#define VMX_COMPAT_H

#include <linux/cpuhotplug.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/syscore_ops.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/irq_vectors.h>
#include <asm/nospec-branch.h>
#include <asm/reboot.h>

#include "probes.h"

#ifdef HAVE_LINUX_UNALIGNED_H
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

/* Adds one to the eventfd's count. Any context. */
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef HAVE_EVENTFD_SIGNAL_COUNT
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

/* The file behind a struct fd; NULL if there is none. */
static inline struct file *compat_fd_file(struct fd f)
{
#ifdef HAVE_FD_FILE
	return fd_file(f);
#else
	return f.file;
#endif
}

/*
 * Suspend, resume and shutdown of the last running CPU, interrupts off. The three functions take
 * no argument; suspend returns 0 or -errno.
 *
 *   COMPAT_SYSCORE(vmx_syscore, my_suspend, my_resume, my_shutdown);
 *   compat_syscore_register(&vmx_syscore);   compat_syscore_unregister(&vmx_syscore);
 */
#ifdef HAVE_SYSCORE_STRUCT
#define COMPAT_SYSCORE(name, suspend_fn, resume_fn, shutdown_fn)  \
	static int name##_suspend(void *data)                     \
	{                                                         \
		return suspend_fn();                              \
	}                                                         \
	static void name##_resume(void *data)                     \
	{                                                         \
		resume_fn();                                      \
	}                                                         \
	static void name##_shutdown(void *data)                   \
	{                                                         \
		shutdown_fn();                                    \
	}                                                         \
	static const struct syscore_ops name##_ops = {            \
		.suspend = name##_suspend,                        \
		.resume = name##_resume,                          \
		.shutdown = name##_shutdown,                      \
	};                                                        \
	static struct syscore name = { .ops = &name##_ops }
#define compat_syscore_register(s) register_syscore(s)
#define compat_syscore_unregister(s) unregister_syscore(s)
#else
#define COMPAT_SYSCORE(name, suspend_fn, resume_fn, shutdown_fn)  \
	static struct syscore_ops name = {                        \
		.suspend = suspend_fn,                            \
		.resume = resume_fn,                              \
		.shutdown = shutdown_fn,                          \
	}
#define compat_syscore_register(s) register_syscore_ops(s)
#define compat_syscore_unregister(s) unregister_syscore_ops(s)
#endif

/*
 * The CPU hotplug state that is KVM's on this kernel: taking it keeps in-tree KVM out, and -EBUSY
 * says that KVM has it. Where it is a STARTING state the callbacks run with interrupts off and may
 * not fail; where it is an ONLINE state they run in a thread, may sleep, and startup may fail.
 */
#if defined(HAVE_CPUHP_KVM_ONLINE)
#define COMPAT_CPUHP_STATE CPUHP_AP_KVM_ONLINE
#define COMPAT_CPUHP_IS_STARTING 0
#elif defined(HAVE_CPUHP_KVM_STARTING)
#define COMPAT_CPUHP_STATE CPUHP_AP_KVM_STARTING
#define COMPAT_CPUHP_IS_STARTING 1
#else
#error "this kernel has no CPU hotplug state for a hypervisor"
#endif

/*
 * The one callback that turns virtualization off on a CPU that reboots or crashes. Runs in any
 * context, NMI included. The kernel has one slot: register only once in-tree KVM is known absent.
 * Older 6.1 has no such slot; then an emergency reboot relies on the reboot notifier alone.
 */
#ifdef HAVE_EMERGENCY_VIRT_CALLBACK
#define compat_emergency_register(fn) cpu_emergency_register_virt_callback(fn)
#define compat_emergency_unregister(fn) cpu_emergency_unregister_virt_callback(fn)
#else
#define compat_emergency_register(fn) ((void)(fn))
#define compat_emergency_unregister(fn) ((void)(fn))
#endif

/*
 * The frame behind a VM_PFNMAP or VM_IO address: 0 and *pfn, *writable, or -errno when nothing is
 * mapped there. mmap_lock held for read. The frame may change once the lock is dropped: callers
 * follow the MMU notifier.
 */
static inline int compat_follow_pfn(struct vm_area_struct *vma, unsigned long address,
				    unsigned long *pfn, bool *writable)
{
#ifdef HAVE_FOLLOW_PFNMAP
	struct follow_pfnmap_args args = { .vma = vma, .address = address };
	int ret = follow_pfnmap_start(&args);

	if (ret)
		return ret;
	*pfn = args.pfn;
	*writable = args.writable;
	follow_pfnmap_end(&args);
	return 0;
#else
	spinlock_t *lock;
	pte_t *ptep;
	pte_t pte;
#ifdef HAVE_FOLLOW_PTE_MM
	int ret = follow_pte(vma->vm_mm, address, &ptep, &lock);
#else
	int ret = follow_pte(vma, address, &ptep, &lock);
#endif

	if (ret)
		return ret;
	pte = READ_ONCE(*ptep);
	*pfn = pte_pfn(pte);
	*writable = pte_write(pte);
	pte_unmap_unlock(ptep, lock);
	return 0;
#endif
}

/* get_user_pages_remote() without the vmas that newer kernels no longer return. */
static inline long compat_get_user_pages_remote(struct mm_struct *mm, unsigned long start,
						unsigned long nr, unsigned int flags,
						struct page **pages, int *locked)
{
#ifdef HAVE_GUP_REMOTE_VMAS
	return get_user_pages_remote(mm, start, nr, flags, pages, NULL, locked);
#else
	return get_user_pages_remote(mm, start, nr, flags, pages, locked);
#endif
}

/* Sets and clears flags of a mapping that is being made (->mmap) or is write-locked. */
static inline void compat_vm_flags_mod(struct vm_area_struct *vma, unsigned long set,
				       unsigned long clear)
{
#ifdef HAVE_VM_FLAGS_SET
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*function)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
#ifdef HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

typedef unsigned long compat_shrink_fn(struct shrinker *shrinker, struct shrink_control *sc);

/* A registered shrinker, or NULL when memory is short. May sleep. */
static inline struct shrinker *compat_shrinker_create(const char *name, compat_shrink_fn *count,
						      compat_shrink_fn *scan)
{
	struct shrinker *shrinker;

#ifdef HAVE_SHRINKER_ALLOC
	shrinker = shrinker_alloc(0, "%s", name);
#else
	shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);
#endif
	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
#ifdef HAVE_SHRINKER_ALLOC
	shrinker_register(shrinker);
#else
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
#endif
	return shrinker;
}

/* Takes NULL. May sleep. */
static inline void compat_shrinker_destroy(struct shrinker *shrinker)
{
	if (!shrinker)
		return;
#ifdef HAVE_SHRINKER_ALLOC
	shrinker_free(shrinker);
#else
	unregister_shrinker(shrinker);
	kfree(shrinker);
#endif
}

/* Guest mode is a quiescent state for RCU. Interrupts off. */
static __always_inline void compat_rcu_virt_note(void)
{
#ifdef HAVE_RCU_VIRT_NOTE_CPU
	rcu_virt_note_context_switch(smp_processor_id());
#else
	rcu_virt_note_context_switch();
#endif
}

/*
 * A guest has run on this CPU: before it goes to user mode it forgets the guest's branch targets, on
 * CPUs that need that (VMSCAPE). Interrupts off.
 */
static __always_inline void compat_note_guest_ran(void)
{
#ifdef HAVE_IBPB_EXIT_TO_USER
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
#endif
}

/*
 * CPUs that keep data of device registers in their buffers, and clear them only when told
 * (CVE-2022-21123 and its kin): before a guest runs that reaches a device, if @device. Interrupts off.
 */
static __always_inline void compat_clear_mmio_data(bool device)
{
#ifdef HAVE_MMIO_STALE_DATA
	if (static_branch_unlikely(&mmio_stale_data_clear) && device)
		x86_clear_cpu_buffers();
#endif
}

/*
 * An NMI that an exit of Intel's has left to us: the host's own handler, by @call, which calls an entry
 * point of the IDT. Where the kernel exports none for hypervisors, by the IDT itself, on the IST stack.
 */
#if !IS_ENABLED(CONFIG_KVM_INTEL)
#define compat_host_nmi(call) asm volatile("int $2" : : : "memory")
#elif defined(HAVE_NMI_KVM_VMX)
#define compat_host_nmi(call) call((unsigned long)asm_exc_nmi_kvm_vmx)
#elif defined(HAVE_NMI_NOIST)
#define compat_host_nmi(call) call((unsigned long)asm_exc_nmi_noist)
#else
#define compat_host_nmi(call) asm volatile("int $2" : : : "memory")
#endif

/* The vector that the host acknowledges, and no more, for hypervisors that post interrupts. 0: it has none. */
#if IS_ENABLED(CONFIG_KVM) || defined(CONFIG_HAVE_KVM)
#define COMPAT_POSTED_VECTOR POSTED_INTR_VECTOR
#else
#define COMPAT_POSTED_VECTOR 0
#endif

/* Interrupt of the host's on another CPU. Preemption off. */
static inline void compat_send_ipi(int cpu, int vector)
{
#ifdef HAVE_APIC_SEND_IPI_MASK
	__apic_send_IPI_mask(cpumask_of(cpu), vector);
#else
	apic->send_IPI_mask(cpumask_of(cpu), vector);
#endif
}

/* Does the host take its events by FRED, without an IDT? */
static inline bool compat_has_fred(void)
{
#ifdef X86_FEATURE_FRED
	return cpu_feature_enabled(X86_FEATURE_FRED);
#else
	return false;
#endif
}

/* In TP_fast_assign: the string that __string() announced. */
#ifdef HAVE_ASSIGN_STR_ONE
#define compat_assign_str(field, source) __assign_str(field)
#else
#define compat_assign_str(field, source) __assign_str(field, source)
#endif

#endif /* VMX_COMPAT_H */
