/* SPDX-License-Identifier: MIT */
/*
 * own_program.c - somebody's program: the suite "own" builds it with glibc and
 * with musl, and runs it through scripts/guest. Threads, stdio, popen, libm.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 50

static pthread_barrier_t all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_comes = PTHREAD_COND_INITIALIZER;
static long turn, sum;
static _Thread_local long mine;

static void *work(void *arg)
{
	pthread_barrier_wait(&all);
	for (int i = 0; i < 200; i++, mine++) {
		pthread_mutex_lock(&lock);
		sum++;
		pthread_mutex_unlock(&lock);
	}
	pthread_mutex_lock(&lock);
	while (turn != (long)arg)
		pthread_cond_wait(&turn_comes, &lock);
	turn++;
	pthread_cond_broadcast(&turn_comes);
	pthread_mutex_unlock(&lock);
	return (void *)mine;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	long total = 0;
	void *part;
	char line[16];
	FILE *f;

	pthread_barrier_init(&all, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			return 1;
	for (int i = 0; i < THREADS; i++, total += (long)part)
		pthread_join(threads[i], &part);
	printf("%ld %ld %ld\n", sum, total, turn);
	printf("%d %.6f %s\n", argc, sqrt(atof(argv[1])), strerror(ENOSYS));
	f = popen("echo x | tr x y", "r");
	while (fgets(line, sizeof(line), f))
		fputs(line, stdout);
	return pclose(f) ? 1 : 42;
}
