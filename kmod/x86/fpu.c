// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's FPU and extended state, over the kernel's guest FPU interface, which keeps the area
 * and converts it to the format of the ABI: life, and the ioctls. fpu_run.c has the switching.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>

#include "x86/state.h"
#include "x86/x86.h"

#define XSAVE_AREA_SIZE sizeof(struct vmx_xsave) /* 4096, what GET_XSAVE moves */
#define XSTATE_BV_OFFSET 512
#define XSTATE_FPSSE (CPUID_XCR0_X87 | CPUID_XCR0_SSE)

int x86_fpu_create(struct vcpu *vcpu)
{
	if (!fpu_alloc_guest_fpstate(&vcpu->x86->fpu))
		return -ENOMEM;
	fpu_choose_way(vcpu);
	return 0;
}

void x86_fpu_destroy(struct vcpu *vcpu)
{
	fpu_free_guest_fpstate(&vcpu->x86->fpu);
}

void fpu_vcpu_reset(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	/* The area is in its initial state: RESET comes with the vCPU's creation only. */
	x->xcr0 = CPUID_XCR0_X87;
	x->xss = 0;
	x->pkru = 0;
}

/*
 * With protection keys in its CPUID the guest may turn them on without an exit, so PKRU is
 * switched whether CR4.PKE is set or not.
 */
void fpu_cpuid_changed(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	x->switch_pkru = cpu_feature_enabled(X86_FEATURE_OSPKE) && cpuid_has(x->cpuid, CPUID_F_PKU);
	x->switch_rest = x->switch_pkru || x->xss != x86_host.xss;
}

u64 x86_get_xcr0(struct vcpu *vcpu)
{
	return vcpu->x86->xcr0;
}

static void load_xcr0(struct vcpu *vcpu, u64 val)
{
	vcpu->x86->xcr0 = val;
	cpuid_vcpu_refresh(vcpu);
}

int x86_set_xcr0(struct vcpu *vcpu, u64 val)
{
	if (!x86_host.xcr0 || !cpuid_xcr0_valid(vcpu->x86->cpuid, val) ||
	    (val & ~x86_host.guest_xcr0))
		return 1;
	load_xcr0(vcpu, val);
	return 0;
}

/* ---- ioctls; the guest's FPU is in memory then, since no run is in progress ---- */

static void *copy_out(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;
	void *area = kzalloc(XSAVE_AREA_SIZE, GFP_KERNEL);

	if (area)
		fpu_copy_guest_fpstate_to_uabi(&x->fpu, area, XSAVE_AREA_SIZE,
					       x86_host.guest_xcr0 | XSTATE_FPSSE, x->pkru);
	return area;
}

static int copy_in(struct vcpu *vcpu, const void *area)
{
	return fpu_copy_uabi_to_guest_fpstate(&vcpu->x86->fpu, area,
					      x86_host.guest_xcr0 | XSTATE_FPSSE,
					      &vcpu->x86->pkru);
}

static long get_xsave(struct vcpu *vcpu, void __user *argp)
{
	void *area = copy_out(vcpu);
	long r;

	if (!area)
		return -ENOMEM;
	r = copy_to_user(argp, area, XSAVE_AREA_SIZE) ? -EFAULT : 0;
	kfree(area);
	return r;
}

static long set_xsave(struct vcpu *vcpu, const void __user *argp)
{
	void *area = memdup_user(argp, XSAVE_AREA_SIZE);
	long r;

	if (IS_ERR(area))
		return PTR_ERR(area);
	r = copy_in(vcpu, area);
	kfree(area);
	return r;
}

/* The legacy region of an XSAVE area (SDM 1, table 10-2) and struct vmx_fpu. */
struct fxsave_area {
	u16 fcw, fsw;
	u8 ftwx, pad0;
	u16 fop;
	u64 rip, rdp;
	u32 mxcsr, mxcsr_mask;
	u8 st[8][16];
	u8 xmm[16][16];
};

static_assert(offsetof(struct fxsave_area, st) == 32);
static_assert(offsetof(struct fxsave_area, xmm) == 160);

