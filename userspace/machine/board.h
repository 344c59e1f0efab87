// SPDX-License-Identifier: GPL-2.0-only
// The whole machine: VM, memory, buses, devices, vCPUs, and the guest loaded
// into it. Made, started, stopped and destroyed on the main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/result.h"
#include "devices/acpi_pm.h"
#include "devices/cmos.h"
#include "devices/i8042.h"
#include "devices/pci_config.h"
#include "devices/post_port.h"
#include "devices/uart16550.h"
#include "hv/vm.h"
#include "machine/bus.h"
#include "machine/ending.h"
#include "machine/memory.h"
#include "machine/vcpu_thread.h"

namespace vmx {

struct BoardConfig {
	std::string device = "/dev/vmx";
	std::string kernel;
	std::string initrd; // empty: none
	std::string cmdline;
	uint64_t memory = 1ull << 30;
	unsigned cpus = 1;
};

class Board {
public:
	static constexpr bool has_pci = false; // the configuration ports answer, with no device behind them

	// `serial`, `loop` and `end` must outlive the board.
	static Result<std::unique_ptr<Board>> create(const BoardConfig &config, SerialPeer &serial, EventLoop &loop,
						     EndLatch &end);
	Board(Hypervisor hypervisor, GuestMemory memory, Vm vm, EndLatch &end); // for create()
	~Board();

	Result<void> start();
	void stop() noexcept;

	const GuestMemory &memory() const { return memory_; }
	Uart16550 &uart() { return *uart_; }
	void inject_nmi(); // to every vCPU, as an NMI button does
	void press_power_button();
	std::string dump(); // every vCPU's registers, in words

private:
	// An input of the in-kernel interrupt controllers.
	class VmIrqLine final : public IrqLine {
	public:
		VmIrqLine(const Vm &vm, unsigned gsi, EndLatch &end) : vm_(vm), gsi_(gsi), end_(end) {}
		void set(bool level) override;

	private:
		const Vm &vm_;
		unsigned gsi_;
		EndLatch &end_;
	};

	Result<void> add_devices(SerialPeer &serial, EventLoop &loop);
	Result<BootState> load_guest(const BoardConfig &config);
	Result<void> add_vcpus(const BoardConfig &config, const BootState &boot);

	// Destroyed in reverse order: vCPUs first, then devices, then the VM.
	EndLatch &end_;
	Hypervisor hypervisor_;
	GuestMemory memory_;
	Vm vm_;
	HostClock clock_;
	VmIrqLine keyboard_irq_, uart_irq_, rtc_irq_, sci_irq_;
	std::unique_ptr<FdTimer> rtc_timer_, pm_timer_;
	std::unique_ptr<Uart16550> uart_;
	std::unique_ptr<Cmos> cmos_;
	std::unique_ptr<AcpiPm> pm_;
	I8042 i8042_;
	PciConfigPorts pci_;
	PostPort post_;
	Bus ports_;
	Bus mmio_;
	std::vector<std::unique_ptr<VcpuThread>> vcpus_;
};

} // namespace vmx
