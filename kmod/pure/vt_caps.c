// SPDX-License-Identifier: GPL-2.0-only
/* From Intel's capability MSRs to control words. */
#include "pure/vt_caps.h"

struct caps_row {
	u32 msr;
	u16 offset;
};

static const struct caps_row caps_rows[] = {
#define CAPS_ROW(member, msr) { (msr), offsetof(struct vt_caps, member) },
	VT_CAPS_MSRS(CAPS_ROW)
#undef CAPS_ROW
};

static u64 caps_value(const struct vt_caps *caps, const struct caps_row *row)
{
	u64 value;

	memcpy(&value, (const char *)caps + row->offset, sizeof(value));
	return value;
}

u64 vt_caps_word(const struct vt_caps *caps, enum vt_word word)
{
	bool use_true = caps->basic & VT_BASIC_TRUE;

	switch (word) {
	case VT_WORD_PIN:
		return use_true ? caps->true_pin : caps->pin;
	case VT_WORD_PROC:
		return use_true ? caps->true_proc : caps->proc;
	case VT_WORD_EXIT:
		return use_true ? caps->true_exit : caps->exit;
	case VT_WORD_ENTRY:
		return use_true ? caps->true_entry : caps->entry;
	default:
		return caps->proc2;
	}
}

/* Is there such an MSR? Asks only for what stands before it in VT_CAPS_MSRS(). */
static bool msr_exists(const struct vt_caps *caps, u32 msr)
{
	switch (msr) {
	case VT_MSR_TRUE_PIN:
	case VT_MSR_TRUE_PROC:
	case VT_MSR_TRUE_EXIT:
	case VT_MSR_TRUE_ENTRY:
		return caps->basic & VT_BASIC_TRUE;
	case VT_MSR_PROC2:
		return vt_may_be_1(caps->proc) & VT_PROC_SECONDARY;
	case VT_MSR_EPT_VPID:
		return vt_may_be_1(caps->proc2) & (VT_PROC2_EPT | VT_PROC2_VPID);
	case VT_MSR_VMFUNC:
		return vt_may_be_1(caps->proc2) & VT_PROC2_VMFUNC;
	case VT_MSR_PROC3:
		return vt_may_be_1(caps->proc) & VT_PROC_TERTIARY;
	case VT_MSR_EXIT2:
		return vt_may_be_1(caps->exit) & VT_EXITC_SECONDARY;
	default:
		return true;
	}
}

void vt_caps_read(struct vt_caps *caps, u64 (*rdmsr)(void *ctx, u32 msr), void *ctx)
{
	unsigned int i;

	memset(caps, 0, sizeof(*caps));
	for (i = 0; i < ARRAY_SIZE(caps_rows); i++) {
		u64 value;

		if (!msr_exists(caps, caps_rows[i].msr))
			continue;
		value = rdmsr(ctx, caps_rows[i].msr);
		memcpy((char *)caps + caps_rows[i].offset, &value, sizeof(value));
	}
}

u32 vt_caps_difference(const struct vt_caps *a, const struct vt_caps *b)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(caps_rows); i++)
		if (caps_value(a, &caps_rows[i]) != caps_value(b, &caps_rows[i]))
			return caps_rows[i].msr;
	return 0;
}

/* As the makers' lists of errata have it, under different numbers. */
bool vt_timer_is_broken(u32 signature)
{
	static const u32 broken[] = {
		0x106a0, 0x106a1, 0x106a4, 0x106a5,	/* Core i7-900, Xeon 3500 and 5500 */
		0x106e5,				/* Core i5-700, i7-800, Xeon 3400 */
		0x20652, 0x20655,			/* Arrandale, Clarkdale */
		0x206e6,				/* Xeon 6500 and 7500 */
		0x306a8,				/* Xeon E3-1220 v2 */
	};
	unsigned int i;

	/* Without the type and the reserved bits. */
	signature &= ~(0xf0000000u | 0xf000u);
	for (i = 0; i < ARRAY_SIZE(broken); i++)
		if (broken[i] == signature)
			return true;
	return false;
}

/* ---- what is needed ---- */

struct control_rule {
	u8 word;	/* enum vt_word */
	u8 need;	/* enum vt_need */
	u32 bit;
	const char *name;
	const char *without;
};

