// SPDX-License-Identifier: GPL-2.0-only
/* Segment access for shared code, and mode questions that need segments. */
#include "backend.h"
#include "vcpu.h"
#include "x86/cr.h"

void vcpu_get_segment(struct vcpu *vcpu, enum vcpu_seg seg, struct vmx_segment *out)
{
	backend_call(get_segment)(vcpu, seg, out);
}

void vcpu_set_segment(struct vcpu *vcpu, enum vcpu_seg seg, const struct vmx_segment *in)
{
	backend_call(set_segment)(vcpu, seg, in);
}

u64 vcpu_seg_base(struct vcpu *vcpu, enum vcpu_seg seg)
{
	return backend_call(seg_base)(vcpu, seg);
}

int vcpu_cpl(struct vcpu *vcpu)
{
	return backend_call(cpl)(vcpu);
}

bool x86_64bit_code(struct vcpu *vcpu)
{
	return x86_long_mode(vcpu) && (backend_call(cs_flags)(vcpu) & BACKEND_CS_L);
}

enum emu_mode x86_emu_mode(struct vcpu *vcpu)
{
	unsigned int cs = backend_call(cs_flags)(vcpu);

	if (likely(x86_long_mode(vcpu))) {
		if (likely(cs & BACKEND_CS_L))
			return EMU_MODE_LONG64;
		return cs & BACKEND_CS_DB ? EMU_MODE_COMPAT32 : EMU_MODE_COMPAT16;
	}
	if (!x86_protmode(vcpu))
		return EMU_MODE_REAL;
	if (vcpu_reg(vcpu, VCPU_RFLAGS) & X86_EFLAGS_VM)
		return EMU_MODE_VM86;
	return cs & BACKEND_CS_DB ? EMU_MODE_PROT32 : EMU_MODE_PROT16;
}

u64 x86_linear_rip(struct vcpu *vcpu)
{
	if (x86_64bit_code(vcpu))
		return vcpu_rip(vcpu);
	return (u32)(vcpu_seg_base(vcpu, VCPU_SEG_CS) + vcpu_rip(vcpu));
}
