// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/map.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace vmx::test {
namespace {

constexpr uint16_t write = VMX_X_RANGE_WRITE | VMX_X_RANGE_EXEC;

vmx_x_range range(uint64_t gpa, uint64_t pages, uint8_t level, uint16_t flags, uint64_t target = 0)
{
	vmx_x_range r{};
	r.gpa = gpa;
	r.pages = pages;
	r.target = target;
	r.flags = flags;
	r.level = level;
	return r;
}

MapView view()
{
	MapView v;
	v.vm_id = 4;
	v.slots = {range(0, 1024, 0, 0, 0x7f0000000000), range(0x40000000, 16, 0, VMX_X_RANGE_READONLY)};
	v.pages = {range(0x1000, 2, 1, write | VMX_X_RANGE_ACCESSED, 0x111000),
		   range(0x3000, 1, 1, write, 0x777000),
		   range(0x4000, 1, 1, write | VMX_X_RANGE_DIRTY, 0x888000),
		   range(0x200000, 512, 2, write | VMX_X_RANGE_DIRTY, 0xa00000),
		   range(0xd0000000, 1, 1, VMX_X_RANGE_DEVICE)};
	return v;
}

TEST(InspectMap, Runs)
{
	auto runs = map_runs(view());
	ASSERT_EQ(runs.size(), 4u);
	EXPECT_EQ(runs[0].gpa, 0x1000u);
	EXPECT_EQ(runs[0].pages, 3u); // neither frames nor accessed flags part it
	EXPECT_EQ(runs[1].pages, 1u);
	EXPECT_EQ(runs[2].level, 2);
	EXPECT_EQ(runs[3].flags, VMX_X_RANGE_DEVICE);
}

TEST(InspectMap, ShadowPagesThatMapTheSame)
{
	MapView v = view();
	v.shadow = true;
	v.pages = {range(0x5000, 1, 1, VMX_X_RANGE_EXEC), range(0x5000, 1, 1, write), range(0x4000, 1, 1, write)};
	auto runs = map_runs(v);
	ASSERT_EQ(runs.size(), 1u);
	EXPECT_EQ(runs[0].gpa, 0x4000u);
	EXPECT_EQ(runs[0].pages, 2u);
	EXPECT_EQ(runs[0].flags, write);
}

TEST(InspectMap, Cells)
{
	auto cells = map_cells(view(), 2000);
	ASSERT_EQ(cells.size(), 2u);
	EXPECT_EQ(cells[0].cell_pages, 1u);
	ASSERT_EQ(cells[0].cells.size(), 1024u);
	EXPECT_EQ(cells[0].cells[0].level[1], 0u);
	EXPECT_EQ(cells[0].cells[1].level[1], 1u);
	EXPECT_EQ(cells[0].cells[4].dirty, 1u);
	EXPECT_EQ(cells[0].cells[1023].level[2], 1u);
	EXPECT_EQ(cells[1].cells[0].level[1], 0u);
	MapView v = view();
	v.shadowed = {range(0x2000, 1, 3, 0), range(0x1ff000, 1, 1, VMX_X_RANGE_UNSYNC)};
	cells = map_cells(v, 10);
	EXPECT_EQ(cells[0].cell_pages, 128u);
	ASSERT_EQ(cells[0].cells.size(), 8u);
	EXPECT_EQ(cells[0].cells[0].level[1], 4u);
	EXPECT_EQ(cells[0].cells[0].shadowed, 1u);
	EXPECT_EQ(cells[0].cells[3].shadowed, 1u);
	EXPECT_EQ(cells[0].cells[4].level[2], 128u);
	EXPECT_EQ(cells[1].cells[0].pages, 16u); // the last one of a slot is what is left of it
}

TEST(InspectMap, Text)
{
	std::string text = map_text(view(), false);
	EXPECT_EQ(text.find("VM 4: guest-physical memory, nested paging\n"), 0u);
	EXPECT_NE(text.find("of 4.1 MiB are mapped 2.0 MiB: by 4 KiB 16 KiB, by 2 MiB 2 MiB, by 1 GiB 0 B"), std::string::npos);
	EXPECT_NE(text.find("000000200000-0000003fffff       2 MiB  2 MiB  writable, dirty\n"), std::string::npos) << text;
	EXPECT_NE(text.find("marked: no memory is there"), std::string::npos);
	EXPECT_NE(text.find("read-only\n"), std::string::npos);
	MapView many = view();
	many.pages.clear();
	for (uint64_t i = 0; i < 100; i++)
		many.pages.push_back(range(i * 0x2000, 1, 1, write));
	EXPECT_NE(map_text(many, false).find("... and 60 more"), std::string::npos);
	EXPECT_EQ(map_text(many, true).find("more"), std::string::npos);
}

TEST(InspectMap, Json)
{
	MapView v = view();
	v.shadowed = {range(0x2000, 1, 3, VMX_X_RANGE_UNSYNC)};
	auto json = nlohmann::json::parse(map_json(v));
	EXPECT_EQ(json["bytes"]["mapped_2m"], 2 << 20);
	EXPECT_EQ(json["bytes"]["dirty"], (2 << 20) + 4096);
	EXPECT_EQ(json["slots"][1]["readonly"], true);
	EXPECT_EQ(json["runs"][0]["bytes"], 3 * 4096);
	EXPECT_EQ(json["pages"][0]["host"], 0x111000);
	EXPECT_EQ(json["shadowed"][0]["in_sync"], false);
	v.hidden = true;
	EXPECT_FALSE(nlohmann::json::parse(map_json(v)).contains("pages"));
}

// What stands between the script element's tags.
std::string data_of(const std::string &html)
{
	const std::string open = "<script type=\"application/json\" id=\"data\">", close = "</script>";
	size_t from = html.find(open) + open.size();
	return html.substr(from, html.find(close, from) - from);
}

TEST(InspectMap, HtmlEscapesAndHoldsAll)
{
	const std::string title = "</script><script>alert(1)</script><!-- & \xff";
	std::string html = map_html(view(), title);
	EXPECT_EQ(html.find("alert(1)</script>"), std::string::npos);
	std::string data = data_of(html);
	EXPECT_EQ(data.find_first_of("<>&"), std::string::npos);
	auto json = nlohmann::json::parse(data);
	EXPECT_EQ(json["title"].get<std::string>().find("</script><script>alert(1)</script><!-- & "), 0u);
	ASSERT_EQ(json["slots"].size(), 2u);
	EXPECT_EQ(json["slots"][0]["cells"].size(), 1024u);
	EXPECT_EQ(json["slots"][0]["cells"][4], nlohmann::json({1, 1, 0, 0, 1, 1, 0, 0, 0}));
	for (const char *outside : {"https://", " src=", " href=", "@import", "url("})
		EXPECT_EQ(html.find(outside), std::string::npos) << outside;
}

// The script in it runs and draws every cell.
TEST(InspectMap, HtmlInABrowser)
{
	if (std::system("command -v chromium >/dev/null 2>&1") != 0)
		GTEST_SKIP() << "chromium is not installed";
	char name[] = "/tmp/vmx-map-XXXXXX.html";
	int fd = mkstemps(name, 5);
	ASSERT_GE(fd, 0);
	close(fd);
	MapView v = view();
	v.shadow = true;
	v.shadowed = {range(0x2000, 1, 3, 0)};
	std::ofstream(name) << map_html(v, "<b>a title</b>");
	std::string command = std::string("timeout 60 chromium --headless --no-sandbox --disable-gpu --dump-dom file://") +
			      name + " 2>/dev/null";
	FILE *browser = popen(command.c_str(), "r");
	ASSERT_NE(browser, nullptr);
	std::string dom;
	for (int c; (c = fgetc(browser)) != EOF;)
		dom += static_cast<char>(c);
	pclose(browser);
	unlink(name);
	EXPECT_NE(dom.find("data-drawn=\"1040\""), std::string::npos);
	EXPECT_NE(dom.find("<h1 id=\"title\">&lt;b&gt;a title&lt;/b&gt;</h1>"), std::string::npos);
	EXPECT_NE(dom.find("Shadowed tables</button>"), std::string::npos);
}

TEST(InspectMap, Bytes)
{
	EXPECT_EQ(bytes_text(0), "0 B");
	EXPECT_EQ(bytes_text(4096), "4 KiB");
	EXPECT_EQ(bytes_text(3ull << 19), "1.5 MiB");
	EXPECT_EQ(bytes_text(1ull << 40), "1 TiB");
}

} // namespace
} // namespace vmx::test
