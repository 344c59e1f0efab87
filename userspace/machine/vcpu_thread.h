// SPDX-License-Identifier: GPL-2.0-only
// The thread that runs one vCPU and hands its exits to the buses.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "hv/vcpu.h"
#include "machine/bus.h"
#include "machine/ending.h"
#include "machine/memory.h"

namespace vmx {

class VcpuThread {
public:
	// The memory, the buses and the latch must outlive the thread.
	VcpuThread(Vcpu vcpu, const GuestMemory &memory, const Bus &ports, const Bus &mmio, EndLatch &end)
	    : vcpu_(std::move(vcpu)), memory_(memory), ports_(ports), mmio_(mmio), end_(end)
	{
	}
	~VcpuThread() { stop(); }
	VcpuThread(const VcpuThread &) = delete;
	VcpuThread &operator=(const VcpuThread &) = delete;

	// Once per process, before the first start(): the signal that takes a
	// vCPU out of the guest. Block it in all other threads.
	static Result<void> install_kick_signal();
	static int kick_signal();

	Result<void> start();
	// Asks the thread to end and waits for that. Any thread but the vCPU's own.
	void stop() noexcept;

	// Any thread. The vCPU does it before it enters the guest again.
	void request_nmi() noexcept;
	// The vCPU's registers, or words that say that it did not answer in time.
	std::string request_dump();

private:
	enum : unsigned { request_stop = 1, request_nmi_bit = 2, request_dump_bit = 4 };

	void loop() noexcept; // out of memory, the one exception there could be, ends the program
	bool serve_requests();
	int run_once() noexcept;
	void post(unsigned request) noexcept;
	void handle_exit();
	void handle_io();
	void handle_mmio();
	void handle_system_event();
	void handle_internal_error();
	void end_with(EndKind kind, const std::string &why);

	Vcpu vcpu_;
	const GuestMemory &memory_;
	const Bus &ports_;
	const Bus &mmio_;
	EndLatch &end_;

	std::thread thread_;
	std::atomic<unsigned> requests_{0};

	std::mutex dump_mutex_; // guards what follows
	std::condition_variable dump_done_;
	std::string dump_;
	unsigned dumps_asked_ = 0, dumps_made_ = 0;
	bool finished_ = false;
};

} // namespace vmx
