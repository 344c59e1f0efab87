// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds that raise interrupts.
 *
 * An irqfd hangs in its eventfd's wait queue; a write to the eventfd calls irqfd_wakeup() there, with
 * interrupts off, and that injects at once: nothing behind irqchip_set_irq() sleeps.
 *
 * An irqfd ends when it is deassigned, when the VM fd closes, or when the last user of the eventfd closes
 * it (EPOLLHUP). Who takes it off the list ends it; EPOLLHUP comes under the wait queue's lock, so there
 * a work item does the rest.
 *
 * Resampling (level interrupts of passed-through or emulated devices): the eventfd raises the line; the EOI
 * lowers it and signals the resamplefd, upon which the device raises it anew if it still wants service.
 * All irqfds of one GSI share one line.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "irqchip/chip.h"
#include "irqfd.h"
#include "vm.h"

/* The irqfds of one GSI that resample. */
struct irqfd_resampler {
	struct vm *vm;
	u32 gsi;
	struct list_head irqfds;	/* RCU */
	struct list_head link;		/* of vm_irqfds.resamplers, RCU */
};

struct irqfd {
	struct vm *vm;
	struct eventfd_ctx *eventfd;
	u32 gsi;
	wait_queue_entry_t wait;
	poll_table pt;
	struct list_head link;		/* of vm_irqfds.irqfds or .dead */
	struct irqfd_resampler *resampler;
	struct eventfd_ctx *resamplefd;
	struct list_head resample_link;	/* RCU */
};

/* ---- raising ---- */

static void irqfd_inject(struct irqfd *irqfd)
{
	if (irqfd->resampler) {
		irqchip_raise_resampled(irqfd->vm, irqfd->gsi);
		return;
	}
	irqchip_set_irq(irqfd->vm, IRQ_SOURCE_USER, irqfd->gsi, 1);
	irqchip_set_irq(irqfd->vm, IRQ_SOURCE_USER, irqfd->gsi, 0);
}

/* Under the eventfd's wait queue lock, interrupts off. */
static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	struct vm_irqfds *fds = irqfd->vm->irqfds;
	__poll_t flags = key_to_poll(key);
	u64 count;
	int taken = 0;

	if (flags & EPOLLIN) {
		/* Taken here, so that the eventfd never fills up. */
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		irqfd_inject(irqfd);
		taken = 1;
	}
	if (flags & EPOLLHUP) {
		unsigned long irqflags;

		spin_lock_irqsave(&fds->lock, irqflags);
		if (!list_empty(&irqfd->link)) {
			list_move_tail(&irqfd->link, &fds->dead);
			schedule_work(&fds->dead_work);
		}
		spin_unlock_irqrestore(&fds->lock, irqflags);
	}
	return taken;
}

static void irqfd_queue_proc(struct file *file, wait_queue_head_t *wqh, poll_table *pt)
{
	struct irqfd *irqfd = container_of(pt, struct irqfd, pt);

	add_wait_queue_priority(wqh, &irqfd->wait);
}

/* ---- resampling ---- */

bool irqfd_resample(struct vm *vm, unsigned int gsi)
{
	struct vm_irqfds *fds = vm->irqfds;
	struct irqfd_resampler *r;
	struct irqfd *irqfd;
	bool found = false;

	if (likely(!atomic_read(&fds->nr_resamplers)))
		return false;
	rcu_read_lock();
	list_for_each_entry_rcu(r, &fds->resamplers, link) {
		if (r->gsi != gsi)
			continue;
		irqchip_set_irq(vm, IRQ_SOURCE_RESAMPLE, gsi, 0);
		list_for_each_entry_rcu(irqfd, &r->irqfds, resample_link)
			compat_eventfd_signal(irqfd->resamplefd);
		found = true;
		break;
	}
	rcu_read_unlock();
	return found;
}

static struct irqfd_resampler *irqfd_resampler_find(struct vm_irqfds *fds, u32 gsi)
{
	struct irqfd_resampler *r;

	lockdep_assert_held(&fds->resample_lock);
	list_for_each_entry(r, &fds->resamplers, link)
		if (r->gsi == gsi)
			return r;
	return NULL;
}

