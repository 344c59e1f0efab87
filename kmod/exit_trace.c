// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exit trace.
 *
 * One writer, the vCPU's thread; readers map the ring read-only and find out for themselves what they were too slow
 * for. A record is begun at the exit, at ring->records[head % nr], and finished before the next entry or the
 * return to the VMM, when head goes up: so a reader never sees half of one.
 *
 * The file holds the vCPU's VM. vcpu->trace is set while the ring records; the vCPU's thread looks at it with
 * preemption off, and who takes it away waits for that (synchronize_rcu()).
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "exit_times.h"
#include "exit_trace.h"
#include "vcpu.h"
#include "vm.h"

#define TRACE_MIN_RECORDS 64
#define TRACE_MAX_RECORDS (1U << 20)

static_assert(sizeof(struct vmx_x_trace_record) == 64);
static_assert(sizeof(struct vmx_x_trace_header) <= PAGE_SIZE);
static_assert(VM_EXIT_NR <= 64);	/* vmx_x_trace.reasons */

struct exit_trace {
	struct vcpu *vcpu;
	struct vmx_x_trace_header *header;	/* the mapping's first page */
	struct vmx_x_trace_record *records;	/* behind it */
	u64 head;		/* header->head, which no reader can change, is a copy */
	u64 mask;		/* records - 1 */
	u64 reasons;		/* bit per reason that is recorded */
	bool open;		/* records[head & mask] is begun */
};

DEFINE_STATIC_KEY_DEFERRED_FALSE(exit_trace_key, HZ);

/* ---- writing ---- */

static struct exit_trace *trace_of(struct vcpu *vcpu)
{
	return rcu_dereference_sched(vcpu->trace);
}

void __exit_trace_exit(struct vcpu *vcpu)
{
	struct exit_trace *t = trace_of(vcpu);
	struct vm_exit *exit = &vcpu->exit;
	struct vmx_x_trace_record *rec;

	if (!t || !(t->reasons & BIT_ULL(exit->reason)))
		return;
	rec = &t->records[t->head & t->mask];
	rec->tsc = vcpu->times.at_exit;
	rec->rip = vcpu->regs[VCPU_RIP];
	rec->cr3 = vcpu_cr3(vcpu);
	rec->info1 = exit->info1;
	rec->info2 = exit->info2;
	rec->in_guest = vcpu->times.at_exit - vcpu->times.at_entry;
	rec->reason = exit->reason;
	rec->result = VMX_X_TRACE_FAST;
	rec->detail = 0;
	rec->hw_reason = exit->hw_reason;
	t->open = true;
}

void __exit_trace_slow(struct vcpu *vcpu)
{
	struct exit_trace *t;

	preempt_disable();
	t = trace_of(vcpu);
	if (t && t->open)
		t->records[t->head & t->mask].result = VMX_X_TRACE_KERNEL;
	preempt_enable();
}

static void trace_finish(struct exit_trace *t, u64 in_kernel)
{
	t->records[t->head & t->mask].in_kernel = in_kernel;
	t->open = false;
	smp_store_release(&t->header->head, ++t->head);
}

void __exit_trace_enter(struct vcpu *vcpu)
{
	struct exit_trace *t = trace_of(vcpu);

	if (t && t->open)
		trace_finish(t, exit_times_between(vcpu->times.at_exit, vcpu->times.at_entry));
}

void __exit_trace_return(struct vcpu *vcpu, int r)
{
	struct exit_trace *t;

	preempt_disable();
	t = trace_of(vcpu);
	if (t && t->open) {
		struct vmx_x_trace_record *rec = &t->records[t->head & t->mask];

		rec->result = r < 0 ? VMX_X_TRACE_ERROR : VMX_X_TRACE_VMM;
		rec->detail = r < 0 ? -r : READ_ONCE(vcpu->run->exit_reason);
		trace_finish(t, exit_times_between(vcpu->times.at_exit, vcpu->times.returned));
	}
	preempt_enable();
}

/* ---- on and off ---- */

static DEFINE_MUTEX(trace_mutex);	/* vcpu->tracer, vcpu->trace, header->enabled */

