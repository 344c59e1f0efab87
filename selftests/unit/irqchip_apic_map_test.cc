// SPDX-License-Identifier: GPL-2.0-only
// Destinations of interrupt messages (SDM 3A 11.6.2, 11.12.10), and GSI routing.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "pure/apic_map.h"
#include "pure/irq_route.h"

namespace {

class ApicMap : public testing::Test {
 protected:
  void build(std::vector<struct apic_entry> entries) {
    u32 max_id = 0;
    for (size_t i = 0; i < entries.size(); i++) {
      entries[i].target = reinterpret_cast<void*>(i + 1);
      max_id = std::max(max_id, entries[i].id);
    }
    mem_ = std::make_unique<u64[]>(apic_map_size(entries.size(), max_id) / 8 + 1);
    m_ = apic_map_init(mem_.get(), entries.size(), max_id);
    std::copy(entries.begin(), entries.end(), m_->entry);
    apic_map_build(m_);
  }

  static struct apic_entry xapic(u32 id, u32 ldr, bool cluster = false, bool sw = true) {
    struct apic_entry e = {};
    e.id = id;
    e.ldr = ldr;
    e.enabled = true;
    e.sw_enabled = sw;
    e.cluster = cluster;
    return e;
  }
  static struct apic_entry x2apic(u32 id) {
    struct apic_entry e = {};
    e.id = id;
    e.ldr = (id >> 4) << 16 | 1u << (id & 15);
    e.enabled = true;
    e.sw_enabled = true;
    e.x2apic = true;
    return e;
  }
  static struct apic_msg msg(u32 dest, bool logical = false, u8 mode = APIC_FIXED) {
    struct apic_msg m = {};
    m.dest = dest;
    m.vector = 0x40;
    m.mode = mode;
    m.logical = logical;
    return m;
  }

  // Indices (from 0) of the entries a message reaches.
  std::set<int> who(const struct apic_msg& m) {
    std::set<int> s;
    struct apic_iter it;
    apic_map_lookup(m_, &m, &it);
    while (const struct apic_entry* e = apic_map_next(m_, &m, &it))
      EXPECT_TRUE(s.insert(static_cast<int>(reinterpret_cast<uintptr_t>(e->target)) - 1).second);
    return s;
  }

