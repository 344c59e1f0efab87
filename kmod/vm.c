// SPDX-License-Identifier: GPL-2.0-only
/* The VM fd: life, ioctls, and requests to all vCPUs. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/anon_inodes.h>
#include <linux/cpumask.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "halt.h"
#include "host.h"
#include "iobus.h"
#include "irqchip/irqchip.h"
#include "irqfd.h"
#include "main.h"
#include "memslot.h"
#include "mmu/mmu.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"
#include "x86/x86.h"

static atomic_t vm_next_id = ATOMIC_INIT(0);

/* The parts of a VM, in order of creation; destroyed in the reverse order. */
static int vm_create_parts(struct vm *vm)
{
	int r;

	r = slots_vm_create(vm);
	if (r)
		return r;
	r = iobus_vm_create(vm);
	if (r)
		goto destroy_slots;
	r = irqfd_vm_create(vm);
	if (r)
		goto destroy_buses;
	r = x86_vm_create(vm);
	if (r)
		goto destroy_irqfds;
	r = backend_call(vm_create)(vm);
	if (r)
		goto destroy_x86;
	r = mmu_vm_create(vm);
	if (r)
		goto destroy_backend;
	return 0;

destroy_backend:
	backend_call(vm_destroy)(vm);
destroy_x86:
	x86_vm_destroy(vm);
destroy_irqfds:
	irqfd_vm_destroy(vm);
destroy_buses:
	iobus_vm_destroy(vm);
destroy_slots:
	slots_vm_destroy(vm);
	return r;
}

struct vm *vm_create(unsigned long type)
{
	struct vm *vm;
	int r;

	if (type)
		return ERR_PTR(-EINVAL);
	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	kref_init(&vm->kref);
	mutex_init(&vm->lock);
	xa_init(&vm->vcpus);
	vm->max_vcpu_id = VM_MAX_VCPU_ID;
	vm->halt_poll_ns = halt_poll_ns_default();
	vm->id = atomic_inc_return(&vm_next_id);
	vm->mm = current->mm;
	mmgrab(vm->mm);

	r = init_srcu_struct(&vm->srcu);
	if (r)
		goto drop_mm;
	r = host_get();
	if (r)
		goto cleanup_srcu;
	r = vm_create_parts(vm);
	if (r)
		goto put_host;
	stats_debugfs_add_vm(vm);
	host_clock_add(vm);
	/* Unloading is refused from here on, whoever holds the last reference. */
	__module_get(THIS_MODULE);
	return vm;

put_host:
	host_put();
cleanup_srcu:
	cleanup_srcu_struct(&vm->srcu);
drop_mm:
	mmdrop(vm->mm);
	kfree(vm);
	return ERR_PTR(r);
}

static void vm_destroy(struct kref *kref)
{
	struct vm *vm = container_of(kref, struct vm, kref);
	struct vcpu *vcpu;
	unsigned long i;

	stats_debugfs_remove_vm(vm);
	host_clock_remove(vm);
	mmu_vm_release(vm);
	irqfd_vm_destroy(vm);
	/* Devices first stop posting to vCPUs, then the vCPUs go. */
	iobus_vm_destroy(vm);
	irqchip_vm_quiesce(vm);
	vm_for_each_vcpu(i, vcpu, vm)
		vcpu_destroy(vcpu);
	xa_destroy(&vm->vcpus);
	irqchip_vm_destroy(vm);
	mmu_vm_destroy(vm);
	backend_call(vm_destroy)(vm);
	x86_vm_destroy(vm);
	slots_vm_destroy(vm);
	cleanup_srcu_struct(&vm->srcu);
	mmdrop(vm->mm);
	host_put();
	kfree(vm);
	module_put(THIS_MODULE);
}

void vm_get(struct vm *vm)
{
	kref_get(&vm->kref);
}

bool vm_get_unless_zero(struct vm *vm)
{
	return kref_get_unless_zero(&vm->kref);
}

void vm_put(struct vm *vm)
{
	kref_put(&vm->kref, vm_destroy);
}

/* ---- requests ---- */

static void vm_request_ipi(void *unused)
{
	/* The interrupt itself did it: the CPU has left the guest. */
}

