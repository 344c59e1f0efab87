// SPDX-License-Identifier: GPL-2.0-only
/* Checks on the guest state but for its segments: SDM 3C 26.3.1.1 and 26.3.1.3 to 26.3.1.6. */
#include "pure/vt_check_int.h"

#define DEBUGCTL_KNOWN 0xffc7ULL /* SDM 3B 17.4.1, with bus-lock detection and RTM */

static void check_canonical(struct vt_checker *c, u32 field, const char *section)
{
	vt_expect(c, vt_canonical(c, vt_get(c, field)), field, section, "must be canonical");
}

/* ---- 26.3.1.1: control registers, debug registers, MSRs ---- */

static void check_cr0(struct vt_checker *c)
{
	u64 must = c->caps->cr0_fixed0, may = c->caps->cr0_fixed1;

	if (c->unrestricted)
		must &= ~(CR0_PG | CR0_PE);
	/* VM entry does not change NW and CD: what the field says of them is not looked at. */
	must &= ~CR0_NW_CD;
	may |= CR0_NW_CD;
	vt_expect(c, !(must & ~c->cr0), VMCS_GUEST_CR0, "26.3.1.1",
		  "a bit that must be 1 in VMX operation is 0");
	vt_expect(c, !(c->cr0 & ~may), VMCS_GUEST_CR0, "26.3.1.1",
		  "a bit that must be 0 in VMX operation is 1");
	vt_expect(c, !(c->cr0 & CR0_PG) || (c->cr0 & CR0_PE), VMCS_GUEST_CR0, "26.3.1.1",
		  "CR0.PG needs CR0.PE");
}

static void check_cr4(struct vt_checker *c)
{
	vt_expect(c, !(c->caps->cr4_fixed0 & ~c->cr4), VMCS_GUEST_CR4, "26.3.1.1",
		  "a bit that must be 1 in VMX operation is 0");
	vt_expect(c, !(c->cr4 & ~c->caps->cr4_fixed1), VMCS_GUEST_CR4, "26.3.1.1",
		  "a bit that must be 0 in VMX operation is 1");
	vt_expect(c, !(c->cr4 & CR4_CET) || (c->cr0 & CR0_WP), VMCS_GUEST_CR4, "26.3.1.1",
		  "CR4.CET needs CR0.WP");
	if (c->guest_64) {
		vt_expect(c, c->cr0 & CR0_PG, VMCS_GUEST_CR0, "26.3.1.1",
			  "an IA-32e mode guest needs CR0.PG");
		vt_expect(c, c->cr4 & CR4_PAE, VMCS_GUEST_CR4, "26.3.1.1",
			  "an IA-32e mode guest needs CR4.PAE");
	} else {
		vt_expect(c, !(c->cr4 & CR4_PCIDE), VMCS_GUEST_CR4, "26.3.1.1",
			  "CR4.PCIDE needs an IA-32e mode guest");
	}
}

static void check_debug_registers(struct vt_checker *c)
{
	if (!vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_LOAD_DEBUG))
		return;
	vt_expect(c, !(vt_get(c, VMCS_GUEST_DEBUGCTL) & ~DEBUGCTL_KNOWN), VMCS_GUEST_DEBUGCTL,
		  "26.3.1.1", "reserved bits must be 0");
	vt_expect(c, !(vt_get(c, VMCS_GUEST_DR7) >> 32), VMCS_GUEST_DR7, "26.3.1.1",
		  "bits 63:32 must be 0");
}

static void check_efer(struct vt_checker *c)
{
	u64 efer;

	if (!vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_LOAD_EFER))
		return;
	efer = vt_get(c, VMCS_GUEST_EFER);
	vt_expect(c, !(efer & ~EFER_KNOWN), VMCS_GUEST_EFER, "26.3.1.1", "reserved bits must be 0");
	vt_expect(c, !!(efer & EFER_LMA) == c->guest_64, VMCS_GUEST_EFER, "26.3.1.1",
		  "LMA must be as \"IA-32e mode guest\"");
	vt_expect(c, !(c->cr0 & CR0_PG) || !(efer & EFER_LMA) == !(efer & EFER_LME), VMCS_GUEST_EFER,
		  "26.3.1.1", "with CR0.PG, LMA and LME must be the same");
}

