// SPDX-License-Identifier: GPL-2.0-only
// Fuzzes the port devices through a bus, as a guest that drives them any way it
// likes while time passes and bytes come in. Each input is a list of steps.
// Beside the sanitizers: the interrupt line never drops to an unknown state,
// received bytes are neither lost nor invented, timers get sane delays.
#include <cstdlib>
#include <deque>

#include "devices/acpi_pm.h"
#include "devices/cmos.h"
#include "devices/i8042.h"
#include "devices/pci_config.h"
#include "devices/post_port.h"
#include "devices/uart16550.h"
#include "machine/bus.h"
#include "machine/layout.h"
#include "selftests/unit/vmm/fakes.h"

namespace {

using namespace vmx;
using namespace vmx::test;

void check(bool ok)
{
	if (!ok)
		std::abort();
}

class Input {
public:
	Input(const uint8_t *data, size_t size) : data_(data), size_(size) {}
	bool empty() const { return at_ >= size_; }
	uint8_t byte() { return empty() ? 0 : data_[at_++]; }
	uint32_t word() { return byte() | byte() << 8 | byte() << 16 | static_cast<uint32_t>(byte()) << 24; }

private:
	const uint8_t *data_;
	size_t size_, at_ = 0;
};

struct Rig {
	FakeIrq uart_irq, kbd_irq, rtc_irq, sci;
	FakePower power;
	FakeClock clock;
	FakeTimer rtc_timer, pm_timer;
	FakePeer peer;
	Uart16550 uart{uart_irq, peer};
	Cmos cmos{rtc_irq, clock, rtc_timer};
	I8042 i8042{kbd_irq, power};
	AcpiPm pm{sci, power, clock, pm_timer};
	PciConfigPorts pci{power};
	PostPort post;
	Bus bus{"ports", 0x10000};

	Rig()
	{
		check(bus.insert(layout::port_i8042_data, 1, i8042, I8042::region_data).ok());
		check(bus.insert(layout::port_i8042_command, 1, i8042, I8042::region_command).ok());
		check(bus.insert(layout::port_cmos, 2, cmos).ok());
		check(bus.insert(layout::port_post, 1, post).ok());
		check(bus.insert(layout::port_uart, 8, uart).ok());
		check(bus.insert(layout::port_pm, AcpiPm::size, pm).ok());
		check(bus.insert(layout::port_pci_config, PciConfigPorts::size, pci).ok());
	}

	uint16_t port(uint8_t n) const
	{
		if (n < 0x08)
			return layout::port_uart + n;
		if (n < 0x18)
			return layout::port_pm + (n - 0x08);
		if (n < 0x20)
			return layout::port_pci_config + (n - 0x18);
		static constexpr uint16_t others[] = {0x60, 0x64, 0x70, 0x71, 0x80, 0x5f, 0x3f6, 0xffff};
		return others[n & 7];
	}

	void step(Input &in)
	{
		uint8_t op = in.byte();
		switch (op >> 6) {
		case 0:
		case 1: { // port access
			uint16_t at = port(op & 0x3f);
			uint8_t how = in.byte();
			size_t width = size_t{1} << ((how >> 1) % 3);
			std::array<uint8_t, 4> data = {};
			store(std::span<uint8_t>(data), 0, (how & 1) ? in.word() : 0u);
			if (how & 1)
				bus.write(at, std::span<const uint8_t>(data).first(width));
			else
				bus.read(at, std::span(data).first(width));
			break;
		}
		case 2: // time
			clock.advance((int64_t{in.word()} << (op & 0x1f)) & ((int64_t{1} << 60) - 1));
			if (op & 0x20)
			clock.real -= in.word() * ns_per_s / 7; // the host's clock is set
		// A host's clock is between 1970 and decades from now.
		if (clock.mono > int64_t{1} << 60 || clock.real > int64_t{1} << 60 || clock.real < 0)
			clock.mono = clock.real = 0;
		cmos.timer_fired();
			pm.timer_fired();
			break;
		default: // the outside
			if (op & 1)
				pm.press_power_button();
			if (op & 2)
				uart.tx_resume();
			peer.room = (op & 4) ? peer.sent.size() + 1 : SIZE_MAX;
			if (op & 8)
				check(uart.receive(std::array<uint8_t, 3>{in.byte(), in.byte(), in.byte()}) <= 3);
			break;
		}
		for (const FakeTimer *t : {&rtc_timer, &pm_timer})
			check(!t->delay || (*t->delay >= 0 && *t->delay <= 86401 * ns_per_s));
		for (const FakeIrq *i : {&uart_irq, &kbd_irq, &rtc_irq, &sci})
			check(i->rises - i->falls == (i->level ? 1 : 0));
	}
};

// With the port open and only reads by the guest, all bytes arrive in order.
void check_receive_order(Input &in)
{
	FakeIrq irq;
	FakePeer peer;
	Uart16550 uart(irq, peer);
	out(uart, 2, static_cast<uint8_t>(in.byte() | 1));
	out(uart, 4, uint8_t{0x02});
	out(uart, 1, uint8_t{0x01});
	std::deque<uint8_t> expected;
	while (!in.empty()) {
		uint8_t op = in.byte();
		if (op & 1) {
			Bytes bytes(op >> 1 & 31, op);
			size_t n = uart.receive(bytes);
			check(n <= bytes.size());
			expected.insert(expected.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
		} else if (test::in(uart, 5) & 1) {
			check(!expected.empty() && test::in(uart, 0) == expected.front());
			expected.pop_front();
		} else {
			check(expected.empty());
		}
		check(irq.level == !expected.empty());
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input in(data, size);
	if (in.byte() & 1) {
		check_receive_order(in);
		return 0;
	}
	Rig rig;
	while (!in.empty())
		rig.step(in);
	return 0;
}
