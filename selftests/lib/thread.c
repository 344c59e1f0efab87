// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs in threads of their own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "host.h"

static void kicked(int sig)
{
	(void)sig;
}

void kick_init(void)
{
	struct sigaction sa = { .sa_handler = kicked };

	sigaction(SIGUSR1, &sa, NULL);
}

u64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct ucall uc;
	long ret;

	for (;;) {
		if (v->stop)
			break;
		ret = try_run(v);
		if (ret == -EINTR || ret == -EAGAIN)
			continue;
		if (ret < 0)
			DIE("RUN of vCPU %d: %s (rip %#llx)", v->id, strerror((int)-ret),
			    vcpu_regs(v).rip);
		if (!vcpu_get_call(v, &uc))
			DIE("vCPU %d: exit %s instead of a message, rip %#llx", v->id,
			    exit_name(v->run->exit_reason), vcpu_regs(v).rip);
		vcpu_check_guest_at(__FILE__, __LINE__, v);
		if (uc.call == CALL_DONE)
			break;
		v->sync_value = uc.a;
		v->syncs++;
	}
	v->ended = true;
	return NULL;
}

void vcpu_start(struct vcpu *v)
{
	kick_init();
	v->stop = v->ended = false;
	CHECK(!pthread_create(&v->thread, NULL, vcpu_thread, v));
	v->started = true;
}

void vcpu_join(struct vcpu *v)
{
	pthread_join(v->thread, NULL);
	v->started = false;
}

void vcpu_stop(struct vcpu *v)
{
	v->stop = true;
	v->run->immediate_exit = 1;
	while (!v->ended) {
		pthread_kill(v->thread, SIGUSR1);
		usleep(1000);
	}
	vcpu_join(v);
	v->run->immediate_exit = 0;
}
