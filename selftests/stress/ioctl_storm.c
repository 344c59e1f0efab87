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
 * run-in-host judges. VMX_STORM_SECONDS (20), VMX_STORM_SEED, VMX_DEVICE (/dev/vmx). Prints TAP.
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
#include "storm.h"

#define THREADS 5
#define DEATH_SECONDS 60

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

static void *worker(void *arg)
{
	struct rng *rng = arg;

	while (!__atomic_load_n(&round_state.stop, __ATOMIC_RELAXED))
		storm_step(rng);
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
	/* Until the last has seen it: one may sit in RUN again. */
	for (int i = 0; i < THREADS; i++) {
		struct timespec limit;

		for (;;) {
			clock_gettime(CLOCK_REALTIME, &limit);
			limit.tv_nsec += 5000000;
			if (limit.tv_nsec >= 1000000000) {
				limit.tv_sec++;
				limit.tv_nsec -= 1000000000;
			}
			if (!pthread_timedjoin_np(threads[i], NULL, &limit))
				break;
			pthread_kill(threads[i], SIGUSR1);
		}
	}
}

static void run_round(u64 seed, double seconds)
{
	struct rng rngs[THREADS], rng = { seed };
	pthread_t threads[THREADS];
	struct sigaction action = { .sa_handler = on_signal };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGUSR1, &action, NULL);
	storm_begin(&rng);
	for (int i = 0; i < THREADS; i++) {
		rngs[i].state = seed * 31 + (u64)i + 1;
		if (pthread_create(&threads[i], NULL, worker, &rngs[i]))
			_exit(2);
	}
	poke(threads, now() + seconds, &rng);
	_exit(0);
}

/* 0: ended, 1: did not die, -1: died of something that it should not have. */
static int reap(pid_t pid, bool killed, double deadline)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct timespec pause = { .tv_nsec = 20000000 };

		if (now() > deadline)
			return 1;
		nanosleep(&pause, NULL);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	/* Memory that is unmapped under the threads gives SIGBUS or SIGSEGV; the OOM killer, SIGKILL. */
	if (WIFSIGNALED(status) && (killed || WTERMSIG(status) == SIGKILL))
		return 0;
	printf("# a round ended with status %#x\n", status);
	return -1;
}

static u64 number_of(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static bool report(unsigned int rounds, int bad)
{
	u64 calls = 0, good = 0;
	unsigned int never = 0;

	for (unsigned int i = 0; i < storm_nr_calls; i++) {
		calls += shared->calls[i];
		good += shared->good[i];
		if (!shared->good[i]) {
			printf("# never succeeded: %s (%llu calls)\n", storm_call_name(i),
			       (unsigned long long)shared->calls[i]);
			never++;
		}
	}
	printf("# %u rounds, %llu calls, %llu succeeded, RUN returned %llu times, %llu exits\n", rounds,
	       (unsigned long long)calls, (unsigned long long)good,
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
	struct rng rng = { seed * 2 + 1 };
	unsigned int rounds = 0;
	int bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	printf("# VMX_STORM_SEED=%llu\n", (unsigned long long)seed);
	while (now() < end && !bad) {
		bool kill_it = rng_below(&rng, 3) == 0;
		double seconds = 0.2 + (double)rng_below(&rng, 1500) / 1000;
		struct timespec wait = { .tv_sec = (time_t)(seconds / 2),
					 .tv_nsec = (long)(seconds / 2 * 1e9) % 1000000000 };
		pid_t pid = fork();

		if (!pid)
			run_round(rng_next(&rng), seconds);
		if (pid < 0)
			return 2;
		rng_next(&rng);
		if (kill_it) {
			nanosleep(&wait, NULL);
			kill(pid, SIGKILL);
		}
		bad = reap(pid, kill_it, now() + seconds + DEATH_SECONDS);
		if (bad > 0)
			printf("# round %u, process %d, does not die\n", rounds, pid);
		rounds++;
	}
	return report(rounds, bad) ? 0 : 1;
}
