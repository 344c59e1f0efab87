// SPDX-License-Identifier: GPL-2.0-only
/*
 * What CHECK_EXTENSION answers, and the capabilities that ENABLE_CAP switches on. A number that is
 * not in the table is not supported, and so is anything that does not work to the end.
 */
#include <linux/cpumask.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "backend.h"
#include "mmu/mmu.h"
#include "dirty_ring.h"
#include "irqchip/irqchip.h"
#include "memslot.h"
#include "x86/state.h"
#include "x86/x86.h"

/* GSIs that routing knows, as in-tree reports them. */
#define NR_GSIS 4096
/* SET_NR_MMU_PAGES takes no less. */
#define MMU_PAGES_LEAST 64
#define ALL_CLOCK_FLAGS (VMX_CLOCK_TSC_STABLE | VMX_CLOCK_REALTIME | VMX_CLOCK_HOST_TSC)
#define QUIRKS                                                                                  \
	(VMX_X86_QUIRK_LINT0_REENABLED | VMX_X86_QUIRK_CD_NW_CLEARED |                          \
	 VMX_X86_QUIRK_LAPIC_MMIO_HOLE | VMX_X86_QUIRK_OUT_7E_INC_RIP |                         \
	 VMX_X86_QUIRK_MISC_ENABLE_NO_MWAIT | VMX_X86_QUIRK_FIX_HYPERCALL_INSN |                \
	 VMX_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)
#define X2APIC_API (VMX_X2APIC_API_USE_32BIT_IDS | VMX_X2APIC_API_DISABLE_BROADCAST_QUIRK)
#define DISABLE_EXITS (VMX_X86_DISABLE_EXITS_HLT | VMX_X86_DISABLE_EXITS_PAUSE)

#define GUESTDBG                                                                                 \
	(VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_SINGLESTEP | VMX_GUESTDBG_USE_SW_BP |                \
	 VMX_GUESTDBG_USE_HW_BP | VMX_GUESTDBG_INJECT_DB | VMX_GUESTDBG_INJECT_BP |              \
	 VMX_GUESTDBG_BLOCKIRQ)

#define HYPERCALL_EXITS (1 << VMX_PV_HC_MAP_GPA_RANGE)
#define MSR_EXITS                                                                                \
	(VMX_MSR_EXIT_REASON_INVAL | VMX_MSR_EXIT_REASON_UNKNOWN | VMX_MSR_EXIT_REASON_FILTER)
#define MANUAL_LOG (VMX_DIRTY_LOG_MANUAL_PROTECT_ENABLE | VMX_DIRTY_LOG_INITIALLY_SET)

