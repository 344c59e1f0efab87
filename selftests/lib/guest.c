// SPDX-License-Identifier: GPL-2.0-only
/* The guest runtime: everything here runs inside the VM. */
#include "guest.h"

struct guest_fixup {
	u64 insn, next;
};

extern const struct guest_fixup __start_guest_extable[], __stop_guest_extable[];

guest_handler guest_handlers[256];
volatile u64 guest_error;
void (*volatile guest_ap_entry)(u64 id);

/* Called from guest_entry.S with interrupts off. */
void guest_exception(struct guest_frame *f);
void guest_exception(struct guest_frame *f)
{
	const struct guest_fixup *e;

	if (guest_handlers[f->vector & 0xff]) {
		guest_handlers[f->vector & 0xff](f);
		return;
	}
	for (e = __start_guest_extable; e < __stop_guest_extable; e++) {
		if (e->insn == f->rip) {
			guest_error = f->error;
			f->r8 = f->vector;
			f->rip = e->next;
			return;
		}
	}
	guest_call(CALL_EXCEPTION, f->vector, f->error, f->rip, read_cr2());
	for (;;)
		guest_hlt();
}

/* First C code of an AP: guest_entry.S has switched to 64 bits. */
void guest_ap_main(u64 id);
void guest_ap_main(u64 id)
{
	u64 vec;

	/* One entry in the table at least, so that the linker makes its bounds. */
	GUEST_TRY(vec, "nop", (), ());
	(void)vec;
	guest_ap_entry(id);
	guest_done();
}

void guest_pic_init(u8 base, u16 unmasked)
{
	/* 8259A data sheet: ICW1 (edge, cascade, ICW4), ICW2 vector, ICW3 wiring, ICW4 8086 mode */
	outb(0x20, 0x11);
	outb(0x21, base);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0xa0, 0x11);
	outb(0xa1, base + 8);
	outb(0xa1, 2);
	outb(0xa1, 1);
	outb(0x21, (u8)~unmasked);
	outb(0xa1, (u8)(~unmasked >> 8));
}

void guest_pit_start(int mode, u16 count)
{
	/* 8254: channel 0, low byte then high byte, binary */
	outb(0x43, (u8)(0x30 | mode << 1));
	outb(0x40, (u8)count);
	outb(0x40, (u8)(count >> 8));
}

u64 guest_wait(volatile u64 *p, u64 v, u64 cycles)
{
	u64 start = rdtsc();

	while (*p < v && rdtsc() - start < cycles)
		guest_pause();
	return *p;
}
