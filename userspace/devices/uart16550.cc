// SPDX-License-Identifier: GPL-2.0-only
#include "devices/uart16550.h"

#include <algorithm>

namespace vmx {

namespace {

enum Register : unsigned { // PC16550D, table 2
	reg_rbr_thr = 0,
	reg_ier = 1,
	reg_iir_fcr = 2,
	reg_lcr = 3,
	reg_mcr = 4,
	reg_lsr = 5,
	reg_msr = 6,
	reg_scratch = 7,
};

enum : uint8_t {
	ier_rx = 0x01,
	ier_thre = 0x02,
	ier_line = 0x04,
	ier_modem = 0x08,
	ier_mask = 0x0f,

	iir_modem = 0x00,
	iir_none = 0x01,
	iir_thre = 0x02,
	iir_rx = 0x04,
	iir_line = 0x06,
	iir_rx_timeout = 0x0c,
	iir_fifo_on = 0xc0,

	fcr_enable = 0x01,
	fcr_clear_rx = 0x02,
	fcr_clear_tx = 0x04,
	fcr_trigger = 0xc0,

	lcr_dlab = 0x80,

	mcr_dtr = 0x01,
	mcr_rts = 0x02,
	mcr_out1 = 0x04,
	mcr_out2 = 0x08,
	mcr_loop = 0x10,
	mcr_mask = 0x1f,

	lsr_data_ready = 0x01,
	lsr_overrun = 0x02,
	lsr_thre = 0x20,
	lsr_temt = 0x40,

