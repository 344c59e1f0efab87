// SPDX-License-Identifier: GPL-2.0-only
// The pair of 8259A, against the data sheet.
#include <gtest/gtest.h>

#include "pure/pic.h"

namespace {

class Pic : public testing::Test {
 protected:
  Pic() {
    pic_reset(&p_);
    setup(0x01, 0x01);
  }

  void setup(u8 icw4_master, u8 icw4_slave) {
    wr(0x20, 0x11);
    wr(0x21, 0x20);
    wr(0x21, 0x04);
    wr(0x21, icw4_master);
    wr(0xa0, 0x11);
    wr(0xa1, 0x28);
    wr(0xa1, 0x02);
    wr(0xa1, icw4_slave);
    wr(0x21, 0);
    wr(0xa1, 0);
  }
  void wr(u16 port, u8 val) { pic_write(&p_, port, val); }
  u8 rd(u16 port) { return pic_read(&p_, port); }
  u8 irr(u16 port = 0x20) {
    wr(port, 0x0a);
    return rd(port);
  }
  u8 isr(u16 port = 0x20) {
    wr(port, 0x0b);
    return rd(port);
  }
  void pulse(u32 line) {
    pic_set_line(&p_, line, 0, true);
    pic_set_line(&p_, line, 0, false);
  }

