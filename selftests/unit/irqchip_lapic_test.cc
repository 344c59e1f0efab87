// SPDX-License-Identifier: GPL-2.0-only
// The local APIC model, against the rules of SDM 3A chapter 11.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "pure/lapic.h"
#include "pure/lapic_pir.h"

namespace {

constexpr u64 kX2 = LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC;

class Lapic : public testing::Test {
 protected:
  Lapic() { init(0); }

  void init(u32 id, bool bsp = true) {
    page_.fill(0);
    l_ = {};
    l_.regs = page_.data();
    l_.id = id;
    lapic_init(&l_, bsp);
  }

  u32 rd(u32 reg, u64 now = 0) {
    u64 v = 0;
    EXPECT_EQ(lapic_page_read(&l_, reg, 4, &v, now), 0u);
    return static_cast<u32>(v);
  }
  u32 wr(u32 reg, u32 val, u64 now = 0) { return lapic_page_write(&l_, reg, 4, val, now); }

  void enable() { wr(LAPIC_SVR, 0x1ff); }
  void to_x2() {
    ASSERT_EQ(lapic_base_check(l_.base, l_.base | LAPIC_BASE_X2APIC, false, true, 0), 0);
    lapic_base_set(&l_, l_.base | LAPIC_BASE_X2APIC);
  }
  int x2wr(u32 reg, u64 val, u32* fx = nullptr, u64 now = 0) {
    u32 unused;
    return lapic_x2_write(&l_, 0x800 + reg / 16, val, now, fx ? fx : &unused);
  }
  u64 x2rd(u32 reg) {
    u64 v = 0;
    EXPECT_EQ(lapic_x2_read(&l_, 0x800 + reg / 16, &v, 0), 0);
    return v;
  }
  bool bit(u32 bank, u32 vec) {
    return lapic_reg(&l_, bank + (vec / 32) * 16) >> (vec % 32) & 1;
  }