#define OLD_CPU "CPUs before Westmere are not supported"
#define OUTER_VMM "it is in all such CPUs: if this is a virtual machine, its hypervisor hides it"

/* A sentence belongs to every row whose absence is told: all but VT_OFFERED. */
static const struct control_rule control_rules[] = {
	{ VT_WORD_PIN, VT_REQUIRED, VT_PIN_EXTERNAL_INTR, "external-interrupt exiting", OUTER_VMM },
	{ VT_WORD_PIN, VT_REQUIRED, VT_PIN_NMI, "NMI exiting", OUTER_VMM },
	{ VT_WORD_PIN, VT_REQUIRED, VT_PIN_VIRTUAL_NMI, "virtual NMIs", OLD_CPU },
	{ VT_WORD_PIN, VT_OFFERED, VT_PIN_PREEMPTION_TIMER, "activate VMX-preemption timer", NULL },
	{ VT_WORD_PIN, VT_OFFERED, VT_PIN_POSTED_INTR, "process posted interrupts", NULL },

	{ VT_WORD_PROC, VT_REQUIRED_LATER, VT_PROC_INTR_WINDOW, "interrupt-window exiting",
	  OUTER_VMM },
	{ VT_WORD_PROC, VT_REQUIRED_LATER, VT_PROC_NMI_WINDOW, "NMI-window exiting", OLD_CPU },
	{ VT_WORD_PROC, VT_REQUIRED, VT_PROC_TSC_OFFSET, "use TSC offsetting", OUTER_VMM },
	{ VT_WORD_PROC, VT_REQUIRED, VT_PROC_HLT, "HLT exiting", OUTER_VMM },
	{ VT_WORD_PROC, VT_REQUIRED, VT_PROC_MWAIT, "MWAIT exiting", OUTER_VMM },
	{ VT_WORD_PROC, VT_REQUIRED, VT_PROC_MONITOR, "MONITOR exiting", OUTER_VMM },
	{ VT_WORD_PROC, VT_REQUIRED, VT_PROC_RDPMC, "RDPMC exiting", OUTER_VMM },
	{ VT_WORD_PROC, VT_REQUIRED, VT_PROC_UNCOND_IO, "unconditional I/O exiting", OUTER_VMM },
	{ VT_WORD_PROC, VT_REQUIRED, VT_PROC_MOV_DR, "MOV-DR exiting", OUTER_VMM },
	{ VT_WORD_PROC, VT_REQUIRED, VT_PROC_MSR_BITMAPS, "use MSR bitmaps", OLD_CPU },
	{ VT_WORD_PROC, VT_REQUIRED, VT_PROC_SECONDARY, "activate secondary controls", OLD_CPU },
	{ VT_WORD_PROC, VT_WANTED, VT_PROC_TPR_SHADOW, "use TPR shadow",
	  "each access of a guest to CR8 exits" },
	{ VT_WORD_PROC, VT_REQUIRED_LATER, VT_PROC_CR8_LOAD, "CR8-load exiting", OUTER_VMM },
	{ VT_WORD_PROC, VT_REQUIRED_LATER, VT_PROC_CR8_STORE, "CR8-store exiting", OUTER_VMM },
	{ VT_WORD_PROC, VT_OFFERED, VT_PROC_MTF, "monitor trap flag", NULL },
	{ VT_WORD_PROC, VT_OFFERED, VT_PROC_PAUSE, "PAUSE exiting", NULL },
	{ VT_WORD_PROC, VT_UNWANTED, VT_PROC_CR3_LOAD, "CR3-load exiting, clear",
	  "each load of CR3 by a guest exits" },
	{ VT_WORD_PROC, VT_UNWANTED, VT_PROC_CR3_STORE, "CR3-store exiting, clear",
	  "each read of CR3 by a guest exits" },
	{ VT_WORD_PROC, VT_UNWANTED, VT_PROC_INVLPG, "INVLPG exiting, clear",
	  "each INVLPG of a guest exits" },
	{ VT_WORD_PROC, VT_UNWANTED, VT_PROC_RDTSC, "RDTSC exiting, clear",
	  "each RDTSC of a guest exits" },

	{ VT_WORD_PROC2, VT_REQUIRED, VT_PROC2_EPT, "enable EPT", OLD_CPU },
	{ VT_WORD_PROC2, VT_REQUIRED, VT_PROC2_UNRESTRICTED, "unrestricted guest", OLD_CPU },
	{ VT_WORD_PROC2, VT_WANTED, VT_PROC2_VPID, "enable VPID",
	  "all translations are lost at each entry and exit" },
	{ VT_WORD_PROC2, VT_WANTED, VT_PROC2_RDTSCP, "enable RDTSCP",
	  "guests are not offered RDTSCP" },
	{ VT_WORD_PROC2, VT_WANTED, VT_PROC2_INVPCID, "enable INVPCID",
	  "guests are not offered INVPCID" },
	{ VT_WORD_PROC2, VT_WANTED, VT_PROC2_XSAVES, "enable XSAVES/XRSTORS",
	  "guests are not offered XSAVES" },
	{ VT_WORD_PROC2, VT_WANTED, VT_PROC2_WBINVD, "WBINVD exiting",
	  "a guest's WBINVD empties the caches of the host" },
	{ VT_WORD_PROC2, VT_WANTED, VT_PROC2_PLE, "PAUSE-loop exiting",
	  "a vCPU that spins on a lock burns its time slice" },
	{ VT_WORD_PROC2, VT_OFFERED, VT_PROC2_PML, "enable PML", NULL },
	{ VT_WORD_PROC2, VT_OFFERED, VT_PROC2_TSC_SCALING, "use TSC scaling", NULL },
	{ VT_WORD_PROC2, VT_OFFERED, VT_PROC2_DESC_TABLE, "descriptor-table exiting", NULL },
	{ VT_WORD_PROC2, VT_OFFERED, VT_PROC2_APIC_ACCESS, "virtualize APIC accesses", NULL },
	{ VT_WORD_PROC2, VT_OFFERED, VT_PROC2_X2APIC, "virtualize x2APIC mode", NULL },
	{ VT_WORD_PROC2, VT_OFFERED, VT_PROC2_APIC_REGISTER, "APIC-register virtualization", NULL },
	{ VT_WORD_PROC2, VT_OFFERED, VT_PROC2_VIRTUAL_INTR, "virtual-interrupt delivery", NULL },

	{ VT_WORD_EXIT, VT_REQUIRED, VT_EXITC_HOST_64, "host address-space size", OUTER_VMM },
	{ VT_WORD_EXIT, VT_REQUIRED, VT_EXITC_SAVE_DEBUG, "save debug controls", OUTER_VMM },
	{ VT_WORD_EXIT, VT_REQUIRED, VT_EXITC_SAVE_PAT, "save IA32_PAT", OLD_CPU },
	{ VT_WORD_EXIT, VT_REQUIRED, VT_EXITC_LOAD_PAT, "load IA32_PAT at exits", OLD_CPU },
	{ VT_WORD_EXIT, VT_REQUIRED, VT_EXITC_SAVE_EFER, "save IA32_EFER", OLD_CPU },
	{ VT_WORD_EXIT, VT_REQUIRED, VT_EXITC_LOAD_EFER, "load IA32_EFER at exits", OLD_CPU },
	{ VT_WORD_EXIT, VT_WANTED, VT_EXITC_ACK_INTR, "acknowledge interrupt on exit",
	  "an interrupt of the host is taken only when interrupts are on again" },
	{ VT_WORD_EXIT, VT_OFFERED, VT_EXITC_SAVE_TIMER, "save VMX-preemption timer value", NULL },
	{ VT_WORD_EXIT, VT_OFFERED, VT_EXITC_LOAD_PERF_GLOBAL, "load IA32_PERF_GLOBAL_CTRL", NULL },

	{ VT_WORD_ENTRY, VT_REQUIRED_LATER, VT_ENTRYC_GUEST_64, "IA-32e mode guest", OUTER_VMM },
	{ VT_WORD_ENTRY, VT_REQUIRED, VT_ENTRYC_LOAD_DEBUG, "load debug controls", OUTER_VMM },
	{ VT_WORD_ENTRY, VT_REQUIRED, VT_ENTRYC_LOAD_PAT, "load IA32_PAT at entries", OLD_CPU },
	{ VT_WORD_ENTRY, VT_REQUIRED, VT_ENTRYC_LOAD_EFER, "load IA32_EFER at entries", OLD_CPU },
	{ VT_WORD_ENTRY, VT_OFFERED, VT_ENTRYC_LOAD_PERF_GLOBAL, "load IA32_PERF_GLOBAL_CTRL",
	  NULL },
};

