// SPDX-License-Identifier: GPL-2.0-only
/*
 * The synthetic interrupt controller's state, and the synthetic timers.
 *
 * A timer of the host's only says that time is up (REQ_HYPERV and a kick); the vCPU's thread then asks the model, and
 * writes the message, since that may sleep. A message that finds its slot taken waits for EOM.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/nospec.h>

#include "compat.h"
#include "gmem.h"
#include "irqchip/irqchip.h"
#include "x86/hyperv.h"
#include "x86/state.h"
#include "x86/x86.h"

#define UNIT_NS 100
/* A timer farther away is looked at again then. */
#define FAR_UNITS (10ULL * 1000 * 1000 * 3600 * 24)

static_assert(sizeof(struct vmx_hv_message) == VMX_HV_MESSAGE_SIZE);

/* ---- messages ---- */

static u64 slot_gpa(const struct vcpu_hv *hv, unsigned int sint)
{
	return (hv->synic.simp & VMX_HV_PAGE_MASK) + sint * VMX_HV_MESSAGE_SIZE;
}

static int write_message(struct vm *vm, u64 gpa, const struct vmx_hv_message *msg)
{
	const u32 head = offsetof(struct vmx_hv_message, payload_size);
	int r;

	/* The type is what tells that the slot is full: last. */
	r = gmem_write(vm, gpa + head, (const u8 *)msg + head, sizeof(*msg) - head);
	smp_wmb();
	return r ? r : gmem_write(vm, gpa, &msg->type, sizeof(msg->type));
}

/* -EAGAIN: the slot is taken, and the guest will write EOM. Other errors: there is no slot. */
static int post_message(struct vcpu_hv *hv, unsigned int sint, const struct vmx_hv_message *msg,
			bool retry)
{
	struct vm *vm = hv->vcpu->vm;
	u64 gpa = slot_gpa(hv, sint);
	bool marked = false;
	u8 flags;
	u32 type;

	if (!(hv->synic.simp & VMX_HV_ENABLE))
		return -ENOENT;
	for (;;) {
		if (gmem_read(vm, gpa, &type, sizeof(type)))
			return -EFAULT;
		switch (hv_slot_step(type, marked, retry)) {
		case HV_SLOT_WRITE:
			return write_message(vm, gpa, msg);
		case HV_SLOT_MARK:
			if (gmem_read(vm, gpa + offsetof(struct vmx_hv_message, flags), &flags, 1))
				return -EFAULT;
			flags |= VMX_HV_MESSAGE_PENDING;
			if (gmem_write(vm, gpa + offsetof(struct vmx_hv_message, flags), &flags, 1))
				return -EFAULT;
			marked = true;
			smp_mb();
			break;
		default:
			return -EAGAIN;
		}
	}
}

/* ---- interrupts ---- */

bool hv_vector_auto_eoi(struct vcpu *vcpu, u8 vector)
{
	const struct vcpu_hv *hv = vcpu->x86->hv;

	return hv && hv_auto_eoi(&hv->synic, vector);
}

bool hv_vector_ended(struct vcpu *vcpu, u8 vector)
{
	const struct vcpu_hv *hv = vcpu->x86->hv;
	u32 sints;

	if (!static_branch_unlikely(&hv_in_use) || !hv || !hv->active)
		return false;
	sints = hv_sints_of(&hv->synic, vector);
	if (!sints)
		return false;
	irqchip_sints_ended(vcpu->vm, hv->vp_index, sints);
	return true;
}

static struct vcpu *vcpu_by_vp(struct vm *vm, u32 vp)
{
	struct vcpu *vcpu = vm_vcpu(vm, vp);
	unsigned long i;

	/* Nearly always they are numbered as they were created. */
	if (vcpu && hv_vp_index(vcpu) == vp)
		return vcpu;
	vm_for_each_vcpu(i, vcpu, vm)
		if (hv_vp_index(vcpu) == vp)
			return vcpu;
	return NULL;
}

int hv_sint_raise(struct vm *vm, u32 vp, u32 sint)
{
	struct vcpu *vcpu = vcpu_by_vp(vm, vp);
	struct vcpu_hv *hv;
	int vector;

	if (!vcpu || sint >= VMX_HV_SINTS)
		return -1;
	hv = smp_load_acquire(&vcpu->x86->hv);
	if (!hv || !READ_ONCE(hv->active))
		return -1;
	vector = hv_sint_vector(READ_ONCE(hv->synic.sint[array_index_nospec(sint, VMX_HV_SINTS)]));
	return vector < 0 ? -1 : lapic_post_watched(vcpu, vector);
}

