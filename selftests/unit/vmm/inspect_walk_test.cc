// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/walk.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "inspect/entries.h"

namespace vmx::test {
namespace {

using Words = std::vector<std::string>;

constexpr uint32_t svm = VMX_X_BACKEND_SVM, vt = VMX_X_BACKEND_VT;

vmx_x_step step(uint8_t tables, uint8_t level, uint64_t value, uint32_t flags, uint8_t size = 8)
{
	vmx_x_step s{};
	s.address = 0x1000;
	s.value = value;
	s.flags = flags;
	s.tables = tables;
	s.level = level;
	s.size = size;
	return s;
}

TEST(InspectEntries, Guest)
{
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_GUEST, 4, 0x2067, 0), 4, svm), (Words{"P", "RW", "US", "A"}));
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_GUEST, 1, 0x8000000000002161 | 5ull << 59, VMX_X_STEP_LEAF), 4, svm),
		  (Words{"P", "A", "D", "G", "PKEY 5", "NX"}));
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_GUEST, 2, 0x2010e3, VMX_X_STEP_LEAF), 4, vt),
		  (Words{"P", "RW", "A", "D", "PS", "PAT"}));
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_GUEST, 1, 0x2083, VMX_X_STEP_LEAF), 4, vt), (Words{"P", "RW", "PAT"}));
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_GUEST, 3, 0x2061, 0), 3, vt), (Words{"P", "A"})); // PAE's top level
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_GUEST, 1, 0xabc0, VMX_X_STEP_ABSENT), 4, svm), (Words{"not present"}));
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_GUEST, 1, 0, VMX_X_STEP_NO_SLOT), 4, svm), (Words{"no memory is there"}));
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_GUEST, 1, 0, VMX_X_STEP_NOT_HERE), 4, svm),
		  (Words{"the VMM's page is not present"}));
}

TEST(InspectEntries, Nested)
{
	vmx_x_step leaf = step(VMX_X_TABLES_NESTED, 1, 0x8000000000002377, VMX_X_STEP_LEAF);
	EXPECT_EQ(entry_words(leaf, 4, vt), (Words{"R", "W", "X", "WB", "IPAT", "A", "D", "SVE"}));
	leaf.value = 0x2083 | 6 << 3;
	leaf.level = 2;
	EXPECT_EQ(entry_words(leaf, 4, vt), (Words{"R", "W", "WB", "PS"}));
	leaf.value = 0x67;
	leaf.level = 1;
	EXPECT_EQ(entry_words(leaf, 4, svm), (Words{"P", "RW", "US", "A", "D"}));
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_NESTED, 1, 6, VMX_X_STEP_DEVICE), 4, vt),
		  (Words{"marked: no memory is there"}));
	// A PAE guest on nested tables of which the third level is an ordinary one.
	EXPECT_EQ(entry_words(step(VMX_X_TABLES_NESTED, 3, 0xe7, VMX_X_STEP_LEAF), 3, svm),
		  (Words{"P", "RW", "US", "A", "D", "PS"}));
}

TEST(InspectEntries, Sizes)
{
	EXPECT_EQ(page_size_text(12), "4 KiB");
	EXPECT_EQ(page_size_text(22), "4 MiB");
	EXPECT_EQ(page_size_text(30), "1 GiB");
}

TEST(InspectWalk, Places)
{
	EXPECT_EQ(parse_place("gva:0xffffffff81000000").value().address, 0xffffffff81000000u);
	EXPECT_FALSE(parse_place("gva:0x10").value().physical);
	EXPECT_TRUE(parse_place("gpa:4096").value().physical);
	EXPECT_EQ(parse_place("gpa:4096").value().address, 4096u);
	for (const char *bad : {"0x1000", "gva:", "gva:0x", "gva:12g", "hpa:1", "gpa:0x10000000000000000", "gpa:-1"})
		EXPECT_FALSE(parse_place(bad).ok()) << bad;
}

WalkView view()
{
	WalkView v;
	v.vm_id = 2;
	v.id = 1;
	v.backend = svm;
	v.walk.address = 0x401234;
	v.walk.result = VMX_X_WALK_CANONICAL | VMX_X_WALK_GPA | VMX_X_WALK_HOST | VMX_X_WALK_WRITE;
	v.walk.levels = 2;
	v.walk.gpa = 0x5234;
	v.walk.guest_shift = 12;
	v.walk.host = 0xabc5234;
	v.walk.host_shift = 21;
	v.walk.cr3 = 0x9000;
	v.walk.nr = 2;
	v.walk.steps[0] = step(VMX_X_TABLES_GUEST, 1, 0x5003, VMX_X_STEP_LEAF, 4);
	v.walk.steps[0].host = 0x7001000;
	v.walk.steps[1] = step(VMX_X_TABLES_NESTED, 2, 0xa0000e7, VMX_X_STEP_LEAF);
	return v;
}

TEST(InspectWalk, Text)
{
	std::string text = walk_text(view());
	EXPECT_EQ(text.find("VM 2, vCPU 1: gva 0x401234, 32-bit paging, CR3 0x9000\n"), 0u);
	EXPECT_NE(text.find("guest   level 1"), std::string::npos);
	EXPECT_NE(text.find("(host 7001000)"), std::string::npos);
	EXPECT_NE(text.find("= guest-physical 0x5234, in a page of 4 KiB: read, write, supervisor"), std::string::npos);
	EXPECT_NE(text.find("= host-physical 0xabc5234, in a page of 2 MiB"), std::string::npos);
	WalkView v = view();
	v.walk.result = 0;
	v.walk.nr = 0;
	EXPECT_NE(walk_text(v).find("not canonical"), std::string::npos);
	v.walk.result = VMX_X_WALK_CANONICAL;
	EXPECT_NE(walk_text(v).find("lead nowhere"), std::string::npos);
	v.walk.flags = VMX_X_WALK_PHYSICAL;
	v.walk.result = VMX_X_WALK_CANONICAL | VMX_X_WALK_GPA | VMX_X_WALK_SHADOW;
	EXPECT_NE(walk_text(v).find("a physical address has no tables"), std::string::npos);
}

TEST(InspectWalk, JsonAndHidden)
{
	WalkView v = view();
	auto json = nlohmann::json::parse(walk_json(v));
	EXPECT_EQ(json["gpa"], 0x5234);
	EXPECT_EQ(json["host"], 0xabc5234);
	EXPECT_EQ(json["host_page"], 2 << 20);
	EXPECT_EQ(json["steps"][0]["meaning"], (Words{"P", "RW"}));
	EXPECT_EQ(json["steps"][1]["address"], 0x1000);
	v.walk.result |= VMX_X_WALK_HIDDEN;
	v.walk.host = 0;
	for (unsigned i = 0; i < 2; i++)
		v.walk.steps[i].flags |= VMX_X_STEP_HIDDEN;
	json = nlohmann::json::parse(walk_json(v));
	EXPECT_FALSE(json.contains("host"));
	EXPECT_FALSE(json["steps"][1].contains("address"));
	EXPECT_EQ(json["steps"][0]["address"], 0x1000);
	EXPECT_NE(walk_text(v).find("at           hidden"), std::string::npos);
	EXPECT_EQ(walk_text(v).find("0xabc5234"), std::string::npos);
}

} // namespace
} // namespace vmx::test
