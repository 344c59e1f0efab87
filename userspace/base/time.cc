// SPDX-License-Identifier: GPL-2.0-only
#include "base/time.h"

#include <ctime>

namespace vmx {

static int64_t read_clock(clockid_t id)
{
	struct timespec ts = {};
	::clock_gettime(id, &ts);
	return int64_t{ts.tv_sec} * ns_per_s + ts.tv_nsec;
}

int64_t HostClock::monotonic_ns() const
{
	return read_clock(CLOCK_MONOTONIC);
}
int64_t HostClock::realtime_ns() const
{
	return read_clock(CLOCK_REALTIME);
}

} // namespace vmx
