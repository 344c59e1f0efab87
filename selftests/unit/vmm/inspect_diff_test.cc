// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/diff.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vmx::test {
namespace {

using Words = std::vector<std::string>;

VcpuView view(uint64_t rip, uint64_t rflags)
{
	VcpuView v;
	v.vm_id = 3;
	v.id = 1;
	v.block.backend = VMX_X_BACKEND_SVM;
	v.block.fields = {
		{.id = 0x048, .width = 8, .kind = VMX_X_FIELD_CONTROL, .flags = VMX_X_FIELD_HIDDEN, .value = rip},
		{.id = 0x558, .width = 8, .kind = VMX_X_FIELD_GUEST, .flags = 0, .value = 0x80050033},
		{.id = 0x570, .width = 8, .kind = VMX_X_FIELD_GUEST, .flags = 0, .value = rflags},
		{.id = 0x578, .width = 8, .kind = VMX_X_FIELD_GUEST, .flags = 0, .value = rip},
	};
	return v;
}

TEST(InspectDiff, OnlyWhatChanged)
{
	auto found = changes(view(0x1000, 0x246).block, view(0x2000, 0x206).block);
	ASSERT_EQ(found.size(), 2u);
	EXPECT_EQ(found[0].id, 0x570u);
	EXPECT_EQ(found[0].gone, (Words{"ZF"}));
	EXPECT_TRUE(found[0].come.empty());
	EXPECT_EQ(found[1].before, 0x1000u);
	EXPECT_EQ(found[1].after, 0x2000u);
	EXPECT_TRUE(changes(view(1, 2).block, view(1, 2).block).empty());
}

TEST(InspectDiff, Text)
{
	std::string text = diff_text({view(0x1000, 0x246)}, {view(0x2000, 0x8c6)}, 50);
	EXPECT_EQ(text.find("VM 3, vCPU 1, within 50 ms:\n guest\n"), 0u);
	EXPECT_NE(text.find("0000000000001000 -> 0000000000002000\n"), std::string::npos);
	EXPECT_NE(text.find("  -IF, +SF, +OF\n"), std::string::npos);
	EXPECT_EQ(text.find("CR0"), std::string::npos);
	EXPECT_NE(diff_text({view(1, 2)}, {view(1, 2)}, 5).find("no field has changed"), std::string::npos);
	EXPECT_NE(diff_text({}, {view(1, 2)}, 5).find("is new"), std::string::npos);
	EXPECT_NE(diff_text({view(1, 2)}, {}, 5).find("is gone"), std::string::npos);
}

TEST(InspectDiff, Json)
{
	auto json = nlohmann::json::parse(diff_json({view(0x1000, 0x246)}, {view(0x2000, 0x206)}, 50));
	EXPECT_EQ(json[0]["ms"], 50);
	ASSERT_EQ(json[0]["changes"].size(), 2u);
	EXPECT_EQ(json[0]["changes"][1]["name"], "RIP");
	EXPECT_EQ(json[0]["changes"][1]["before"], 0x1000);
	EXPECT_EQ(json[0]["changes"][0]["gone"], (Words{"ZF"}));
	json = nlohmann::json::parse(diff_json({view(1, 2)}, {}, 5));
	EXPECT_EQ(json[0]["gone"], true);
}

} // namespace
} // namespace vmx::test
