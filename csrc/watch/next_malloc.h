/* The malloc that the program would have without the hooks.
 *
 * That is libc's, unless another allocator is preloaded or linked as a library: blocks must then be its
 * own, as the rest of it is called past the hooks (`malloc_usable_size`, C++'s `operator delete`).
 */
#ifndef MALLOC_SYS_NEXT_MALLOC_H
#define MALLOC_SYS_NEXT_MALLOC_H

#include "shadow.h"

#if INTERPOSE_HOOKS

/* Whether the next malloc is libc's. Finds out at the first call, which may come from any thread, and
 * before the program's own code runs. */
bool interpose_next_is_libc(void);

/* Each calls the next definition of its function. */
void *interpose_next_malloc(size_t size);
void *interpose_next_calloc(size_t count, size_t size);
void *interpose_next_realloc(void *block, size_t size);
void *interpose_next_memalign(size_t alignment, size_t size);
void *interpose_next_valloc(size_t size);
void *interpose_next_pvalloc(size_t size);
void interpose_next_free(void *block);

#endif

#endif
