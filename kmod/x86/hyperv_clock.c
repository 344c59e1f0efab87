// SPDX-License-Identifier: GPL-2.0-only
/*
 * The partition's reference time (TLFS 12.6): the VM's clock in units of 100 ns, and a page from which the guest
 * computes it with one RDTSC.
 *
 * There is one page for all virtual processors, so it is valid only while they share one sample of the clock
 * (kvmclock.c); otherwise its sequence is 0 and the guest asks the MSR. While the page is valid the MSR is computed
 * from the same numbers, so that the two never disagree. It is written anew with each new sample, which is taken with
 * all vCPUs out of the guest, by the first of them that comes back.
 *
 * A guest that has TSC emulation on (TSC_EMULATION_CONTROL) was moved to a host with another TSC and has not
 * taken note yet: until it does, the page stays, and with it the time.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <asm/msr.h>

#include "gmem.h"
#include "x86/hyperv.h"
#include "x86/state.h"
#include "x86/x86.h"

#define UNIT_NS 100
#define SEQ offsetof(struct vmx_hv_tsc_page, sequence)
#define SCALE offsetof(struct vmx_hv_tsc_page, scale)

static_assert(sizeof(struct vmx_hv_tsc_page) == 24);

/* The numbers that the VM's sample gives. False: none, each vCPU has a clock of its own. */
static bool compute(struct vcpu *vcpu, u64 *scale, s64 *offset)
{
	struct vm_x86 *v = vcpu->vm->x86;
	s64 time;

	*scale = hv_tsc_scale(tsc_real_khz(vcpu->x86));
	if (!v->master || !*scale)
		return false;
	time = div_s64((s64)(v->sample.boot_ns + v->clock_offset), UNIT_NS);
	*offset = time - hv_tsc_time(x86_guest_tsc(vcpu, v->sample.tsc), *scale, 0);
	return true;
}

/*
 * The page: not valid while it changes. A page that is not memory leaves the guest with the MSR; as does one that the
 * guest fills with something else.
 */
static bool write_page(struct vm *vm, u64 gpa, bool valid, u64 scale, s64 offset)
{
	struct { u64 scale; s64 offset; } body = { scale, offset };
	u32 sequence, none = 0;

	if (gmem_read(vm, gpa + SEQ, &sequence, sizeof(sequence)) ||
	    gmem_write(vm, gpa + SEQ, &none, sizeof(none)))
		return false;
	if (!valid)
		return false;
	smp_wmb();
	if (gmem_write(vm, gpa + SCALE, &body, sizeof(body)))
		return false;
	smp_wmb();
	sequence = hv_tsc_next_sequence(sequence);
	return !gmem_write(vm, gpa + SEQ, &sequence, sizeof(sequence));
}

/* What the page says that came with the guest's memory. */
static bool read_page(struct vm *vm, u64 gpa, u64 *scale, s64 *offset)
{
	struct vmx_hv_tsc_page page;

	if (gmem_read(vm, gpa, &page, sizeof(page)) || !page.sequence || page.sequence == ~0u)
		return false;
	*scale = page.scale;
	*offset = page.offset;
	return true;
}

/* clock_lock held. */
static void refresh(struct vcpu *vcpu)
{
	struct vm_x86 *v = vcpu->vm->x86;
	struct vm_hv *hv = &v->hv;
	u64 gpa = hv->tsc_page & VMX_HV_PAGE_MASK, scale;
	s64 offset = 0;
	bool valid;

	if (!(hv->tsc_page & VMX_HV_ENABLE) || hv->tsc_made_of == v->sample_nr)
		return;
	if (hv->tsc_emulation && !hv->tsc_by_guest) {
		if (!hv->tsc_valid)
			hv->tsc_valid = read_page(vcpu->vm, gpa, &hv->tsc_scale, &hv->tsc_offset);
		return;
	}
	valid = compute(vcpu, &scale, &offset);
	hv->tsc_scale = scale;
	hv->tsc_offset = offset;
	hv->tsc_valid = write_page(vcpu->vm, gpa, valid, scale, offset);
	hv->tsc_made_of = v->sample_nr;
	hv->tsc_by_guest = false;
}

void hv_clock_refresh(struct vcpu *vcpu)
{
	struct vm_x86 *v = vcpu->vm->x86;

	if (!(READ_ONCE(v->hv.tsc_page) & VMX_HV_ENABLE))
		return;
	mutex_lock(&v->clock_lock);
	clock_check_sample(vcpu->vm);
	refresh(vcpu);
	mutex_unlock(&v->clock_lock);
}

u64 hv_time(struct vcpu *vcpu)
{
	struct vm_x86 *v = vcpu->vm->x86;
	u64 time;

	mutex_lock(&v->clock_lock);
	clock_check_sample(vcpu->vm);
	refresh(vcpu);
	if (v->hv.tsc_valid)
		time = hv_tsc_time(x86_guest_tsc(vcpu, rdtsc()), v->hv.tsc_scale, v->hv.tsc_offset);
	else
		time = div_s64((s64)clock_now(v), UNIT_NS);
	mutex_unlock(&v->clock_lock);
	return time;
}

u64 hv_read_clock_msr(struct vcpu *vcpu, u32 msr)
{
	struct vm_x86 *v = vcpu->vm->x86;
	u64 val;

	if (msr == VMX_HV_MSR_TIME_REF_COUNT)
		return hv_time(vcpu);
	mutex_lock(&v->clock_lock);
	switch (msr) {
	case VMX_HV_MSR_REFERENCE_TSC:
		val = v->hv.tsc_page;
		break;
	case VMX_HV_MSR_TSC_EMULATION_CONTROL:
		val = v->hv.tsc_emulation;
		break;
	default:
		val = v->hv.tsc_emulation_status;
	}
	mutex_unlock(&v->clock_lock);
	return val;
}

int hv_write_reference_tsc(struct vcpu *vcpu, u64 val, bool host)
{
	struct vm_x86 *v = vcpu->vm->x86;

	mutex_lock(&v->clock_lock);
	WRITE_ONCE(v->hv.tsc_page, val);
	v->hv.tsc_by_guest = !host;
	v->hv.tsc_valid = false;
	v->hv.tsc_made_of = v->sample_nr - 1;
	if (!host) {
		clock_check_sample(vcpu->vm);
		refresh(vcpu);
	}
	mutex_unlock(&v->clock_lock);
	/* The VMM may say next that the page is to stay: before the guest runs. */
	if (host)
		vcpu_request(vcpu, REQ_CLOCK_UPDATE);
	return 0;
}

void hv_write_tsc_emulation(struct vcpu *vcpu, u32 msr, u64 val)
{
	struct vm_x86 *v = vcpu->vm->x86;

	mutex_lock(&v->clock_lock);
	if (msr == VMX_HV_MSR_TSC_EMULATION_CONTROL) {
		v->hv.tsc_emulation = val;
		/* A page that was kept may be of an old sample. */
		if (!val)
			vcpu_request(vcpu, REQ_CLOCK_UPDATE);
	} else {
		v->hv.tsc_emulation_status = val;
	}
	mutex_unlock(&v->clock_lock);
}
