// SPDX-License-Identifier: GPL-2.0-only
/* Checks on execution, exit and entry controls: SDM 3C 26.2.1. */
#include "pure/vt_check_int.h"

static const u16 word_fields[VT_NR_WORDS] = {
	[VT_WORD_PIN] = VMCS_PIN_CONTROLS,	[VT_WORD_PROC] = VMCS_PROC_CONTROLS,
	[VT_WORD_PROC2] = VMCS_PROC2_CONTROLS,	[VT_WORD_EXIT] = VMCS_EXIT_CONTROLS,
	[VT_WORD_ENTRY] = VMCS_ENTRY_CONTROLS,
};

static const char *word_section(unsigned int word)
{
	if (word == VT_WORD_EXIT)
		return "26.2.1.2";
	return word == VT_WORD_ENTRY ? "26.2.1.3" : "26.2.1.1";
}

static void check_reserved(struct vt_checker *c)
{
	unsigned int i;

	for (i = 0; i < VT_NR_WORDS; i++) {
		u64 cap = vt_caps_word(c->caps, (enum vt_word)i);

		if (i == VT_WORD_PROC2 && !vt_has(c, VT_WORD_PROC, VT_PROC_SECONDARY))
			continue;
		vt_expect(c, !(vt_must_be_1(cap) & ~c->words[i]), word_fields[i], word_section(i),
			  "a bit that must be 1 on this CPU is 0");
		vt_expect(c, !(c->words[i] & ~vt_may_be_1(cap)), word_fields[i], word_section(i),
			  "a bit that this CPU does not have is 1");
	}
	if (vt_has(c, VT_WORD_PROC, VT_PROC_TERTIARY))
		vt_expect(c, !(vt_get(c, VMCS_PROC3_CONTROLS) & ~c->caps->proc3),
			  VMCS_PROC3_CONTROLS, "26.2.1.1", "a bit that this CPU does not have is 1");
	if (vt_has(c, VT_WORD_EXIT, VT_EXITC_SECONDARY))
		vt_expect(c, !(vt_get(c, VMCS_EXIT2_CONTROLS) & ~c->caps->exit2),
			  VMCS_EXIT2_CONTROLS, "26.2.1.2", "a bit that this CPU does not have is 1");
}

/* A control that needs another one, or excludes it. */
struct pair_rule {
	u8 word, other_word;
	bool excludes;
	u32 bit, other;
	const char *rule;
};

#define NEEDS(w, b, ow, o, text) { VT_WORD_##w, VT_WORD_##ow, false, b, o, text }
#define EXCLUDES(w, b, ow, o, text) { VT_WORD_##w, VT_WORD_##ow, true, b, o, text }

static const struct pair_rule pair_rules[] = {
	NEEDS(PIN, VT_PIN_VIRTUAL_NMI, PIN, VT_PIN_NMI, "virtual NMIs need NMI exiting"),
	NEEDS(PROC, VT_PROC_NMI_WINDOW, PIN, VT_PIN_VIRTUAL_NMI,
	      "NMI-window exiting needs virtual NMIs"),
	NEEDS(PROC2, VT_PROC2_X2APIC, PROC, VT_PROC_TPR_SHADOW,
	      "virtualize x2APIC mode needs the TPR shadow"),
	NEEDS(PROC2, VT_PROC2_APIC_REGISTER, PROC, VT_PROC_TPR_SHADOW,
	      "APIC-register virtualization needs the TPR shadow"),
	NEEDS(PROC2, VT_PROC2_VIRTUAL_INTR, PROC, VT_PROC_TPR_SHADOW,
	      "virtual-interrupt delivery needs the TPR shadow"),
	EXCLUDES(PROC2, VT_PROC2_X2APIC, PROC2, VT_PROC2_APIC_ACCESS,
		 "virtualize x2APIC mode excludes virtualize APIC accesses"),
	NEEDS(PROC2, VT_PROC2_VIRTUAL_INTR, PIN, VT_PIN_EXTERNAL_INTR,
	      "virtual-interrupt delivery needs external-interrupt exiting"),
	NEEDS(PIN, VT_PIN_POSTED_INTR, PROC2, VT_PROC2_VIRTUAL_INTR,
	      "posted interrupts need virtual-interrupt delivery"),
	NEEDS(PIN, VT_PIN_POSTED_INTR, EXIT, VT_EXITC_ACK_INTR,
	      "posted interrupts need acknowledge interrupt on exit"),
	NEEDS(PROC2, VT_PROC2_UNRESTRICTED, PROC2, VT_PROC2_EPT, "unrestricted guest needs EPT"),
	NEEDS(PROC2, VT_PROC2_MODE_EXECUTE, PROC2, VT_PROC2_EPT,
	      "mode-based execute control needs EPT"),
	NEEDS(PROC2, VT_PROC2_PML, PROC2, VT_PROC2_EPT, "PML needs EPT"),
	NEEDS(PROC2, VT_PROC2_SPP, PROC2, VT_PROC2_EPT, "sub-page permissions need EPT"),
	NEEDS(PROC2, VT_PROC2_PT_GUEST_PA, PROC2, VT_PROC2_EPT,
	      "Intel PT with guest-physical addresses needs EPT"),
	NEEDS(EXIT, VT_EXITC_SAVE_TIMER, PIN, VT_PIN_PREEMPTION_TIMER,
	      "saving the VMX-preemption timer needs that timer"),
};