/* What ends a HLT (vcpu_has_wake_event()). A sleeper serves the other requests before it next enters. */
#define REQS_THAT_WAKE                                                                          \
	(BIT(REQ_EVENT) | BIT(REQ_NMI) | BIT(REQ_LAPIC_TIMER) | BIT(REQ_INIT_SIPI) |            \
	 BIT(REQ_DEAD) | BIT(REQ_TRIPLE_FAULT))

bool vm_request_some(struct vm *vm, unsigned int req, bool wait,
		     bool (*want)(struct vcpu *vcpu, const void *ctx), const void *ctx)
{
	struct vcpu *vcpu;
	cpumask_var_t mask;
	bool have_mask, called = false;
	unsigned long i;
	int cpu, me;

	have_mask = zalloc_cpumask_var(&mask, GFP_ATOMIC);
	me = get_cpu();
	vm_for_each_vcpu(i, vcpu, vm) {
		if (want && !want(vcpu, ctx))
			continue;
		vcpu_request(vcpu, req);
		if (BIT(req) & REQS_THAT_WAKE)
			vcpu_wake(vcpu);
		/* Pairs with the barrier between mode and requests in run.c. */
		smp_mb();
		/* One that was kicked a moment ago may run on until its IPI arrives: wait for it too. */
		if (READ_ONCE(vcpu->mode) == VCPU_OUTSIDE)
			continue;
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu < 0 || cpu == me)
			continue;
		called = true;
		if (have_mask)
			cpumask_set_cpu(cpu, mask);
	}
	if (called) {
		if (!have_mask)
			smp_call_function(vm_request_ipi, NULL, wait);
		else
			smp_call_function_many(mask, vm_request_ipi, NULL, wait);
	}
	put_cpu();
	if (have_mask)
		free_cpumask_var(mask);
	return called;
}

bool vm_request_all(struct vm *vm, unsigned int req, bool wait)
{
	return vm_request_some(vm, req, wait, NULL, NULL);
}

void vm_flush_tlbs(struct vm *vm)
{
	atomic64_inc(&vm->stat.tlb_flushes);
	vm_request_all(vm, REQ_TLB_FLUSH, true);
}

void vm_kill(struct vm *vm)
{
	WRITE_ONCE(vm->dead, true);
	vm_request_all(vm, REQ_DEAD, false);
}

/* ---- the fd ---- */

static long vm_set_boot_cpu_id(struct vm *vm, unsigned long id)
{
	long r = 0;

	mutex_lock(&vm->lock);
	if (vm->nr_vcpus)
		r = -EBUSY;
	else if (id >= VM_MAX_VCPU_ID)
		r = -EINVAL;
	else
		vm->bsp_vcpu_id = id;
	mutex_unlock(&vm->lock);
	return r;
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	static long (*const parts[])(struct vm *, unsigned int, unsigned long) = {
		slot_vm_ioctl, irqchip_vm_ioctl, irqfd_vm_ioctl, iobus_vm_ioctl, x86_vm_ioctl,
		dev_common_ioctl,
	};
	struct vm *vm = file->private_data;
	long r;
	int i;

	if (vm->mm != current->mm || READ_ONCE(vm->dead))
		return -EIO;
	switch (cmd) {
	case VMX_CREATE_VCPU:
		return vcpu_ioctl_create(vm, arg);
	case VMX_SET_BOOT_CPU_ID:
		return vm_set_boot_cpu_id(vm, arg);
	case VMX_GET_STATS_FD:
		return stats_fd(vm, NULL);
	}
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		r = parts[i](vm, cmd, arg);
		if (r != -ENOIOCTLCMD)
			return r;
	}
	return -ENOTTY;
}

static int vm_release(struct inode *inode, struct file *file)
{
	struct vm *vm = file->private_data;

	irqfd_vm_release(vm);
	vm_put(vm);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

long vm_ioctl_create(unsigned long type)
{
	struct file *file;
	struct vm *vm;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	vm = vm_create(type);
	if (IS_ERR(vm)) {
		put_unused_fd(fd);
		return PTR_ERR(vm);
	}
	file = anon_inode_getfile("vmx-vm", &vm_fops, vm, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		vm_put(vm);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}
