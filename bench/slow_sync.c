/* Makes a disk slow: with LD_PRELOAD each flush of a file takes BENCH_SYNC_US microseconds longer.
 * Only programs that flush through the C library are slowed down. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void delay(void) {
    const char* text = getenv("BENCH_SYNC_US");
    const long us = text ? atol(text) : 0;
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&left, &left)) {
    }
}

int fsync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    delay();
    return real(file);
}

int fdatasync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    delay();
    return real(file);
}

int msync(void* at, size_t size, int flags) {
    static int (*real)(void*, size_t, int);
    if (!real) real = (int (*)(void*, size_t, int))dlsym(RTLD_NEXT, "msync");
    if (flags & MS_SYNC) delay();
    return real(at, size, flags);
}
