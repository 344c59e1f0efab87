// SPDX-License-Identifier: GPL-2.0-only
#include "devices/cmos.h"

#include <gtest/gtest.h>

#include "fakes.h"

namespace vmx::test {
namespace {

constexpr int64_t s_2024_02_29 = 1709210096; // Thu 2024-02-29 12:34:56 UTC

struct CmosTest : testing::Test {
	FakeIrq irq;
	FakeClock clock;
	FakeTimer timer;

	Cmos cmos{irq, clock_at_leap_day(), timer};

	FakeClock &clock_at_leap_day()
	{
		clock.real = s_2024_02_29 * ns_per_s;
		return clock;
	}
	uint8_t get(uint8_t index)
	{
		out(cmos, 0, index);
		return in(cmos, 1);
	}
	void set(uint8_t index, uint8_t value)
	{
		out(cmos, 0, index);
		out(cmos, 1, value);
	}
	void pass(int64_t ns)
	{
		clock.advance(ns);
		cmos.timer_fired();
	}
	std::vector<int> time()
	{
		std::vector<int> t;
		for (uint8_t i : {0x32, 9, 8, 7, 6, 4, 2, 0})
			t.push_back(get(i));
		return t;
	}
};

TEST_F(CmosTest, TimeInBcd)
{
	EXPECT_EQ(time(), (std::vector<int>{0x20, 0x24, 0x02, 0x29, 5, 0x12, 0x34, 0x56}));
	clock.advance(86400 * ns_per_s);
	EXPECT_EQ(time(), (std::vector<int>{0x20, 0x24, 0x03, 0x01, 6, 0x12, 0x34, 0x56}));
	EXPECT_EQ(get(0x0d), 0x80);
}

TEST_F(CmosTest, BinaryAndTwelveHours)
{
	set(0x0b, 0x04); // binary, 12 hours
	EXPECT_EQ(time(), (std::vector<int>{20, 24, 2, 29, 5, 12 | 0x80, 34, 56}));
	clock.advance(12 * 3600 * ns_per_s);
	EXPECT_EQ(get(4), 12); // half past midnight
	clock.advance(3600 * ns_per_s);
	EXPECT_EQ(get(4), 1);
}

TEST_F(CmosTest, IndexPortIgnoresTheNmiBit)
{
	out(cmos, 0, uint8_t{0x80});
	EXPECT_EQ(in(cmos, 1), 0x56);
	EXPECT_EQ(in(cmos, 0), 0xff); // write-only
}

TEST_F(CmosTest, GuestSetsTheTime)
{
	set(0x0b, 0x82); // SET
	clock.advance(5 * ns_per_s);
	EXPECT_EQ(get(0), 0x56); // stopped
	set(0x32, 0x19), set(9, 0x99), set(8, 0x12), set(7, 0x31), set(4, 0x23), set(2, 0x59), set(0, 0x58);
	set(0x0b, 0x02);
	EXPECT_EQ(time(), (std::vector<int>{0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x58}));
	clock.advance(2 * ns_per_s);
	EXPECT_EQ(time(), (std::vector<int>{0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0}));
	set(4, 0x07); // without SET
	EXPECT_EQ(get(4), 0x07);
	EXPECT_EQ(get(2), 0);
}

TEST_F(CmosTest, NonsenseTimesAreBounded)
{
	set(0x0b, 0x82);
	for (uint8_t i : {0x32, 9, 8, 7, 4, 2, 0})
		set(i, 0xff);
	set(0x0b, 0x02);
	EXPECT_EQ(get(4), 0x23);
	EXPECT_EQ(get(2), 0x59);
}

TEST_F(CmosTest, UpdateInProgress)
{
	EXPECT_EQ(get(0x0a), 0x26);
	clock.advance(ns_per_s - 100'000);
	EXPECT_EQ(get(0x0a), 0xa6);
	clock.advance(100'000);
	EXPECT_EQ(get(0x0a), 0x26);
}

TEST_F(CmosTest, UpdateInterrupt)
{
	set(0x0b, 0x12);
	get(0x0c);
	EXPECT_EQ(timer.delay, ns_per_s);
	pass(ns_per_s);
	EXPECT_TRUE(irq.level);
	EXPECT_FALSE(timer.delay); // nothing more until it is acknowledged
	EXPECT_EQ(get(0x0c), 0xd0); // the periodic flag too, its interrupt is off
	EXPECT_FALSE(irq.level);
	EXPECT_EQ(get(0x0c), 0x00);
	EXPECT_EQ(timer.delay, ns_per_s);
}

TEST_F(CmosTest, FlagsWithoutInterrupts)
{
	get(0x0c);
	clock.advance(ns_per_s);
	EXPECT_EQ(get(0x0c) & 0x10, 0x10);
	EXPECT_FALSE(irq.level);
}

TEST_F(CmosTest, AlarmInterrupt)
{
	set(5, 0x12), set(3, 0x36), set(1, 0x10);
	set(0x0b, 0x22);
	get(0x0c);
	EXPECT_EQ(timer.delay, 74 * ns_per_s);
	pass(73 * ns_per_s);
	EXPECT_FALSE(irq.level);
	pass(ns_per_s);
	EXPECT_TRUE(irq.level);
	EXPECT_EQ(get(0x0c) & 0xa0, 0xa0);
	EXPECT_EQ(timer.delay, 86400 * ns_per_s); // tomorrow
}

TEST_F(CmosTest, AlarmWildcards)
{
	set(5, 0xff), set(3, 0xc0), set(1, 0x00);
	set(0x0b, 0x22);
	EXPECT_EQ(timer.delay, 4 * ns_per_s); // each full minute
	set(1, 0xff);
	EXPECT_EQ(timer.delay, ns_per_s);
}

TEST_F(CmosTest, AlarmThatNeverComesIsNotSearchedForLong)
{
	set(0x0b, 0x26); // binary
	set(5, 99), set(3, 99), set(1, 99);
	EXPECT_FALSE(timer.delay);
	set(5, 0xff);
	EXPECT_FALSE(timer.delay);
	set(3, 0xff);
	EXPECT_FALSE(timer.delay);
}

TEST_F(CmosTest, PeriodicInterrupt)
{
	set(0x0b, 0x42);
	ASSERT_TRUE(timer.delay);
	EXPECT_LE(*timer.delay, 976'563);
	pass(1'000'000);
	EXPECT_TRUE(irq.level);
	EXPECT_EQ(get(0x0c) & 0xc0, 0xc0);
	set(0x0a, 0x20); // rate 0: off
	EXPECT_FALSE(timer.delay);
}

TEST_F(CmosTest, RamKeepsBytes)
{
	set(0x0f, 0x5a), set(0x7f, 0xa5);
	EXPECT_EQ(get(0x0f), 0x5a);
	EXPECT_EQ(get(0x7f), 0xa5);
}

TEST_F(CmosTest, HostClockJumpsBack)
{
	set(0x0b, 0x32);
	clock.real -= 3600 * ns_per_s;
	cmos.timer_fired();
	EXPECT_EQ(get(4), 0x11);
	EXPECT_EQ(get(0x0c) & 0x20, 0);
}

} // namespace
} // namespace vmx::test
