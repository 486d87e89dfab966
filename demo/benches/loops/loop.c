/* The owned loop in C: take a block, look at it, free it. Measures itself as the demo does. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "workload.h"

static long long nanoseconds(struct timeval time) {
    return time.tv_sec * 1000000000LL + time.tv_usec * 1000LL;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: loop COUNT BYTES\n");
        return 2;
    }
    size_t count = strtoull(argv[1], NULL, 10);
    size_t size = strtoull(argv[2], NULL, 10);
    struct timespec start, end;
    struct rusage before, after;
    clock_gettime(CLOCK_MONOTONIC, &start);
    getrusage(RUSAGE_SELF, &before);
    for (size_t turn = 0; turn < count; turn++) {
        unsigned char *block;
        size_t length;
        if (workload_buffer(size, '-', &block, &length) != 0) {
            return 1;
        }
        fprintf(stderr, "%zu: %zu bytes, %c to %c\n", turn, length, block[0], block[length - 1]);
        free(block);
    }
    getrusage(RUSAGE_SELF, &after);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("{\"wall_ns\":%lld,\"user_ns\":%lld,\"system_ns\":%lld,\"minor_faults\":%ld}\n",
           (end.tv_sec - start.tv_sec) * 1000000000LL + (end.tv_nsec - start.tv_nsec),
           nanoseconds(after.ru_utime) - nanoseconds(before.ru_utime),
           nanoseconds(after.ru_stime) - nanoseconds(before.ru_stime),
           after.ru_minflt - before.ru_minflt);
    return 0;
}