  alignas(64) std::array<u8, LAPIC_PAGE_SIZE> page_;
  struct lapic l_;
};

TEST_F(Lapic, ResetState) {
  EXPECT_EQ(rd(LAPIC_ID), 0u);
  EXPECT_EQ(rd(LAPIC_VERSION), 0x50014u);
  EXPECT_EQ(rd(LAPIC_SVR), 0xffu);
  EXPECT_EQ(rd(LAPIC_DFR), 0xffffffffu);
  EXPECT_EQ(rd(LAPIC_LDR), 0u);
  for (u32 reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg += 0x10)
    EXPECT_EQ(rd(reg), 0x10000u) << std::hex << reg;
  EXPECT_EQ(l_.base, LAPIC_DEFAULT_BASE | LAPIC_BASE_ENABLE | LAPIC_BASE_BSP);
  EXPECT_EQ(lapic_pending(&l_), -1);
}

TEST_F(Lapic, BootCpuLint0IsExtInt) {
  l_.lint0_extint = true;
  lapic_init(&l_, true);
  EXPECT_EQ(rd(LAPIC_LVT_LINT0), 0x700u);
  EXPECT_TRUE(lapic_accepts_pic(&l_));
  enable();
  wr(LAPIC_LVT_LINT0, 0x10700);
  EXPECT_FALSE(lapic_accepts_pic(&l_));
}

TEST_F(Lapic, PriorityIsByClass) {
  enable();
  EXPECT_TRUE(lapic_set_irr(&l_, 0x31, false));
  EXPECT_TRUE(lapic_set_irr(&l_, 0x81, false));
  EXPECT_FALSE(lapic_set_irr(&l_, 0x81, false));
  EXPECT_EQ(lapic_pending(&l_), 0x81);
  lapic_ack(&l_, 0x81);
  EXPECT_FALSE(bit(LAPIC_IRR, 0x81));
  EXPECT_TRUE(bit(LAPIC_ISR, 0x81));
  EXPECT_EQ(rd(LAPIC_PPR), 0x80u);
  EXPECT_EQ(lapic_pending(&l_), -1);
  // The same class does not interrupt, though the vector is higher.
  lapic_set_irr(&l_, 0x8f, false);
  EXPECT_EQ(lapic_pending(&l_), -1);
  lapic_set_irr(&l_, 0x90, false);
  EXPECT_EQ(lapic_pending(&l_), 0x90);
  lapic_ack(&l_, 0x90);
  EXPECT_EQ(wr(LAPIC_EOI, 0), u32{LAPIC_FX_EOI});
  EXPECT_EQ(l_.eoi_vector, 0x90);
  EXPECT_EQ(lapic_pending(&l_), -1);
  wr(LAPIC_EOI, 0);
  EXPECT_EQ(l_.eoi_vector, 0x81);
  EXPECT_EQ(lapic_pending(&l_), 0x8f);
}

TEST_F(Lapic, TprHoldsBackUpToItsClass) {
  enable();
  lapic_set_irr(&l_, 0x45, false);
  wr(LAPIC_TPR, 0x50);
  EXPECT_EQ(rd(LAPIC_PPR), 0x50u);
  EXPECT_EQ(lapic_pending(&l_), -1);
  wr(LAPIC_TPR, 0x40);
  EXPECT_EQ(lapic_pending(&l_), -1);
  wr(LAPIC_TPR, 0x3f);
  EXPECT_EQ(rd(LAPIC_PPR), 0x3fu);
  EXPECT_EQ(lapic_pending(&l_), 0x45);
  lapic_tpr_from_cr8(&l_, 5);
  EXPECT_EQ(rd(LAPIC_TPR), 0x50u);
  EXPECT_EQ(lapic_tpr_to_cr8(&l_), 5u);
  EXPECT_EQ(lapic_irr_top(&l_), 0x45);
}

TEST_F(Lapic, PprIsTheGreaterOfTprAndIsr) {
  enable();
  lapic_set_irr(&l_, 0x62, false);
  lapic_ack(&l_, 0x62);
  wr(LAPIC_TPR, 0x33);
  EXPECT_EQ(rd(LAPIC_PPR), 0x60u);
  wr(LAPIC_TPR, 0x65);  // same class: the TPR's low bits show
  EXPECT_EQ(rd(LAPIC_PPR), 0x65u);
}

TEST_F(Lapic, EveryVectorRoundTrip) {
  enable();
  for (int vec = 16; vec < 256; vec++) {
    ASSERT_TRUE(lapic_set_irr(&l_, static_cast<u8>(vec), false));
    ASSERT_EQ(lapic_pending(&l_), vec);
    lapic_ack(&l_, static_cast<u8>(vec));
    ASSERT_EQ(l_.irr_words, 0);
    ASSERT_EQ(l_.isr_top, vec);
    ASSERT_EQ(wr(LAPIC_EOI, 0), u32{LAPIC_FX_EOI});
    ASSERT_EQ(l_.isr_top, -1);
    ASSERT_EQ(l_.isr_words, 0);
  }
  EXPECT_EQ(wr(LAPIC_EOI, 0), 0u) << "an EOI with nothing in service";
}

TEST_F(Lapic, LevelEoiIsBroadcast) {
  enable();
  lapic_set_irr(&l_, 0x55, true);
  EXPECT_TRUE(bit(LAPIC_TMR, 0x55));
  lapic_ack(&l_, 0x55);
  EXPECT_EQ(wr(LAPIC_EOI, 0), u32{LAPIC_FX_EOI | LAPIC_FX_EOI_LEVEL});
  lapic_set_irr(&l_, 0x55, false);
  EXPECT_FALSE(bit(LAPIC_TMR, 0x55));
  lapic_ack(&l_, 0x55);
  EXPECT_EQ(wr(LAPIC_EOI, 0), u32{LAPIC_FX_EOI});
}

TEST_F(Lapic, DirectedEoiSuppressesTheBroadcast) {
  wr(LAPIC_SVR, 0x11ff);
  EXPECT_EQ(rd(LAPIC_SVR), 0x1ffu) << "the bit exists only where the version says so";
  l_.directed_eoi = true;
  lapic_init(&l_, true);
  EXPECT_EQ(rd(LAPIC_VERSION), 0x1050014u);
  wr(LAPIC_SVR, 0x11ff);
  EXPECT_EQ(rd(LAPIC_SVR), 0x11ffu);
  lapic_set_irr(&l_, 0x55, true);
  lapic_ack(&l_, 0x55);
  EXPECT_EQ(wr(LAPIC_EOI, 0), u32{LAPIC_FX_EOI});
}

TEST_F(Lapic, SoftwareDisableMasksLocalVectors) {
  enable();
  wr(LAPIC_LVT_LINT1, 0x400);
  EXPECT_EQ(rd(LAPIC_LVT_LINT1), 0x400u);
  u32 fx = wr(LAPIC_SVR, 0xff);
  EXPECT_TRUE(fx & LAPIC_FX_MAP);
  EXPECT_EQ(rd(LAPIC_LVT_LINT1), 0x10400u);
  wr(LAPIC_LVT_LINT1, 0x400);
  EXPECT_EQ(rd(LAPIC_LVT_LINT1), 0x10400u) << "cannot be unmasked while disabled";
  EXPECT_FALSE(lapic_sw_enabled(&l_));
}

TEST_F(Lapic, LvtBitsThatExist) {
  enable();
  wr(LAPIC_LVT_TIMER, 0xffffffff);
  EXPECT_EQ(rd(LAPIC_LVT_TIMER), 0x700ffu);
  wr(LAPIC_LVT_LINT0, 0xffffffff);
  EXPECT_EQ(rd(LAPIC_LVT_LINT0), 0x1a7ffu);
  wr(LAPIC_LVT_ERROR, 0xffffffff);
  EXPECT_EQ(rd(LAPIC_LVT_ERROR), 0x100ffu);
  wr(LAPIC_LVT_PERF, 0xffffffff);
  EXPECT_EQ(rd(LAPIC_LVT_PERF), 0x107ffu);
}

TEST_F(Lapic, LocalDeliveryModes) {
  enable();
  wr(LAPIC_LVT_LINT1, 0x400);
  EXPECT_EQ(lapic_local(&l_, LAPIC_LVT_LINT1), u32{LAPIC_FX_NMI});
  wr(LAPIC_LVT_LINT1, 0x10400);
  EXPECT_EQ(lapic_local(&l_, LAPIC_LVT_LINT1), 0u) << "masked";
  wr(LAPIC_LVT_LINT0, 0x700);
  EXPECT_EQ(lapic_local(&l_, LAPIC_LVT_LINT0), u32{LAPIC_FX_EXTINT});
  wr(LAPIC_LVT_PERF, 0x200);
  EXPECT_EQ(lapic_local(&l_, LAPIC_LVT_PERF), u32{LAPIC_FX_SMI});
  wr(LAPIC_LVT_LINT0, 0x500);
  EXPECT_EQ(lapic_local(&l_, LAPIC_LVT_LINT0), u32{LAPIC_FX_INIT});
  wr(LAPIC_LVT_LINT0, 0x8000 | 0x66);
  EXPECT_EQ(lapic_local(&l_, LAPIC_LVT_LINT0), 0u);
  EXPECT_EQ(lapic_pending(&l_), 0x66);
  EXPECT_TRUE(bit(LAPIC_TMR, 0x66));
}

TEST_F(Lapic, ErrorsAreLatchedByAWrite) {
  enable();
  wr(LAPIC_LVT_ERROR, 0xfe);
  u64 v;
  lapic_page_read(&l_, 0x0, 4, &v, 0);  // no such register
  EXPECT_EQ(rd(LAPIC_ESR), 0u);
  EXPECT_EQ(lapic_pending(&l_), 0xfe);
  wr(LAPIC_ESR, 0);
  EXPECT_EQ(rd(LAPIC_ESR), u32{LAPIC_ESR_REGISTER});
  wr(LAPIC_ESR, 0);
  EXPECT_EQ(rd(LAPIC_ESR), 0u);
}

TEST_F(Lapic, IllegalVectors) {
  enable();
  wr(LAPIC_LVT_ERROR, 0xfe);
  EXPECT_EQ(wr(LAPIC_ICR, 0x4000 | 5), 0u) << "not sent";
  wr(LAPIC_ESR, 0);
  EXPECT_EQ(rd(LAPIC_ESR), u32{LAPIC_ESR_SEND_VECTOR});
  lapic_merge(&l_, 0, 1ull << 5 | 1ull << 40, 0);
  wr(LAPIC_ESR, 0);
  EXPECT_EQ(rd(LAPIC_ESR), u32{LAPIC_ESR_RECEIVE_VECTOR});
  EXPECT_FALSE(bit(LAPIC_IRR, 5));
  EXPECT_TRUE(bit(LAPIC_IRR, 40));
  // An NMI's vector field means nothing.
  EXPECT_EQ(wr(LAPIC_ICR, 0x4400), u32{LAPIC_FX_IPI});
}

TEST_F(Lapic, ErrorVectorThatIsIllegalItself) {
  enable();
  wr(LAPIC_LVT_ERROR, 3);
  u64 v;
  lapic_page_read(&l_, 0x10, 4, &v, 0);
  EXPECT_EQ(lapic_pending(&l_), -1);
  wr(LAPIC_ESR, 0);
  EXPECT_EQ(rd(LAPIC_ESR), u32{LAPIC_ESR_REGISTER | LAPIC_ESR_RECEIVE_VECTOR});
}

TEST_F(Lapic, IcrNeverReadsAsPending) {
  enable();
  wr(LAPIC_ICR_HIGH, 0x12345678);
  EXPECT_EQ(rd(LAPIC_ICR_HIGH), 0x12000000u);
  EXPECT_EQ(wr(LAPIC_ICR, 0x5000 | 0x40), u32{LAPIC_FX_IPI});
  EXPECT_EQ(rd(LAPIC_ICR), 0x4040u);
  EXPECT_EQ(lapic_icr(&l_), 0x1200000000004040ull);
}

TEST_F(Lapic, AccessesOfOtherWidths) {
  enable();
  u64 v;
  EXPECT_EQ(lapic_page_read(&l_, LAPIC_VERSION, 1, &v, 0), 0u);
  EXPECT_EQ(v, 0x14u);
  EXPECT_EQ(lapic_page_read(&l_, LAPIC_VERSION + 2, 1, &v, 0), 0u);
  EXPECT_EQ(v, 5u);
  EXPECT_EQ(lapic_page_read(&l_, LAPIC_VERSION + 4, 4, &v, 0), 0u);
  EXPECT_EQ(v, 0u);
  EXPECT_EQ(lapic_page_read(&l_, LAPIC_VERSION, 8, &v, 0), 0u);
  EXPECT_EQ(v, 0u);
  lapic_page_write(&l_, LAPIC_TPR, 1, 0x80, 0);
  EXPECT_EQ(rd(LAPIC_TPR), 0u);
  lapic_page_write(&l_, LAPIC_TPR + 4, 4, 0x80, 0);
  EXPECT_EQ(rd(LAPIC_TPR), 0u);
  lapic_page_write(&l_, 0xff0, 4, 0x80, 0);  // beyond the registers
  lapic_page_read(&l_, 0xff0, 4, &v, 0);
  EXPECT_EQ(v, 0u);
}

TEST_F(Lapic, ReadOnlyRegistersIgnoreWrites) {
  enable();
  wr(LAPIC_VERSION, 0);
  wr(LAPIC_IRR, ~0u);
  wr(LAPIC_PPR, 0xf0);
  EXPECT_EQ(rd(LAPIC_VERSION), 0x50014u);
  EXPECT_EQ(rd(LAPIC_IRR), 0u);
  EXPECT_EQ(rd(LAPIC_PPR), 0u);
  wr(LAPIC_ESR, 0);
  EXPECT_EQ(rd(LAPIC_ESR), 0u);
}

// ---- IA32_APIC_BASE ----

TEST_F(Lapic, BaseTransitions) {
  const u64 off = LAPIC_DEFAULT_BASE, x1 = off | LAPIC_BASE_ENABLE, x2 = off | kX2;
  const u64 bad = off | LAPIC_BASE_X2APIC;
  auto ok = [](u64 from, u64 to) { return lapic_base_check(from, to, false, true, 0) == 0; };
  EXPECT_TRUE(ok(off, x1));
  EXPECT_TRUE(ok(x1, x2));
  EXPECT_TRUE(ok(x1, off));
  EXPECT_TRUE(ok(x2, off));
  EXPECT_TRUE(ok(x2, x2));
  EXPECT_FALSE(ok(off, x2));
  EXPECT_FALSE(ok(x2, x1));
  EXPECT_FALSE(ok(off, bad));
  EXPECT_FALSE(ok(x1, bad));
  EXPECT_FALSE(ok(x1, x1 | 1));
  EXPECT_EQ(lapic_base_check(x1, x2, false, false, 0), -EINVAL) << "no x2APIC in CPUID";
  EXPECT_EQ(lapic_base_check(x1, x1 | 1ull << 46, false, true, ~((1ull << 46) - 1)), -EINVAL);
  EXPECT_EQ(lapic_base_check(off, x2, true, true, 0), 0) << "the VMM may";
  EXPECT_EQ(lapic_base_check(off, bad, true, true, 0), -EINVAL);
}

TEST_F(Lapic, DisableResets) {
  enable();
  wr(LAPIC_TPR, 0x20);
  lapic_set_irr(&l_, 0x50, false);
  u32 fx = lapic_base_set(&l_, LAPIC_DEFAULT_BASE);
  EXPECT_TRUE(fx & LAPIC_FX_MAP);
  EXPECT_EQ(lapic_pending(&l_), -1);
  u64 v;
  EXPECT_EQ(lapic_page_read(&l_, LAPIC_TPR, 4, &v, 0), u32{LAPIC_FX_UNHANDLED});
  EXPECT_EQ(lapic_page_write(&l_, LAPIC_TPR, 4, 0, 0), u32{LAPIC_FX_UNHANDLED});
  EXPECT_TRUE(lapic_accepts_pic(&l_));
  lapic_base_set(&l_, LAPIC_DEFAULT_BASE | LAPIC_BASE_ENABLE);
  EXPECT_EQ(rd(LAPIC_TPR), 0u);
  EXPECT_EQ(rd(LAPIC_SVR), 0xffu);
}

// ---- x2APIC ----

TEST_F(Lapic, X2apicIds) {
  init(0x123);
  to_x2();
  EXPECT_EQ(x2rd(LAPIC_ID), 0x123u);
  EXPECT_EQ(x2rd(LAPIC_LDR), (0x12u << 16) | (1u << 3));
  u64 v;
  EXPECT_EQ(lapic_page_read(&l_, LAPIC_ID, 4, &v, 0), u32{LAPIC_FX_UNHANDLED});
}

TEST_F(Lapic, X2apicFaults) {
  u64 v;
  EXPECT_EQ(lapic_x2_read(&l_, 0x802, &v, 0), -EINVAL) << "not in x2APIC mode";
  to_x2();
  EXPECT_EQ(lapic_x2_read(&l_, 0x80e, &v, 0), -EINVAL) << "no DFR";
  EXPECT_EQ(lapic_x2_read(&l_, 0x831, &v, 0), -EINVAL) << "no ICR high";
  EXPECT_EQ(lapic_x2_read(&l_, 0x80b, &v, 0), -EINVAL) << "EOI is write-only";
  EXPECT_EQ(lapic_x2_read(&l_, 0x83f, &v, 0), -EINVAL) << "self IPI is write-only";
  EXPECT_EQ(lapic_x2_read(&l_, 0x8ff, &v, 0), -EINVAL);
  EXPECT_EQ(x2wr(LAPIC_ID, 1), -EINVAL);
  EXPECT_EQ(x2wr(LAPIC_LDR, 1), -EINVAL);
  EXPECT_EQ(x2wr(LAPIC_VERSION, 1), -EINVAL);
  EXPECT_EQ(x2wr(LAPIC_ESR, 1), -EINVAL);
  EXPECT_EQ(x2wr(LAPIC_ESR, 0), 0);
  EXPECT_EQ(x2wr(LAPIC_EOI, 1), -EINVAL);
  EXPECT_EQ(x2wr(LAPIC_EOI, 0), 0);
  EXPECT_EQ(x2wr(LAPIC_TPR, 0x100), -EINVAL);
  EXPECT_EQ(x2wr(LAPIC_TPR, 1ull << 32), -EINVAL);
  EXPECT_EQ(x2wr(LAPIC_TPR, 0x20), 0);
  EXPECT_EQ(x2rd(LAPIC_TPR), 0x20u);
}

TEST_F(Lapic, X2apicIcrIs64Bits) {
  to_x2();
  u32 fx;
  EXPECT_EQ(x2wr(LAPIC_ICR, 0x1234567800004055ull, &fx), 0);
  EXPECT_EQ(fx, u32{LAPIC_FX_IPI});
  EXPECT_EQ(x2rd(LAPIC_ICR), 0x1234567800004055ull);
}

TEST_F(Lapic, SelfIpi) {
  to_x2();
  EXPECT_EQ(x2wr(LAPIC_SVR, 0x1ff), 0);
  EXPECT_EQ(x2wr(LAPIC_SELF_IPI, 0x77), 0);
  EXPECT_EQ(lapic_pending(&l_), 0x77);
  EXPECT_EQ(x2wr(LAPIC_SELF_IPI, 0x177), -EINVAL);
}

TEST_F(Lapic, InitKeepsModeAndId) {
  init(5);
  to_x2();
  x2wr(LAPIC_SVR, 0x1ff);
  lapic_set_irr(&l_, 0x40, false);
  lapic_reset(&l_);
  EXPECT_TRUE(lapic_x2apic(&l_));
  EXPECT_EQ(x2rd(LAPIC_ID), 5u);
  EXPECT_EQ(x2rd(LAPIC_LDR), 1u << 5);
  EXPECT_EQ(x2rd(LAPIC_SVR), 0xffu);
  EXPECT_EQ(lapic_irr_top(&l_), -1);
}

// ---- posting ----

TEST_F(Lapic, PostAndDrain) {
  struct lapic_post p = {};
  enable();
  EXPECT_EQ(lapic_pir_post(&p, 0x41, false), LAPIC_POST_NOTIFY);
  EXPECT_EQ(lapic_pir_post(&p, 0x41, false), LAPIC_POST_COALESCED);
  EXPECT_EQ(lapic_pir_post(&p, 0xe0, true), LAPIC_POST_QUIET);
  EXPECT_TRUE(lapic_pir_pending(&p));
  lapic_pir_drain(&l_, &p);
  EXPECT_FALSE(lapic_pir_pending(&p));
  EXPECT_EQ(lapic_pending(&l_), 0xe0);
  EXPECT_TRUE(bit(LAPIC_IRR, 0x41));
  EXPECT_TRUE(lapic_is_level(&l_, 0xe0));
  EXPECT_FALSE(lapic_is_level(&l_, 0x41));
  EXPECT_EQ(lapic_pir_post(&p, 0xe0, false), LAPIC_POST_NOTIFY);
  lapic_pir_drain(&l_, &p);
  EXPECT_FALSE(lapic_is_level(&l_, 0xe0));
}

TEST_F(Lapic, Watches) {
  struct lapic_post p = {};
  EXPECT_FALSE(lapic_unwatch(&p, 0x30));
  lapic_watch(&p, 0x30);
  EXPECT_TRUE(lapic_watched(&p, 0x30));
  EXPECT_FALSE(lapic_watched(&p, 0x31));
  EXPECT_TRUE(lapic_unwatch(&p, 0x30));
  EXPECT_FALSE(lapic_unwatch(&p, 0x30));
  lapic_watch(&p, 0xff);
  EXPECT_TRUE(lapic_unwatch_all(&p));
  EXPECT_FALSE(lapic_unwatch_all(&p));
}

TEST_F(Lapic, PvEoiOnlyForALoneEdge) {
  enable();
  EXPECT_FALSE(lapic_pv_eoi_ok(&l_));
  lapic_set_irr(&l_, 0x40, false);
  lapic_ack(&l_, 0x40);
  EXPECT_TRUE(lapic_pv_eoi_ok(&l_));
  lapic_set_irr(&l_, 0x33, false);
  EXPECT_FALSE(lapic_pv_eoi_ok(&l_)) << "another waits";
  lapic_eoi(&l_);
  lapic_ack(&l_, 0x33);
  lapic_eoi(&l_);
  lapic_set_irr(&l_, 0x50, true);
  lapic_ack(&l_, 0x50);
  EXPECT_FALSE(lapic_pv_eoi_ok(&l_)) << "level";
}

// ---- timer ----

class LapicTimer : public Lapic {
 protected:
  LapicTimer() { enable(); }
  enum lapic_timer_kind next(u64* at = nullptr) {
    u64 unused;
    return lapic_timer_next(&l_, at ? at : &unused);
  }
};

TEST_F(LapicTimer, DivideEncodings) {
  const u32 shift[] = {1, 2, 3, 4, 5, 6, 7, 0};
  for (u32 i = 0; i < 8; i++) {
    wr(LAPIC_TIMER_DIVIDE, (i & 3) | (i & 4) << 1);
    EXPECT_EQ(l_.timer_shift, shift[i]);
  }
}

TEST_F(LapicTimer, OneShot) {
  u64 at;
  wr(LAPIC_TIMER_DIVIDE, 0xb);
  wr(LAPIC_LVT_TIMER, 0x40);
  EXPECT_EQ(wr(LAPIC_TIMER_INITIAL, 1000, 5000), u32{LAPIC_FX_TIMER});
  ASSERT_EQ(next(&at), LAPIC_TIMER_NS);
  EXPECT_EQ(at, 6000u);
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 5000), 1000u);
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 5400), 600u);
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 6000), 0u);
  EXPECT_EQ(lapic_timer_expire(&l_, 5999, 0), u32{LAPIC_FX_TIMER}) << "too early";
  EXPECT_EQ(lapic_pending(&l_), -1);
  EXPECT_EQ(lapic_timer_expire(&l_, 6000, 0), 0u);
  EXPECT_EQ(lapic_pending(&l_), 0x40);
  EXPECT_EQ(next(), LAPIC_TIMER_OFF);
  EXPECT_EQ(lapic_timer_expire(&l_, 7000, 0), 0u) << "a stale timer does nothing";
}

