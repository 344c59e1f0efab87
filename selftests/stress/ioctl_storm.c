// SPDX-License-Identifier: GPL-2.0-only
/*
 * Valid and invalid ioctls in random order, from several threads, while memory is mapped and unmapped
 * under the guests, signals arrive, processes fork and die, and fds are closed and passed on.
 *
 *	parent ---- fork ---> round ---- 5 threads, and one that pokes them with signals
 *	  |                    |  \---- fork ---> heirs: use the fds in another process
 *	  |                    `-- ends by itself, or by SIGKILL in the middle
 *	  `-- counts rounds; one that does not die is a failure
 *
 * What it may do to the kernel shows in the kernel's log (KASAN, lockdep, kmemleak), which
 * run-in-host judges. VMX_STORM_SECONDS (20), VMX_STORM_SEED, VMX_DEVICE (/dev/vmx). Prints TAP. Of a
 * round that goes wrong it prints the seed that begins with it, and what each thread did last.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "storm_calls.h"

#define THREADS STORM_THREADS
/*
 * A round leaves VMs behind, whose end takes dozens of RCU grace periods: seconds, and many where an emulated
 * host with a debug kernel shares its CPU.
 */
#define DEATH_SECONDS 240

struct shared *shared;
struct round_state round_state;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_signal(int sig)
{
	(void)sig;
}

struct worker {
	struct rng rng;
	unsigned int index;
};

static void *worker(void *arg)
{
	struct worker *w = arg;

	storm_thread_begin(w->index);
	while (!__atomic_load_n(&round_state.stop, __ATOMIC_RELAXED))
		storm_step(&w->rng);
	return NULL;
}

/* A blocked RUN ends with a signal; so does any wait of the kernel that can be interrupted. */
static void poke(pthread_t *threads, double end, struct rng *rng)
{
	while (now() < end) {
		struct timespec pause = { .tv_nsec = 1000 * (long)(200 + rng_below(rng, 8000)) };

		nanosleep(&pause, NULL);
		pthread_kill(threads[rng_below(rng, THREADS)], SIGUSR1);
	}
	__atomic_store_n(&round_state.stop, true, __ATOMIC_RELAXED);
	/*
	 * Until the last has seen it, and all of them each time: one may sit in RUN again, and another
	 * wait for that one's vCPU, which only SIGKILL interrupts.
	 */
	for (int left = THREADS; left;) {
		struct timespec pause = { .tv_nsec = 5000000 };

		for (int i = 0; i < THREADS; i++) {
			if (!threads[i])
				continue;
			if (!pthread_tryjoin_np(threads[i], NULL)) {
				threads[i] = 0;
				left--;
			} else {
				pthread_kill(threads[i], SIGUSR1);
			}
		}
		nanosleep(&pause, NULL);
	}
}

static void run_round(u64 seed, double seconds)
{
	struct worker workers[THREADS];
	struct rng rng = { seed };
	pthread_t threads[THREADS];
	struct sigaction action = { .sa_handler = on_signal };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGUSR1, &action, NULL);
	storm_catch_faults();
	storm_begin(&rng);
	for (int i = 0; i < THREADS; i++) {
		workers[i].rng = rng_from(seed + (u64)i);
		workers[i].index = (unsigned int)i;
		if (pthread_create(&threads[i], NULL, worker, &workers[i]))
			_exit(2);
	}
	poke(threads, now() + seconds, &rng);
	_exit(0);
}

/* Its status, or -1: it did not end. */
static int wait_for_end(pid_t pid, double deadline)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct timespec pause = { .tv_nsec = 20000000 };

		if (now() > deadline)
			return -1;
		nanosleep(&pause, NULL);
	}
	return status;
}

/* Did it end as it should? */
static bool judge(pid_t pid, bool killed, int status)
{
	if (status == -1) {
		printf("# process %d does not end\n", pid);
		storm_tell_process(pid);
		kill(pid, SIGKILL);
		status = wait_for_end(pid, now() + DEATH_SECONDS);
		printf("# %s\n", status == -1 ? "SIGKILL does not end it either" : "SIGKILL ends it");
		return false;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	/* SIGKILL that is not from here is the OOM killer's. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		if (!killed)
			printf("# process %d was killed by another\n", pid);
		return true;
	}
	printf("# process %d ended with status %#x\n", pid, status);
	return false;
}

static double slowest;	/* end of a round */

/* A round depends on nothing but its seed and on which thread comes first. */
static bool one_round(u64 seed)
{
	struct rng rng = rng_from(seed);
	bool kill_it = rng_below(&rng, 3) == 0, good;
	double seconds = 0.2 + (double)rng_below(&rng, 1500) / 1000;
	struct timespec wait = { .tv_sec = (time_t)(seconds / 2),
				 .tv_nsec = (long)(seconds / 2 * 1e9) % 1000000000 };
	double begin;
	pid_t pid;

	shared->told = false;
	pid = fork();
	if (!pid)
		run_round(rng_next(&rng), seconds);
	if (pid < 0)
		return false;
	if (kill_it) {
		nanosleep(&wait, NULL);
		kill(pid, SIGKILL);
	}
	begin = now();
	good = judge(pid, kill_it, wait_for_end(pid, begin + seconds + DEATH_SECONDS));
	if (now() - begin > slowest)
		slowest = now() - begin;
	if (!good || shared->told) {
		printf("# in the first round of VMX_STORM_SEED=%llu\n", (unsigned long long)seed);
		storm_tell_history();
	}
	/* A fault may also have been an heir's. */
	return good && !shared->told;
}

static u64 number_of(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static bool report(unsigned int rounds, bool bad)
{
	u64 calls = 0, good = 0;
	unsigned int never = 0;

	for (unsigned int i = 0; i < storm_nr_calls; i++) {
		calls += shared->calls[i];
		good += shared->good[i];
		if (!shared->good[i]) {
			printf("# never succeeded: %s (%llu calls)\n", storm_calls[i].name,
			       (unsigned long long)shared->calls[i]);
			never++;
		}
	}
	printf("# %u rounds, the slowest ended after %.1f s; %llu calls, %llu succeeded, RUN returned %llu "
	       "times, %llu exits\n", rounds, slowest, (unsigned long long)calls, (unsigned long long)good,
	       (unsigned long long)shared->runs, (unsigned long long)shared->exits);
	printf("%sok 1 rounds end, and only as they should\n", bad ? "not " : "");
	/* A storm that the first check turns away tests nothing. */
	printf("%sok 2 guests run, and most calls have succeeded once\n",
	       shared->exits && never < storm_nr_calls / 2 ? "" : "not ");
	printf("1..2\n");
	return !bad && shared->exits && never < storm_nr_calls / 2;
}

int main(void)
{
	u64 seed = number_of("VMX_STORM_SEED", (u64)time(NULL));
	double end = now() + (double)number_of("VMX_STORM_SECONDS", 20);
	unsigned int rounds = 0;
	bool bad = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	printf("# VMX_STORM_SEED=%llu\n", (unsigned long long)seed);
	for (; now() < end && !bad; rounds++)
		bad = !one_round(seed + rounds);
	return report(rounds, bad) ? 0 : 1;
}
