// SPDX-License-Identifier: GPL-2.0-only
/* The synthetic interrupt controller's registers and message slots (TLFS 11.8-11.10). */
#include "pure/hyperv.h"

void hv_synic_reset(struct hv_synic *s)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	s->version = 1;
	for (i = 0; i < VMX_HV_SINTS; i++)
		s->sint[i] = VMX_HV_SINT_MASKED;
}

static void find_auto_eoi(struct hv_synic *s)
{
	u64 map[4] = { 0 };
	unsigned int i;

	for (i = 0; i < VMX_HV_SINTS; i++) {
		int vector = hv_sint_vector(s->sint[i]);

		if (vector >= 0 && (s->sint[i] & VMX_HV_SINT_AUTO_EOI))
			map[vector >> 6] |= BIT_ULL(vector & 63);
	}
	memcpy(s->auto_eoi, map, sizeof(map));
}

bool hv_sint_write(struct hv_synic *s, unsigned int n, u64 val, bool host)
{
	/* TLFS 11.8.6: 0 to 15 are no vectors. While it is masked nobody minds. */
	if (!host && !(val & VMX_HV_SINT_MASKED) &&
	    (val & VMX_HV_SINT_VECTOR) < VMX_HV_SINT_FIRST_VECTOR)
		return false;
	WRITE_ONCE(s->sint[n], val);	/* senders read it at any time */
	find_auto_eoi(s);
	return true;
}

u32 hv_sints_of(const struct hv_synic *s, u8 vector)
{
	u32 mask = 0;
	unsigned int i;

	for (i = 0; i < VMX_HV_SINTS; i++)
		if (hv_sint_vector(s->sint[i]) == vector)
			mask |= 1u << i;
	return mask;
}

/*
 * TLFS 11.10.3. The guest empties a slot and then looks at the flag; so after the flag was set the slot must be
 * looked at again, since the guest may have been between the two:
 *
 *	hypervisor			guest
 *	slot taken			type := NONE
 *	PENDING := 1			PENDING? then EOM
 *	slot still taken? wait
 */
enum hv_slot_step hv_slot_step(u32 type, bool marked, bool retry)
{
	if (type == VMX_HV_MESSAGE_NONE)
		return HV_SLOT_WRITE;
	if (!retry)
		return HV_SLOT_DROP;
	return marked ? HV_SLOT_BUSY : HV_SLOT_MARK;
}