struct ept_rule {
	u64 bits;	/* one of these will do */
	bool fatal;
	const char *name;
	const char *without;
};

static const struct ept_rule ept_rules[] = {
	{ VT_EPT_LEVELS_4, true, "EPT with 4 levels", OUTER_VMM },
	{ VT_EPT_TABLES_WB, true, "EPT with write-back tables", OUTER_VMM },
	{ VT_EPT_INVEPT, true, "INVEPT", OUTER_VMM },
	{ VT_EPT_INVEPT_ALL | VT_EPT_INVEPT_SINGLE, true, "INVEPT of one or all contexts",
	  OUTER_VMM },
	{ VT_EPT_2M, false, "EPT pages of 2 MiB", "guest memory is mapped by 4 KiB" },
	{ VT_EPT_1G, false, "EPT pages of 1 GiB", "guest memory is mapped by 2 MiB at most" },
	{ VT_EPT_AD, false, "EPT accessed and dirty flags",
	  "each first write to a page of a guest exits" },
};

static const struct {
	const char *plain, *exact;
} word_msrs[VT_NR_WORDS] = {
	[VT_WORD_PIN] = { "IA32_VMX_PINBASED_CTLS", "IA32_VMX_TRUE_PINBASED_CTLS" },
	[VT_WORD_PROC] = { "IA32_VMX_PROCBASED_CTLS", "IA32_VMX_TRUE_PROCBASED_CTLS" },
	[VT_WORD_PROC2] = { "IA32_VMX_PROCBASED_CTLS2", "IA32_VMX_PROCBASED_CTLS2" },
	[VT_WORD_EXIT] = { "IA32_VMX_EXIT_CTLS", "IA32_VMX_TRUE_EXIT_CTLS" },
	[VT_WORD_ENTRY] = { "IA32_VMX_ENTRY_CTLS", "IA32_VMX_TRUE_ENTRY_CTLS" },
};

