// SPDX-License-Identifier: GPL-2.0-only
#include "machine/memory_error.h"

#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <pthread.h>
#include <string_view>
#include <sys/prctl.h>
#include <unistd.h>

namespace vmx {

namespace {

// A signal handler has no other way to the thread's state.
constinit thread_local volatile std::sig_atomic_t in_guest = 0;
constinit thread_local volatile std::sig_atomic_t has_lost = 0;
constinit thread_local LostPage lost = {0, 0};

LostPage page_at(uint64_t addr, unsigned shift)
{
	if (shift < 12 || shift > 40) // si_addr_lsb: a page at the least
		shift = 12;
	uint64_t size = uint64_t{1} << shift;
	return {addr & ~(size - 1), size};
}

void on_sigbus(int, siginfo_t *info, void *)
{
	if (info->si_code == BUS_MCEERR_AR && in_guest) {
		lost = page_at(reinterpret_cast<uint64_t>(info->si_addr), static_cast<unsigned>(info->si_addr_lsb));
		has_lost = 1;
		return;
	}
	if (info->si_code == BUS_MCEERR_AR) {
		constexpr std::string_view words = "vmx: the host lost memory that vmx itself needs\n";
		[[maybe_unused]] ssize_t n = ::write(STDERR_FILENO, words.data(), words.size());
	}
	// Nothing to go on with: the signal does what it does without a handler, once this one returns.
	std::signal(SIGBUS, SIG_DFL);
	std::raise(SIGBUS);
}

} // namespace

Result<void> install_memory_error_handler()
{
	struct sigaction action = {};
	action.sa_sigaction = on_sigbus;
	action.sa_flags = SA_SIGINFO;
	if (::sigaction(SIGBUS, &action, nullptr) < 0)
		return Error::from_errno(errno, "cannot install the handler for lost memory");
	// Asks for AO. A kernel without memory failure handling refuses, and sends nothing anyway.
	::prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	return {};
}

void receive_memory_errors()
{
	sigset_t bus;
	::sigemptyset(&bus);
	::sigaddset(&bus, SIGBUS);
	::pthread_sigmask(SIG_UNBLOCK, &bus, nullptr);
}

InGuest::InGuest()
{
	in_guest = 1;
}

InGuest::~InGuest()
{
	in_guest = 0;
}

std::optional<LostPage> take_lost_page()
{
	if (!has_lost)
		return std::nullopt;
	has_lost = 0;
	return lost;
}

std::optional<LostPage> lost_page_of(const struct signalfd_siginfo &info)
{
	if (info.ssi_code != BUS_MCEERR_AO && info.ssi_code != BUS_MCEERR_AR)
		return std::nullopt;
	return page_at(info.ssi_addr, info.ssi_addr_lsb);
}

std::string describe(const LostPage &page, const GuestMemory &memory)
{
	if (auto addr = memory.guest_addr(page.host_addr))
		return fmt::format("{} KiB at guest address {:#x}", page.size >> 10, *addr);
	return fmt::format("{} KiB at {:#x}, which is no memory of the guest", page.size >> 10, page.host_addr);
}

} // namespace vmx
