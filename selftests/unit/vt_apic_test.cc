// SPDX-License-Identifier: GPL-2.0-only
// What of APIC virtualisation is used.
#include "vt_caps_host.h"

#include <gtest/gtest.h>

#include <memory>

#include "pure/vt_apic.h"

namespace {

// A server of the same year: APIC-register virtualization, virtual-interrupt delivery, posted interrupts.
std::unique_ptr<vt_controls> server(u32 without_proc2 = 0, u32 without_pin = 0)
{
	vt_caps caps = skylake_caps();
	caps.proc2 |= u64{3} << (32 + 8);
	caps.true_pin |= u64{1} << (32 + 7);
	caps.proc2 &= ~(u64{without_proc2} << 32);
	caps.true_pin &= ~(u64{without_pin} << 32);
	auto c = std::make_unique<vt_controls>();
	EXPECT_EQ(vt_caps_decide(&caps, c.get()), 0u);
	return c;
}

TEST(VtApic, WhatTheCpuHas)
{
	auto c = server();
	vt_apic_use use = vt_apic_choose(c.get(), true, true);
	EXPECT_TRUE(use.delivery && use.posted);
	// None of it is set before a mode asks for it.
	EXPECT_EQ(c->proc2 & VT_PROC2_APIC_MODE, 0u);
	EXPECT_EQ(c->pin & VT_PIN_POSTED_INTR, 0u);

	use = vt_apic_choose(server(0, VT_PIN_POSTED_INTR).get(), true, true);
	EXPECT_TRUE(use.delivery && !use.posted);
	for (u32 bit : {u32{VT_PROC2_APIC_REGISTER}, u32{VT_PROC2_VIRTUAL_INTR},
			u32{VT_PROC2_APIC_ACCESS} | VT_PROC2_X2APIC}) {
		use = vt_apic_choose(server(bit).get(), true, true);
		EXPECT_FALSE(use.delivery || use.posted) << bit;
	}
	for (u32 bit : {u32{VT_PROC2_APIC_ACCESS}, u32{VT_PROC2_X2APIC}})
		EXPECT_TRUE(vt_apic_choose(server(bit).get(), true, true).delivery) << bit;
}

TEST(VtApic, WhatTheUserWants)
{
	auto c = server();
	vt_apic_use use = vt_apic_choose(c.get(), false, true);
	EXPECT_FALSE(use.delivery || use.posted);
	use = vt_apic_choose(c.get(), true, false);
	EXPECT_TRUE(use.delivery && !use.posted);
}

TEST(VtApic, PostedNeedsTheAcknowledgement)
{
	vt_caps caps = skylake_caps();
	caps.proc2 |= u64{3} << (32 + 8);
	caps.true_pin |= u64{1} << (32 + 7);
	caps.true_exit &= ~(u64{VT_EXITC_ACK_INTR} << 32);
	vt_controls c;
	vt_caps_decide(&caps, &c);
	const vt_apic_use use = vt_apic_choose(&c, true, true);
	EXPECT_TRUE(use.delivery && !use.posted);
}

TEST(VtApic, ControlsFollowTheMode)
{
	constexpr u64 kX2 = LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC;
	constexpr u32 kDeliver = VT_PROC2_APIC_REGISTER | VT_PROC2_VIRTUAL_INTR;
	auto c = server();
	for (bool d : {false, true}) {
		const u32 more = d ? kDeliver : 0;
		EXPECT_EQ(vt_apic_controls(c.get(), LAPIC_DEFAULT_BASE | LAPIC_BASE_ENABLE, d),
			  VT_PROC2_APIC_ACCESS | more);
		EXPECT_EQ(vt_apic_controls(c.get(), LAPIC_DEFAULT_BASE | kX2 | LAPIC_BASE_BSP, d),
			  VT_PROC2_X2APIC | more);
		EXPECT_EQ(vt_apic_controls(c.get(), 0x12345000 | kX2, d), VT_PROC2_X2APIC | more);
		// Disabled, or where the page that stands for it is not.
		EXPECT_EQ(vt_apic_controls(c.get(), LAPIC_DEFAULT_BASE, d), 0u);
		EXPECT_EQ(vt_apic_controls(c.get(), LAPIC_DEFAULT_BASE | LAPIC_BASE_BSP, d), 0u);
		EXPECT_EQ(vt_apic_controls(c.get(), 0x12345000 | LAPIC_BASE_ENABLE, d), 0u);
	}
	// Without the one of the two that the mode needs, no delivery in it.
	EXPECT_EQ(vt_apic_controls(server(VT_PROC2_X2APIC).get(), LAPIC_DEFAULT_BASE | kX2, true), 0u);
	EXPECT_EQ(vt_apic_controls(server(VT_PROC2_APIC_ACCESS).get(), LAPIC_DEFAULT_BASE | LAPIC_BASE_ENABLE,
				   true), 0u);
}

} // namespace
