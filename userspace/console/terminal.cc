// SPDX-License-Identifier: GPL-2.0-only
#include "console/terminal.h"

#include <cerrno>
#include <unistd.h>

namespace vmx {

bool RawTerminal::usable(int fd)
{
	// tcsetattr() from the background would stop the process.
	return ::isatty(fd) && ::tcgetpgrp(fd) == ::getpgrp();
}

Result<std::unique_ptr<RawTerminal>> RawTerminal::enter(int fd)
{
	struct termios saved = {};
	if (::tcgetattr(fd, &saved) < 0)
		return Error::from_errno(errno, "cannot read the terminal's settings");
	auto terminal = std::make_unique<RawTerminal>(fd, saved);
	terminal->reenter();
	return terminal;
}

void RawTerminal::reenter() const
{
	struct termios raw = saved_;
	::cfmakeraw(&raw);
	::tcsetattr(fd_, TCSADRAIN, &raw);
}

RawTerminal::~RawTerminal()
{
	::tcsetattr(fd_, TCSADRAIN, &saved_);
}

} // namespace vmx