  std::unique_ptr<u64[]> mem_;
  struct apic_map* m_ = nullptr;
};

using Set = std::set<int>;

TEST_F(ApicMap, Physical) {
  build({xapic(0, 1), xapic(5, 2), xapic(9, 4)});
  EXPECT_EQ(who(msg(5)), Set{1});
  EXPECT_EQ(who(msg(1)), Set{});
  EXPECT_EQ(who(msg(254)), Set{});
  EXPECT_EQ(who(msg(70000)), Set{});
  EXPECT_EQ(who(msg(0xff)), (Set{0, 1, 2}));
  EXPECT_EQ(who(msg(APIC_DEST_BROADCAST)), (Set{0, 1, 2}));
}

TEST_F(ApicMap, LogicalFlat) {
  build({xapic(0, 0x01), xapic(1, 0x02), xapic(2, 0x80)});
  EXPECT_EQ(who(msg(0x03, true)), (Set{0, 1}));
  EXPECT_EQ(who(msg(0x80, true)), Set{2});
  EXPECT_EQ(who(msg(0x40, true)), Set{});
  EXPECT_EQ(who(msg(0xff, true)), (Set{0, 1, 2}));
  EXPECT_EQ(who(msg(0x100, true)), Set{});
}

TEST_F(ApicMap, LogicalCluster) {
  build({xapic(0, 0x11, true), xapic(1, 0x12, true), xapic(2, 0x21, true)});
  EXPECT_EQ(who(msg(0x13, true)), (Set{0, 1}));
  EXPECT_EQ(who(msg(0x21, true)), Set{2});
  EXPECT_EQ(who(msg(0x31, true)), Set{});
  EXPECT_EQ(who(msg(0xff, true)), (Set{0, 1, 2}));
  EXPECT_EQ(who(msg(0xf1, true)), (Set{0, 2}));
}

TEST_F(ApicMap, UnusualLogicalIds) {
  // Two bits in one LDR, and one bit in two LDRs.
  build({xapic(0, 0x03), xapic(1, 0x02), xapic(2, 0)});
  EXPECT_EQ(who(msg(0x02, true)), (Set{0, 1}));
  EXPECT_EQ(who(msg(0x01, true)), Set{0});
  EXPECT_EQ(who(msg(0xff, true)), (Set{0, 1})) << "no LDR, no logical interrupt";
}

TEST_F(ApicMap, SamePhysicalIdTwice) {
  build({xapic(3, 1), xapic(3, 2), xapic(4, 4)});
  EXPECT_EQ(who(msg(3)), (Set{0, 1}));
  EXPECT_EQ(who(msg(4)), Set{2});
}

TEST_F(ApicMap, XapicBeyond255) {
  auto beyond = [](u32 number, u8 narrow) {
    struct apic_entry e = xapic(number, 0);
    e.narrow = narrow;
    return e;
  };
  build({x2apic(0), xapic(5, 0), beyond(0x105, 5), beyond(0x107, 7), beyond(0x207, 7)});
  EXPECT_EQ(who(msg(0x105)), (Set{2}));
  EXPECT_EQ(who(msg(5)), (Set{1}));
  EXPECT_EQ(who(msg(0x207)), (Set{4}));
  EXPECT_EQ(who(msg(7)), (Set{3}));
  EXPECT_EQ(who(msg(0xff)), (Set{1, 2, 3, 4}));
  // The same where IDs clash and each entry is compared.
  build({xapic(5, 0), xapic(5, 0), beyond(0x105, 5), beyond(0x107, 7), beyond(0x207, 7)});
  EXPECT_EQ(who(msg(0x105)), (Set{2}));
  EXPECT_EQ(who(msg(5)), (Set{0, 1}));
  EXPECT_EQ(who(msg(7)), (Set{3}));
}

TEST_F(ApicMap, X2apic) {
  std::vector<struct apic_entry> v;
  for (u32 id = 0; id < 40; id++) v.push_back(x2apic(id));
  v.push_back(x2apic(300));
  build(v);
  EXPECT_EQ(who(msg(300)), Set{40});
  EXPECT_EQ(who(msg(0xff)), Set{}) << "an ID like any other";
  EXPECT_EQ(who(msg(0x00020003, true)), (Set{32, 33}));
  EXPECT_EQ(who(msg(0x0002ff00, true)), Set{});
  EXPECT_EQ(who(msg(18u << 16 | 1 << 12, true)), Set{40});
  EXPECT_EQ(who(msg(0xfffe0001, true)), Set{});
  EXPECT_EQ(who(msg(APIC_DEST_BROADCAST, true)).size(), 41u);
}

TEST_F(ApicMap, MixedModes) {
  build({x2apic(0), xapic(1, 0x02), x2apic(17)});
  EXPECT_EQ(who(msg(1)), Set{1});
  EXPECT_EQ(who(msg(17)), Set{2});
  EXPECT_EQ(who(msg(0xff)), Set{1}) << "broadcast for the xAPIC alone";
  EXPECT_EQ(who(msg(0x02, true)), Set{1});
  EXPECT_EQ(who(msg(0x01, true)), Set{0});
  EXPECT_EQ(who(msg(0x00010002, true)), Set{2});
}

TEST_F(ApicMap, DisabledApics) {
  auto off = xapic(2, 4);
  off.enabled = false;
  off.sw_enabled = false;
  build({xapic(0, 1), xapic(1, 2, false, false), off});
  EXPECT_EQ(who(msg(1)), Set{});
  EXPECT_EQ(who(msg(1, false, APIC_NMI)), Set{1});
  EXPECT_EQ(who(msg(1, false, APIC_INIT)), Set{1});
  EXPECT_EQ(who(msg(2, false, APIC_INIT)), Set{});
  EXPECT_EQ(who(msg(APIC_DEST_BROADCAST)), Set{0});
}

TEST_F(ApicMap, LowestPriorityPicksOneAndKeepsToIt) {
  build({xapic(0, 1), xapic(1, 2, false, false), xapic(2, 4), xapic(3, 8)});
  std::set<const void*> picked;
  for (int vec = 0x20; vec < 0x40; vec++) {
    struct apic_msg m = msg(0xff, true, APIC_LOWEST);
    m.vector = static_cast<u8>(vec);
    const struct apic_entry* e = apic_map_lowest(m_, &m, nullptr);
    ASSERT_NE(e, nullptr);
    EXPECT_TRUE(e->sw_enabled);
    EXPECT_EQ(apic_map_lowest(m_, &m, nullptr), e);
    picked.insert(e->target);
    // All but the sender.
    m.dest = APIC_DEST_BROADCAST;
    for (u32 self : {0u, 2u, 3u}) {
      const void* sender = m_->entry[self].target;
      ASSERT_NE(apic_map_lowest(m_, &m, sender), nullptr);
      EXPECT_NE(apic_map_lowest(m_, &m, sender)->target, sender);
    }
  }
  EXPECT_EQ(picked.size(), 3u);
  struct apic_msg none = msg(0x40, true, APIC_LOWEST);
  EXPECT_EQ(apic_map_lowest(m_, &none, nullptr), nullptr);
  build({xapic(0, 1)});
  struct apic_msg others = msg(APIC_DEST_BROADCAST, false, APIC_LOWEST);
  EXPECT_EQ(apic_map_lowest(m_, &others, m_->entry[0].target), nullptr);
}

TEST_F(ApicMap, Empty) {
  build({});
  EXPECT_EQ(who(msg(0)), Set{});
  EXPECT_EQ(who(msg(0xff, true)), Set{});
  EXPECT_EQ(who(msg(APIC_DEST_BROADCAST)), Set{});
}

TEST_F(ApicMap, TablesAgreeWithTheComparison) {
  // Every 8-bit destination, both models: the table's answer is that of comparing one by one.
  for (bool cluster : {false, true}) {
    std::vector<struct apic_entry> v;
    for (u32 i = 0; i < 8; i++)
      v.push_back(xapic(i, cluster ? (i / 4) << 4 | 1u << (i % 4) : 1u << i, cluster));
    build(v);
    for (u32 dest = 0; dest < 0x100; dest++) {
      m_->logical_slow = false;
      Set fast = who(msg(dest, true));
      m_->logical_slow = true;
      EXPECT_EQ(fast, who(msg(dest, true))) << dest << cluster;
    }
  }
}

TEST(ApicMsg, FromIcr) {
  struct apic_msg m;
  apic_msg_from_icr(&m, 0x0500000000084c31ull | 1ull << 15, false);
  EXPECT_EQ(m.dest, 5u);
  EXPECT_EQ(m.vector, 0x31);
  EXPECT_EQ(m.mode, APIC_NMI);
  EXPECT_TRUE(m.logical);
  EXPECT_TRUE(m.assert);
  EXPECT_TRUE(m.level);
  EXPECT_EQ(m.shorthand, APIC_TO_ALL);
  apic_msg_from_icr(&m, 0x0001000200000040ull, true);
  EXPECT_EQ(m.dest, 0x10002u);
}

TEST(ApicMsg, FromMsi) {
  struct apic_msg m;
  apic_msg_from_msi(&m, 0xfee0500c, 0xc141, false, true);
  EXPECT_EQ(m.dest, 5u);
  EXPECT_TRUE(m.logical);
  EXPECT_EQ(m.mode, APIC_LOWEST);
  EXPECT_TRUE(m.level);
  apic_msg_from_msi(&m, 0xfee0500c, 0xc041, false, true);
  EXPECT_EQ(m.mode, APIC_LOWEST) << "the redirection hint with a logical destination";
  apic_msg_from_msi(&m, 0xfee05008, 0x41, false, true);
  EXPECT_EQ(m.mode, APIC_FIXED);
  apic_msg_from_msi(&m, 0x00000100fee05000ull, 0x41, true, true);
  EXPECT_EQ(m.dest, 0x105u);
  apic_msg_from_msi(&m, 0x00000100fee05000ull, 0x41, false, true);
  EXPECT_EQ(m.dest, 5u);
  apic_msg_from_msi(&m, 0xfeeff000, 0x41, false, true);
  EXPECT_EQ(m.dest, APIC_DEST_BROADCAST);
  apic_msg_from_msi(&m, 0xfeeff000, 0x41, false, false);
  EXPECT_EQ(m.dest, 0xffu);
}

// ---- routing ----

class Routes : public testing::Test {
 protected:
  int build(const std::vector<struct vmx_irq_routing_entry>& e, u32 flags = 0) {
    int n = irq_routes_count(e.data(), e.size());
    if (n < 0) return n;
    mem_ = std::make_unique<u64[]>(irq_routes_size(n) / 8 + 1);
    t_ = reinterpret_cast<struct irq_routes*>(mem_.get());
    return irq_routes_build(t_, n, e.data(), e.size(), flags);
  }
  static struct vmx_irq_routing_entry pin(u32 gsi, u32 chip, u32 pin) {
    struct vmx_irq_routing_entry e = {};
    e.gsi = gsi;
    e.type = VMX_IRQ_ROUTING_IRQCHIP;
    e.u.irqchip.irqchip = chip;
    e.u.irqchip.pin = pin;
    return e;
  }
  static struct vmx_irq_routing_entry msi(u32 gsi, u32 lo = 0xfee00000, u32 hi = 0) {
    struct vmx_irq_routing_entry e = {};
    e.gsi = gsi;
    e.type = VMX_IRQ_ROUTING_MSI;
    e.u.msi.address_lo = lo;
    e.u.msi.address_hi = hi;
    e.u.msi.data = 0x31;
    return e;
  }
  std::unique_ptr<u64[]> mem_;
  struct irq_routes* t_ = nullptr;
};

TEST_F(Routes, Defaults) {
  std::vector<struct vmx_irq_routing_entry> e(IRQ_ROUTE_DEFAULTS);
  irq_routes_defaults(e.data());
  ASSERT_EQ(build(e), 0);
  EXPECT_EQ(t_->nr_gsis, 24u);
  for (u32 gsi = 0; gsi < 24; gsi++) {
    const struct irq_route* r = irq_route(t_, gsi);
    ASSERT_NE(r, nullptr);
    EXPECT_EQ(r->kind, IRQ_ROUTE_PIN);
    EXPECT_EQ(r->ioapic_pin, gsi);
    EXPECT_EQ(r->pic_line, gsi < 16 ? gsi : IRQ_ROUTE_NO_PIN);
    EXPECT_EQ(t_->pin_gsi[gsi], gsi);
  }
  EXPECT_EQ(irq_route(t_, 24), nullptr);
}

TEST_F(Routes, Validation) {
  EXPECT_EQ(build({}), 0);
  EXPECT_EQ(t_->nr_gsis, 0u);
  EXPECT_EQ(build({pin(0, VMX_IRQCHIP_IOAPIC, 24)}), -EINVAL);
  EXPECT_EQ(build({pin(0, VMX_IRQCHIP_PIC_MASTER, 8)}), -EINVAL);
  EXPECT_EQ(build({pin(0, 3, 0)}), -EINVAL);
  EXPECT_EQ(build({pin(4096, VMX_IRQCHIP_IOAPIC, 0)}), -EINVAL);
  EXPECT_EQ(build({pin(4095, VMX_IRQCHIP_IOAPIC, 0)}), 0);
  EXPECT_EQ(build({pin(1, VMX_IRQCHIP_IOAPIC, 1), pin(1, VMX_IRQCHIP_IOAPIC, 2)}), -EINVAL);
  EXPECT_EQ(build({pin(1, VMX_IRQCHIP_IOAPIC, 1), pin(1, VMX_IRQCHIP_PIC_SLAVE, 2)}), 0);
  EXPECT_EQ(irq_route(t_, 1)->pic_line, 10);
  EXPECT_EQ(build({pin(1, VMX_IRQCHIP_IOAPIC, 1), msi(1)}), -EINVAL);
  EXPECT_EQ(build({msi(1), pin(1, VMX_IRQCHIP_IOAPIC, 1)}), -EINVAL);
  EXPECT_EQ(build({msi(1), msi(1)}), -EINVAL);
  EXPECT_EQ(build({msi(40), msi(41)}), 0);
  EXPECT_EQ(irq_route(t_, 40)->msi_address, 0xfee00000u);
  EXPECT_EQ(irq_route(t_, 3)->kind, IRQ_ROUTE_NONE);
  auto flagged = pin(0, VMX_IRQCHIP_IOAPIC, 0);
  flagged.flags = 1;
  EXPECT_EQ(build({flagged}), -EINVAL);
  auto devid = msi(2);
  devid.flags = VMX_MSI_VALID_DEVID;
  EXPECT_EQ(build({devid}), 0);
  devid.flags = 2;
  EXPECT_EQ(build({devid}), -EINVAL);
  auto sint = pin(2, 0, 0);
  sint.type = VMX_IRQ_ROUTING_HV_SINT;
  sint.u.hv_sint.vcpu = 7;
  sint.u.hv_sint.sint = 15;
  EXPECT_EQ(build({sint}), 0);
  EXPECT_EQ(build({sint}, IRQ_ROUTE_SPLIT), 0);
  EXPECT_EQ(irq_route(t_, 2)->kind, IRQ_ROUTE_SINT);
  EXPECT_EQ(irq_route(t_, 2)->vp, 7u);
  EXPECT_EQ(irq_route(t_, 2)->sint, 15);
  EXPECT_EQ(t_->nr_sints, 1u);
  EXPECT_EQ(build({sint, sint}), -EINVAL);
  EXPECT_EQ(build({sint, msi(2)}), -EINVAL);
  EXPECT_EQ(build({sint, pin(2, VMX_IRQCHIP_IOAPIC, 1)}), -EINVAL);
  sint.u.hv_sint.sint = 16;
  EXPECT_EQ(build({sint}), -EINVAL);
  EXPECT_EQ(build({msi(2, 0xfee00000, 0x80)}, IRQ_ROUTE_WIDE), -EINVAL);
  EXPECT_EQ(build({msi(2, 0xfee00000, 0x100)}, IRQ_ROUTE_WIDE), 0);
  EXPECT_EQ(build({pin(0, VMX_IRQCHIP_IOAPIC, 0)}, IRQ_ROUTE_SPLIT), -EINVAL);
}

}  // namespace
