// SPDX-License-Identifier: GPL-2.0-only
// The host's end of the guest's serial line: stdin and stdout.
//
//   UART --transmit()--> queue --event loop--> stdout
//   stdin --event loop--> escape filter --> backlog --receive()--> UART
//
// vCPU threads only touch the queue and two eventfds; all reading and writing
// is done by the event loop, so a slow terminal never blocks a vCPU.
// Input waits in the backlog until the guest takes it. From a pipe or a file
// nothing is read while the backlog has bytes; from a terminal it is, up to
// backlog_max, so that the escape key always works.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/bytes.h"
#include "base/event_loop.h"
#include "base/fd.h"
#include "console/escape.h"
#include "console/terminal.h"
#include "devices/uart16550.h"

namespace vmx {

class Console final : public SerialPeer {
public:
	using CommandHandler = std::function<void(ConsoleCommand)>;

	// `with_input`: stdin goes to the guest; a terminal is put into raw mode.
	static Result<std::unique_ptr<Console>> create(bool with_input, int in_fd, int out_fd, int message_fd);

	// For create(); in_fd < 0: no input.
	Console(int in_fd, int out_fd, int message_fd, WakeFd out_wake, WakeFd in_wake);

	// SerialPeer, from vCPU threads.
	bool transmit(uint8_t byte) override;
	void receiver_ready() override;

	// From the main thread: begins to carry bytes. All must outlive the console's use.
	void attach(EventLoop &loop, Uart16550 &uart, CommandHandler on_command);

	bool interactive() const { return terminal_ != nullptr; }
	// Shows vmx's own words on stderr, whatever mode the terminal is in.
	void say(std::string_view text) const;
	void continued() const; // after SIGCONT
	// Writes what the guest has sent, for at most a second; no more input.
	void finish();

private:
	static constexpr size_t queue_max = 64 << 10;
	static constexpr size_t backlog_max = 1 << 20;

	void read_input();
	void feed_guest();
	void write_output();
	void update_polls();
	size_t write_some();

	int in_fd_, out_fd_, message_fd_;
	WakeFd out_wake_, in_wake_;
	std::unique_ptr<RawTerminal> terminal_;
	size_t write_chunk_;

	std::mutex queue_mutex_; // guards queue_ and throttled_
	Bytes queue_;		 // from the guest, not yet written
	bool throttled_ = false; // transmit() has said false

	// Main thread only.
	EventLoop *loop_ = nullptr;
	EventLoop::Id in_id_ = 0, out_id_ = 0;
	Uart16550 *uart_ = nullptr;
	CommandHandler on_command_;
	EscapeFilter escape_;
	Bytes backlog_; // to the guest
	bool input_open_;
	bool output_broken_ = false;

	std::atomic<bool> waiting_for_room_{false}; // receive() took less than it got
};

} // namespace vmx
