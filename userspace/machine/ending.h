// SPDX-License-Identifier: GPL-2.0-only
// How a guest ends, and the exit status that says so.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "machine/device.h"

namespace vmx {

enum class EndKind {
	power_off,	// ACPI S5
	reset,		// keyboard controller, reset register
	crash,		// triple fault, or a crash that the guest reported
	internal_error, // the hypervisor or vmx could not go on
	entry_failure,	// the CPU refused to enter the guest
	memory_lost,	// the host lost memory that the guest needs (machine/memory_error.h)
	quit,		// the user quit from the console
	signal,		// vmx was told to end
};

struct Ending {
	EndKind kind;
	int signal = 0;	    // for EndKind::signal
	std::string detail; // a sentence for the user, may be empty
};

// Exit statuses of `vmx`; part of its interface (userspace/README.md).
inline constexpr int exit_power_off = 0;
inline constexpr int exit_setup_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_reset = 3;
inline constexpr int exit_crash = 4;
inline constexpr int exit_internal_error = 5;
inline constexpr int exit_entry_failure = 6;
inline constexpr int exit_quit = 7;
inline constexpr int exit_memory_lost = 8;
inline constexpr int exit_signal_base = 128;

int exit_status(const Ending &ending);
std::string describe(const Ending &ending);

// Takes the first request to end; later ones are dropped. Any thread.
class EndLatch final : public PowerControl {
public:
	explicit EndLatch(WakeFd wake) : wake_(std::move(wake)) {}

	void request(Ending ending);
	void power_off() override { request({EndKind::power_off, 0, {}}); }
	void reset(std::string_view how) override { request({EndKind::reset, 0, std::string(how)}); }

	std::optional<Ending> get() const;
	bool requested() const { return requested_.load(std::memory_order_acquire); }
	int wake_fd() const { return wake_.get(); } // readable once there is an ending

private:
	mutable std::mutex mutex_;
	std::optional<Ending> ending_;
	std::atomic<bool> requested_{false}; // there is an ending: needs no lock
	WakeFd wake_;
};

} // namespace vmx