TEST_F(LapicTimer, Periodic) {
  u64 at;
  wr(LAPIC_TIMER_DIVIDE, 0xb);
  wr(LAPIC_LVT_TIMER, 0x20040);
  wr(LAPIC_TIMER_INITIAL, 1000000, 0);
  ASSERT_EQ(next(&at), LAPIC_TIMER_NS);
  EXPECT_EQ(at, 1000000u);
  EXPECT_EQ(lapic_timer_expire(&l_, 1000500, 0), u32{LAPIC_FX_TIMER});
  next(&at);
  EXPECT_EQ(at, 2000000u) << "no drift";
  // Three periods late: one interrupt, and the grid is kept.
  lapic_timer_expire(&l_, 5000001, 0);
  next(&at);
  EXPECT_EQ(at, 6000000u);
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 5250000), 750000u);
}

TEST_F(LapicTimer, PeriodHasAMinimum) {
  u64 at;
  wr(LAPIC_TIMER_DIVIDE, 0xb);
  wr(LAPIC_LVT_TIMER, 0x20040);
  wr(LAPIC_TIMER_INITIAL, 1, 0);
  next(&at);
  EXPECT_EQ(at, LAPIC_MIN_PERIOD_NS);
  EXPECT_LE(rd(LAPIC_TIMER_CURRENT, 5), 1u);
  // A one-shot timer may be short; made periodic while it runs, its next period is not.
  wr(LAPIC_LVT_TIMER, 0x40);
  wr(LAPIC_TIMER_INITIAL, 10, 0);
  wr(LAPIC_LVT_TIMER, 0x20040, 5);
  lapic_timer_expire(&l_, 10, 0);
  next(&at);
  EXPECT_EQ(at, 10 + LAPIC_MIN_PERIOD_NS);
}