static int irqfd_resampler_attach(struct irqfd *irqfd)
{
	struct vm_irqfds *fds = irqfd->vm->irqfds;
	struct irqfd_resampler *r;

	mutex_lock(&fds->resample_lock);
	r = irqfd_resampler_find(fds, irqfd->gsi);
	if (!r) {
		r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
		if (!r) {
			mutex_unlock(&fds->resample_lock);
			return -ENOMEM;
		}
		r->vm = irqfd->vm;
		r->gsi = irqfd->gsi;
		INIT_LIST_HEAD(&r->irqfds);
		list_add_rcu(&r->link, &fds->resamplers);
		atomic_inc(&fds->nr_resamplers);
	}
	irqfd->resampler = r;
	list_add_rcu(&irqfd->resample_link, &r->irqfds);
	mutex_unlock(&fds->resample_lock);
	return 0;
}

static void irqfd_resampler_detach(struct irqfd *irqfd)
{
	struct vm_irqfds *fds = irqfd->vm->irqfds;
	struct irqfd_resampler *r = irqfd->resampler;
	bool last;

	mutex_lock(&fds->resample_lock);
	list_del_rcu(&irqfd->resample_link);
	last = list_empty(&r->irqfds);
	if (last) {
		list_del_rcu(&r->link);
		atomic_dec(&fds->nr_resamplers);
	}
	mutex_unlock(&fds->resample_lock);
	synchronize_rcu();
	if (last) {
		/* Nobody is left to lower the line at an EOI. */
		irqchip_set_irq(irqfd->vm, IRQ_SOURCE_RESAMPLE, irqfd->gsi, 0);
		kfree(r);
	}
	eventfd_ctx_put(irqfd->resamplefd);
}

/* ---- the end of an irqfd ---- */

/* The irqfd is off the lists, so this is the only one that ends it. May sleep. */
static void irqfd_end(struct irqfd *irqfd)
{
	u64 count;

	/* After this no wakeup runs any more. */
	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	if (irqfd->resampler)
		irqfd_resampler_detach(irqfd);
	eventfd_ctx_put(irqfd->eventfd);
	kfree(irqfd);
}

/* Ends what is on a list. Each is taken off under the lock first. */
static void irqfd_end_list(struct vm_irqfds *fds, struct list_head *list)
{
	struct irqfd *irqfd;

	for (;;) {
		spin_lock_irq(&fds->lock);
		irqfd = list_first_entry_or_null(list, struct irqfd, link);
		if (irqfd)
			list_del_init(&irqfd->link);
		spin_unlock_irq(&fds->lock);
		if (!irqfd)
			return;
		irqfd_end(irqfd);
	}
}

static void irqfd_dead_work(struct work_struct *work)
{
	struct vm_irqfds *fds = container_of(work, struct vm_irqfds, dead_work);

	irqfd_end_list(fds, &fds->dead);
}

/* ---- ioctls ---- */

static bool irqfd_on_list(struct vm_irqfds *fds, struct eventfd_ctx *eventfd)
{
	struct irqfd *irqfd;

	list_for_each_entry(irqfd, &fds->irqfds, link)
		if (irqfd->eventfd == eventfd)
			return true;
	return false;
}

/* Puts it on the list: -EBUSY if that eventfd raises an interrupt already, -EIO if the VM ends. */
static int irqfd_add(struct vm_irqfds *fds, struct irqfd *irqfd)
{
	int ret = 0;

	spin_lock_irq(&fds->lock);
	if (fds->released)
		ret = -EIO;
	else if (irqfd_on_list(fds, irqfd->eventfd))
		ret = -EBUSY;
	else
		list_add_tail(&irqfd->link, &fds->irqfds);
	spin_unlock_irq(&fds->lock);
	return ret;
}

static int irqfd_get_resamplefd(struct irqfd *irqfd, int fd)
{
	int ret;

	irqfd->resamplefd = eventfd_ctx_fdget(fd);
	if (IS_ERR(irqfd->resamplefd))
		return PTR_ERR(irqfd->resamplefd);
	ret = irqfd_resampler_attach(irqfd);
	if (ret)
		eventfd_ctx_put(irqfd->resamplefd);
	return ret;
}

