// SPDX-License-Identifier: GPL-2.0-only
/* The control block in words. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/printk.h>
#include <asm/processor-flags.h>

#include "amd/svm.h"

static void svm_say_violation(void *ctx, const struct vm_violation *v)
{
	pr_err("  broken rule (APM 2 %s): %s\n", v->section, v->rule);
}

static void svm_dump_seg(const char *name, const struct vmcb_seg *seg)
{
	pr_err("  %-4s selector %04x, attributes %03x, limit %08x, base %016llx\n", name,
	       seg->selector, seg->attr, seg->limit, seg->base);
}

static void svm_dump_control(const struct vmcb_control *c)
{
	pr_err("  intercepts CR %08x, DR %08x, exceptions %08x, instructions %08x %08x %08x\n",
	       c->intercept[0], c->intercept[1], c->intercept[2], c->intercept[3], c->intercept[4],
	       c->intercept[5]);
	pr_err("  port map %llx, MSR map %llx, TSC offset %llx, PAUSE filter %u/%u\n", c->iopm_pa,
	       c->msrpm_pa, c->tsc_offset, c->pause_count, c->pause_threshold);
	pr_err("  ASID %u, TLB control %u, interrupt control %08x, vector %02x, state %x\n", c->asid,
	       c->tlb_control, c->int_ctl, c->int_vector, c->int_state);
	pr_err("  exit %llx (%s), info %016llx %016llx\n", c->exit_code, svm_exit_name(c->exit_code),
	       c->exit_info1, c->exit_info2);
	pr_err("  interrupted event %016llx, injected event %016llx\n", c->exit_int_info,
	       c->event_inj);
	pr_err("  nested control %llx, nested CR3 %llx, extensions %llx, clean %x, next RIP %llx\n",
	       c->nested_ctl, c->nested_cr3, c->virt_ext, c->clean, c->next_rip);
}

static void svm_dump_save(const struct vmcb_save *s)
{
	pr_err("  RIP %016llx, RSP %016llx, RAX %016llx, RFLAGS %llx, CPL %u\n", s->rip, s->rsp,
	       s->rax, s->rflags, s->cpl);
	pr_err("  CR0 %llx, CR2 %llx, CR3 %llx, CR4 %llx, EFER %llx, DR6 %llx, DR7 %llx\n", s->cr0,
	       s->cr2, s->cr3, s->cr4, s->efer, s->dr6, s->dr7);
	svm_dump_seg("ES", &s->es);
	svm_dump_seg("CS", &s->cs);
	svm_dump_seg("SS", &s->ss);
	svm_dump_seg("DS", &s->ds);
	svm_dump_seg("FS", &s->fs);
	svm_dump_seg("GS", &s->gs);
	svm_dump_seg("GDTR", &s->gdtr);
	svm_dump_seg("IDTR", &s->idtr);
	svm_dump_seg("LDTR", &s->ldtr);
	svm_dump_seg("TR", &s->tr);
	pr_err("  STAR %llx, LSTAR %llx, CSTAR %llx, SFMASK %llx, KERNEL_GS_BASE %llx\n", s->star,
	       s->lstar, s->cstar, s->sfmask, s->kernel_gs_base);
	pr_err("  SYSENTER CS %llx, ESP %llx, EIP %llx, PAT %llx, DEBUGCTL %llx\n", s->sysenter_cs,
	       s->sysenter_esp, s->sysenter_eip, s->g_pat, s->dbgctl);
}

void svm_dump(struct vcpu *vcpu)
{
	const struct svm_vcpu *svm = to_svm(vcpu);

	pr_err("control block of vCPU %u, on CPU %d:\n", vcpu->id, vcpu->cpu);
	if (svm_refused(svm->vmcb->control.exit_code))
		if (!svm_check_block(vcpu, svm_say_violation, NULL))
		pr_err("  none of the rules of APM 2 15.5.1 that are checked here is broken\n");
	svm_dump_control(&svm->vmcb->control);
	svm_dump_save(&svm->vmcb->save);
}
