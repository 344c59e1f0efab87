// SPDX-License-Identifier: GPL-2.0-only
#include "machine/bus.h"

#include <gtest/gtest.h>

#include "fakes.h"

namespace vmx::test {
namespace {

// Answers with its tag; remembers what was written where.
struct Probe final : Device {
	explicit Probe(uint8_t t) : tag(t) {}
	std::string_view name() const override { return "probe"; }
	void read(unsigned region, uint64_t offset, std::span<uint8_t> data) override
	{
		last_region = region;
		last_offset = offset;
		for (auto &b : data)
			b = tag;
	}
	void write(unsigned region, uint64_t offset, std::span<const uint8_t> data) override
	{
		last_region = region;
		last_offset = offset;
		written.assign(data.begin(), data.end());
	}
	uint8_t tag;
	unsigned last_region = 99;
	uint64_t last_offset = 99;
	Bytes written;
};

struct BusTest : testing::Test {
	Bus bus{"ports", 0x10000};
	Probe a{0xaa}, b{0xbb};

	uint32_t read32(uint64_t addr)
	{
		std::array<uint8_t, 4> data = {};
		bus.read(addr, data);
		return load<uint32_t>(data, 0);
	}
};

TEST_F(BusTest, RoutesWithOffsetAndRegion)
{
	ASSERT_TRUE(bus.insert(0x100, 8, a, 3).ok());
	std::array<uint8_t, 2> data = {};
	bus.read(0x106, data);
	EXPECT_EQ(data[1], 0xaa);
	EXPECT_EQ(a.last_region, 3u);
	EXPECT_EQ(a.last_offset, 6u);
}

TEST_F(BusTest, RefusesOverlaps)
{
	ASSERT_TRUE(bus.insert(0x100, 8, a).ok());
	for (auto [base, size] : {std::pair<uint64_t, uint64_t>{0x100, 8}, {0x107, 1}, {0xff, 2}, {0xf0, 0x100},
				  {0x102, 2}, {0x100, 1}}) {
		auto r = bus.insert(base, size, b);
		EXPECT_FALSE(r.ok()) << std::hex << base << "+" << size;
		EXPECT_EQ(r.error().code(), EEXIST);
	}
	EXPECT_TRUE(bus.insert(0x108, 1, b).ok());
	EXPECT_TRUE(bus.insert(0xf8, 8, b).ok());
}

TEST_F(BusTest, RefusesEmptyAndOutside)
{
	EXPECT_FALSE(bus.insert(0x100, 0, a).ok());
	EXPECT_FALSE(bus.insert(0x10000, 1, a).ok());
	EXPECT_FALSE(bus.insert(0xffff, 2, a).ok());
	EXPECT_FALSE(bus.insert(1, UINT64_MAX, a).ok());
	EXPECT_TRUE(bus.insert(0xffff, 1, a).ok());
}

TEST_F(BusTest, SplitsAtBorders)
{
	ASSERT_TRUE(bus.insert(0x100, 2, a).ok());
	ASSERT_TRUE(bus.insert(0x102, 1, b).ok());
	EXPECT_EQ(read32(0x100), 0xffbbaaaau);
	EXPECT_EQ(read32(0xff), 0xbbaaaaffu);
	EXPECT_EQ(read32(0xfd), 0xaaffffffu);
	bus.write(0x101, std::array<uint8_t, 2>{1, 2});
	EXPECT_EQ(a.written, (Bytes{1}));
	EXPECT_EQ(a.last_offset, 1u);
	EXPECT_EQ(b.written, (Bytes{2}));
	EXPECT_EQ(b.last_offset, 0u);
}

TEST_F(BusTest, UnclaimedReadsOnesAndIsCounted)
{
	EXPECT_EQ(read32(0x3e8), 0xffffffffu);
	EXPECT_EQ(bus.unclaimed(), 1u);
	EXPECT_EQ(bus.last_unclaimed(), 0x3e8u);
	bus.write(0x2f8, std::array<uint8_t, 1>{0});
	EXPECT_EQ(bus.unclaimed(), 2u);
}

TEST_F(BusTest, AccessAtTheTopDoesNotWrap)
{
	ASSERT_TRUE(bus.insert(0, 4, a).ok());
	EXPECT_EQ(read32(0xfffe), 0xffffffffu);
	Bus mmio("MMIO", UINT64_MAX);
	std::array<uint8_t, 8> data = {};
	mmio.read(UINT64_MAX - 3, data);
	EXPECT_EQ(load<uint64_t>(data, 0), UINT64_MAX);
}

} // namespace
} // namespace vmx::test
