/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC's two 8259A interrupt controllers, the slave on IR2 of the master, with ELCR.
 *
 * Implements: 8259A data sheet (ICW1-4, OCW1-3, poll, special mask, rotation, automatic EOI,
 * special fully nested mode, spurious IR7) and the edge/level control registers at 0x4d0, 0x4d1.
 * Missing: MCS-80 mode, buffered mode (both mean nothing here).
 * Differs: an edge is remembered when its line falls again before it is acknowledged (the data
 * sheet would give a spurious IR7): what pulses a line once must not lose its interrupt.
 *
 * No locks: the caller has one. After any call that changes state, pic_output() says whether INTR is
 * up, and pic_take_ended() which lines' interrupts ended (for those who resample levels).
 */
#ifndef VMX_PURE_PIC_H
#define VMX_PURE_PIC_H

#include "pure/env.h"
#include "uapi/vmx.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PIC_LINES 16
#define PIC_SOURCES 64

#define PIC_PORT_MASTER 0x20
#define PIC_PORT_SLAVE 0xa0
#define PIC_PORT_ELCR 0x4d0

struct pic {
	struct vmx_pic_state chip[2];
	u64 lines[PIC_LINES]; /* which sources assert each line */
	u16 ended;
	bool output; /* INTR of the master */
};

void pic_reset(struct pic *p);

/*
 * Source (0..63) drives line (0..15). Returns 1 if the request is new and not masked, 0 if it was
 * pending already (coalesced), -1 if it is masked.
 */
int pic_set_line(struct pic *p, u32 line, u32 source, bool level);

void pic_clear_source(struct pic *p, u32 source);

static inline bool pic_output(const struct pic *p)
{
	return p->output;
}

/* Lines (bit per line) whose interrupt ended since the last call. */
static inline u16 pic_take_ended(struct pic *p)
{
	u16 ended = p->ended;

	p->ended = 0;
	return ended;
}

/* The CPU acknowledges: returns the vector (of IR7 if there is nothing any more: spurious). */
u8 pic_ack(struct pic *p);

/* Port access, one byte. port: 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1; others read 0xff. */
u8 pic_read(struct pic *p, u16 port);
void pic_write(struct pic *p, u16 port, u8 val);

/*
 * A read of one byte that changes nothing and needs no lock: the mask, when no poll command waits. False:
 * pic_read().
 */
static inline bool pic_peek(const struct pic *p, u16 port, u8 *val)
{
	const struct vmx_pic_state *c = &p->chip[port >> 7 & 1];

	if ((port & ~0x81) != 0x20 || !(port & 1) ||
	    __atomic_load_n(&c->poll, __ATOMIC_RELAXED))
		return false;
	*val = __atomic_load_n(&c->imr, __ATOMIC_RELAXED);
	return true;
}

/* chip 0: master, 1: slave. Values that no 8259A could hold are cut to ones that it could. */
void pic_get_state(const struct pic *p, u32 chip, struct vmx_pic_state *s);
void pic_set_state(struct pic *p, u32 chip, const struct vmx_pic_state *s);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_PIC_H */
