// SPDX-License-Identifier: GPL-2.0-only
// Escape keys, and the console between pipes (or a pseudo-terminal) and a UART.
#include "console/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include "fakes.h"

namespace vmx::test {
namespace {

TEST(Escape, PassesKeysAndFindsCommands)
{
	EscapeFilter f;
	Bytes got;
	auto feed = [&](std::string_view keys) {
		ConsoleCommand last = ConsoleCommand::none;
		for (char c : keys)
			last = f.feed(static_cast<uint8_t>(c), got);
		return last;
	};
	EXPECT_EQ(feed("ls\r\x03\x1a\x04"), ConsoleCommand::none);
	EXPECT_EQ(got, bytes_of("ls\r\x03\x1a\x04"));
	EXPECT_EQ(feed("\x01x"), ConsoleCommand::quit);
	EXPECT_EQ(feed("\x01n"), ConsoleCommand::nmi);
	EXPECT_EQ(feed("\x01s"), ConsoleCommand::show_state);
	EXPECT_EQ(feed("\x01p"), ConsoleCommand::power_button);
	EXPECT_EQ(feed("\x01h"), ConsoleCommand::help);
	EXPECT_EQ(feed("\x01?"), ConsoleCommand::help);
	got.clear();
	EXPECT_EQ(feed("\x01\x61x\x01\x01y"), ConsoleCommand::none);
	EXPECT_EQ(got, bytes_of("\x01x\x01y"));
}

struct Pipe {
	Pipe()
	{
		int fds[2];
		EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
		read = UniqueFd(fds[0]);
		write = UniqueFd(fds[1]);
	}
	std::string drain()
	{
		std::string text;
		std::array<char, 65536> chunk;
		struct pollfd p = {read.get(), POLLIN, 0};
		while (::poll(&p, 1, 0) > 0 && (p.revents & POLLIN))
			text.append(chunk.data(), static_cast<size_t>(::read(read.get(), chunk.data(), chunk.size())));
		return text;
	}
	UniqueFd read, write;
};

struct ConsoleTest : testing::Test {
	Pipe input, output, messages;
	EventLoop loop;
	FakeIrq irq;
	std::vector<ConsoleCommand> commands;
	std::unique_ptr<Console> console;
	std::unique_ptr<Uart16550> uart;

