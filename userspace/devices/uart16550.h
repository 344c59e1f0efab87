// SPDX-License-Identifier: GPL-2.0-only
// National PC16550D UART at eight consecutive ports.
//
// Implements: both 16-byte FIFOs, all interrupts of the data sheet's table 5,
// loopback, modem status deltas in loopback, scratch and divisor registers.
// Differs: no timing (a byte is sent or received at once whatever the divisor),
// so the receive timeout interrupt comes at once below the trigger level; no
// break, parity, framing or overrun errors outside loopback; the modem lines
// CTS, DSR and DCD are always on.
//
// Nothing is lost in either direction. Bytes wait at the host until the guest
// can take them: its receive interrupt is enabled and RTS is on, or, for a
// guest that polls, it has read LSR many times with nothing else between.
// When the host is slow, THRE stays off.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <span>

#include "machine/device.h"

namespace vmx {

// The other end of the line. Called under the UART's lock: must not call back.
class SerialPeer {
public:
	virtual ~SerialPeer() = default;
	// Takes one byte; always succeeds. False: send no more until tx_resume().
	virtual bool transmit(uint8_t byte) = 0;
	// receive() may be able to take bytes again.
	virtual void receiver_ready() = 0;
};

class Uart16550 final : public Device {
public:
	Uart16550(IrqLine &irq, SerialPeer &peer) : irq_(irq), peer_(peer) {}

	std::string_view name() const override { return "uart16550"; }
	void read(unsigned region, uint64_t offset, std::span<uint8_t> data) override;
	void write(unsigned region, uint64_t offset, std::span<const uint8_t> data) override;

	// Host to guest: takes as many bytes as fit now, returns how many.
	// Any thread; after a short count wait for receiver_ready().
	size_t receive(std::span<const uint8_t> bytes);

	// The peer can take bytes again after a transmit() that said false.
	void tx_resume();

private:
	static constexpr size_t fifo_size = 16;

	uint8_t read_register(unsigned reg);
	void write_register(unsigned reg, uint8_t value);
	uint8_t read_rbr();
	uint8_t read_lsr();
	uint8_t read_iir();
	uint8_t read_msr();
	void write_thr(uint8_t value);
	void write_fcr(uint8_t value);
	void write_mcr(uint8_t value);

	size_t rx_capacity() const;
	size_t rx_trigger() const;
	bool rx_wanted() const;
	void push_rx(uint8_t byte);
	uint8_t pending_interrupt() const;
	uint8_t modem_inputs() const;
	void update_irq();
	void offer_room();

	std::mutex mutex_;
	IrqLine &irq_;
	SerialPeer &peer_;

	uint8_t ier_ = 0, fcr_ = 0, lcr_ = 0, mcr_ = 0, scratch_ = 0;
	uint8_t msr_deltas_ = 0;
	bool overrun_ = false;
	uint8_t dll_ = 1, dlm_ = 0; // 115200 baud
	uint8_t last_rx_ = 0;	    // what RBR reads when empty
	std::array<uint8_t, fifo_size> rx_ = {};
	size_t rx_head_ = 0, rx_count_ = 0;
	bool tx_ready_ = true;	    // THR empty and the peer takes bytes
	bool thre_pending_ = false; // transmitter interrupt not yet acknowledged
	bool irq_level_ = false;
	unsigned lsr_polls_ = 0; // LSR reads in a row
};

} // namespace vmx
