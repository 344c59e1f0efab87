// SPDX-License-Identifier: GPL-2.0-only
/* The pair of 8259A. See pic.h. */
#include "pure/pic.h"

#define PIC_CASCADE 2 /* the master's line that the slave drives */

/* ICW1, OCW2, OCW3 as they are told apart (8259A figures 7 and 8) */
#define ICW1_SELECT 0x10
#define ICW1_IC4 0x01
#define ICW1_SNGL 0x02
#define ICW4_AEOI 0x02
#define ICW4_SFNM 0x10
#define OCW3_SELECT 0x08
#define OCW3_RIS 0x01
#define OCW3_RR 0x02
#define OCW3_POLL 0x04
#define OCW3_SMM 0x20
#define OCW3_ESMM 0x40

/* OCW2's command in bits 7:5 */
enum {
	OCW2_AEOI_ROTATE_CLEAR = 0,
	OCW2_EOI = 1,
	OCW2_NOP = 2,
	OCW2_EOI_SPECIFIC = 3,
	OCW2_AEOI_ROTATE_SET = 4,
	OCW2_EOI_ROTATE = 5,
	OCW2_SET_PRIORITY = 6,
	OCW2_EOI_ROTATE_SPECIFIC = 7,
};

/* Lines 0, 1 and 2 of the master, 8 and 13 of the slave are always edges. */
static const u8 pic_elcr_mask[2] = { 0xf8, 0xde };

/* The rank of the most urgent line in bits: 0 is the highest; 8 if none. */
static u32 pic_rank(const struct vmx_pic_state *c, u8 bits)
{
	u32 twice = (u32)bits << 8 | bits;

	if (!bits)
		return 8;
	return (u32)__ffs(twice >> (c->priority_add & 7) & 0xff);
}

/* The line that the chip would interrupt for now, or -1. */
static int pic_request(const struct pic *p, u32 chip)
{
	const struct vmx_pic_state *c = &p->chip[chip];
	u32 rank = pic_rank(c, c->irr & (u8)~c->imr);
	u8 isr = c->isr;

	if (rank == 8)
		return -1;
	/* Special mask mode: a masked line in service holds back nobody. */
	if (c->special_mask)
		isr &= (u8)~c->imr;
	/* Special fully nested: the slave may interrupt its own service. */
	if (chip == 0 && c->special_fully_nested_mode)
		isr &= (u8)~(1u << PIC_CASCADE);
	if (rank >= pic_rank(c, isr))
		return -1;
	return (int)((rank + c->priority_add) & 7);
}

/* Carries the slave's output into the master, and finds the master's. */
static void pic_update(struct pic *p)
{
	struct vmx_pic_state *m = &p->chip[0];

	if (pic_request(p, 1) >= 0)
		m->irr |= 1u << PIC_CASCADE;
	else
		m->irr &= (u8)~(1u << PIC_CASCADE);
	p->output = pic_request(p, 0) >= 0;
}

void pic_reset(struct pic *p)
{
	memset(p, 0, sizeof(*p));
	p->chip[0].elcr_mask = pic_elcr_mask[0];
	p->chip[1].elcr_mask = pic_elcr_mask[1];
}

static int pic_drive(struct vmx_pic_state *c, u8 bit, bool level)
{
	bool pending = c->irr & bit;

	if (!level) {
		c->last_irr &= (u8)~bit;
		if (c->elcr & bit)
			c->irr &= (u8)~bit;
		return 1;
	}
	if ((c->elcr & bit) || !(c->last_irr & bit))
		c->irr |= bit;
	c->last_irr |= bit;
	if (c->imr & bit)
		return -1;
	return pending || !(c->irr & bit) ? 0 : 1;
}

int pic_set_line(struct pic *p, u32 line, u32 source, bool level)
{
	int ret;

	if (line >= PIC_LINES || source >= PIC_SOURCES || line == PIC_CASCADE)
		return -1;
	line = array_index_nospec(line, PIC_LINES);
	if (level)
		p->lines[line] |= BIT_ULL(source);
	else
		p->lines[line] &= ~BIT_ULL(source);
	ret = pic_drive(&p->chip[line >> 3], (u8)(1u << (line & 7)), p->lines[line] != 0);
	pic_update(p);
	return ret;
}

