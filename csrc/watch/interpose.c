#include "interpose.h"
#include "memo_inline.h"
#include "next_malloc.h"
#include "shadow.h"

#if INTERPOSE_HOOKS

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

/* The functions that glibc's malloc family are aliases of. They are called once it is known that the next
 * malloc is glibc's: other allocators define some of them, too. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
void __libc_free(void *block);

#define UNLIKELY(condition) __builtin_expect(condition, 0)

/* Registers of a function's caller. Both architectures push its frame pointer where the function's
 * own points to. */
#define CALLER                                                              \
    ((struct memo_registers){.pc = (uintptr_t)__builtin_return_address(0),  \
                             .sp = (uintptr_t)__builtin_dwarf_cfa(),        \
                             .fp = *(uintptr_t *)__builtin_frame_address(0)})

/* Tail calls, whatever the program's C compiler is told by CFLAGS. */
#if defined(__has_attribute) && __has_attribute(musttail)
#define JUMP __attribute__((musttail)) return
#define JUMPS
#else
#define JUMP return
#define JUMPS __attribute__((optimize("O2", "optimize-sibling-calls")))
#endif

/* As they are in the word of who a block belongs to: of threads that opened a scope, and of all others. */
static atomic_uint_least64_t current_epoch;
static atomic_uint_least64_t outside_epoch;
static interpose_context *choose_context;
static interpose_reallocated *context_of_reallocated;

#define self interpose_self

/* Acquire: what `interpose_start` prepared is there for whoever is watched. */
static inline unsigned current_state(void) {
    return atomic_load_explicit(&interpose_state, memory_order_acquire);
}

/* Whether a call that is not simply forwarded to libc goes to the next malloc, unwatched. */
static inline bool is_elsewhere(unsigned now) {
    return (now & INTERPOSE_NOT_LIBC) != 0;
}

/* The same words as parameters: in registers of the machine, unlike the structure. */
#define CALLER_PARAMETERS uintptr_t pc, uintptr_t sp, uintptr_t fp

/* Whose block it is that this thread allocates now: nobody's if 0, a busy thread's if negative. */
static inline uint64_t theirs_now(uint64_t gate) {
    atomic_uint_least64_t *epoch = gate == 0 || self.is_inherited ? &outside_epoch : &current_epoch;
    /* Acquire: a block of a new scope is recorded in the generation that began before it. */
    return gate | atomic_load_explicit(epoch, memory_order_acquire);
}

/* Of a thread that has been set busy, which ends here. Out of line, as it is needed for one block in
 * many; with the parameters of what leads here, so that nothing need be kept for it. */
__attribute__((noinline, cold)) static uint32_t find_context(CALLER_PARAMETERS) {
    struct memo_registers caller = {.pc = pc, .sp = sp, .fp = fp};
    uint64_t theirs = theirs_now(self.scope);
    const struct memo_result *result = memo_found(&caller);
    bool made = result != NULL && result->tag == theirs;
    uint32_t context = made ? result->made : choose_context(&caller, theirs);
    self.gate = self.scope;
    return context;
}

/* The context of what this thread allocates now, 0 if it is not watched. */
__attribute__((noinline)) static uint32_t context_of(CALLER_PARAMETERS) {
    uint64_t theirs = theirs_now(self.gate);
    if ((int64_t)theirs <= 0) {
        return 0;
    }
    self.gate = BUSY;
    struct memo_registers caller = {.pc = pc, .sp = sp, .fp = fp};
    const struct memo_result *result = memo_found_first(&caller, theirs);
    if (UNLIKELY(result == NULL)) {
        return find_context(pc, sp, fp);
    }
    self.gate = self.scope;
    return result->made;
}

#define CONTEXT_MASK (((uint64_t)1 << INTERPOSE_CONTEXT_BITS) - 1)

static uint64_t recorded_size(size_t size) {
    size_t most = SIZE_MAX >> (INTERPOSE_CONTEXT_BITS + INTERPOSE_RESERVED_BITS);
    return (uint64_t)(size < most ? size : most) << INTERPOSE_CONTEXT_BITS;
}

/* What is recorded of a block, 0 for nothing. */
static uint64_t record_of(size_t size, struct memo_registers caller) {
    uint32_t context = context_of(caller.pc, caller.sp, caller.fp);
    return context == 0 ? 0 : recorded_size(size) | context;
}

static void *recorded(void *block, size_t size, struct memo_registers caller) {
    uint64_t record = block == NULL ? 0 : record_of(size, caller);
    return record == 0 ? block : shadow_put(block, record);
}