static long get_fpu(struct vcpu *vcpu, void __user *argp)
{
	const struct fxsave_area *fx;
	struct vmx_fpu *fpu;
	void *area;
	long r = -ENOMEM;

	area = copy_out(vcpu);
	fpu = kzalloc(sizeof(*fpu), GFP_KERNEL);
	if (!area || !fpu)
		goto free_both;
	fx = area;
	memcpy(fpu->fpr, fx->st, sizeof(fpu->fpr));
	fpu->fcw = fx->fcw;
	fpu->fsw = fx->fsw;
	fpu->ftwx = fx->ftwx;
	fpu->last_opcode = fx->fop;
	fpu->last_ip = fx->rip;
	fpu->last_dp = fx->rdp;
	memcpy(fpu->xmm, fx->xmm, sizeof(fpu->xmm));
	fpu->mxcsr = fx->mxcsr;
	r = copy_to_user(argp, fpu, sizeof(*fpu)) ? -EFAULT : 0;
free_both:
	kfree(fpu);
	kfree(area);
	return r;
}

static long set_fpu(struct vcpu *vcpu, const void __user *argp)
{
	struct vmx_fpu *fpu = memdup_user(argp, sizeof(*fpu));
	struct fxsave_area *fx;
	void *area;
	long r;

	if (IS_ERR(fpu))
		return PTR_ERR(fpu);
	area = copy_out(vcpu);
	if (!area) {
		r = -ENOMEM;
		goto free_fpu;
	}
	fx = area;
	memcpy(fx->st, fpu->fpr, sizeof(fx->st));
	fx->fcw = fpu->fcw;
	fx->fsw = fpu->fsw;
	fx->ftwx = fpu->ftwx;
	fx->fop = fpu->last_opcode;
	fx->rip = fpu->last_ip;
	fx->rdp = fpu->last_dp;
	memcpy(fx->xmm, fpu->xmm, sizeof(fx->xmm));
	/* MXCSR is not this ioctl's, as it never was: SET_XSAVE sets it. */
	*(u64 *)(area + XSTATE_BV_OFFSET) |= XSTATE_FPSSE;
	r = copy_in(vcpu, area);
	kfree(area);
free_fpu:
	kfree(fpu);
	return r;
}

static long get_xcrs(struct vcpu *vcpu, void __user *argp)
{
	struct vmx_xcrs *xcrs = kzalloc(sizeof(*xcrs), GFP_KERNEL);
	long r;

	if (!xcrs)
		return -ENOMEM;
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].value = vcpu->x86->xcr0;
	r = copy_to_user(argp, xcrs, sizeof(*xcrs)) ? -EFAULT : 0;
	kfree(xcrs);
	return r;
}

static long set_xcrs(struct vcpu *vcpu, const void __user *argp)
{
	struct vmx_xcrs *xcrs = memdup_user(argp, sizeof(*xcrs));
	long r = 0;
	u32 i;

	if (IS_ERR(xcrs))
		return PTR_ERR(xcrs);
	if (xcrs->nr_xcrs > VMX_MAX_XCRS || xcrs->flags) {
		r = -EINVAL;
		goto free_xcrs;
	}
	/* Others than XCR0 do not exist and are passed over. */
	for (i = 0; i < xcrs->nr_xcrs; i++) {
		if (xcrs->xcrs[i].xcr != XCR_XFEATURE_ENABLED_MASK)
			continue;
		if (x86_set_xcr0(vcpu, xcrs->xcrs[i].value))
			r = -EINVAL;
		break;
	}
free_xcrs:
	kfree(xcrs);
	return r;
}

long fpu_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case VMX_GET_FPU:
		return get_fpu(vcpu, argp);
	case VMX_SET_FPU:
		return set_fpu(vcpu, argp);
	}
	if (!x86_host.xcr0)
		return -ENOIOCTLCMD;
	switch (cmd) {
	case VMX_GET_XSAVE:
	case VMX_GET_XSAVE2: /* no component lies beyond the 4096 bytes */
		return get_xsave(vcpu, argp);
	case VMX_SET_XSAVE:
		return set_xsave(vcpu, argp);
	case VMX_GET_XCRS:
		return get_xcrs(vcpu, argp);
	case VMX_SET_XCRS:
		return set_xcrs(vcpu, argp);
	default:
		return -ENOIOCTLCMD;
	}
}
