/* Blocks of memory handed to the caller, one function for each way of doing so.
 *
 * Every function checks its allocations. On failure a function that returns a
 * pointer returns NULL with errno set to ENOMEM, and one that returns a status
 * returns ENOMEM with its out-parameters set to NULL and 0.
 */
#ifndef MALLOC_SYS_WORKLOAD_H
#define MALLOC_SYS_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "ownership.h"

#ifdef __cplusplus
extern "C" {
#endif

/** 50 MiB of `-` as a C string.
 *
 * Transfer full: release with `free`. NULL with `ENOMEM` on failure. */
char *functionMalloc(void) MS_FULL(free);

/** `length` bytes of `fill` as a C string; `fill` must not be 0.
 *
 * Transfer full: release with `free`. NULL with `ENOMEM` on failure. */
char *workload_string(size_t length, char fill) MS_FULL(free);

/** One number in a block of its own.
 *
 * Transfer full: release with `free`. NULL with `ENOMEM` on failure. */
uint64_t *workload_number(uint64_t value) MS_FULL(free);

/** A block of `size` bytes whose first word is that number; the rest is not touched.
 *
 * `size` must be enough for the word. Transfer full: release with `free`. NULL with `ENOMEM` on
 * failure. */
size_t *workload_block(size_t size) MS_FULL(free);

/** `length` bytes of `fill`, as a pointer and a length.
 *
 * Length 0 succeeds and hands over NULL and 0. Returns 0 or `ENOMEM`.
 *
 * Transfer full: release `*out` with `free`. */
int workload_buffer(size_t length, unsigned char fill, unsigned char **out MS_OUT_FULL(free),
                    size_t *out_length MS_OUT) MS_STATUS;

/** `length` bytes of `fill` in the buffer that the caller has already, replaced by a larger one if
 * it is too small, as `getline` does.
 *
 * `*bytes` and `*capacity` are NULL and 0, or a block from `malloc` and its size; both are updated.
 * Returns 0, or `ENOMEM` with both as they were.
 *
 * Transfer full: release `*bytes` with `free`. */
int workload_refill(size_t length, unsigned char fill, unsigned char **bytes MS_RAW,
                    size_t *capacity MS_RAW) MS_STATUS;

/** `length` bytes of `fill` as a C string in an out-parameter; `fill` must not be 0.
 *
 * Returns 0 or `ENOMEM`.
 *
 * Transfer full: release `*out` with `free`. */
int workload_string_out(size_t length, char fill, char **out MS_OUT_FULL(free)) MS_STATUS;

/** `count` C strings, each `length` bytes of `fill`, in an array of that many pointers.
 *
 * Count 0 succeeds and hands over NULL and 0. Returns 0 or `ENOMEM`.
 *
 * Transfer full: release each string, then the array, with `free`. */
int workload_strings(size_t count, size_t length, char fill, char ***out MS_RAW,
                     size_t *out_count MS_OUT) MS_STATUS;

/** The names of this header's ways to hand over memory, in an array.
 *
 * Returns 0 or `ENOMEM`.
 *
 * Transfer container: release the array with `free`; the names live forever. */
int workload_names(const char ***out MS_OUT_CONTAINER(free), size_t *out_count MS_OUT) MS_STATUS;

/** The same names, in an array that a NULL ends.
 *
 * Transfer container: release the array with `free`; the names live forever. NULL with `ENOMEM` on
 * failure. */
const char **workload_name_list(void) MS_LIST(free);

/** A name for this library.
 *
 * Transfer none: the string lives forever. */
const char *workload_name(void) MS_STATIC;

#ifdef __cplusplus
}
#endif

#endif
