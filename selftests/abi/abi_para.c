// SPDX-License-Identifier: GPL-2.0-only
/* The guest's interface: <linux/kvm_para.h> and ours side by side, both in C. */
#include <stddef.h>
#include <linux/kvm_para.h>

#include "uapi/vmx_para.h"

#include "abi_para.h"

#define SAME(ours, theirs) { #theirs, (unsigned long long)(ours), (unsigned long long)(theirs) }
#define FEATURE(f) SAME(VMX_PV_FEATURE_##f, KVM_FEATURE_##f)
#define MSR(m) SAME(VMX_PV_MSR_##m, MSR_KVM_##m)
#define HC(h) SAME(VMX_PV_HC_##h, KVM_HC_##h)
#define FIELD(ours, theirs, f)                                                  \
	SAME(offsetof(struct ours, f), offsetof(struct theirs, f)),             \
	SAME(sizeof(((struct ours *)0)->f), sizeof(((struct theirs *)0)->f))

static const struct abi_pair pairs[] = {
	SAME(VMX_PV_CPUID_SIGNATURE, KVM_CPUID_SIGNATURE),
	SAME(VMX_PV_CPUID_FEATURES, KVM_CPUID_FEATURES),
	FEATURE(CLOCKSOURCE), FEATURE(NOP_IO_DELAY), FEATURE(MMU_OP), FEATURE(CLOCKSOURCE2),
	FEATURE(ASYNC_PF), FEATURE(STEAL_TIME), FEATURE(PV_EOI), FEATURE(PV_UNHALT),
	FEATURE(PV_TLB_FLUSH), FEATURE(ASYNC_PF_VMEXIT), FEATURE(PV_SEND_IPI),
	FEATURE(POLL_CONTROL), FEATURE(PV_SCHED_YIELD), FEATURE(ASYNC_PF_INT),
	FEATURE(MSI_EXT_DEST_ID), FEATURE(HC_MAP_GPA_RANGE), FEATURE(MIGRATION_CONTROL),
	SAME(VMX_PV_FEATURE_CLOCKSOURCE_STABLE, KVM_FEATURE_CLOCKSOURCE_STABLE_BIT),
	SAME(VMX_PV_HINT_REALTIME, KVM_HINTS_REALTIME),
	MSR(WALL_CLOCK), MSR(SYSTEM_TIME), MSR(WALL_CLOCK_NEW), MSR(SYSTEM_TIME_NEW),
	MSR(ASYNC_PF_EN), MSR(STEAL_TIME), MSR(PV_EOI_EN), MSR(POLL_CONTROL),
	MSR(ASYNC_PF_INT), MSR(ASYNC_PF_ACK), MSR(MIGRATION_CONTROL),
	SAME(VMX_PV_MSR_ENABLED, KVM_MSR_ENABLED),
	SAME(sizeof(struct vmx_pv_steal_time), sizeof(struct kvm_steal_time)),
	FIELD(vmx_pv_steal_time, kvm_steal_time, steal),
	FIELD(vmx_pv_steal_time, kvm_steal_time, version),
	FIELD(vmx_pv_steal_time, kvm_steal_time, flags),
	FIELD(vmx_pv_steal_time, kvm_steal_time, preempted),
	SAME(VMX_PV_VCPU_PREEMPTED, KVM_VCPU_PREEMPTED),
	SAME(VMX_PV_VCPU_FLUSH_TLB, KVM_VCPU_FLUSH_TLB),
	SAME(VMX_PV_STEAL_VALID_BITS, KVM_STEAL_VALID_BITS),
	SAME(VMX_PV_STEAL_RESERVED_MASK, KVM_STEAL_RESERVED_MASK),
	SAME(VMX_PV_CLOCK_PAIRING_WALLCLOCK, KVM_CLOCK_PAIRING_WALLCLOCK),
	SAME(sizeof(struct vmx_pv_clock_pairing), sizeof(struct kvm_clock_pairing)),
	FIELD(vmx_pv_clock_pairing, kvm_clock_pairing, sec),
	FIELD(vmx_pv_clock_pairing, kvm_clock_pairing, nsec),
	FIELD(vmx_pv_clock_pairing, kvm_clock_pairing, tsc),
	FIELD(vmx_pv_clock_pairing, kvm_clock_pairing, flags),
	SAME(VMX_PV_EOI_MASK, KVM_PV_EOI_MASK),
	SAME(sizeof(struct vmx_pv_apf_data), sizeof(struct kvm_vcpu_pv_apf_data)),
	FIELD(vmx_pv_apf_data, kvm_vcpu_pv_apf_data, flags),
	FIELD(vmx_pv_apf_data, kvm_vcpu_pv_apf_data, token),
	FIELD(vmx_pv_apf_data, kvm_vcpu_pv_apf_data, enabled),
	SAME(VMX_PV_REASON_PAGE_NOT_PRESENT, KVM_PV_REASON_PAGE_NOT_PRESENT),
	SAME(VMX_PV_ASYNC_PF_ENABLED, KVM_ASYNC_PF_ENABLED),
	SAME(VMX_PV_ASYNC_PF_SEND_ALWAYS, KVM_ASYNC_PF_SEND_ALWAYS),
	SAME(VMX_PV_ASYNC_PF_DELIVERY_AS_PF_VMEXIT, KVM_ASYNC_PF_DELIVERY_AS_PF_VMEXIT),
	SAME(VMX_PV_ASYNC_PF_DELIVERY_AS_INT, KVM_ASYNC_PF_DELIVERY_AS_INT),
	HC(VAPIC_POLL_IRQ), HC(MMU_OP), HC(FEATURES), HC(KICK_CPU), HC(CLOCK_PAIRING),
	HC(SEND_IPI), HC(SCHED_YIELD), HC(MAP_GPA_RANGE),
	SAME(VMX_PV_ENOSYS, KVM_ENOSYS),
	SAME(VMX_PV_EOPNOTSUPP, KVM_EOPNOTSUPP),
};

const struct abi_pair *abi_para_pairs(size_t *count)
{
	*count = sizeof(pairs) / sizeof(pairs[0]);
	return pairs;
}

const char *abi_para_kvm_signature(void)
{
	return KVM_SIGNATURE;
}
