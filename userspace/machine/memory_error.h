// SPDX-License-Identifier: GPL-2.0-only
// Pages of memory that the host has lost to an uncorrectable error. It says so with SIGBUS
// (sigaction(2)): BUS_MCEERR_AR to the thread that needs the page, BUS_MCEERR_AO when it found the
// error by itself and nobody has needed the page yet.
//
//   AR while a vCPU thread is in the guest: take_lost_page() has it when the run has returned
//   AR anywhere else: vmx itself needs what is lost; a line on stderr, and the signal ends vmx
//   AO: goes to the main thread, which has SIGBUS blocked and reads it from its signalfd
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/signalfd.h>

#include "base/result.h"
#include "machine/memory.h"

namespace vmx {

struct LostPage {
	uint64_t host_addr; // its first byte
	uint64_t size;
};

// Once per process, on the main thread, before there are others. The caller blocks SIGBUS there.
Result<void> install_memory_error_handler();

// On a vCPU thread, before it enters the guest for the first time.
void receive_memory_errors();

// Lives as long as this thread is in the guest.
class InGuest {
public:
	InGuest();
	~InGuest();
	InGuest(const InGuest &) = delete;
	InGuest &operator=(const InGuest &) = delete;
};

// What the guest on this thread has needed and not got since the last call.
std::optional<LostPage> take_lost_page();

// What a SIGBUS from a signalfd tells; nothing if it is not about a lost page.
std::optional<LostPage> lost_page_of(const struct signalfd_siginfo &info);

// "4 KiB at guest address 0x1000", or words that say that it is no memory of the guest.
std::string describe(const LostPage &page, const GuestMemory &memory);

} // namespace vmx
