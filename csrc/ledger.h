/* A count of what malloc has handed out and nobody has freed, for the whole process.
 *
 * The source defines the malloc family itself and forwards to glibc's, so a
 * program that links it counts every allocation: its own C, its own Rust, and
 * every shared library. Where there is no glibc to forward to, it counts nothing
 * and says so.
 */
#ifndef MALLOC_SYS_LEDGER_H
#define MALLOC_SYS_LEDGER_H

#include <stddef.h>

#include "ownership.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Reads how many blocks are live, and how many bytes they can hold.
 *
 * A block counts with the size that `malloc_usable_size` gives, which is the
 * requested one rounded up. Returns 0, or `ENOTSUP` where allocations are not
 * counted; the counts are then 0 and mean nothing. */
int ledger_read(size_t *out_blocks, size_t *out_bytes) STATUS;

#ifdef __cplusplus
}
#endif

#endif
