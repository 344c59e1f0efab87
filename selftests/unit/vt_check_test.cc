// SPDX-License-Identifier: GPL-2.0-only
// The VM-entry checker: states that are good, and each rule broken alone.
#include "vt_vmcs_fake.h"

#include <gtest/gtest.h>

namespace {

struct Row {
	const char *name;
	void (*make)(FakeVmcs &v);
	u32 field;	     // whose violation is expected
	const char *section; // nullptr: none is
	const char *rule;    // a part of it

	friend void PrintTo(const Row &row, std::ostream *out) { *out << row.name; }
};

class VtCheck : public testing::TestWithParam<Row> {};

TEST_P(VtCheck, OneViolation)
{
	const Row &row = GetParam();
	FakeVmcs v;
	row.make(v);
	const unsigned found = v.check();
	if (!row.section) {
		EXPECT_EQ(found, 0u) << v.words();
		EXPECT_EQ(v.reports.size(), 0u);
		return;
	}
	EXPECT_EQ(found, 1u) << v.words();
	ASSERT_EQ(v.reports.size(), 1u);
	EXPECT_EQ(v.reports[0].field, row.field) << v.words();
	EXPECT_EQ(v.reports[0].section, row.section) << v.words();
	EXPECT_NE(v.reports[0].rule.find(row.rule), std::string::npos) << v.words();
	EXPECT_EQ(v.reports[0].value, v[row.field]);
}

std::string row_name(const testing::TestParamInfo<Row> &info)
{
	std::string s;
	for (const char *p = info.param.name; *p; p++)
		s += isalnum(*p) ? *p : '_';
	return s;
}

// Tables of rows: M is the statement that breaks (or makes) something.
#define GOOD(name, M) Row{name, [](FakeVmcs &v) { M; }, 0, nullptr, nullptr}
#define BAD(name, M, field, section, rule) \
	Row{name, [](FakeVmcs &v) { M; }, field, section, rule}
#define SUITE(name, rows) \
	INSTANTIATE_TEST_SUITE_P(name, VtCheck, testing::ValuesIn(rows), row_name)

// Switches on controls of each word.
void on(FakeVmcs &v, u32 field, u32 bits) { v[field] |= bits; }
void off(FakeVmcs &v, u32 field, u32 bits) { v[field] &= ~u64(bits); }

const u32 PIN = VMCS_PIN_CONTROLS, PROC = VMCS_PROC_CONTROLS, PROC2 = VMCS_PROC2_CONTROLS,
	  EXIT = VMCS_EXIT_CONTROLS, ENTRY = VMCS_ENTRY_CONTROLS;
const u64 NONCANONICAL = 0x0000800000000000;
const u64 TOO_HIGH = 1ULL << 46; // beyond MAXPHYADDR, page aligned

// All of APIC virtualisation, legally.
void apic(FakeVmcs &v)
{
	on(v, PROC2, VT_PROC2_APIC_ACCESS | VT_PROC2_APIC_REGISTER | VT_PROC2_VIRTUAL_INTR);
	on(v, PIN, VT_PIN_POSTED_INTR);
	v[VMCS_APIC_ACCESS] = 0x13000;
	v[VMCS_POSTED_DESC] = 0x14040;
	v[VMCS_POSTED_VECTOR] = 0xf2;
}

const Row good_rows[] = {
	GOOD("long mode", (void)v),
	GOOD("real mode", v.real_mode()),
	GOOD("protected mode", v.protected_mode()),
	GOOD("virtual 8086 mode", v.v86_mode()),
	GOOD("PAE paging", v.protected_mode(); v[VMCS_GUEST_CR0] |= 0x80000000;
	     v[VMCS_GUEST_CR4] |= 0x20; v[VMCS_GUEST_PDPTE0] = 0x5001;
	     v[VMCS_GUEST_PDPTE1] = ~1ULL),
	GOOD("compatibility mode", v[VMCS_GUEST_CS_AR] = 0xc09b; v[VMCS_GUEST_RIP] = 0x1000),
	GOOD("user mode", v[VMCS_GUEST_CS_AR] = 0xa0fb; v[VMCS_GUEST_SS_AR] = 0xc0f3;
	     v[VMCS_GUEST_CS_SELECTOR] = 0x33; v[VMCS_GUEST_SS_SELECTOR] = 0x2b),
	GOOD("null SS of the kernel", v[VMCS_GUEST_SS_AR] = 0x10000; v[VMCS_GUEST_SS_SELECTOR] = 0),
	GOOD("null data segments", v[VMCS_GUEST_DS_AR] = 0x10000; v[VMCS_GUEST_ES_AR] = 0x1ffff),
	GOOD("APIC virtualisation", apic(v)),
	GOOD("external interrupt", v.inject(0, 0x30)),
	GOOD("page fault", v.inject(3, 14, true)),
	GOOD("NMI", v.inject(2, 2)),
	GOOD("INT3", v.inject(6, 3); v[VMCS_ENTRY_INSN_LEN] = 1),
	GOOD("halted, woken by an interrupt", v[VMCS_GUEST_ACTIVITY] = 1; v.inject(0, 0x30)),
	GOOD("shut down, woken by an NMI", v[VMCS_GUEST_ACTIVITY] = 2; v.inject(2, 2)),
	GOOD("waiting for SIPI", v[VMCS_GUEST_ACTIVITY] = 3),
	GOOD("single step in a shadow", v[VMCS_GUEST_RFLAGS] = 0x302;
	     v[VMCS_GUEST_INTERRUPTIBILITY] = VT_INT_STI; v[VMCS_GUEST_PENDING_DEBUG] = 1 << 14),
	GOOD("branch step in a shadow", v[VMCS_GUEST_RFLAGS] = 0x302;
	     v[VMCS_GUEST_INTERRUPTIBILITY] = VT_INT_STI; v[VMCS_GUEST_DEBUGCTL] = 2),
	GOOD("RIP just above the lower half", v[VMCS_GUEST_RIP] = 0x0000800000000000),
	GOOD("57-bit addresses", v.linear_bits = 57; v[VMCS_GUEST_GS_BASE] = NONCANONICAL),
	GOOD("host with LAM", v.cr3_high = 3ULL << 61; v[VMCS_HOST_CR3] |= 1ULL << 62),
	GOOD("no EPT: PDPTEs are not looked at", off(v, PROC2, VT_PROC2_EPT | VT_PROC2_UNRESTRICTED);
	     v[VMCS_EPT_POINTER] = 0; v[VMCS_GUEST_PDPTE0] = 7),
	GOOD("no secondary controls", v.protected_mode(); v[VMCS_GUEST_CR0] = 0x80000031;
	     off(v, PROC, VT_PROC_SECONDARY); v[PROC2] = ~0ULL; v[VMCS_EPT_POINTER] = 0),
	GOOD("CPU that may inject any error code", v.caps.basic |= VT_BASIC_ANY_ERROR_CODE;
	     v.inject(3, 6, true)),
};
SUITE(Good, good_rows);

const Row control_rows[] = {
	BAD("pin bit 1", off(v, PIN, 2), PIN, "26.2.1.1", "must be 1"),
	BAD("pin bit 31", on(v, PIN, 1u << 31), PIN, "26.2.1.1", "does not have"),
	BAD("proc bit 1", off(v, PROC, 2), PROC, "26.2.1.1", "must be 1"),
	BAD("proc bit 0", on(v, PROC, 1), PROC, "26.2.1.1", "does not have"),
	BAD("proc2 bit", v.caps.proc2 &= ~(1ULL << 44), PROC2, "26.2.1.1", "does not have"),
	BAD("exit bit 0", off(v, EXIT, 1), EXIT, "26.2.1.2", "must be 1"),
	BAD("exit bit 31", on(v, EXIT, 1u << 31), EXIT, "26.2.1.2", "does not have"),
	BAD("entry bit 0", off(v, ENTRY, 1), ENTRY, "26.2.1.3", "must be 1"),
	BAD("entry bit 31", v.caps.true_entry &= ~(1ULL << 63); on(v, ENTRY, 1u << 31), ENTRY,
	    "26.2.1.3", "does not have"),
	BAD("tertiary", v.caps.true_proc |= 1ULL << 49; on(v, PROC, 1 << 17);
	    v[VMCS_PROC3_CONTROLS] = 1, VMCS_PROC3_CONTROLS, "26.2.1.1", "does not have"),
	BAD("secondary exit", v.caps.true_exit |= 1ULL << 63; on(v, EXIT, 1u << 31);
	    v[VMCS_EXIT2_CONTROLS] = 1, VMCS_EXIT2_CONTROLS, "26.2.1.2", "does not have"),

	BAD("virtual NMIs alone", off(v, PIN, VT_PIN_NMI), PIN, "26.2.1.1", "NMI exiting"),
	BAD("NMI window alone", off(v, PIN, VT_PIN_VIRTUAL_NMI); on(v, PROC, VT_PROC_NMI_WINDOW),
	    PROC, "26.2.1.1", "virtual NMIs"),
	BAD("x2APIC without TPR shadow", off(v, PROC, VT_PROC_TPR_SHADOW);
	    on(v, PROC2, VT_PROC2_X2APIC), PROC2, "26.2.1.1", "x2APIC mode needs the TPR"),
	BAD("APIC registers without TPR shadow", off(v, PROC, VT_PROC_TPR_SHADOW);
	    on(v, PROC2, VT_PROC2_APIC_REGISTER), PROC2, "26.2.1.1", "APIC-register"),
	BAD("virtual interrupts without TPR shadow", off(v, PROC, VT_PROC_TPR_SHADOW);
	    on(v, PROC2, VT_PROC2_VIRTUAL_INTR), PROC2, "26.2.1.1", "delivery needs the TPR"),
	BAD("x2APIC and APIC accesses", on(v, PROC2, VT_PROC2_X2APIC | VT_PROC2_APIC_ACCESS), PROC2,
	    "26.2.1.1", "excludes"),
	BAD("virtual interrupts without exiting", off(v, PIN, VT_PIN_EXTERNAL_INTR);
	    on(v, PROC2, VT_PROC2_VIRTUAL_INTR), PROC2, "26.2.1.1", "external-interrupt"),
	BAD("posted without virtual interrupts", on(v, PIN, VT_PIN_POSTED_INTR), PIN, "26.2.1.1",
	    "virtual-interrupt delivery"),
	BAD("posted without acknowledging", apic(v); off(v, EXIT, VT_EXITC_ACK_INTR), PIN,
	    "26.2.1.1", "acknowledge"),
	BAD("unrestricted without EPT", off(v, PROC2, VT_PROC2_EPT), PROC2, "26.2.1.1",
	    "unrestricted guest needs EPT"),
	BAD("PML without EPT", off(v, PROC2, VT_PROC2_EPT | VT_PROC2_UNRESTRICTED);
	    on(v, PROC2, VT_PROC2_PML), PROC2, "26.2.1.1", "PML"),
	BAD("mode-based execute without EPT", off(v, PROC2, VT_PROC2_EPT | VT_PROC2_UNRESTRICTED);
	    on(v, PROC2, VT_PROC2_MODE_EXECUTE), PROC2, "26.2.1.1", "mode-based"),
	BAD("SPP without EPT", off(v, PROC2, VT_PROC2_EPT | VT_PROC2_UNRESTRICTED);
	    on(v, PROC2, VT_PROC2_SPP), PROC2, "26.2.1.1", "sub-page"),
	BAD("PT without EPT", off(v, PROC2, VT_PROC2_EPT | VT_PROC2_UNRESTRICTED);
	    on(v, PROC2, VT_PROC2_PT_GUEST_PA), PROC2, "26.2.1.1", "Intel PT"),
	BAD("timer saved without timer", on(v, EXIT, VT_EXITC_SAVE_TIMER), EXIT, "26.2.1.2",
	    "VMX-preemption timer"),
	BAD("entry to SMM", on(v, ENTRY, VT_ENTRYC_SMM), ENTRY, "26.2.1.3", "SMM"),

	BAD("CR3 targets", v[VMCS_CR3_TARGET_COUNT] = 5, VMCS_CR3_TARGET_COUNT, "26.2.1.1", "more"),
	BAD("I/O bitmap A", on(v, PROC, VT_PROC_IO_BITMAPS); v[VMCS_IO_BITMAP_A] = 8,
	    VMCS_IO_BITMAP_A, "26.2.1.1", "of a page"),
	BAD("I/O bitmap B", on(v, PROC, VT_PROC_IO_BITMAPS); v[VMCS_IO_BITMAP_B] = TOO_HIGH,
	    VMCS_IO_BITMAP_B, "26.2.1.1", "beyond"),
	BAD("MSR bitmap", v[VMCS_MSR_BITMAP] |= 0x800, VMCS_MSR_BITMAP, "26.2.1.1", "of a page"),
	BAD("MSR bitmap of a 32-bit CPU", v.caps.basic |= VT_BASIC_ADDRESS_32;
	    v[VMCS_MSR_BITMAP] = 1ULL << 32, VMCS_MSR_BITMAP, "26.2.1.1", "beyond"),
	BAD("virtual APIC", v[VMCS_VIRTUAL_APIC] = TOO_HIGH, VMCS_VIRTUAL_APIC, "26.2.1.1", "beyond"),
	BAD("APIC access page", apic(v); v[VMCS_APIC_ACCESS] = 0x10, VMCS_APIC_ACCESS, "26.2.1.1",
	    "of a page"),
	BAD("posted descriptor", apic(v); v[VMCS_POSTED_DESC] = 0x20, VMCS_POSTED_DESC, "26.2.1.1",
	    "of 64"),
	BAD("posted vector", apic(v); v[VMCS_POSTED_VECTOR] = 0x100, VMCS_POSTED_VECTOR, "26.2.1.1",
	    "vector"),
	BAD("PML address", on(v, PROC2, VT_PROC2_PML); v[VMCS_PML_ADDRESS] = 1, VMCS_PML_ADDRESS,
	    "26.2.1.1", "of a page"),
	BAD("VMREAD bitmap", on(v, PROC2, VT_PROC2_VMCS_SHADOW); v[VMCS_VMREAD_BITMAP] = 1,
	    VMCS_VMREAD_BITMAP, "26.2.1.1", "of a page"),
	BAD("VMWRITE bitmap", on(v, PROC2, VT_PROC2_VMCS_SHADOW); v[VMCS_VMWRITE_BITMAP] = 1,
	    VMCS_VMWRITE_BITMAP, "26.2.1.1", "of a page"),
	BAD("VE information", on(v, PROC2, VT_PROC2_EPT_VE); v[VMCS_VE_INFO_ADDR] = 1,
	    VMCS_VE_INFO_ADDR, "26.2.1.1", "of a page"),
	BAD("VM function", on(v, PROC2, VT_PROC2_VMFUNC); v[VMCS_VMFUNC_CONTROLS] = 2,
	    VMCS_VMFUNC_CONTROLS, "26.2.1.1", "function"),
	BAD("EPTP list", on(v, PROC2, VT_PROC2_VMFUNC); v[VMCS_VMFUNC_CONTROLS] = 1;
	    v[VMCS_EPTP_LIST] = 8, VMCS_EPTP_LIST, "26.2.1.1", "of a page"),
	BAD("EPTP switching without EPT", off(v, PROC2, VT_PROC2_EPT | VT_PROC2_UNRESTRICTED);
	    on(v, PROC2, VT_PROC2_VMFUNC); v[VMCS_VMFUNC_CONTROLS] = 1, VMCS_VMFUNC_CONTROLS,
	    "26.2.1.1", "needs EPT"),
	BAD("TPR threshold", v[VMCS_TPR_THRESHOLD] = 0x10, VMCS_TPR_THRESHOLD, "26.2.1.1", "31:4"),
	BAD("TPR threshold above TPR", v.vtpr = 0x3f; v[VMCS_TPR_THRESHOLD] = 4,
	    VMCS_TPR_THRESHOLD, "26.2.1.1", "virtual TPR"),
	GOOD("TPR threshold at TPR", v.vtpr = 0x40; v[VMCS_TPR_THRESHOLD] = 4),
	BAD("VPID 0", v[VMCS_VPID] = 0, VMCS_VPID, "26.2.1.1", "0"),
	BAD("EPTP type", v[VMCS_EPT_POINTER] ^= 1, VMCS_EPT_POINTER, "26.2.1.1", "memory type"),
	BAD("EPTP uncached", v.caps.ept_vpid &= ~VT_EPT_TABLES_UC; v[VMCS_EPT_POINTER] &= ~7ULL,
	    VMCS_EPT_POINTER, "26.2.1.1", "memory type"),
	BAD("EPTP levels", v[VMCS_EPT_POINTER] ^= 7 << 3, VMCS_EPT_POINTER, "26.2.1.1", "levels"),
	BAD("EPTP flags", v.caps.ept_vpid &= ~VT_EPT_AD, VMCS_EPT_POINTER, "26.2.1.1", "dirty"),
	BAD("EPTP shadow stack", v[VMCS_EPT_POINTER] |= 0x80, VMCS_EPT_POINTER, "26.2.1.1", "shadow"),
	BAD("EPTP bit 8", v[VMCS_EPT_POINTER] |= 0x100, VMCS_EPT_POINTER, "26.2.1.1", "11:8"),
	BAD("EPTP address", v[VMCS_EPT_POINTER] |= TOO_HIGH, VMCS_EPT_POINTER, "26.2.1.1", "beyond"),

	BAD("exit store list", v[VMCS_EXIT_MSR_STORE_COUNT] = 1; v[VMCS_EXIT_MSR_STORE_ADDR] = 8,
	    VMCS_EXIT_MSR_STORE_ADDR, "26.2.1.2", "of 16"),
	BAD("exit load list", v[VMCS_EXIT_MSR_LOAD_COUNT] = 1; v[VMCS_EXIT_MSR_LOAD_ADDR] = TOO_HIGH,
	    VMCS_EXIT_MSR_LOAD_ADDR, "26.2.1.2", "beyond"),
	BAD("entry load list", v[VMCS_ENTRY_MSR_LOAD_COUNT] = 2;
	    v[VMCS_ENTRY_MSR_LOAD_ADDR] = TOO_HIGH - 16, VMCS_ENTRY_MSR_LOAD_ADDR, "26.2.1.3",
	    "beyond"),
	GOOD("entry load list up to the end", v[VMCS_ENTRY_MSR_LOAD_COUNT] = 1;
	     v[VMCS_ENTRY_MSR_LOAD_ADDR] = TOO_HIGH - 16),
};
SUITE(Controls, control_rows);

const u32 INFO = VMCS_ENTRY_INTR_INFO;
const Row injection_rows[] = {
	BAD("type 1", v.inject(1, 0x30), INFO, "26.2.1.3", "type 1"),
	BAD("NMI with a vector", v.inject(2, 3), INFO, "26.2.1.3", "vector 2"),
	BAD("exception vector", v.inject(3, 32), INFO, "26.2.1.3", "below 32"),
	BAD("MTF with a vector", v.inject(7, 1), INFO, "26.2.1.3", "vector 0"),
	BAD("MTF on an old CPU", v.caps.true_proc &= ~(1ULL << 59); v.inject(7, 0), INFO, "26.2.1.3",
	    "trap flag"),
	BAD("page fault without its code", v.inject(3, 14), INFO, "26.2.1.3", "if and only if"),
	BAD("invalid opcode with a code", v.inject(3, 6, true), INFO, "26.2.1.3", "if and only if"),
	BAD("interrupt with a code", v.inject(0, 0x30, true), INFO, "26.2.1.3", "only a hardware"),
	BAD("code in real mode", v.real_mode(); v.inject(3, 13, true), INFO, "26.2.1.3",
	    "protected mode"),
	GOOD("no code in real mode", v.real_mode(); v.inject(3, 13)),
	BAD("control protection on a CPU with CET", v.caps.cr4_fixed1 |= 1 << 23; v.inject(3, 21),
	    INFO, "26.2.1.3", "if and only if"),
	GOOD("vector 21 on a CPU without CET", v.inject(3, 21)),
	BAD("bit 12", v.inject(0, 0x30); v[INFO] |= 1 << 12, INFO, "26.2.1.3", "30:12"),
	BAD("error code", v.inject(3, 14, true); v[VMCS_ENTRY_INTR_ERROR] = 0x10000,
	    VMCS_ENTRY_INTR_ERROR, "26.2.1.3", "31:16"),
	BAD("instruction length 16", v.inject(4, 0x80); v[VMCS_ENTRY_INSN_LEN] = 16,
	    VMCS_ENTRY_INSN_LEN, "26.2.1.3", "15"),
	BAD("instruction length 0", v.inject(5, 1); v.caps.misc &= ~VT_MISC_INJECT_LEN_0,
	    VMCS_ENTRY_INSN_LEN, "26.2.1.3", "not be 0"),
	GOOD("nothing valid", v[INFO] = 0x7fffffff),
};
SUITE(Injection, injection_rows);

const Row host_rows[] = {
	BAD("CR0 without NE", v[VMCS_HOST_CR0] &= ~0x20ULL, VMCS_HOST_CR0, "26.2.2", "must be 1"),
	BAD("CR0 bit 32", v[VMCS_HOST_CR0] |= 1ULL << 32, VMCS_HOST_CR0, "26.2.2", "must be 0"),
	BAD("CR4 without VMXE", v[VMCS_HOST_CR4] &= ~0x2000ULL, VMCS_HOST_CR4, "26.2.2", "must be 1"),
	BAD("CR4 bit 31", v[VMCS_HOST_CR4] |= 1u << 31, VMCS_HOST_CR4, "26.2.2", "must be 0"),
	BAD("CET without WP", v.caps.cr4_fixed1 |= 1 << 23; v[VMCS_HOST_CR4] |= 1 << 23;
	    v[VMCS_HOST_CR0] &= ~0x10000ULL, VMCS_HOST_CR4, "26.2.2", "CR0.WP"),
	BAD("CR3", v[VMCS_HOST_CR3] |= 1ULL << 62, VMCS_HOST_CR3, "26.2.2", "physical"),
	BAD("SYSENTER_ESP", v[VMCS_HOST_SYSENTER_ESP] = NONCANONICAL, VMCS_HOST_SYSENTER_ESP,
	    "26.2.2", "canonical"),
	BAD("SYSENTER_EIP", v[VMCS_HOST_SYSENTER_EIP] = NONCANONICAL, VMCS_HOST_SYSENTER_EIP,
	    "26.2.2", "canonical"),
	BAD("PERF_GLOBAL_CTRL", v.perf_global_reserved = ~0x70000000fULL;
	    on(v, EXIT, VT_EXITC_LOAD_PERF_GLOBAL); v[VMCS_HOST_PERF_GLOBAL_CTRL] = 0x10,
	    VMCS_HOST_PERF_GLOBAL_CTRL, "26.2.2", "reserved"),
	BAD("PAT", v[VMCS_HOST_PAT] = 0x0407050600070206, VMCS_HOST_PAT, "26.2.2", "each byte"),
	BAD("EFER reserved", v[VMCS_HOST_EFER] |= 2, VMCS_HOST_EFER, "26.2.2", "reserved"),
	BAD("EFER LMA", v[VMCS_HOST_EFER] &= ~0x400ULL, VMCS_HOST_EFER, "26.2.2", "LMA"),
	BAD("S_CET", on(v, EXIT, VT_EXITC_LOAD_CET); v[VMCS_HOST_S_CET] = 0x40, VMCS_HOST_S_CET,
	    "26.2.2", "reserved"),
	BAD("SSP", on(v, EXIT, VT_EXITC_LOAD_CET); v[VMCS_HOST_SSP] = 2, VMCS_HOST_SSP, "26.2.2",
	    "of 4"),
	BAD("SSP noncanonical", on(v, EXIT, VT_EXITC_LOAD_CET); v[VMCS_HOST_SSP] = NONCANONICAL,
	    VMCS_HOST_SSP, "26.2.2", "canonical"),
	BAD("SSP table", on(v, EXIT, VT_EXITC_LOAD_CET); v[VMCS_HOST_SSP_TABLE] = NONCANONICAL,
	    VMCS_HOST_SSP_TABLE, "26.2.2", "canonical"),
	BAD("PKRS", on(v, EXIT, VT_EXITC_LOAD_PKRS); v[VMCS_HOST_PKRS] = 1ULL << 32, VMCS_HOST_PKRS,
	    "26.2.2", "63:32"),
	BAD("SS of user mode", v[VMCS_HOST_SS_SELECTOR] |= 3, VMCS_HOST_SS_SELECTOR, "26.2.3", "RPL"),
	BAD("FS in an LDT", v[VMCS_HOST_FS_SELECTOR] = 4, VMCS_HOST_FS_SELECTOR, "26.2.3", "RPL"),
	BAD("CS 0", v[VMCS_HOST_CS_SELECTOR] = 0, VMCS_HOST_CS_SELECTOR, "26.2.3", "not be 0"),
	BAD("TR 0", v[VMCS_HOST_TR_SELECTOR] = 0, VMCS_HOST_TR_SELECTOR, "26.2.3", "not be 0"),
	BAD("GS base", v[VMCS_HOST_GS_BASE] = NONCANONICAL, VMCS_HOST_GS_BASE, "26.2.3", "canonical"),
	BAD("TR base", v[VMCS_HOST_TR_BASE] = NONCANONICAL, VMCS_HOST_TR_BASE, "26.2.3", "canonical"),
	BAD("GDTR base", v[VMCS_HOST_GDTR_BASE] = NONCANONICAL, VMCS_HOST_GDTR_BASE, "26.2.3",
	    "canonical"),
	BAD("IDTR base", v[VMCS_HOST_IDTR_BASE] = NONCANONICAL, VMCS_HOST_IDTR_BASE, "26.2.3",
	    "canonical"),
	BAD("32-bit host", off(v, EXIT, VT_EXITC_HOST_64); v[VMCS_HOST_EFER] = 1, EXIT, "26.2.4",
	    "address-space"),
	BAD("CR4 without PAE", v[VMCS_HOST_CR4] &= ~0x20ULL, VMCS_HOST_CR4, "26.2.4", "PAE"),
	BAD("RIP", v[VMCS_HOST_RIP] = NONCANONICAL, VMCS_HOST_RIP, "26.2.4", "canonical"),
};
SUITE(Host, host_rows);

// The modes in which unrestricted guest is off and the older rules hold.
void restricted(FakeVmcs &v) { off(v, PROC2, VT_PROC2_UNRESTRICTED); }

const Row register_rows[] = {
	BAD("CR0 without NE", v[VMCS_GUEST_CR0] &= ~0x20ULL, VMCS_GUEST_CR0, "26.3.1.1", "must be 1"),
	BAD("CR0 bit 32", v[VMCS_GUEST_CR0] |= 1ULL << 32, VMCS_GUEST_CR0, "26.3.1.1", "must be 0"),
	BAD("no paging with restrictions", v.protected_mode(); restricted(v), VMCS_GUEST_CR0,
	    "26.3.1.1", "must be 1"),
	BAD("paging in real mode", v.real_mode(); v[VMCS_GUEST_CR0] |= 0x80000000, VMCS_GUEST_CR0,
	    "26.3.1.1", "CR0.PG needs"),
	BAD("CR4 without VMXE", v[VMCS_GUEST_CR4] &= ~0x2000ULL, VMCS_GUEST_CR4, "26.3.1.1",
	    "must be 1"),
	BAD("CR4 bit 31", v[VMCS_GUEST_CR4] |= 1u << 31, VMCS_GUEST_CR4, "26.3.1.1", "must be 0"),
	BAD("CET without WP", v.caps.cr4_fixed1 |= 1 << 23; v[VMCS_GUEST_CR4] |= 1 << 23;
	    v[VMCS_GUEST_CR0] &= ~0x10000ULL, VMCS_GUEST_CR4, "26.3.1.1", "CR0.WP"),
	BAD("long mode without paging", v[VMCS_GUEST_CR0] &= ~0x80000000ULL, VMCS_GUEST_CR0,
	    "26.3.1.1", "CR0.PG"),
	BAD("long mode without PAE", v[VMCS_GUEST_CR4] &= ~0x20ULL, VMCS_GUEST_CR4, "26.3.1.1",
	    "CR4.PAE"),
	BAD("PCIDE in protected mode", v.protected_mode(); v[VMCS_GUEST_CR4] |= 1 << 17,
	    VMCS_GUEST_CR4, "26.3.1.1", "PCIDE"),
	BAD("CR3", v[VMCS_GUEST_CR3] |= TOO_HIGH, VMCS_GUEST_CR3, "26.3.1.1", "physical"),
	BAD("DEBUGCTL", v[VMCS_GUEST_DEBUGCTL] = 8, VMCS_GUEST_DEBUGCTL, "26.3.1.1", "reserved"),
	BAD("DR7", v[VMCS_GUEST_DR7] |= 1ULL << 32, VMCS_GUEST_DR7, "26.3.1.1", "63:32"),
	BAD("SYSENTER_ESP", v[VMCS_GUEST_SYSENTER_ESP] = NONCANONICAL, VMCS_GUEST_SYSENTER_ESP,
	    "26.3.1.1", "canonical"),
	BAD("SYSENTER_EIP", v[VMCS_GUEST_SYSENTER_EIP] = NONCANONICAL, VMCS_GUEST_SYSENTER_EIP,
	    "26.3.1.1", "canonical"),
	BAD("PERF_GLOBAL_CTRL", v.perf_global_reserved = 0x10;
	    on(v, ENTRY, VT_ENTRYC_LOAD_PERF_GLOBAL); v[VMCS_GUEST_PERF_GLOBAL_CTRL] = 0x10,
	    VMCS_GUEST_PERF_GLOBAL_CTRL, "26.3.1.1", "reserved"),
	BAD("PAT byte 8", v[VMCS_GUEST_PAT] = 0x0807050600070106, VMCS_GUEST_PAT, "26.3.1.1",
	    "each byte"),
	BAD("PAT byte 3", v[VMCS_GUEST_PAT] = 0x0007050600070103, VMCS_GUEST_PAT, "26.3.1.1",
	    "each byte"),
	BAD("EFER reserved", v[VMCS_GUEST_EFER] |= 0x1000, VMCS_GUEST_EFER, "26.3.1.1", "reserved"),
	BAD("EFER LMA in protected mode", v.protected_mode(); v[VMCS_GUEST_EFER] = 0x500,
	    VMCS_GUEST_EFER, "26.3.1.1", "IA-32e"),
	BAD("EFER LME alone with paging", v.protected_mode(); v[VMCS_GUEST_CR0] |= 0x80000000;
	    v[VMCS_GUEST_EFER] = 0x100, VMCS_GUEST_EFER, "26.3.1.1", "the same"),
	GOOD("EFER LME alone without paging", v.protected_mode(); v[VMCS_GUEST_EFER] = 0x100),
	BAD("BNDCFGS reserved", on(v, ENTRY, VT_ENTRYC_LOAD_BNDCFGS); v[VMCS_GUEST_BNDCFGS] = 4,
	    VMCS_GUEST_BNDCFGS, "26.3.1.1", "11:2"),
	BAD("PKRS", on(v, ENTRY, VT_ENTRYC_LOAD_PKRS); v[VMCS_GUEST_PKRS] = 1ULL << 32,
	    VMCS_GUEST_PKRS, "26.3.1.1", "63:32"),
	BAD("UINV", on(v, ENTRY, VT_ENTRYC_LOAD_UINV); v[VMCS_GUEST_UINV] = 0x100, VMCS_GUEST_UINV,
	    "26.3.1.1", "15:8"),
	BAD("S_CET", on(v, ENTRY, VT_ENTRYC_LOAD_CET); v[VMCS_GUEST_S_CET] = 0xc00, VMCS_GUEST_S_CET,
	    "26.3.1.1", "reserved"),
	BAD("SSP table", on(v, ENTRY, VT_ENTRYC_LOAD_CET); v[VMCS_GUEST_SSP_TABLE] = NONCANONICAL,
	    VMCS_GUEST_SSP_TABLE, "26.3.1.1", "canonical"),
	BAD("SSP", on(v, ENTRY, VT_ENTRYC_LOAD_CET); v[VMCS_GUEST_SSP] = 2, VMCS_GUEST_SSP,
	    "26.3.1.4", "of 4"),
	BAD("SSP noncanonical", on(v, ENTRY, VT_ENTRYC_LOAD_CET); v[VMCS_GUEST_SSP] = NONCANONICAL,
	    VMCS_GUEST_SSP, "26.3.1.4", "canonical"),

	BAD("GDTR base", v[VMCS_GUEST_GDTR_BASE] = NONCANONICAL, VMCS_GUEST_GDTR_BASE, "26.3.1.3",
	    "canonical"),
	BAD("IDTR base", v[VMCS_GUEST_IDTR_BASE] = NONCANONICAL, VMCS_GUEST_IDTR_BASE, "26.3.1.3",
	    "canonical"),
	BAD("GDTR limit", v[VMCS_GUEST_GDTR_LIMIT] = 0x10000, VMCS_GUEST_GDTR_LIMIT, "26.3.1.3",
	    "31:16"),
	BAD("IDTR limit", v[VMCS_GUEST_IDTR_LIMIT] = 0x10000, VMCS_GUEST_IDTR_LIMIT, "26.3.1.3",
	    "31:16"),

	BAD("RIP in 64-bit code", v[VMCS_GUEST_RIP] = 1ULL << 48, VMCS_GUEST_RIP, "26.3.1.4",
	    "linear-address"),
	BAD("RIP in 32-bit code", v.protected_mode(); v[VMCS_GUEST_RIP] = 1ULL << 32, VMCS_GUEST_RIP,
	    "26.3.1.4", "63:32"),
	BAD("RFLAGS bit 1", v[VMCS_GUEST_RFLAGS] = 0, VMCS_GUEST_RFLAGS, "26.3.1.4", "bit 1"),
	BAD("RFLAGS bit 3", v[VMCS_GUEST_RFLAGS] |= 8, VMCS_GUEST_RFLAGS, "26.3.1.4", "reserved"),
	BAD("RFLAGS bit 15", v[VMCS_GUEST_RFLAGS] |= 0x8000, VMCS_GUEST_RFLAGS, "26.3.1.4",
	    "reserved"),
	BAD("RFLAGS bit 22", v[VMCS_GUEST_RFLAGS] |= 1 << 22, VMCS_GUEST_RFLAGS, "26.3.1.4",
	    "reserved"),
	BAD("VM in real mode", v.v86_mode(); v[VMCS_GUEST_CR0] = 0x30, VMCS_GUEST_RFLAGS, "26.3.1.4",
	    "VM"),
	BAD("interrupt with IF clear", v.inject(0, 0x30); v[VMCS_GUEST_RFLAGS] = 2,
	    VMCS_GUEST_RFLAGS, "26.3.1.4", "IF"),
};
SUITE(Registers, register_rows);

const u32 ACT = VMCS_GUEST_ACTIVITY, SHADOW = VMCS_GUEST_INTERRUPTIBILITY,
	  DEBUG = VMCS_GUEST_PENDING_DEBUG;
const Row state_rows[] = {
	BAD("activity 4", v[ACT] = 4, ACT, "26.3.1.5", "supports"),
	BAD("shutdown on a CPU without it", v[ACT] = 2; v.caps.misc &= ~VT_MISC_ACTIVITY_SHUTDOWN,
	    ACT, "26.3.1.5", "supports"),
	BAD("halted in user mode", v[ACT] = 1; v[VMCS_GUEST_CS_AR] = 0xa0fb;
	    v[VMCS_GUEST_SS_AR] = 0xc0f3, ACT, "26.3.1.5", "DPL"),
	BAD("halted in a shadow", v[ACT] = 1; v[SHADOW] = VT_INT_STI, ACT, "26.3.1.5", "active"),
	BAD("halted, page fault", v[ACT] = 1; v.inject(3, 14, true), ACT, "26.3.1.5", "event"),
	GOOD("halted, debug exception", v[ACT] = 1; v.inject(3, 1)),
	GOOD("halted, MTF", v[ACT] = 1; v.inject(7, 0)),
	BAD("shut down, interrupt", v[ACT] = 2; v.inject(0, 0x30), ACT, "26.3.1.5", "event"),
	GOOD("shut down, machine check", v[ACT] = 2; v.inject(3, 18)),
	BAD("waiting for SIPI, NMI", v[ACT] = 3; v.inject(2, 2), ACT, "26.3.1.5", "event"),

	BAD("shadow bit 5", v[SHADOW] = 0x20, SHADOW, "26.3.1.5", "31:5"),
	BAD("both shadows", v[SHADOW] = 3, SHADOW, "26.3.1.5", "both"),
	BAD("STI with IF clear", v[SHADOW] = 1; v[VMCS_GUEST_RFLAGS] = 2, SHADOW, "26.3.1.5",
	    "RFLAGS.IF"),
	BAD("interrupt in STI's shadow", v[SHADOW] = 1; v.inject(0, 0x30), SHADOW, "26.3.1.5",
	    "external"),
	BAD("interrupt in MOV SS's shadow", v[SHADOW] = 2; v.inject(0, 0x30), SHADOW, "26.3.1.5",
	    "external"),
	BAD("NMI in MOV SS's shadow", v[SHADOW] = 2; v.inject(2, 2), SHADOW, "26.3.1.5",
	    "MOV SS if an NMI"),
	BAD("SMI", v[SHADOW] = 4, SHADOW, "26.3.1.5", "SMM"),
	BAD("NMI while blocked", v[SHADOW] = 8; v.inject(2, 2), SHADOW, "26.3.1.5", "virtual NMIs"),
	GOOD("NMI while blocked, no virtual NMIs", off(v, PIN, VT_PIN_VIRTUAL_NMI); v[SHADOW] = 8;
	     v.inject(2, 2)),
	BAD("enclave in MOV SS's shadow", v[SHADOW] = 0x12, SHADOW, "26.3.1.5", "enclave"),

	BAD("pending debug bit 4", v[DEBUG] = 0x10, DEBUG, "26.3.1.5", "reserved"),
	BAD("pending debug bit 13", v[DEBUG] = 0x2000, DEBUG, "26.3.1.5", "reserved"),
	BAD("no BS though stepping", v[SHADOW] = 2; v[VMCS_GUEST_RFLAGS] |= 0x100, DEBUG, "26.3.1.5",
	    "BS"),
	BAD("BS though not stepping", v[ACT] = 1; v[DEBUG] = 0x4000, DEBUG, "26.3.1.5", "BS"),
	BAD("BS though stepping branches", v[SHADOW] = 2; v[VMCS_GUEST_RFLAGS] |= 0x100;
	    v[VMCS_GUEST_DEBUGCTL] = 2; v[DEBUG] = 0x4000, DEBUG, "26.3.1.5", "BS"),
	GOOD("BS outside a shadow", v[DEBUG] = 0x4000),
	BAD("RTM alone", v[DEBUG] = 0x10000, DEBUG, "26.3.1.5", "RTM"),
	BAD("RTM with a breakpoint", v[DEBUG] = 0x11001, DEBUG, "26.3.1.5", "RTM"),
	GOOD("RTM", v[DEBUG] = 0x11000),

	BAD("link pointer", v[VMCS_LINK_POINTER] = 0x1010, VMCS_LINK_POINTER, "26.3.1.5", "page"),
	BAD("link pointer too high", v[VMCS_LINK_POINTER] = TOO_HIGH, VMCS_LINK_POINTER, "26.3.1.5",
	    "beyond"),

	BAD("PDPTE1", v.protected_mode(); v[VMCS_GUEST_CR0] |= 0x80000000; v[VMCS_GUEST_CR4] |= 0x20;
	    v[VMCS_GUEST_PDPTE1] = 3, VMCS_GUEST_PDPTE1, "26.3.1.6", "reserved"),
	BAD("PDPTE3 address", v.protected_mode(); v[VMCS_GUEST_CR0] |= 0x80000000;
	    v[VMCS_GUEST_CR4] |= 0x20; v[VMCS_GUEST_PDPTE3] = TOO_HIGH | 1, VMCS_GUEST_PDPTE3,
	    "26.3.1.6", "reserved"),
	GOOD("PDPTEs of a guest without PAE", v.protected_mode(); v[VMCS_GUEST_CR0] |= 0x80000000;
	     v[VMCS_GUEST_PDPTE1] = 3),
};
SUITE(State, state_rows);

} // namespace