void pic_clear_source(struct pic *p, u32 source)
{
	u32 line;

	for (line = 0; line < PIC_LINES; line++)
		if (p->lines[line] >> source & 1)
			pic_set_line(p, line, source, false);
}

static void pic_end(struct pic *p, u32 chip, u32 line)
{
	u8 bit = (u8)(1u << line);

	if (!(p->chip[chip].isr & bit))
		return;
	p->chip[chip].isr &= (u8)~bit;
	p->ended |= (u16)((u32)bit << (chip * 8));
}

static void pic_serve(struct pic *p, u32 chip, u32 line)
{
	struct vmx_pic_state *c = &p->chip[chip];
	u8 bit = (u8)(1u << line);

	c->isr |= bit;
	/* A level request lasts as long as its line. */
	if (!(c->elcr & bit))
		c->irr &= (u8)~bit;
	if (!c->auto_eoi)
		return;
	if (c->rotate_on_auto_eoi)
		c->priority_add = (line + 1) & 7;
	pic_end(p, chip, line);
}

u8 pic_ack(struct pic *p)
{
	int line = pic_request(p, 0);
	u8 vec;

	if (line == PIC_CASCADE) {
		int sub = pic_request(p, 1);

		pic_serve(p, 0, PIC_CASCADE);
		if (sub >= 0)
			pic_serve(p, 1, (u32)sub);
		else
			sub = 7;
		vec = (u8)(p->chip[1].irq_base + sub);
	} else if (line >= 0) {
		pic_serve(p, 0, (u32)line);
		vec = (u8)(p->chip[0].irq_base + line);
	} else {
		/* The request went away: IR7, with no ISR bit (8259A "spurious"). */
		vec = (u8)(p->chip[0].irq_base + 7);
	}
	pic_update(p);
	return vec;
}

static void pic_icw1(struct pic *p, u32 chip, u8 val)
{
	struct vmx_pic_state *c = &p->chip[chip];
	u32 line;

	for (line = 0; line < 8; line++)
		pic_end(p, chip, line);
	/* The edge detectors start anew: a line that is up must fall first. Levels stay. */
	c->irr &= c->elcr;
	c->imr = 0;
	c->priority_add = 0;
	c->special_mask = 0;
	c->read_reg_select = 0;
	c->poll = 0;
	c->auto_eoi = 0;
	c->rotate_on_auto_eoi = 0;
	c->special_fully_nested_mode = 0;
	c->init4 = val & (ICW1_IC4 | ICW1_SNGL);
	c->init_state = 1;
}

static void pic_ocw2(struct pic *p, u32 chip, u8 val)
{
	struct vmx_pic_state *c = &p->chip[chip];
	u32 cmd = val >> 5, line = val & 7, rank;
	u8 isr = c->isr;

	switch (cmd) {
	case OCW2_AEOI_ROTATE_CLEAR:
	case OCW2_AEOI_ROTATE_SET:
		c->rotate_on_auto_eoi = cmd == OCW2_AEOI_ROTATE_SET;
		break;
	case OCW2_EOI:
	case OCW2_EOI_ROTATE:
		/* A non-specific EOI does not end what special mask mode masks. */
		if (c->special_mask)
			isr &= (u8)~c->imr;
		rank = pic_rank(c, isr);
		if (rank == 8)
			break;
		line = (rank + c->priority_add) & 7;
		pic_end(p, chip, line);
		if (cmd == OCW2_EOI_ROTATE)
			c->priority_add = (line + 1) & 7;
		break;
	case OCW2_EOI_SPECIFIC:
		pic_end(p, chip, line);
		break;
	case OCW2_EOI_ROTATE_SPECIFIC:
		pic_end(p, chip, line);
		PURE_FALLTHROUGH;
	case OCW2_SET_PRIORITY:
		c->priority_add = (line + 1) & 7;
		break;
	default: /* no operation */
		break;
	}
}

