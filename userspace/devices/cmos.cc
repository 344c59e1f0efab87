// SPDX-License-Identifier: GPL-2.0-only
#include "devices/cmos.h"

#include <algorithm>

namespace vmx {

namespace {

enum Register : uint8_t { // MC146818A, figure 12
	reg_seconds = 0x00,
	reg_alarm_seconds = 0x01,
	reg_minutes = 0x02,
	reg_alarm_minutes = 0x03,
	reg_hours = 0x04,
	reg_alarm_hours = 0x05,
	reg_weekday = 0x06,
	reg_day = 0x07,
	reg_month = 0x08,
	reg_year = 0x09,
	reg_a = 0x0a,
	reg_b = 0x0b,
	reg_c = 0x0c,
	reg_d = 0x0d,
	reg_century = 0x32, // named in the FADT
};

enum : uint8_t {
	a_rate = 0x0f,
	a_uip = 0x80,

	b_24h = 0x02,
	b_binary = 0x04,
	b_uie = 0x10,
	b_aie = 0x20,
	b_pie = 0x40,
	b_set = 0x80,

	c_uf = 0x10, // same positions as the enables in register B
	c_af = 0x20,
	c_pf = 0x40,
	c_irqf = 0x80,

	d_valid_ram_and_time = 0x80,
	hour_pm = 0x80,
	alarm_any = 0xc0, // both top bits: don't care
};

constexpr int64_t s_per_day = 86400;
constexpr int64_t uip_ns = 244'000;   // UIP is on this long before an update
constexpr unsigned index_mask = 0x7f; // bit 7 of port 0x70 masks NMI: ignored

int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

// Days since 1970-01-01 of a date in the proleptic Gregorian calendar; the
// year starts in March so that the leap day is its last.
int64_t days_of_date(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = floor_div(year, 400);
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (int64_t{month} + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

struct Date {
	int64_t year;
	unsigned month, day;
};

Date date_of_days(int64_t days)
{
	days += 719468;
	int64_t era = floor_div(days, 146097);
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t m = (5 * day_of_year + 2) / 153;
	auto month = static_cast<unsigned>(m < 10 ? m + 3 : m - 9);
	return {year_of_era + era * 400 + (month <= 2), month,
		static_cast<unsigned>(day_of_year - (153 * m + 2) / 5 + 1)};
}

bool is_time_register(uint8_t index)
{
	return index <= reg_year ?
		       !(index == reg_alarm_seconds || index == reg_alarm_minutes || index == reg_alarm_hours) :
		       index == reg_century;
}

} // namespace

Cmos::Cmos(IrqLine &irq, Clock &clock, Timer &timer) : irq_(irq), clock_(clock), timer_(timer)
{
	ram_[reg_a] = 0x26; // 32 kHz crystal, 1024 Hz
	ram_[reg_b] = b_24h;
	seen_ns_ = guest_ns();
	seen_mono_ns_ = clock_.monotonic_ns();
}

void Cmos::read(unsigned, uint64_t offset, std::span<uint8_t> data)
{
	std::lock_guard lock(mutex_);
	for (size_t i = 0; i < data.size(); i++) {
		if (((offset + i) & 1) != 0) // the index port is write-only
			data[i] = read_register(index_);
	}
}

void Cmos::write(unsigned, uint64_t offset, std::span<const uint8_t> data)
{
	std::lock_guard lock(mutex_);
	for (size_t i = 0; i < data.size(); i++) {
		if (((offset + i) & 1) == 0)
			index_ = data[i] & index_mask;
		else
			write_register(index_, data[i]);
	}
}

void Cmos::timer_fired()
{
	std::lock_guard lock(mutex_);
	advance();
	arm_timer();
}

int64_t Cmos::guest_ns() const
{
	return clock_.realtime_ns() + offset_ns_;
}

int64_t Cmos::periodic_ns() const
{
	unsigned rate = ram_[reg_a] & a_rate;
	if (rate == 0)
		return 0;
	if (rate <= 2) // with a 32 kHz crystal, 1 and 2 are the same as 8 and 9
		rate += 7;
	return ns_per_s * (int64_t{1} << (rate - 1)) / 32768;
}

uint8_t Cmos::encode(unsigned value) const
{
	if (ram_[reg_b] & b_binary)
		return static_cast<uint8_t>(value);
	return static_cast<uint8_t>(value / 10 % 10 * 16 + value % 10);
}

unsigned Cmos::decode(uint8_t value) const
{
	return (ram_[reg_b] & b_binary) ? value : (value >> 4) * 10u + (value & 0x0f);
}

uint8_t Cmos::encode_hour(unsigned hour) const
{
	if (ram_[reg_b] & b_24h)
		return encode(hour);
	return encode(hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? hour_pm : 0);
}

unsigned Cmos::decode_hour(uint8_t value) const
{
	if (ram_[reg_b] & b_24h)
		return decode(value);
	unsigned hour = decode(value & static_cast<uint8_t>(~hour_pm)) % 12;
	return hour + ((value & hour_pm) ? 12 : 0);
}

void Cmos::latch_time()
{
	int64_t seconds = floor_div(guest_ns(), ns_per_s);
	int64_t days = floor_div(seconds, s_per_day);
	auto of_day = static_cast<unsigned>(seconds - days * s_per_day);
	Date date = date_of_days(days);
	ram_[reg_seconds] = encode(of_day % 60);
	ram_[reg_minutes] = encode(of_day / 60 % 60);
	ram_[reg_hours] = encode_hour(of_day / 3600);
	// 1970-01-01 was a Thursday; Sunday is 1.
	int64_t weekday = (days + 4) % 7;
	ram_[reg_weekday] = encode(static_cast<unsigned>(weekday < 0 ? weekday + 7 : weekday) + 1);
	ram_[reg_day] = encode(date.day);
	ram_[reg_month] = encode(date.month);
	auto year = static_cast<unsigned>(std::clamp<int64_t>(date.year, 0, 9999));
	ram_[reg_year] = encode(year % 100);
	ram_[reg_century] = encode(year / 100);
}

void Cmos::apply_time()
{
	// Nonsense from the guest gives a nonsense but bounded time.
	unsigned month = std::clamp(decode(ram_[reg_month]), 1u, 12u);
	unsigned day = std::clamp(decode(ram_[reg_day]), 1u, 31u);
	int64_t year = int64_t{decode(ram_[reg_century])} * 100 + decode(ram_[reg_year]);
	year = std::clamp<int64_t>(year, 1900, 2200);
	int64_t seconds = days_of_date(year, month, day) * s_per_day +
			  int64_t{std::min(decode_hour(ram_[reg_hours]), 23u)} * 3600 +
			  int64_t{std::min(decode(ram_[reg_minutes]), 59u)} * 60 +
			  std::min(decode(ram_[reg_seconds]), 59u);
	int64_t now = clock_.realtime_ns();
	// The divider goes on: keep the fraction of the second.
	int64_t fraction = now - floor_div(now, ns_per_s) * ns_per_s;
	offset_ns_ = seconds * ns_per_s + fraction - now;
	seen_ns_ = guest_ns();
}

uint8_t Cmos::read_register(uint8_t index)
{
	switch (index) {
	case reg_a: {
		int64_t now = guest_ns();
		int64_t fraction = now - floor_div(now, ns_per_s) * ns_per_s;
		bool updating = !(ram_[reg_b] & b_set) && fraction >= ns_per_s - uip_ns;
		return static_cast<uint8_t>(ram_[reg_a] | (updating ? a_uip : 0));
	}
	case reg_c: {
		advance();
		uint8_t flags = ram_[reg_c];
		ram_[reg_c] = 0;
		update_irq();
		arm_timer();
		return flags;
	}
	case reg_d:
		return d_valid_ram_and_time;
	default:
		if (is_time_register(index) && !(ram_[reg_b] & b_set))
			latch_time();
		return ram_[index];
	}
}

void Cmos::write_register(uint8_t index, uint8_t value)
{
	switch (index) {
	case reg_a:
		advance();
		ram_[reg_a] = value & static_cast<uint8_t>(~a_uip);
		break;
	case reg_b: {
		advance();
		bool was_set = (ram_[reg_b] & b_set) != 0;
		if ((value & b_set) && !was_set)
			latch_time();
		if (value & b_set) // SET also clears the update-ended enable
			value &= static_cast<uint8_t>(~b_uie);
		ram_[reg_b] = value;
		if (was_set && !(value & b_set))
			apply_time();
		update_irq();
		break;
	}
	case reg_c:
	case reg_d:
		return; // read-only
	default:
		if (is_time_register(index) && !(ram_[reg_b] & b_set)) {
			latch_time();
			ram_[index] = value;
			apply_time();
		} else {
			if (index <= reg_year)
				advance();
			ram_[index] = value;
		}
		if (index > reg_year)
			return;
		break;
	}
	arm_timer();
}

bool Cmos::alarm_matches(int64_t second_of_day) const
{
	auto matches = [](uint8_t reg, unsigned want, unsigned have) {
		return (reg & alarm_any) == alarm_any || want == have;
	};
	auto s = static_cast<unsigned>(second_of_day);
	return matches(ram_[reg_alarm_hours], decode_hour(ram_[reg_alarm_hours]), s / 3600) &&
	       matches(ram_[reg_alarm_minutes], decode(ram_[reg_alarm_minutes]), s / 60 % 60) &&
	       matches(ram_[reg_alarm_seconds], decode(ram_[reg_alarm_seconds]), s % 60);
}

// The first second after `after_s` at which the alarm matches, in a day or
// less; none if its bytes never match. Skips whole hours and minutes, so that
// it takes at most 24 + 60 + 60 steps or so whatever the guest wrote.
std::optional<int64_t> Cmos::next_alarm(int64_t after_s) const
{
	auto any = [&](uint8_t reg) { return (ram_[reg] & alarm_any) == alarm_any; };
	int64_t t = after_s + 1;
	while (t <= after_s + s_per_day) {
		int64_t of_day = t - floor_div(t, s_per_day) * s_per_day;
		if (alarm_matches(of_day))
			return t;
		if (!any(reg_alarm_hours) && decode_hour(ram_[reg_alarm_hours]) != of_day / 3600)
			t += 3600 - of_day % 3600;
		else if ((!any(reg_alarm_minutes) && decode(ram_[reg_alarm_minutes]) != of_day / 60 % 60) ||
			 (!any(reg_alarm_seconds) && decode(ram_[reg_alarm_seconds]) > 59))
			t += 60 - of_day % 60;
		else
			t++;
	}
	return std::nullopt;
}

void Cmos::advance()
{
	int64_t now = guest_ns();
	int64_t mono = clock_.monotonic_ns();
	if (int64_t period = periodic_ns(); period && mono / period != seen_mono_ns_ / period)
		ram_[reg_c] |= c_pf;
	seen_mono_ns_ = mono;
	int64_t second = floor_div(now, ns_per_s);
	int64_t seen = floor_div(seen_ns_, ns_per_s);
	if (!(ram_[reg_b] & b_set) && second != seen) {
		ram_[reg_c] |= c_uf;
		// A host clock that jumped back cannot have passed the alarm.
		if (auto alarm = next_alarm(seen); second > seen && alarm && *alarm <= second)
			ram_[reg_c] |= c_af;
	}
	seen_ns_ = now;
	update_irq();
}

void Cmos::update_irq()
{
	bool level = (ram_[reg_b] & ram_[reg_c] & (c_uf | c_af | c_pf)) != 0;
	if (level)
		ram_[reg_c] |= c_irqf;
	else
		ram_[reg_c] &= static_cast<uint8_t>(~c_irqf);
	if (level != irq_level_) {
		irq_level_ = level;
		irq_.set(level);
	}
}

void Cmos::arm_timer()
{
	uint8_t enabled = ram_[reg_b];
	// While the line is up nothing more can be told: reading C arms again.
	if (irq_level_ || !(enabled & (b_uie | b_aie | b_pie))) {
		timer_.disarm();
		return;
	}
	int64_t delay = INT64_MAX;
	if (int64_t period = periodic_ns(); (enabled & b_pie) && period)
		delay = period - seen_mono_ns_ % period;
	if (!(enabled & b_set) && (enabled & (b_uie | b_aie))) {
		int64_t now = guest_ns();
		int64_t second = floor_div(now, ns_per_s);
		if (enabled & b_uie)
			delay = std::min(delay, (second + 1) * ns_per_s - now);
		if (auto alarm = next_alarm(second); (enabled & b_aie) && alarm)
			delay = std::min(delay, *alarm * ns_per_s - now);
	}
	if (delay == INT64_MAX)
		timer_.disarm();
	else
		timer_.arm(delay);
}

} // namespace vmx