TEST_F(LapicTimer, ZeroStops) {
  wr(LAPIC_LVT_TIMER, 0x20040);
  wr(LAPIC_TIMER_INITIAL, 1000000, 0);
  wr(LAPIC_TIMER_INITIAL, 0, 100);
  EXPECT_EQ(next(), LAPIC_TIMER_OFF);
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 200), 0u);
}

TEST_F(LapicTimer, MaskedCountsWithoutInterrupt) {
  u64 at;
  wr(LAPIC_TIMER_DIVIDE, 0xb);
  wr(LAPIC_LVT_TIMER, 0x30040);
  wr(LAPIC_TIMER_INITIAL, 1000000, 0);
  EXPECT_EQ(next(), LAPIC_TIMER_OFF) << "the host need not be bothered";
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 400000), 600000u);
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 3400000), 600000u);
  wr(LAPIC_LVT_TIMER, 0x20040, 3400000);
  ASSERT_EQ(next(&at), LAPIC_TIMER_NS);
  EXPECT_EQ(at, 4000000u);
  EXPECT_EQ(lapic_pending(&l_), -1);
  // One-shot that ran out under the mask: unmasking brings nothing.
  wr(LAPIC_LVT_TIMER, 0x10040, 3400000);
  wr(LAPIC_TIMER_INITIAL, 1000, 3400000);
  wr(LAPIC_LVT_TIMER, 0x40, 9000000);
  EXPECT_EQ(next(), LAPIC_TIMER_OFF);
}

