// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is told when a round goes wrong. A fault of the storm itself may be the kernel's doing (a
 * register or a segment base lost over a RUN), so it must be possible to say what faulted and where.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "storm.h"

static __thread struct storm_history *mine;

void storm_thread_begin(unsigned int index)
{
	/* Whatever the fault is, the report has a stack. */
	static __thread u8 alternative[32768];
	const stack_t stack = { .ss_sp = alternative, .ss_size = sizeof(alternative) };

	sigaltstack(&stack, NULL);
	mine = &shared->history[index];
	mine->count = 0;
	mine->thread = (pid_t)syscall(SYS_gettid);
}

void storm_note(const char *what, int fd, u64 arg)
{
	if (!mine)
		return;
	mine->events[mine->count % STORM_HISTORY] =
		(struct storm_event){ what, fd, arg, STORM_RUNNING, 0 };
	__atomic_store_n(&mine->count, mine->count + 1, __ATOMIC_RELEASE);
}

void storm_noted(int result)
{
	struct storm_event *e;

	if (!mine || !mine->count)
		return;
	e = &mine->events[(mine->count - 1) % STORM_HISTORY];
	e->error = result < 0 ? errno : 0;
	e->result = result;
}

static void tell_event(const struct storm_event *e)
{
	printf("#    %s fd %d arg %#llx", e->what ? e->what : "?", e->fd, (unsigned long long)e->arg);
	if (e->result == STORM_RUNNING)
		printf(": not done\n");
	else if (e->result < 0)
		printf(" = %s\n", strerrorname_np(e->error) ? strerrorname_np(e->error) : "?");
	else
		printf(" = %d\n", e->result);
}

void storm_tell_history(void)
{
	for (unsigned int i = 0; i < STORM_THREADS; i++) {
		const struct storm_history *h = &shared->history[i];
		u64 first = h->count > STORM_HISTORY ? h->count - STORM_HISTORY : 0;

		printf("#  thread %u (%d), the last of %llu:\n", i, h->thread, (unsigned long long)h->count);
		for (u64 n = first; n < h->count; n++)
			tell_event(&h->events[n % STORM_HISTORY]);
	}
}

/* ---- a process that does not end ---- */

/* The lines of a file in /proc that begin with one of these; all lines without any. */
static void tell_file(const char *path, const char *const *wanted)
{
	FILE *file = fopen(path, "r");
	char line[512];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		bool show = !wanted;

		for (const char *const *w = wanted; w && *w; w++)
			show |= !strncmp(line, *w, strlen(*w));
		line[strcspn(line, "\n")] = 0;
		if (show)
			printf("#    %s\n", line);
	}
	fclose(file);
}

void storm_tell_process(pid_t pid)
{
	static const char *const status[] = { "Name", "State", "SigPnd", "ShdPnd", "SigBlk", NULL };
	char path[320];
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("#  task %s:\n", entry->d_name);
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, entry->d_name);
		tell_file(path, status);
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", pid, entry->d_name);
		tell_file(path, NULL);
		snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid, entry->d_name);
		tell_file(path, NULL);
	}
	if (tasks)
		closedir(tasks);
}

/* ---- a fault of our own: nothing here may take a lock or allocate ---- */

static void say(const char *format, ...)
{
	char text[256];
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		_exit(3);
}

/* All mappings: what lies at the address, or beside it. */
static void say_maps(void)
{
	char text[4096], line[200];
	unsigned int at = 0;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] != '\n' && at < sizeof(line) - 1) {
				line[at++] = text[i];
				continue;
			}
			line[at] = 0;
			at = 0;
			say("#  %s\n", line);
		}
	close(fd);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	static const char *const names[] = { "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi",
					     "rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip", "flags",
					     "csgsfs", "err", "trap", "mask", "cr2" };
	const ucontext_t *u = context;

	if (!__atomic_exchange_n(&shared->told, true, __ATOMIC_RELAXED)) {
		say("# task %d of process %d: signal %d, code %d, address %p\n", (int)syscall(SYS_gettid),
		    getpid(), sig, info->si_code, info->si_addr);
		for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			say("#  %s %#llx\n", names[i], (unsigned long long)u->uc_mcontext.gregs[i]);
		say_maps();
	} else {
		/* Dying here ends the process, also under the one that reports. */
		sleep(2);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

void storm_catch_faults(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS };
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK };

	for (unsigned int i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &action, NULL);
}
