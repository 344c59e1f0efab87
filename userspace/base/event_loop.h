// SPDX-License-Identifier: GPL-2.0-only
// The main thread's poll() loop, and timers that fire in it.
// Nothing here is thread-safe but FdTimer::arm/disarm: register handlers from
// the thread that runs the loop.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace vmx {

class EventLoop {
public:
	using Handler = std::function<void(short revents)>;
	using Id = size_t;

	// `fd` stays the caller's, and open, as long as the loop lives.
	Id add(int fd, short events, Handler handler);

	// Which events to wait for from now on; 0 takes the fd out of the poll.
	void set_events(Id id, short events) { entries_[id].events = events; }

	// One poll(); handles what is ready. timeout_ms < 0 waits for ever.
	Result<void> run_once(int timeout_ms);

private:
	struct Entry {
		int fd;
		short events;
		Handler handler;
	};
	std::vector<Entry> entries_;
};

// A Timer on a timerfd.
class FdTimer final : public Timer {
public:
	static Result<std::unique_ptr<FdTimer>> create();
	explicit FdTimer(UniqueFd timerfd) : fd_(std::move(timerfd)) {}
	void arm(int64_t delay_ns) override;
	void disarm() override;

	// Calls `fire` from `loop` whenever the timer expires.
	void attach(EventLoop &loop, std::function<void()> fire);

private:
	UniqueFd fd_;
};

} // namespace vmx