static long irqfd_assign(struct vm *vm, const struct vmx_irqfd *args)
{
	struct irqfd *irqfd;
	struct file *file;
	__poll_t events;
	int ret;

	if (!irqchip_in_kernel(vm))
		return -EINVAL;
	/* The end of a line's interrupt is only seen by who has the line. */
	if ((args->flags & VMX_IRQFD_FLAG_RESAMPLE) && !irqchip_pic_in_kernel(vm))
		return -EINVAL;
	if (args->gsi >= IRQ_ROUTE_MAX)
		return -EINVAL;
	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->vm = vm;
	irqfd->gsi = args->gsi;
	INIT_LIST_HEAD(&irqfd->link);
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	init_poll_funcptr(&irqfd->pt, irqfd_queue_proc);

	file = eventfd_fget(args->fd);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto free_irqfd;
	}
	irqfd->eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->eventfd)) {
		ret = PTR_ERR(irqfd->eventfd);
		goto put_file;
	}
	if (args->flags & VMX_IRQFD_FLAG_RESAMPLE) {
		ret = irqfd_get_resamplefd(irqfd, args->resamplefd);
		if (ret)
			goto put_eventfd;
	}
	ret = irqfd_add(vm->irqfds, irqfd);
	if (ret)
		goto detach_resampler;
	/* It is found from now on; the file keeps the eventfd alive until it hangs in the queue. */
	events = vfs_poll(file, &irqfd->pt);
	if (events & EPOLLIN)
		irqfd_inject(irqfd);
	fput(file);
	return 0;

detach_resampler:
	if (irqfd->resampler)
		irqfd_resampler_detach(irqfd);
put_eventfd:
	eventfd_ctx_put(irqfd->eventfd);
put_file:
	fput(file);
free_irqfd:
	kfree(irqfd);
	return ret;
}

static long irqfd_deassign(struct vm *vm, const struct vmx_irqfd *args)
{
	struct vm_irqfds *fds = vm->irqfds;
	struct eventfd_ctx *eventfd;
	struct irqfd *irqfd, *next;
	LIST_HEAD(gone);

	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	spin_lock_irq(&fds->lock);
	list_for_each_entry_safe(irqfd, next, &fds->irqfds, link)
		if (irqfd->eventfd == eventfd && irqfd->gsi == args->gsi)
			list_move_tail(&irqfd->link, &gone);
	spin_unlock_irq(&fds->lock);
	irqfd_end_list(fds, &gone);
	eventfd_ctx_put(eventfd);
	/* One that hung up at the same time is being ended: its interrupts end with this ioctl too. */
	flush_work(&fds->dead_work);
	return 0;
}

static long irqfd_ioctl(struct vm *vm, const void __user *argp)
{
	struct vmx_irqfd args;
	long ret;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~(VMX_IRQFD_FLAG_DEASSIGN | VMX_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	/* One at a time: an irqfd that is being assigned cannot be deassigned half-way. */
	mutex_lock(&vm->irqfds->ioctl_lock);
	if (args.flags & VMX_IRQFD_FLAG_DEASSIGN)
		ret = irqfd_deassign(vm, &args);
	else
		ret = irqfd_assign(vm, &args);
	mutex_unlock(&vm->irqfds->ioctl_lock);
	return ret;
}

long irqfd_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	if (cmd == VMX_IRQFD)
		return irqfd_ioctl(vm, (void __user *)arg);
	return ioeventfd_vm_ioctl(vm, cmd, arg);
}

/* ---- life ---- */

int irqfd_vm_create(struct vm *vm)
{
	struct vm_irqfds *fds = kzalloc(sizeof(*fds), GFP_KERNEL_ACCOUNT);

	if (!fds)
		return -ENOMEM;
	mutex_init(&fds->ioctl_lock);
	spin_lock_init(&fds->lock);
	INIT_LIST_HEAD(&fds->irqfds);
	INIT_LIST_HEAD(&fds->dead);
	INIT_WORK(&fds->dead_work, irqfd_dead_work);
	mutex_init(&fds->resample_lock);
	INIT_LIST_HEAD(&fds->resamplers);
	INIT_LIST_HEAD(&fds->ioeventfds);
	vm->irqfds = fds;
	return 0;
}

void irqfd_vm_release(struct vm *vm)
{
	struct vm_irqfds *fds = vm->irqfds;

	spin_lock_irq(&fds->lock);
	fds->released = true;
	spin_unlock_irq(&fds->lock);
	irqfd_end_list(fds, &fds->irqfds);
	flush_work(&fds->dead_work);
}

void irqfd_vm_destroy(struct vm *vm)
{
	struct vm_irqfds *fds = vm->irqfds;

	/* A VM that never got its fd was never released. */
	irqfd_vm_release(vm);
	ioeventfd_vm_destroy(vm, fds);
	vm->irqfds = NULL;
	kfree(fds);
}
