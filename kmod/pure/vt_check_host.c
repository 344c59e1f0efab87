// SPDX-License-Identifier: GPL-2.0-only
/* Checks on the host state, of a 64-bit host: SDM 3C 26.2.2 to 26.2.4. */
#include "pure/vt_check_int.h"

static void check_fixed(struct vt_checker *c, u32 field, u64 must, u64 may)
{
	u64 value = vt_get(c, field);

	vt_expect(c, !(must & ~value), field, "26.2.2", "a bit that must be 1 in VMX operation is 0");
	vt_expect(c, !(value & ~may), field, "26.2.2", "a bit that must be 0 in VMX operation is 1");
}

static void check_canonical(struct vt_checker *c, u32 field, const char *section)
{
	vt_expect(c, vt_canonical(c, vt_get(c, field)), field, section, "must be canonical");
}

static void check_control_registers(struct vt_checker *c)
{
	u64 high = vt_above(c->env->maxphyaddr) & ~c->env->cr3_high;

	check_fixed(c, VMCS_HOST_CR0, c->caps->cr0_fixed0, c->caps->cr0_fixed1);
	check_fixed(c, VMCS_HOST_CR4, c->caps->cr4_fixed0, c->caps->cr4_fixed1);
	if (vt_get(c, VMCS_HOST_CR4) & CR4_CET)
		vt_expect(c, vt_get(c, VMCS_HOST_CR0) & CR0_WP, VMCS_HOST_CR4, "26.2.2",
			  "CR4.CET needs CR0.WP");
	vt_expect(c, !(vt_get(c, VMCS_HOST_CR3) & high), VMCS_HOST_CR3, "26.2.2",
		  "bits beyond the physical-address width must be 0");
}

static void check_efer(struct vt_checker *c)
{
	const u64 both = EFER_LME | EFER_LMA;
	bool host_64 = vt_has(c, VT_WORD_EXIT, VT_EXITC_HOST_64);
	u64 efer;

	if (!vt_has(c, VT_WORD_EXIT, VT_EXITC_LOAD_EFER))
		return;
	efer = vt_get(c, VMCS_HOST_EFER);
	vt_expect(c, !(efer & ~EFER_KNOWN), VMCS_HOST_EFER, "26.2.2", "reserved bits must be 0");
	vt_expect(c, (efer & both) == (host_64 ? both : 0), VMCS_HOST_EFER, "26.2.2",
		  "LMA and LME must be as \"host address-space size\"");
}

static void check_msrs(struct vt_checker *c)
{
	check_canonical(c, VMCS_HOST_SYSENTER_ESP, "26.2.2");
	check_canonical(c, VMCS_HOST_SYSENTER_EIP, "26.2.2");
	if (vt_has(c, VT_WORD_EXIT, VT_EXITC_LOAD_PERF_GLOBAL))
		vt_expect(c, !(vt_get(c, VMCS_HOST_PERF_GLOBAL_CTRL) & c->env->perf_global_reserved),
			  VMCS_HOST_PERF_GLOBAL_CTRL, "26.2.2", "reserved bits must be 0");
	if (vt_has(c, VT_WORD_EXIT, VT_EXITC_LOAD_PAT))
		vt_expect(c, vt_pat_legal(vt_get(c, VMCS_HOST_PAT)), VMCS_HOST_PAT, "26.2.2",
			  "each byte must be 0, 1, 4, 5, 6 or 7");
	check_efer(c);
	if (vt_has(c, VT_WORD_EXIT, VT_EXITC_LOAD_CET)) {
		vt_expect(c, vt_s_cet_legal(c, vt_get(c, VMCS_HOST_S_CET)), VMCS_HOST_S_CET,
			  "26.2.2", "reserved bits must be 0, the address canonical");
		vt_expect(c, !(vt_get(c, VMCS_HOST_SSP) & 3), VMCS_HOST_SSP, "26.2.2",
			  "must be a multiple of 4");
		check_canonical(c, VMCS_HOST_SSP, "26.2.2");
		check_canonical(c, VMCS_HOST_SSP_TABLE, "26.2.2");
	}
	if (vt_has(c, VT_WORD_EXIT, VT_EXITC_LOAD_PKRS))
		vt_expect(c, !(vt_get(c, VMCS_HOST_PKRS) >> 32), VMCS_HOST_PKRS, "26.2.2",
			  "bits 63:32 must be 0");
}

static void check_segments(struct vt_checker *c)
{
	static const u16 selectors[] = {
		VMCS_HOST_ES_SELECTOR, VMCS_HOST_CS_SELECTOR, VMCS_HOST_SS_SELECTOR,
		VMCS_HOST_DS_SELECTOR, VMCS_HOST_FS_SELECTOR, VMCS_HOST_GS_SELECTOR,
		VMCS_HOST_TR_SELECTOR,
	};
	static const u16 bases[] = {
		VMCS_HOST_FS_BASE, VMCS_HOST_GS_BASE, VMCS_HOST_TR_BASE,
		VMCS_HOST_GDTR_BASE, VMCS_HOST_IDTR_BASE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(selectors); i++)
		vt_expect(c, !(vt_get(c, selectors[i]) & 7), selectors[i], "26.2.3",
			  "RPL and table indicator must be 0");
	vt_expect(c, vt_get(c, VMCS_HOST_CS_SELECTOR), VMCS_HOST_CS_SELECTOR, "26.2.3",
		  "must not be 0");
	vt_expect(c, vt_get(c, VMCS_HOST_TR_SELECTOR), VMCS_HOST_TR_SELECTOR, "26.2.3",
		  "must not be 0");
	for (i = 0; i < ARRAY_SIZE(bases); i++)
		check_canonical(c, bases[i], "26.2.3");
}

static void check_address_space(struct vt_checker *c)
{
	bool host_64 = vt_has(c, VT_WORD_EXIT, VT_EXITC_HOST_64);

	vt_expect(c, host_64, VMCS_EXIT_CONTROLS, "26.2.4",
		  "\"host address-space size\" must be 1: the host is in IA-32e mode");
	if (!host_64)
		return;
	vt_expect(c, vt_get(c, VMCS_HOST_CR4) & CR4_PAE, VMCS_HOST_CR4, "26.2.4",
		  "CR4.PAE must be 1 for a 64-bit host");
	check_canonical(c, VMCS_HOST_RIP, "26.2.4");
}

void vt_check_host(struct vt_checker *c)
{
	check_control_registers(c);
	check_msrs(c);
	check_segments(c);
	check_address_space(c);
}
