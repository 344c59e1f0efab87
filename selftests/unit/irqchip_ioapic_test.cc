// SPDX-License-Identifier: GPL-2.0-only
// The I/O APIC model, against the 82093AA data sheet and the ABI's state.
#include <gtest/gtest.h>

#include "pure/ioapic.h"

namespace {

class Ioapic : public testing::Test {
 protected:
  Ioapic() { ioapic_reset(&io_); }

  u32 rd(u32 reg) {
    ioapic_write(&io_, 0, reg);
    return ioapic_read(&io_, 0x10);
  }
  u32 wr(u32 reg, u32 val) {
    ioapic_write(&io_, 0, reg);
    return ioapic_write(&io_, 0x10, val);
  }
  u32 set(u32 pin, bool level, u32 source = 0) {
    return ioapic_set_line(&io_, pin, source, level, &coalesced_);
  }
  // Programs a pin: vector, plus flags of the low half.
  void pin(u32 n, u32 low, u8 dest = 0) {
    wr(0x11 + 2 * n, static_cast<u32>(dest) << 24);
    wr(0x10 + 2 * n, low);
  }

  struct ioapic io_;
  bool coalesced_ = false;
};

constexpr u32 kLevel = 1 << 15, kMask = 1 << 16, kRemoteIrr = 1 << 14;

TEST_F(Ioapic, Registers) {
  EXPECT_EQ(rd(1), 0x170011u);
  wr(1, 0);
  EXPECT_EQ(rd(1), 0x170011u);
  wr(0, 0x05000000);
  EXPECT_EQ(rd(0), 0x05000000u);
  EXPECT_EQ(rd(2), 0x05000000u) << "arbitration ID follows the ID";
  EXPECT_EQ(rd(0x10), u32{kMask});
  EXPECT_EQ(rd(0x3e), u32{kMask});
  EXPECT_EQ(rd(0x40), 0xffffffffu) << "no pin 24";
  EXPECT_EQ(wr(0x40, 0), 0u);
  EXPECT_EQ(ioapic_read(&io_, 0), 0x40u);
  EXPECT_EQ(ioapic_read(&io_, 0x20), 0u);
}

TEST_F(Ioapic, EntryBits) {
  wr(0x11, 0xffffffff);
  wr(0x10, 0xffffffff);
  EXPECT_EQ(rd(0x11), 0xff000000u);
  EXPECT_EQ(rd(0x10), 0x1afffu) << "delivery status and remote IRR are read-only";
}

TEST_F(Ioapic, EdgeSendsOncePerRise) {
  pin(4, 0x31);
  EXPECT_EQ(set(4, true), 1u << 4);
  EXPECT_EQ(set(4, true), 0u);
  EXPECT_TRUE(coalesced_);
  EXPECT_EQ(set(4, false), 0u);
  EXPECT_EQ(set(4, true), 1u << 4);
  EXPECT_FALSE(coalesced_);
}

TEST_F(Ioapic, EdgeUnderMaskIsLost) {
  pin(4, kMask | 0x31);
  EXPECT_EQ(set(4, true), 0u);
  EXPECT_FALSE(coalesced_);
  EXPECT_EQ(wr(0x18, 0x31), 0u);
  set(4, false);
  EXPECT_EQ(set(4, true), 1u << 4);
}

TEST_F(Ioapic, LevelUntilEoi) {
  pin(9, kLevel | 0x55);
  EXPECT_EQ(set(9, true), 1u << 9);
  EXPECT_EQ(rd(0x22), kLevel | kRemoteIrr | 0x55);
  EXPECT_EQ(set(9, true), 0u) << "remote IRR holds it back";
  EXPECT_EQ(ioapic_eoi_pins(&io_, 0x55), 1u << 9);
  EXPECT_EQ(ioapic_eoi(&io_, 0x55, ~0u), 1u << 9) << "still asserted: again";
  set(9, false);
  EXPECT_EQ(ioapic_eoi(&io_, 0x55, ~0u), 0u);
  EXPECT_EQ(rd(0x22), kLevel | 0x55);
  EXPECT_EQ(set(9, true), 1u << 9);
}

TEST_F(Ioapic, LevelUnderMaskWaits) {
  pin(9, kMask | kLevel | 0x55);
  EXPECT_EQ(set(9, true), 0u);
  EXPECT_EQ(wr(0x22, kLevel | 0x55), 1u << 9);
  // Masked and unmasked in service: not sent twice.
  wr(0x22, kMask | kLevel | 0x55);
  EXPECT_EQ(wr(0x22, kLevel | 0x55), 0u);
}

TEST_F(Ioapic, MakingAPinEdgeClearsRemoteIrr) {
  pin(9, kLevel | 0x55);
  set(9, true);
  wr(0x22, kMask | 0x55);
  EXPECT_EQ(wr(0x22, kLevel | 0x55), 1u << 9);
}

// A line that is up when its pin changes from edge to level belongs to the state again.
TEST_F(Ioapic, MakingAPinLevelKeepsItsLineInTheState) {
  struct vmx_ioapic_state s;
  pin(9, 0x55);
  EXPECT_EQ(set(9, true), 1u << 9);
  ioapic_get_state(&io_, &s);
  EXPECT_EQ(s.irr, 0u) << "the edge is delivered";
  EXPECT_EQ(wr(0x22, kLevel | 0x55), 1u << 9);
  ioapic_get_state(&io_, &s);
  EXPECT_EQ(s.irr, 1u << 9);
  struct ioapic other;
  ioapic_reset(&other);
  EXPECT_EQ(ioapic_set_state(&other, &s), 0u) << "in service: remote IRR";
  EXPECT_EQ(ioapic_eoi(&other, 0x55, 1u << 9), 1u << 9) << "and still up";
}

TEST_F(Ioapic, EoiOfASharedVector) {
  pin(3, kLevel | 0x60);
  pin(5, kLevel | 0x60);
  pin(7, 0x60);
  set(3, true);
  set(5, true);
  EXPECT_EQ(ioapic_eoi_pins(&io_, 0x60), (1u << 3) | (1u << 5) | (1u << 7));
  set(3, false);
  EXPECT_EQ(ioapic_eoi(&io_, 0x60, ~0u), 1u << 5);
  EXPECT_EQ(ioapic_eoi(&io_, 0x61, ~0u), 0u);
  EXPECT_EQ(ioapic_eoi(&io_, 0x60, 1u << 3), 0u) << "only the pins asked for";
}

TEST_F(Ioapic, SourcesAreOred) {
  pin(9, kLevel | 0x55);
  EXPECT_EQ(set(9, true, 0), 1u << 9);
  set(9, true, 1);
  set(9, false, 0);
  EXPECT_EQ(ioapic_eoi(&io_, 0x55, ~0u), 1u << 9) << "source 1 still holds it";
  ioapic_clear_source(&io_, 1);
  EXPECT_EQ(ioapic_eoi(&io_, 0x55, ~0u), 0u);
}

TEST_F(Ioapic, BadArguments) {
  EXPECT_EQ(set(24, true), 0u);
  EXPECT_EQ(set(0xffffffff, true), 0u);
  EXPECT_EQ(set(1, true, 64), 0u);
  EXPECT_EQ(io_.irr, 0u);
}

TEST_F(Ioapic, Message) {
  pin(2, 0x900 | kLevel | 0x31, 0x0f);
  struct apic_msg m;
  ioapic_msg(&io_, 2, true, &m);
  EXPECT_EQ(m.dest, 0x0fu);
  EXPECT_EQ(m.vector, 0x31);
  EXPECT_EQ(m.mode, APIC_LOWEST);
  EXPECT_TRUE(m.logical);
  EXPECT_TRUE(m.level);
  pin(2, 0x31, 0xff);
  ioapic_msg(&io_, 2, true, &m);
  EXPECT_EQ(m.dest, APIC_DEST_BROADCAST);
  ioapic_msg(&io_, 2, false, &m);
  EXPECT_EQ(m.dest, 0xffu);
}

TEST_F(Ioapic, StateRoundTrip) {
  wr(0, 0x03000000);
  pin(4, 0x31);
  pin(9, kMask | kLevel | 0x55, 7);
  pin(10, kLevel | 0x56);
  set(4, true);   // delivered: not to be sent again
  set(9, true);   // masked: waits
  set(10, true);  // in service
  struct vmx_ioapic_state s;
  ioapic_get_state(&io_, &s);
  EXPECT_EQ(s.base_address, IOAPIC_DEFAULT_BASE);
  EXPECT_EQ(s.id, 3u);
  EXPECT_EQ(s.irr, (1u << 9) | (1u << 10));
  EXPECT_EQ(s.redirtbl[9].fields.vector, 0x55);
  EXPECT_EQ(s.redirtbl[9].fields.trig_mode, 1);
  EXPECT_EQ(s.redirtbl[9].fields.mask, 1);
  EXPECT_EQ(s.redirtbl[9].fields.dest_id, 7);
  EXPECT_EQ(s.redirtbl[10].fields.remote_irr, 1);

  ioapic_reset(&io_);
  EXPECT_EQ(ioapic_set_state(&io_, &s), 0u);
  EXPECT_EQ(rd(0), 0x03000000u);
  EXPECT_EQ(wr(0x22, kLevel | 0x55), 1u << 9) << "the masked level is still there";
  EXPECT_EQ(ioapic_eoi(&io_, 0x56, ~0u), 1u << 10) << "the line is still up";
  set(10, false);
  EXPECT_EQ(ioapic_eoi(&io_, 0x56, ~0u), 0u) << "and the VMM can lower it";
}

TEST_F(Ioapic, RestoredPendingIsSent) {
  struct vmx_ioapic_state s = {};
  s.redirtbl[9].bits = kLevel | 0x55;
  s.redirtbl[4].bits = 0x31;
  s.irr = 0xff000000u | 1u << 9 | 1u << 4;
  EXPECT_EQ(ioapic_set_state(&io_, &s), (1u << 9) | (1u << 4));
}

}  // namespace
