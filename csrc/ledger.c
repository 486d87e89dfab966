#include "ledger.h"

#include <errno.h>
#include <stdlib.h> /* also defines __GLIBC__ */

#if defined(__GLIBC__) && !defined(LEDGER_OFF)

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* The functions that glibc's malloc family are aliases of. Calling them by name
 * needs no dlsym, so there is no moment at which the real malloc is not known. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

/* Every thread counts here, so a block freed by another thread balances. */
static atomic_size_t live_blocks;
static atomic_size_t live_bytes;

static void count_in(void *block) {
    if (block != NULL) {
        atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&live_bytes, malloc_usable_size(block), memory_order_relaxed);
    }
}

static void count_out(size_t usable) {
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&live_bytes, usable, memory_order_relaxed);
}

void *malloc(size_t size) {
    void *block = __libc_malloc(size);
    count_in(block);
    return block;
}

void *calloc(size_t count, size_t size) {
    void *block = __libc_calloc(count, size);
    count_in(block);
    return block;
}

void *realloc(void *block, size_t size) {
    /* Read before the call: afterwards the old block may belong to another thread. */
    size_t old = block == NULL ? 0 : malloc_usable_size(block);
    void *moved = __libc_realloc(block, size);
    bool released = block != NULL && (moved != NULL || size == 0);
    if (released) {
        count_out(old);
    }
    count_in(moved);
    return moved;
}

void *memalign(size_t alignment, size_t size) {
    void *block = __libc_memalign(alignment, size);
    count_in(block);
    return block;
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    bool power_of_two = alignment != 0 && (alignment & (alignment - 1)) == 0;
    if (!power_of_two || alignment % sizeof(void *) != 0) {
        return EINVAL;
    }
    int saved = errno; /* posix_memalign reports by its result alone */
    void *block = memalign(alignment, size);
    errno = saved;
    if (block == NULL) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}

void *valloc(size_t size) {
    return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

void *pvalloc(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size > SIZE_MAX - (page - 1)) {
        errno = ENOMEM;
        return NULL;
    }
    return memalign(page, (size + page - 1) / page * page);
}

void free(void *block) {
    if (block != NULL) {
        count_out(malloc_usable_size(block));
    }
    __libc_free(block);
}

int ledger_read(size_t *out_blocks, size_t *out_bytes) {
    *out_blocks = atomic_load_explicit(&live_blocks, memory_order_relaxed);
    *out_bytes = atomic_load_explicit(&live_bytes, memory_order_relaxed);
    return 0;
}

#else

int ledger_read(size_t *out_blocks, size_t *out_bytes) {
    *out_blocks = 0;
    *out_bytes = 0;
    return ENOTSUP;
}

#endif
