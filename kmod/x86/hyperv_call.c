// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hyper-V's hypercalls (TLFS 3).
 *
 *	            64-bit code      32-bit code
 *	input       RCX              EDX:EAX
 *	input GPA   RDX              EBX:ECX         fast: the first quadword
 *	output GPA  R8               EDI:ESI         fast: the second; XMM0 to XMM5 follow
 *	result      RAX              EDX:EAX
 */
#include <linux/nospec.h>

#include "backend.h"
#include "compat.h"
#include "gmem.h"
#include "halt.h"
#include "irqchip/irqchip.h"
#include "x86/cr.h"
#include "x86/emulate.h"
#include "x86/hyperv.h"
#include "x86/state.h"
#include "x86/x86.h"

bool hv_hypercalls_used(struct vcpu *vcpu)
{
	const struct vcpu_hv *hv = vcpu->x86->hv;

	return hv && hv->cpuid.present && READ_ONCE(vcpu->vm->x86->hv.guest_os_id);
}

/* ---- registers ---- */

static u64 pair(struct vcpu *vcpu, enum vcpu_reg high, enum vcpu_reg low)
{
	return vcpu_reg(vcpu, high) << 32 | (u32)vcpu_reg(vcpu, low);
}

static u64 call_input(struct vcpu *vcpu)
{
	return hypercall_wide(vcpu) ? vcpu_reg(vcpu, VCPU_RCX) : pair(vcpu, VCPU_RDX, VCPU_RAX);
}

static void call_result(struct vcpu *vcpu, u64 result)
{
	if (hypercall_wide(vcpu)) {
		vcpu_set_reg(vcpu, VCPU_RAX, result);
		return;
	}
	vcpu_set_reg(vcpu, VCPU_RDX, result >> 32);
	vcpu_set_reg(vcpu, VCPU_RAX, (u32)result);
}

static bool call_fetch(struct vcpu *vcpu, struct hv_call *call)
{
	if (hypercall_wide(vcpu)) {
		call->in = vcpu_reg(vcpu, VCPU_RDX);
		call->out = vcpu_reg(vcpu, VCPU_R8);
	} else {
		call->in = pair(vcpu, VCPU_RBX, VCPU_RCX);
		call->out = pair(vcpu, VCPU_RDI, VCPU_RSI);
	}
	if (!hv_call_decode(call, call_input(vcpu)))
		return false;
	if (call->fast && hv_call_wants_xmm(call->code))
		x86_read_xmm(vcpu, call->xmm, HV_XMM_WORDS / 2);
	return true;
}

/* TLFS 3.7: from protected mode's ring 0. And input in XMM registers only where that is offered. */
bool hv_hypercall_ud(struct vcpu *vcpu)
{
	const struct vcpu_hv *hv = vcpu->x86->hv;
	struct hv_call call;

	exit_learn_mode(vcpu);
	if (vcpu->exit.cpl || !x86_protmode(vcpu))
		return true;
	hv_call_decode(&call, call_input(vcpu));
	return call.fast && hv_call_wants_xmm(call.code) && hv->enforce &&
	       hv_call_privileged(&hv->cpuid, call.code) &&
	       !(hv->cpuid.features & VMX_HV_F_XMM_INPUT);
}

/* ---- input ---- */

/* @n quadwords of the input from number @i on. 0 or a status. */
static u16 call_words(struct vcpu *vcpu, const struct hv_call *call, unsigned int i, u64 *val,
		      unsigned int n)
{
	unsigned int k;

	if (!call->fast) {
		/* Aligned, and within one page (TLFS 3.7.1). */
		if (call->in & 7)
			return VMX_HV_STATUS_INVALID_ALIGNMENT;
		if ((call->in & ~PAGE_MASK) + (i + n) * sizeof(u64) > PAGE_SIZE ||
		    gmem_read(vcpu->vm, call->in + i * sizeof(u64), val, n * sizeof(u64)))
			return VMX_HV_STATUS_INVALID_INPUT;
		return VMX_HV_STATUS_SUCCESS;
	}
	for (k = 0; k < n; k++)
		if (hv_call_word(call, i + k, &val[k]) != HV_WORD_HERE)
			return VMX_HV_STATUS_INVALID_INPUT;
	return VMX_HV_STATUS_SUCCESS;
}