/* ---- the decision ---- */

static unsigned int add_lack(struct vt_controls *out, const struct vt_lack *lack)
{
	if (out->nr_lacks < VT_MAX_LACKS)
		out->lacks[out->nr_lacks++] = *lack;
	return lack->fatal;
}

/* Returns 1 if the rule is a requirement that is not met. */
static unsigned int apply_rule(const struct control_rule *rule, const struct vt_caps *caps,
			       u32 words[], struct vt_controls *out)
{
	u64 cap = vt_caps_word(caps, (enum vt_word)rule->word);
	bool exact = caps->basic & VT_BASIC_TRUE;
	unsigned int bit = (unsigned int)fls(rule->bit) - 1;
	struct vt_lack lack = {
		.control = rule->name,
		.msr = exact ? word_msrs[rule->word].exact : word_msrs[rule->word].plain,
		.without = rule->without,
	};

	if (rule->need == VT_UNWANTED) {
		if (!(vt_must_be_1(cap) & rule->bit))
			return 0;
		lack.bit = (u8)bit;
		return add_lack(out, &lack);
	}
	if (vt_may_be_1(cap) & rule->bit) {
		if (rule->need == VT_REQUIRED || rule->need == VT_WANTED)
			words[rule->word] |= rule->bit;
		return 0;
	}
	if (rule->need == VT_OFFERED)
		return 0;
	lack.bit = (u8)(32 + bit);
	lack.fatal = rule->need != VT_WANTED;
	return add_lack(out, &lack);
}

static unsigned int apply_ept_rules(const struct vt_caps *caps, struct vt_controls *out)
{
	unsigned int i, missing = 0;

	for (i = 0; i < ARRAY_SIZE(ept_rules); i++) {
		const struct ept_rule *rule = &ept_rules[i];
		struct vt_lack lack = {
			.control = rule->name,
			.msr = "IA32_VMX_EPT_VPID_CAP",
			.without = rule->without,
			.bit = (u8)(fls64(rule->bits) - 1),
			.fatal = rule->fatal,
		};

		if (!(caps->ept_vpid & rule->bits))
			missing += add_lack(out, &lack);
	}
	return missing;
}