static void check_pairs(struct vt_checker *c)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pair_rules); i++) {
		const struct pair_rule *r = &pair_rules[i];
		bool other = vt_has(c, (enum vt_word)r->other_word, r->other);

		if (vt_has(c, (enum vt_word)r->word, r->bit))
			vt_expect(c, other != r->excludes, word_fields[r->word],
				  word_section(r->word), r->rule);
	}
}

/* A control that makes the CPU use an address. */
struct address_rule {
	u8 word;
	u32 bit;
	u16 field;
	u16 low;	/* bits that must be 0 */
	const char *aligned;
};

#define PAGE(w, b, f) { VT_WORD_##w, b, f, 0xfff, "the address must be that of a page" }

static const struct address_rule address_rules[] = {
	PAGE(PROC, VT_PROC_IO_BITMAPS, VMCS_IO_BITMAP_A),
	PAGE(PROC, VT_PROC_IO_BITMAPS, VMCS_IO_BITMAP_B),
	PAGE(PROC, VT_PROC_MSR_BITMAPS, VMCS_MSR_BITMAP),
	PAGE(PROC, VT_PROC_TPR_SHADOW, VMCS_VIRTUAL_APIC),
	PAGE(PROC2, VT_PROC2_APIC_ACCESS, VMCS_APIC_ACCESS),
	PAGE(PROC2, VT_PROC2_PML, VMCS_PML_ADDRESS),
	PAGE(PROC2, VT_PROC2_VMCS_SHADOW, VMCS_VMREAD_BITMAP),
	PAGE(PROC2, VT_PROC2_VMCS_SHADOW, VMCS_VMWRITE_BITMAP),
	PAGE(PROC2, VT_PROC2_EPT_VE, VMCS_VE_INFO_ADDR),
	{ VT_WORD_PIN, VT_PIN_POSTED_INTR, VMCS_POSTED_DESC, 0x3f,
	  "the address must be a multiple of 64" },
};

static u64 beyond_physical(const struct vt_checker *c)
{
	return vt_above(c->caps->basic & VT_BASIC_ADDRESS_32 ? 32 : c->env->maxphyaddr);
}

static void check_address(struct vt_checker *c, u32 field, u64 low, const char *aligned)
{
	u64 addr = vt_get(c, field);

	vt_expect(c, !(addr & low), field, "26.2.1.1", aligned);
	vt_expect(c, !(addr & beyond_physical(c)), field, "26.2.1.1",
		  "the address is beyond the physical-address width");
}

static void check_addresses(struct vt_checker *c)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(address_rules); i++) {
		const struct address_rule *r = &address_rules[i];

		if (vt_has(c, (enum vt_word)r->word, r->bit))
			check_address(c, r->field, r->low, r->aligned);
	}
}

