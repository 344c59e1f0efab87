// SPDX-License-Identifier: GPL-2.0-only
#include "base/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace vmx {

EventLoop::Id EventLoop::add(int fd, short events, Handler handler)
{
	entries_.push_back({fd, events, std::move(handler)});
	return entries_.size() - 1;
}

Result<void> EventLoop::run_once(int timeout_ms)
{
	std::vector<struct pollfd> fds;
	fds.reserve(entries_.size());
	for (const Entry &e : entries_) // poll() skips negative descriptors
		fds.push_back({e.events ? e.fd : -1, e.events, 0});
	int n = ::poll(fds.data(), fds.size(), timeout_ms);
	if (n < 0 && errno != EINTR)
		return Error::from_errno(errno, "poll failed");
	for (size_t i = 0; n > 0 && i < fds.size(); i++) {
		// An earlier handler may have switched this one off.
		if (fds[i].revents && entries_[i].events)
			entries_[i].handler(fds[i].revents);
	}
	return {};
}

Result<std::unique_ptr<FdTimer>> FdTimer::create()
{
	UniqueFd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	if (!fd.valid())
		return Error::from_errno(errno, "cannot create a timerfd");
	return std::make_unique<FdTimer>(std::move(fd));
}

void FdTimer::arm(int64_t delay_ns)
{
	// A zero value would disarm the timerfd.
	delay_ns = std::max<int64_t>(delay_ns, 1);
	struct itimerspec spec = {};
	spec.it_value.tv_sec = delay_ns / ns_per_s;
	spec.it_value.tv_nsec = delay_ns % ns_per_s;
	::timerfd_settime(fd_.get(), 0, &spec, nullptr);
}

void FdTimer::disarm()
{
	struct itimerspec spec = {};
	::timerfd_settime(fd_.get(), 0, &spec, nullptr);
}

void FdTimer::attach(EventLoop &loop, std::function<void()> fire)
{
	loop.add(fd_.get(), POLLIN, [this, fire = std::move(fire)](short) {
		uint64_t count = 0;
		if (::read(fd_.get(), &count, sizeof(count)) == sizeof(count))
			fire();
	});
}

} // namespace vmx