	void make(int in_fd, bool with_input = true)
	{
		console = Console::create(with_input, in_fd, output.write.get(), messages.write.get()).value();
		uart = std::make_unique<Uart16550>(irq, *console);
		console->attach(loop, *uart, [this](ConsoleCommand c) { commands.push_back(c); });
	}
	void open_port()
	{
		out(*uart, 2, uint8_t{0x07});
		out(*uart, 4, uint8_t{0x0b});
		out(*uart, 1, uint8_t{0x05});
	}
	std::string guest_reads()
	{
		std::string got;
		while (in(*uart, 5) & 1)
			got += static_cast<char>(in(*uart, 0));
		return got;
	}
	void spin(int rounds = 4)
	{
		for (int i = 0; i < rounds; i++)
			ASSERT_TRUE(loop.run_once(0).ok());
	}
};

TEST_F(ConsoleTest, GuestOutputReachesThePipe)
{
	make(input.read.get());
	std::string text(10000, 'x');
	for (char c : text)
		out(*uart, 0, static_cast<uint8_t>(c));
	spin(10);
	EXPECT_EQ(output.drain(), text);
}

TEST_F(ConsoleTest, PipedInputWaitsForTheGuestAndKeepsItsOrder)
{
	make(input.read.get());
	std::string text;
	for (int i = 0; i < 3000; i++)
		text += static_cast<char>('a' + i % 26);
	text += "\x01x"; // not a command: no person types here
	ASSERT_EQ(::write(input.write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
	input.write.reset();
	spin();
	EXPECT_EQ(guest_reads(), "");
	open_port();
	std::string got;
	for (int i = 0; i < 1000 && got.size() < text.size(); i++) {
		spin(2);
		got += guest_reads();
	}
	EXPECT_EQ(got, text);
	EXPECT_TRUE(commands.empty());
	spin(); // end of file does not spin or end anything
}

TEST_F(ConsoleTest, WithoutInputNothingIsRead)
{
	make(input.read.get(), false);
	open_port();
	ASSERT_EQ(::write(input.write.get(), "abc", 3), 3);
	spin();
	EXPECT_EQ(guest_reads(), "");
	EXPECT_EQ(input.drain(), "abc");
}

TEST_F(ConsoleTest, SlowReaderThrottlesTheGuestAndLosesNothing)
{
	make(input.read.get());
	std::string sent;
	auto send_while_ready = [&] {
		while ((in(*uart, 5) & 0x20) && sent.size() < 400000) {
			auto c = static_cast<uint8_t>('!' + sent.size() % 90);
			sent.push_back(static_cast<char>(c));
			out(*uart, 0, c);
		}
	};
	send_while_ready();
	spin(100); // the pipe fills up
	send_while_ready();
	EXPECT_LT(sent.size(), 400000u);
	EXPECT_EQ(in(*uart, 5) & 0x20, 0);
	std::string got;
	for (int i = 0; i < 2000 && got.size() < 400000; i++) {
		got += output.drain();
		spin(20);
		send_while_ready();
	}
	EXPECT_EQ(got, sent);
}

TEST_F(ConsoleTest, BrokenPipeDoesNotStopTheGuest)
{
	::signal(SIGPIPE, SIG_IGN);
	make(input.read.get());
	output.read.reset();
	for (int i = 0; i < 200000; i++) {
		if (!(in(*uart, 5) & 0x20))
			spin(40);
		out(*uart, 0, uint8_t{'x'});
	}
	spin(100);
	EXPECT_EQ(in(*uart, 5) & 0x20, 0x20);
	EXPECT_NE(messages.drain().find("lost"), std::string::npos);
}

TEST_F(ConsoleTest, FinishWritesWhatIsLeft)
{
	make(input.read.get());
	for (char c : std::string("last words"))
		out(*uart, 0, static_cast<uint8_t>(c));
	console->finish();
	EXPECT_EQ(output.drain(), "last words");
}

// The test becomes the foreground of a pseudo-terminal in a child process.
int child_on_terminal(int slave)
{
	if (::login_tty(slave) < 0) // a new session with this terminal
		return 10;
	Pipe output, messages;
	EventLoop loop;
	FakeIrq irq;
	std::vector<ConsoleCommand> commands;
	struct termios before = {}, during = {}, after = {};
	::tcgetattr(0, &before);
	{
		auto console = Console::create(true, 0, output.write.get(), messages.write.get()).value();
		Uart16550 uart(irq, *console);
		console->attach(loop, uart, [&](ConsoleCommand c) { commands.push_back(c); });
		::tcgetattr(0, &during);
		if (!console->interactive() || (during.c_lflag & (ECHO | ICANON | ISIG)))
			return 11;
		out(uart, 2, uint8_t{0x07});
		out(uart, 4, uint8_t{0x0b});
		out(uart, 1, uint8_t{0x05});
		std::string got;
		for (int i = 0; i < 100 && (got.size() < 3 || commands.empty()); i++) {
			if (!loop.run_once(100).ok())
				return 12;
			while (in(uart, 5) & 1)
				got += static_cast<char>(in(uart, 0));
		}
		if (got != "a\x03z" || commands != std::vector{ConsoleCommand::show_state})
			return 13;
		console->say("one\ntwo\n");
		if (messages.drain() != "one\r\ntwo\r\n")
			return 14;
	}
	::tcgetattr(0, &after);
	return after.c_lflag == before.c_lflag && after.c_oflag == before.c_oflag ? 0 : 15;
}

TEST(ConsoleTerminal, RawWhileItLivesRestoredAfter)
{
	int master = -1, slave = -1;
	ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
	UniqueFd m(master), s(slave);
	pid_t pid = ::fork();
	ASSERT_GE(pid, 0);
	if (pid == 0)
		::_exit(child_on_terminal(slave));
	s.reset();
	::usleep(300'000); // until it is in raw mode: before, Ctrl-C would end it
	ASSERT_EQ(::write(master, "a\x03\x01sz", 5), 5);
	int status = 0;
	ASSERT_EQ(::waitpid(pid, &status, 0), pid);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
}

} // namespace
} // namespace vmx::test
