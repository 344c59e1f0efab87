// SPDX-License-Identifier: GPL-2.0-only
// The 8254, against the data sheet. Times are ns; one clock is about 838 ns.
#include <gtest/gtest.h>

#include "pure/pit.h"

namespace {

constexpr u64 kStart = 1000000000;

// The first ns at which n clocks have passed.
u64 clocks(u64 n) { return n * 1000000000ull / PIT_FREQUENCY + 1; }

class Pit : public testing::Test {
 protected:
  Pit() { pit_reset(&p_, kStart); }

  void wr(u16 port, u8 val, u64 t = 0) { pit_write(&p_, port, val, kStart + t); }
  u8 rd(u16 port, u64 t = 0) { return pit_read(&p_, port, kStart + t); }
  // Control word (word access), then the count.
  void load(u32 ch, u32 mode, u16 count, u64 t = 0, bool bcd = false) {
    wr(0x43, static_cast<u8>(ch << 6 | 0x30 | mode << 1 | bcd), t);
    wr(0x40 + ch, static_cast<u8>(count), t);
    wr(0x40 + ch, static_cast<u8>(count >> 8), t);
  }
  bool out(u32 ch, u64 n) { return pit_output(&p_, ch, kStart + clocks(n)); }
  u32 count(u32 ch, u64 n) { return pit_count(&p_, ch, kStart + clocks(n)); }
  u64 next() { return pit_timer_next(&p_) ? pit_timer_next(&p_) - kStart : 0; }

