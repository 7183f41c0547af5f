/* The limit of a pool's worker: how many jobs a second it does by itself, fed through pipes with as
 * many at once as a pool would give it, by a feeder that understands nothing. Prints one JSON object.
 *
 *     feed_worker IN_FLIGHT SECONDS PROGRAM [ARGUMENT...] */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char job[] =
    "{\"id\":\"0193f0a1-7b3c-7d2e-9f10-112233445566\",\"queue\":\"jobs\",\"attempt\":1,"
    "\"attempts_max\":3,\"deadline\":1795420800,\"content_type\":\"application/json\","
    "\"body\":\"\\\"abcdefghijklmnopqr\\\"\"}\n";

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void feed(int to, int count) {
    static char lines[sizeof job * 64];
    for (int rest = count; rest > 0; rest -= 64) {
        const int some = rest < 64 ? rest : 64;
        char* end = lines;
        for (int i = 0; i < some; ++i) end = mempcpy(end, job, sizeof job - 1);
        for (char* at = lines; at < end;) {
            const ssize_t put = write(to, at, (size_t)(end - at));
            if (put <= 0) exit(1);
            at += put;
        }
    }
}

int main(int argc, char** argv) {
    enum { kMost = 64 }; /* what a pipe holds with room to spare: writing never waits */
    if (argc < 4) return 2;
    const int asked = atoi(argv[1]);
    const double seconds = atof(argv[2]);
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) return 1;
    const pid_t child = fork();
    if (child == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execvp(argv[3], argv + 3);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    static char answers[1 << 16];
    long done = 0;
    double began = 0; /* with the first answer: starting an interpreter is not the point */
    feed(in[1], asked < 1 ? 1 : asked > kMost ? kMost : asked);
    while (!began || now() < began + seconds) {
        const ssize_t got = read(out[0], answers, sizeof answers);
        if (child < 0 || got <= 0) return 1;
        int lines = 0;
        for (const char* at = answers; (at = memchr(at, '\n', (size_t)(answers + got - at))); ++at)
            ++lines;
        if (began) done += lines;
        if (!began && lines) began = now();
        feed(in[1], lines);
    }
    const double rate = (double)done / (now() - began);
    close(in[1]);
    printf("{\"rate\": %.1f}\n", rate);
    fflush(stdout);
    close(out[0]);
    waitpid(child, NULL, 0);
    return 0;
}
