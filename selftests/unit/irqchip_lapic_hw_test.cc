// SPDX-License-Identifier: GPL-2.0-only
// A local APIC whose interrupts hardware delivers: what the CPU may do to its page between an entry and an
// exit (SDM 3C 29), done here by hand, and what the model makes of it.
#include <gtest/gtest.h>

#include <array>

#include "pure/lapic_hw.h"

namespace {

class LapicHw : public testing::Test {
 protected:
  LapicHw() {
    l_.regs = page_.data();
    lapic_init(&l_, true);
    lapic_page_write(&l_, LAPIC_SVR, 4, 0x1ff, 0);
  }

  u32 reg(u32 r) { return lapic_reg(&l_, r); }
  bool bit(u32 bank, u32 vec) { return reg(bank + vec / 32 * 16) >> (vec % 32) & 1; }

  // What the hardware does to one bit of a bank.
  void hw_bit(u32 bank, u32 vec, bool on) {
    const u32 r = bank + vec / 32 * 16, b = 1u << (vec % 32);
    lapic_reg_set(&l_, r, on ? reg(r) | b : reg(r) & ~b);
  }
  void hw_deliver(u32 vec) {
    hw_bit(LAPIC_IRR, vec, false);
    hw_bit(LAPIC_ISR, vec, true);
  }
  u16 enter() { return lapic_hw_enter(&l_, &hw_); }
  u16 left() { return lapic_hw_left(&l_, &hw_); }
  // The guest's write, stored by the CPU, whose exit tells of it.
  u32 written(u32 r, u32 val, u64 now = 0) {
    enter();
    lapic_reg_set(&l_, r, val);
    left();
    return lapic_hw_write(&l_, r, lapic_hw_take(&l_, &hw_, r), now);
  }
  bool exits(u32 vec) {
    u64 bitmap[4];
    lapic_hw_eoi_exits(&l_, &post_, bitmap);
    return bitmap[vec / 64] >> (vec % 64) & 1;
  }
  void drain() { lapic_pir_drain(&l_, &post_); }

