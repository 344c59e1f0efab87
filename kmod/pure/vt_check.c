// SPDX-License-Identifier: GPL-2.0-only
/* The frame of the VM-entry checker: what all parts look at is read once. */
#include "pure/vt_check_int.h"

void vt_expect(struct vt_checker *c, bool ok, u32 field, const char *section, const char *rule)
{
	struct vt_violation v;

	if (likely(ok))
		return;
	c->found++;
	if (c->quiet)
		return;
	v.field = field;
	v.value = vt_get(c, field);
	v.rule = rule;
	v.section = section;
	c->env->report(c->env->ctx, &v);
}

static void begin(struct vt_checker *c, const struct vt_check_env *env)
{
	unsigned int i;

	memset(c, 0, sizeof(*c));
	c->env = env;
	c->caps = env->caps;
	c->words[VT_WORD_ENTRY] = (u32)vt_get(c, VMCS_ENTRY_CONTROLS);
	c->guest_64 = vt_has(c, VT_WORD_ENTRY, VT_ENTRYC_GUEST_64);
	c->cr0 = vt_get(c, VMCS_GUEST_CR0);
	c->cr4 = vt_get(c, VMCS_GUEST_CR4);
	c->rflags = vt_get(c, VMCS_GUEST_RFLAGS);
	c->v86 = c->rflags & RFLAGS_VM;
	for (i = 0; i < NR_SEGS; i++) {
		c->sel[i] = (u16)vt_get(c, vmcs_guest_selector(i));
		c->ar[i] = (u32)vt_get(c, vmcs_guest_ar(i));
	}
}

unsigned int vt_check_restricted(const struct vt_check_env *env)
{
	struct vt_checker c;

	begin(&c, env);
	c.quiet = true;
	c.cr0 |= CR0_PE;
	vt_check_segments(&c);
	return c.found;
}

unsigned int vt_check_entry(const struct vt_check_env *env)
{
	struct vt_checker c;

	begin(&c, env);
	c.words[VT_WORD_PIN] = (u32)vt_get(&c, VMCS_PIN_CONTROLS);
	c.words[VT_WORD_PROC] = (u32)vt_get(&c, VMCS_PROC_CONTROLS);
	if (vt_has(&c, VT_WORD_PROC, VT_PROC_SECONDARY))
		c.words[VT_WORD_PROC2] = (u32)vt_get(&c, VMCS_PROC2_CONTROLS);
	c.words[VT_WORD_EXIT] = (u32)vt_get(&c, VMCS_EXIT_CONTROLS);
	c.unrestricted = vt_has(&c, VT_WORD_PROC2, VT_PROC2_UNRESTRICTED);
	c.intr_info = (u32)vt_get(&c, VMCS_ENTRY_INTR_INFO);

	vt_check_controls(&c);
	vt_check_host(&c);
	vt_check_guest(&c);
	vt_check_segments(&c);
	return c.found;
}
