// SPDX-License-Identifier: GPL-2.0-only
// ACPI fixed hardware (ACPI 6.4 section 4.8.3): PM1a event and control blocks
// and the PM timer, in 16 consecutive ports.
//
//   +0 PM1a status (2)   +4 PM1a control (2)
//   +2 PM1a enable (2)   +8 PM timer (4)
//
// Implements: S5 by SLP_EN with SLP_TYP 5, the power button, the 32-bit timer
// at 3.579545 MHz with its overflow interrupt, the SCI.
// Missing: events of the global lock, RTC and sleep button (their enable bits are
// kept, their status stays 0), sleep states but S5.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/time.h"
#include "machine/device.h"

namespace vmx {

class AcpiPm final : public Device {
public:
	static constexpr uint64_t size = 16;
	static constexpr uint64_t event_offset = 0;
	static constexpr uint64_t control_offset = 4;
	static constexpr uint64_t timer_offset = 8;
	static constexpr uint8_t sleep_type_s5 = 5; // \_S5 in the DSDT

	// `timer` must call timer_fired() when it expires.
	AcpiPm(IrqLine &sci, PowerControl &power, Clock &clock, Timer &timer);

	std::string_view name() const override { return "acpi-pm"; }
	void read(unsigned region, uint64_t offset, std::span<uint8_t> data) override;
	void write(unsigned region, uint64_t offset, std::span<const uint8_t> data) override;

	void press_power_button();
	void timer_fired();

private:
	uint64_t ticks() const; // since the guest started, not wrapped
	void advance();
	void update_sci();
	void write_control(uint16_t value);

	std::mutex mutex_;
	IrqLine &sci_;
	PowerControl &power_;
	Clock &clock_;
	Timer &timer_;
	int64_t start_ns_;
	uint64_t seen_ticks_ = 0;
	uint16_t status_ = 0, enable_ = 0, control_ = 0;
	bool sci_level_ = false;
};

} // namespace vmx
