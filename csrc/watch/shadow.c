#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */

#include "shadow.h"

#if INTERPOSE_HOOKS

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

_Atomic(struct shadow_leaf *) *interpose_shadow_leaves;

atomic_uint interpose_shadow_generation = 1;

static _Atomic(struct shadow_leaf *) newest;

static atomic_bool has_lost;

/* Zeroed memory that costs nothing until it is touched; NULL if there is none. */
static void *reserve(size_t size) {
    int protection = PROT_READ | PROT_WRITE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, size, protection, flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* membarrier(2), since Linux 4.14: a barrier in every running thread of the process. */
enum { EXPEDITED = 1 << 3, REGISTER_EXPEDITED = 1 << 4 };

static bool membarrier(int command) {
#ifdef SYS_membarrier
    return syscall(SYS_membarrier, command, 0, 0) == 0;
#else
    (void)command;
    return false;
#endif
}

int interpose_shadow_reserve(void) {
    if (interpose_shadow_leaves == NULL) {
        interpose_shadow_leaves = reserve(SHADOW_LEAVES * sizeof *interpose_shadow_leaves);
        membarrier(REGISTER_EXPEDITED);
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
    made->base = address & ~(((uintptr_t)1 << SHADOW_LEAF_BITS) - 1);
    /* Into the list first, so that a walk sees what is recorded as soon as it is. */
    made->next = atomic_load(&newest);
    while (!atomic_compare_exchange_weak(&newest, &made->next, made)) {
    }
    struct shadow_leaf *there = NULL;
    if (!atomic_compare_exchange_strong(shadow_leaf_of(address), &there, made)) {
        return there; /* another thread was first; the one that was made stays empty */
    }
    return made;
}

void *interpose_shadow_put_first(void *block, uint64_t record) {
    struct shadow_leaf *leaf = make_leaf((uintptr_t)block);
    if (leaf != NULL) {
        shadow_put_in(leaf, (uintptr_t)block, record);
    } else {
        atomic_store(&has_lost, true);
    }
    return block;
}

bool interpose_shadow_has_lost(void) {
    return atomic_load(&has_lost);
}

size_t interpose_shadow_pages(void) {
    size_t pages = 0;
    for (struct shadow_leaf *leaf = atomic_load(&newest); leaf != NULL; leaf = leaf->next) {
        for (size_t page = 0; page < SHADOW_PAGES; page++) {
            pages += atomic_load(&leaf->stamps[page]) != 0;
        }
    }
    return pages;
}

static bool is_empty(struct shadow_leaf *leaf, size_t page) {
    const atomic_uint_least64_t *slots = &leaf->slots[page * SHADOW_PAGE_SLOTS];
    for (size_t slot = 0; slot < SHADOW_PAGE_SLOTS; slot++) {
        if (atomic_load_explicit(&slots[slot], memory_order_relaxed) != 0) {
            return false;
        }
    }
    return true;
}

static void walk_page(struct shadow_leaf *leaf, size_t page, void (*visit)(void *data, uint64_t *record, uintptr_t block),
                      void *data) {
    atomic_uint_least64_t *slots = &leaf->slots[page * SHADOW_PAGE_SLOTS];
    for (size_t slot = 0; slot < SHADOW_PAGE_SLOTS; slot++) {
        uint64_t record = atomic_load_explicit(&slots[slot], memory_order_relaxed);
        if (record != 0) {
            size_t granule = page * SHADOW_PAGE_SLOTS + slot;
            uintptr_t half = (record & SHADOW_UPPER) != 0 ? (uintptr_t)1 << (SHADOW_GRANULE_BITS - 1) : 0;
            visit(data, (uint64_t *)&slots[slot], leaf->base + (granule << SHADOW_GRANULE_BITS) + half);
        }
    }
}

/* Pages that hold no record any longer need not be looked at again: else a walk would cost as much as
 * all the memory that was ever in use. */
static void forget_empty(struct shadow_leaf *leaf, const bool *empty) {
    for (size_t page = 0; page < SHADOW_PAGES; page++) {
        if (empty[page]) {
            atomic_store_explicit(&leaf->stamps[page], 0, memory_order_relaxed);
        }
    }
    bool ordered = membarrier(EXPEDITED);
    for (size_t page = 0; page < SHADOW_PAGES; page++) {
        /* Whoever has recorded a block since, and saw that the page was in use, did so before the
         * barrier: the record is there to be seen. */
        if (empty[page] && (!ordered || !is_empty(leaf, page))) {
            unsigned now = atomic_load_explicit(&interpose_shadow_generation, memory_order_relaxed);
            atomic_store_explicit(&leaf->stamps[page], now, memory_order_relaxed);
        }
    }
}

void interpose_shadow_walk(unsigned since, void (*visit)(void *data, uint64_t *record, uintptr_t block), void *data) {
    for (struct shadow_leaf *leaf = atomic_load(&newest); leaf != NULL; leaf = leaf->next) {
        bool empty[SHADOW_PAGES] = {false};
        bool any_empty = false;
        for (size_t page = 0; page < SHADOW_PAGES; page++) {
            unsigned stamp = atomic_load(&leaf->stamps[page]);
            if (stamp == 0 || stamp < since) {
                continue;
            }
            walk_page(leaf, page, visit, data);
            empty[page] = is_empty(leaf, page);
            any_empty |= empty[page];
        }
        if (any_empty) {
            forget_empty(leaf, empty);
        }
    }
}

#endif