	msr_delta_cts = 0x01,
	msr_delta_dsr = 0x02,
	msr_trailing_ri = 0x04,
	msr_delta_dcd = 0x08,
	msr_cts = 0x10,
	msr_dsr = 0x20,
	msr_ri = 0x40,
	msr_dcd = 0x80,
};

// So many LSR reads in a row mean a guest that polls for input: one that
// polls to send sees THRE in the first and writes THR.
constexpr unsigned polls_to_receive = 64;

} // namespace

void Uart16550::read(unsigned, uint64_t offset, std::span<uint8_t> data)
{
	std::lock_guard lock(mutex_);
	for (size_t i = 0; i < data.size(); i++)
		data[i] = read_register((offset + i) & 7);
}

void Uart16550::write(unsigned, uint64_t offset, std::span<const uint8_t> data)
{
	std::lock_guard lock(mutex_);
	for (size_t i = 0; i < data.size(); i++)
		write_register((offset + i) & 7, data[i]);
}

uint8_t Uart16550::read_register(unsigned reg)
{
	if (reg == reg_lsr)
		return read_lsr();
	lsr_polls_ = 0;
	switch (reg) {
	case reg_rbr_thr:
		return (lcr_ & lcr_dlab) ? dll_ : read_rbr();
	case reg_ier:
		return (lcr_ & lcr_dlab) ? dlm_ : ier_;
	case reg_iir_fcr:
		return read_iir();
	case reg_lcr:
		return lcr_;
	case reg_mcr:
		return mcr_;
	case reg_msr:
		return read_msr();
	default:
		return scratch_;
	}
}

void Uart16550::write_register(unsigned reg, uint8_t value)
{
	lsr_polls_ = 0;
	switch (reg) {
	case reg_rbr_thr:
		if (lcr_ & lcr_dlab)
			dll_ = value;
		else
			write_thr(value);
		break;
	case reg_ier:
		if (lcr_ & lcr_dlab) {
			dlm_ = value;
			break;
		}
		// Enabling the transmitter interrupt with THR empty raises it.
		if ((value & ier_thre) && !(ier_ & ier_thre) && tx_ready_)
			thre_pending_ = true;
		ier_ = value & ier_mask;
		offer_room();
		break;
	case reg_iir_fcr:
		write_fcr(value);
		break;
	case reg_lcr:
		lcr_ = value;
		break;
	case reg_mcr:
		write_mcr(value);
		break;
	case reg_scratch:
		scratch_ = value;
		break;
	default: // LSR and MSR: factory test only
		break;
	}
	update_irq();
}

uint8_t Uart16550::read_rbr()
{
	if (rx_count_ > 0) {
		last_rx_ = rx_[rx_head_];
		rx_head_ = (rx_head_ + 1) % fifo_size;
		rx_count_--;
		offer_room();
		update_irq();
	}
	return last_rx_;
}

uint8_t Uart16550::read_lsr()
{
	uint8_t lsr = 0;
	if (rx_count_ > 0)
		lsr |= lsr_data_ready;
	if (overrun_)
		lsr |= lsr_overrun;
	if (tx_ready_)
		lsr |= lsr_thre | lsr_temt;
	overrun_ = false;
	if (rx_count_ == 0 && lsr_polls_ < polls_to_receive && ++lsr_polls_ == polls_to_receive)
		offer_room();
	update_irq();
	return lsr;
}

uint8_t Uart16550::read_iir()
{
	uint8_t cause = pending_interrupt();
	if (cause == iir_thre) // reading it as the source acknowledges it
		thre_pending_ = false;
	update_irq();
	return static_cast<uint8_t>(cause | ((fcr_ & fcr_enable) ? iir_fifo_on : 0));
}

uint8_t Uart16550::modem_inputs() const
{
	if (!(mcr_ & mcr_loop))
		return msr_cts | msr_dsr | msr_dcd;
	uint8_t in = 0; // loopback wires outputs to inputs
	if (mcr_ & mcr_rts)
		in |= msr_cts;
	if (mcr_ & mcr_dtr)
		in |= msr_dsr;
	if (mcr_ & mcr_out1)
		in |= msr_ri;
	if (mcr_ & mcr_out2)
		in |= msr_dcd;
	return in;
}

uint8_t Uart16550::read_msr()
{
	auto msr = static_cast<uint8_t>(modem_inputs() | msr_deltas_);
	msr_deltas_ = 0;
	update_irq();
	return msr;
}

void Uart16550::write_thr(uint8_t value)
{
	thre_pending_ = false;
	if (mcr_ & mcr_loop) {
		if (rx_count_ < rx_capacity())
			push_rx(value);
		else
			overrun_ = true;
	} else {
		tx_ready_ = peer_.transmit(value);
	}
	if (tx_ready_ && (ier_ & ier_thre)) {
		// The byte is gone at once: THR is empty again. The line must be
		// seen to fall, or an edge-triggered input misses the new cause.
		update_irq();
		thre_pending_ = true;
	}
}

void Uart16550::write_fcr(uint8_t value)
{
	bool toggled = ((value ^ fcr_) & fcr_enable) != 0;
	if (!(value & fcr_enable)) // other bits count only with the enable bit
		value = 0;
	if ((value & fcr_clear_rx) || toggled) {
		rx_count_ = 0;
		overrun_ = false;
		offer_room();
	}
	fcr_ = value & (fcr_enable | fcr_trigger);
}

void Uart16550::write_mcr(uint8_t value)
{
	uint8_t before = modem_inputs();
	mcr_ = value & mcr_mask;
	uint8_t changed = before ^ modem_inputs();
	if (changed & msr_cts)
		msr_deltas_ |= msr_delta_cts;
	if (changed & msr_dsr)
		msr_deltas_ |= msr_delta_dsr;
	if (changed & before & msr_ri)
		msr_deltas_ |= msr_trailing_ri;
	if (changed & msr_dcd)
		msr_deltas_ |= msr_delta_dcd;
	offer_room();
}

size_t Uart16550::rx_capacity() const
{
	return (fcr_ & fcr_enable) ? fifo_size : 1;
}

size_t Uart16550::rx_trigger() const
{
	if (!(fcr_ & fcr_enable))
		return 1;
	static constexpr std::array<size_t, 4> levels = {1, 4, 8, 14};
	return levels[fcr_ >> 6];
}

bool Uart16550::rx_wanted() const
{
	if (mcr_ & mcr_loop)
		return false; // the pin is disconnected
	if (ier_ & ier_rx)
		return (mcr_ & mcr_rts) != 0;
	return lsr_polls_ >= polls_to_receive;
}

void Uart16550::push_rx(uint8_t byte)
{
	rx_[(rx_head_ + rx_count_) % fifo_size] = byte;
	rx_count_++;
}

uint8_t Uart16550::pending_interrupt() const
{
	if ((ier_ & ier_line) && overrun_)
		return iir_line;
	if ((ier_ & ier_rx) && rx_count_ > 0)
		return rx_count_ >= rx_trigger() ? iir_rx : iir_rx_timeout;
	if ((ier_ & ier_thre) && thre_pending_)
		return iir_thre;
	if ((ier_ & ier_modem) && msr_deltas_)
		return iir_modem;
	return iir_none;
}

void Uart16550::update_irq()
{
	bool level = pending_interrupt() != iir_none;
	if (level != irq_level_) {
		irq_level_ = level;
		irq_.set(level);
	}
}

void Uart16550::offer_room()
{
	if (rx_wanted() && rx_count_ < rx_capacity())
		peer_.receiver_ready();
}

size_t Uart16550::receive(std::span<const uint8_t> bytes)
{
	std::lock_guard lock(mutex_);
	if (!rx_wanted() || rx_count_ >= rx_capacity())
		return 0;
	size_t n = std::min(bytes.size(), rx_capacity() - rx_count_);
	for (uint8_t byte : bytes.first(n))
		push_rx(byte);
	update_irq();
	return n;
}

void Uart16550::tx_resume()
{
	std::lock_guard lock(mutex_);
	if (tx_ready_)
		return;
	tx_ready_ = true;
	if (ier_ & ier_thre)
		thre_pending_ = true;
	update_irq();
}

} // namespace vmx