static void check_cet(struct vt_checker *c)
{
	u64 ssp;

	if (!vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_LOAD_CET))
		return;
	vt_expect(c, vt_s_cet_legal(c, vt_get(c, VMCS_GUEST_S_CET)), VMCS_GUEST_S_CET, "26.3.1.1",
		  "reserved bits must be 0, the address canonical");
	check_canonical(c, VMCS_GUEST_SSP_TABLE, "26.3.1.1");
	ssp = vt_get(c, VMCS_GUEST_SSP);
	vt_expect(c, !(ssp & 3), VMCS_GUEST_SSP, "26.3.1.4", "must be a multiple of 4");
	vt_expect(c, vt_canonical(c, ssp), VMCS_GUEST_SSP, "26.3.1.4", "must be canonical");
}

static void check_other_msrs(struct vt_checker *c)
{
	check_canonical(c, VMCS_GUEST_SYSENTER_ESP, "26.3.1.1");
	check_canonical(c, VMCS_GUEST_SYSENTER_EIP, "26.3.1.1");
	if (vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_LOAD_PERF_GLOBAL))
		vt_expect(c, !(vt_get(c, VMCS_GUEST_PERF_GLOBAL_CTRL) & c->env->perf_global_reserved),
			  VMCS_GUEST_PERF_GLOBAL_CTRL, "26.3.1.1", "reserved bits must be 0");
	if (vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_LOAD_PAT))
		vt_expect(c, vt_pat_legal(vt_get(c, VMCS_GUEST_PAT)), VMCS_GUEST_PAT, "26.3.1.1",
			  "each byte must be 0, 1, 4, 5, 6 or 7");
	if (vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_LOAD_BNDCFGS)) {
		u64 bndcfgs = vt_get(c, VMCS_GUEST_BNDCFGS);

		vt_expect(c, !(bndcfgs & 0xffc) && vt_canonical(c, bndcfgs & ~0xfffULL),
			  VMCS_GUEST_BNDCFGS, "26.3.1.1",
			  "bits 11:2 must be 0, the address canonical");
	}
	if (vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_LOAD_PKRS))
		vt_expect(c, !(vt_get(c, VMCS_GUEST_PKRS) >> 32), VMCS_GUEST_PKRS, "26.3.1.1",
			  "bits 63:32 must be 0");
	if (vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_LOAD_UINV))
		vt_expect(c, vt_get(c, VMCS_GUEST_UINV) <= 0xff, VMCS_GUEST_UINV, "26.3.1.1",
			  "bits 15:8 must be 0");
}

static void check_registers(struct vt_checker *c)
{
	u64 high = vt_above(c->env->maxphyaddr) & ~c->env->cr3_high;

	check_cr0(c);
	check_cr4(c);
	vt_expect(c, !(vt_get(c, VMCS_GUEST_CR3) & high), VMCS_GUEST_CR3, "26.3.1.1",
		  "bits beyond the physical-address width must be 0");
	check_debug_registers(c);
	check_efer(c);
	check_other_msrs(c);
	check_cet(c);
}

/* ---- 26.3.1.3: descriptor tables ---- */

static void check_tables(struct vt_checker *c)
{
	check_canonical(c, VMCS_GUEST_GDTR_BASE, "26.3.1.3");
	check_canonical(c, VMCS_GUEST_IDTR_BASE, "26.3.1.3");
	vt_expect(c, vt_get(c, VMCS_GUEST_GDTR_LIMIT) <= 0xffff, VMCS_GUEST_GDTR_LIMIT, "26.3.1.3",
		  "bits 31:16 must be 0");
	vt_expect(c, vt_get(c, VMCS_GUEST_IDTR_LIMIT) <= 0xffff, VMCS_GUEST_IDTR_LIMIT, "26.3.1.3",
		  "bits 31:16 must be 0");
}

/* ---- 26.3.1.4: RIP, RFLAGS ---- */

