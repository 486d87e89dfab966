#include "memo_inline.h"

#if MEMO_COMPILED

#include <string.h>

#define BRANCHES ((size_t)1 << MEMO_BRANCH_BITS)
#define HEADER (sizeof(struct memo_result) / sizeof(uintptr_t))
#define WORD (sizeof(struct memo_word) / sizeof(uintptr_t))

atomic_uint_least64_t interpose_memo_current_generation = (uint64_t)1 << MEMO_CODE_SHIFT;

/* Of threads without one. Right for nothing, and never written. */
static struct memo none;

__thread struct interpose_thread interpose_self
    __attribute__((tls_model("initial-exec"))) = {.memo = &none};

uint64_t interpose_memo_generation(void) {
    return atomic_load_explicit(&interpose_memo_current_generation, memory_order_acquire);
}

void interpose_memo_expire(void) {
    atomic_fetch_add_explicit(&interpose_memo_current_generation, (uint64_t)1 << MEMO_CODE_SHIFT, memory_order_release);
}

void interpose_memo_expire_made(void) {
    atomic_fetch_add_explicit(&interpose_memo_current_generation, 2, memory_order_release);
}

void interpose_memo_validate(bool on) {
    if (on) {
        atomic_fetch_or_explicit(&interpose_memo_current_generation, 1, memory_order_release);
    } else {
        atomic_fetch_and_explicit(&interpose_memo_current_generation, ~(uint64_t)1, memory_order_release);
    }
}

struct memo *interpose_memo_of_this_thread(void) {
    return interpose_self.memo == &none ? NULL : interpose_self.memo;
}

void interpose_memo_set_of_this_thread(struct memo *memo) {
    interpose_self.memo = memo == NULL ? &none : memo;
}

uintptr_t interpose_memo_stack_end(void) {
    return interpose_self.stack_end;
}

void interpose_memo_set_stack_end(uintptr_t end) {
    interpose_self.stack_end = end;
    if (interpose_self.memo != &none) {
        interpose_self.memo->generation = 0;
    }
}

static uint32_t place_of(const struct memo *memo, const struct memo_result *result) {
    return (uint32_t)((const uintptr_t *)result - memo->room);
}

/* Where the branch is that leaves `parent` at this word with this value, or else the gap for it. */
static uint32_t *branch(struct memo *memo, uint32_t parent, size_t fork, uintptr_t value) {
    uint64_t mixed = (value ^ (uint64_t)parent << 32 ^ (uint64_t)fork << 56) * UINT64_C(0x9e3779b97f4a7c15);
    size_t number = (size_t)(mixed >> (64 - MEMO_BRANCH_BITS));
    for (;; number = (number + 1) % BRANCHES) {
        const struct memo_result *there = memo_at(memo, memo->branches[number]);
        if (memo->branches[number] == 0 ||
            (there->parent == parent && there->fork == fork && memo_words(there)[fork].value == value)) {
            return &memo->branches[number];
        }
    }
}

/* The first word from this one on that the stack has another value of; all of them if none. */
static size_t same_until(const struct memo_result *result, size_t from, uintptr_t sp) {
    const struct memo_word *words = memo_words(result);
    const struct memo_word *word = words + from;
    const struct memo_word *end = words + result->count;
    while (word != end && !memo_differs(word, sp)) {
        word++;
    }
    return (size_t)(word - words);
}

/* The result of this tree for the stack as it is now. */
static struct memo_result *find_in_tree(struct memo *memo, struct memo_result *result, uintptr_t sp) {
    size_t same = same_until(result, 0, sp);
    while (same != result->count) {
        uintptr_t value = *(memo_stack_word *)(sp + memo_words(result)[same].offset);
        uint32_t place = *branch(memo, place_of(memo, result), same, value);
        if (place == 0) {
            return NULL;
        }
        result = memo_at(memo, place);
        same = same_until(result, same + 1, sp);
    }
    return result;
}

struct memo_result *interpose_memo_find(struct memo *memo, const struct memo_registers *registers) {
    uint32_t *trees = memo_set(memo, registers);
    for (size_t way = 0; way < MEMO_WAYS; way++) {
        uint32_t tree = trees[way];
        struct memo_result *root = memo_at(memo, tree);
        struct memo_result *found =
            memo_is_for(root, registers) ? find_in_tree(memo, root, registers->sp) : NULL;
        if (found != NULL) {
            trees[way] = trees[0];
            trees[0] = tree;
            return found;
        }
    }
    return NULL;
}

/* Puts a result where it leaves the tree. False if it is not of this tree after all. */
static bool graft(struct memo *memo, struct memo_result *tree, struct memo_result *result) {
    for (size_t word = 0; word < result->count && word < tree->count; word++) {
        const struct memo_word *known = &memo_words(tree)[word];
        const struct memo_word *found = &memo_words(result)[word];
        if (known->offset != found->offset) {
            return false; /* something else has changed since, but for the stack */
        }
        if (known->value == found->value) {
            continue;
        }
        uint32_t parent = place_of(memo, tree);
        uint32_t *place = branch(memo, parent, word, found->value);
        if (*place == 0) {
            result->parent = parent;
            result->fork = (uint32_t)word;
            *place = place_of(memo, result);
            memo->branched++;
            return true;
        }
        tree = memo_at(memo, *place);
    }
    return false;
}

struct memo_result *interpose_memo_keep(struct memo *memo, const struct memo_registers *registers, bool fp_used,
                              const struct memo_word *words, size_t count, uint32_t stack) {
    size_t size = HEADER + (count * WORD + 7) / 8 * 8; /* to the end of the line */
    if (HEADER + memo->used + size > MEMO_ROOM || memo->branched >= BRANCHES / 4 * 3) {
        interpose_memo_clear(memo);
    }
    if (HEADER + size > MEMO_ROOM) {
        return NULL;
    }
    struct memo_result *result = memo_at(memo, (uint32_t)(HEADER + memo->used));
    *result = (struct memo_result){
        .registers = *registers, .fp_mask = fp_used ? UINTPTR_MAX : 0, .stack = stack, .count = count};
    memcpy(result + 1, words, count * sizeof *words);
    memo->used += size;
    uint32_t *trees = memo_set(memo, registers);
    for (size_t way = 0; way < MEMO_WAYS; way++) {
        /* Where the frame pointer counts, it is the same throughout a tree: what is read depends on it. */
        struct memo_result *tree = memo_at(memo, trees[way]);
        if (memo_is_for(tree, registers) && tree->fp_mask == result->fp_mask && graft(memo, tree, result)) {
            return result;
        }
    }
    memmove(&trees[1], &trees[0], (MEMO_WAYS - 1) * sizeof trees[0]);
    trees[0] = place_of(memo, result);
    return result;
}

void interpose_memo_clear(struct memo *memo) {
    /* What was never used is not committed either. */
    if (memo->used != 0) {
        memset(memo->trees, 0, sizeof memo->trees);
    }
    if (memo->branched != 0) {
        memset(memo->branches, 0, sizeof memo->branches);
    }
    memo->branched = 0;
    memo->used = 0;
}

#endif