static void pic_command(struct pic *p, u32 chip, u8 val)
{
	struct vmx_pic_state *c = &p->chip[chip];

	if (val & ICW1_SELECT) {
		pic_icw1(p, chip, val);
	} else if (val & OCW3_SELECT) {
		if (val & OCW3_POLL)
			c->poll = 1;
		if (val & OCW3_RR)
			c->read_reg_select = val & OCW3_RIS;
		if (val & OCW3_ESMM)
			c->special_mask = !!(val & OCW3_SMM);
	} else {
		pic_ocw2(p, chip, val);
	}
}

static void pic_data(struct vmx_pic_state *c, u8 val)
{
	switch (c->init_state) {
	case 1: /* ICW2 */
		c->irq_base = val & 0xf8;
		if (!(c->init4 & ICW1_SNGL))
			c->init_state = 2;
		else
			c->init_state = c->init4 & ICW1_IC4 ? 3 : 0;
		break;
	case 2: /* ICW3: how the chips are wired, which is fixed here */
		c->init_state = c->init4 & ICW1_IC4 ? 3 : 0;
		break;
	case 3: /* ICW4 */
		c->special_fully_nested_mode = !!(val & ICW4_SFNM);
		c->auto_eoi = !!(val & ICW4_AEOI);
		c->init_state = 0;
		break;
	default: /* OCW1 */
		c->imr = val;
		break;
	}
}

/* Port to chip; -1 if it is none of ours. */
static int pic_chip_of(u16 port)
{
	switch (port & ~1) {
	case PIC_PORT_MASTER:
		return 0;
	case PIC_PORT_SLAVE:
		return 1;
	default:
		return -1;
	}
}

void pic_write(struct pic *p, u16 port, u8 val)
{
	int chip = pic_chip_of(port);

	if ((port & ~1) == PIC_PORT_ELCR) {
		u32 i = port & 1;

		p->chip[i].elcr = val & pic_elcr_mask[i];
	} else if (chip < 0) {
		return;
	} else if (port & 1) {
		pic_data(&p->chip[chip], val);
	} else {
		pic_command(p, (u32)chip, val);
	}
	pic_update(p);
}

static u8 pic_poll(struct pic *p, u32 chip)
{
	int line = pic_request(p, chip);

	/* Poll is an acknowledge cycle whose answer is read (8259A "poll command"). */
	p->chip[chip].poll = 0;
	if (line < 0)
		return 0;
	pic_serve(p, chip, (u32)line);
	pic_update(p);
	return (u8)(0x80 | line);
}

u8 pic_read(struct pic *p, u16 port)
{
	int chip = pic_chip_of(port);
	struct vmx_pic_state *c;

	if ((port & ~1) == PIC_PORT_ELCR)
		return p->chip[port & 1].elcr;
	if (chip < 0)
		return 0xff;
	c = &p->chip[chip];
	if (c->poll)
		return pic_poll(p, (u32)chip);
	if (port & 1)
		return c->imr;
	return c->read_reg_select ? c->isr : c->irr;
}

void pic_get_state(const struct pic *p, u32 chip, struct vmx_pic_state *s)
{
	*s = p->chip[chip & 1];
}

void pic_set_state(struct pic *p, u32 chip, const struct vmx_pic_state *s)
{
	struct vmx_pic_state *c = &p->chip[chip & 1];
	u32 line;

	*c = *s;
	c->priority_add &= 7;
	c->irq_base &= 0xf8;
	c->elcr_mask = pic_elcr_mask[chip & 1];
	c->elcr &= c->elcr_mask;
	if (c->init_state > 3)
		c->init_state = 0;
	/* The VMM's own source 0 held the lines that were up. */
	for (line = 0; line < 8; line++) {
		u64 *src = &p->lines[(chip & 1) * 8 + line];

		*src = (*src & ~1ULL) | (c->last_irr >> line & 1);
	}
	pic_update(p);
}
