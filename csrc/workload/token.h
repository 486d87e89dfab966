/* A library whose memory is not malloc's: its blocks have a deallocator of their own.
 *
 * A token lies behind a header inside a larger block, as in many a real library
 * with its own heap. Giving one to free is an error that glibc, valgrind and
 * AddressSanitizer all report, and giving a malloc block to token_free aborts.
 */
#ifndef MALLOC_SYS_TOKEN_H
#define MALLOC_SYS_TOKEN_H

#include <stddef.h>

#include "ownership.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Releases what `token_new` returned; NULL is ignored, anything else aborts. */
void token_free(char *token);

/** `length` bytes of `fill` as a C string; `fill` must not be 0.
 *
 * Transfer full: release with `token_free`. NULL with `ENOMEM` on failure. */
char *token_new(size_t length, char fill) MS_FULL(token_free);

/** How many tokens exist, counted over all threads. */
size_t tokens_live(void);

#ifdef __cplusplus
}
#endif

#endif
