/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables to be looked at: every entry on the way to an address is noted, that at which the way ends too, and
 * nothing is set. For what the CPU does see walk.h.
 */
#ifndef VMX_PURE_LOOK_H
#define VMX_PURE_LOOK_H

#include "pure/env.h"
#include "pure/pte.h"
#include "pure/walk.h"
#include "uapi/vmx_ext.h"

#ifdef __cplusplus
extern "C" {
#endif

enum look_read {
	LOOK_READ_OK,
	LOOK_READ_NO_SLOT,	/* no memory is there */
	LOOK_READ_NOT_HERE,	/* its page is not at hand */
};

/* An entry of @size 4 or 8 bytes, in one piece. */
typedef enum look_read (*look_read_fn)(void *opaque, u64 address, unsigned int size, u64 *value);

/* Notes the step in @w; those for which there is no room are left out. */
void look_note(struct vmx_x_walk *w, unsigned int tables, u64 address, u64 value, unsigned int level,
	       unsigned int size, u32 flags);

/*
 * look_guest() - the guest's tables for w->address. Steps, result, gpa, levels, guest_shift, cr3 are filled in.
 * The rest is zeroed before by the caller. True: with a gpa.
 */
bool look_guest(const struct walk_mode *m, look_read_fn read, void *opaque, struct vmx_x_walk *w);

/*
 * look_ours() - tables of @levels from the one at host-physical @root on for @address. @tables: VMX_X_TABLES_*.
 * True: they lead to a page, and w->host, w->host_shift say which.
 */
bool look_ours(const struct npte_format *f, unsigned int tables, u64 root, unsigned int levels, u64 address,
	       look_read_fn read, void *opaque, struct vmx_x_walk *w);

/* Takes the host's addresses out. @nested, @shadow: formats of ours. */
void look_hide(const struct npte_format *nested, const struct npte_format *shadow, struct vmx_x_walk *w);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_LOOK_H */