/* Rules on more than one bit. */
static unsigned int apply_joint_rules(const struct vt_caps *caps, u32 words[],
				      struct vt_controls *out)
{
	static const struct vt_lack no_flush = {
		.control = "INVVPID of a whole context", .msr = "IA32_VMX_EPT_VPID_CAP", .bit = 41,
		.without = "VPIDs are not used: translations are lost at each entry and exit",
	};
	static const struct vt_lack low = {
		.control = "a VMCS above 4 GiB", .msr = "IA32_VMX_BASIC", .bit = 48,
		.without = "its addresses have 32 bits here: a CPU without Intel 64", .fatal = true,
	};
	const u32 cr8 = VT_PROC_CR8_LOAD | VT_PROC_CR8_STORE;
	unsigned int missing = 0;

	/* Else a guest would change the host's TPR. */
	if (!(words[VT_WORD_PROC] & VT_PROC_TPR_SHADOW))
		words[VT_WORD_PROC] |= cr8;
	if ((words[VT_WORD_PROC2] & VT_PROC2_VPID) &&
	    (!(caps->ept_vpid & VT_VPID_INVVPID) ||
	     !(caps->ept_vpid & (VT_VPID_INVVPID_SINGLE | VT_VPID_INVVPID_ALL)))) {
		words[VT_WORD_PROC2] &= ~(u32)VT_PROC2_VPID;
		add_lack(out, &no_flush);
	}
	if (caps->basic & VT_BASIC_ADDRESS_32)
		missing += add_lack(out, &low);
	return missing;
}

static void derive_memory(const struct vt_caps *caps, struct vt_controls *out)
{
	const u64 ev = caps->ept_vpid;
	const u64 basics = VT_EPT_LEVELS_4 | VT_EPT_TABLES_WB | VT_EPT_INVEPT;
	const u32 shadow = VT_PROC_CR3_LOAD | VT_PROC_CR3_STORE | VT_PROC_INVLPG;

	out->ept = (out->proc2 & VT_PROC2_EPT) && (ev & basics) == basics;
	out->ept_levels_5 = ev & VT_EPT_LEVELS_5;
	out->ept_2m = ev & VT_EPT_2M;
	out->ept_1g = ev & VT_EPT_1G;
	out->ept_ad = ev & VT_EPT_AD;
	out->ept_execute_only = ev & VT_EPT_EXECUTE_ONLY;
	out->ept_advanced_info = ev & VT_EPT_ADVANCED_INFO;
	out->invept_single = ev & VT_EPT_INVEPT_SINGLE;
	out->invept_all = ev & VT_EPT_INVEPT_ALL;
	out->vpid = out->proc2 & VT_PROC2_VPID;
	out->invvpid_address = out->vpid && (ev & VT_VPID_INVVPID_ADDRESS);
	out->invvpid_single = out->vpid && (ev & VT_VPID_INVVPID_SINGLE);
	out->invvpid_all = out->vpid && (ev & VT_VPID_INVVPID_ALL);
	out->invvpid_keep_global = out->vpid && (ev & VT_VPID_INVVPID_KEEP_GLOBAL);
	out->unrestricted = out->proc2 & VT_PROC2_UNRESTRICTED;
	/* Without EPT a guest's paging is ours to see. */
	out->shadow = (out->proc_may & shadow) == shadow;
	/* The log is written where a dirty flag is set (SDM 3C 28.2.6): no flags, no log. */
	out->pml = (out->proc2_may & VT_PROC2_PML) && out->ept_ad;
}

static void derive_apic(struct vt_controls *out)
{
	const u32 proc2 = out->proc2_may;

	/* All the others need the TPR shadow (SDM 3C 26.2.1.1). */
	out->tpr_shadow = out->proc & VT_PROC_TPR_SHADOW;
	out->apic_access = out->tpr_shadow && (proc2 & VT_PROC2_APIC_ACCESS);
	out->x2apic = out->tpr_shadow && (proc2 & VT_PROC2_X2APIC);
	out->apic_register = out->tpr_shadow && (proc2 & VT_PROC2_APIC_REGISTER);
	out->virtual_intr = out->tpr_shadow && (proc2 & VT_PROC2_VIRTUAL_INTR);
	out->ack_intr = out->exit & VT_EXITC_ACK_INTR;
	out->posted_intr = out->virtual_intr && out->ack_intr && (out->pin_may & VT_PIN_POSTED_INTR);
}