TEST_F(LapicTimer, ModeChangeKeepsTheCount) {
  wr(LAPIC_TIMER_DIVIDE, 0xb);
  wr(LAPIC_LVT_TIMER, 0x20040);
  wr(LAPIC_TIMER_INITIAL, 1000000, 0);
  wr(LAPIC_LVT_TIMER, 0x40, 600000);
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 600000), 400000u);
  lapic_timer_expire(&l_, 1000000, 0);
  EXPECT_EQ(next(), LAPIC_TIMER_OFF);
  wr(LAPIC_LVT_TIMER, 0x20040, 1000001);
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 1000001), 0u) << "an expired one-shot does not restart";
}

TEST_F(LapicTimer, DivideChangeKeepsTheCount) {
  u64 at;
  wr(LAPIC_TIMER_DIVIDE, 0xb);
  wr(LAPIC_LVT_TIMER, 0x40);
  wr(LAPIC_TIMER_INITIAL, 1000, 0);
  wr(LAPIC_TIMER_DIVIDE, 0, 400);  // by two
  EXPECT_EQ(rd(LAPIC_TIMER_CURRENT, 400), 600u);
  next(&at);
  EXPECT_EQ(at, 400u + 1200u);
}

// The host's timer comes a little late: in between the guest may write.
TEST_F(LapicTimer, DivideChangeLosesNoInterrupt) {
  u64 at;
  wr(LAPIC_TIMER_DIVIDE, 0xb);
  wr(LAPIC_LVT_TIMER, 0x40);
  wr(LAPIC_TIMER_INITIAL, 1000, 0);
  EXPECT_EQ(wr(LAPIC_TIMER_DIVIDE, 0, 1001), u32{LAPIC_FX_TIMER});
  ASSERT_EQ(next(&at), LAPIC_TIMER_NS);
  EXPECT_EQ(at, 1000u);
  EXPECT_EQ(lapic_timer_expire(&l_, 1002, 0), 0u);
  EXPECT_EQ(lapic_pending(&l_), 0x40);
  // Periodic: this period's interrupt, and the next ones at the new speed.
  init(0);
  enable();
  wr(LAPIC_TIMER_DIVIDE, 0xb);
  wr(LAPIC_LVT_TIMER, 0x20040);
  wr(LAPIC_TIMER_INITIAL, 1000000, 0);
  wr(LAPIC_TIMER_DIVIDE, 0, 1000001);
  EXPECT_EQ(lapic_timer_expire(&l_, 1000002, 0), u32{LAPIC_FX_TIMER});
  EXPECT_EQ(lapic_pending(&l_), 0x40);
  next(&at);
  EXPECT_EQ(at, 3000000u);
}