/* A set of processors: format and mask are quadwords @i and @i + 1, its banks follow. */
static u16 call_set(struct vcpu *vcpu, const struct hv_call *call, unsigned int i,
		    struct hv_vp_set *set)
{
	u64 head[2];
	unsigned int banks;
	u16 status;

	status = call_words(vcpu, call, i, head, 2);
	if (status)
		return status;
	banks = hv_set_begin(set, head[0], head[1]);
	/* The header's size says how many there are, too. */
	if (banks != call->varhead)
		return VMX_HV_STATUS_INVALID_INPUT;
	if (set->all || !banks)
		return VMX_HV_STATUS_SUCCESS;
	return call_words(vcpu, call, i + 2, set->bank, banks);
}

/* ---- flushes ---- */

static bool in_set(struct vcpu *vcpu, const void *set)
{
	return hv_set_has(set, hv_vp_index(vcpu));
}

/* All of a TLB, whatever part was asked for. Returns when no vCPU of the set uses what it had before. */
static u16 flush(struct vcpu *vcpu, struct vcpu_hv *hv, const struct hv_call *call)
{
	bool ex = call->code == VMX_HV_CALL_FLUSH_SPACE_EX ||
		  call->code == VMX_HV_CALL_FLUSH_LIST_EX;
	u64 head[3] = {};
	u16 status;

	status = call_words(vcpu, call, 0, head, ex ? 2 : 3);
	if (!status && ex)
		status = call_set(vcpu, call, 2, &hv->set);
	if (status)
		return status;
	if (!ex)
		hv_set_mask(&hv->set, head[2]);
	/*
	 * Windows Server 2012 names nobody and means all: an empty mask, where a set could not be empty for a
	 * purpose.
	 */
	if ((head[1] & VMX_HV_FLUSH_ALL_CPUS) || (!ex && !head[2]))
		hv->set.all = true;
	if (hv_set_empty(&hv->set))
		return VMX_HV_STATUS_SUCCESS;
	vcpu_count(vcpu, tlb_flush);
	vm_request_some(vcpu->vm, REQ_GUEST_FLUSH, true, in_set, &hv->set);
	return VMX_HV_STATUS_SUCCESS;
}

/* ---- IPIs ---- */

static u16 send_ipi(struct vcpu *vcpu, struct vcpu_hv *hv, const struct hv_call *call)
{
	bool ex = call->code == VMX_HV_CALL_SEND_IPI_EX;
	struct vcpu *target;
	unsigned long i;
	u64 head[2] = {};
	u16 status;
	u32 vector;

	status = call_words(vcpu, call, 0, head, ex ? 1 : 2);
	if (!status && ex)
		status = call_set(vcpu, call, 1, &hv->set);
	if (status)
		return status;
	if (!ex)
		hv_set_mask(&hv->set, head[1]);
	/* To nobody: whatever the vector. */
	if (ex && hv_set_empty(&hv->set))
		return VMX_HV_STATUS_SUCCESS;
	vector = (u32)head[0];
	if (vector < VMX_HV_SINT_FIRST_VECTOR || vector > 0xff)
		return VMX_HV_STATUS_INVALID_INPUT;
	vm_for_each_vcpu(i, target, vcpu->vm)
		if (in_set(target, &hv->set))
			irqchip_pv_send_ipi(vcpu, 1, 0, target->id, vector, 64);
	return VMX_HV_STATUS_SUCCESS;
}

/* ---- messages and events ---- */

