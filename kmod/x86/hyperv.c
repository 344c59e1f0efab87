// SPDX-License-Identifier: GPL-2.0-only
/* Hyper-V's enlightenments: life, CPUID, capabilities, connections, exits. See hyperv.h. */
#include <linux/cpu.h>
#include <linux/eventfd.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "irqchip/irqchip.h"
#include "x86/hyperv.h"
#include "x86/state.h"
#include "x86/x86.h"

DEFINE_STATIC_KEY_FALSE(hv_in_use);

/* ---- life ---- */

void hv_vm_init(struct vm *vm)
{
	struct vm_hv *v = &vm->x86->hv;

	mutex_init(&v->lock);
	xa_init(&v->eventfds);
}

void hv_vm_destroy(struct vm *vm)
{
	struct vm_hv *v = &vm->x86->hv;
	struct eventfd_ctx *ctx;
	unsigned long conn;

	xa_for_each(&v->eventfds, conn, ctx)
		eventfd_ctx_put(ctx);
	xa_destroy(&v->eventfds);
	mutex_destroy(&v->lock);
	if (v->counted)
		static_branch_dec(&hv_in_use);
}

struct vcpu_hv *hv_get(struct vcpu *vcpu)
{
	struct vm_hv *v = &vcpu->vm->x86->hv;
	struct vcpu_hv *hv = vcpu->x86->hv;

	if (hv)
		return hv;
	hv = kzalloc(sizeof(*hv), GFP_KERNEL_ACCOUNT);
	if (!hv)
		return NULL;
	hv->vcpu = vcpu;
	hv->vp_index = vcpu->index;
	hv_cpuid_read(&hv->cpuid, vcpu->x86->cpuid);
	hv_synic_init(hv);
	mutex_lock(&v->lock);
	if (!v->counted) {
		static_branch_inc(&hv_in_use);
		v->counted = true;
	}
	mutex_unlock(&v->lock);
	/* Those who send interrupts by index find it complete. */
	smp_store_release(&vcpu->x86->hv, hv);
	return hv;
}

void hv_vcpu_destroy(struct vcpu *vcpu)
{
	if (!vcpu->x86->hv)
		return;
	hv_synic_destroy(vcpu->x86->hv);
	kfree(vcpu->x86->hv);
	vcpu->x86->hv = NULL;
}

u32 hv_vp_index(struct vcpu *vcpu)
{
	const struct vcpu_hv *hv = smp_load_acquire(&vcpu->x86->hv);

	return hv ? READ_ONCE(hv->vp_index) : vcpu->index;
}

int hv_cpuid_changed(struct vcpu *vcpu, const struct cpuid_table *t)
{
	struct hv_cpuid now;
	struct vcpu_hv *hv;

	hv_cpuid_read(&now, t);
	if (!now.present && !vcpu->x86->hv)
		return 0;
	hv = hv_get(vcpu);
	if (!hv)
		return -ENOMEM;
	hv->cpuid = now;
	return 0;
}

/* ---- exits ---- */

void hv_exit_soon(struct vcpu_hv *hv, enum hv_exit why, u32 msr)
{
	hv->exit = why;
	hv->exit_msr = msr;
	vcpu_request(hv->vcpu, REQ_HYPERV);
}

static void exit_system_event(struct vmx_run *run, u32 type)
{
	run->exit_reason = VMX_EXIT_SYSTEM_EVENT;
	run->system_event.type = type;
	run->system_event.ndata = 0;
}

static void exit_synic(struct vcpu_hv *hv, struct vmx_hyperv_exit *x)
{
	x->type = VMX_EXIT_HYPERV_SYNIC;
	x->u.synic.msr = hv->exit_msr;
	x->u.synic.control = hv->synic.control;
	x->u.synic.evt_page = hv->synic.siefp;
	x->u.synic.msg_page = hv->synic.simp;
}

static void exit_syndbg(struct vcpu_hv *hv, struct vmx_hyperv_exit *x)
{
	struct vm_hv *v = &hv->vcpu->vm->x86->hv;

	mutex_lock(&v->lock);
	x->type = VMX_EXIT_HYPERV_SYNDBG;
	x->u.syndbg.msr = hv->exit_msr;
	x->u.syndbg.control = v->syndbg.control;
	x->u.syndbg.status = v->syndbg.status;
	x->u.syndbg.send_page = v->syndbg.send;
	x->u.syndbg.recv_page = v->syndbg.recv;
	x->u.syndbg.pending_page = v->syndbg.pending;
	mutex_unlock(&v->lock);
}

/* The status of a command comes back in the exit: the guest reads it by an MSR. */
static int complete_syndbg(struct vcpu *vcpu)
{
	struct vm_hv *v = &vcpu->vm->x86->hv;

	if (vcpu->x86->hv->exit_msr != VMX_HV_MSR_SYNDBG_CONTROL)
		return VCPU_RESUME;
	mutex_lock(&v->lock);
	v->syndbg.status = READ_ONCE(vcpu->run->hyperv.u.syndbg.status);
	mutex_unlock(&v->lock);
	return VCPU_RESUME;
}