/* ---- timers ---- */

static enum hrtimer_restart timer_fn(struct hrtimer *timer)
{
	struct hv_timer *t = container_of(timer, struct hv_timer, timer);
	struct vcpu_hv *hv = t->hv;

	set_bit(t - hv->timer, &hv->look);
	vcpu_request(hv->vcpu, REQ_HYPERV);
	vcpu_kick(hv->vcpu);
	return HRTIMER_NORESTART;
}

static void look_at(struct vcpu_hv *hv, unsigned int n)
{
	set_bit(n, &hv->look);
	vcpu_request(hv->vcpu, REQ_HYPERV);
}

static void arm(struct hv_timer *t, u64 now)
{
	u64 units = min(t->model.expires - now, FAR_UNITS);

	hrtimer_start(&t->timer, ns_to_ktime(ktime_get_ns() + units * UNIT_NS),
		      HRTIMER_MODE_ABS_PINNED_HARD);
}

/* The interrupt, or the message and its interrupt. False: the slot is taken. */
static bool deliver(struct vcpu_hv *hv, struct hv_timer *t, u64 now)
{
	struct vmx_hv_timer_payload payload = {
		.index = t - hv->timer,
		.expired = t->model.expires,
		.delivered = now,
	};
	struct vmx_hv_message msg = {
		.type = VMX_HV_MESSAGE_TIMER,
		.payload_size = sizeof(payload),
	};
	unsigned int sint = hv_stimer_sint(&t->model);
	int vector;

	if (hv_stimer_direct(&t->model)) {
		lapic_post(hv->vcpu, hv_stimer_vector(&t->model), false);
		return true;
	}
	memcpy(msg.payload, &payload, sizeof(payload));
	/* Ticks do not queue up. Where there is no slot the message is lost. */
	if (post_message(hv, sint, &msg, !hv_stimer_periodic(&t->model)) == -EAGAIN)
		return false;
	vector = hv_sint_vector(hv->synic.sint[sint]);
	if (vector >= 0)
		lapic_post(hv->vcpu, vector, false);
	return true;
}

static void serve_timer(struct vcpu_hv *hv, struct hv_timer *t)
{
	u64 now = hv_time(hv->vcpu);

	switch (hv_stimer_run(&t->model, now)) {
	case HV_STIMER_FIRE:
		hv_stimer_fired(&t->model, deliver(hv, t, now), now);
		/* A periodic one goes on; one whose message waits is looked at after EOM. */
		if (!t->model.undelivered && hv_stimer_run(&t->model, now) == HV_STIMER_WAIT)
			arm(t, now);
		break;
	case HV_STIMER_WAIT:
		arm(t, now);
		break;
	default:
		break;
	}
}

void hv_stimers_serve(struct vcpu_hv *hv)
{
	unsigned int n;

	for (n = 0; n < VMX_HV_STIMERS; n++)
		if (test_and_clear_bit(n, &hv->look))
			serve_timer(hv, &hv->timer[n]);
}

/* ---- MSRs ---- */

int hv_stimer_read(struct vcpu_hv *hv, u32 msr, u64 *val, bool host)
{
	unsigned int n = (msr - VMX_HV_MSR_STIMER0_CONFIG) / 2;
	const struct hv_stimer *t;

	if (!hv || !hv->active) {
		*val = 0;
		return !host;
	}
	t = &hv->timer[array_index_nospec(n, VMX_HV_STIMERS)].model;
	*val = msr & 1 ? t->count : t->config;
	return 0;
}

int hv_stimer_write(struct vcpu_hv *hv, u32 msr, u64 val, bool host)
{
	unsigned int n = (msr - VMX_HV_MSR_STIMER0_CONFIG) / 2;
	struct hv_timer *t;

	if (!hv->active)
		return !host || val;
	n = array_index_nospec(n, VMX_HV_STIMERS);
	t = &hv->timer[n];
	if (!(msr & 1) && !host && hv->enforce && (val & VMX_HV_STIMER_DIRECT) &&
	    !(hv->cpuid.features & VMX_HV_F_STIMER_DIRECT))
		return 1;
	hrtimer_cancel(&t->timer);
	clear_bit(n, &hv->look);
	if (msr & 1)
		hv_stimer_set_count(&t->model, val);
	else
		hv_stimer_set_config(&t->model, val);
	if (t->model.config & VMX_HV_STIMER_ENABLE)
		look_at(hv, n);
	return 0;
}