static void derive_rest(const struct vt_caps *caps, struct vt_controls *out)
{
	const u32 proc2 = out->proc2_may;

	out->virtual_nmi = out->pin & VT_PIN_VIRTUAL_NMI;
	out->msr_bitmap = out->proc & VT_PROC_MSR_BITMAPS;
	out->mtf = out->proc_may & VT_PROC_MTF;
	out->ple = out->proc2 & VT_PROC2_PLE;
	out->tsc_scaling = proc2 & VT_PROC2_TSC_SCALING;
	out->preemption_timer = out->pin_may & VT_PIN_PREEMPTION_TIMER;
	out->save_timer = out->exit_may & VT_EXITC_SAVE_TIMER;
	out->timer_shift = caps->misc & VT_MISC_TIMER_SHIFT;
	out->xsaves = out->proc2 & VT_PROC2_XSAVES;
	out->rdtscp = out->proc2 & VT_PROC2_RDTSCP;
	out->invpcid = out->proc2 & VT_PROC2_INVPCID;
	out->user_wait = proc2 & VT_PROC2_USER_WAIT;
	out->desc_exit = proc2 & VT_PROC2_DESC_TABLE;
	out->wbinvd_exit = out->proc2 & VT_PROC2_WBINVD;
	out->rdrand_exit = proc2 & VT_PROC2_RDRAND;
	out->rdseed_exit = proc2 & VT_PROC2_RDSEED;
	out->bus_lock = proc2 & VT_PROC2_BUS_LOCK;
	out->load_efer = (out->entry & VT_ENTRYC_LOAD_EFER) && (out->exit & VT_EXITC_LOAD_EFER);
	out->save_efer = out->exit & VT_EXITC_SAVE_EFER;
	out->load_pat = (out->entry & VT_ENTRYC_LOAD_PAT) && (out->exit & VT_EXITC_LOAD_PAT);
	out->save_pat = out->exit & VT_EXITC_SAVE_PAT;
	out->load_perf_global = (out->entry_may & VT_ENTRYC_LOAD_PERF_GLOBAL) &&
				(out->exit_may & VT_EXITC_LOAD_PERF_GLOBAL);
	out->activity_hlt = caps->misc & VT_MISC_ACTIVITY_HLT;
	out->activity_shutdown = caps->misc & VT_MISC_ACTIVITY_SHUTDOWN;
	out->activity_wait_sipi = caps->misc & VT_MISC_ACTIVITY_WAIT_SIPI;
	out->inject_len_0 = caps->misc & VT_MISC_INJECT_LEN_0;
	out->max_msr_list =
		(u16)(512 * (((caps->misc & VT_MISC_MSR_LIST) >> VT_MISC_MSR_LIST_SHIFT) + 1));
	out->revision = (u32)(caps->basic & VT_BASIC_REVISION);
	out->vmcs_bytes = (u16)((caps->basic & VT_BASIC_SIZE) >> VT_BASIC_SIZE_SHIFT);
}

unsigned int vt_caps_decide(const struct vt_caps *caps, struct vt_controls *out)
{
	u32 words[VT_NR_WORDS], may[VT_NR_WORDS];
	unsigned int i, missing = 0;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < VT_NR_WORDS; i++) {
		u64 cap = vt_caps_word(caps, (enum vt_word)i);

		words[i] = vt_must_be_1(cap);
		may[i] = vt_may_be_1(cap);
	}
	for (i = 0; i < ARRAY_SIZE(control_rules); i++)
		missing += apply_rule(&control_rules[i], caps, words, out);
	missing += apply_ept_rules(caps, out);
	missing += apply_joint_rules(caps, words, out);

	out->pin = words[VT_WORD_PIN];
	out->proc = words[VT_WORD_PROC];
	out->proc2 = words[VT_WORD_PROC2];
	out->exit = words[VT_WORD_EXIT];
	out->entry = words[VT_WORD_ENTRY];
	out->pin_may = may[VT_WORD_PIN];
	out->proc_may = may[VT_WORD_PROC];
	out->proc2_may = may[VT_WORD_PROC2];
	out->exit_may = may[VT_WORD_EXIT];
	out->entry_may = may[VT_WORD_ENTRY];
	derive_memory(caps, out);
	derive_apic(out);
	derive_rest(caps, out);
	return missing;
}
