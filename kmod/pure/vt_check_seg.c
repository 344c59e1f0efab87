// SPDX-License-Identifier: GPL-2.0-only
/* Checks on the guest's segment registers: SDM 3C 26.3.1.2. */
#include "pure/vt_check_int.h"

static const char section[] = "26.3.1.2";

static bool usable(const struct vt_checker *c, unsigned int seg)
{
	return !(c->ar[seg] & VT_AR_UNUSABLE);
}

static unsigned int type(const struct vt_checker *c, unsigned int seg)
{
	return c->ar[seg] & VT_AR_TYPE;
}

static unsigned int dpl(const struct vt_checker *c, unsigned int seg)
{
	return (c->ar[seg] & VT_AR_DPL) >> VT_AR_DPL_SHIFT;
}

static unsigned int rpl(const struct vt_checker *c, unsigned int seg)
{
	return c->sel[seg] & 3;
}

static void expect_ar(struct vt_checker *c, bool ok, unsigned int seg, const char *rule)
{
	vt_expect(c, ok, vmcs_guest_ar(seg), section, rule);
}

static void check_selectors(struct vt_checker *c)
{
	vt_expect(c, !(c->sel[SEG_TR] & 4), VMCS_GUEST_TR_SELECTOR, section,
		  "the table indicator must be 0");
	vt_expect(c, !usable(c, SEG_LDTR) || !(c->sel[SEG_LDTR] & 4), VMCS_GUEST_LDTR_SELECTOR,
		  section, "the table indicator must be 0");
	if (!c->v86 && !c->unrestricted)
		vt_expect(c, rpl(c, SEG_SS) == rpl(c, SEG_CS), VMCS_GUEST_SS_SELECTOR, section,
			  "RPL must be that of CS");
}

static void check_base(struct vt_checker *c, unsigned int seg)
{
	u64 base = vt_get(c, vmcs_guest_base(seg));

	switch (seg) {
	case SEG_CS:
		vt_expect(c, !(base >> 32), VMCS_GUEST_CS_BASE, section, "bits 63:32 must be 0");
		break;
	case SEG_ES:
	case SEG_SS:
	case SEG_DS:
		vt_expect(c, !usable(c, seg) || !(base >> 32), vmcs_guest_base(seg), section,
			  "bits 63:32 must be 0");
		break;
	case SEG_LDTR:
		if (!usable(c, seg))
			break;
		PURE_FALLTHROUGH;
	default: /* FS, GS, TR */
		vt_expect(c, vt_canonical(c, base), vmcs_guest_base(seg), section,
			  "must be canonical");
	}
}

/* ES to GS of a guest in virtual-8086 mode. */
static void check_v86(struct vt_checker *c, unsigned int seg)
{
	vt_expect(c, vt_get(c, vmcs_guest_base(seg)) == (u64)c->sel[seg] << 4, vmcs_guest_base(seg),
		  section, "in virtual-8086 mode the base must be 16 times the selector");
	vt_expect(c, vt_get(c, vmcs_guest_limit(seg)) == 0xffff, vmcs_guest_limit(seg), section,
		  "in virtual-8086 mode the limit must be 0xffff");
	expect_ar(c, c->ar[seg] == 0xf3, seg,
		  "in virtual-8086 mode the access rights must be 0xf3");
}

/* For any register that is in use: what does not depend on which one it is. */
static void check_common(struct vt_checker *c, unsigned int seg)
{
	u32 limit = (u32)vt_get(c, vmcs_guest_limit(seg));
	bool g = c->ar[seg] & VT_AR_G;

	expect_ar(c, c->ar[seg] & VT_AR_P, seg, "must be present");
	expect_ar(c, !(c->ar[seg] & (VT_AR_RESERVED | 0xfffe0000)), seg,
		  "bits 11:8 and 31:17 must be 0");
	expect_ar(c, !g || (limit & 0xfff) == 0xfff, seg,
		  "G must be 0 as the limit's bits 11:0 are not all 1");
	expect_ar(c, g || !(limit >> 20), seg, "G must be 1 as the limit has one of the bits 31:20");
}

