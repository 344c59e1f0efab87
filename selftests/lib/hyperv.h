/* SPDX-License-Identifier: GPL-2.0-only */
/* Hyper-V's enlightenments for tests: numbers of the TLFS, written out here, and both sides' helpers. */
#ifndef SELFTESTS_LIB_HYPERV_H
#define SELFTESTS_LIB_HYPERV_H

#include "vmxtest.h"

#define HV_GUEST_OS_ID		0x40000000u
#define HV_HYPERCALL		0x40000001u
#define HV_VP_INDEX		0x40000002u
#define HV_RESET		0x40000003u
#define HV_VP_RUNTIME		0x40000010u
#define HV_TIME_REF_COUNT	0x40000020u
#define HV_REFERENCE_TSC	0x40000021u
#define HV_TSC_FREQUENCY	0x40000022u
#define HV_APIC_FREQUENCY	0x40000023u
#define HV_EOI			0x40000070u
#define HV_ICR			0x40000071u
#define HV_TPR			0x40000072u
#define HV_VP_ASSIST		0x40000073u
#define HV_SCONTROL		0x40000080u
#define HV_SVERSION		0x40000081u
#define HV_SIEFP		0x40000082u
#define HV_SIMP			0x40000083u
#define HV_EOM			0x40000084u
#define HV_SINT(n)		(0x40000090u + (n))
#define HV_STIMER_CONFIG(n)	(0x400000b0u + 2 * (n))
#define HV_STIMER_COUNT(n)	(0x400000b1u + 2 * (n))
#define HV_CRASH_P0		0x40000100u
#define HV_CRASH_CTL		0x40000105u
#define HV_REENLIGHTENMENT	0x40000106u
#define HV_TSC_EMULATION	0x40000107u
#define HV_TSC_EMULATION_STATUS	0x40000108u

#define HV_SINT_MASKED	(1ull << 16)
#define HV_SINT_AUTO	(1ull << 17)

#define HV_OS_ID	(0x8100ull << 48)
#define HV_FAST		(1ull << 16)
#define HV_HEAD(n)	((u64)(n) << 17)
#define HV_REPS(n)	((u64)(n) << 32)

/* Pages in the low slot. */
#define HV_PAGE_CODE	(LOW_SCRATCH + 0x0000)
#define HV_PAGE_IN	(LOW_SCRATCH + 0x1000)
#define HV_PAGE_TSC	(LOW_SCRATCH + 0x2000)
#define HV_PAGE_EVENTS	(LOW_SCRATCH + 0x3000)
#define HV_PAGE_SLOTS	(LOW_SCRATCH + 0x4000)

struct hv_slot {
	u32 type;
	u8 size, flags;
	u16 reserved;
	u64 sender;
	u64 payload[30];
};

/* The supported CPUID with Hyper-V's leaves in place of KVM's: a copy, to edit. */
static inline struct vmx_cpuid2 *hv_cpuid(void)
{
	struct {
		struct vmx_cpuid2 head;
		struct vmx_cpuid_entry2 e[32];
	} hv = { .head.nent = 32 };
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());
	int dev = device_open();
	u32 i, n = 0;

	must_ioctl(dev, VMX_GET_SUPPORTED_HV_CPUID, &hv.head);
	close(dev);
	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function >> 16 != 0x4000)
			c->entries[n++] = c->entries[i];
	memcpy(&c->entries[n], hv.e, hv.head.nent * sizeof(hv.e[0]));
	c->nent = n + hv.head.nent;
	return c;
}

static inline void hv_enable_cap(struct vcpu *v, u32 cap, u64 arg)
{
	struct vmx_enable_cap c = { .cap = cap, .args[0] = arg };

	must_ioctl(v->fd, VMX_ENABLE_CAP, &c);
}

/* A vCPU whose guest knows of Hyper-V. */
static inline struct vcpu *hv_vcpu(struct vm *vm, int id, void (*entry)(u64 id))
{
	struct vcpu *v = vcpu_create(vm, id, entry);
	struct vmx_cpuid2 *c = hv_cpuid();

	vcpu_set_cpuid(v, c);
	free(c);
	return v;
}

static inline void hv_guest_setup(void)
{
	wrmsr(HV_GUEST_OS_ID, HV_OS_ID);
	wrmsr(HV_HYPERCALL, HV_PAGE_CODE | 1);
}

/* By the page that the hypervisor has filled. */
static inline u64 hv_call(u64 input, u64 in, u64 out)
{
	register u64 r8 asm("r8") = out;
	u64 ret;

	asm volatile("call *%[page]"
		     : "=a"(ret), "+c"(input), "+d"(in), "+r"(r8)
		     : [page] "r"(HV_PAGE_CODE)
		     : "r9", "r10", "r11", "memory", "cc");
	return ret;
}

/* Its input is on the input page. */
static inline u64 hv_call_mem(u64 input, const u64 *in, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		((volatile u64 *)HV_PAGE_IN)[i] = in[i];
	return hv_call(input, HV_PAGE_IN, 0);
}

#define REQUIRE_HV() REQUIRE_CAP(VMX_CAP_HYPERV)

#endif
