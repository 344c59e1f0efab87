// SPDX-License-Identifier: GPL-2.0-only
// Bit names are those of the SDM (3A 2.5, 3C 24) and the APM (2 3.1, 15, appendix B).
#include "inspect/decode.h"

#include <fmt/format.h>
#include <span>

#include "pure/svm_codec.h"
#include "pure/svm_fields.h"
#include "pure/vmcs.h"
#include "uapi/vmx_ext.h"

namespace vmx {

namespace {

struct Bit {
	uint8_t number;
	const char *name;
};

using Words = std::vector<std::string>;

// The names of the bits that are set; those without one by number.
Words set_bits(std::span<const Bit> names, uint64_t value)
{
	Words words;
	for (unsigned i = 0; i < 64; i++) {
		if (!(value >> i & 1))
			continue;
		const char *name = nullptr;
		for (const Bit &bit : names)
			if (bit.number == i)
				name = bit.name;
		words.push_back(name ? name : fmt::format("bit {}", i));
	}
	return words;
}

// ---- what both makes have ----

constexpr Bit cr0_bits[] = {{0, "PE"},	{1, "MP"},  {2, "EM"},	{3, "TS"},  {4, "ET"}, {5, "NE"},
			    {16, "WP"}, {18, "AM"}, {29, "NW"}, {30, "CD"}, {31, "PG"}};
constexpr Bit cr4_bits[] = {{0, "VME"},		{1, "PVI"},    {2, "TSD"},	{3, "DE"},    {4, "PSE"},
			    {5, "PAE"},		{6, "MCE"},    {7, "PGE"},	{8, "PCE"},   {9, "OSFXSR"},
			    {10, "OSXMMEXCPT"}, {11, "UMIP"},  {12, "LA57"},	{13, "VMXE"}, {14, "SMXE"},
			    {16, "FSGSBASE"},	{17, "PCIDE"}, {18, "OSXSAVE"}, {19, "KL"},   {20, "SMEP"},
			    {21, "SMAP"},	{22, "PKE"},   {23, "CET"},	{24, "PKS"},  {25, "UINTR"},
			    {28, "LAM_SUP"}};
constexpr Bit efer_bits[] = {{0, "SCE"},    {8, "LME"},	 {10, "LMA"},	  {11, "NXE"},	 {12, "SVME"}, {13, "LMSLE"},
			     {14, "FFXSR"}, {15, "TCE"}, {17, "MCOMMIT"}, {18, "INTWB"}, {20, "UAIE"}, {21, "AIBRSE"}};
constexpr Bit rflags_bits[] = {{0, "CF"},  {1, "1"},   {2, "PF"},   {4, "AF"},	 {6, "ZF"},  {7, "SF"},
			       {8, "TF"},  {9, "IF"},  {10, "DF"},  {11, "OF"},	 {14, "NT"}, {16, "RF"},
			       {17, "VM"}, {18, "AC"}, {19, "VIF"}, {20, "VIP"}, {21, "ID"}};
constexpr Bit exception_bits[] = {{0, "#DE"},  {1, "#DB"},  {2, "NMI"},	 {3, "#BP"},  {4, "#OF"},  {5, "#BR"},
				  {6, "#UD"},  {7, "#NM"},  {8, "#DF"},	 {10, "#TS"}, {11, "#NP"}, {12, "#SS"},
				  {13, "#GP"}, {14, "#PF"}, {16, "#MF"}, {17, "#AC"}, {18, "#MC"}, {19, "#XM"},
				  {20, "#VE"}, {21, "#CP"}, {28, "#HV"}, {29, "#VC"}, {30, "#SX"}};

// RFLAGS: IOPL is two bits of a number.
Words rflags_words(uint64_t value)
{
	Words words = set_bits(rflags_bits, value & ~0x3000ULL);
	if (value & 0x3000)
		words.push_back(fmt::format("IOPL {}", value >> 12 & 3));
	return words;
}

struct Segment {
	unsigned type, dpl;
	bool system, present, available, l, db, g;
};

Words segment_words(const Segment &s)
{
	static constexpr const char *system_types[16] = {"type 0",
							 "16-bit TSS",
							 "LDT",
							 "busy 16-bit TSS",
							 "16-bit call gate",
							 "task gate",
							 "16-bit interrupt gate",
							 "16-bit trap gate",
							 "type 8",
							 "TSS",
							 "type 10",
							 "busy TSS",
							 "call gate",
							 "type 13",
							 "interrupt gate",
							 "trap gate"};
	Words words;
	if (s.system)
		words.push_back(system_types[s.type & 15]);
	else if (s.type & 8)
		words.push_back(fmt::format("code{}{}{}", s.type & 2 ? ", readable" : "",
					    s.type & 4 ? ", conforming" : "", s.type & 1 ? ", accessed" : ""));
	else
		words.push_back(fmt::format("data{}{}{}", s.type & 2 ? ", writable" : "",
					    s.type & 4 ? ", expand-down" : "", s.type & 1 ? ", accessed" : ""));
	words.push_back(fmt::format("DPL {}", s.dpl));
	words.push_back(s.present ? "present" : "not present");
	if (s.available)
		words.push_back("AVL");
	if (s.l)
		words.push_back("64-bit");
	if (s.db)
		words.push_back("32-bit");
	if (s.g)
		words.push_back("limit in pages");
	return words;
}

// ---- Intel ----

constexpr Bit pin_bits[] = {{0, "external-interrupt exiting"},
			    {3, "NMI exiting"},
			    {5, "virtual NMIs"},
			    {6, "activate VMX-preemption timer"},
			    {7, "process posted interrupts"},
			    {1, "default1"},
			    {2, "default1"},
			    {4, "default1"}};
constexpr Bit proc_bits[] = {{2, "interrupt-window exiting"},
			     {3, "use TSC offsetting"},
			     {7, "HLT exiting"},
			     {9, "INVLPG exiting"},
			     {10, "MWAIT exiting"},
			     {11, "RDPMC exiting"},
			     {12, "RDTSC exiting"},
			     {15, "CR3-load exiting"},
			     {16, "CR3-store exiting"},
			     {17, "activate tertiary controls"},
			     {19, "CR8-load exiting"},
			     {20, "CR8-store exiting"},
			     {21, "use TPR shadow"},
			     {22, "NMI-window exiting"},
			     {23, "MOV-DR exiting"},
			     {24, "unconditional I/O exiting"},
			     {25, "use I/O bitmaps"},
			     {27, "monitor trap flag"},
			     {28, "use MSR bitmaps"},
			     {29, "MONITOR exiting"},
			     {30, "PAUSE exiting"},
			     {31, "activate secondary controls"},
			     {1, "default1"},
			     {4, "default1"},
			     {5, "default1"},
			     {6, "default1"},
			     {8, "default1"},
			     {13, "default1"},
			     {14, "default1"},
			     {26, "default1"}};
constexpr Bit proc2_bits[] = {{0, "virtualize APIC accesses"},
			      {1, "enable EPT"},
			      {2, "descriptor-table exiting"},
			      {3, "enable RDTSCP"},
			      {4, "virtualize x2APIC mode"},
			      {5, "enable VPID"},
			      {6, "WBINVD exiting"},
			      {7, "unrestricted guest"},
			      {8, "APIC-register virtualization"},
			      {9, "virtual-interrupt delivery"},
			      {10, "PAUSE-loop exiting"},
			      {11, "RDRAND exiting"},
			      {12, "enable INVPCID"},
			      {13, "enable VM functions"},
			      {14, "VMCS shadowing"},
			      {15, "enable ENCLS exiting"},
			      {16, "RDSEED exiting"},
			      {17, "enable PML"},
			      {18, "EPT-violation #VE"},
			      {19, "conceal VMX from PT"},
			      {20, "enable XSAVES/XRSTORS"},
			      {21, "PASID translation"},
			      {22, "mode-based execute control for EPT"},
			      {23, "sub-page write permissions for EPT"},
			      {24, "PT uses guest physical addresses"},
			      {25, "use TSC scaling"},
			      {26, "enable user wait and pause"},
			      {27, "enable PCONFIG"},
			      {28, "enable ENCLV exiting"},
			      {30, "VMM bus-lock detection"},
			      {31, "instruction timeout"}};
constexpr Bit exit_control_bits[] = {{2, "save debug controls"},
				     {9, "host address-space size"},
				     {12, "load IA32_PERF_GLOBAL_CTRL"},
				     {15, "acknowledge interrupt on exit"},
				     {18, "save IA32_PAT"},
				     {19, "load IA32_PAT"},
				     {20, "save IA32_EFER"},
				     {21, "load IA32_EFER"},
				     {22, "save VMX-preemption timer value"},
				     {23, "clear IA32_BNDCFGS"},
				     {24, "conceal VMX from PT"},
				     {25, "clear IA32_RTIT_CTL"},
				     {26, "clear IA32_LBR_CTL"},
				     {27, "clear UINV"},
				     {28, "load CET state"},
				     {29, "load PKRS"},
				     {30, "save IA32_PERF_GLOBAL_CTRL"},
				     {31, "activate secondary controls"},
				     {0, "default1"},
				     {1, "default1"},
				     {3, "default1"},
				     {4, "default1"},
				     {5, "default1"},
				     {6, "default1"},
				     {7, "default1"},
				     {8, "default1"},
				     {10, "default1"},
				     {11, "default1"},
				     {13, "default1"},
				     {14, "default1"},
				     {16, "default1"},
				     {17, "default1"}};
constexpr Bit entry_control_bits[] = {{2, "load debug controls"},
				      {9, "IA-32e mode guest"},
				      {10, "entry to SMM"},
				      {11, "deactivate dual-monitor treatment"},
				      {13, "load IA32_PERF_GLOBAL_CTRL"},
				      {14, "load IA32_PAT"},
				      {15, "load IA32_EFER"},
				      {16, "load IA32_BNDCFGS"},
				      {17, "conceal VMX from PT"},
				      {18, "load IA32_RTIT_CTL"},
				      {19, "load UINV"},
				      {20, "load CET state"},
				      {21, "load IA32_LBR_CTL"},
				      {22, "load PKRS"},
				      {0, "default1"},
				      {1, "default1"},
				      {3, "default1"},
				      {4, "default1"},
				      {5, "default1"},
				      {6, "default1"},
				      {7, "default1"},
				      {8, "default1"},
				      {12, "default1"}};
constexpr Bit interruptibility_bits[] = {{0, "blocking by STI"},
					 {1, "blocking by MOV SS"},
					 {2, "blocking by SMI"},
					 {3, "blocking by NMI"},
					 {4, "enclave interruption"}};
constexpr Bit pending_debug_bits[] = {{0, "B0"},  {1, "B1"},	    {2, "B2"},
				      {3, "B3"},  {11, "bus lock"}, {12, "enabled breakpoint"},
				      {14, "BS"}, {16, "RTM"}};

Words vt_event_words(uint64_t info)
{
	static constexpr const char *types[8] = {"external interrupt",
						 "type 1",
						 "NMI",
						 "hardware exception",
						 "software interrupt",
						 "privileged software exception",
						 "software exception",
						 "other event"};
	if (!(info >> 31 & 1))
		return {"not valid"};
	Words words{fmt::format("{}, vector {}", types[info >> 8 & 7], info & 0xff)};
	if (info >> 11 & 1)
		words.push_back("with an error code");
	if (info >> 12 & 1)
		words.push_back("bit 12");
	return words;
}

Words vt_access_rights_words(uint64_t ar)
{
	if (ar >> 16 & 1)
		return {"unusable"};
	return segment_words({.type = static_cast<unsigned>(ar & 15),
			      .dpl = static_cast<unsigned>(ar >> 5 & 3),
			      .system = !(ar >> 4 & 1),
			      .present = (ar >> 7 & 1) != 0,
			      .available = (ar >> 12 & 1) != 0,
			      .l = (ar >> 13 & 1) != 0,
			      .db = (ar >> 14 & 1) != 0,
			      .g = (ar >> 15 & 1) != 0});
}

Words vt_meaning(uint32_t id, uint64_t value)
{
	static constexpr const char *activities[] = {"active", "HLT", "shutdown", "wait for SIPI"};
	switch (id) {
	case VMCS_PIN_CONTROLS:
		return set_bits(pin_bits, value);
	case VMCS_PROC_CONTROLS:
		return set_bits(proc_bits, value);
	case VMCS_PROC2_CONTROLS:
		return set_bits(proc2_bits, value);
	case VMCS_EXIT_CONTROLS:
		return set_bits(exit_control_bits, value);
	case VMCS_ENTRY_CONTROLS:
		return set_bits(entry_control_bits, value);
	case VMCS_EXCEPTION_BITMAP:
		return set_bits(exception_bits, value);
	case VMCS_GUEST_CR0:
	case VMCS_HOST_CR0:
	case VMCS_CR0_MASK:
	case VMCS_CR0_SHADOW:
		return set_bits(cr0_bits, value);
	case VMCS_GUEST_CR4:
	case VMCS_HOST_CR4:
	case VMCS_CR4_MASK:
	case VMCS_CR4_SHADOW:
		return set_bits(cr4_bits, value);
	case VMCS_GUEST_EFER:
	case VMCS_HOST_EFER:
		return set_bits(efer_bits, value);
	case VMCS_GUEST_RFLAGS:
		return rflags_words(value);
	case VMCS_GUEST_INTERRUPTIBILITY:
		return set_bits(interruptibility_bits, value);
	case VMCS_GUEST_PENDING_DEBUG:
		return set_bits(pending_debug_bits, value);
	case VMCS_GUEST_ACTIVITY:
		return {value < 4 ? activities[value] : "no such state"};
	case VMCS_EXIT_REASON: {
		Words words{vt_exit_reason_name(static_cast<uint32_t>(value))};
		if (value >> 31 & 1)
			words.push_back("the entry failed");
		return words;
	}
	case VMCS_VM_INSN_ERROR:
		return value ? Words{vt_insn_error_text(static_cast<uint32_t>(value))} : Words{};
	case VMCS_ENTRY_INTR_INFO:
	case VMCS_EXIT_INTR_INFO:
	case VMCS_IDT_VECTORING_INFO:
		return vt_event_words(value);
	default:
		if (id >= VMCS_GUEST_ES_AR && id <= VMCS_GUEST_TR_AR)
			return vt_access_rights_words(value);
		return {};
	}
}

// ---- AMD ----

constexpr Bit cr_intercepts[] = {{0, "read CR0"},   {3, "read CR3"},   {4, "read CR4"},	  {8, "read CR8"},
				 {16, "write CR0"}, {19, "write CR3"}, {20, "write CR4"}, {24, "write CR8"}};
constexpr Bit insn_intercepts_1[] = {
	{0, "INTR"},	     {1, "NMI"},      {2, "SMI"},      {3, "INIT"},   {4, "VINTR"},  {5, "selective CR0 write"},
	{6, "SIDT"},	     {7, "SGDT"},     {8, "SLDT"},     {9, "STR"},    {10, "LIDT"},  {11, "LGDT"},
	{12, "LLDT"},	     {13, "LTR"},     {14, "RDTSC"},   {15, "RDPMC"}, {16, "PUSHF"}, {17, "POPF"},
	{18, "CPUID"},	     {19, "RSM"},     {20, "IRET"},    {21, "INTn"},  {22, "INVD"},  {23, "PAUSE"},
	{24, "HLT"},	     {25, "INVLPG"},  {26, "INVLPGA"}, {27, "IOIO"},  {28, "MSR"},   {29, "task switch"},
	{30, "FERR_FREEZE"}, {31, "shutdown"}};
constexpr Bit insn_intercepts_2[] = {{0, "VMRUN"},
				     {1, "VMMCALL"},
				     {2, "VMLOAD"},
				     {3, "VMSAVE"},
				     {4, "STGI"},
				     {5, "CLGI"},
				     {6, "SKINIT"},
				     {7, "RDTSCP"},
				     {8, "ICEBP"},
				     {9, "WBINVD"},
				     {10, "MONITOR"},
				     {11, "MWAIT"},
				     {12, "MWAIT, armed"},
				     {13, "XSETBV"},
				     {14, "RDPRU"},
				     {15, "EFER write trap"},
				     {16, "CR0 write trap"},
				     {19, "CR3 write trap"},
				     {20, "CR4 write trap"},
				     {24, "CR8 write trap"}};
constexpr Bit insn_intercepts_3[] = {{0, "INVLPGB"}, {1, "illegal INVLPGB"}, {2, "INVPCID"}, {3, "MCOMMIT"},
				     {4, "TLBSYNC"}, {5, "bus lock"},	     {6, "idle HLT"}};
constexpr Bit nested_bits[] = {{0, "nested paging"},
			       {1, "SEV"},
			       {2, "SEV-ES"},
			       {3, "GMET"},
			       {4, "SSS check"},
			       {5, "virtual transparent encryption"},
			       {6, "read-only guest tables"},
			       {7, "INVLPGB"}};
constexpr Bit virt_ext_bits[] = {{0, "LBR"}, {1, "VMLOAD, VMSAVE"}, {2, "IBS"}, {3, "PMC"}};
constexpr Bit clean_bits[] = {{0, "I"},	 {1, "IOPM"}, {2, "ASID"}, {3, "TPR"},	{4, "NP"},    {5, "CRx"}, {6, "DRx"},
			      {7, "DT"}, {8, "SEG"},  {9, "CR2"},  {10, "LBR"}, {11, "AVIC"}, {12, "CET"}};
constexpr Bit shadow_bits[] = {{0, "interrupt shadow"}, {1, "guest interrupt mask"}};

Words dr_intercept_words(uint64_t value)
{
	Words words;
	for (unsigned i = 0; i < 32; i++)
		if (value >> i & 1)
			words.push_back(fmt::format("{} DR{}", i < 16 ? "read" : "write", i % 16));
	return words;
}

Words int_ctl_words(uint64_t value)
{
	static constexpr Bit bits[] = {{8, "V_IRQ"},	      {9, "V_GIF"},	     {11, "V_NMI"},
				       {12, "V_NMI_MASK"},    {20, "V_IGN_TPR"},     {24, "V_INTR_MASKING"},
				       {25, "V_GIF enabled"}, {26, "V_NMI enabled"}, {30, "x2AVIC enabled"},
				       {31, "AVIC enabled"}};
	Words words{fmt::format("V_TPR {}", value & 0xff)};
	if (value >> 16 & 0xf)
		words.push_back(fmt::format("V_INTR_PRIO {}", value >> 16 & 0xf));
	for (std::string &word : set_bits(bits, value & ~0xf00ffULL))
		words.push_back(std::move(word));
	return words;
}

Words svm_event_words(uint64_t event)
{
	if (!(event & SVM_EVENT_VALID))
		return {"not valid"};
	const char *type = "no such type";
	switch (svm_event_type(event)) {
	case SVM_EVENT_INTR:
		type = "interrupt";
		break;
	case SVM_EVENT_NMI:
		type = "NMI";
		break;
	case SVM_EVENT_EXCEPTION:
		type = "exception";
		break;
	case SVM_EVENT_SOFT_INT:
		type = "software interrupt";
		break;
	}
	Words words{fmt::format("{}, vector {}", type, svm_event_vector(event))};
	if (event & SVM_EVENT_HAS_ERROR)
		words.push_back(fmt::format("error code {:#x}", svm_event_error(event)));
	return words;
}

Words svm_attribute_words(uint64_t a)
{
	return segment_words({.type = static_cast<unsigned>(a & 15),
			      .dpl = static_cast<unsigned>(a >> 5 & 3),
			      .system = !(a >> 4 & 1),
			      .present = (a >> 7 & 1) != 0,
			      .available = (a >> 8 & 1) != 0,
			      .l = (a >> 9 & 1) != 0,
			      .db = (a >> 10 & 1) != 0,
			      .g = (a >> 11 & 1) != 0});
}

Words tlb_words(uint64_t value)
{
	switch (value) {
	case 0:
		return {"flush nothing"};
	case 1:
		return {"flush all"};
	case 3:
		return {"flush this guest's"};
	case 7:
		return {"flush this guest's non-global"};
	default:
		return {"reserved"};
	}
}

Words svm_meaning(uint32_t id, uint64_t value)
{
	switch (id) {
	case 0x000:
		return set_bits(cr_intercepts, value);
	case 0x004:
		return dr_intercept_words(value);
	case 0x008:
		return set_bits(exception_bits, value);
	case 0x00c:
		return set_bits(insn_intercepts_1, value);
	case 0x010:
		return set_bits(insn_intercepts_2, value);
	case 0x014:
		return set_bits(insn_intercepts_3, value);
	case 0x05c:
		return tlb_words(value);
	case 0x060:
		return int_ctl_words(value);
	case 0x068:
		return set_bits(shadow_bits, value);
	case 0x070:
		return {svm_exit_name(static_cast<uint32_t>(value))};
	case 0x088:
	case 0x0a8:
		return svm_event_words(value);
	case 0x090:
		return set_bits(nested_bits, value);
	case 0x0b8:
		return set_bits(virt_ext_bits, value);
	case 0x0c0:
		return set_bits(clean_bits, value);
	case 0x4d0:
		return set_bits(efer_bits, value);
	case 0x548:
		return set_bits(cr4_bits, value);
	case 0x558:
		return set_bits(cr0_bits, value);
	case 0x570:
		return rflags_words(value);
	}
	/* ES, CS, SS, DS, FS, GS; LDTR, TR: not GDTR and IDTR, which have no attributes. */
	if (id >= 0x402 && id < 0x4a0 && id % 16 == 2 && id != 0x462 && id != 0x482)
		return svm_attribute_words(value);
	return {};
}

} // namespace

std::string field_name(uint32_t backend, uint32_t id)
{
	if (backend == VMX_X_BACKEND_VT)
		return vmcs_field_name(id);
	const svm_field_row *row = backend == VMX_X_BACKEND_SVM ? svm_field_find(id) : nullptr;
	return row ? row->words : "unknown field";
}

std::vector<std::string> field_meaning(uint32_t backend, uint32_t id, uint64_t value)
{
	if (backend == VMX_X_BACKEND_VT)
		return vt_meaning(id, value);
	if (backend == VMX_X_BACKEND_SVM)
		return svm_meaning(id, value);
	return {};
}

std::string field_kind(unsigned kind)
{
	static constexpr const char *names[] = {"control", "exit", "guest", "host"};
	return kind < 4 ? names[kind] : "unknown";
}

} // namespace vmx