TEST_F(LapicTimer, Deadline) {
  u64 at;
  EXPECT_EQ(lapic_deadline_write(&l_, 5000000), 0u) << "ignored in another mode";
  EXPECT_EQ(lapic_deadline_read(&l_, 0), 0u);
  wr(LAPIC_LVT_TIMER, 0x40040);
  wr(LAPIC_TIMER_INITIAL, 55);
  EXPECT_EQ(rd(LAPIC_TIMER_INITIAL), 0u) << "ignored in deadline mode";
  EXPECT_EQ(lapic_deadline_write(&l_, 5000000), u32{LAPIC_FX_TIMER});
  ASSERT_EQ(next(&at), LAPIC_TIMER_TSC);
  EXPECT_EQ(at, 5000000u);
  EXPECT_EQ(lapic_deadline_read(&l_, 0), 5000000u);
  EXPECT_EQ(lapic_timer_expire(&l_, 0, 4000000), u32{LAPIC_FX_TIMER}) << "too early";
  EXPECT_EQ(lapic_timer_expire(&l_, 0, 4999999), u32{LAPIC_FX_TIMER}) << "by a tick";
  EXPECT_EQ(lapic_pending(&l_), -1);
  EXPECT_EQ(lapic_timer_expire(&l_, 0, 5000000), 0u);
  EXPECT_EQ(lapic_pending(&l_), 0x40);
  EXPECT_EQ(lapic_deadline_read(&l_, 5000000), 0u);
  lapic_deadline_write(&l_, 9000000);
  wr(LAPIC_LVT_TIMER, 0x40);
  EXPECT_EQ(next(), LAPIC_TIMER_OFF) << "leaving the mode disarms";
  wr(LAPIC_LVT_TIMER, 0x40040);
  EXPECT_EQ(lapic_deadline_read(&l_, 0), 0u);
}

