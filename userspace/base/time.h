// SPDX-License-Identifier: GPL-2.0-only
// Clocks and timers as device models see them, so that tests can drive time.
#pragma once

#include <cstdint>

namespace vmx {

inline constexpr int64_t ns_per_s = 1'000'000'000;

// Where a device gets the time from. May be called from any thread.
class Clock {
public:
	virtual ~Clock() = default;
	virtual int64_t monotonic_ns() const = 0; // since an unspecified start
	virtual int64_t realtime_ns() const = 0;  // since 1970-01-01 UTC; may jump
};

class HostClock final : public Clock {
public:
	int64_t monotonic_ns() const override;
	int64_t realtime_ns() const override;
};

// One shot after a time from now. A device arms it under its own lock; the
// owner calls the device back from the event loop. An early or late or
// spurious call is legal, so a device looks at the clock itself.
class Timer {
public:
	virtual ~Timer() = default;
	virtual void arm(int64_t delay_ns) = 0; // replaces what was armed before
	virtual void disarm() = 0;
};

} // namespace vmx
