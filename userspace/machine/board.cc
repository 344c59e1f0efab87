// SPDX-License-Identifier: GPL-2.0-only
#include "machine/board.h"

#include <cerrno>
#include <fmt/format.h>
#include <sys/random.h>

#include "acpi/tables.h"
#include "boot/linux_boot.h"
#include "hv/cpuid.h"
#include "machine/layout.h"

namespace vmx {

namespace {

constexpr size_t max_file = size_t{2} << 30;
constexpr unsigned max_apic_ids = 254; // 255 is the broadcast id of an xAPIC
constexpr uint8_t ioapic_id = 0;       // what the in-kernel IOAPIC has after reset
constexpr uint64_t port_limit = 0x10000;
constexpr uint64_t mmio_limit = UINT64_MAX;

} // namespace

void Board::VmIrqLine::set(bool level)
{
	if (auto r = vm_.set_irq(gsi_, level); !r.ok())
		end_.request({EndKind::internal_error, 0, r.error().text()});
}

Board::Board(Hypervisor hypervisor, GuestMemory memory, Vm vm, EndLatch &end)
    : end_(end), hypervisor_(std::move(hypervisor)), memory_(std::move(memory)), vm_(std::move(vm)),
      keyboard_irq_(vm_, layout::irq_keyboard, end), uart_irq_(vm_, layout::irq_uart, end),
      rtc_irq_(vm_, layout::irq_rtc, end), sci_irq_(vm_, layout::irq_sci, end), i8042_(keyboard_irq_, end), pci_(end),
      ports_("ports", port_limit), mmio_("MMIO", mmio_limit)
{
}

Board::~Board()
{
	stop();
}

Result<std::unique_ptr<Board>> Board::create(const BoardConfig &config, SerialPeer &serial, EventLoop &loop,
					     EndLatch &end)
{
	VMX_TRY_ASSIGN(Hypervisor hypervisor, Hypervisor::open(config.device));
	unsigned most = std::min(hypervisor.max_vcpus(), max_apic_ids);
	if (config.cpus < 1 || config.cpus > most)
		return Error(fmt::format("--cpus must be 1 to {} here", most), EINVAL);
	VMX_TRY_ASSIGN(GuestMemory memory, GuestMemory::create(config.memory));
	VMX_TRY_ASSIGN(Vm vm, Vm::create(hypervisor, memory));

	auto board = std::make_unique<Board>(std::move(hypervisor), std::move(memory), std::move(vm), end);
	VMX_TRY(board->add_devices(serial, loop));
	VMX_TRY_ASSIGN(BootState boot, board->load_guest(config));
	VMX_TRY(board->add_vcpus(config, boot));
	return board;
}

Result<void> Board::add_devices(SerialPeer &serial, EventLoop &loop)
{
	VMX_TRY_ASSIGN(rtc_timer_, FdTimer::create());
	VMX_TRY_ASSIGN(pm_timer_, FdTimer::create());
	uart_ = std::make_unique<Uart16550>(uart_irq_, serial);
	cmos_ = std::make_unique<Cmos>(rtc_irq_, clock_, *rtc_timer_);
	pm_ = std::make_unique<AcpiPm>(sci_irq_, end_, clock_, *pm_timer_);
	rtc_timer_->attach(loop, [this] { cmos_->timer_fired(); });
	pm_timer_->attach(loop, [this] { pm_->timer_fired(); });

	VMX_TRY(ports_.insert(layout::port_i8042_data, 1, i8042_, I8042::region_data));
	VMX_TRY(ports_.insert(layout::port_i8042_command, 1, i8042_, I8042::region_command));
	VMX_TRY(ports_.insert(layout::port_cmos, 2, *cmos_));
	VMX_TRY(ports_.insert(layout::port_post, 1, post_));
	VMX_TRY(ports_.insert(layout::port_uart, 8, *uart_));
	VMX_TRY(ports_.insert(layout::port_pm, AcpiPm::size, *pm_));
	VMX_TRY(ports_.insert(layout::port_pci_config, PciConfigPorts::size, pci_));
	return {};
}

Result<BootState> Board::load_guest(const BoardConfig &config)
{
	VMX_TRY_ASSIGN(Bytes kernel, read_whole_file(config.kernel, max_file));
	Bytes initrd;
	if (!config.initrd.empty()) {
		VMX_TRY_ASSIGN(initrd, read_whole_file(config.initrd, max_file));
	}

	acpi::Blob tables = acpi::build({config.cpus, ioapic_id}, layout::acpi_area);
	if (tables.bytes.size() > layout::acpi_area_end - layout::acpi_area)
		return Error("the ACPI tables do not fit", ENOSPC);
	VMX_TRY(memory_.write(layout::acpi_area, tables.bytes, "ACPI tables"));

	LinuxBoot boot = {};
	boot.kernel_file = kernel;
	boot.initrd = initrd;
	boot.cmdline = config.cmdline;
	boot.rsdp_addr = tables.rsdp_addr;
	if (::getrandom(boot.rng_seed.data(), boot.rng_seed.size(), 0) != static_cast<ssize_t>(boot.rng_seed.size()))
		return Error::from_errno(errno, "cannot get random bytes for the guest's seed");
	auto state = load_linux(memory_, boot);
	if (!state.ok())
		return std::move(state).error().with_context(config.kernel);
	return state;
}

Result<void> Board::add_vcpus(const BoardConfig &config, const BootState &boot)
{
	VMX_TRY_ASSIGN(auto supported, hypervisor_.supported_cpuid());
	bool tsc_deadline = hypervisor_.has(VMX_CAP_TSC_DEADLINE_TIMER);
	for (unsigned id = 0; id < config.cpus; id++) {
		VMX_TRY_ASSIGN(Vcpu vcpu, Vcpu::create(hypervisor_, vm_, id));
		VMX_TRY(vcpu.set_cpuid(guest_cpuid(supported, {config.cpus, id, tsc_deadline})));
		VMX_TRY(vcpu.set_firmware_state());
		if (id == 0)
			VMX_TRY(vcpu.set_boot_state(boot));
		vcpus_.push_back(std::make_unique<VcpuThread>(std::move(vcpu), memory_, ports_, mmio_, end_));
	}
	return {};
}

Result<void> Board::start()
{
	for (auto &v : vcpus_)
		VMX_TRY(v->start());
	return {};
}

void Board::stop() noexcept
{
	for (auto &v : vcpus_)
		v->stop();
}

void Board::inject_nmi()
{
	for (auto &v : vcpus_)
		v->request_nmi();
}

void Board::press_power_button()
{
	pm_->press_power_button();
}

std::string Board::dump()
{
	std::string out;
	for (auto &v : vcpus_)
		out += v->request_dump();
	for (const Bus *bus : {&ports_, &mmio_}) {
		if (bus->unclaimed() > 0)
			out += fmt::format("{}: {} accesses that no device answered, the last at {:#x}\n", bus->name(),
					   bus->unclaimed(), bus->last_unclaimed());
	}
	return out;
}

} // namespace vmx