static void check_eptp(struct vt_checker *c)
{
	u64 eptp = vt_get(c, VMCS_EPT_POINTER), caps = c->caps->ept_vpid;
	unsigned int type = eptp & VT_EPTP_TYPE;
	unsigned int levels = (eptp & VT_EPTP_LEVELS) >> VT_EPTP_LEVELS_SHIFT;

	vt_expect(c, (type == VT_EPTP_TYPE_UC && (caps & VT_EPT_TABLES_UC)) ||
		  (type == VT_EPTP_TYPE_WB && (caps & VT_EPT_TABLES_WB)),
		  VMCS_EPT_POINTER, "26.2.1.1", "the memory type must be one that the CPU supports");
	vt_expect(c, (levels == 3 && (caps & VT_EPT_LEVELS_4)) ||
		  (levels == 4 && (caps & VT_EPT_LEVELS_5)),
		  VMCS_EPT_POINTER, "26.2.1.1",
		  "the number of levels, less one, must be one that the CPU supports");
	vt_expect(c, !(eptp & VT_EPTP_AD) || (caps & VT_EPT_AD), VMCS_EPT_POINTER, "26.2.1.1",
		  "the CPU has no accessed and dirty flags for EPT");
	vt_expect(c, !(eptp & VT_EPTP_SUPERVISOR_SHADOW_STACK) ||
		  (caps & VT_EPT_SUPERVISOR_SHADOW_STACK),
		  VMCS_EPT_POINTER, "26.2.1.1", "the CPU has no supervisor shadow-stack control");
	vt_expect(c, !(eptp & (VT_EPTP_RESERVED | vt_above(c->env->maxphyaddr))), VMCS_EPT_POINTER,
		  "26.2.1.1", "bits 11:8 and those beyond the physical-address width must be 0");
}

static void check_tpr(struct vt_checker *c)
{
	u32 threshold;

	if (!vt_has(c, VT_WORD_PROC, VT_PROC_TPR_SHADOW) ||
	    vt_has(c, VT_WORD_PROC2, VT_PROC2_VIRTUAL_INTR))
		return;
	threshold = (u32)vt_get(c, VMCS_TPR_THRESHOLD);
	vt_expect(c, !(threshold & ~0xfU), VMCS_TPR_THRESHOLD, "26.2.1.1", "bits 31:4 must be 0");
	if (c->env->vtpr >= 0 && !vt_has(c, VT_WORD_PROC2, VT_PROC2_APIC_ACCESS))
		vt_expect(c, (threshold & 0xf) <= (u32)c->env->vtpr >> 4, VMCS_TPR_THRESHOLD,
			  "26.2.1.1", "must not be above the class of the virtual TPR");
}

static void check_vmfunc(struct vt_checker *c)
{
	u64 functions;

	if (!vt_has(c, VT_WORD_PROC2, VT_PROC2_VMFUNC))
		return;
	functions = vt_get(c, VMCS_VMFUNC_CONTROLS);
	vt_expect(c, !(functions & ~c->caps->vmfunc), VMCS_VMFUNC_CONTROLS, "26.2.1.1",
		  "a function that this CPU does not have");
	if (!(functions & 1))
		return;
	vt_expect(c, vt_has(c, VT_WORD_PROC2, VT_PROC2_EPT), VMCS_VMFUNC_CONTROLS, "26.2.1.1",
		  "EPTP switching needs EPT");
	check_address(c, VMCS_EPTP_LIST, 0xfff, "the address must be that of a page");
}

static void check_execution(struct vt_checker *c)
{
	unsigned int targets =
		(c->caps->misc & VT_MISC_CR3_TARGETS) >> VT_MISC_CR3_TARGETS_SHIFT;

	vt_expect(c, vt_get(c, VMCS_CR3_TARGET_COUNT) <= targets, VMCS_CR3_TARGET_COUNT, "26.2.1.1",
		  "more CR3 targets than the CPU has");
	check_tpr(c);
	if (vt_has(c, VT_WORD_PROC2, VT_PROC2_VPID))
		vt_expect(c, vt_get(c, VMCS_VPID) != 0, VMCS_VPID, "26.2.1.1", "must not be 0");
	if (vt_has(c, VT_WORD_PROC2, VT_PROC2_EPT))
		check_eptp(c);
	if (vt_has(c, VT_WORD_PIN, VT_PIN_POSTED_INTR))
		vt_expect(c, vt_get(c, VMCS_POSTED_VECTOR) <= 0xff, VMCS_POSTED_VECTOR, "26.2.1.1",
			  "must be a vector, 0 to 255");
	check_vmfunc(c);
}

static void check_msr_list(struct vt_checker *c, u32 count_field, u32 addr_field,
			   const char *section)
{
	u64 count = (u32)vt_get(c, count_field), addr;

	if (!count)
		return;
	addr = vt_get(c, addr_field);
	vt_expect(c, !(addr & 0xf), addr_field, section, "the address must be a multiple of 16");
	vt_expect(c, !((addr | (addr + count * 16 - 1)) & beyond_physical(c)), addr_field, section,
		  "the list reaches beyond the physical-address width");
}