  struct pit p_;
};

TEST_F(Pit, Reset) {
  EXPECT_EQ(next(), 0u);
  EXPECT_EQ(rd(0x43), 0xff);
  EXPECT_EQ(p_.ch[2].gate, 0);
}

TEST_F(Pit, Mode0InterruptOnTerminalCount) {
  load(0, 0, 1000);
  EXPECT_FALSE(out(0, 0));
  EXPECT_EQ(count(0, 300), 700u);
  EXPECT_FALSE(out(0, 999));
  EXPECT_TRUE(out(0, 1000));
  EXPECT_TRUE(out(0, 5000));
  EXPECT_EQ(count(0, 1001), 0xffffu) << "it wraps and goes on";
  EXPECT_EQ(next(), clocks(1000));
  EXPECT_TRUE(pit_timer_expire(&p_, kStart + clocks(1000)));
  EXPECT_EQ(next(), 0u);
}

TEST_F(Pit, Mode1OneShotWantsATrigger) {
  wr(0x61, 0);
  load(2, 1, 500);
  EXPECT_TRUE(out(2, 0)) << "high before the trigger";
  wr(0x61, 1, 0);
  EXPECT_FALSE(out(2, 0));
  EXPECT_FALSE(out(2, 499));
  EXPECT_TRUE(out(2, 500));
  // Retriggerable.
  wr(0x61, 0, clocks(600));
  wr(0x61, 1, clocks(700));
  EXPECT_FALSE(out(2, 701));
  EXPECT_TRUE(out(2, 1201));
  load(0, 1, 500);
  EXPECT_EQ(next(), 0u) << "counter 0's gate never rises";
}

TEST_F(Pit, Mode2RateGenerator) {
  load(0, 2, 1000);
  EXPECT_TRUE(out(0, 0));
  EXPECT_TRUE(out(0, 998));
  EXPECT_FALSE(out(0, 999)) << "one clock low";
  EXPECT_TRUE(out(0, 1000));
  EXPECT_FALSE(out(0, 1999));
  EXPECT_EQ(count(0, 0), 1000u);
  EXPECT_EQ(count(0, 1), 999u);
  EXPECT_EQ(count(0, 999), 1u);
  EXPECT_EQ(count(0, 1000), 1000u) << "never 0";
}

TEST_F(Pit, Mode3SquareWave) {
  load(0, 3, 1000);
  EXPECT_TRUE(out(0, 0));
  EXPECT_TRUE(out(0, 499));
  EXPECT_FALSE(out(0, 500));
  EXPECT_FALSE(out(0, 999));
  EXPECT_TRUE(out(0, 1000));
  EXPECT_EQ(count(0, 100), 800u) << "by twos";
  EXPECT_EQ(count(0, 600), 800u) << "twice per period";
  load(0, 3, 5);
  EXPECT_TRUE(out(0, 2)) << "an odd count is high for (n + 1) / 2";
  EXPECT_FALSE(out(0, 3));
}

TEST_F(Pit, Mode4SoftwareStrobe) {
  load(0, 4, 300);
  EXPECT_TRUE(out(0, 299));
  EXPECT_FALSE(out(0, 300));
  EXPECT_TRUE(out(0, 301));
  EXPECT_EQ(next(), clocks(300));
}

TEST_F(Pit, Mode5HardwareStrobe) {
  load(2, 5, 300);
  EXPECT_TRUE(out(2, 300));
  wr(0x61, 1, 0);
  EXPECT_FALSE(out(2, 300));
  EXPECT_TRUE(out(2, 301));
}

TEST_F(Pit, ModesSixAndSevenAreTwoAndThree) {
  load(0, 6, 1000);
  EXPECT_EQ(p_.ch[0].mode, 2);
  load(0, 7, 1000);
  EXPECT_EQ(p_.ch[0].mode, 3);
}

TEST_F(Pit, ZeroIsTheLargestCount) {
  load(0, 2, 0);
  EXPECT_EQ(p_.ch[0].count, 0x10000u);
  EXPECT_EQ(count(0, 0), 0u) << "65536 does not fit 16 bits";
  EXPECT_EQ(count(0, 1), 0xffffu);
  load(0, 2, 0, 0, true);
  EXPECT_EQ(p_.ch[0].count, 10000u);
}

TEST_F(Pit, Bcd) {
  load(0, 2, 0x1234, 0, true);
  EXPECT_EQ(p_.ch[0].count, 1234u);
  EXPECT_EQ(count(0, 1), 0x1233u);
  EXPECT_EQ(count(0, 35), 0x1199u);
  load(0, 0, 0x0005, 0, true);
  EXPECT_EQ(count(0, 6), 0x9999u) << "wraps in decimal";
}

TEST_F(Pit, ByteAccessModes) {
  wr(0x43, 0x14);  // counter 0, low byte only, mode 2
  wr(0x40, 50);
  EXPECT_EQ(p_.ch[0].count, 50u);
  EXPECT_EQ(rd(0x40), 50);
  wr(0x43, 0x24);  // high byte only
  wr(0x40, 2);
  EXPECT_EQ(p_.ch[0].count, 512u);
  EXPECT_EQ(rd(0x40), 2);
}

TEST_F(Pit, CounterLatch) {
  load(0, 2, 1000);
  wr(0x43, 0x00, clocks(10));
  wr(0x43, 0x00, clocks(500));  // ignored: the first is not read yet
  EXPECT_EQ(rd(0x40, clocks(600)), 990 & 0xff);
  EXPECT_EQ(rd(0x40, clocks(700)), 990 >> 8);
  EXPECT_EQ(rd(0x40, clocks(300)), 700 & 0xff) << "then the running count";
  EXPECT_EQ(rd(0x40, clocks(300)), 700 >> 8);
}

TEST_F(Pit, ReadBack) {
  load(0, 2, 1000);
  load(2, 3, 200);
  wr(0x61, 1, 0);
  wr(0x43, 0xca, clocks(20));  // count and status... of counters 0 and 2: 0xca = 11 00 1010
  // Bits 5 and 4 are low: both are latched; the status comes first.
  EXPECT_EQ(rd(0x40), 0x80 | 0x30 | 2 << 1);
  EXPECT_EQ(rd(0x40), 980 & 0xff);
  EXPECT_EQ(rd(0x40), 980 >> 8);
  EXPECT_EQ(rd(0x42), 0x80 | 0x30 | 3 << 1);
  EXPECT_EQ(rd(0x42), 160);
  EXPECT_EQ(rd(0x42), 0);
  wr(0x43, 0xe2, clocks(150));  // status of counter 0 only
  EXPECT_EQ(rd(0x40), 0xb4);
}

TEST_F(Pit, PeriodicInterruptWithoutDrift) {
  load(0, 2, 11932);  // about 100 Hz
  p_.reinject = false;
  for (u64 n = 1; n <= 100; n++) {
    ASSERT_EQ(next(), clocks(n * 11932));
    ASSERT_FALSE(pit_timer_expire(&p_, kStart + next() - 1));
    ASSERT_TRUE(pit_timer_expire(&p_, kStart + next() + n % 7 * 1000));
  }
}

TEST_F(Pit, PeriodHasAMinimum) {
  for (u16 n : {1, 2, 3, 17, 200}) {
    load(0, 2, n);
    u64 first = next();
    EXPECT_GE(first + 1000, PIT_MIN_PERIOD_NS) << n;
    pit_timer_expire(&p_, kStart + first);
    EXPECT_GE(next() - first + 1000, PIT_MIN_PERIOD_NS) << n;
  }
}

TEST_F(Pit, Reinjection) {
  load(0, 2, 11932);
  u64 period = clocks(11932);
  EXPECT_TRUE(pit_timer_expire(&p_, kStart + next()));
  EXPECT_FALSE(pit_timer_expire(&p_, kStart + next())) << "the first is not ended";
  EXPECT_FALSE(pit_timer_expire(&p_, kStart + next() + 2 * period)) << "three at once";
  EXPECT_EQ(p_.pending, 4u);
  for (int i = 0; i < 4; i++) EXPECT_TRUE(pit_ack(&p_));
  EXPECT_FALSE(pit_ack(&p_));
  EXPECT_TRUE(pit_timer_expire(&p_, kStart + next()));
}

TEST_F(Pit, NoReinjection) {
  p_.reinject = false;
  load(0, 2, 11932);
  EXPECT_TRUE(pit_timer_expire(&p_, kStart + next()));
  EXPECT_TRUE(pit_timer_expire(&p_, kStart + next()));
  EXPECT_EQ(p_.pending, 0u);
  EXPECT_FALSE(pit_ack(&p_));
}

TEST_F(Pit, PendingIsBounded) {
  load(0, 2, 240);
  pit_timer_expire(&p_, kStart + next());
  pit_timer_expire(&p_, kStart + (1ull << 61));
  EXPECT_EQ(p_.pending, PIT_MAX_PENDING);
  EXPECT_GT(pit_timer_next(&p_), kStart + (1ull << 61));
}

TEST_F(Pit, HpetLegacyTakesTheInterrupt) {
  load(0, 2, 11932);
  p_.flags |= VMX_PIT_FLAGS_HPET_LEGACY;
  EXPECT_EQ(pit_timer_next(&p_), 0u);
}

TEST_F(Pit, SpeakerPort) {
  EXPECT_EQ(rd(0x61) & 0x23, 0x00 | (out(2, 0) ? 0x20 : 0));
  load(2, 3, 1000);
  wr(0x61, 0x03, 0);
  EXPECT_EQ(rd(0x61, clocks(10)) & 0x23, 0x23);
  EXPECT_EQ(rd(0x61, clocks(600)) & 0x23, 0x03);
  wr(0x61, 0x00, clocks(700));
  EXPECT_EQ(rd(0x61, clocks(800)) & 0x23, 0x20) << "gate low: output high";
  EXPECT_NE(rd(0x61, 0) & 0x10, rd(0x61, 16384) & 0x10) << "refresh toggles";
}

TEST_F(Pit, GateHoldsMode0) {
  wr(0x61, 1, 0);
  load(2, 0, 1000);
  wr(0x61, 0, clocks(400));
  EXPECT_EQ(count(2, 900), 600u) << "held";
  EXPECT_FALSE(out(2, 2000));
  wr(0x61, 1, clocks(2000));
  EXPECT_NEAR(count(2, 2100), 500u, 1);
  EXPECT_FALSE(out(2, 2598));
  EXPECT_TRUE(out(2, 2602));
}

TEST_F(Pit, GateRestartsMode2) {
  wr(0x61, 1, 0);
  load(2, 2, 1000);
  wr(0x61, 0, clocks(400));
  EXPECT_EQ(count(2, 700), 1000u);
  wr(0x61, 1, clocks(700));
  EXPECT_NEAR(count(2, 800), 900u, 1);
}

TEST_F(Pit, MeasuringWithCounter2) {
  // What Linux does to calibrate: mode 0 with gate, wait for the output in port 0x61.
  wr(0x61, 0x01, 0);
  load(2, 0, 0x0e90 /* about 3 ms */);
  EXPECT_EQ(rd(0x61, clocks(0xe8f)) & 0x20, 0);
  EXPECT_EQ(rd(0x61, clocks(0xe90)) & 0x20, 0x20);
}

TEST_F(Pit, StateRoundTrip) {
  load(0, 2, 11932);
  wr(0x61, 0x03, 0);
  struct vmx_pit_state2 s;
  pit_get_state(&p_, &s);
  EXPECT_EQ(s.channels[0].count, 11932u);
  EXPECT_EQ(s.channels[0].mode, 2);
  EXPECT_EQ(s.channels[0].rw_mode, 3);
  EXPECT_EQ(s.channels[2].gate, 1);
  EXPECT_EQ(s.flags, VMX_PIT_FLAGS_SPEAKER_DATA_ON);
  struct pit q;
  pit_reset(&q, 0);
  pit_set_state(&q, &s, 5 * kStart);
  EXPECT_EQ(pit_timer_next(&q), 5 * kStart + clocks(11932));
  EXPECT_EQ(q.flags, p_.flags);
}

TEST_F(Pit, StateFromTheVmmIsNotTrusted) {
  struct vmx_pit_state2 s;
  memset(&s, 0xff, sizeof(s));
  pit_set_state(&p_, &s, kStart);
  for (u16 port : {0x40, 0x41, 0x42, 0x61}) rd(port, 12345);
  memset(&s, 0, sizeof(s));
  pit_set_state(&p_, &s, kStart);
  for (u16 port : {0x40, 0x41, 0x42, 0x61}) rd(port, 12345);
  EXPECT_EQ(p_.ch[0].count, 0x10000u);
}

}  // namespace
