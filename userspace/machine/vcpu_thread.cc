// SPDX-License-Identifier: GPL-2.0-only
#include "machine/vcpu_thread.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <pthread.h>
#include <system_error>

#include "machine/memory_error.h"

namespace vmx {

int VcpuThread::kick_signal()
{
	return SIGRTMIN;
}

Result<void> VcpuThread::install_kick_signal()
{
	struct sigaction action = {};
	action.sa_handler = [](int) {}; // it only has to interrupt the ioctl
	if (::sigaction(kick_signal(), &action, nullptr) < 0)
		return Error::from_errno(errno, "cannot install the kick signal");
	return {};
}

Result<void> VcpuThread::start()
{
	try {
		thread_ = std::thread([this] { loop(); });
	} catch (const std::system_error &e) {
		return Error(fmt::format("cannot start the thread of vCPU {}: {}", vcpu_.id(), e.what()),
			     e.code().value());
	}
	return {};
}

void VcpuThread::post(unsigned request) noexcept
{
	// This order: the vCPU thread clears immediate_exit, then looks at the
	// requests. A kick that comes before either is seen, one that comes
	// after makes the next run() return.
	requests_.fetch_or(request);
	vcpu_.set_immediate_exit(true);
	if (thread_.joinable())
		::pthread_kill(thread_.native_handle(), kick_signal());
}

void VcpuThread::stop() noexcept
{
	if (!thread_.joinable())
		return;
	post(request_stop);
	thread_.join();
}

void VcpuThread::request_nmi() noexcept
{
	post(request_nmi_bit);
}

std::string VcpuThread::request_dump()
{
	std::unique_lock lock(dump_mutex_);
	unsigned mine = ++dumps_asked_;
	lock.unlock();
	post(request_dump_bit);
	lock.lock();
	bool done =
		dump_done_.wait_for(lock, std::chrono::seconds(2), [&] { return finished_ || dumps_made_ >= mine; });
	if (!done || dumps_made_ < mine)
		return fmt::format("vCPU {}: does not answer\n", vcpu_.id());
	return dump_;
}

bool VcpuThread::serve_requests()
{
	vcpu_.set_immediate_exit(false);
	unsigned requests = requests_.exchange(0);
	if (requests & request_dump_bit) {
		std::string text = vcpu_.dump();
		std::lock_guard lock(dump_mutex_);
		dump_ = std::move(text);
		dumps_made_ = dumps_asked_;
		dump_done_.notify_all();
	}
	if (requests & request_nmi_bit) {
		if (auto r = vcpu_.inject_nmi(); !r.ok())
			end_with(EndKind::internal_error, r.error().text());
	}
	return !(requests & request_stop) && !end_.requested();
}

int VcpuThread::run_once() noexcept
{
	InGuest here;
	return vcpu_.run();
}

void VcpuThread::loop() noexcept
{
	::pthread_setname_np(::pthread_self(), fmt::format("vcpu{}", vcpu_.id()).c_str());
	sigset_t kick;
	::sigemptyset(&kick);
	::sigaddset(&kick, kick_signal());
	::pthread_sigmask(SIG_UNBLOCK, &kick, nullptr);

	receive_memory_errors();

	while (serve_requests()) {
		int err = run_once();
		if (auto page = take_lost_page())
			end_with(EndKind::memory_lost, describe(*page, memory_));
		else if (err == 0)
			handle_exit();
		else if (err == EFAULT)
			end_with(EndKind::internal_error, "the hypervisor cannot reach guest memory (EFAULT)");
		else if (err != EINTR && err != EAGAIN)
			end_with(EndKind::internal_error,
				 fmt::format("running the vCPU failed: {}", std::strerror(err)));
	}
	std::lock_guard lock(dump_mutex_);
	finished_ = true;
	dump_done_.notify_all();
}

void VcpuThread::end_with(EndKind kind, const std::string &why)
{
	end_.request({kind, 0, fmt::format("vCPU {}: {}\n{}", vcpu_.id(), why, vcpu_.dump())});
}

void VcpuThread::handle_exit()
{
	const struct vmx_run &run = vcpu_.run_area();
	switch (run.exit_reason) {
	case VMX_EXIT_IO:
		handle_io();
		break;
	case VMX_EXIT_MMIO:
		handle_mmio();
		break;
	case VMX_EXIT_INTR:
		break;
	case VMX_EXIT_SHUTDOWN:
		end_with(EndKind::crash, "triple fault");
		break;
	case VMX_EXIT_SYSTEM_EVENT:
		handle_system_event();
		break;
	case VMX_EXIT_FAIL_ENTRY:
		end_with(EndKind::entry_failure,
			 fmt::format("hardware reason {:#x} on host CPU {}",
				     run.fail_entry.hardware_entry_failure_reason, run.fail_entry.cpu));
		break;
	case VMX_EXIT_INTERNAL_ERROR:
		handle_internal_error();
		break;
	default:
		end_with(EndKind::internal_error,
			 fmt::format("exit reason {} that vmx does not know (hardware reason {:#x})", run.exit_reason,
				     run.hw.hardware_exit_reason));
		break;
	}
}

void VcpuThread::handle_io()
{
	const auto &io = vcpu_.run_area().io;
	std::span<uint8_t> data = vcpu_.io_data();
	if (data.empty() || io.size == 0) {
		end_with(EndKind::internal_error, "port exit with its data outside the run area");
		return;
	}
	for (; data.size() >= io.size; data = data.subspan(io.size)) {
		if (io.direction == VMX_EXIT_IO_OUT)
			ports_.write(io.port, data.first(io.size));
		else
			ports_.read(io.port, data.first(io.size));
	}
}

void VcpuThread::handle_mmio()
{
	auto &mmio = vcpu_.run_area().mmio;
	if (mmio.len > sizeof(mmio.data)) {
		end_with(EndKind::internal_error, fmt::format("MMIO exit of {} bytes", uint32_t{mmio.len}));
		return;
	}
	std::span<uint8_t> data(mmio.data, mmio.len);
	if (mmio.is_write)
		mmio_.write(mmio.phys_addr, data);
	else
		mmio_.read(mmio.phys_addr, data);
}

void VcpuThread::handle_system_event()
{
	switch (uint32_t type = vcpu_.run_area().system_event.type) {
	case VMX_SYSTEM_EVENT_SHUTDOWN:
		end_.power_off();
		break;
	case VMX_SYSTEM_EVENT_RESET:
		end_.reset("system event");
		break;
	case VMX_SYSTEM_EVENT_CRASH:
		end_with(EndKind::crash, "the guest reported a crash");
		break;
	default:
		end_with(EndKind::internal_error, fmt::format("system event {} that vmx does not know", type));
		break;
	}
}

void VcpuThread::handle_internal_error()
{
	const auto &error = vcpu_.run_area().internal;
	std::string why = fmt::format("internal error {}", uint32_t{error.suberror});
	if (error.suberror == VMX_INTERNAL_ERROR_EMULATION)
		why += " (an instruction that the hypervisor cannot emulate)";
	uint32_t count = std::min<uint32_t>(error.ndata, std::size(error.data));
	for (uint32_t i = 0; i < count; i++)
		why += fmt::format("{}{:#x}", i ? " " : ", data ", uint64_t{error.data[i]});
	end_with(EndKind::internal_error, why);
}

} // namespace vmx
