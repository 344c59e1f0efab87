// SPDX-License-Identifier: GPL-2.0-only
// Tables and fields: ACPI 6.4 chapter 5.2.
#include "acpi/tables.h"

#include <array>
#include <cstring>
#include <numeric>
#include <string_view>

#include "acpi/aml.h"
#include "devices/acpi_pm.h"
#include "devices/pci_config.h"
#include "machine/layout.h"

namespace vmx::acpi {

namespace {

constexpr size_t header_size = 36;
constexpr size_t header_checksum = 9;

void append_text(Bytes &out, std::string_view text, size_t width)
{
	for (size_t i = 0; i < width; i++)
		out.push_back(i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{' '});
}

uint8_t checksum_of(std::span<const uint8_t> bytes)
{
	unsigned sum = std::accumulate(bytes.begin(), bytes.end(), 0u);
	return static_cast<uint8_t>(0u - sum);
}

// A table: header (5.2.6), then `body`.
Bytes table(std::string_view signature, uint8_t revision, const Bytes &body)
{
	Bytes out;
	append_text(out, signature, 4);
	append(out, static_cast<uint32_t>(header_size + body.size()));
	out.push_back(revision);
	out.push_back(0); // checksum
	append_text(out, "VMX", 6);
	append_text(out, "VMXBOARD", 8);
	append(out, uint32_t{1});
	append_text(out, "VMX", 4);
	append(out, uint32_t{1});
	append(out, body);
	out[header_checksum] = checksum_of(out);
	return out;
}

// Generic address structure (5.2.3.2) of an I/O port block.
void append_io_address(Bytes &out, uint8_t bits, uint8_t access_size, uint64_t port)
{
	out.push_back(1); // system I/O
	out.push_back(bits);
	out.push_back(0);
	out.push_back(access_size); // 1 byte, 2 word, 3 dword
	append(out, port);
}

enum : uint16_t { // FADT IA-PC boot architecture flags
	boot_legacy_devices = 1 << 0,
	boot_8042 = 1 << 1,
	boot_no_vga = 1 << 2,
	boot_no_msi = 1 << 3,
	boot_no_aspm = 1 << 4,
};

enum : uint32_t { // FADT fixed feature flags
	fixed_wbinvd = 1 << 0,
	fixed_c1_everywhere = 1 << 2,
	fixed_no_sleep_button = 1 << 5,
	fixed_no_rtc_wake = 1 << 6,
	fixed_timer_32bit = 1 << 8,
	fixed_reset_register = 1 << 10,
};

} // namespace

Bytes build_dsdt()
{
	using namespace aml;
	Bytes body;
	// SLP_TYP values for PM1a and PM1b, two reserved.
	append(body, name("_S5", package({integer(AcpiPm::sleep_type_s5), integer(0), integer(0), integer(0)})));
	// clang-format off
	append(body, scope("_SB", {
		device("MBRD", { // reserves the ports of the power management block
			name("_HID", eisa_id("PNP0C02")),
			name("_UID", integer(0)),
			name("_CRS", resources({io(layout::port_pm, AcpiPm::size), io(layout::port_post, 1)})),
		}),
		device("RTC", {
			name("_HID", eisa_id("PNP0B00")),
			name("_CRS", resources({io(layout::port_cmos, 2), irq(layout::irq_rtc)})),
		}),
		device("KBD", {
			name("_HID", eisa_id("PNP0303")),
			name("_CRS", resources({io(layout::port_i8042_data, 1), io(layout::port_i8042_command, 1),
						irq(layout::irq_keyboard)})),
		}),
		device("COM1", {
			name("_HID", eisa_id("PNP0501")),
			name("_UID", integer(1)),
			name("_CRS", resources({io(layout::port_uart, 8), irq(layout::irq_uart)})),
		}),
	}));
	// clang-format on
	return table("DSDT", 2, body);
}

Bytes build_madt(const Machine &machine)
{
	Bytes body;
	append(body, static_cast<uint32_t>(layout::lapic));
	append(body, uint32_t{1}); // PCAT_COMPAT: there are 8259s too
	for (unsigned i = 0; i < machine.cpus; i++) {
		append(body, std::array<uint8_t, 4>{0, 8, static_cast<uint8_t>(i), static_cast<uint8_t>(i)});
		append(body, uint32_t{1}); // enabled
	}
	append(body, std::array<uint8_t, 4>{1, 12, machine.ioapic_id, 0});
	append(body, static_cast<uint32_t>(layout::ioapic));
	append(body, uint32_t{0}); // first GSI
	auto override_irq = [&body](uint8_t irq, uint32_t gsi, uint16_t flags) {
		append(body, std::array<uint8_t, 4>{2, 10, 0, irq});
		append(body, gsi);
		append(body, flags);
	};
	override_irq(0, 2, 0);				      // the PIT is on IOAPIC input 2
	override_irq(layout::irq_sci, layout::irq_sci, 0x0d); // level, active high
	// Local APIC NMI: LINT1 of all processors.
	append(body, std::array<uint8_t, 6>{4, 6, 0xff, 0, 0, 1});
	return table("APIC", 4, body);
}

Bytes build_facs()
{
	Bytes out;
	append_text(out, "FACS", 4);
	append(out, uint32_t{64});
	out.resize(64);
	out[32] = 2; // version
	return out;
}

Bytes build_fadt(uint64_t facs_addr, uint64_t dsdt_addr)
{
	constexpr uint32_t event = layout::port_pm + AcpiPm::event_offset;
	constexpr uint32_t control = layout::port_pm + AcpiPm::control_offset;
	constexpr uint32_t timer = layout::port_pm + AcpiPm::timer_offset;

	Bytes body;
	append(body, static_cast<uint32_t>(facs_addr));
	append(body, static_cast<uint32_t>(dsdt_addr));
	append(body, std::array<uint8_t, 2>{0, 0}); // reserved, profile: unspecified
	append(body, static_cast<uint16_t>(layout::irq_sci));
	append(body, uint32_t{0});			  // SMI_CMD: always in ACPI mode
	append(body, std::array<uint8_t, 4>{0, 0, 0, 0}); // ACPI_ENABLE to PSTATE_CNT
	for (uint32_t port : {event, 0u, control, 0u, 0u, timer, 0u, 0u})
		append(body, port); // PM1a_EVT PM1b_EVT PM1a_CNT PM1b_CNT PM2 TMR GPE0 GPE1
	append(body, std::array<uint8_t, 8>{4, 2, 0, 4, 0, 0, 0, 0}); // their lengths, GPE1 base, CST_CNT
	append(body, uint16_t{0xffff});				      // C2 latency: no C2
	append(body, uint16_t{0xffff});				      // C3 latency: no C3
	append(body, uint32_t{0});				      // flush size and stride: WBINVD works
	append(body, std::array<uint8_t, 5>{0, 0, 0, 0, 0x32});	      // duty, alarms, century
	append(body, static_cast<uint16_t>(boot_legacy_devices | boot_8042 | boot_no_vga | boot_no_msi | boot_no_aspm));
	body.push_back(0);
	append(body, static_cast<uint32_t>(fixed_wbinvd | fixed_c1_everywhere | fixed_no_sleep_button |
					   fixed_no_rtc_wake | fixed_timer_32bit | fixed_reset_register));
	append_io_address(body, 8, 1, layout::port_reset);
	body.push_back(PciConfigPorts::reset_value);
	append(body, uint16_t{0}); // ARM
	body.push_back(4);	   // minor version: 6.4
	append(body, uint64_t{0}); // X_FIRMWARE_CTRL: the 32-bit field has it
	append(body, dsdt_addr);
	append_io_address(body, 32, 2, event);
	append(body, std::array<uint8_t, 12>{}); // PM1b event
	append_io_address(body, 16, 2, control);
	append(body, std::array<uint8_t, 12>{}); // PM1b control
	append(body, std::array<uint8_t, 12>{}); // PM2
	append_io_address(body, 32, 3, timer);
	append(body, std::array<uint8_t, 48>{});			    // GPE0, GPE1, sleep control and status
	append(body, std::array<uint8_t, 8>{'v', 'm', 'x', 0, 0, 0, 0, 0}); // hypervisor identity
	return table("FACP", 6, body);
}

Blob build(const Machine &machine, uint64_t base)
{
	constexpr size_t rsdp_size = 36;
	Bytes out(rsdp_size);
	// Appends a table at the next multiple of 64 (the FACS asks for it).
	auto place = [&](const Bytes &t) {
		out.resize((out.size() + 63) / 64 * 64);
		uint64_t at = base + out.size();
		append(out, t);
		return at;
	};
	uint64_t facs = place(build_facs());
	uint64_t dsdt = place(build_dsdt());
	uint64_t fadt = place(build_fadt(facs, dsdt));
	uint64_t madt = place(build_madt(machine));
	Bytes entries;
	append(entries, fadt);
	append(entries, madt);
	uint64_t xsdt = place(table("XSDT", 1, entries));

	// RSDP (5.2.5.3): the first checksum covers 20 bytes, the second all 36.
	std::memcpy(out.data(), "RSD PTR ", 8);
	std::memcpy(out.data() + 9, "VMX   ", 6);
	std::span<uint8_t> rsdp = std::span(out).first(rsdp_size);
	rsdp[15] = 2; // revision
	store<uint32_t>(rsdp, 20, rsdp_size);
	store<uint64_t>(rsdp, 24, xsdt);
	rsdp[8] = checksum_of(rsdp.first(20));
	rsdp[32] = checksum_of(rsdp);
	return {base, std::move(out)};
}

} // namespace vmx::acpi