/* The ring's own state is its writer's; with the ring not in vcpu->trace there is none. trace_mutex. */
static void trace_enable(struct exit_trace *t, bool on)
{
	if (t->header->enabled == on)
		return;
	WRITE_ONCE(t->header->enabled, on);
	if (on) {
		rcu_assign_pointer(t->vcpu->trace, t);
		static_branch_deferred_inc(&exit_trace_key);
	} else {
		static_branch_slow_dec_deferred(&exit_trace_key);
		RCU_INIT_POINTER(t->vcpu->trace, NULL);
		synchronize_rcu();
		t->open = false;
	}
}

static long trace_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct exit_trace *t = file->private_data;

	if (cmd != VMX_X_TRACE_ENABLE)
		return -ENOTTY;
	if (arg > 1)
		return -EINVAL;
	mutex_lock(&trace_mutex);
	trace_enable(t, arg);
	mutex_unlock(&trace_mutex);
	return 0;
}

static size_t trace_pages(const struct exit_trace *t)
{
	return 1 + (t->mask + 1) * sizeof(*t->records) / PAGE_SIZE;
}

static vm_fault_t trace_fault(struct vm_fault *vmf)
{
	struct exit_trace *t = vmf->vma->vm_file->private_data;

	if (vmf->pgoff >= trace_pages(t))
		return VM_FAULT_SIGBUS;
	vmf->page = vmalloc_to_page((void *)t->header + (vmf->pgoff << PAGE_SHIFT));
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct trace_vm_ops = {
	.fault = trace_fault,
};

static int trace_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct exit_trace *t = file->private_data;

	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	if (vma->vm_pgoff || vma_pages(vma) > trace_pages(t))
		return -EINVAL;
	compat_vm_flags_mod(vma, 0, VM_MAYWRITE);
	vma->vm_ops = &trace_vm_ops;
	return 0;
}

static void trace_free(struct exit_trace *t)
{
	vfree(t->header);
	kfree(t);
}

static int trace_release(struct inode *inode, struct file *file)
{
	struct exit_trace *t = file->private_data;
	struct vm *vm = t->vcpu->vm;

	mutex_lock(&trace_mutex);
	trace_enable(t, false);
	t->vcpu->tracer = NULL;
	mutex_unlock(&trace_mutex);
	trace_free(t);
	vm_put(vm);
	return 0;
}

static const struct file_operations trace_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = trace_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = trace_mmap,
	.release = trace_release,
	.llseek = noop_llseek,
};

static struct exit_trace *trace_create(struct vcpu *vcpu, const struct vmx_x_trace *arg)
{
	struct exit_trace *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return NULL;
	t->header = __vmalloc(PAGE_SIZE + (size_t)arg->records * sizeof(*t->records),
			      GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	if (!t->header) {
		kfree(t);
		return NULL;
	}
	t->vcpu = vcpu;
	t->records = (void *)t->header + PAGE_SIZE;
	t->mask = arg->records - 1;
	t->reasons = arg->reasons ?: ~0ULL;
	t->header->version = VMX_X_TRACE_VERSION;
	t->header->header_size = PAGE_SIZE;
	t->header->record_size = sizeof(*t->records);
	t->header->nr_records = arg->records;
	t->header->vcpu_id = vcpu->id;
	t->header->vm_id = vcpu->vm->id;
	t->header->tsc_khz = tsc_khz;
	return t;
}

long exit_trace_fd(struct vcpu *vcpu, const void __user *argp)
{
	struct vmx_x_trace arg;
	struct exit_trace *t;
	int fd;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.size != sizeof(arg) || arg.records < TRACE_MIN_RECORDS ||
	    arg.records > TRACE_MAX_RECORDS || !is_power_of_2(arg.records) || arg.reserved[0] ||
	    arg.reserved[1])
		return -EINVAL;
	if (!exit_times_on())
		return -EOPNOTSUPP;
	t = trace_create(vcpu, &arg);
	if (!t)
		return -ENOMEM;
	mutex_lock(&trace_mutex);
	fd = -EBUSY;
	if (vcpu->tracer)
		goto free;
	fd = anon_inode_getfd("vmx-exit-trace", &trace_fops, t, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		goto free;
	vm_get(vcpu->vm);
	vcpu->tracer = t;
	mutex_unlock(&trace_mutex);
	return fd;

free:
	mutex_unlock(&trace_mutex);
	trace_free(t);
	return fd;
}

void exit_trace_module_exit(void)
{
	static_key_deferred_flush(&exit_trace_key);
}