/* What the hooks do while somebody watches. Out of line, so that otherwise they are one test and a
 * jump. */

/* The hook jumps here, so its caller is this one's: fewer words to pass on the way of most blocks. */
__attribute__((noinline)) static void *watched_malloc(size_t size) {
    uint64_t record = record_of(size, CALLER); /* first: little is left to keep for after the call */
    void *block = __libc_malloc(size);
    return block == NULL || record == 0 ? block : shadow_put(block, record);
}

__attribute__((noinline)) static void *watched_calloc(size_t count, size_t size, struct memo_registers caller) {
    /* The product does not overflow if there is a block. */
    return recorded(__libc_calloc(count, size), count * size, caller);
}

__attribute__((noinline)) static void *watched_memalign(size_t alignment, size_t size,
                                                        struct memo_registers caller) {
    return recorded(__libc_memalign(alignment, size), size, caller);
}

/* How many threads are reallocating a block that has a record, and whether there is a walk. A block
 * that moves during one would be missed, or met twice; and its record, put back afterwards, would be
 * of a scope whose number may be another's by then. */
static atomic_uint moving;
#define WALK 0x80000000u

static void begin_move(void) {
    while ((atomic_fetch_add(&moving, 1) & WALK) != 0) {
        atomic_fetch_sub(&moving, 1);
        while ((atomic_load(&moving) & WALK) != 0) {
            sched_yield();
        }
    }
}

static void end_move(void) {
    atomic_fetch_sub(&moving, 1);
}

/* Other threads of the parent may have been moving blocks. */
static void forked(void) {
    atomic_store(&moving, 0);
}

static void *moved(void *block, size_t size, struct memo_registers caller) {
    /* Before the call: afterwards another thread may own the address. */
    uint64_t before = shadow_take(block);
    void *after = __libc_realloc(block, size);
    if (after == NULL) {
        if (size != 0 && before != 0) {
            shadow_put(block, before); /* the block is where it was */
        }
        return NULL;
    }
    uint64_t record = record_of(size, caller);
    if (before != 0 && self.scope == 0) {
        uint32_t context = (uint32_t)(before & CONTEXT_MASK);
        if (record != 0) {
            /* The thread is in no scope: the block stays in its own. */
            context = context_of_reallocated((uint32_t)(record & CONTEXT_MASK), context);
        } /* or else it is still that of whoever allocated it */
        record = recorded_size(size) | context;
    }
    return record == 0 ? after : shadow_put(after, record);
}

__attribute__((noinline)) static void *watched_realloc(void *block, size_t size, struct memo_registers caller) {
    if (block == NULL) {
        return recorded(__libc_malloc(size), size, caller);
    }
    /* A busy thread may be the one that walks, and has no block with a record. */
    bool is_move = self.gate != BUSY && shadow_has(block);
    if (is_move) {
        begin_move();
    }
    void *after = moved(block, size, caller);
    if (is_move) {
        end_move();
    }
    return after;
}

JUMPS void *interpose_malloc(size_t size) {
    unsigned now = current_state();
    if (UNLIKELY(now != 0)) {
        if (is_elsewhere(now)) {
            return interpose_next_malloc(size);
        }
        JUMP watched_malloc(size);
    }
    return __libc_malloc(size);
}

void *interpose_calloc(size_t count, size_t size) {
    unsigned now = current_state();
    if (UNLIKELY(now != 0)) {
        return is_elsewhere(now) ? interpose_next_calloc(count, size) : watched_calloc(count, size, CALLER);
    }
    return __libc_calloc(count, size);
}

/* Inlined into each hook, whose caller is to be seen. */
__attribute__((always_inline)) static inline void *resized(void *block, size_t size, struct memo_registers caller) {
    unsigned now = current_state();
    if (UNLIKELY(now != 0)) {
        return is_elsewhere(now) ? interpose_next_realloc(block, size) : watched_realloc(block, size, caller);
    }
    return __libc_realloc(block, size);
}

void *interpose_realloc(void *block, size_t size) {
    return resized(block, size, CALLER);
}

void *interpose_reallocarray(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return resized(block, bytes, CALLER);
}

/* Likewise. */
__attribute__((always_inline)) static inline void *aligned(size_t alignment, size_t size,
                                                           struct memo_registers caller) {
    unsigned now = current_state();
    if (UNLIKELY(now != 0)) {
        return is_elsewhere(now) ? interpose_next_memalign(alignment, size) : watched_memalign(alignment, size, caller);
    }
    return __libc_memalign(alignment, size);
}

void *interpose_memalign(size_t alignment, size_t size) {
    return aligned(alignment, size, CALLER);
}

