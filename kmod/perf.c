// SPDX-License-Identifier: GPL-2.0-only
/* perf's questions about a sample: was it in a guest, in which of its modes, where? NMI context. */
#include <linux/perf_event.h>

#include "backend.h"
#include "main.h"
#include "vcpu.h"

/* The vCPU whose run the interrupt being handled has ended, or NULL. */
static struct vcpu *guest_sample_vcpu(void)
{
	struct vcpu *vcpu = vcpu_running();

	return vcpu && READ_ONCE(vcpu->host_event) ? vcpu : NULL;
}

static unsigned int guest_sample_state(void)
{
	struct vcpu *vcpu = guest_sample_vcpu();

	if (!vcpu)
		return 0;
	return PERF_GUEST_ACTIVE | (backend_call(cpl)(vcpu) ? PERF_GUEST_USER : 0);
}

static unsigned long guest_sample_ip(void)
{
	struct vcpu *vcpu = guest_sample_vcpu();

	return vcpu ? vcpu->regs[VCPU_RIP] : 0;
}

static struct perf_guest_info_callbacks perf_guest_callbacks = {
	.state = guest_sample_state,
	.get_ip = guest_sample_ip,
};

/* There is one slot; dev_check_rival() has made sure that in-tree KVM is not there to hold it. */
void perf_guest_init(void)
{
	perf_register_guest_info_callbacks(&perf_guest_callbacks);
}

void perf_guest_exit(void)
{
	perf_unregister_guest_info_callbacks(&perf_guest_callbacks);
}