/* ---- event injection: 26.2.1.3 ---- */

static void check_injected_type(struct vt_checker *c, u32 type, u32 vector)
{
	static const char section[] = "26.2.1.3";

	vt_expect(c, type != 1, VMCS_ENTRY_INTR_INFO, section, "type 1 is reserved");
	vt_expect(c, type != VT_INTR_NMI || vector == 2, VMCS_ENTRY_INTR_INFO, section,
		  "an NMI has vector 2");
	vt_expect(c, type != VT_INTR_HARD_EXC || vector < 32, VMCS_ENTRY_INTR_INFO, section,
		  "an exception has a vector below 32");
	if (type == VT_INTR_OTHER) {
		vt_expect(c, vector == 0, VMCS_ENTRY_INTR_INFO, section,
			  "the event that is not delivered through the IDT has vector 0");
		vt_expect(c, vt_may_be_1(vt_caps_word(c->caps, VT_WORD_PROC)) & VT_PROC_MTF,
			  VMCS_ENTRY_INTR_INFO, section,
			  "type 7 needs a CPU with the monitor trap flag");
	}
}

static bool vector_has_error(const struct vt_checker *c, u32 vector)
{
	const u32 vectors = 1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17;

	if (vector == 21) /* #CP */
		return c->caps->cr4_fixed1 & CR4_CET;
	return vector < 32 && (vectors >> vector & 1);
}

static void check_injected_error(struct vt_checker *c, u32 type, u32 vector)
{
	bool deliver = c->intr_info & VT_INTR_DELIVER_ERROR;
	bool possible = type == VT_INTR_HARD_EXC && (!c->unrestricted || (c->cr0 & CR0_PE));

	if (!possible)
		vt_expect(c, !deliver, VMCS_ENTRY_INTR_INFO, "26.2.1.3",
			  "only a hardware exception in protected mode has an error code");
	else if (!(c->caps->basic & VT_BASIC_ANY_ERROR_CODE))
		vt_expect(c, deliver == vector_has_error(c, vector), VMCS_ENTRY_INTR_INFO,
			  "26.2.1.3", "an error code if and only if the exception has one");
	if (deliver)
		vt_expect(c, !(vt_get(c, VMCS_ENTRY_INTR_ERROR) & 0xffff0000), VMCS_ENTRY_INTR_ERROR,
			  "26.2.1.3", "bits 31:16 must be 0");
}

static void check_injection(struct vt_checker *c)
{
	u32 type = (c->intr_info & VT_INTR_TYPE) >> VT_INTR_TYPE_SHIFT;
	u32 vector = c->intr_info & VT_INTR_VECTOR;
	u64 length;

	if (!(c->intr_info & VT_INTR_VALID))
		return;
	check_injected_type(c, type, vector);
	check_injected_error(c, type, vector);
	vt_expect(c, !(c->intr_info & VT_INTR_ENTRY_RESERVED), VMCS_ENTRY_INTR_INFO, "26.2.1.3",
		  "bits 30:12 must be 0");
	if (type != VT_INTR_SOFT_INT && type != VT_INTR_PRIV_SW_EXC && type != VT_INTR_SOFT_EXC)
		return;
	length = vt_get(c, VMCS_ENTRY_INSN_LEN);
	vt_expect(c, length <= 15, VMCS_ENTRY_INSN_LEN, "26.2.1.3", "must not be above 15");
	vt_expect(c, length || (c->caps->misc & VT_MISC_INJECT_LEN_0), VMCS_ENTRY_INSN_LEN,
		  "26.2.1.3", "must not be 0 on this CPU");
}

void vt_check_controls(struct vt_checker *c)
{
	check_reserved(c);
	check_pairs(c);
	check_addresses(c);
	check_execution(c);
	check_msr_list(c, VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_STORE_ADDR, "26.2.1.2");
	check_msr_list(c, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_EXIT_MSR_LOAD_ADDR, "26.2.1.2");
	check_msr_list(c, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD_ADDR, "26.2.1.3");
	check_injection(c);
	/* The backend is never in SMM. */
	vt_expect(c, !vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_SMM | VT_ENTRYC_NO_DUAL_MONITOR),
		  VMCS_ENTRY_CONTROLS, "26.2.1.3",
		  "entry to SMM and deactivate dual-monitor treatment are for SMM only");
}