static void check_rip_rflags(struct vt_checker *c)
{
	const u64 reserved = vt_above(22) | 1 << 15 | 1 << 5 | 1 << 3;
	u64 rip = vt_get(c, VMCS_GUEST_RIP);

	if (c->guest_64 && (c->ar[SEG_CS] & VT_AR_L)) {
		u64 high = rip & vt_above(c->env->linear_bits);

		/* Less than canonical: the last bit of the address itself may differ. */
		vt_expect(c, !high || high == vt_above(c->env->linear_bits), VMCS_GUEST_RIP,
			  "26.3.1.4", "the bits above the linear-address width must be the same");
	} else {
		vt_expect(c, !(rip >> 32), VMCS_GUEST_RIP, "26.3.1.4",
			  "bits 63:32 must be 0 outside 64-bit mode");
	}
	vt_expect(c, !(c->rflags & reserved) && (c->rflags & 2), VMCS_GUEST_RFLAGS, "26.3.1.4",
		  "reserved bits must be 0, and bit 1 must be 1");
	vt_expect(c, !c->v86 || (!c->guest_64 && (c->cr0 & CR0_PE)), VMCS_GUEST_RFLAGS, "26.3.1.4",
		  "VM needs protected mode, and no IA-32e mode guest");
	vt_expect(c, !vt_injects(c, VT_INTR_EXTERNAL) || (c->rflags & RFLAGS_IF), VMCS_GUEST_RFLAGS,
		  "26.3.1.4", "IF must be 1 if an external interrupt is injected");
}

/* ---- 26.3.1.5: non-register state ---- */

/* Of the events that may be injected, those that a halted or shut down CPU reacts to. */
static bool wakes(const struct vt_checker *c, u64 activity)
{
	u32 vector = c->intr_info & VT_INTR_VECTOR;

	if (!(c->intr_info & VT_INTR_VALID))
		return true;
	switch (activity) {
	case VT_ACTIVITY_HLT:
		return vt_injects(c, VT_INTR_EXTERNAL) || vt_injects(c, VT_INTR_NMI) ||
		       (vt_injects(c, VT_INTR_HARD_EXC) && (vector == 1 || vector == 18)) ||
		       (vt_injects(c, VT_INTR_OTHER) && vector == 0);
	case VT_ACTIVITY_SHUTDOWN:
		return vt_injects(c, VT_INTR_NMI) ||
		       (vt_injects(c, VT_INTR_HARD_EXC) && vector == 18);
	case VT_ACTIVITY_WAIT_SIPI:
		return false;
	default:
		return true;
	}
}

static void check_activity(struct vt_checker *c, u64 activity, u64 blocking)
{
	static const u64 offered[] = {
		[VT_ACTIVITY_HLT] = VT_MISC_ACTIVITY_HLT,
		[VT_ACTIVITY_SHUTDOWN] = VT_MISC_ACTIVITY_SHUTDOWN,
		[VT_ACTIVITY_WAIT_SIPI] = VT_MISC_ACTIVITY_WAIT_SIPI,
	};

	vt_expect(c, activity == VT_ACTIVITY_ACTIVE ||
		  (activity < ARRAY_SIZE(offered) && (c->caps->misc & offered[activity])),
		  VMCS_GUEST_ACTIVITY, "26.3.1.5", "must be a state that the CPU supports");
	vt_expect(c, activity != VT_ACTIVITY_HLT || !(c->ar[SEG_SS] & VT_AR_DPL),
		  VMCS_GUEST_ACTIVITY, "26.3.1.5", "halted needs DPL 0 in SS");
	vt_expect(c, activity == VT_ACTIVITY_ACTIVE || !(blocking & (VT_INT_STI | VT_INT_MOV_SS)),
		  VMCS_GUEST_ACTIVITY, "26.3.1.5", "must be active while STI or MOV SS blocks");
	vt_expect(c, wakes(c, activity), VMCS_GUEST_ACTIVITY, "26.3.1.5",
		  "the injected event is none for this state");
}

