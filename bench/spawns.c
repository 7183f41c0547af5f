/* The limit of a process per job: how often a second /bin/true can be spawned and waited for, one
 * at a time on each of THREADS threads. Prints one JSON object.
 *
 *     spawns THREADS [SECONDS] */
#define _GNU_SOURCE
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds = 2;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void* spawn(void* count) {
    char* argv[] = {"/bin/true", NULL};
    for (const double end = now() + seconds; now() < end; ++*(long*)count) {
        pid_t child;
        int status;
        if (posix_spawn(&child, argv[0], NULL, NULL, argv, environ) ||
            waitpid(child, &status, 0) != child)
            exit(1);
    }
    return NULL;
}

int main(int argc, char** argv) {
    enum { kMost = 64 };
    pthread_t threads[kMost];
    long counts[kMost] = {0}, sum = 0;
    const int wanted = argc > 1 ? atoi(argv[1]) : 1;
    if (argc > 2) seconds = atof(argv[2]);
    const int used = wanted < 1 ? 1 : wanted > kMost ? kMost : wanted;
    for (int i = 0; i < used; ++i)
        if (pthread_create(&threads[i], NULL, spawn, &counts[i])) return 1;
    for (int i = 0; i < used; ++i) {
        pthread_join(threads[i], NULL);
        sum += counts[i];
    }
    printf("{\"spawns_per_s\": %.0f}\n", (double)sum / seconds);
    return 0;
}
