// SPDX-License-Identifier: GPL-2.0-only
/* The vCPU fd: life, its mapping, loading onto a host CPU, and ioctls. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <trace/events/ipi.h>

#include "backend.h"
#include "coalesced.h"
#include "compat.h"
#include "dirty_ring.h"
#include "inspect.h"
#include "irqchip/irqchip.h"
#include "main.h"
#include "mmu/mmu.h"
#include "failure.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"
#include "x86/emulate.h"
#include "x86/x86.h"

static DEFINE_PER_CPU(struct vcpu *, vcpu_current);
static struct kmem_cache *vcpu_cache;
static const u64 nothing_posted;	/* for a vCPU without a LAPIC */

struct vcpu *vcpu_running(void)
{
	return this_cpu_read(vcpu_current);
}

/* ---- on and off a host CPU ---- */

/* Preemption off. */
static void vcpu_load_cpu(struct vcpu *vcpu, int cpu)
{
	this_cpu_write(vcpu_current, vcpu);
	backend_call(vcpu_load)(vcpu, cpu);
	WRITE_ONCE(vcpu->cpu, cpu);
	x86_vcpu_load(vcpu, cpu);
}

static void vcpu_put_cpu(struct vcpu *vcpu)
{
	backend_call(vcpu_put)(vcpu);
	WRITE_ONCE(vcpu->cpu, -1);
	this_cpu_write(vcpu_current, NULL);
}

static void vcpu_sched_in(struct preempt_notifier *pn, int cpu)
{
	struct vcpu *vcpu = container_of(pn, struct vcpu, preempt);

	WRITE_ONCE(vcpu->preempted, false);
	WRITE_ONCE(vcpu->ready, false);
	vcpu_load_cpu(vcpu, cpu);
}

static void vcpu_sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	struct vcpu *vcpu = container_of(pn, struct vcpu, preempt);

	if (task_is_running(current)) {
		WRITE_ONCE(vcpu->preempted, true);
		WRITE_ONCE(vcpu->ready, true);
		x86_vcpu_preempted(vcpu);
	}
	vcpu_put_cpu(vcpu);
}

static struct preempt_ops vcpu_preempt_ops = {
	.sched_in = vcpu_sched_in,
	.sched_out = vcpu_sched_out,
};

void vcpu_load(struct vcpu *vcpu)
{
	int cpu = get_cpu();

	preempt_notifier_register(&vcpu->preempt);
	vcpu_load_cpu(vcpu, cpu);
	put_cpu();
}

void vcpu_put(struct vcpu *vcpu)
{
	preempt_disable();
	vcpu_put_cpu(vcpu);
	preempt_notifier_unregister(&vcpu->preempt);
	preempt_enable();
}

/* ---- kicks ---- */

bool vcpu_wake(struct vcpu *vcpu)
{
	if (!rcuwait_wake_up(&vcpu->wait))
		return false;
	WRITE_ONCE(vcpu->ready, true);
	return true;
}

void vcpu_kick(struct vcpu *vcpu)
{
	int me, cpu;

	if (vcpu_wake(vcpu))
		return;
	me = get_cpu();
	/* Pairs with the barrier between mode and requests in run.c. */
	smp_mb();
	if (cmpxchg(&vcpu->mode, VCPU_IN_GUEST, VCPU_EXITING) == VCPU_IN_GUEST) {
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu != me && cpu >= 0 && cpu_online(cpu))
			(smp_ops.smp_send_reschedule)(cpu); /* the macro of that name traces */
	}
	put_cpu();
}

void vcpu_notify_posted(struct vcpu *vcpu)
{
	int me, cpu;

	/* After the post, as a kick's request: one that has left meanwhile looks at what was posted. */
	if (READ_ONCE(vcpu->mode) != VCPU_IN_GUEST) {
		vcpu_kick(vcpu);
		return;
	}
	me = get_cpu();
	cpu = READ_ONCE(vcpu->cpu);
	/* On this CPU it is about to enter, and will look. */
	if (cpu != me && cpu >= 0 && cpu_online(cpu))
		compat_send_ipi(cpu, backend_caps->post_vector);
	put_cpu();
}

