// SPDX-License-Identifier: GPL-2.0-only
// MC146818 real-time clock and CMOS RAM at ports 0x70 (index) and 0x71 (data).
//
// Implements: the clock in BCD or binary, 12 or 24 hours, with the century in
// 0x32; SET and UIP; alarm with don't-care bytes; periodic, alarm and
// update-ended interrupts; 114 bytes of RAM (not kept).
// Differs: the divider chain (register A bits 4-6) does not stop the clock; day
// of week is computed from the date, not counted; no daylight saving, no square
// wave. The guest's clock is the host's (UTC) plus what the guest has set.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/time.h"
#include "machine/device.h"

namespace vmx {

class Cmos final : public Device {
public:
	// `timer` must call timer_fired() when it expires.
	Cmos(IrqLine &irq, Clock &clock, Timer &timer);

	std::string_view name() const override { return "cmos"; }
	void read(unsigned region, uint64_t offset, std::span<uint8_t> data) override;
	void write(unsigned region, uint64_t offset, std::span<const uint8_t> data) override;

	void timer_fired();

private:
	uint8_t read_register(uint8_t index);
	void write_register(uint8_t index, uint8_t value);

	int64_t guest_ns() const;    // the guest's idea of ns since 1970
	int64_t periodic_ns() const; // 0: off
	void latch_time();	     // clock to registers
	void apply_time();	     // registers to clock
	uint8_t encode(unsigned value) const;
	unsigned decode(uint8_t value) const;
	uint8_t encode_hour(unsigned hour) const;
	unsigned decode_hour(uint8_t value) const;

	bool alarm_matches(int64_t second_of_day) const;
	std::optional<int64_t> next_alarm(int64_t after_s) const;
	// Sets the flags for what happened since the last call, and the line.
	void advance();
	void update_irq();
	void arm_timer();

	std::mutex mutex_;
	IrqLine &irq_;
	Clock &clock_;
	Timer &timer_;

	std::array<uint8_t, 128> ram_ = {};
	uint8_t index_ = 0;
	int64_t offset_ns_ = 0; // guest clock minus host clock
	int64_t seen_ns_ = 0;	// guest time up to which flags are current
	int64_t seen_mono_ns_ = 0;
	bool irq_level_ = false;
};

} // namespace vmx
