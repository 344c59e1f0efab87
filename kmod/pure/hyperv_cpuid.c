// SPDX-License-Identifier: GPL-2.0-only
/* Hyper-V's CPUID leaves: what is offered, what a guest has, and what that allows it. */
#include "pure/hyperv.h"

/* A name of KVM's ABI: VMMs put their own there. */
#define SIGNATURE "Linux KVM Hv"

/* Windows Server 2016, whose functions these are: build 14393 of 10.0. */
#define VERSION_BUILD 14393
#define VERSION_10_0 (10u << 16)

/* Spins before a guest tells that it spins; logical processors of a host. As that Windows says. */
#define SPIN_RETRIES 0xfff
#define MAX_LOGICAL 64

#define PRIV_A                                                                                    \
	(VMX_HV_P_VP_RUNTIME | VMX_HV_P_TIME_REF_COUNT | VMX_HV_P_SYNIC | VMX_HV_P_STIMER |       \
	 VMX_HV_P_APIC | VMX_HV_P_HYPERCALL | VMX_HV_P_VP_INDEX | VMX_HV_P_RESET |                \
	 VMX_HV_P_REFERENCE_TSC | VMX_HV_P_FREQUENCY | VMX_HV_P_REENLIGHTENMENT)
#define PRIV_B (VMX_HV_P_POST_MESSAGES | VMX_HV_P_SIGNAL_EVENTS | VMX_HV_P_DEBUGGING)
#define FEATURES                                                                                  \
	(VMX_HV_F_XMM_INPUT | VMX_HV_F_FREQUENCY_MSRS | VMX_HV_F_CRASH_MSRS | VMX_HV_F_DEBUG_MSRS)
#define HINTS                                                                                     \
	(VMX_HV_H_REMOTE_FLUSH | VMX_HV_H_APIC_MSRS | VMX_HV_H_RELAXED_TIMING |                   \
	 VMX_HV_H_NO_AUTO_EOI | VMX_HV_H_CLUSTER_IPI | VMX_HV_H_EX_MASKS)

static void signature(struct vmx_cpuid_entry2 *e)
{
	e->eax = VMX_HV_CPUID_SYNDBG_PLATFORM;	/* the last leaf */
	memcpy(&e->ebx, SIGNATURE, 4);
	memcpy(&e->ecx, SIGNATURE + 4, 4);
	memcpy(&e->edx, SIGNATURE + 8, 4);
}

static void fill(const struct hv_env *env, struct vmx_cpuid_entry2 *e)
{
	switch (e->function) {
	case VMX_HV_CPUID_VENDOR:
	case VMX_HV_CPUID_SYNDBG_VENDOR:
		signature(e);
		break;
	case VMX_HV_CPUID_INTERFACE:
		e->eax = VMX_HV_INTERFACE;
		break;
	case VMX_HV_CPUID_VERSION:
		e->eax = VERSION_BUILD;
		e->ebx = VERSION_10_0;
		break;
	case VMX_HV_CPUID_FEATURES:
		e->eax = PRIV_A;
		e->ebx = PRIV_B;
		e->edx = FEATURES | (env->stimer_direct ? VMX_HV_F_STIMER_DIRECT : 0);
		break;
	case VMX_HV_CPUID_HINTS:
		e->eax = HINTS | (env->smt ? 0 : VMX_HV_H_NO_CORE_SHARING);
		e->ebx = SPIN_RETRIES;
		break;
	case VMX_HV_CPUID_LIMITS:
		e->eax = env->max_vps;
		e->ebx = MAX_LOGICAL;
		break;
	case VMX_HV_CPUID_NESTED:
		/*
		 * No enlightened VMCS (version 0). The bit of the MSR bitmap is there in KVM's ABI whether or not
		 * there is nesting: it tells a hypervisor how the bitmap of its guest is treated, and here there is none.
		 */
		e->eax = VMX_HV_N_MSR_BITMAP;
		break;
	case VMX_HV_CPUID_SYNDBG_INTERFACE:
		e->eax = VMX_HV_SYNDBG_INTERFACE;
		break;
	case VMX_HV_CPUID_SYNDBG_PLATFORM:
		e->eax = VMX_HV_SYNDBG_ALLOW;
		break;
	}
}

int hv_cpuid_supported(const struct hv_env *env, struct vmx_cpuid_entry2 *entries, unsigned int room)
{
	static const u32 leaves[HV_MAX_SUPPORTED] = {
		VMX_HV_CPUID_VENDOR, VMX_HV_CPUID_INTERFACE, VMX_HV_CPUID_VERSION,
		VMX_HV_CPUID_FEATURES, VMX_HV_CPUID_HINTS, VMX_HV_CPUID_LIMITS,
		VMX_HV_CPUID_NESTED, VMX_HV_CPUID_SYNDBG_VENDOR, VMX_HV_CPUID_SYNDBG_INTERFACE,
		VMX_HV_CPUID_SYNDBG_PLATFORM,
	};
	unsigned int i;

	if (room < HV_MAX_SUPPORTED)
		return -E2BIG;
	memset(entries, 0, HV_MAX_SUPPORTED * sizeof(*entries));
	for (i = 0; i < HV_MAX_SUPPORTED; i++) {
		entries[i].function = leaves[i];
		fill(env, &entries[i]);
	}
	return HV_MAX_SUPPORTED;
}

/* ---- the guest's ---- */