/* ---- registers ---- */

void vcpu_reg_fetch(struct vcpu *vcpu, enum vcpu_reg reg)
{
	backend_call(reg_fetch)(vcpu, reg);
	vcpu->regs_avail |= BIT(reg);
}

void vcpu_reset(struct vcpu *vcpu, bool init)
{
	memset(vcpu->regs, 0, 16 * sizeof(vcpu->regs[0]));
	memset(&vcpu->events.injected, 0, sizeof(vcpu->events.injected));
	vcpu->events.exc_pending = false;
	vcpu->events.irq_pending = false;
	vcpu->events.nmi_pending = 0;
	atomic_set(&vcpu->events.nmi_queued, 0);
	vcpu->cr2 = 0;
	vcpu->cr8 = 0;
	vcpu->regs_avail = ~0U;
	vcpu->regs_dirty = ~0U;
	vcpu->regs[VCPU_RIP] = 0xfff0;
	vcpu->regs[VCPU_RFLAGS] = X86_EFLAGS_FIXED;
	/* Control registers, segments and tables are the backend's to set, these its cache. */
	backend_call(vcpu_reset)(vcpu, init);
	x86_vcpu_reset(vcpu, init);
	irqchip_vcpu_reset(vcpu, init);
	mmu_mode_changed(vcpu);
	vcpu_request(vcpu, REQ_TLB_FLUSH);
	vcpu_request(vcpu, REQ_EVENT);
}

/* ---- the fd ---- */

static vm_fault_t vcpu_mmap_fault(struct vm_fault *vmf)
{
	struct vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page = dirty_ring_page(vcpu, vmf->pgoff);
	void *area;

	if (page) {
		get_page(page);
		vmf->page = page;
		return 0;
	}
	switch (vmf->pgoff) {
	case 0:
		area = vcpu->run;
		break;
	case VMX_PIO_PAGE_OFFSET:
		area = vcpu->pio_data;
		break;
	case VMX_COALESCED_MMIO_PAGE_OFFSET:
		area = coalesced_ring(vcpu->vm);
		break;
	default:
		return VM_FAULT_SIGBUS;
	}
	if (!area)
		return VM_FAULT_SIGBUS;
	vmf->page = virt_to_page(area);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_mmap_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	int r = dirty_ring_check_mmap(file->private_data, vma);

	if (!r)
		vma->vm_ops = &vcpu_vm_ops;
	return r;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu *vcpu = file->private_data;

	vm_put(vcpu->vm);
	return 0;
}

static long vcpu_set_signal_mask(struct vcpu *vcpu, void __user *argp)
{
	struct vmx_signal_mask mask;
	sigset_t set;

	if (!argp) {
		vcpu->run_extras &= ~VCPU_RUN_SIGMASK;
		return 0;
	}
	if (copy_from_user(&mask, argp, sizeof(mask)))
		return -EFAULT;
	if (in_compat_syscall()) {
		if (mask.len != sizeof(compat_sigset_t))
			return -EINVAL;
		if (get_compat_sigset(&set, argp + sizeof(mask)))
			return -EFAULT;
	} else {
		if (mask.len != sizeof(set))
			return -EINVAL;
		if (copy_from_user(&set, argp + sizeof(mask), sizeof(set)))
			return -EFAULT;
	}
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->run_extras |= VCPU_RUN_SIGMASK;
	return 0;
}

static long vcpu_ioctl_loaded(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	long r = x86_vcpu_ioctl(vcpu, cmd, arg);

	if (r == -ENOIOCTLCMD)
		r = irqchip_vcpu_ioctl(vcpu, cmd, arg);
	if (r == -ENOIOCTLCMD)
		r = dev_common_ioctl(vcpu->vm, cmd, arg);
	return r;
}

