// SPDX-License-Identifier: GPL-2.0-only
/* Input of Hyper-V's hypercalls (TLFS 3.7-3.10), and sets of virtual processors (TLFS 13.4). */
#include "pure/hyperv.h"

#define CODE_MASK 0xffffULL
#define VARHEAD_MASK 0x3ffULL
#define REP_MASK 0xfffULL
#define RESERVED (GENMASK_ULL(31, 27) | GENMASK_ULL(47, 44) | GENMASK_ULL(63, 60))

#define CONNECTION_MASK 0xffffffULL

bool hv_call_decode(struct hv_call *call, u64 input)
{
	call->input = input;
	call->code = (u16)(input & CODE_MASK);
	call->fast = input & VMX_HV_CALL_FAST;
	call->varhead = (u16)(input >> VMX_HV_CALL_VARHEAD_SHIFT & VARHEAD_MASK);
	call->reps = (u16)(input >> VMX_HV_CALL_REP_SHIFT & REP_MASK);
	call->start = (u16)(input >> VMX_HV_CALL_START_SHIFT & REP_MASK);
	return !(input & RESERVED);
}

bool hv_call_wants_xmm(u16 code)
{
	switch (code) {
	case VMX_HV_CALL_FLUSH_SPACE:
	case VMX_HV_CALL_FLUSH_LIST:
	case VMX_HV_CALL_FLUSH_SPACE_EX:
	case VMX_HV_CALL_FLUSH_LIST_EX:
	case VMX_HV_CALL_SEND_IPI_EX:
		return true;
	default:
		return false;
	}
}

u64 hv_call_result(u16 status, u16 reps_done)
{
	return status | (u64)(reps_done & REP_MASK) << VMX_HV_CALL_REP_SHIFT;
}

u16 hv_call_check_form(const struct hv_call *call, bool syndbg)
{
	bool list = false, header = false;

	switch (call->code) {
	case VMX_HV_CALL_LONG_SPIN_WAIT:
	case VMX_HV_CALL_POST_MESSAGE:
	case VMX_HV_CALL_SIGNAL_EVENT:
	case VMX_HV_CALL_FLUSH_SPACE:
	case VMX_HV_CALL_SEND_IPI:
		break;
	case VMX_HV_CALL_FLUSH_LIST:
		list = true;
		break;
	case VMX_HV_CALL_FLUSH_LIST_EX:
		list = true;
		header = true;
		break;
	case VMX_HV_CALL_FLUSH_SPACE_EX:
	case VMX_HV_CALL_SEND_IPI_EX:
		header = true;
		break;
	case VMX_HV_CALL_POST_DEBUG_DATA:
	case VMX_HV_CALL_RETRIEVE_DEBUG_DATA:
	case VMX_HV_CALL_RESET_DEBUG_SESSION:
		/* Their forms are between the guest and the VMM. */
		return syndbg ? VMX_HV_STATUS_SUCCESS : VMX_HV_STATUS_INVALID_CODE;
	default:
		return VMX_HV_STATUS_INVALID_CODE;
	}
	/* Repetitions where there is a list, and one to begin with; a variable header where the form has one. */
	if (list ? call->start >= call->reps : call->reps || call->start)
		return VMX_HV_STATUS_INVALID_INPUT;
	if (!header && call->varhead)
		return VMX_HV_STATUS_INVALID_INPUT;
	return VMX_HV_STATUS_SUCCESS;
}

u16 hv_signal_event(u64 param, u32 *conn)
{
	/* A flag number (bits 47:32): eventfds have one event each. */
	if (param & GENMASK_ULL(47, 32))
		return VMX_HV_STATUS_INVALID_PORT_ID;
	if (param & ~CONNECTION_MASK)
		return VMX_HV_STATUS_INVALID_INPUT;
	*conn = (u32)param;
	return VMX_HV_STATUS_SUCCESS;
}

/* In registers: the two of the fast form, then XMM0 to XMM5, low halves first (TLFS 3.7.3). */
enum hv_word hv_call_word(const struct hv_call *call, unsigned int i, u64 *val)
{
	unsigned int words = hv_call_wants_xmm(call->code) ? 2 + HV_XMM_WORDS : 2;

	if (!call->fast)
		return HV_WORD_MEMORY;
	if (i >= words)
		return HV_WORD_NONE;
	if (i < 2)
		*val = i ? call->out : call->in;
	else
		*val = call->xmm[i - 2];
	return HV_WORD_HERE;
}

unsigned int hv_set_begin(struct hv_vp_set *set, u64 format, u64 valid)
{
	set->all = format != VMX_HV_SET_SPARSE;
	set->valid = set->all ? 0 : valid;
	return hweight64(valid);
}

bool hv_set_has(const struct hv_vp_set *set, u32 vp)
{
	u32 bank = vp / 64;

	if (set->all)
		return true;
	if (bank >= HV_SET_BANKS || !(set->valid >> bank & 1))
		return false;
	/* Its contents come after those of the banks below it. */
	return set->bank[hweight64(set->valid & ((1ULL << bank) - 1))] >> (vp % 64) & 1;
}
