// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/inspect.h"

#include <cstring>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "inspect/decode.h"

namespace vmx::test {
namespace {

using Words = std::vector<std::string>;

constexpr uint32_t svm = VMX_X_BACKEND_SVM, vt = VMX_X_BACKEND_VT;

TEST(InspectDecode, NamesOfBothMakes)
{
	EXPECT_EQ(field_name(vt, 0x681e), "guest RIP");
	EXPECT_EQ(field_name(svm, 0x578), "RIP");
	EXPECT_EQ(field_name(svm, 0x681e), "unknown field");
	EXPECT_EQ(field_name(99, 0x578), "unknown field");
	EXPECT_EQ(field_kind(VMX_X_FIELD_EXIT), "exit");
	EXPECT_EQ(field_kind(17), "unknown");
}

TEST(InspectDecode, ControlRegisters)
{
	EXPECT_EQ(field_meaning(svm, 0x558, 0x80050033), (Words{"PE", "MP", "ET", "NE", "WP", "AM", "PG"}));
	EXPECT_EQ(field_meaning(vt, 0x6800, 0x80000001), (Words{"PE", "PG"}));
	EXPECT_EQ(field_meaning(vt, 0x6804, 0x2020), (Words{"PAE", "VMXE"}));
	EXPECT_EQ(field_meaning(svm, 0x4d0, 0x1d01), (Words{"SCE", "LME", "LMA", "NXE", "SVME"}));
	EXPECT_EQ(field_meaning(svm, 0x570, 0x3202), (Words{"1", "IF", "IOPL 3"}));
	EXPECT_EQ(field_meaning(svm, 0x558, 1ull << 40), (Words{"bit 40"}));
}

TEST(InspectDecode, Segments)
{
	EXPECT_EQ(field_meaning(svm, 0x412, 0xa9b),
		  (Words{"code, readable, accessed", "DPL 0", "present", "64-bit", "limit in pages"}));
	EXPECT_EQ(field_meaning(vt, 0x4816, 0xa09b), field_meaning(svm, 0x412, 0xa9b));
	EXPECT_EQ(field_meaning(vt, 0x4822, 0x8b), (Words{"busy TSS", "DPL 0", "present"}));
	EXPECT_EQ(field_meaning(vt, 0x4814, 0x10000), (Words{"unusable"}));
	EXPECT_EQ(field_meaning(svm, 0x402, 0xcf3),
		  (Words{"data, writable, accessed", "DPL 3", "present", "32-bit", "limit in pages"}));
	EXPECT_TRUE(field_meaning(svm, 0x462, 0).empty()); // GDTR has no attributes
}

TEST(InspectDecode, EventsAndExits)
{
	EXPECT_EQ(field_meaning(svm, 0x0a8, 0), (Words{"not valid"}));
	EXPECT_EQ(field_meaning(svm, 0x0a8, 0x200000b0e | 1ull << 31), (Words{"exception, vector 14", "error code 0x2"}));
	EXPECT_EQ(field_meaning(vt, 0x4016, 0x80000b0e), (Words{"hardware exception, vector 14", "with an error code"}));
	EXPECT_EQ(field_meaning(vt, 0x4408, 0x800000ec), (Words{"external interrupt, vector 236"}));
	EXPECT_EQ(field_meaning(vt, 0x4402, 48), (Words{"EPT violation"}));
	EXPECT_EQ(field_meaning(vt, 0x4402, 0x80000021),
		  (Words{"VM entry refused: guest state", "the entry failed"}));
	EXPECT_EQ(field_meaning(svm, 0x070, 0x04e), (Words{"#PF"}));
	EXPECT_EQ(field_meaning(svm, 0x060, 0x01010105),
		  (Words{"V_TPR 5", "V_INTR_PRIO 1", "V_IRQ", "V_INTR_MASKING"}));
}

TEST(InspectDecode, Intercepts)
{
	EXPECT_EQ(field_meaning(svm, 0x004, 1ull << 7 | 1ull << 23), (Words{"read DR7", "write DR7"}));
	EXPECT_EQ(field_meaning(svm, 0x00c, 1 << 24 | 1), (Words{"INTR", "HLT"}));
	EXPECT_EQ(field_meaning(svm, 0x010, 3), (Words{"VMRUN", "VMMCALL"}));
	EXPECT_EQ(field_meaning(vt, 0x4002, 1 << 7 | 1 << 28), (Words{"HLT exiting", "use MSR bitmaps"}));
	EXPECT_EQ(field_meaning(vt, 0x401e, 1 << 1), (Words{"enable EPT"}));
}

VcpuView view()
{
	VcpuView v;
	v.vm_id = 3;
	v.id = 1;
	v.block.backend = svm;
	v.block.fields = {
		{.id = 0x048, .width = 8, .kind = VMX_X_FIELD_CONTROL, .flags = VMX_X_FIELD_HIDDEN, .value = 0},
		{.id = 0x058, .width = 4, .kind = VMX_X_FIELD_CONTROL, .flags = 0, .value = 0},
		{.id = 0x578, .width = 8, .kind = VMX_X_FIELD_GUEST, .flags = 0, .value = 0x1234},
	};
	return v;
}

vmx_x_violation asid_rule()
{
	vmx_x_violation v{};
	v.id = 0x058;
	std::strcpy(v.section, "15.5.1");
	std::strcpy(v.rule, "the ASID is 0");
	return v;
}

TEST(InspectReport, Text)
{
	VcpuView v = view();
	std::string text = view_text(v, false);
	EXPECT_EQ(text.find("VM 3, vCPU 1: VMCB\n"), 0u);
	EXPECT_NE(text.find("hidden"), std::string::npos);
	EXPECT_NE(text.find("0000000000001234"), std::string::npos);
	EXPECT_NE(text.find("breaks no rule"), std::string::npos);
	EXPECT_EQ(text.find("ASID"), std::string::npos); // it is zero
	EXPECT_NE(view_text(v, true).find("ASID"), std::string::npos);
	v.broken = {asid_rule()};
	EXPECT_NE(view_text(v, false).find("broken rule (APM 2 15.5.1): ASID is 0x0: the ASID is 0"), std::string::npos);
}

TEST(InspectReport, Json)
{
	VcpuView v = view();
	v.broken = {asid_rule()};
	auto json = nlohmann::json::parse(views_json({v}, false));
	ASSERT_EQ(json.size(), 1u);
	EXPECT_EQ(json[0]["vm"], 3);
	EXPECT_EQ(json[0]["vcpu"], 1);
	EXPECT_EQ(json[0]["block"], "VMCB");
	ASSERT_EQ(json[0]["fields"].size(), 2u);
	EXPECT_EQ(json[0]["fields"][0]["hidden"], true);
	EXPECT_FALSE(json[0]["fields"][0].contains("value"));
	EXPECT_EQ(json[0]["fields"][1]["name"], "RIP");
	EXPECT_EQ(json[0]["fields"][1]["value"], 0x1234);
	EXPECT_EQ(json[0]["broken"][0]["rule"], "the ASID is 0");
	EXPECT_EQ(nlohmann::json::parse(views_json({v}, true))[0]["fields"].size(), 3u);
}

TEST(InspectTarget, NoSuchProcess)
{
	auto none = vcpus_of(4194303);
	ASSERT_FALSE(none.ok());
	EXPECT_NE(none.error().text().find("no process 4194303"), std::string::npos);
	auto own = vcpus_of(getpid());
	ASSERT_FALSE(own.ok());
	EXPECT_NE(own.error().text().find("has no vCPU"), std::string::npos);
}

} // namespace
} // namespace vmx::test
