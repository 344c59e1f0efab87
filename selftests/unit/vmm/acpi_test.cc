// SPDX-License-Identifier: GPL-2.0-only
// AML encoding and the ACPI tables; also what iasl makes of them.
#include "acpi/tables.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <numeric>

#include "acpi/aml.h"
#include "base/fd.h"
#include "machine/layout.h"

namespace vmx::test {
namespace {

namespace fs = std::filesystem;

unsigned sum(std::span<const uint8_t> bytes)
{
	return std::accumulate(bytes.begin(), bytes.end(), 0u) & 0xff;
}

std::string signature(std::span<const uint8_t> t)
{
	return std::string(t.begin(), t.begin() + 4);
}

TEST(Aml, Integers)
{
	EXPECT_EQ(aml::integer(0), (Bytes{0x00}));
	EXPECT_EQ(aml::integer(1), (Bytes{0x01}));
	EXPECT_EQ(aml::integer(0xff), (Bytes{0x0a, 0xff}));
	EXPECT_EQ(aml::integer(0x100), (Bytes{0x0b, 0x00, 0x01}));
	EXPECT_EQ(aml::integer(0x12345678), (Bytes{0x0c, 0x78, 0x56, 0x34, 0x12}));
	EXPECT_EQ(aml::integer(1ull << 32), (Bytes{0x0e, 0, 0, 0, 0, 1, 0, 0, 0}));
}

TEST(Aml, Paths)
{
	EXPECT_EQ(aml::path("COM1"), (Bytes{'C', 'O', 'M', '1'}));
	EXPECT_EQ(aml::path("\\_SB"), (Bytes{'\\', '_', 'S', 'B', '_'}));
	EXPECT_EQ(aml::path("_SB.A"), (Bytes{0x2e, '_', 'S', 'B', '_', 'A', '_', '_', '_'}));
	EXPECT_EQ(aml::path("A.B.C")[0], 0x2f);
	EXPECT_EQ(aml::path("A.B.C")[1], 3);
	EXPECT_EQ(aml::path("\\"), (Bytes{'\\', 0}));
	EXPECT_DEATH(aml::path("lower"), "");
	EXPECT_DEATH(aml::path("TOOLONG"), "");
	EXPECT_DEATH(aml::path("A..B"), "");
	EXPECT_DEATH(aml::path("1AB"), "");
}

TEST(Aml, EisaIdAndString)
{
	EXPECT_EQ(aml::eisa_id("PNP0501"), (Bytes{0x0c, 0x41, 0xd0, 0x05, 0x01}));
	EXPECT_EQ(aml::string("ab"), (Bytes{0x0d, 'a', 'b', 0}));
}

// PkgLength changes its own size at 63, 4095 and 1048575.
TEST(Aml, PackageLengthBorders)
{
	for (size_t payload : {0ul, 50ul, 58ul, 59ul, 60ul, 61ul, 62ul, 63ul, 64ul, 4084ul, 4085ul, 4090ul, 4091ul,
			       4092ul, 4093ul, 4096ul, 1048560ul, 1048572ul, 1048580ul}) {
		Bytes b = aml::buffer(Bytes(payload, 0x55));
		ASSERT_EQ(b[0], 0x11);
		unsigned extra = b[1] >> 6;
		size_t length = extra ? b[1] & 0x0f : b[1] & 0x3f;
		for (unsigned i = 0; i < extra; i++)
			length |= size_t{b[2 + i]} << (4 + 8 * i);
		EXPECT_EQ(length, b.size() - 1) << payload;
		if (extra == 0) {
			EXPECT_LT(length, 64u);
		} else {
			EXPECT_EQ(b[1] & 0x30, 0);
		}
	}
}

TEST(Aml, Resources)
{
	Bytes r = aml::resources({aml::io(0x3f8, 8), aml::irq(4)});
	EXPECT_EQ(r, (Bytes{0x11, 0x10, 0x0a, 0x0d, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08, 0x22, 0x10, 0x00,
			    0x79, 0x00}));
}

struct Tables : testing::TestWithParam<unsigned> {
	acpi::Blob blob = acpi::build({GetParam(), 0}, layout::acpi_area);

