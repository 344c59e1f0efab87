// SPDX-License-Identifier: GPL-2.0-only
#include "devices/pci_config.h"

#include "base/bytes.h"

namespace vmx {

namespace {

constexpr uint32_t address_bits = 0x80fffffc; // enable, bus, device, function, register
constexpr uint8_t reset_cpu = 0x04;
constexpr uint8_t reset_kept = 0x0e;

} // namespace

void PciConfigPorts::read(unsigned, uint64_t offset, std::span<uint8_t> data)
{
	std::lock_guard lock(mutex_);
	if (offset == 0 && data.size() == 4)
		store(data, 0, address_);
	else if (offset == reset_offset && data.size() == 1)
		data[0] = reset_control_;
	// All else keeps the ones that the bus filled in.
}

void PciConfigPorts::write(unsigned, uint64_t offset, std::span<const uint8_t> data)
{
	std::lock_guard lock(mutex_);
	if (offset == 0 && data.size() == 4) {
		address_ = load<uint32_t>(data, 0) & address_bits;
	} else if (offset == reset_offset && data.size() == 1) {
		bool rising = (data[0] & ~reset_control_ & reset_cpu) != 0;
		reset_control_ = data[0] & reset_kept;
		if (rising)
			power_.reset("reset control register");
	}
}

} // namespace vmx
