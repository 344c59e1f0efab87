// SPDX-License-Identifier: GPL-2.0-only
#include "devices/uart16550.h"

#include <gtest/gtest.h>

#include "fakes.h"

namespace vmx::test {
namespace {

enum : uint64_t { rbr, ier, iir, lcr, mcr, lsr, msr, scr };

struct UartTest : testing::Test {
	FakeIrq irq;
	FakePeer peer;
	Uart16550 uart{irq, peer};

	// As the Linux driver opens the port.
	void open_port()
	{
		out(uart, iir, uint8_t{0x87}); // FIFOs on and cleared, trigger 8
		out(uart, mcr, uint8_t{0x0b}); // DTR, RTS, OUT2
		out(uart, ier, uint8_t{0x05}); // receive and line status
	}
	size_t receive(std::string_view text) { return uart.receive(bytes_of(text)); }
};

TEST_F(UartTest, ResetState)
{
	EXPECT_EQ(in(uart, ier), 0);
	EXPECT_EQ(in(uart, iir), 0x01);
	EXPECT_EQ(in(uart, lcr), 0);
	EXPECT_EQ(in(uart, mcr), 0);
	EXPECT_EQ(in(uart, lsr), 0x60);
	EXPECT_EQ(in(uart, msr), 0xb0);
	EXPECT_FALSE(irq.level);
}

TEST_F(UartTest, Transmits)
{
	for (char c : std::string("hello"))
		out(uart, rbr, static_cast<uint8_t>(c));
	EXPECT_EQ(peer.sent, "hello");
	EXPECT_EQ(in(uart, lsr) & 0x60, 0x60);
}

TEST_F(UartTest, DivisorLatchHidesData)
{
	out(uart, lcr, uint8_t{0x83});
	out(uart, rbr, uint8_t{0x0c});
	out(uart, ier, uint8_t{0x34});
	EXPECT_EQ(peer.sent, "");
	EXPECT_EQ(in(uart, rbr), 0x0c);
	EXPECT_EQ(in(uart, ier), 0x34);
	out(uart, lcr, uint8_t{0x03});
	EXPECT_EQ(in(uart, ier), 0);
}

TEST_F(UartTest, ScratchAndFifoIdentification)
{
	out(uart, scr, uint8_t{0x5a});
	EXPECT_EQ(in(uart, scr), 0x5a);
	out(uart, iir, uint8_t{0x01});
	EXPECT_EQ(in(uart, iir), 0xc1);
	out(uart, iir, uint8_t{0x00});
	EXPECT_EQ(in(uart, iir), 0x01);
}

TEST_F(UartTest, TransmitterInterruptIsAcknowledgedByIirOrThr)
{
	out(uart, ier, uint8_t{0x02});
	EXPECT_TRUE(irq.level);
	EXPECT_EQ(in(uart, iir), 0x02);
	EXPECT_FALSE(irq.level);
	EXPECT_EQ(in(uart, iir), 0x01);
	out(uart, rbr, uint8_t{'x'}); // gone at once: empty again
	EXPECT_TRUE(irq.level);
	EXPECT_EQ(irq.rises, 2);
	out(uart, rbr, uint8_t{'y'}); // an edge for each, or an edge-triggered input hangs
	EXPECT_EQ(irq.rises, 3);
	out(uart, ier, uint8_t{0x00});
	EXPECT_FALSE(irq.level);
}

TEST_F(UartTest, SlowPeerHoldsTheTransmitter)
{
	peer.room = 2;
	out(uart, ier, uint8_t{0x02});
	in(uart, iir);
	out(uart, rbr, uint8_t{'a'});
	out(uart, rbr, uint8_t{'b'});
	EXPECT_EQ(in(uart, lsr) & 0x60, 0);
	EXPECT_FALSE(irq.level);
	uart.tx_resume();
	EXPECT_EQ(in(uart, lsr) & 0x60, 0x60);
	EXPECT_TRUE(irq.level);
	EXPECT_EQ(in(uart, iir), 0x02);
}

TEST_F(UartTest, ReceivesInOrderWithInterrupt)
{
	open_port();
	EXPECT_EQ(receive("abcdefghij"), 10u);
	EXPECT_TRUE(irq.level);
	EXPECT_EQ(in(uart, iir) & 0x0f, 0x04); // at the trigger level
	std::string got;
	while (in(uart, lsr) & 1)
		got += static_cast<char>(in(uart, rbr));
	EXPECT_EQ(got, "abcdefghij");
	EXPECT_FALSE(irq.level);
}

TEST_F(UartTest, TimeoutInterruptBelowTrigger)
{
	open_port();
	receive("a");
	EXPECT_EQ(in(uart, iir) & 0x0f, 0x0c);
	in(uart, rbr);
	EXPECT_EQ(in(uart, iir) & 0x0f, 0x01);
}

TEST_F(UartTest, NothingIsLostWhenTheGuestIsSlow)
{
	open_port();
	std::string text;
	for (int i = 0; i < 1000; i++)
		text += static_cast<char>('!' + i % 90);
	std::string got;
	size_t given = 0;
	while (got.size() < text.size()) {
		given += uart.receive(bytes_of(std::string_view(text).substr(given)));
		int before = peer.ready;
		for (int i = 0; i < 3 && (in(uart, lsr) & 1); i++)
			got += static_cast<char>(in(uart, rbr));
		EXPECT_GT(peer.ready, before); // reading makes room, and says so
	}
	EXPECT_EQ(got, text);
	EXPECT_EQ(in(uart, lsr) & 0x02, 0); // no overrun
}

TEST_F(UartTest, InputWaitsUntilTheGuestListens)
{
	EXPECT_EQ(receive("early"), 0u);
	out(uart, ier, uint8_t{0x01});
	EXPECT_EQ(receive("early"), 0u); // RTS is still off
	EXPECT_EQ(peer.ready, 0);
	out(uart, mcr, uint8_t{0x02});
	EXPECT_EQ(peer.ready, 1);
	EXPECT_EQ(receive("early"), 1u); // no FIFO: one byte
	EXPECT_EQ(in(uart, rbr), 'e');
	EXPECT_EQ(receive("arly"), 1u);
}

TEST_F(UartTest, PollingGuestGetsInput)
{
	for (int i = 0; i < 63; i++)
		EXPECT_EQ(in(uart, lsr) & 1, 0);
	EXPECT_EQ(receive("k"), 0u);
	in(uart, lsr);
	EXPECT_EQ(peer.ready, 1);
	EXPECT_EQ(receive("k"), 1u);
	EXPECT_EQ(in(uart, lsr) & 1, 1);
	EXPECT_EQ(in(uart, rbr), 'k');
}

TEST_F(UartTest, SendingGuestIsNotTakenForAPollingOne)
{
	for (int i = 0; i < 500; i++) {
		in(uart, lsr);
		out(uart, rbr, uint8_t{'.'});
	}
	EXPECT_EQ(receive("k"), 0u);
}

TEST_F(UartTest, FifoClear)
{
	open_port();
	receive("abc");
	out(uart, iir, uint8_t{0x83}); // clear receive FIFO
	EXPECT_EQ(in(uart, lsr) & 1, 0);
	EXPECT_FALSE(irq.level);
}

TEST_F(UartTest, LoopbackDataAndModemLines)
{
	out(uart, mcr, uint8_t{0x10});
	in(uart, msr);
	out(uart, mcr, uint8_t{0x1a}); // RTS and OUT2, as Linux probes
	EXPECT_EQ(in(uart, msr) & 0xf0, 0x90);
	out(uart, rbr, uint8_t{0x42});
	EXPECT_EQ(peer.sent, "");
	EXPECT_EQ(in(uart, rbr), 0x42);
	EXPECT_EQ(receive("x"), 0u);
}

TEST_F(UartTest, LoopbackOverrun)
{
	out(uart, mcr, uint8_t{0x10});
	out(uart, ier, uint8_t{0x04});
	out(uart, rbr, uint8_t{1});
	out(uart, rbr, uint8_t{2});
	EXPECT_EQ(in(uart, iir), 0x06);
	EXPECT_EQ(in(uart, lsr) & 0x02, 0x02);
	EXPECT_EQ(in(uart, lsr) & 0x02, 0);
	EXPECT_EQ(in(uart, rbr), 1);
}

TEST_F(UartTest, ModemInterrupt)
{
	out(uart, mcr, uint8_t{0x10});
	in(uart, msr);
	out(uart, ier, uint8_t{0x08});
	EXPECT_FALSE(irq.level);
	out(uart, mcr, uint8_t{0x11});
	EXPECT_TRUE(irq.level);
	EXPECT_EQ(in(uart, iir), 0x00);
	EXPECT_EQ(in(uart, msr) & 0x0f, 0x02); // delta DSR
	EXPECT_FALSE(irq.level);
}

TEST_F(UartTest, InterruptPriority)
{
	open_port();
	out(uart, ier, uint8_t{0x03});
	receive("a");
	EXPECT_EQ(in(uart, iir) & 0x0f, 0x0c); // receive before transmit
	in(uart, rbr);
	EXPECT_EQ(in(uart, iir) & 0x0f, 0x02);
}

} // namespace
} // namespace vmx::test
