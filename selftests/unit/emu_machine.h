/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for the emulator's unit tests: sparse memory (linear = physical), a device window that user space
 * serves and one that the kernel serves, ports, registers in plain variables.
 */
#ifndef EMU_MACHINE_H
#define EMU_MACHINE_H

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "kernel_names.h"

constexpr uint64_t kCodeAt = 0x10000;
constexpr uint64_t kStackTop = 0x21000;
constexpr uint64_t kDataAt = 0x30000;
constexpr uint64_t kGdtAt = 0x40000;
constexpr uint64_t kIdtAt = 0x41000;
constexpr uint64_t kTssAt = 0x43000;
constexpr uint64_t kLdtAt = 0x44000;
constexpr uint64_t kUserDevice = 0xd0000000;   /* two pages: user space's */
constexpr uint64_t kKernelDevice = 0xd0010000; /* one page: served at once */

/* Selectors of the GDT that protected() and long_mode() set up. */
constexpr uint16_t kSelCode32 = 0x08, kSelData = 0x10, kSelUserCode32 = 0x18, kSelUserData = 0x20,
		   kSelCode64 = 0x28, kSelUserCode64 = 0x30, kSelTss = 0x38, /* 16 bytes in long mode */
		   kSelCode16 = 0x48, kSelConforming = 0x50, kSelFree = 0x58;

struct Access {
	char kind; /* r, w: device memory; i, o: port */
	uint64_t addr;
	unsigned int len;
	uint64_t val;
	bool operator==(const Access &) const = default;
};

class Machine {
public:
	Machine();

	/* Modes; code at kCodeAt, stack below kStackTop, flat segments. */
	void real();
	void vm86();
	void protected32(unsigned int cpl = 0);
	void protected16();
	void long64(unsigned int cpl = 0);
	void compat32(unsigned int cpl = 3);

	/* Puts bytes at rip, decodes and executes. Serves user-space I/O by user_read. */
	int run(std::initializer_list<int> bytes);
	/* The same without serving: returns EMU_IO when there is I/O for user space. */
	int start(std::initializer_list<int> bytes);
	/* Serves one round of it. */
	int serve();

	/* Memory. */
	void map(uint64_t addr, uint64_t len = 1);
	void unmap(uint64_t addr);
	void put(uint64_t addr, uint64_t val, unsigned int len);
	uint64_t get(uint64_t addr, unsigned int len);
	uint8_t *find(uint64_t addr);

	/* Descriptors. */
	void desc(uint64_t table, uint16_t sel, uint32_t base, uint32_t limit, unsigned int type, bool s,
		  unsigned int dpl, bool l = false, bool db = true, bool present = true);
	void gate(uint64_t at, uint16_t sel, uint64_t off, unsigned int type, unsigned int dpl, bool wide,
		  unsigned int ist = 0, bool present = true);
	void set_flat(unsigned int seg, uint16_t sel, unsigned int type, unsigned int dpl, bool l, bool db,
		      uint32_t limit = 0xffffffff);

	emu_ctxt c{};
	std::array<struct emu_seg, EMU_NR_SEGS> segs{};
	emu_dtr gdt{}, idt{};
	std::map<unsigned int, uint64_t> cr, dr;
	std::map<uint32_t, uint64_t> msr;
	std::array<std::array<uint8_t, 32>, 16> vec{};
	std::array<std::array<uint8_t, 8>, 8> mmx{};
	std::vector<Access> log;    /* device and port accesses, all */
	std::vector<Access> exits;  /* those that went to user space */
	uint64_t device_value = 0x8877665544332211ULL;
	uint64_t xcr0 = 7;
	bool port_in_kernel = false;
	bool halted = false;
	bool smm = false, smm_broken = false;
	int hypercalls = 0, irets = 0, reads = 0;
	std::function<void()> before_cmpxchg;
	std::vector<uint64_t> flushed;
	std::vector<std::array<uint64_t, 3>> pcids_flushed; // type, PCID, address

private:
	void base_state(unsigned int mode, unsigned int cpl);
	void tables(bool lm);
	std::map<uint64_t, std::array<uint8_t, 4096>> pages_;
	std::array<uint8_t, 4096> pio_{};
};

#endif