	std::span<const uint8_t> at(uint64_t addr)
	{
		auto all = std::span<const uint8_t>(blob.bytes).subspan(addr - layout::acpi_area);
		return all.first(load<uint32_t>(all, 4));
	}
	std::span<const uint8_t> find(const std::string &name)
	{
		auto rsdp = std::span<const uint8_t>(blob.bytes);
		auto xsdt = at(load<uint64_t>(rsdp, 24));
		for (size_t i = 36; i < xsdt.size(); i += 8) {
			auto t = at(load<uint64_t>(xsdt, i));
			if (signature(t) == name)
				return t;
		}
		return {};
	}
};

TEST_P(Tables, ChecksumsAndPointers)
{
	auto rsdp = std::span<const uint8_t>(blob.bytes);
	EXPECT_EQ(std::string(rsdp.begin(), rsdp.begin() + 8), "RSD PTR ");
	EXPECT_EQ(blob.rsdp_addr % 16, 0u); // a scan looks at multiples of 16
	EXPECT_EQ(sum(rsdp.first(20)), 0u);
	EXPECT_EQ(sum(rsdp.first(36)), 0u);
	EXPECT_EQ(rsdp[15], 2);
	auto xsdt = at(load<uint64_t>(rsdp, 24));
	EXPECT_EQ(signature(xsdt), "XSDT");
	EXPECT_EQ(sum(xsdt), 0u);
	for (const char *name : {"FACP", "APIC"}) {
		ASSERT_FALSE(find(name).empty()) << name;
		EXPECT_EQ(sum(find(name)), 0u) << name;
	}
	auto fadt = find("FACP");
	ASSERT_EQ(fadt.size(), 276u);
	auto dsdt = at(load<uint64_t>(fadt, 140));
	EXPECT_EQ(signature(dsdt), "DSDT");
	EXPECT_EQ(sum(dsdt), 0u);
	EXPECT_EQ(load<uint32_t>(fadt, 40), load<uint64_t>(fadt, 140));
	auto facs = at(load<uint32_t>(fadt, 36));
	EXPECT_EQ(signature(facs), "FACS");
	EXPECT_EQ(load<uint32_t>(fadt, 36) % 64, 0u);
	EXPECT_LE(blob.bytes.size(), layout::acpi_area_end - layout::acpi_area);
}

TEST_P(Tables, Fadt)
{
	auto f = find("FACP");
	EXPECT_EQ(load<uint16_t>(f, 46), layout::irq_sci);
	EXPECT_EQ(load<uint32_t>(f, 56), 0x600u); // PM1a_EVT
	EXPECT_EQ(load<uint32_t>(f, 64), 0x604u); // PM1a_CNT
	EXPECT_EQ(load<uint32_t>(f, 76), 0x608u); // PM_TMR
	EXPECT_EQ(f[88], 4);
	EXPECT_EQ(f[89], 2);
	EXPECT_EQ(f[91], 4);
	EXPECT_EQ(f[108], 0x32);		       // century
	EXPECT_TRUE(load<uint32_t>(f, 112) & 1u << 10); // reset register
	EXPECT_EQ(load<uint64_t>(f, 120), 0xcf9u);
	EXPECT_EQ(f[128], 6);
	EXPECT_EQ(load<uint64_t>(f, 152), 0x600u); // X_PM1a_EVT
	EXPECT_EQ(load<uint64_t>(f, 176), 0x604u); // X_PM1a_CNT
	EXPECT_EQ(load<uint64_t>(f, 212), 0x608u); // X_PM_TMR
}

TEST_P(Tables, MadtHasEveryCpu)
{
	auto m = find("APIC");
	unsigned cpus = 0, ioapics = 0;
	for (size_t i = 44; i < m.size(); i += m[i + 1]) {
		ASSERT_GE(m[i + 1], 2);
		if (m[i] == 0) {
			EXPECT_EQ(m[i + 3], cpus);
			EXPECT_EQ(load<uint32_t>(m, i + 4), 1u);
			cpus++;
		}
		ioapics += m[i] == 1;
	}
	EXPECT_EQ(cpus, GetParam());
	EXPECT_EQ(ioapics, 1u);
}

INSTANTIATE_TEST_SUITE_P(Cpus, Tables, testing::Values(1u, 2u, 4u, 254u));

// Runs a command in `dir`; its output, and "" with a failure if it fails.
std::string run_in(const fs::path &dir, const std::string &command)
{
	std::string full = "cd '" + dir.string() + "' && " + command + " 2>&1";
	std::unique_ptr<FILE, int (*)(FILE *)> pipe(::popen(full.c_str(), "r"), ::pclose);
	std::string text;
	std::array<char, 4096> chunk;
	while (size_t n = ::fread(chunk.data(), 1, chunk.size(), pipe.get()))
		text.append(chunk.data(), n);
	EXPECT_EQ(::pclose(pipe.release()), 0) << full << "\n" << text;
	return text;
}

// Each table, taken apart and put together again by iasl, is what it was.
TEST(Iasl, DecompilesAndRecompilesClean)
{
	if (std::system("command -v iasl >/dev/null 2>&1") != 0)
		GTEST_SKIP() << "iasl is not installed (package acpica-tools)";
	std::string pattern = (fs::temp_directory_path() / "vmx-acpi-XXXXXX").string();
	ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
	fs::path dir = pattern;
	struct {
		const char *name;
		Bytes bytes;
	} tables[] = {{"dsdt", acpi::build_dsdt()}, {"apic", acpi::build_madt({4, 0})},
		      {"facp", acpi::build_fadt(0xe0040, 0xe0080)}};
	for (const auto &t : tables) {
		std::ofstream(dir / (std::string(t.name) + ".aml"), std::ios::binary)
			.write(reinterpret_cast<const char *>(t.bytes.data()), static_cast<std::streamsize>(t.bytes.size()));
		std::string name = t.name;
		run_in(dir, "iasl -p " + name + " -d " + name + ".aml");
		std::string said = run_in(dir, "iasl -we -p " + name + "2 " + name + ".dsl");
		if (name == "dsdt") { // data tables have no such line
			EXPECT_NE(said.find("0 Errors, 0 Warnings, 0 Remarks, 0 Optimizations"), std::string::npos) << said;
		}
		EXPECT_EQ(said.find("Warning  "), std::string::npos) << said;
		auto again = read_whole_file((dir / (name + "2.aml")).string(), 1 << 20);
		ASSERT_TRUE(again.ok()) << said;
		Bytes got = again.value(), want = t.bytes;
		ASSERT_EQ(got.size(), want.size());
		// iasl puts its own checksum and compiler identity in the header.
		for (Bytes *b : {&got, &want}) {
			(*b)[9] = 0;
			std::fill(b->begin() + 28, b->begin() + 36, 0);
		}
		EXPECT_EQ(got, want) << name;
	}
	fs::remove_all(dir);
}

} // namespace
} // namespace vmx::test