TEST_F(LapicTimer, DeadlineUnderMask) {
  wr(LAPIC_LVT_TIMER, 0x50040);
  lapic_deadline_write(&l_, 100);
  EXPECT_EQ(next(), LAPIC_TIMER_OFF);
  EXPECT_EQ(lapic_deadline_read(&l_, 50), 100u);
  EXPECT_EQ(lapic_deadline_read(&l_, 100), 0u);
}

// ---- state ----

TEST_F(Lapic, StateRoundTrip) {
  enable();
  wr(LAPIC_TPR, 0x20);
  lapic_set_irr(&l_, 0x50, true);
  lapic_set_irr(&l_, 0x90, false);
  lapic_ack(&l_, 0x90);
  wr(LAPIC_TIMER_DIVIDE, 0xb);
  wr(LAPIC_LVT_TIMER, 0x20040);
  wr(LAPIC_TIMER_INITIAL, 1000000, 0);
  std::array<u8, LAPIC_STATE_SIZE> s;
  lapic_get_state(&l_, s.data(), 250000);
  u32 v;
  std::memcpy(&v, &s[LAPIC_TIMER_CURRENT], 4);
  EXPECT_EQ(v, 750000u);
  std::memcpy(&v, &s[LAPIC_PPR], 4);
  EXPECT_EQ(v, 0x90u);

  init(0);
  u32 fx;
  ASSERT_EQ(lapic_set_state(&l_, s.data(), 70000000, &fx), 0);
  EXPECT_TRUE(fx & LAPIC_FX_TIMER);
  EXPECT_TRUE(fx & LAPIC_FX_MAP);
  EXPECT_EQ(l_.isr_top, 0x90);
  EXPECT_EQ(lapic_pending(&l_), -1);
  lapic_eoi(&l_);
  EXPECT_EQ(lapic_pending(&l_), 0x50);
  EXPECT_TRUE(lapic_is_level(&l_, 0x50));
  u64 at;
  ASSERT_EQ(lapic_timer_next(&l_, &at), LAPIC_TIMER_NS);
  EXPECT_EQ(at, 70750000u);
}