  alignas(64) std::array<u8, LAPIC_PAGE_SIZE> page_{};
  lapic l_{};
  lapic_hw hw_{};
  lapic_post post_{};
};

TEST_F(LapicHw, StatusIsTheTopsOfBothBanks) {
  EXPECT_EQ(enter(), 0);
  lapic_set_irr(&l_, 0x31, false);
  lapic_set_irr(&l_, 0xe5, false);
  EXPECT_EQ(enter(), 0xe5);
  lapic_ack(&l_, 0xe5);
  EXPECT_EQ(enter(), 0xe531);
  lapic_eoi(&l_);
  EXPECT_EQ(enter(), 0x31);
}

TEST_F(LapicHw, TheModelKnowsWhatWasDelivered) {
  lapic_set_irr(&l_, 0x31, false);
  lapic_set_irr(&l_, 0x82, false);
  enter();
  hw_deliver(0x82);
  EXPECT_EQ(left(), 0x8231);
  EXPECT_EQ(l_.isr_top, 0x82);
  EXPECT_EQ(lapic_irr_top(&l_), 0x31);
  EXPECT_EQ(lapic_pending(&l_), -1);
  EXPECT_EQ(lapic_ppr(&l_), 0x80u);
  // Ended by the CPU, and the next one delivered and ended too.
  hw_bit(LAPIC_ISR, 0x82, false);
  hw_bit(LAPIC_IRR, 0x31, false);
  EXPECT_EQ(left(), 0);
  EXPECT_EQ(l_.isr_top, -1);
  EXPECT_EQ(l_.irr_words, 0);
  EXPECT_EQ(l_.isr_words, 0);
}

TEST_F(LapicHw, TheModelKnowsWhatWasPosted) {
  enter();
  hw_bit(LAPIC_IRR, 0xf1, true);
  EXPECT_EQ(left(), 0xf1);
  EXPECT_EQ(lapic_pending(&l_), 0xf1);
  lapic_page_write(&l_, LAPIC_TPR, 4, 0xf0, 0);
  EXPECT_EQ(lapic_pending(&l_), -1);
}

// An end by software in the page, between two runs, is in the status of the next one.
TEST_F(LapicHw, EoiBySoftwareChangesTheStatus) {
  lapic_set_irr(&l_, 0x50, false);
  enter();
  hw_deliver(0x50);
  EXPECT_EQ(left(), 0x5000);
  EXPECT_EQ(lapic_page_write(&l_, LAPIC_EOI, 4, 0, 0), u32{LAPIC_FX_EOI});
  EXPECT_EQ(enter(), 0);
}

TEST_F(LapicHw, IllegalVectorsThatWerePostedAreErrors) {
  lapic_page_write(&l_, LAPIC_LVT_ERROR, 4, 0xfe, 0);
  enter();
  hw_bit(LAPIC_IRR, 5, true);
  hw_bit(LAPIC_IRR, 0x40, true);
  EXPECT_EQ(left(), 0x40);  // what the CPU holds
  EXPECT_FALSE(bit(LAPIC_IRR, 5));
  EXPECT_TRUE(bit(LAPIC_IRR, 0x40));
  EXPECT_EQ(l_.esr_pending, u32{LAPIC_ESR_RECEIVE_VECTOR});
  EXPECT_EQ(enter(), 0xfe);
}

// SET_LAPIC may have put them there: they stay (lapic_state.c).
TEST_F(LapicHw, LowVectorsOfTheVmmStay) {
  hw_bit(LAPIC_IRR, 5, true);
  lapic_recount(&l_);
  EXPECT_EQ(enter(), 5);
  EXPECT_EQ(left(), 5);
  EXPECT_TRUE(bit(LAPIC_IRR, 5));
  EXPECT_EQ(l_.esr_pending, 0u);
}

TEST_F(LapicHw, OnlyLevelsAndWatchedVectorsExitAtTheirEnd) {
  EXPECT_EQ(lapic_pir_post(&post_, 0x41, false), LAPIC_POST_NOTIFY);
  EXPECT_EQ(lapic_pir_hold(&post_, 0x62, true), LAPIC_POST_NOTIFY);
  lapic_watch(&post_, 0x93);
  EXPECT_EQ(lapic_pir_hold(&post_, 0x93, false), LAPIC_POST_QUIET);
  EXPECT_FALSE(exits(0x62));
  drain();
  EXPECT_FALSE(exits(0x41));
  EXPECT_TRUE(exits(0x62));
  EXPECT_TRUE(exits(0x93));
  EXPECT_TRUE(bit(LAPIC_IRR, 0x41) && bit(LAPIC_IRR, 0x62) && bit(LAPIC_IRR, 0x93));
  EXPECT_TRUE(lapic_unwatch(&post_, 0x93));
  EXPECT_FALSE(exits(0x93));
}

TEST_F(LapicHw, EndOfALevel) {
  lapic_pir_hold(&post_, 0x62, true);
  drain();
  enter();
  hw_deliver(0x62);
  left();
  hw_bit(LAPIC_ISR, 0x62, false);
  left();
  EXPECT_EQ(lapic_hw_ended(&l_, &post_, 0x62), u32{LAPIC_FX_EOI} | LAPIC_FX_EOI_LEVEL);
  EXPECT_EQ(l_.eoi_vector, 0x62);
  EXPECT_TRUE(exits(0x62));
  // The vector now belongs to something that sends edges: one exit more, and it is quiet.
  lapic_pir_post(&post_, 0x62, false);
  EXPECT_TRUE(exits(0x62));
  lapic_hw_ended(&l_, &post_, 0x62);
  EXPECT_FALSE(exits(0x62));
}

// In service and requested again, from a VMM that restored both: the second end is told of as well.
TEST_F(LapicHw, EndOfALevelThatIsRequestedAgain) {
  hw_bit(LAPIC_TMR, 0x62, true);
  hw_bit(LAPIC_IRR, 0x62, true);
  hw_bit(LAPIC_ISR, 0x62, true);
  lapic_recount(&l_);
  enter();
  hw_bit(LAPIC_ISR, 0x62, false);
  left();
  EXPECT_TRUE(lapic_hw_ended(&l_, &post_, 0x62) & LAPIC_FX_EOI_LEVEL);
  EXPECT_TRUE(exits(0x62));
  hw_deliver(0x62);
  hw_bit(LAPIC_ISR, 0x62, false);
  left();
  EXPECT_TRUE(lapic_hw_ended(&l_, &post_, 0x62) & LAPIC_FX_EOI_LEVEL);
  EXPECT_FALSE(exits(0x62));
}

TEST_F(LapicHw, EndOfALevelIsTheGuestsOwnBusiness) {
  l_.directed_eoi = true;
  lapic_page_write(&l_, LAPIC_SVR, 4, 0x11ff, 0);
  lapic_pir_hold(&post_, 0x62, true);
  drain();
  EXPECT_EQ(lapic_hw_ended(&l_, &post_, 0x62), u32{LAPIC_FX_EOI});
}

TEST_F(LapicHw, HeldIsApartFromWhatTheHardwareTakes) {
  lapic_pir_hold(&post_, 0x62, true);
  EXPECT_EQ(lapic_pir_hold(&post_, 0x62, true), LAPIC_POST_COALESCED);
  EXPECT_EQ(post_.pi.pir[1], 0u);
  EXPECT_EQ(post_.pi.control & LAPIC_PIR_ON, 0u);
  EXPECT_TRUE(lapic_pir_pending(&post_));
  // The hardware has processed a notification: ON is clear, the other flag is not its.
  lapic_pir_post(&post_, 0x31, false);
  post_.pi.control &= ~u64{LAPIC_PIR_ON};
  post_.pi.pir[0] = 0;
  EXPECT_TRUE(lapic_pir_pending(&post_));
  drain();
  EXPECT_FALSE(lapic_pir_pending(&post_));
  EXPECT_TRUE(bit(LAPIC_IRR, 0x62));
  EXPECT_TRUE(bit(LAPIC_TMR, 0x62));
  lapic_pir_hold(&post_, 0x63, true);
  lapic_pir_clear(&post_);
  EXPECT_FALSE(lapic_pir_pending(&post_));
  lapic_pir_hold(&post_, 0x64, true);
  drain();
  EXPECT_FALSE(bit(LAPIC_IRR, 0x63));
  EXPECT_TRUE(bit(LAPIC_IRR, 0x64));
}

// Writes that exit when they are done: as if they had not been done yet.

TEST_F(LapicHw, SvrWrite) {
  lapic_page_write(&l_, LAPIC_LVT_LINT0, 4, 0x700, 0);
  EXPECT_EQ(written(LAPIC_SVR, 0xff), u32{LAPIC_FX_MAP} | LAPIC_FX_TIMER | LAPIC_FX_LINT0);
  EXPECT_EQ(reg(LAPIC_SVR), 0xffu);
  EXPECT_EQ(reg(LAPIC_LVT_LINT0), 0x10700u);
  // Reserved bits do not stay, and the local vectors cannot be unmasked now.
  EXPECT_EQ(written(LAPIC_LVT_LINT0, 0x700), u32{LAPIC_FX_LINT0});
  EXPECT_EQ(reg(LAPIC_LVT_LINT0), 0x10700u);
  EXPECT_EQ(written(LAPIC_SVR, 0xfffff1ff), u32{LAPIC_FX_MAP});
  EXPECT_EQ(reg(LAPIC_SVR), 0x1ffu);
  EXPECT_EQ(written(LAPIC_SVR, 0x1f0), 0u);
}

TEST_F(LapicHw, TimerModeAndCount) {
  written(LAPIC_TIMER_DIVIDE, 0xb);
  written(LAPIC_LVT_TIMER, 0x20031);
  EXPECT_EQ(written(LAPIC_TIMER_INITIAL, 1000000, 5000), u32{LAPIC_FX_TIMER});
  u64 at = 0;
  EXPECT_EQ(lapic_timer_next(&l_, &at), LAPIC_TIMER_NS);
  EXPECT_EQ(at, 1005000u);
  // To deadline mode: disarmed, and the count reads as 0 from then on, whatever is written.
  written(LAPIC_LVT_TIMER, 0x40031, 6000);
  EXPECT_EQ(lapic_timer_next(&l_, &at), LAPIC_TIMER_OFF);
  EXPECT_EQ(written(LAPIC_TIMER_INITIAL, 77, 7000), 0u);
  EXPECT_EQ(reg(LAPIC_TIMER_INITIAL), 0u);
}

TEST_F(LapicHw, OtherWrites) {
  EXPECT_EQ(written(LAPIC_ICR, 0x000c4031), u32{LAPIC_FX_IPI});
  EXPECT_EQ(lapic_icr(&l_), 0xc4031u);
  EXPECT_EQ(written(LAPIC_ICR, 0x00044005), 0u);  // an illegal vector
  EXPECT_EQ(written(LAPIC_ESR, 0x1234), 0u);
  EXPECT_EQ(reg(LAPIC_ESR), u32{LAPIC_ESR_SEND_VECTOR});
  EXPECT_EQ(written(LAPIC_ID, 0xa5123456), u32{LAPIC_FX_MAP});
  EXPECT_EQ(reg(LAPIC_ID), 0xa5000000u);
  EXPECT_EQ(written(LAPIC_DFR, 0), u32{LAPIC_FX_MAP});
  EXPECT_EQ(reg(LAPIC_DFR), 0x0fffffffu);
}

TEST_F(LapicHw, X2SelfIpiOfAnIllegalVector) {
  lapic_base_set(&l_, l_.base | LAPIC_BASE_X2APIC);
  EXPECT_EQ(written(LAPIC_SELF_IPI, 5), 0u);
  EXPECT_EQ(l_.esr_pending, u32{LAPIC_ESR_SEND_VECTOR});
  EXPECT_EQ(written(LAPIC_SELF_IPI, 0x55), 0u);
  EXPECT_TRUE(bit(LAPIC_IRR, 0x55));
}

TEST_F(LapicHw, X2MsrsThatNeedNoExit) {
  std::array<bool, 0x100> read{}, write{};
  for (u32 r = 0; r < LAPIC_PAGE_SIZE; r += 16) {
    read[r >> 4] = lapic_hw_x2_passes(r, false);
    write[r >> 4] = lapic_hw_x2_passes(r, true);
  }
  lapic_base_set(&l_, l_.base | LAPIC_BASE_X2APIC);
  for (u32 i = 0; i < 0x100; i++) {
    u64 val = 0;
    const bool exists = !lapic_x2_read(&l_, LAPIC_MSR_FIRST + i, &val, 0);
    // All that can be read but the ICR and the current count.
    EXPECT_EQ(read[i], exists && i != 0x30 && i != 0x39) << std::hex << i;
    EXPECT_EQ(write[i], i == 0x08 || i == 0x0b || i == 0x3f) << std::hex << i;
  }
}

}  // namespace
