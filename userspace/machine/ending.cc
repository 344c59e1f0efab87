// SPDX-License-Identifier: GPL-2.0-only
#include "machine/ending.h"

#include <cstring>
#include <fmt/format.h>

namespace vmx {

int exit_status(const Ending &ending)
{
	switch (ending.kind) {
	case EndKind::power_off:
		return exit_power_off;
	case EndKind::reset:
		return exit_reset;
	case EndKind::crash:
		return exit_crash;
	case EndKind::internal_error:
		return exit_internal_error;
	case EndKind::entry_failure:
		return exit_entry_failure;
	case EndKind::memory_lost:
		return exit_memory_lost;
	case EndKind::quit:
		return exit_quit;
	case EndKind::signal:
		return exit_signal_base + ending.signal;
	}
	return exit_internal_error;
}

std::string describe(const Ending &ending)
{
	std::string_view words = "";
	switch (ending.kind) {
	case EndKind::power_off:
		words = "the guest powered off";
		break;
	case EndKind::reset:
		words = "the guest asked for a reset";
		break;
	case EndKind::crash:
		words = "the guest crashed";
		break;
	case EndKind::internal_error:
		words = "the guest cannot go on";
		break;
	case EndKind::entry_failure:
		words = "the CPU refused to enter the guest";
		break;
	case EndKind::memory_lost:
		words = "the host lost memory that the guest needs";
		break;
	case EndKind::quit:
		words = "ended from the console";
		break;
	case EndKind::signal:
		return fmt::format("ended by signal {} ({})", ending.signal, ::strsignal(ending.signal));
	}
	if (ending.detail.empty())
		return std::string(words);
	return fmt::format("{}: {}", words, ending.detail);
}

void EndLatch::request(Ending ending)
{
	{
		std::lock_guard lock(mutex_);
		if (ending_)
			return;
		ending_ = std::move(ending);
		requested_.store(true, std::memory_order_release);
	}
	wake_.signal();
}

std::optional<Ending> EndLatch::get() const
{
	std::lock_guard lock(mutex_);
	return ending_;
}

} // namespace vmx