TEST_F(LapicTimer, StateKeepsTheDeadline) {
  std::array<u8, LAPIC_STATE_SIZE> s;
  u32 fx, lvt = 0x40;
  u64 at;
  wr(LAPIC_LVT_TIMER, 0x40040);
  lapic_deadline_write(&l_, 5000000);
  lapic_get_state(&l_, s.data(), 0);
  ASSERT_EQ(lapic_set_state(&l_, s.data(), 0, &fx), 0);
  ASSERT_EQ(next(&at), LAPIC_TIMER_TSC);
  EXPECT_EQ(at, 5000000u);
  // To another mode and back it is gone, as by the guest's own writes.
  std::memcpy(&s[LAPIC_LVT_TIMER], &lvt, 4);
  ASSERT_EQ(lapic_set_state(&l_, s.data(), 0, &fx), 0);
  EXPECT_EQ(next(), LAPIC_TIMER_OFF);
  lvt = 0x40040;
  std::memcpy(&s[LAPIC_LVT_TIMER], &lvt, 4);
  ASSERT_EQ(lapic_set_state(&l_, s.data(), 0, &fx), 0);
  EXPECT_EQ(next(), LAPIC_TIMER_OFF);
}

TEST_F(Lapic, StateIdsInX2apicMode) {
  init(7);
  to_x2();
  std::array<u8, LAPIC_STATE_SIZE> s;
  u32 id, fx;
  lapic_get_state(&l_, s.data(), 0);
  std::memcpy(&id, &s[LAPIC_ID], 4);
  EXPECT_EQ(id, 7u << 24);
  EXPECT_EQ(lapic_set_state(&l_, s.data(), 0, &fx), 0);
  EXPECT_EQ(x2rd(LAPIC_ID), 7u);
  l_.wide_ids = true;
  EXPECT_EQ(lapic_set_state(&l_, s.data(), 0, &fx), -EINVAL);
  lapic_get_state(&l_, s.data(), 0);
  std::memcpy(&id, &s[LAPIC_ID], 4);
  EXPECT_EQ(id, 7u);
  EXPECT_EQ(lapic_set_state(&l_, s.data(), 0, &fx), 0);
  EXPECT_EQ(x2rd(LAPIC_LDR), 1u << 7);
}

TEST_F(Lapic, StateFromTheVmmIsNotTrusted) {
  std::array<u8, LAPIC_STATE_SIZE> s;
  s.fill(0xff);
  u32 fx;
  ASSERT_EQ(lapic_set_state(&l_, s.data(), 1, &fx), 0);
  EXPECT_EQ(rd(LAPIC_VERSION), 0x50014u);
  EXPECT_EQ(rd(LAPIC_TPR), 0xffu);
  EXPECT_EQ(l_.isr_top, 255);
  EXPECT_TRUE(bit(LAPIC_IRR, 3)) << "IRR is as it was set";
  EXPECT_FALSE(bit(LAPIC_ISR, 3)) << "vectors below 16 cannot be in service";
  for (int i = 0; i < 240; i++) EXPECT_TRUE(lapic_eoi(&l_) & LAPIC_FX_EOI);
  EXPECT_EQ(lapic_eoi(&l_), 0u);
}

TEST_F(Lapic, IllegalVectorInTheStateIsNotDelivered) {
  std::array<u8, LAPIC_STATE_SIZE> s{};
  u32 fx, spiv = 0x1ff, irr = 0xffff;
  std::memcpy(&s[LAPIC_SVR], &spiv, 4);
  std::memcpy(&s[LAPIC_IRR], &irr, 4);
  ASSERT_EQ(lapic_set_state(&l_, s.data(), 1, &fx), 0);
  EXPECT_EQ(rd(LAPIC_IRR), 0xffffu);
  EXPECT_EQ(lapic_pending(&l_), -1);
  lapic_merge(&l_, 0, 1ull << 40, 0);
  EXPECT_EQ(lapic_pending(&l_), 40);
}

}  // namespace
