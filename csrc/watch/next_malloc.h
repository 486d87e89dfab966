/* The malloc that the program would have without the hooks.
 *
 * That is libc's, unless another allocator is preloaded or linked as a library: blocks must then be its
 * own, as the rest of it is called past the hooks (`malloc_usable_size`, C++'s `operator delete`).
 */
#ifndef MALLOC_SYS_NEXT_MALLOC_H
#define MALLOC_SYS_NEXT_MALLOC_H

#include "shadow.h"

#if INTERPOSE_HOOKS

/* How many watch; and this bit until it is known that the next malloc is libc's, or for good if it is not.
 * So one test tells the calls that are simply forwarded to libc. */
extern __attribute__((visibility("hidden"))) atomic_uint interpose_state;
#define INTERPOSE_NOT_LIBC 0x80000000u

/* Finds out whose the next malloc is, and clears the bit if it is libc's. May be called again, and by two
 * threads at once. */
void interpose_find_next(void);

/* Each calls the next definition of its function, and finds out before it does: the first call may come
 * from any thread, and before the program's own code runs. */
void *interpose_next_malloc(size_t size);
void *interpose_next_calloc(size_t count, size_t size);
void *interpose_next_realloc(void *block, size_t size);
void *interpose_next_memalign(size_t alignment, size_t size);
void *interpose_next_valloc(size_t size);
void *interpose_next_pvalloc(size_t size);
void interpose_next_free(void *block);

#endif

#endif