/* Those whose answer never changes. */
static const struct {
	u16 cap;
	u16 value;
} fixed[] = {
	/* memory */
	{ VMX_CAP_USER_MEMORY, 1 },
	{ VMX_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ VMX_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ VMX_CAP_SYNC_MMU, 1 },
	{ VMX_CAP_READONLY_MEM, 1 },
	{ VMX_CAP_NR_MEMSLOTS, SLOT_MAX },
	{ VMX_CAP_MANUAL_DIRTY_LOG_PROTECT2, MANUAL_LOG },
	{ VMX_CAP_MULTI_ADDRESS_SPACE, SLOT_SPACES },
	{ VMX_CAP_COALESCED_MMIO, VMX_COALESCED_MMIO_PAGE_OFFSET },
	{ VMX_CAP_COALESCED_PIO, 1 },
	{ VMX_CAP_MMU_SHADOW_CACHE_CONTROL, 1 },
	{ VMX_CAP_SET_TSS_ADDR, 1 },
	{ VMX_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	/* interrupts */
	{ VMX_CAP_IRQCHIP, 1 },
	{ VMX_CAP_HLT, 1 },
	{ VMX_CAP_PIT, 1 },
	{ VMX_CAP_PIT2, 1 },
	{ VMX_CAP_PIT_STATE2, 1 },
	{ VMX_CAP_REINJECT_CONTROL, 1 },
	{ VMX_CAP_IRQ_INJECT_STATUS, 1 },
	{ VMX_CAP_IRQ_ROUTING, NR_GSIS },
	{ VMX_CAP_IRQFD, 1 },
	{ VMX_CAP_IRQFD_RESAMPLE, 1 },
	{ VMX_CAP_IOEVENTFD, 1 },
	{ VMX_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ VMX_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ VMX_CAP_IOAPIC_POLARITY_IGNORED, 1 },
	{ VMX_CAP_SIGNAL_MSI, 1 },
	{ VMX_CAP_SPLIT_IRQCHIP, 1 },
	{ VMX_CAP_X2APIC_API, X2APIC_API },
	{ VMX_CAP_TSC_DEADLINE_TIMER, 1 },
	{ VMX_CAP_SET_BOOT_CPU_ID, 1 },
	{ VMX_CAP_MP_STATE, 1 },
	{ VMX_CAP_USER_NMI, 1 },
	{ VMX_CAP_X86_SMM, 1 },
	/* registers */
	{ VMX_CAP_EXT_CPUID, 1 },
	{ VMX_CAP_EXT_EMUL_CPUID, 1 },
	{ VMX_CAP_VCPU_EVENTS, 1 },
	{ VMX_CAP_INTR_SHADOW, VMX_X86_SHADOW_INT_MOV_SS | VMX_X86_SHADOW_INT_STI },
	{ VMX_CAP_DEBUGREGS, 1 },
	{ VMX_CAP_SYNC_REGS, VMX_SYNC_X86_VALID_FIELDS },
	{ VMX_CAP_EXCEPTION_PAYLOAD, 1 },
	{ VMX_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ VMX_CAP_X86_USER_SPACE_MSR, 1 },
	{ VMX_CAP_X86_MSR_FILTER, 1 },
	{ VMX_CAP_SREGS2, 1 },
	{ VMX_CAP_GET_MSR_FEATURES, 1 },
	{ VMX_CAP_MSR_PLATFORM_INFO, 1 },
	{ VMX_CAP_MCE, X86_MAX_MC_BANKS },
	{ VMX_CAP_VCPU_ATTRIBUTES, 1 },
	{ VMX_CAP_INTERNAL_ERROR_DATA, 1 },
	/* time and paravirtual services */
	{ VMX_CAP_CLOCKSOURCE, 1 },
	{ VMX_CAP_ADJUST_CLOCK, ALL_CLOCK_FLAGS },
	{ VMX_CAP_KVMCLOCK_CTRL, 1 },
	{ VMX_CAP_NOP_IO_DELAY, 1 },
	{ VMX_CAP_GET_TSC_KHZ, 1 },
	{ VMX_CAP_STEAL_TIME, 1 },
	{ VMX_CAP_ASYNC_PF, 1 },
	{ VMX_CAP_ASYNC_PF_INT, 1 },
	{ VMX_CAP_ENFORCE_PV_FEATURE_CPUID, 1 },
	{ VMX_CAP_EXIT_HYPERCALL, HYPERCALL_EXITS },
	{ VMX_CAP_HYPERV, 1 },
	{ VMX_CAP_HYPERV_VAPIC, 1 },
	{ VMX_CAP_HYPERV_SPIN, 1 },
	{ VMX_CAP_HYPERV_TIME, 1 },
	{ VMX_CAP_HYPERV_SYNIC, 1 },
	{ VMX_CAP_HYPERV_SYNIC2, 1 },
	{ VMX_CAP_HYPERV_VP_INDEX, 1 },
	{ VMX_CAP_HYPERV_EVENTFD, 1 },
	{ VMX_CAP_HYPERV_TLBFLUSH, 1 },
	{ VMX_CAP_HYPERV_SEND_IPI, 1 },
	{ VMX_CAP_HYPERV_CPUID, 1 },
	{ VMX_CAP_SYS_HYPERV_CPUID, 1 },
	{ VMX_CAP_HYPERV_ENFORCE_CPUID, 1 },
	{ VMX_CAP_PTP_KVM, 0 }, /* an ARM number: x86 has the hypercall without it */
	/* running */
	{ VMX_CAP_IMMEDIATE_EXIT, 1 },
	{ VMX_CAP_MAX_VCPUS, VM_MAX_VCPUS },
	{ VMX_CAP_MAX_VCPU_ID, VM_MAX_VCPU_ID },
	{ VMX_CAP_CHECK_EXTENSION_VM, 1 },
	{ VMX_CAP_ENABLE_CAP_VM, 1 },
	{ VMX_CAP_DISABLE_QUIRKS, 1 },
	{ VMX_CAP_DISABLE_QUIRKS2, QUIRKS },
	{ VMX_CAP_X86_DISABLE_EXITS, DISABLE_EXITS },
	{ VMX_CAP_HALT_POLL, 1 },
	{ VMX_CAP_EXIT_ON_EMULATION_FAILURE, 1 },
	{ VMX_CAP_BINARY_STATS_FD, 1 },
};

int x86_check_extension(struct vm *vm, u32 cap)
{
	unsigned int i;

	switch (cap) {
	case VMX_CAP_NR_VCPUS:
		return min_t(unsigned int, num_online_cpus(), VM_MAX_VCPUS);
	case VMX_CAP_XSAVE:
	case VMX_CAP_XCRS:
		return x86_host.xcr0 != 0;
	case VMX_CAP_XSAVE2:
		return x86_host.xcr0 ? sizeof(struct vmx_xsave) : 0;
	case VMX_CAP_SET_GUEST_DEBUG:
		return backend_caps->single_step;
	case VMX_CAP_SET_GUEST_DEBUG2:
		return backend_caps->single_step ? GUESTDBG : 0;
	case VMX_CAP_DIRTY_LOG_RING:
	case VMX_CAP_DIRTY_LOG_RING_ACQ_REL:
		return DIRTY_RING_MAX_SIZE;
	case VMX_CAP_TSC_CONTROL:
	case VMX_CAP_VM_TSC_CONTROL:
		return backend_caps->tsc_scaling;
	}
	for (i = 0; i < ARRAY_SIZE(fixed); i++)
		if (fixed[i].cap == cap)
			return fixed[i].value;
	return 0;
}

/* ---- ENABLE_CAP on the VM fd ---- */

static long disable_exits(struct vm *vm, u64 mask)
{
	long r = 0;

	if (mask & ~(u64)DISABLE_EXITS)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (vm->nr_vcpus)
		r = -EINVAL;
	else
		vm->disabled_exits |= mask;
	mutex_unlock(&vm->lock);
	return r;
}

static long disable_quirks(struct vm *vm, u64 mask, u64 known)
{
	if (mask & ~known)
		return -EINVAL;
	/* The mask is the new state: a quirk whose bit is not in it comes back. */
	WRITE_ONCE(vm->disabled_quirks, mask);
	vm_request_all(vm, REQ_MSR_BITMAP, false);
	return 0;
}

static long x2apic_api(struct vm *vm, u64 flags)
{
	if (flags & ~X2APIC_API)
		return -EINVAL;
	/* What is switched on stays so. */
	mutex_lock(&vm->lock);
	WRITE_ONCE(vm->x2apic_api, vm->x2apic_api | flags);
	mutex_unlock(&vm->lock);
	return 0;
}

static long max_vcpu_id(struct vm *vm, u64 id)
{
	long r = 0;

	if (!id || id > VM_MAX_VCPU_ID)
		return -EINVAL;
	mutex_lock(&vm->lock);
	/* Once, before there are vCPUs; the same again is fine. */
	if (vm->nr_vcpus || (vm->max_vcpu_id != VM_MAX_VCPU_ID && vm->max_vcpu_id != id))
		r = -EINVAL;
	else
		vm->max_vcpu_id = id;
	mutex_unlock(&vm->lock);
	return r;
}

/* INITIALLY_SET only together with the other. */
static long manual_dirty_log(struct vm *vm, u64 flags)
{
	u64 known = VMX_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	if (flags & VMX_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		known = MANUAL_LOG;
	if (flags & ~known)
		return -EINVAL;
	mutex_lock(&vm->slots->lock);
	vm->slots->manual_log = flags;
	mutex_unlock(&vm->slots->lock);
	return 0;
}

/* What exits to the VMM, and what it sees of events. */
static long enable_exits(struct vm *vm, u32 cap, u64 arg)
{
	struct vm_x86 *x = vm->x86;

	switch (cap) {
	case VMX_CAP_EXCEPTION_PAYLOAD:
		x->exception_payload = arg;
		return 0;
	case VMX_CAP_X86_TRIPLE_FAULT_EVENT:
		x->triple_fault_event = arg;
		return 0;
	case VMX_CAP_X86_USER_SPACE_MSR:
		if (arg & ~(u64)MSR_EXITS)
			return -EINVAL;
		WRITE_ONCE(x->msr_exits, arg);
		return 0;
	case VMX_CAP_EXIT_HYPERCALL:
		if (arg & ~(u64)HYPERCALL_EXITS)
			return -EINVAL;
		WRITE_ONCE(x->hypercall_exits, arg);
		return 0;
	case VMX_CAP_MSR_PLATFORM_INFO:
		WRITE_ONCE(x->hide_platform_info, !arg);
		return 0;
	case VMX_CAP_EXIT_ON_EMULATION_FAILURE:
		if (arg & ~1ULL)
			return -EINVAL;
		x->exit_on_emulation_failure = arg;
		return 0;
	default:
		return -EINVAL;
	}
}

static long enable_cap(struct vm *vm, const void __user *argp)
{
	struct vmx_enable_cap c;

	if (copy_from_user(&c, argp, sizeof(c)))
		return -EFAULT;
	if (c.flags)
		return -EINVAL;
	switch (c.cap) {
	case VMX_CAP_X86_DISABLE_EXITS:
		return disable_exits(vm, c.args[0]);
	case VMX_CAP_DISABLE_QUIRKS:
		return disable_quirks(vm, c.args[0], ~0ULL);
	case VMX_CAP_DISABLE_QUIRKS2:
		return disable_quirks(vm, c.args[0], QUIRKS);
	case VMX_CAP_HALT_POLL:
		if (c.args[0] > U32_MAX)
			return -EINVAL;
		WRITE_ONCE(vm->halt_poll_ns, c.args[0]);
		return 0;
	case VMX_CAP_X2APIC_API:
		return x2apic_api(vm, c.args[0]);
	case VMX_CAP_MAX_VCPU_ID:
		return max_vcpu_id(vm, c.args[0]);
	case VMX_CAP_SPLIT_IRQCHIP:
		return irqchip_create_split(vm, c.args[0]);
	case VMX_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return manual_dirty_log(vm, c.args[0]);
	case VMX_CAP_DIRTY_LOG_RING:
	case VMX_CAP_DIRTY_LOG_RING_ACQ_REL:
		return dirty_ring_enable(vm, c.args[0]);
	default:
		return enable_exits(vm, c.cap, c.args[0]);
	}
}

/* A quota of shadow pages; where no VM has any, a number to keep and to tell. */
static long set_nr_mmu_pages(struct vm *vm, unsigned long pages)
{
	if (pages < MMU_PAGES_LEAST)
		return -EINVAL;
	pages = min_t(unsigned long, pages, INT_MAX);
	WRITE_ONCE(vm->nr_mmu_pages, pages);
	mmu_shadow_quota(vm, pages);
	return 0;
}

static long set_paging(struct vm *vm, const __u32 __user *argp)
{
	u32 how;

	if (get_user(how, argp))
		return -EFAULT;
	switch (how) {
	case VMX_X_PAGING_AUTO:
		return mmu_set_paging(vm, mmu_shadow_default());
	case VMX_X_PAGING_NESTED:
		return backend_caps->nested_paging ? mmu_set_paging(vm, false) : -EOPNOTSUPP;
	case VMX_X_PAGING_SHADOW:
		return backend_caps->shadow_paging ? mmu_set_paging(vm, true) : -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

static long set_tss_addr(struct vm *vm, unsigned long addr)
{
	/* Three pages below 4 GiB. */
	if (addr > U32_MAX - 3 * 4096UL)
		return -EINVAL;
	vm->x86->tss_addr = addr;
	return 0;
}

static long set_identity_map(struct vm *vm, const void __user *argp)
{
	u64 addr;
	long r = 0;

	if (copy_from_user(&addr, argp, sizeof(addr)))
		return -EFAULT;
	mutex_lock(&vm->lock);
	if (vm->nr_vcpus)
		r = -EINVAL;
	else
		vm->x86->identity_map_addr = addr ? addr : 0xfffbc000;
	mutex_unlock(&vm->lock);
	return r;
}

long caps_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VMX_ENABLE_CAP:
		return enable_cap(vm, (void __user *)arg);
	case VMX_SET_NR_MMU_PAGES:
		return set_nr_mmu_pages(vm, arg);
	case VMX_X_SET_PAGING:
		return set_paging(vm, (const void __user *)arg);
	case VMX_X_GET_PAGING:
		return put_user((u32)(mmu_shadow_vm(vm) ? VMX_X_PAGING_SHADOW : VMX_X_PAGING_NESTED),
				(u32 __user *)arg);
	case VMX_X_AUDIT:
		return min_t(unsigned int, mmu_audit(vm), INT_MAX);
	case VMX_GET_NR_MMU_PAGES:
		return READ_ONCE(vm->nr_mmu_pages);
	case VMX_SET_TSS_ADDR:
		return set_tss_addr(vm, arg);
	case VMX_SET_IDENTITY_MAP_ADDR:
		return set_identity_map(vm, (void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}

long caps_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	struct vmx_enable_cap c;

	if (cmd != VMX_ENABLE_CAP)
		return -ENOIOCTLCMD;
	if (copy_from_user(&c, (void __user *)arg, sizeof(c)))
		return -EFAULT;
	if (c.flags)
		return -EINVAL;
	if (c.cap != VMX_CAP_ENFORCE_PV_FEATURE_CPUID) {
		long r = hv_enable_cap(vcpu, c.cap, c.args[0]);

		return r == -ENOIOCTLCMD ? -EINVAL : r;
	}
	vcpu->x86->pv_enforce = c.args[0];
	return 0;
}
