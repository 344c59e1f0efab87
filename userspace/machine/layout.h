// SPDX-License-Identifier: GPL-2.0-only
// Where everything is in the guest's physical and port address space.
//
//   0x0000_1000  GDT                      0x0009_fc00  end of low memory
//   0x0000_7000  zero page (boot_params)  0x000e_0000  ACPI tables
//   0x0000_9000  page tables (6 pages)    0x0010_0000  kernel may load from here
//   0x0001_0000  setup_data (RNG seed)    0xc000_0000  end of RAM below 4 GiB
//   0x0002_0000  command line             0xfec0_0000  IOAPIC
//                                         0xfee0_0000  local APICs
//   0x1_0000_0000  the rest of the RAM    0xfffb_c000  pages for real mode on Intel
#pragma once

#include <cstdint>

namespace vmx::layout {

inline constexpr uint64_t kib = 1024;
inline constexpr uint64_t mib = 1024 * kib;
inline constexpr uint64_t gib = 1024 * mib;

inline constexpr uint64_t gdt = 0x1000;
inline constexpr uint64_t zero_page = 0x7000;
inline constexpr uint64_t page_tables = 0x9000;
inline constexpr uint64_t setup_data = 0x10000;
inline constexpr uint64_t cmdline = 0x20000;
inline constexpr uint64_t cmdline_max = 0x10000; // bytes, with the final NUL
inline constexpr uint64_t low_memory_end = 0x9fc00;
inline constexpr uint64_t acpi_area = 0xe0000;
inline constexpr uint64_t acpi_area_end = 0x100000;
inline constexpr uint64_t high_memory = 0x100000;

inline constexpr uint64_t mmio_hole = 3 * gib; // RAM goes on at 4 GiB
inline constexpr uint64_t above_4g = 4 * gib;
inline constexpr uint64_t ioapic = 0xfec00000;
inline constexpr uint64_t lapic = 0xfee00000;
// SDM 3C 26.3.1: without unrestricted guest, real mode needs a TSS (3 pages)
// and an identity-mapped page table; they may not be RAM.
inline constexpr uint64_t identity_map = 0xfffbc000;
inline constexpr uint64_t tss = 0xfffbd000;

inline constexpr uint16_t port_i8042_data = 0x60;
inline constexpr uint16_t port_i8042_command = 0x64;
inline constexpr uint16_t port_cmos = 0x70;
inline constexpr uint16_t port_post = 0x80;
inline constexpr uint16_t port_uart = 0x3f8;
inline constexpr uint16_t port_pm = 0x600;
inline constexpr uint16_t port_pci_config = 0xcf8;
inline constexpr uint16_t port_reset = 0xcf9;

inline constexpr unsigned irq_keyboard = 1;
inline constexpr unsigned irq_uart = 4;
inline constexpr unsigned irq_rtc = 8;
inline constexpr unsigned irq_sci = 9;

} // namespace vmx::layout