/* All but RUN. */
static noinline long vcpu_ioctl_other(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	long r;

	if (unlikely(_IOC_TYPE(cmd) != VMXIO && _IOC_TYPE(cmd) != VMX_XIO))
		return -EINVAL;
	r = inspect_vcpu_ioctl(vcpu, cmd, arg);
	if (r != -ENOIOCTLCMD)
		return r;
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	switch (cmd) {
	case VMX_SET_SIGNAL_MASK:
		r = vcpu_set_signal_mask(vcpu, (void __user *)arg);
		break;
	case VMX_GET_STATS_FD:
		r = stats_fd(vcpu->vm, vcpu);
		break;
	default:
		vcpu_load(vcpu);
		r = vcpu_ioctl_loaded(vcpu, cmd, arg);
		vcpu_put(vcpu);
	}
	if (r >= 0)
		failure_note_ioctl(vcpu, cmd);
	mutex_unlock(&vcpu->mutex);
	return r == -ENOIOCTLCMD ? -EINVAL : r;
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu *vcpu = file->private_data;

	if (unlikely(READ_ONCE(vcpu->vm->dead)))
		return -EIO;
	if (unlikely(vcpu->vm->mm != current->mm)) {
		long r = inspect_vcpu_ioctl(vcpu, cmd, arg);

		return r == -ENOIOCTLCMD ? -EIO : r;
	}
	if (likely(cmd == VMX_RUN))
		return vcpu_ioctl_run(vcpu, arg);
	return vcpu_ioctl_other(vcpu, cmd, arg);
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.llseek = noop_llseek,
};

/* ---- life ---- */

static int vcpu_create_parts(struct vcpu *vcpu)
{
	int r;

	r = dirty_ring_vcpu_create(vcpu);
	if (r)
		return r;
	r = stats_vcpu_create(vcpu);
	if (r)
		goto destroy_ring;
	r = failure_vcpu_create(vcpu);
	if (r)
		goto destroy_stats;
	r = mmu_vcpu_create(vcpu);
	if (r)
		goto destroy_failure;
	r = x86_vcpu_create(vcpu);
	if (r)
		goto destroy_mmu;
	r = emulate_vcpu_create(vcpu);
	if (r)
		goto destroy_x86;
	r = irqchip_vcpu_create(vcpu);
	if (r)
		goto destroy_emulate;
	/* Last: the hardware may work on the LAPIC's registers. */
	r = backend_call(vcpu_create)(vcpu);
	if (r)
		goto destroy_irqchip;
	return 0;

destroy_irqchip:
	irqchip_vcpu_destroy(vcpu);
destroy_emulate:
	emulate_vcpu_destroy(vcpu);
destroy_x86:
	x86_vcpu_destroy(vcpu);
destroy_mmu:
	mmu_vcpu_destroy(vcpu);
destroy_failure:
	failure_vcpu_destroy(vcpu);
destroy_stats:
	stats_vcpu_destroy(vcpu);
destroy_ring:
	dirty_ring_vcpu_destroy(vcpu);
	return r;
}

static void vcpu_free_pages(struct vcpu *vcpu)
{
	free_page((unsigned long)vcpu->pio_data);
	free_page((unsigned long)vcpu->run);
}

static struct vcpu *vcpu_create(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = kmem_cache_zalloc(vcpu_cache, GFP_KERNEL_ACCOUNT);
	int r = -ENOMEM;

	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	vcpu->irq_posted = &nothing_posted;
	vcpu->rcu_noted = jiffies - 1;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);
	inspect_vcpu_init(vcpu);
	preempt_notifier_init(&vcpu->preempt, &vcpu_preempt_ops);
	atomic_set(&vcpu->events.nmi_queued, 0);
	vcpu->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->pio_data = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->run || !vcpu->pio_data)
		goto free_vcpu;
	r = vcpu_create_parts(vcpu);
	if (r)
		goto free_vcpu;
	vcpu_request(vcpu, REQ_MMU_RELOAD);
	vcpu_request(vcpu, REQ_CLOCK_UPDATE);
	/* What a published vCPU would have been asked for while this one was created. */
	vcpu_request(vcpu, REQ_MSR_BITMAP);
	vcpu_load(vcpu);
	vcpu_reset(vcpu, false);
	vcpu_put(vcpu);
	return vcpu;