static void check_interruptibility(struct vt_checker *c, u64 blocking)
{
	const u32 field = VMCS_GUEST_INTERRUPTIBILITY;
	const u64 shadow = VT_INT_STI | VT_INT_MOV_SS;
	static const char section[] = "26.3.1.5";

	vt_expect(c, !(blocking & ~(u64)VT_INT_KNOWN), field, section, "bits 31:5 must be 0");
	vt_expect(c, (blocking & shadow) != shadow, field, section,
		  "not blocking by both STI and MOV SS");
	vt_expect(c, !(blocking & VT_INT_STI) || (c->rflags & RFLAGS_IF), field, section,
		  "blocking by STI needs RFLAGS.IF");
	vt_expect(c, !vt_injects(c, VT_INTR_EXTERNAL) || !(blocking & shadow), field, section,
		  "no blocking by STI or MOV SS if an external interrupt is injected");
	/* SDM: a processor may require this of STI too; none is known to take it otherwise. */
	vt_expect(c, !vt_injects(c, VT_INTR_NMI) || !(blocking & VT_INT_MOV_SS), field, section,
		  "no blocking by MOV SS if an NMI is injected");
	vt_expect(c, !(blocking & VT_INT_SMI), field, section, "blocking by SMI is for SMM only");
	vt_expect(c, !vt_injects(c, VT_INTR_NMI) || !(blocking & VT_INT_NMI) ||
		  !vt_has(c, VT_WORD_PIN, VT_PIN_VIRTUAL_NMI),
		  field, section, "with virtual NMIs, no blocking by NMI if an NMI is injected");
	vt_expect(c, !(blocking & VT_INT_ENCLAVE) || !(blocking & VT_INT_MOV_SS), field, section,
		  "an interruption of an enclave excludes blocking by MOV SS");
}

static void check_pending_debug(struct vt_checker *c, u64 activity, u64 blocking)
{
	u64 pending = vt_get(c, VMCS_GUEST_PENDING_DEBUG);
	bool btf = vt_get(c, VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF;
	bool single_step = (c->rflags & RFLAGS_TF) && !btf;
	const u64 rtm_others = 0xfff; /* bits 11:0 */

	vt_expect(c, !(pending & ~(u64)VT_PDBG_KNOWN), VMCS_GUEST_PENDING_DEBUG, "26.3.1.5",
		  "reserved bits must be 0");
	if ((blocking & (VT_INT_STI | VT_INT_MOV_SS)) || activity == VT_ACTIVITY_HLT)
		vt_expect(c, !!(pending & VT_PDBG_BS) == single_step, VMCS_GUEST_PENDING_DEBUG,
			  "26.3.1.5",
			  "blocked or halted, BS must be 1 if and only if TF steps (without BTF)");
	if (pending & VT_PDBG_RTM)
		vt_expect(c, !(pending & rtm_others) && (pending & VT_PDBG_ENABLED_BP) &&
			  !(blocking & VT_INT_MOV_SS), VMCS_GUEST_PENDING_DEBUG, "26.3.1.5",
			  "RTM comes with bit 12, without bits 11:0 and blocking by MOV SS");
}

static void check_link_pointer(struct vt_checker *c)
{
	u64 link = vt_get(c, VMCS_LINK_POINTER);
	unsigned int bits = c->caps->basic & VT_BASIC_ADDRESS_32 ? 32 : c->env->maxphyaddr;

	if (link == ~0ULL)
		return;
	vt_expect(c, !(link & 0xfff), VMCS_LINK_POINTER, "26.3.1.5",
		  "must be all ones or the address of a page");
	vt_expect(c, !(link & vt_above(bits)), VMCS_LINK_POINTER, "26.3.1.5",
		  "the address is beyond the physical-address width");
}

/* ---- 26.3.1.6: page-directory pointers ---- */

static void check_pdptes(struct vt_checker *c)
{
	const u64 reserved = vt_above(c->env->maxphyaddr) | 0x1e6; /* and bits 2:1, 8:5 */
	u32 field;

	if (!vt_has(c, VT_WORD_PROC2, VT_PROC2_EPT) || c->guest_64 || !(c->cr0 & CR0_PG) ||
	    !(c->cr4 & CR4_PAE))
		return;
	for (field = VMCS_GUEST_PDPTE0; field <= VMCS_GUEST_PDPTE3; field += 2) {
		u64 pdpte = vt_get(c, field);

		vt_expect(c, !(pdpte & 1) || !(pdpte & reserved), field, "26.3.1.6",
			  "reserved bits of a present entry must be 0");
	}
}

void vt_check_guest(struct vt_checker *c)
{
	u64 activity = vt_get(c, VMCS_GUEST_ACTIVITY);
	u64 blocking = vt_get(c, VMCS_GUEST_INTERRUPTIBILITY);

	check_registers(c);
	check_tables(c);
	check_rip_rflags(c);
	check_activity(c, activity, blocking);
	check_interruptibility(c, blocking);
	check_pending_debug(c, activity, blocking);
	check_link_pointer(c);
	check_pdptes(c);
}
