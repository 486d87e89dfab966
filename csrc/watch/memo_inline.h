/* A memo's way to a result, as it is inlined into the hooks: every block passes here. */
#ifndef MALLOC_SYS_MEMO_INLINE_H
#define MALLOC_SYS_MEMO_INLINE_H

#include "memo.h"
#include "thread.h"

/* Wherever stacks can be walked, with hooks or without. */
#if defined(__linux__) && defined(__LP64__)
#define MEMO_COMPILED 1
#else
#define MEMO_COMPILED 0
#endif

#if MEMO_COMPILED

#include <stdatomic.h>

#define MEMO_HIDDEN __attribute__((visibility("hidden")))

extern MEMO_HIDDEN atomic_uint_least64_t interpose_memo_current_generation;

/* A word of somebody's stack, whatever it has there. */
typedef const uintptr_t __attribute__((may_alias)) memo_stack_word;

static inline struct memo_result *memo_at(struct memo *memo, uint32_t place) {
    return (struct memo_result *)&memo->room[place];
}

static inline const struct memo_word *memo_words(const struct memo_result *result) {
    return (const struct memo_word *)(result + 1);
}

/* Without the frame pointer: many results do not depend on it. Stacks are aligned to 16 bytes. */
static inline uint32_t *memo_set(struct memo *memo, const struct memo_registers *registers) {
    return memo->trees[(registers->pc ^ registers->sp / 16) % ((size_t)1 << MEMO_SET_BITS)];
}

static inline bool memo_is_for(const struct memo_result *result, const struct memo_registers *registers) {
    return result->registers.pc == registers->pc && result->registers.sp == registers->sp &&
           ((result->registers.fp ^ registers->fp) & result->fp_mask) == 0;
}

static inline bool memo_differs(const struct memo_word *word, uintptr_t sp) {
    return *(memo_stack_word *)(sp + word->offset) != word->value;
}

/* Whether two words in succession, or four, are not on the stack. */
static inline bool memo_differs_2(const struct memo_word *word, uintptr_t sp) {
    return memo_differs(word, sp) || memo_differs(word + 1, sp);
}

static inline bool memo_differs_4(const struct memo_word *word, uintptr_t sp) {
    return memo_differs_2(word, sp) || memo_differs_2(word + 2, sp);
}

/* Whether the stack has all words of the result. Eight at a time, after those that are left over. */
static inline bool memo_is_on_stack(const struct memo_result *result, uintptr_t sp) {
    const struct memo_word *word = memo_words(result);
    const struct memo_word *end = word + result->count;
    if ((result->count & 1) != 0) {
        if (memo_differs(word, sp)) {
            return false;
        }
        word += 1;
    }
    if ((result->count & 2) != 0) {
        if (memo_differs_2(word, sp)) {
            return false;
        }
        word += 2;
    }
    if ((result->count & 4) != 0) {
        if (memo_differs_4(word, sp)) {
            return false;
        }
        word += 4;
    }
    for (; word != end; word += 8) {
        if (memo_differs_4(word, sp) || memo_differs_4(word + 4, sp)) {
            return false;
        }
    }
    return true;
}

/* This thread's memo, if what is in it is right still. */
static inline struct memo *memo_usable(void) {
    struct memo *memo = interpose_self.memo;
    uint64_t generation = atomic_load_explicit(&interpose_memo_current_generation, memory_order_relaxed);
    return memo->generation == generation ? memo : NULL;
}

/* The result for these registers and this stack, if it is where it is looked for first and what was made
 * of it is for this tag; or else NULL. */
static inline struct memo_result *memo_found_first(const struct memo_registers *registers, uint64_t tag) {
    struct memo *memo = memo_usable();
    if (memo == NULL) {
        return NULL;
    }
    struct memo_result *result = memo_at(memo, memo_set(memo, registers)[0]);
    bool same = result->tag == tag && memo_is_for(result, registers);
    return same && memo_is_on_stack(result, registers->sp) ? result : NULL;
}

/* The result for these registers and this stack, wherever it is. */
static inline struct memo_result *memo_found(const struct memo_registers *registers) {
    struct memo *memo = memo_usable();
    return memo == NULL ? NULL : interpose_memo_find(memo, registers);
}

#endif

#endif