static int hv_exit(struct vcpu_hv *hv, enum hv_exit why)
{
	struct vmx_run *run = hv->vcpu->run;

	switch (why) {
	case HV_EXIT_RESET:
		exit_system_event(run, VMX_SYSTEM_EVENT_RESET);
		return VCPU_TO_USER;
	case HV_EXIT_CRASH:
		exit_system_event(run, VMX_SYSTEM_EVENT_CRASH);
		return VCPU_TO_USER;
	default:
		break;
	}
	run->exit_reason = VMX_EXIT_HYPERV;
	memset(&run->hyperv, 0, sizeof(run->hyperv));
	if (why == HV_EXIT_SYNIC) {
		exit_synic(hv, &run->hyperv);
	} else {
		exit_syndbg(hv, &run->hyperv);
		hv->vcpu->complete_userspace_io = complete_syndbg;
	}
	return VCPU_TO_USER;
}

int hv_serve(struct vcpu *vcpu)
{
	struct vcpu_hv *hv = vcpu->x86->hv;
	enum hv_exit why;

	if (!hv)
		return VCPU_RESUME;
	if (READ_ONCE(hv->look))
		hv_stimers_serve(hv);
	why = hv->exit;
	if (why == HV_EXIT_NONE)
		return VCPU_RESUME;
	hv->exit = HV_EXIT_NONE;
	return hv_exit(hv, why);
}

/* ---- ioctls ---- */

/* @vcpu: asked for one vCPU, the old way; NULL: for the host. */
static long get_supported(struct vcpu *vcpu, struct vmx_cpuid2 __user *argp)
{
	struct vmx_cpuid_entry2 entries[HV_MAX_SUPPORTED];
	struct hv_env env = {
		.stimer_direct = !vcpu || vcpu->lapic,
		.smt = cpu_smt_possible(),
		.max_vps = VM_MAX_VCPUS,
	};

	return cpuid_copy_list(argp, entries,
			       hv_cpuid_supported(&env, entries, ARRAY_SIZE(entries)));
}

long hv_dev_ioctl(unsigned int cmd, unsigned long arg)
{
	if (cmd != VMX_GET_SUPPORTED_HV_CPUID)
		return -ENOIOCTLCMD;
	return get_supported(NULL, (void __user *)arg);
}

long hv_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	if (cmd != VMX_GET_SUPPORTED_HV_CPUID)
		return -ENOIOCTLCMD;
	return get_supported(vcpu, (void __user *)arg);
}

static long enable_synic(struct vcpu *vcpu, bool keep_pages, u64 arg)
{
	struct vcpu_hv *hv;

	if (!vcpu->lapic || (keep_pages && arg))
		return -EINVAL;
	hv = hv_get(vcpu);
	if (!hv)
		return -ENOMEM;
	hv->keep_pages = keep_pages;
	WRITE_ONCE(hv->active, true);
	/* Interrupts may end when they are taken: not by hardware. */
	if (!READ_ONCE(vcpu->vm->auto_eoi)) {
		WRITE_ONCE(vcpu->vm->auto_eoi, true);
		vm_request_all(vcpu->vm, REQ_MSR_BITMAP, true);
	}
	return 0;
}

long hv_enable_cap(struct vcpu *vcpu, u32 cap, u64 arg)
{
	struct vcpu_hv *hv;

	switch (cap) {
	case VMX_CAP_HYPERV_SYNIC:
	case VMX_CAP_HYPERV_SYNIC2:
		return enable_synic(vcpu, cap == VMX_CAP_HYPERV_SYNIC2, arg);
	case VMX_CAP_HYPERV_ENFORCE_CPUID:
		hv = hv_get(vcpu);
		if (!hv)
			return -ENOMEM;
		hv->enforce = arg;
		return 0;
	default:
		return -ENOIOCTLCMD;
	}
}

/* ---- connections to eventfds ---- */

static long eventfd_assign(struct vm_hv *v, u32 conn, int fd)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(fd);
	int r;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	r = xa_insert(&v->eventfds, conn, ctx, GFP_KERNEL_ACCOUNT);
	if (r)
		eventfd_ctx_put(ctx);
	return r == -EBUSY ? -EEXIST : r;
}

static long eventfd_deassign(struct vm_hv *v, u32 conn)
{
	struct eventfd_ctx *ctx = xa_erase(&v->eventfds, conn);

	if (!ctx)
		return -ENOENT;
	synchronize_rcu();
	eventfd_ctx_put(ctx);
	return 0;
}

long hv_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	struct vmx_hyperv_eventfd e;

	if (cmd != VMX_HYPERV_EVENTFD)
		return -ENOIOCTLCMD;
	if (copy_from_user(&e, (void __user *)arg, sizeof(e)))
		return -EFAULT;
	if ((e.flags & ~VMX_HYPERV_EVENTFD_DEASSIGN) || (e.conn_id & ~VMX_HYPERV_CONN_ID_MASK))
		return -EINVAL;
	if (e.flags & VMX_HYPERV_EVENTFD_DEASSIGN)
		return eventfd_deassign(&vm->x86->hv, e.conn_id);
	return eventfd_assign(&vm->x86->hv, e.conn_id, e.fd);
}