static void check_cs(struct vt_checker *c)
{
	unsigned int t = type(c, SEG_CS);
	bool code = (t & 9) == 9; /* accessed code */

	expect_ar(c, code || (t == 3 && c->unrestricted), SEG_CS,
		  "the type must be accessed code (or 3 with unrestricted guest)");
	if (t == 3)
		expect_ar(c, dpl(c, SEG_CS) == 0, SEG_CS, "with type 3, DPL must be 0");
	else if (code && !(t & 4))
		expect_ar(c, dpl(c, SEG_CS) == dpl(c, SEG_SS), SEG_CS,
			  "DPL of non-conforming code must be that of SS");
	else if (code)
		expect_ar(c, dpl(c, SEG_CS) <= dpl(c, SEG_SS), SEG_CS,
			  "DPL of conforming code must not be above that of SS");
	expect_ar(c, !(c->guest_64 && (c->ar[SEG_CS] & VT_AR_L) && (c->ar[SEG_CS] & VT_AR_DB)),
		  SEG_CS, "D must be 0 in 64-bit code");
}

/* What is checked of SS even if it is unusable: its DPL is the CPL. */
static void check_ss_dpl(struct vt_checker *c)
{
	if (!c->unrestricted)
		expect_ar(c, dpl(c, SEG_SS) == rpl(c, SEG_SS), SEG_SS, "DPL must be the RPL");
	if (type(c, SEG_CS) == 3 || !(c->cr0 & CR0_PE))
		expect_ar(c, dpl(c, SEG_SS) == 0, SEG_SS,
			  "DPL must be 0 in real mode, and if the type of CS is 3");
}

static void check_data(struct vt_checker *c, unsigned int seg)
{
	unsigned int t = type(c, seg);

	if (seg == SEG_SS) {
		expect_ar(c, t == 3 || t == 7, seg, "the type must be 3 or 7, accessed writable data");
		return;
	}
	expect_ar(c, t & 1, seg, "the type must be an accessed one");
	expect_ar(c, !(t & 8) || (t & 2), seg, "code must be readable");
	if (!c->unrestricted && t <= 11)
		expect_ar(c, dpl(c, seg) >= rpl(c, seg), seg, "DPL must not be below RPL");
}

static void check_code_data(struct vt_checker *c)
{
	unsigned int seg;

	for (seg = SEG_ES; seg <= SEG_GS; seg++) {
		if (c->v86) {
			check_v86(c, seg);
			continue;
		}
		check_base(c, seg);
		if (seg == SEG_SS)
			check_ss_dpl(c);
		if (seg == SEG_CS)
			check_cs(c);
		else if (usable(c, seg))
			check_data(c, seg);
		else
			continue;
		expect_ar(c, c->ar[seg] & VT_AR_S, seg, "S must be 1");
		check_common(c, seg);
	}
}

static void check_tr(struct vt_checker *c)
{
	unsigned int t = type(c, SEG_TR);

	check_base(c, SEG_TR);
	expect_ar(c, usable(c, SEG_TR), SEG_TR, "must not be unusable");
	expect_ar(c, t == 11 || (t == 3 && !c->guest_64), SEG_TR,
		  "the type must be a busy TSS (11, or 3 outside IA-32e mode)");
	expect_ar(c, !(c->ar[SEG_TR] & VT_AR_S), SEG_TR, "S must be 0");
	check_common(c, SEG_TR);
}

static void check_ldtr(struct vt_checker *c)
{
	if (!usable(c, SEG_LDTR))
		return;
	check_base(c, SEG_LDTR);
	expect_ar(c, type(c, SEG_LDTR) == 2, SEG_LDTR, "the type must be 2, an LDT");
	expect_ar(c, !(c->ar[SEG_LDTR] & VT_AR_S), SEG_LDTR, "S must be 0");
	check_common(c, SEG_LDTR);
}

void vt_check_segments(struct vt_checker *c)
{
	check_selectors(c);
	check_code_data(c);
	check_tr(c);
	check_ldtr(c);
}
