/* What is known of each live block: a word for every 32 bytes of address space, found by shifts.
 *
 * glibc's smallest chunk is 32 bytes on 64-bit machines, so two blocks never start in one granule,
 * and its word says in its top bit in which half of the granule it does. A block's word needs no lock: only its owner records and forgets it. A walk changes a word
 * by compare-and-exchange, which fails if the owner was there first.
 *
 * Where the hooks cannot be (INTERPOSE_HOOKS is 0) there is none of it.
 *
 * Two levels, reserved without commit: a table of leaves, and leaves of 32 MiB of addresses each.
 */
#ifndef MALLOC_SYS_SHADOW_H
#define MALLOC_SYS_SHADOW_H

#include <stdlib.h> /* also defines __GLIBC__ */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define INTERPOSE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INTERPOSE_SANITIZED 1
#endif

#if defined(__GLIBC__) && defined(__linux__) && defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__)) && \
    !defined(INTERPOSE_SANITIZED) && !defined(INTERPOSE_STATIC)
#define INTERPOSE_HOOKS 1
#else
#define INTERPOSE_HOOKS 0
#endif

#if INTERPOSE_HOOKS

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Set in the word of a block that begins in the upper half of its granule. */
#define SHADOW_UPPER ((uint64_t)1 << 63)
#define SHADOW_ADDRESS_BITS 48
#define SHADOW_GRANULE_BITS 5
#define SHADOW_LEAF_BITS 25
#define SHADOW_LEAVES ((size_t)1 << (SHADOW_ADDRESS_BITS - SHADOW_LEAF_BITS))
#define SHADOW_SLOTS ((size_t)1 << (SHADOW_LEAF_BITS - SHADOW_GRANULE_BITS))
#define SHADOW_PAGE_SLOTS ((size_t)512)
#define SHADOW_PAGES (SHADOW_SLOTS / SHADOW_PAGE_SLOTS)

struct shadow_leaf {
    _Alignas(4096) atomic_uint_least64_t slots[SHADOW_SLOTS];
    /* For each page of slots: the generation of the last record in it; 0 if it holds none. */
    atomic_uint stamps[SHADOW_PAGES];
    struct shadow_leaf *next; /* all leaves, newest first */
    uintptr_t base;           /* the first address that it has a slot for */
};

/* Hidden, to be reached without a table of the linker's. */
extern __attribute__((visibility("hidden"))) _Atomic(struct shadow_leaf *) *interpose_shadow_leaves;

/* The generation of what is recorded now. */
extern __attribute__((visibility("hidden"))) atomic_uint interpose_shadow_generation;

/* Reserves the table. Again is harmless, at the same time is not. Returns 0 or an errno. */
int interpose_shadow_reserve(void);

/* `shadow_put` where there is no leaf yet. */
void *interpose_shadow_put_first(void *block, uint64_t record);

/* Shows every record that is in a page with one of this generation or a later. Not in two threads at
 * once. */
void interpose_shadow_walk(unsigned since, void (*visit)(void *data, uint64_t *record, uintptr_t block), void *data);

/* How many pages the next walk looks at. */
size_t interpose_shadow_pages(void);

/* Whether a block could not be recorded, as there was no memory for its leaf. */
bool interpose_shadow_has_lost(void);

/* Addresses beyond the table, which no allocator has unless it is asked to, share it; what a system
 * keeps in the highest bits of a pointer is no part of the address. */
static inline _Atomic(struct shadow_leaf *) *shadow_leaf_of(uintptr_t address) {
    return &interpose_shadow_leaves[address >> SHADOW_LEAF_BITS & (SHADOW_LEAVES - 1)];
}

static inline size_t shadow_slot_number(uintptr_t address) {
    return (address >> SHADOW_GRANULE_BITS) & (SHADOW_SLOTS - 1);
}

/* Forgets a block. Returns its record, 0 if there was none. */
static inline uint64_t shadow_take(const void *block) {
    uintptr_t address = (uintptr_t)block;
    /* Acquire: another thread may have just made the leaf. */
    struct shadow_leaf *leaf = atomic_load_explicit(shadow_leaf_of(address), memory_order_acquire);
    if (leaf == NULL) {
        return 0;
    }
    atomic_uint_least64_t *slot = &leaf->slots[shadow_slot_number(address)];
    uint64_t record = atomic_load_explicit(slot, memory_order_relaxed);
    if (record != 0) {
        /* A plain store, not an exchange: whoever may free the block is alone with it, and a walk
         * that changed the word since the load loses what it wrote. */
        atomic_store_explicit(slot, 0, memory_order_relaxed);
    }
    return record;
}

/* Whether there is a record of a block. */
static inline bool shadow_has(const void *block) {
    uintptr_t address = (uintptr_t)block;
    struct shadow_leaf *leaf = atomic_load_explicit(shadow_leaf_of(address), memory_order_acquire);
    return leaf != NULL &&
           atomic_load_explicit(&leaf->slots[shadow_slot_number(address)], memory_order_relaxed) != 0;
}

static inline void shadow_put_in(struct shadow_leaf *leaf, uintptr_t address, uint64_t record) {
    size_t number = shadow_slot_number(address);
    size_t page = number / SHADOW_PAGE_SLOTS;
    record |= (uint64_t)(address >> (SHADOW_GRANULE_BITS - 1) & 1) << 63;
    atomic_store_explicit(&leaf->slots[number], record, memory_order_relaxed);
    /* In this order: a walk marks a page as empty before it looks at it once more, and has a barrier
     * executed by every thread in between. */
    atomic_signal_fence(memory_order_seq_cst);
    unsigned now = atomic_load_explicit(&interpose_shadow_generation, memory_order_relaxed);
    if (atomic_load_explicit(&leaf->stamps[page], memory_order_relaxed) != now) {
        atomic_store_explicit(&leaf->stamps[page], now, memory_order_relaxed);
    }
}

/* Records a block, if there is room to. Returns the block. */
static inline void *shadow_put(void *block, uint64_t record) {
    uintptr_t address = (uintptr_t)block;
    struct shadow_leaf *leaf = atomic_load_explicit(shadow_leaf_of(address), memory_order_acquire);
    if (leaf == NULL) {
        return interpose_shadow_put_first(block, record);
    }
    shadow_put_in(leaf, address, record);
    return block;
}

#endif

#endif