  struct pic p_;
};

TEST_F(Pic, InitAndMask) {
  wr(0x21, 0xa5);
  EXPECT_EQ(rd(0x21), 0xa5);
  wr(0xa1, 0x5a);
  EXPECT_EQ(rd(0xa1), 0x5a);
  wr(0x20, 0x11);
  EXPECT_EQ(rd(0x21), 0) << "ICW1 clears the mask";
  EXPECT_EQ(rd(0x60), 0xff);
}

TEST_F(Pic, PeekIsTheMaskAlone) {
  u8 val = 0;
  for (u32 port = 0; port < 0x600; port++) {
    bool mask = port == 0x21 || port == 0xa1;
    EXPECT_EQ(pic_peek(&p_, static_cast<u16>(port), &val), mask) << port;
  }
  wr(0x21, 0xa5);
  wr(0xa1, 0x5a);
  EXPECT_TRUE(pic_peek(&p_, 0x21, &val));
  EXPECT_EQ(val, 0xa5);
  EXPECT_TRUE(pic_peek(&p_, 0xa1, &val));
  EXPECT_EQ(val, 0x5a);
  wr(0x20, 0x0c);
  EXPECT_FALSE(pic_peek(&p_, 0x21, &val)) << "the next read answers the poll command";
  EXPECT_TRUE(pic_peek(&p_, 0xa1, &val));
  rd(0x21);
  EXPECT_TRUE(pic_peek(&p_, 0x21, &val));
}

TEST_F(Pic, EdgeAckEoi) {
  EXPECT_EQ(pic_set_line(&p_, 1, 0, true), 1);
  EXPECT_TRUE(pic_output(&p_));
  EXPECT_EQ(irr(), 0x02);
  EXPECT_EQ(pic_ack(&p_), 0x21);
  EXPECT_EQ(isr(), 0x02);
  EXPECT_EQ(irr(), 0x00);
  EXPECT_FALSE(pic_output(&p_));
  wr(0x20, 0x20);
  EXPECT_EQ(isr(), 0);
  EXPECT_EQ(pic_take_ended(&p_), 1u << 1);
  EXPECT_EQ(pic_take_ended(&p_), 0u);
  EXPECT_FALSE(pic_output(&p_)) << "the line is still high, but gave no new edge";
}

TEST_F(Pic, Coalescing) {
  EXPECT_EQ(pic_set_line(&p_, 3, 0, true), 1);
  EXPECT_EQ(pic_set_line(&p_, 3, 0, true), 0);
  EXPECT_EQ(pic_set_line(&p_, 3, 0, false), 1);
  EXPECT_EQ(pic_set_line(&p_, 3, 0, true), 0) << "still requested";
  wr(0x21, 0x08);
  EXPECT_EQ(pic_set_line(&p_, 3, 0, true), -1);
}

TEST_F(Pic, FixedPriority) {
  pulse(5);
  pulse(3);
  EXPECT_EQ(pic_ack(&p_), 0x23);
  EXPECT_FALSE(pic_output(&p_)) << "5 waits";
  pulse(1);
  EXPECT_TRUE(pic_output(&p_)) << "1 nests";
  EXPECT_EQ(pic_ack(&p_), 0x21);
  EXPECT_EQ(isr(), 0x0a);
  wr(0x20, 0x20);
  EXPECT_EQ(isr(), 0x08) << "a non-specific EOI ends the highest";
  wr(0x20, 0x20);
  EXPECT_EQ(pic_ack(&p_), 0x25);
}

TEST_F(Pic, Cascade) {
  pulse(8 + 4);
  EXPECT_EQ(irr(), 0x04);
  EXPECT_EQ(pic_ack(&p_), 0x2c);
  EXPECT_EQ(isr(), 0x04);
  EXPECT_EQ(isr(0xa0), 0x10);
  pulse(8 + 2);
  EXPECT_FALSE(pic_output(&p_)) << "the master has the slave in service";
  wr(0xa0, 0x20);
  wr(0x20, 0x20);
  EXPECT_TRUE(pic_output(&p_));
  EXPECT_EQ(pic_ack(&p_), 0x2a);
  EXPECT_EQ(pic_take_ended(&p_), (1u << 12) | (1u << 2));
}

TEST_F(Pic, SpeciallyFullyNested) {
  setup(0x11, 0x01);
  pulse(8 + 4);
  EXPECT_EQ(pic_ack(&p_), 0x2c);
  pulse(8 + 2);
  EXPECT_TRUE(pic_output(&p_)) << "a higher request of the same slave nests";
  EXPECT_EQ(pic_ack(&p_), 0x2a);
}

TEST_F(Pic, SlaveIsBetweenLine1And3) {
  pulse(3);
  pulse(8 + 7);
  EXPECT_EQ(pic_ack(&p_), 0x2f);
}

TEST_F(Pic, Masked) {
  wr(0x21, 0x02);
  EXPECT_EQ(pic_set_line(&p_, 1, 0, true), -1);
  EXPECT_FALSE(pic_output(&p_));
  EXPECT_EQ(irr(), 0x02) << "the edge is remembered";
  wr(0x21, 0);
  EXPECT_TRUE(pic_output(&p_));
}

TEST_F(Pic, SpuriousMaster) {
  // A level request that goes away before the acknowledge.
  wr(0x4d0, 0x20);
  pic_set_line(&p_, 5, 0, true);
  EXPECT_TRUE(pic_output(&p_));
  pic_set_line(&p_, 5, 0, false);
  EXPECT_EQ(pic_ack(&p_), 0x27);
  EXPECT_EQ(isr(), 0) << "no ISR bit for a spurious IR7";
}

TEST_F(Pic, Elcr) {
  wr(0x4d0, 0xff);
  wr(0x4d1, 0xff);
  EXPECT_EQ(rd(0x4d0), 0xf8) << "0, 1, 2 are always edges";
  EXPECT_EQ(rd(0x4d1), 0xde) << "8 and 13 too";
}

TEST_F(Pic, LevelTriggered) {
  wr(0x4d1, 0x02);
  pic_set_line(&p_, 9, 0, true);
  EXPECT_EQ(pic_ack(&p_), 0x29);
  EXPECT_EQ(irr(0xa0), 0x02) << "a level request lasts";
  wr(0xa0, 0x20);
  wr(0x20, 0x20);
  EXPECT_TRUE(pic_output(&p_)) << "still asserted: again";
  EXPECT_EQ(pic_ack(&p_), 0x29);
  pic_set_line(&p_, 9, 0, false);
  wr(0xa0, 0x20);
  wr(0x20, 0x20);
  EXPECT_FALSE(pic_output(&p_));
}

TEST_F(Pic, SourcesAreOred) {
  wr(0x4d1, 0x02);
  pic_set_line(&p_, 9, 0, true);
  pic_set_line(&p_, 9, 1, true);
  pic_set_line(&p_, 9, 0, false);
  EXPECT_TRUE(pic_output(&p_));
  pic_clear_source(&p_, 1);
  EXPECT_FALSE(pic_output(&p_));
}

TEST_F(Pic, SpecificEoi) {
  pulse(5);
  pic_ack(&p_);
  pulse(3);
  pic_ack(&p_);
  wr(0x20, 0x60 | 5);
  EXPECT_EQ(isr(), 0x08);
  wr(0x20, 0x60 | 6);
  EXPECT_EQ(isr(), 0x08) << "ending what is not in service does nothing";
  EXPECT_EQ(pic_take_ended(&p_), 1u << 5);
}

TEST_F(Pic, AutomaticEoi) {
  setup(0x03, 0x01);
  pulse(4);
  EXPECT_EQ(pic_ack(&p_), 0x24);
  EXPECT_EQ(isr(), 0);
  EXPECT_EQ(pic_take_ended(&p_), 1u << 4);
}

TEST_F(Pic, RotateOnAutomaticEoi) {
  setup(0x03, 0x01);
  wr(0x20, 0x80);
  pulse(4);
  EXPECT_EQ(pic_ack(&p_), 0x24);
  pulse(4);
  pulse(5);
  EXPECT_EQ(pic_ack(&p_), 0x25) << "4 has the lowest priority now";
  wr(0x20, 0x00);
  pulse(7);
  EXPECT_EQ(pic_ack(&p_), 0x27);
  pulse(7);
  EXPECT_EQ(pic_ack(&p_), 0x27) << "no rotation any more: 6 is still the highest";
}

TEST_F(Pic, RotateOnEoi) {
  pulse(3);
  pic_ack(&p_);
  wr(0x20, 0xa0);
  pulse(3);
  pulse(4);
  EXPECT_EQ(pic_ack(&p_), 0x24);
}

TEST_F(Pic, RotateOnSpecificEoiAndSetPriority) {
  pulse(3);
  pic_ack(&p_);
  wr(0x20, 0xe0 | 3);
  EXPECT_EQ(isr(), 0);
  pulse(3);
  pulse(4);
  EXPECT_EQ(pic_ack(&p_), 0x24);
  wr(0x20, 0x60 | 4);
  wr(0x20, 0xc0 | 5);  // 5 lowest, so 6 highest
  pulse(4);
  pulse(6);
  EXPECT_EQ(pic_ack(&p_), 0x26);
}

TEST_F(Pic, SpecialMask) {
  pulse(3);
  EXPECT_EQ(pic_ack(&p_), 0x23);
  pulse(5);
  EXPECT_FALSE(pic_output(&p_));
  wr(0x21, 0x08);
  EXPECT_FALSE(pic_output(&p_));
  wr(0x20, 0x68);  // special mask mode
  EXPECT_TRUE(pic_output(&p_)) << "a masked line in service no longer blocks";
  EXPECT_EQ(pic_ack(&p_), 0x25);
  wr(0x20, 0x20);
  EXPECT_EQ(isr(), 0x08) << "the non-specific EOI spares what is masked";
  wr(0x20, 0x48);
  EXPECT_EQ(p_.chip[0].special_mask, 0);
}

TEST_F(Pic, Poll) {
  wr(0x20, 0x0c);
  EXPECT_EQ(rd(0x20), 0x00) << "nothing";
  pulse(5);
  wr(0x20, 0x0c);
  EXPECT_EQ(rd(0x20), 0x85);
  EXPECT_EQ(isr(), 0x20) << "a poll acknowledges";
  EXPECT_FALSE(pic_output(&p_));
}

TEST_F(Pic, Icw1DropsEdgesAndService) {
  pulse(3);
  pic_ack(&p_);
  pulse(4);
  pic_take_ended(&p_);
  wr(0x20, 0x11);
  EXPECT_FALSE(pic_output(&p_));
  EXPECT_EQ(p_.chip[0].isr, 0);
  EXPECT_EQ(pic_take_ended(&p_), 1u << 3);
}

TEST_F(Pic, SingleModeSkipsIcw3) {
  wr(0x20, 0x12);  // SNGL, no ICW4
  wr(0x21, 0x40);
  wr(0x21, 0xfe);  // OCW1 already
  EXPECT_EQ(rd(0x21), 0xfe);
  pulse(0);
  EXPECT_EQ(pic_ack(&p_), 0x40);
}

TEST_F(Pic, BadLines) {
  EXPECT_EQ(pic_set_line(&p_, 16, 0, true), -1);
  EXPECT_EQ(pic_set_line(&p_, 2, 0, true), -1) << "the cascade belongs to the slave";
  EXPECT_EQ(pic_set_line(&p_, 3, 64, true), -1);
  EXPECT_FALSE(pic_output(&p_));
}

TEST_F(Pic, StateRoundTrip) {
  wr(0x4d1, 0x02);
  pic_set_line(&p_, 9, 0, true);
  pulse(4);
  pic_ack(&p_);
  struct vmx_pic_state m, s;
  pic_get_state(&p_, 0, &m);
  pic_get_state(&p_, 1, &s);
  EXPECT_EQ(s.last_irr, 0x02);
  EXPECT_EQ(m.irq_base, 0x20);
  pic_reset(&p_);
  pic_set_state(&p_, 0, &m);
  pic_set_state(&p_, 1, &s);
  EXPECT_EQ(isr(), 0x04) << "the slave's line 9 was acknowledged, not 4";
  EXPECT_EQ(isr(0xa0), 0x02);
  pic_set_line(&p_, 9, 0, false);
  wr(0xa0, 0x20);
  wr(0x20, 0x20);
  EXPECT_EQ(pic_ack(&p_), 0x24);
}

TEST_F(Pic, StateFromTheVmmIsNotTrusted) {
  struct vmx_pic_state s;
  memset(&s, 0xff, sizeof(s));
  pic_set_state(&p_, 0, &s);
  pic_set_state(&p_, 1, &s);
  pic_ack(&p_);
  EXPECT_LT(p_.chip[0].priority_add, 8);
  EXPECT_EQ(p_.chip[0].elcr_mask, 0xf8);
}

}  // namespace