/* An eventfd for the connection? INVALID_PORT_ID or _CONNECTION_ID: perhaps the VMM knows. */
static u16 signal_event(struct vcpu *vcpu, const struct hv_call *call)
{
	struct eventfd_ctx *ctx;
	u64 param;
	u16 status;
	u32 conn;

	status = call_words(vcpu, call, 0, &param, 1);
	if (status)
		return status;
	status = hv_signal_event(param, &conn);
	if (status)
		return status;
	rcu_read_lock();
	ctx = xa_load(&vcpu->vm->x86->hv.eventfds, conn);
	if (ctx)
		compat_eventfd_signal(ctx);
	rcu_read_unlock();
	return ctx ? VMX_HV_STATUS_SUCCESS : VMX_HV_STATUS_INVALID_PORT_ID;
}

static int complete_call(struct vcpu *vcpu)
{
	call_result(vcpu, READ_ONCE(vcpu->run->hyperv.u.hcall.result));
	return VCPU_RESUME;
}

static int call_to_user(struct vcpu *vcpu, const struct hv_call *call)
{
	struct vmx_run *run = vcpu->run;

	run->exit_reason = VMX_EXIT_HYPERV;
	memset(&run->hyperv, 0, sizeof(run->hyperv));
	run->hyperv.type = VMX_EXIT_HYPERV_HCALL;
	run->hyperv.u.hcall.input = call->input;
	run->hyperv.u.hcall.params[0] = call->in;
	run->hyperv.u.hcall.params[1] = call->out;
	vcpu->complete_userspace_io = complete_call;
	return VCPU_TO_USER;
}

/* ---- all ---- */

/* A status; *user: it is the VMM's call. */
static u16 serve(struct vcpu *vcpu, struct vcpu_hv *hv, const struct hv_call *call, bool *user)
{
	u16 status;

	switch (call->code) {
	case VMX_HV_CALL_LONG_SPIN_WAIT:
		vcpu_on_spin(vcpu, true);
		return VMX_HV_STATUS_SUCCESS;
	case VMX_HV_CALL_FLUSH_SPACE:
	case VMX_HV_CALL_FLUSH_SPACE_EX:
	case VMX_HV_CALL_FLUSH_LIST:
	case VMX_HV_CALL_FLUSH_LIST_EX:
		return flush(vcpu, hv, call);
	case VMX_HV_CALL_SEND_IPI:
	case VMX_HV_CALL_SEND_IPI_EX:
		return send_ipi(vcpu, hv, call);
	case VMX_HV_CALL_SIGNAL_EVENT:
		status = signal_event(vcpu, call);
		if (status != VMX_HV_STATUS_INVALID_PORT_ID)
			return status;
		break;
	case VMX_HV_CALL_POST_DEBUG_DATA:
	case VMX_HV_CALL_RETRIEVE_DEBUG_DATA:
	case VMX_HV_CALL_RESET_DEBUG_SESSION:
		/* The guest says by OPTIONS that it does it so, and not by the MSRs. */
		if (!(READ_ONCE(vcpu->vm->x86->hv.syndbg.options) & VMX_HV_SYNDBG_USE_HCALLS))
			return VMX_HV_STATUS_OPERATION_DENIED;
		*user = true;
		return VMX_HV_STATUS_SUCCESS;
	}
	/* A VMM without SynIC has nothing to take messages and events with. */
	if (!hv->active)
		return VMX_HV_STATUS_INVALID_INPUT;
	*user = true;
	return VMX_HV_STATUS_SUCCESS;
}

int hv_hypercall(struct vcpu *vcpu)
{
	struct vcpu_hv *hv = vcpu->x86->hv;
	struct hv_call *call = &hv->call;
	bool syndbg = hv->cpuid.syndbg & VMX_HV_SYNDBG_ALLOW, user = false;
	u16 status = VMX_HV_STATUS_INVALID_INPUT;

	if (!call_fetch(vcpu, call))
		goto out;
	status = VMX_HV_STATUS_ACCESS_DENIED;
	if (hv->enforce && !hv_call_privileged(&hv->cpuid, call->code))
		goto out;
	status = hv_call_check_form(call, syndbg);
	if (status)
		goto out;
	status = serve(vcpu, hv, call, &user);
	if (user)
		return call_to_user(vcpu, call);
out:
	/* Lists are served whole. */
	call_result(vcpu, hv_call_result(status, status ? 0 : call->reps));
	return VCPU_RESUME;
}
