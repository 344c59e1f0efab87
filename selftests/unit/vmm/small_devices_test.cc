// SPDX-License-Identifier: GPL-2.0-only
// i8042, ACPI power management, PCI configuration ports, POST port.
#include <gtest/gtest.h>

#include "devices/acpi_pm.h"
#include "devices/i8042.h"
#include "devices/pci_config.h"
#include "devices/post_port.h"
#include "fakes.h"

namespace vmx::test {
namespace {

struct I8042Test : testing::Test {
	FakeIrq irq;
	FakePower power;
	I8042 dev{irq, power};

	uint8_t status() { return in(dev, 0, I8042::region_command); }
	uint8_t data() { return in(dev, 0, I8042::region_data); }
	void command(uint8_t c) { out(dev, 0, c, I8042::region_command); }
	void send(uint8_t d) { out(dev, 0, d, I8042::region_data); }
};

TEST_F(I8042Test, LinuxProbe)
{
	EXPECT_EQ(status() & 0x03, 0); // nothing to flush, ready
	command(0x20);
	EXPECT_EQ(status() & 0x21, 0x01);
	uint8_t ctr = data();
	EXPECT_EQ(status() & 0x01, 0);
	command(0x60);
	send(ctr & 0xcf);
	command(0x20);
	EXPECT_EQ(data(), ctr & 0xcf);
	command(0xaa);
	EXPECT_EQ(data(), 0x55);
	command(0xab);
	EXPECT_EQ(data(), 0x00);
	command(0xd3); // looped back as if from the mouse
	send(0x5a);
	EXPECT_EQ(status() & 0x21, 0x21);
	EXPECT_EQ(data(), 0x5a);
}

TEST_F(I8042Test, EnableAndDisableShowInTheCommandByte)
{
	command(0xae);
	command(0xa8);
	command(0x20);
	EXPECT_EQ(data() & 0x30, 0);
	command(0xad);
	command(0xa7);
	command(0x20);
	EXPECT_EQ(data() & 0x30, 0x30);
}

TEST_F(I8042Test, NoKeyboardAnswersAtOnceWithTimeout)
{
	command(0x60);
	send(0x01); // interrupt on
	send(0xf2);
	EXPECT_TRUE(irq.level);
	EXPECT_EQ(status() & 0x61, 0x41);
	EXPECT_EQ(data(), 0xfe);
	EXPECT_FALSE(irq.level);
	EXPECT_EQ(status() & 0x61, 0);
	command(0xd4);
	send(0xf2);
	EXPECT_EQ(status() & 0x61, 0x61);
	EXPECT_FALSE(irq.level); // the mouse has another line
}

TEST_F(I8042Test, Resets)
{
	command(0xff); // pulses nothing
	EXPECT_EQ(power.resets, 0);
	command(0xfe);
	EXPECT_EQ(power.resets, 1);
	command(0xd1);
	send(0x03);
	EXPECT_EQ(power.resets, 1);
	command(0xd1);
	send(0x02);
	EXPECT_EQ(power.resets, 2);
	command(0xd0);
	EXPECT_EQ(data(), 0x02);
}

TEST_F(I8042Test, ACommandDropsTheParameterThatAnotherWaitedFor)
{
	command(0xd1);
	command(0x20);
	data();
	send(0x00); // to the keyboard, not to the output port
	EXPECT_EQ(power.resets, 0);
}

struct PmTest : testing::Test {
	FakeIrq sci;
	FakePower power;
	FakeClock clock;
	FakeTimer timer;
	AcpiPm pm{sci, power, clock, timer};
};

TEST_F(PmTest, SciIsAlwaysEnabled)
{
	EXPECT_EQ(in<uint16_t>(pm, 4) & 1, 1);
	out<uint16_t>(pm, 4, 0);
	EXPECT_EQ(in<uint16_t>(pm, 4) & 1, 1);
}

TEST_F(PmTest, PowersOffOnlyForS5)
{
	out<uint16_t>(pm, 4, 5 << 10);
	EXPECT_EQ(power.offs, 0); // no SLP_EN
	out<uint16_t>(pm, 4, 1 << 13 | 3 << 10);
	EXPECT_EQ(power.offs, 0); // S3 is not offered
	out<uint16_t>(pm, 4, 1 << 13 | 5 << 10);
	EXPECT_EQ(power.offs, 1);
	out<uint8_t>(pm, 5, (1 << 13 | 5 << 10) >> 8); // a byte write, the low half stays
	EXPECT_EQ(power.offs, 2);
	EXPECT_EQ(in<uint16_t>(pm, 4) & (1 << 13), 0); // write-only
}

TEST_F(PmTest, TimerRate)
{
	uint32_t start = in<uint32_t>(pm, 8);
	clock.advance(10 * ns_per_s);
	EXPECT_EQ(in<uint32_t>(pm, 8) - start, 35'795'450u);
	clock.advance(int64_t{100} * 365 * 86400 * ns_per_s / 10); // no overflow in ten years
	in<uint32_t>(pm, 8);
}

TEST_F(PmTest, TimerOverflowInterrupt)
{
	out<uint16_t>(pm, 2, 1);
	ASSERT_TRUE(timer.delay);
	clock.advance(*timer.delay);
	pm.timer_fired();
	EXPECT_TRUE(sci.level);
	EXPECT_EQ(in<uint16_t>(pm, 0) & 1, 1);
	EXPECT_GE(in<uint32_t>(pm, 8), 0x80000000u);
	out<uint16_t>(pm, 0, 1);
	EXPECT_FALSE(sci.level);
	EXPECT_EQ(in<uint16_t>(pm, 0), 0);
}

TEST_F(PmTest, PowerButton)
{
	pm.press_power_button();
	EXPECT_FALSE(sci.level);
	EXPECT_EQ(in<uint16_t>(pm, 0), 0x100);
	out<uint16_t>(pm, 2, 0x100);
	EXPECT_TRUE(sci.level);
	out<uint16_t>(pm, 0, 0x001); // another bit
	EXPECT_TRUE(sci.level);
	out<uint8_t>(pm, 1, 0x01);
	EXPECT_FALSE(sci.level);
	EXPECT_EQ(in<uint16_t>(pm, 2), 0x100);
}

TEST_F(PmTest, EnablesReadBackAndHalvesAreKept)
{
	out<uint16_t>(pm, 2, 0xffff);
	EXPECT_EQ(in<uint16_t>(pm, 2), 0x0721); // ACPICA reads back what it enables
	out<uint8_t>(pm, 2, 0);
	EXPECT_EQ(in<uint16_t>(pm, 2), 0x0700);
	EXPECT_EQ(in<uint32_t>(pm, 0) >> 16, 0x0700u); // both registers at once
}

TEST(PciConfig, AddressReadsBackAndDataIsOnes)
{
	FakePower power;
	PciConfigPorts pci(power);
	out<uint32_t>(pci, 0, 0x80001003);
	EXPECT_EQ(in<uint32_t>(pci, 0), 0x80001000u);
	EXPECT_EQ(in<uint32_t>(pci, 4), 0xffffffffu);
	EXPECT_EQ(in<uint16_t>(pci, 6), 0xffffu);
	out<uint32_t>(pci, 4, 0);
	out<uint8_t>(pci, 0, 0x12); // not a configuration access
	EXPECT_EQ(in<uint32_t>(pci, 0), 0x80001000u);
}

TEST(PciConfig, ResetOnRisingEdge)
{
	FakePower power;
	PciConfigPorts pci(power);
	out<uint32_t>(pci, 0, 0x80000400); // covers 0xcf9, resets nothing
	out<uint8_t>(pci, 1, 0x02);
	EXPECT_EQ(power.resets, 0);
	EXPECT_EQ(in<uint8_t>(pci, 1), 0x02);
	out<uint8_t>(pci, 1, PciConfigPorts::reset_value);
	EXPECT_EQ(power.resets, 1);
	out<uint8_t>(pci, 1, PciConfigPorts::reset_value); // no edge
	EXPECT_EQ(power.resets, 1);
}

TEST(PostPort, ReadsBack)
{
	PostPort post;
	out(post, 0, uint8_t{0x42});
	EXPECT_EQ(in(post, 0), 0x42);
}

} // namespace
} // namespace vmx::test
