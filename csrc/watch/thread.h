/* What the hooks have of each thread, in one piece: all of it is reached by one address. */
#ifndef MALLOC_SYS_THREAD_H
#define MALLOC_SYS_THREAD_H

#if defined(__linux__) && defined(__LP64__)

#include <stdbool.h>
#include <stdint.h>

struct memo;

struct interpose_thread {
    /* The scope, or BUSY: so that one word says whether a block is looked at. */
    uint64_t gate;
    /* Never NULL. */
    struct memo *memo;
    /* Where its stacks end; 0 for where they do. */
    uintptr_t stack_end;
    uint32_t scope;
    /* Whether the thread was started in a scope, so that it may work for others. */
    bool is_inherited;
};

#define BUSY UINT64_MAX

/* Initial-exec: the general model allocates a thread's variables at their first use, with malloc. */
extern __attribute__((visibility("hidden"))) __thread struct interpose_thread interpose_self
    __attribute__((tls_model("initial-exec")));

/* Weak: a program that brings a function of this name keeps it. */
#define HOOK(name) __attribute__((weak, alias("interpose_" #name), visibility("default")))

/* Hears that a thread starts another, from the source with pthread_create: which so is always linked. */
extern __attribute__((visibility("hidden"))) void (*interpose_note_inheritance)(uint32_t scope);
/* Hears that a thread that was started in this scope has ended. */
extern __attribute__((visibility("hidden"))) void (*interpose_note_end)(uint32_t scope);
/* Hears that a library is about to be closed; NULL until there is something to hear it. */
extern __attribute__((visibility("hidden"))) void (*interpose_note_closing)(void);

#endif

#endif