int hv_synic_read(struct vcpu_hv *hv, u32 msr, u64 *val, bool host)
{
	struct hv_synic none;
	const struct hv_synic *s = &none;

	if (hv && hv->active) {
		s = &hv->synic;
	} else {
		if (!host)
			return 1;
		hv_synic_reset(&none);
	}
	switch (msr) {
	case VMX_HV_MSR_SCONTROL:
		*val = s->control;
		return 0;
	case VMX_HV_MSR_SVERSION:
		*val = s->version;
		return 0;
	case VMX_HV_MSR_SIEFP:
		*val = s->siefp;
		return 0;
	case VMX_HV_MSR_SIMP:
		*val = s->simp;
		return 0;
	case VMX_HV_MSR_EOM:
		*val = 0;
		return 0;
	default:
		*val = s->sint[array_index_nospec(msr - VMX_HV_MSR_SINT0, VMX_HV_SINTS)];
		return 0;
	}
}

/* A page is switched on: empty, unless the VMM said that it fills it. 0, 1: it is not memory. */
static int switch_page(struct vcpu_hv *hv, u64 *field, u64 val, bool host)
{
	if ((val & VMX_HV_ENABLE) && !host && !hv->keep_pages &&
	    gmem_clear(hv->vcpu->vm, val & VMX_HV_PAGE_MASK, PAGE_SIZE))
		return 1;
	*field = val;
	return 0;
}

/* The guest has emptied slots: what waits for one may come. */
static void end_of_message(struct vcpu_hv *hv)
{
	unsigned int n;

	for (n = 0; n < VMX_HV_STIMERS; n++)
		if (hv->timer[n].model.undelivered)
			look_at(hv, n);
	irqchip_sints_ended(hv->vcpu->vm, hv->vp_index, GENMASK(VMX_HV_SINTS - 1, 0));
}

static int write_sint(struct vcpu_hv *hv, u32 msr, u64 val, bool host)
{
	unsigned int n = array_index_nospec(msr - VMX_HV_MSR_SINT0, VMX_HV_SINTS);
	const u64 *map = hv->synic.auto_eoi;

	if (!hv_sint_write(&hv->synic, n, val, host))
		return 1;
	hv->vcpu->auto_eoi = map[0] | map[1] | map[2] | map[3];
	return 0;
}

int hv_synic_write(struct vcpu_hv *hv, u32 msr, u64 val, bool host)
{
	int r = 0;

	if (!hv->active)
		return !host || val;
	switch (msr) {
	case VMX_HV_MSR_SCONTROL:
		hv->synic.control = val;
		break;
	case VMX_HV_MSR_SVERSION:
		if (!host)
			return 1;
		hv->synic.version = val;
		return 0;
	case VMX_HV_MSR_SIEFP:
		r = switch_page(hv, &hv->synic.siefp, val, host);
		break;
	case VMX_HV_MSR_SIMP:
		r = switch_page(hv, &hv->synic.simp, val, host);
		break;
	case VMX_HV_MSR_EOM:
		end_of_message(hv);
		return 0;
	default:
		return write_sint(hv, msr, val, host);
	}
	/* The VMM has its part in messages and events. */
	if (!r && !host)
		hv_exit_soon(hv, HV_EXIT_SYNIC, msr);
	return r;
}

/* ---- life ---- */

void hv_synic_init(struct vcpu_hv *hv)
{
	unsigned int n;

	hv_synic_reset(&hv->synic);
	for (n = 0; n < VMX_HV_STIMERS; n++) {
		hv->timer[n].hv = hv;
		hv_stimer_reset(&hv->timer[n].model);
		compat_hrtimer_setup(&hv->timer[n].timer, timer_fn, CLOCK_MONOTONIC,
				     HRTIMER_MODE_ABS_PINNED_HARD);
	}
}

void hv_synic_destroy(struct vcpu_hv *hv)
{
	unsigned int n;

	for (n = 0; n < VMX_HV_STIMERS; n++)
		hrtimer_cancel(&hv->timer[n].timer);
}
