// SPDX-License-Identifier: GPL-2.0-only
// The terminal in raw mode, for as long as the object lives.
#pragma once

#include <memory>
#include <termios.h>

#include "base/result.h"

namespace vmx {

class RawTerminal {
public:
	// `fd` is a terminal and this process is in its foreground.
	static bool usable(int fd);

	static Result<std::unique_ptr<RawTerminal>> enter(int fd);
	RawTerminal(int fd, const struct termios &saved) : fd_(fd), saved_(saved) {}
	~RawTerminal();
	RawTerminal(const RawTerminal &) = delete;
	RawTerminal &operator=(const RawTerminal &) = delete;

	// Raw mode again, after something else had the terminal (SIGCONT).
	void reenter() const;

private:
	int fd_;
	struct termios saved_;
};

} // namespace vmx
