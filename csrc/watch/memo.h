/* Results of stack walks, found again by the registers and the stack words that they depended on.
 *
 * A walk is a function of those, so equal words mean the equal stack, and comparing them costs a
 * fraction of a walk. Each thread has a memo of its own, as the words are of its own stack.
 *
 * Results for the same registers form a tree. Two walks read the same place as long as they have
 * found the same, so where the stack differs from a result, what was found there leads to the result
 * that is the same up to that word, and the comparison goes on behind it.
 */
#ifndef MALLOC_SYS_MEMO_H
#define MALLOC_SYS_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ownership.h"

/** A word of the stack. */
struct memo_word {
    uintptr_t value;
    /** In bytes, above the stack pointer that the walk began with. */
    uintptr_t offset;
};

/** What a walk began with: registers of whoever called a hook, as they are after it has returned. */
struct memo_registers {
    uintptr_t pc;
    uintptr_t sp;
    /** The frame pointer, or what else the caller keeps in its register. */
    uintptr_t fp;
};

/** The result of a walk. Its words follow it. */
struct memo_result {
    struct memo_registers registers;
    /** All ones if the result depended on the frame pointer, or zero. */
    uintptr_t fp_mask;
    /** What was made of the result last, and for what: 0 for nothing. */
    uint64_t tag;
    uint32_t made;
    /** The result itself: a number for the stack. */
    uint32_t stack;
    /** The result that this one is a branch of, by its place, and the first word that differs. */
    uint32_t parent;
    uint32_t fork;
    /** Of words. */
    size_t count;
};

#define MEMO_SET_BITS 10
#define MEMO_WAYS ((size_t)4)
#define MEMO_BRANCH_BITS 14
#define MEMO_ROOM ((size_t)1 << 18)

/** A thread's results. All zero is empty: each place then leads to a first result, whose program
 * counter is zero, which no function's is. Only the used part of its pages is ever committed. */
struct memo {
    /** The one that the results are right for; 0 for none. */
    uint64_t generation;
    /** Branches there are. */
    size_t branched;
    /** Words of `room` in use, besides the first result's. */
    size_t used;
    size_t unused[5]; /* the tables begin on a line */
    /** Where each set's trees begin, the one found last first. */
    uint32_t trees[(size_t)1 << MEMO_SET_BITS][MEMO_WAYS];
    /** Where branches begin: a table without order, with gaps. */
    uint32_t branches[(size_t)1 << MEMO_BRANCH_BITS];
    /** Each result begins on a line of the cache, and its words on the next. */
    _Alignas(64) uintptr_t room[MEMO_ROOM];
};

/** What results are right for: the state of the code that stacks lead through, from bit
 * MEMO_CODE_SHIFT on; and of what is made of them, below. Odd while results are validated: no memo is
 * right for it then. Never 0. */
uint64_t interpose_memo_generation(void);

#define MEMO_CODE_SHIFT 32

/** No result is right any longer, for any thread: code has come or gone. */
void interpose_memo_expire(void);

/** What was made of results is not right any longer. */
void interpose_memo_expire_made(void);

/** From now on no memo is right, or those are again that were. */
void interpose_memo_validate(bool on);

/** This thread's memo, NULL for none. */
struct memo *interpose_memo_of_this_thread(void) MS_NONE;

/** Sets it, for as long as the thread lives or until it is set again. */
void interpose_memo_set_of_this_thread(struct memo *memo);

/** Where this thread's stacks end, as far as results are concerned: 0 for where they do. */
uintptr_t interpose_memo_stack_end(void);

/** Sets it. What the thread has found so far is forgotten. */
void interpose_memo_set_stack_end(uintptr_t end);

/** The result for these registers and the stack as it is now, NULL if there is none.
 *
 * The registers are those of a function of the memo's thread that has not returned, on the stack that
 * everything in the memo was kept for. */
struct memo_result *interpose_memo_find(struct memo *memo, const struct memo_registers *registers) MS_NONE;

/** Keeps a result for these registers: the number of a stack, and the words it depended on, each an
 * aligned one between the stack pointer and the end of the stack. NULL if there is no room. */
struct memo_result *interpose_memo_keep(struct memo *memo, const struct memo_registers *registers, bool fp_used,
                              const struct memo_word *words, size_t count, uint32_t stack) MS_NONE;

/** Forgets all results. */
void interpose_memo_clear(struct memo *memo);

#endif