static u32 word(const struct cpuid_table *t, u32 leaf, enum cpuid_word w)
{
	const struct cpuid_row *row = cpuid_find(t, leaf, 0);

	return row ? row->word[w] : 0;
}

void hv_cpuid_read(struct hv_cpuid *hv, const struct cpuid_table *t)
{
	hv->present = word(t, VMX_HV_CPUID_INTERFACE, CPUID_W_EAX) == VMX_HV_INTERFACE;
	hv->priv_a = word(t, VMX_HV_CPUID_FEATURES, CPUID_W_EAX);
	hv->priv_b = word(t, VMX_HV_CPUID_FEATURES, CPUID_W_EBX);
	hv->features = word(t, VMX_HV_CPUID_FEATURES, CPUID_W_EDX);
	hv->hints = word(t, VMX_HV_CPUID_HINTS, CPUID_W_EAX);
	hv->spins = word(t, VMX_HV_CPUID_HINTS, CPUID_W_EBX);
	hv->syndbg = word(t, VMX_HV_CPUID_SYNDBG_PLATFORM, CPUID_W_EAX);
}

bool hv_msr_privileged(const struct hv_cpuid *hv, u32 msr)
{
	switch (msr) {
	case VMX_HV_MSR_GUEST_OS_ID:
	case VMX_HV_MSR_HYPERCALL:
		return hv->priv_a & VMX_HV_P_HYPERCALL;
	case VMX_HV_MSR_VP_INDEX:
		return hv->priv_a & VMX_HV_P_VP_INDEX;
	case VMX_HV_MSR_RESET:
		return hv->priv_a & VMX_HV_P_RESET;
	case VMX_HV_MSR_VP_RUNTIME:
		return hv->priv_a & VMX_HV_P_VP_RUNTIME;
	case VMX_HV_MSR_TIME_REF_COUNT:
		return hv->priv_a & VMX_HV_P_TIME_REF_COUNT;
	case VMX_HV_MSR_REFERENCE_TSC:
		return hv->priv_a & VMX_HV_P_REFERENCE_TSC;
	case VMX_HV_MSR_TSC_FREQUENCY:
	case VMX_HV_MSR_APIC_FREQUENCY:
		return hv->priv_a & VMX_HV_P_FREQUENCY;
	case VMX_HV_MSR_EOI ... VMX_HV_MSR_VP_ASSIST_PAGE:
		return hv->priv_a & VMX_HV_P_APIC;
	case VMX_HV_MSR_SCONTROL ... VMX_HV_MSR_EOM:
	case VMX_HV_MSR_SINT0 ... VMX_HV_MSR_SINT0 + VMX_HV_SINTS - 1:
		return hv->priv_a & VMX_HV_P_SYNIC;
	case VMX_HV_MSR_STIMER0_CONFIG ... VMX_HV_MSR_STIMER0_CONFIG + 2 * VMX_HV_STIMERS - 1:
		return hv->priv_a & VMX_HV_P_STIMER;
	case VMX_HV_MSR_SYNDBG_CONTROL ... VMX_HV_MSR_SYNDBG_PENDING_BUFFER:
	case VMX_HV_MSR_SYNDBG_OPTIONS:
		return hv->features & VMX_HV_F_DEBUG_MSRS;
	case VMX_HV_MSR_CRASH_P0 ... VMX_HV_MSR_CRASH_CTL:
		return hv->features & VMX_HV_F_CRASH_MSRS;
	case VMX_HV_MSR_REENLIGHTENMENT_CONTROL ... VMX_HV_MSR_TSC_EMULATION_STATUS:
		return hv->priv_a & VMX_HV_P_REENLIGHTENMENT;
	default:
		return false;
	}
}

bool hv_call_privileged(const struct hv_cpuid *hv, u16 code)
{
	switch (code) {
	case VMX_HV_CALL_LONG_SPIN_WAIT:
		return hv->spins && hv->spins != VMX_HV_SPIN_NEVER;
	case VMX_HV_CALL_POST_MESSAGE:
		return hv->priv_b & VMX_HV_P_POST_MESSAGES;
	case VMX_HV_CALL_SIGNAL_EVENT:
		return hv->priv_b & VMX_HV_P_SIGNAL_EVENTS;
	case VMX_HV_CALL_POST_DEBUG_DATA:
	case VMX_HV_CALL_RETRIEVE_DEBUG_DATA:
	case VMX_HV_CALL_RESET_DEBUG_SESSION:
		/* Without the synthetic debugger these do not exist, which is another answer. */
		return !(hv->syndbg & VMX_HV_SYNDBG_ALLOW) || (hv->priv_b & VMX_HV_P_DEBUGGING);
	case VMX_HV_CALL_FLUSH_SPACE_EX:
	case VMX_HV_CALL_FLUSH_LIST_EX:
		if (!(hv->hints & VMX_HV_H_EX_MASKS))
			return false;
		PURE_FALLTHROUGH;
	case VMX_HV_CALL_FLUSH_SPACE:
	case VMX_HV_CALL_FLUSH_LIST:
		return hv->hints & VMX_HV_H_REMOTE_FLUSH;
	case VMX_HV_CALL_SEND_IPI_EX:
		if (!(hv->hints & VMX_HV_H_EX_MASKS))
			return false;
		PURE_FALLTHROUGH;
	case VMX_HV_CALL_SEND_IPI:
		return hv->hints & VMX_HV_H_CLUSTER_IPI;
	default:
		return true;
	}
}
