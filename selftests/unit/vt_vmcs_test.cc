// SPDX-License-Identifier: GPL-2.0-only
// Encodings and names of VMCS fields, names of exits and errors, against the manual's tables.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "pure/vmcs.h"

namespace {

// The name and the encoding say width and kind independently of each other.
TEST(VtVmcs, EveryFieldIsWhatItsNameSays)
{
	std::set<std::string> names;
	u32 last = 0;
	for (unsigned i = 0; i < vmcs_nr_fields; i++) {
		const vmcs_field_row &row = vmcs_field_rows[i];
		const std::string words = row.words;
		EXPECT_TRUE(i == 0 || row.field > last) << words;
		last = row.field;
		EXPECT_TRUE(names.insert(words).second) << words;
		EXPECT_EQ(row.field & VMCS_HIGH, 0) << words;
		EXPECT_EQ(row.field & ~0x6ffe, 0) << words; // bits 12, 15 and 0 are 0
		EXPECT_STREQ(vmcs_field_name(row.field), row.words);
		EXPECT_EQ(vmcs_field_kind(row.field) == VMCS_KIND_HOST, words.starts_with("host "))
			<< words;
		if (words.ends_with(" selector")) {
			EXPECT_EQ(vmcs_field_width(row.field), VMCS_WIDTH_16) << words;
		}
		if (words.ends_with(" access rights") || words.ends_with(" limit")) {
			EXPECT_EQ(vmcs_field_bits(row.field), 32u) << words;
		}
		if (words.ends_with(" base")) {
			EXPECT_EQ(vmcs_field_width(row.field), VMCS_WIDTH_NATURAL) << words;
		}
	}
	EXPECT_GT(vmcs_nr_fields, 190u);
}

TEST(VtVmcs, LiteralEncodings)
{
	// SDM 3D appendix B, one or two of each table.
	EXPECT_EQ(VMCS_VPID, 0x0000);
	EXPECT_EQ(VMCS_GUEST_TR_SELECTOR, 0x080e);
	EXPECT_EQ(VMCS_HOST_TR_SELECTOR, 0x0c0c);
	EXPECT_EQ(VMCS_EPT_POINTER, 0x201a);
	EXPECT_EQ(VMCS_XSS_EXIT_BITMAP, 0x202c);
	EXPECT_EQ(VMCS_GUEST_PHYSICAL_ADDRESS, 0x2400);
	EXPECT_EQ(VMCS_LINK_POINTER, 0x2800);
	EXPECT_EQ(VMCS_GUEST_BNDCFGS, 0x2812);
	EXPECT_EQ(VMCS_HOST_PERF_GLOBAL_CTRL, 0x2c04);
	EXPECT_EQ(VMCS_PIN_CONTROLS, 0x4000);
	EXPECT_EQ(VMCS_PROC2_CONTROLS, 0x401e);
	EXPECT_EQ(VMCS_EXIT_INSN_INFO, 0x440e);
	EXPECT_EQ(VMCS_GUEST_CS_AR, 0x4816);
	EXPECT_EQ(VMCS_GUEST_IDTR_LIMIT, 0x4812);
	EXPECT_EQ(VMCS_PREEMPTION_TIMER, 0x482e);
	EXPECT_EQ(VMCS_HOST_SYSENTER_CS, 0x4c00);
	EXPECT_EQ(VMCS_CR4_SHADOW, 0x6006);
	EXPECT_EQ(VMCS_GUEST_LINEAR_ADDRESS, 0x640a);
	EXPECT_EQ(VMCS_GUEST_RFLAGS, 0x6820);
	EXPECT_EQ(VMCS_HOST_RIP, 0x6c16);
}

TEST(VtVmcs, FieldsOfSegments)
{
	EXPECT_EQ(vmcs_guest_selector(1), u32(VMCS_GUEST_CS_SELECTOR));
	EXPECT_EQ(vmcs_guest_base(7), u32(VMCS_GUEST_TR_BASE));
	EXPECT_EQ(vmcs_guest_limit(6), u32(VMCS_GUEST_LDTR_LIMIT));
	EXPECT_EQ(vmcs_guest_ar(2), u32(VMCS_GUEST_SS_AR));
}

TEST(VtVmcs, Names)
{
	EXPECT_STREQ(vmcs_field_name(VMCS_GUEST_RIP), "guest RIP");
	EXPECT_STREQ(vmcs_field_name(VMCS_VPID), "VPID");
	EXPECT_STREQ(vmcs_field_name(0x6c1c), "host IA32_INTERRUPT_SSP_TABLE_ADDR");
	EXPECT_STREQ(vmcs_field_name(0x2001), "unknown field");
	EXPECT_STREQ(vmcs_field_name(0xffff), "unknown field");

	EXPECT_STREQ(vt_exit_reason_name(VT_EXIT_EPT_VIOLATION), "EPT violation");
	EXPECT_STREQ(vt_exit_reason_name(VT_REASON_ENTRY_FAILED | 33),
		     "VM entry refused: guest state");
	EXPECT_STREQ(vt_exit_reason_name(35), "unknown exit");
	EXPECT_EQ(VT_EXIT_PREEMPTION_TIMER, 52);
	EXPECT_EQ(VT_EXIT_XRSTORS, 64);
	EXPECT_EQ(VT_EXIT_BUS_LOCK, 74);
	EXPECT_LT(VT_EXIT_WRMSRNS_IMM, VT_EXIT_TABLE_SIZE);

	EXPECT_STREQ(vt_insn_error_text(7), "VM entry with invalid control fields");
	EXPECT_STREQ(vt_insn_error_text(VT_ERR_INVALIDATION_OPERAND),
		     "invalid operand of INVEPT or INVVPID");
	EXPECT_STREQ(vt_insn_error_text(14), "unknown VM-instruction error");
}

// Of controls an address says so in its name, but for those that are the guest's or none at all.
TEST(VtVmcs, AddressesOfTheHost)
{
	const std::set<u32> pointers{VMCS_EXECUTIVE_POINTER, VMCS_EPT_POINTER, VMCS_SPPT_POINTER,
				     VMCS_SHARED_EPT_POINTER, VMCS_MSR_BITMAP};
	for (unsigned int i = 0; i < vmcs_nr_fields; i++) {
		const vmcs_field_row &row = vmcs_field_rows[i];
		if (vmcs_field_kind(row.field) != VMCS_KIND_CONTROL)
			continue;
		std::string words = row.words;
		bool address = words.find("address") != std::string::npos || pointers.count(row.field);
		EXPECT_EQ(vmcs_field_is_host_address(row.field, false), address) << words;
	}
	for (u32 field : {VMCS_HOST_RIP, VMCS_HOST_RSP, VMCS_HOST_GDTR_BASE, VMCS_HOST_CR3, VMCS_HOST_GS_BASE,
			  VMCS_HOST_SYSENTER_EIP})
		EXPECT_TRUE(vmcs_field_is_host_address(field, false)) << vmcs_field_name(field);
	for (u32 field : {VMCS_HOST_CS_SELECTOR, VMCS_HOST_CR0, VMCS_HOST_EFER, VMCS_GUEST_RIP, VMCS_GUEST_CR3,
			  VMCS_GUEST_PHYSICAL_ADDRESS})
		EXPECT_FALSE(vmcs_field_is_host_address(field, false)) << vmcs_field_name(field);
	EXPECT_TRUE(vmcs_field_is_host_address(VMCS_GUEST_CR3, true));
	EXPECT_FALSE(vmcs_field_is_host_address(VMCS_GUEST_RIP, true));
}

} // namespace
