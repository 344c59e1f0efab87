// SPDX-License-Identifier: GPL-2.0-only
/* Life of the x86 part, and which file serves which ioctl. */
#include <linux/slab.h>
#include <asm/msr.h>

#include "backend.h"
#include "irqchip/irqchip.h"
#include "x86/asyncpf.h"
#include "x86/backdoor.h"
#include "x86/field.h"
#include "x86/msr_user.h"
#include "x86/smm.h"
#include "x86/state.h"
#include "x86/x86.h"

int x86_module_init(void)
{
	int r = cpuid_host_init();

	if (r)
		return r;
	r = apf_module_init();
	if (r)
		return r;
	r = host_clock_init();
	if (r)
		apf_module_exit();
	return r;
}

void x86_module_exit(void)
{
	host_clock_exit();
	apf_module_exit();
}

int x86_vm_create(struct vm *vm)
{
	struct vm_x86 *x = kzalloc(sizeof(*x), GFP_KERNEL_ACCOUNT);

	if (!x)
		return -ENOMEM;
	mutex_init(&x->clock_lock);
	raw_spin_lock_init(&x->tsc_lock);
	vm->x86 = x;
	tsc_vm_init(vm);
	clock_vm_init(vm);
	hv_vm_init(vm);
	return 0;
}

void x86_vm_destroy(struct vm *vm)
{
	msr_filter_vm_destroy(vm);
	hv_vm_destroy(vm);
	kfree(vm->x86);
	vm->x86 = NULL;
}

int x86_vcpu_create(struct vcpu *vcpu)
{
	int r;

	vcpu->x86 = kzalloc(sizeof(*vcpu->x86), GFP_KERNEL_ACCOUNT);
	if (!vcpu->x86)
		return -ENOMEM;
	vcpu->x86->last_cpu = -1;
	backdoor_vcpu_create(vcpu);
	r = cpuid_vcpu_create(vcpu);
	if (r)
		goto free_x86;
	r = x86_fpu_create(vcpu);
	if (r)
		goto destroy_cpuid;
	r = apf_vcpu_create(vcpu);
	if (r)
		goto destroy_fpu;
	tsc_vcpu_create(vcpu);
	return 0;

destroy_fpu:
	x86_fpu_destroy(vcpu);
destroy_cpuid:
	cpuid_vcpu_destroy(vcpu);
free_x86:
	kfree(vcpu->x86);
	vcpu->x86 = NULL;
	return r;
}

void x86_vcpu_destroy(struct vcpu *vcpu)
{
	apf_vcpu_destroy(vcpu);
	hv_vcpu_destroy(vcpu);
	x86_fpu_destroy(vcpu);
	cpuid_vcpu_destroy(vcpu);
	kfree(vcpu->x86);
	vcpu->x86 = NULL;
}

/* SDM 3A 9.1.2: the CPU's signature; before SET_CPUID2 that of any P6. */
static u64 reset_rdx(struct vcpu *vcpu)
{
	u32 eax = 1, ebx, ecx = 0, edx;

	x86_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	return eax ? eax : 0x600;
}

void x86_vcpu_reset(struct vcpu *vcpu, bool init)
{
	vcpu_set_reg(vcpu, VCPU_RDX, reset_rdx(vcpu));
	debugregs_vcpu_reset(vcpu);
	/* The guest sets its PV areas up anew after INIT as after RESET. */
	clock_vcpu_reset(vcpu);
	steal_vcpu_reset(vcpu);
	apf_vcpu_reset(vcpu);
	/* INIT leaves FPU, XCR0, MSRs, MTRRs and machine-check banks alone (SDM 3A table 10-1). */
	if (init)
		return;
	smm_vcpu_reset(vcpu);
	fpu_vcpu_reset(vcpu);
	mce_vcpu_reset(vcpu);
	msr_vcpu_reset(vcpu);
	cpuid_vcpu_refresh(vcpu);
	backend_call(set_tsc)(vcpu, vcpu->x86->tsc_offset, vcpu->x86->tsc_ratio);
}

/* What is seldom needed. @now: of the host's TSC. */
static noinline void load_rest(struct vcpu *vcpu, int cpu, u64 now)
{
	struct vcpu_x86 *x = vcpu->x86;

	/* A suspend starts the host's counter anew; some hosts' CPUs do not agree. */
	if (unlikely((s64)(now - x->last_host_tsc) < 0))
		tsc_went_back(vcpu, now);
	x->last_host_tsc = now;
	if (unlikely(x->last_cpu != cpu)) {
		clock_vcpu_load(vcpu, cpu);
		x->last_cpu = cpu;
	}
	if (x->steal_time & VMX_PV_MSR_ENABLED)
		steal_vcpu_load(vcpu);
}

void x86_vcpu_load(struct vcpu *vcpu, int cpu)
{
	struct vcpu_x86 *x = vcpu->x86;
	u64 now = rdtsc();

	if (likely((s64)(now - x->last_host_tsc) >= 0 && x->last_cpu == cpu &&
		   !(x->steal_time & VMX_PV_MSR_ENABLED)))
		x->last_host_tsc = now;
	else
		load_rest(vcpu, cpu, now);
}

void x86_vcpu_preempted(struct vcpu *vcpu)
{
	if (vcpu->x86->steal_time & VMX_PV_MSR_ENABLED)
		steal_vcpu_preempted(vcpu);
}

long x86_dev_ioctl(unsigned int cmd, unsigned long arg)
{
	static long (*const parts[])(unsigned int, unsigned long) = {
		cpuid_dev_ioctl, msr_dev_ioctl, mce_dev_ioctl, hv_dev_ioctl,
	};
	unsigned int i;
	long r;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		r = parts[i](cmd, arg);
		if (r != -ENOIOCTLCMD)
			return r;
	}
	return -ENOIOCTLCMD;
}

long x86_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	static long (*const parts[])(struct vm *, unsigned int, unsigned long) = {
		clock_vm_ioctl, tsc_vm_ioctl, caps_vm_ioctl, msr_filter_vm_ioctl, hv_vm_ioctl,
	};
	unsigned int i;
	long r;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		r = parts[i](vm, cmd, arg);
		if (r != -ENOIOCTLCMD)
			return r;
	}
	return -ENOIOCTLCMD;
}

long x86_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	static long (*const parts[])(struct vcpu *, unsigned int, unsigned long) = {
		regs_vcpu_ioctl,   sregs_vcpu_ioctl,	 msr_vcpu_ioctl, cpuid_vcpu_ioctl,
		events_vcpu_ioctl, debugregs_vcpu_ioctl, fpu_vcpu_ioctl, tsc_vcpu_ioctl,
		clock_vcpu_ioctl,  mce_vcpu_ioctl,	 guestdebug_vcpu_ioctl, caps_vcpu_ioctl,
		smm_vcpu_ioctl,    hv_vcpu_ioctl,	 field_vcpu_ioctl,
	};
	unsigned int i;
	long r;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		r = parts[i](vcpu, cmd, arg);
		if (r != -ENOIOCTLCMD)
			return r;
	}
	return -ENOIOCTLCMD;
}
