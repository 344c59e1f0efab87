#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Asks the target kernel's headers, by compiling, which interface they offer, and writes the
# answers as HAVE_* definitions for compat.h. Kernels take backports, so version numbers lie.
#
#   probe.sh OUTPUT COMPILER FLAGS...      (run by Kbuild, in the kernel's build folder)

set -u
output=$1
shift
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# try NAME INCLUDES BODY: HAVE_NAME if the function body compiles. Runs in the background.
try() {
	{
		for header in $2; do
			echo "#include <$header>"
		done
		printf 'void probe(void);\nvoid probe(void)\n{\n%s\n}\n' "$3"
	} >"$work/$1.c"
	echo "$1" >>"$work/names"
	"$CC" $FLAGS -fsyntax-only -Werror=implicit-function-declaration \
		-Werror=incompatible-pointer-types -Werror=int-conversion \
		-x c "$work/$1.c" >"$work/$1.log" 2>&1 && : >"$work/$1.yes" &
}

CC=$1
shift
# -Werror would turn kernel noise into a wrong answer; -MMD would litter.
FLAGS=
for flag; do
	case $flag in
	-Werror | -Wp,-MMD,* | -Wp,-MD,*) ;;
	*) FLAGS="$FLAGS $flag" ;;
	esac
done
# Flags such as -DKBUILD_MODNAME='"x"' have lost one level of quotes to the shell already, and
# none of them holds a blank, so word splitting is what we want.

# Each set below is one wait, so that at most that many compilers run at a time.
try CONTROL 'linux/kernel.h' 'BUILD_BUG_ON(0);'
try BOGUS 'linux/kernel.h' 'vmx_no_such_function();'
try EVENTFD_SIGNAL_COUNT 'linux/eventfd.h' 'eventfd_signal((struct eventfd_ctx *)0, 1);'
try SYSCORE_STRUCT 'linux/syscore_ops.h' 'register_syscore((struct syscore *)0);'
wait
try MMU_NOTIFIER_CHANGE_PTE 'linux/mmu_notifier.h' \
	'struct mmu_notifier_ops o; (void)o.change_pte;'
try MMU_NOTIFIER_INVALIDATE_RANGE 'linux/mmu_notifier.h' \
	'struct mmu_notifier_ops o; (void)o.invalidate_range;'
try MMU_NOTIFIER_SECONDARY_TLBS 'linux/mmu_notifier.h' \
	'struct mmu_notifier_ops o; (void)o.arch_invalidate_secondary_tlbs;'
try FOLLOW_PFNMAP 'linux/mm.h' 'struct follow_pfnmap_args a; follow_pfnmap_start(&a);'
wait
try RCU_VIRT_NOTE_CPU 'linux/rcupdate.h' 'rcu_virt_note_context_switch(0);'
try FOLLOW_PTE_MM 'linux/mm.h' \
	'struct mm_struct *m = 0; pte_t *p; spinlock_t *l; follow_pte(m, 0, &p, &l);'
try CPUHP_KVM_ONLINE 'linux/cpuhotplug.h' 'int s = CPUHP_AP_KVM_ONLINE; (void)s;'
try CPUHP_KVM_STARTING 'linux/cpuhotplug.h' 'int s = CPUHP_AP_KVM_STARTING; (void)s;'
try EMERGENCY_VIRT_CALLBACK 'linux/types.h asm/reboot.h' \
	'cpu_emergency_register_virt_callback((cpu_emergency_virt_cb *)0);'
wait
try SHRINKER_ALLOC 'linux/shrinker.h' 'shrinker_register(shrinker_alloc(0, "x"));'
try VM_FLAGS_SET 'linux/mm.h' 'vm_flags_set((struct vm_area_struct *)0, 0);'
try GUP_REMOTE_VMAS 'linux/mm.h' \
	'get_user_pages_remote((struct mm_struct *)0, 0, 1, 0, (struct page **)0, (struct vm_area_struct **)0, (int *)0);'
try HRTIMER_SETUP 'linux/hrtimer.h' \
	'hrtimer_setup((struct hrtimer *)0, (void *)0, 0, 0);'
wait
try LINUX_UNALIGNED_H 'linux/unaligned.h' ''
try FD_FILE 'linux/file.h' 'struct fd f = fdget(0); (void)fd_file(f);'
try ASSIGN_STR_ONE 'linux/string.h trace/stages/stage6_event_callback.h' \
	'#undef __get_str
	#undef __get_dynamic_array_len
	#define __get_str(x) s
	#define __get_dynamic_array_len(x) 1
	#define EVENT_NULL_STR ""
	char s[8]; struct { const char *n_ptr_; } __data_offsets = { s };
	__assign_str(n);'
try NMI_NOIST 'asm/idtentry.h' '(void)asm_exc_nmi_noist;'
wait
try NMI_KVM_VMX 'asm/idtentry.h' '(void)asm_exc_nmi_kvm_vmx;'
try MMIO_STALE_DATA 'asm/nospec-branch.h' \
	'if (static_branch_unlikely(&mmio_stale_data_clear)) x86_clear_cpu_buffers();'
try IBPB_EXIT_TO_USER 'asm/nospec-branch.h' '(void)&x86_ibpb_exit_to_user;'
try VERW_SEL 'asm/nospec-branch.h' '(void)&x86_verw_sel;'
try FPU_SWAP 'asm/fpu/api.h' 'fpu_swap_kvm_fpstate((struct fpu_guest *)0, true);'
wait
try PERF_GUEST_CALLBACKS 'linux/perf_event.h' \
	'perf_register_guest_info_callbacks((struct perf_guest_info_callbacks *)0);'
try CONTEXT_TRACKING_EXIT_BOOL 'linux/context_tracking.h' \
	'if (context_tracking_guest_exit()) return;'
try TIMER_DELETE_SYNC 'linux/timer.h' 'timer_delete_sync((struct timer_list *)0);'
try APIC_SEND_IPI_MASK 'linux/cpumask.h asm/apic.h' '__apic_send_IPI_mask(cpumask_of(0), 1);'
wait

if [ ! -e "$work/CONTROL.yes" ] || [ -e "$work/BOGUS.yes" ]; then
	echo "probe.sh: the compiler gives no useful answers:" >&2
	cat "$work/CONTROL.log" >&2
	exit 1
fi
{
	echo '/* SPDX-License-Identifier: GPL-2.0-only */'
	echo '/* Written by probe.sh: what the target kernel offers. */'
	while read -r name; do
		case $name in CONTROL | BOGUS) continue ;; esac
		if [ -e "$work/$name.yes" ]; then
			echo "#define HAVE_$name 1"
		else
			echo "/* HAVE_$name is not defined */"
		fi
	done <"$work/names"
} >"$output.tmp" && mv "$output.tmp" "$output"