free_vcpu:
	vcpu_free_pages(vcpu);
	kmem_cache_free(vcpu_cache, vcpu);
	return ERR_PTR(r);
}

void vcpu_destroy(struct vcpu *vcpu)
{
	backend_call(vcpu_destroy)(vcpu);
	irqchip_vcpu_destroy(vcpu);
	emulate_vcpu_destroy(vcpu);
	x86_vcpu_destroy(vcpu);
	mmu_vcpu_destroy(vcpu);
	failure_vcpu_destroy(vcpu);
	stats_vcpu_destroy(vcpu);
	dirty_ring_vcpu_destroy(vcpu);
	put_pid(rcu_dereference_protected(vcpu->pid, true));
	vcpu_free_pages(vcpu);
	kmem_cache_free(vcpu_cache, vcpu);
}

/* With vm->lock: the index is the next one, and the vCPU appears complete to all. */
static long vcpu_publish(struct vm *vm, struct vcpu *vcpu)
{
	struct file *file;
	int fd, r;

	vcpu->index = vm->nr_vcpus;
	r = xa_reserve(&vm->vcpus, vcpu->index, GFP_KERNEL_ACCOUNT);
	if (r)
		return r;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		r = fd;
		goto release_slot;
	}
	/* The reference first: the fd may be closed as soon as it is there. */
	vm_get(vm);
	file = anon_inode_getfile("vmx-vcpu", &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		vm_put(vm);
		put_unused_fd(fd);
		r = PTR_ERR(file);
		goto release_slot;
	}
	__set_bit(vcpu->id, vm->vcpu_ids);
	xa_store(&vm->vcpus, vcpu->index, vcpu, GFP_KERNEL_ACCOUNT);
	smp_store_release(&vm->nr_vcpus, vm->nr_vcpus + 1);
	irqchip_vcpu_online(vcpu);
	stats_debugfs_add_vcpu(vcpu);
	fd_install(fd, file);
	return fd;

release_slot:
	xa_release(&vm->vcpus, vcpu->index);
	return r;
}

long vcpu_ioctl_create(struct vm *vm, unsigned long id)
{
	struct vcpu *vcpu;
	long r;

	mutex_lock(&vm->lock);
	if (id >= vm->max_vcpu_id || vm->nr_vcpus >= VM_MAX_VCPUS) {
		r = -EINVAL;
		goto unlock;
	}
	if (test_bit(array_index_nospec(id, VM_MAX_VCPU_ID), vm->vcpu_ids)) {
		r = -EEXIST;
		goto unlock;
	}
	vcpu = vcpu_create(vm, id);
	if (IS_ERR(vcpu)) {
		r = PTR_ERR(vcpu);
		goto unlock;
	}
	r = vcpu_publish(vm, vcpu);
	if (r < 0)
		vcpu_destroy(vcpu);
unlock:
	mutex_unlock(&vm->lock);
	return r;
}

int vcpu_module_init(void)
{
	vcpu_cache = kmem_cache_create("vmx_vcpu", sizeof(struct vcpu), __alignof__(struct vcpu),
				       SLAB_ACCOUNT, NULL);
	if (!vcpu_cache)
		return -ENOMEM;
	preempt_notifier_inc();
	return 0;
}

void vcpu_module_exit(void)
{
	preempt_notifier_dec();
	kmem_cache_destroy(vcpu_cache);
}