static bool is_power_of_two(size_t alignment) {
    return alignment != 0 && (alignment & (alignment - 1)) == 0;
}

void *interpose_aligned_alloc(size_t alignment, size_t size) {
    if (!is_power_of_two(alignment)) {
        errno = EINVAL; /* as glibc 2.38 and later say; before, it took the next power of two */
        return NULL;
    }
    return aligned(alignment, size, CALLER);
}

int interpose_posix_memalign(void **out, size_t alignment, size_t size) {
    if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0) {
        return EINVAL;
    }
    int saved = errno; /* posix_memalign reports by its result alone */
    void *block = aligned(alignment, size, CALLER);
    errno = saved;
    if (block == NULL) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}

void *interpose_valloc(size_t size) {
    unsigned now = current_state();
    if (UNLIKELY(now != 0)) {
        return is_elsewhere(now) ? interpose_next_valloc(size) : recorded(__libc_valloc(size), size, CALLER);
    }
    return __libc_valloc(size);
}

void *interpose_pvalloc(size_t size) {
    unsigned now = current_state();
    if (UNLIKELY(now != 0)) {
        return is_elsewhere(now) ? interpose_next_pvalloc(size) : recorded(__libc_pvalloc(size), size, CALLER);
    }
    return __libc_pvalloc(size);
}

void interpose_free(void *block) {
    unsigned now = current_state();
    if (UNLIKELY(now != 0)) {
        if (is_elsewhere(now)) {
            interpose_next_free(block);
            return;
        }
        shadow_take(block); /* before the call: afterwards another thread may own the address */
    }
    __libc_free(block);
}

HOOK(malloc) void *malloc(size_t size);
HOOK(calloc) void *calloc(size_t count, size_t size);
HOOK(realloc) void *realloc(void *block, size_t size);
HOOK(reallocarray) void *reallocarray(void *block, size_t count, size_t size);
HOOK(memalign) void *memalign(size_t alignment, size_t size);
HOOK(aligned_alloc) void *aligned_alloc(size_t alignment, size_t size);
HOOK(posix_memalign) int posix_memalign(void **out, size_t alignment, size_t size);
HOOK(valloc) void *valloc(size_t size);
HOOK(pvalloc) void *pvalloc(size_t size);
HOOK(free) void free(void *block);

enum interpose_support interpose_support(void) {
    return INTERPOSE_SUPPORTED;
}

int interpose_start(interpose_context *context, interpose_reallocated *reallocated,
                    interpose_inherited *inherited, interpose_closing *closing, interpose_ended *ended) {
    interpose_find_next();
    if (is_elsewhere(current_state())) {
        return ENOTSUP;
    }
    if (choose_context == NULL) {
        int error = pthread_atfork(NULL, NULL, forked);
        if (error != 0) {
            return error;
        }
    }
    choose_context = context;
    context_of_reallocated = reallocated;
    interpose_note_inheritance = inherited;
    interpose_note_closing = closing;
    interpose_note_end = ended;
    return interpose_shadow_reserve();
}

/* Sequentially consistent, so that a thread which is handed a block also knows it is watched. */

void interpose_watch(void) {
    atomic_fetch_add(&interpose_state, 1);
}

void interpose_unwatch(void) {
    atomic_fetch_sub(&interpose_state, 1);
}

void interpose_set_epochs(uint32_t epoch, uint32_t outside) {
    atomic_store(&current_epoch, (uint64_t)epoch << INTERPOSE_EPOCH_SHIFT);
    atomic_store(&outside_epoch, (uint64_t)outside << INTERPOSE_EPOCH_SHIFT);
}

uint32_t interpose_set_scope(uint32_t scope) {
    uint32_t last = self.scope;
    self.scope = scope;
    self.gate = self.gate == BUSY ? BUSY : scope;
    return last;
}

bool interpose_set_busy(bool busy) {
    bool was = self.gate == BUSY;
    self.gate = busy ? BUSY : self.scope;
    return was;
}

bool interpose_has_lost(void) {
    return interpose_shadow_has_lost();
}

size_t interpose_pages(void) {
    return interpose_shadow_pages();
}

uint32_t interpose_begin_generation(void) {
    return atomic_fetch_add(&interpose_shadow_generation, 1) + 1;
}

void interpose_walk(uint32_t since, interpose_visit *visit, void *data) {
    atomic_fetch_or(&moving, WALK);
    while (atomic_load(&moving) != WALK) {
        sched_yield();
    }
    interpose_shadow_walk(since, visit, data);
    atomic_fetch_and(&moving, ~WALK);
}

#endif
