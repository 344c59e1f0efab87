// SPDX-License-Identifier: GPL-2.0-only
#include "devices/acpi_pm.h"

#include <array>

#include "base/bytes.h"

namespace vmx {

namespace {

enum : uint16_t { // ACPI 6.4 tables 4.11 to 4.13
	pm1_timer = 1 << 0,
	pm1_global_lock = 1 << 5,
	pm1_power_button = 1 << 8,
	pm1_sleep_button = 1 << 9,
	pm1_rtc = 1 << 10,
	// Enable bits that can be set; only the timer and the power button ever
	// have a status, but drivers read all the others back.
	pm1_enables = pm1_timer | pm1_global_lock | pm1_power_button | pm1_sleep_button | pm1_rtc,

	control_sci_enable = 1 << 0, // always on: there is no legacy mode
	control_sleep_enable = 1 << 13,
	control_kept = 0x1c02, // BM_RLD and SLP_TYP
};
constexpr unsigned sleep_type_shift = 10;
constexpr uint16_t sleep_type_mask = 7;
constexpr uint64_t timer_hz = 3'579'545;
constexpr uint64_t half_period = uint64_t{1} << 31; // TMR_STS: the top bit changed

} // namespace

AcpiPm::AcpiPm(IrqLine &sci, PowerControl &power, Clock &clock, Timer &timer)
    : sci_(sci), power_(power), clock_(clock), timer_(timer), start_ns_(clock.monotonic_ns())
{
}

uint64_t AcpiPm::ticks() const
{
	auto ns = static_cast<unsigned __int128>(clock_.monotonic_ns() - start_ns_);
	return static_cast<uint64_t>(ns * timer_hz / static_cast<uint64_t>(ns_per_s));
}

void AcpiPm::advance()
{
	uint64_t now = ticks();
	if (now / half_period != seen_ticks_ / half_period)
		status_ |= pm1_timer;
	seen_ticks_ = now;
	if (enable_ & pm1_timer) {
		uint64_t left = half_period - now % half_period;
		timer_.arm(static_cast<int64_t>((left + 1) * static_cast<uint64_t>(ns_per_s) / timer_hz));
	} else {
		timer_.disarm();
	}
	update_sci();
}

void AcpiPm::update_sci()
{
	bool level = (status_ & enable_) != 0;
	if (level != sci_level_) {
		sci_level_ = level;
		sci_.set(level);
	}
}

void AcpiPm::read(unsigned, uint64_t offset, std::span<uint8_t> data)
{
	std::lock_guard lock(mutex_);
	advance();
	std::array<uint8_t, size> image = {};
	store<uint16_t>(image, event_offset, status_);
	store<uint16_t>(image, event_offset + 2, enable_);
	store<uint16_t>(image, control_offset, control_ | control_sci_enable);
	store<uint32_t>(image, timer_offset, static_cast<uint32_t>(seen_ticks_));
	for (size_t i = 0; i < data.size(); i++)
		data[i] = image[(offset + i) % size];
}

void AcpiPm::write(unsigned, uint64_t offset, std::span<const uint8_t> data)
{
	std::lock_guard lock(mutex_);
	advance();
	// Bytes that are not written must not act: no status bit is cleared and
	// the other half of a register keeps its value.
	std::array<uint8_t, size> image = {};
	store<uint16_t>(image, event_offset + 2, enable_);
	store<uint16_t>(image, control_offset, control_);
	bool control_written = false;
	for (size_t i = 0; i < data.size(); i++) {
		uint64_t at = (offset + i) % size;
		image[at] = data[i];
		control_written |= at / 2 == control_offset / 2;
	}
	status_ &= static_cast<uint16_t>(~load<uint16_t>(image, event_offset)); // write one to clear
	enable_ = load<uint16_t>(image, event_offset + 2) & pm1_enables;
	advance();
	if (control_written)
		write_control(load<uint16_t>(image, control_offset));
}

void AcpiPm::write_control(uint16_t value)
{
	control_ = value & control_kept;
	if ((value & control_sleep_enable) && ((value >> sleep_type_shift) & sleep_type_mask) == sleep_type_s5)
		power_.power_off();
}

void AcpiPm::press_power_button()
{
	std::lock_guard lock(mutex_);
	status_ |= pm1_power_button;
	update_sci();
}

void AcpiPm::timer_fired()
{
	std::lock_guard lock(mutex_);
	advance();
}

} // namespace vmx
