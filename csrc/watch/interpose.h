/* Every allocation of the process, seen from inside it.
 *
 * The source defines malloc and its family itself and forwards to glibc's, so a program that links
 * it sees what its own C, its own Rust and every shared library allocate. While nobody watches, a
 * call costs one load and one branch more.
 *
 * A block is recorded with its size and a context, a number that the watcher chooses: here is the
 * fast path, everything slow is behind the functions given to `interpose_start`.
 *
 * Where there is no glibc to forward to, or another tool owns malloc, there are no hooks:
 * `interpose_support` says why, and nothing else here may be called.
 */
#ifndef MALLOC_SYS_INTERPOSE_H
#define MALLOC_SYS_INTERPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "memo.h"
#include "ownership.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Whether the hooks are in this build, and if not, why. */
enum interpose_support {
    /** They are. */
    INTERPOSE_SUPPORTED,
    /** No: a sanitizer brings its own malloc, and defining another would disarm it silently. */
    INTERPOSE_HAS_SANITIZER,
    /** No: a static C library brings its own malloc. */
    INTERPOSE_IS_STATIC,
    /** No: not glibc on 64-bit x86 or ARM. */
    INTERPOSE_OTHER_PLATFORM,
};

/** The bits of a record that hold the context; the size is in those above. */
#define INTERPOSE_CONTEXT_BITS 24

/** What belongs to whom is a word: the scope of the thread in its lower half, and from here on the
 * epoch of the process. */
#define INTERPOSE_EPOCH_SHIFT 32

/** Chooses the context of a new block of theirs, from registers of whoever called the hook.
 *
 * Asked where the thread's memo has no answer for this word. Below 1 << INTERPOSE_CONTEXT_BITS; 0 is
 * a block that is not to be recorded. Leaves errno alone. */
typedef uint32_t interpose_context(const struct memo_registers *caller, uint64_t theirs);

/** Hears that a thread of this scope, not 0, starts another. */
typedef void interpose_inherited(uint32_t scope);

/** Hears that a thread that was started in this scope has ended, its destructors included; with the thread
 * busy. */
typedef void interpose_ended(uint32_t scope);

/** Hears that a library is about to be closed, with the thread busy. */
typedef void interpose_closing(void);

/** The context of a block of this scope-less thread's that was reallocated: both chosen before, that of
 * the thread and that of the block until then. */
typedef uint32_t interpose_reallocated(uint32_t context, uint32_t before);

/** In the word of a record: not the record's, and to be left as it is. */
#define INTERPOSE_RESERVED_BITS 1

/** Looks at the record of a live block, and at its address; may change the record atomically. */
typedef void interpose_visit(void *data, uint64_t *record, uintptr_t block);

/** Says whether there are hooks. */
enum interpose_support interpose_support(void);

/** Prepares for watching. May be called again; not by two threads at once. Returns 0 or an errno: ENOTSUP
 * where malloc would be another than libc's, whose blocks are not watched. */
int interpose_start(interpose_context *context, interpose_reallocated *reallocated,
                    interpose_inherited *inherited, interpose_closing *closing,
                    interpose_ended *ended) MS_STATUS;

/** Watches, until unwatched as often. */
void interpose_watch(void);

/** Undoes one `interpose_watch`. Blocks freed from then on stay recorded, if it was the last. */
void interpose_unwatch(void);

/** Sets the epochs in which blocks are from now on, 0 for none: those of threads that opened a scope, and
 * those of all others, which may work for several. */
void interpose_set_epochs(uint32_t epoch, uint32_t outside);

/** Sets the scope of this thread, and of those that it starts; 0 for none. Returns the last one. */
uint32_t interpose_set_scope(uint32_t scope);

/** Sets whether this thread's allocations are the watcher's own. Returns what was. */
bool interpose_set_busy(bool busy);

/** Whether a block could not be recorded for want of memory, ever. */
bool interpose_has_lost(void);

/** How many pages of records the next walk looks at. */
size_t interpose_pages(void);

/** Begins a generation of records, and returns its number. */
uint32_t interpose_begin_generation(void);

/** Shows every record of this generation or a later, and some of earlier ones. Blocks that are reallocated
 * meanwhile wait. Not in two threads at once, and with the thread busy. */
void interpose_walk(uint32_t since, interpose_visit *visit, void *data);

/** The malloc of this file, whichever one the program calls. */
void *interpose_malloc(size_t size) MS_FULL(free);

#ifdef __cplusplus
}
#endif

#endif
