#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */

#include "shadow.h"

#if INTERPOSE_HOOKS

#include <errno.h>
#include <sys/mman.h>

_Atomic(struct shadow_leaf *) *interpose_shadow_leaves;

static _Atomic(struct shadow_leaf *) newest;

/* Zeroed memory that costs nothing until it is touched; NULL if there is none. */
static void *reserve(size_t size) {
    int protection = PROT_READ | PROT_WRITE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, size, protection, flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int interpose_shadow_reserve(void) {
    if (interpose_shadow_leaves == NULL) {
        interpose_shadow_leaves = reserve(SHADOW_LEAVES * sizeof *interpose_shadow_leaves);
    }
    return interpose_shadow_leaves == NULL ? ENOMEM : 0;
}

/* The leaf for an address, made now. NULL without memory. */
static struct shadow_leaf *make_leaf(uintptr_t address) {
    int saved = errno; /* an allocation that succeeded leaves it alone */
    struct shadow_leaf *made = reserve(sizeof *made);
    errno = saved;
    if (made == NULL) {
        return NULL;
    }
    struct shadow_leaf *there = NULL;
    if (!atomic_compare_exchange_strong(shadow_leaf_of(address), &there, made)) {
        munmap(made, sizeof *made); /* another thread was first */
        return there;
    }
    made->next = atomic_load(&newest);
    while (!atomic_compare_exchange_weak(&newest, &made->next, made)) {
    }
    return made;
}

void *interpose_shadow_put_first(void *block, uint64_t record) {
    struct shadow_leaf *leaf = make_leaf((uintptr_t)block);
    if (leaf != NULL) {
        shadow_put_in(leaf, (uintptr_t)block, record);
    }
    return block;
}

void interpose_shadow_walk(void (*visit)(void *data, uint64_t *slots, size_t count), void *data) {
    for (struct shadow_leaf *leaf = atomic_load(&newest); leaf != NULL; leaf = leaf->next) {
        for (size_t page = 0; page < SHADOW_PAGES; page++) {
            if (atomic_load(&leaf->touched[page]) != 0) {
                visit(data, (uint64_t *)&leaf->slots[page * SHADOW_PAGE_SLOTS], SHADOW_PAGE_SLOTS);
            }
        }
    }
}

#endif
