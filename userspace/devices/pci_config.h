// SPDX-License-Identifier: GPL-2.0-only
// PCI configuration mechanism 1 (ports 0xcf8 to 0xcff) with no device behind
// it, and the reset control register inside it at 0xcf9.
//
// Implements: the address register (32-bit accesses only, as the PCI Local Bus
// specification 3.0 section 3.2.2.3.2 says), data that reads as all ones, reset
// on a rising edge of RST_CPU (0xcf9 bit 2).
// Missing: PCI.
#pragma once

#include <cstdint>
#include <mutex>

#include "machine/device.h"

namespace vmx {

class PciConfigPorts final : public Device {
public:
	static constexpr uint64_t size = 8;
	static constexpr uint64_t reset_offset = 1;  // port 0xcf9
	static constexpr uint8_t reset_value = 0x06; // full reset: SYS_RST and RST_CPU

	explicit PciConfigPorts(PowerControl &power) : power_(power) {}

	std::string_view name() const override { return "pci-config"; }
	void read(unsigned region, uint64_t offset, std::span<uint8_t> data) override;
	void write(unsigned region, uint64_t offset, std::span<const uint8_t> data) override;

private:
	std::mutex mutex_;
	PowerControl &power_;
	uint32_t address_ = 0;
	uint8_t reset_control_ = 0;
};

} // namespace vmx
