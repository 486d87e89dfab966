#define _GNU_SOURCE /* RTLD_NEXT */

#include "interpose.h"
#include "memo.h"
#include "shadow.h"
#include "thread.h"

#if INTERPOSE_HOOKS

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

void *__libc_malloc(size_t size);
void __libc_free(void *block);

interpose_inherited *interpose_note_inheritance;
interpose_closing *interpose_note_closing;
interpose_ended *interpose_note_end;

/* Its value is a thread's scope, and in the bits above how often its destructor has run. */
static pthread_key_t end_key;
static bool has_end_key;

#define END_ROUND ((uintptr_t)1 << 32)

/* Destructors run in rounds for as long as one sets a value again, four times at most. Rust frees the
 * handle of a thread in one of them, so the thread has ended in the third. */
static void thread_ends(void *value) {
    uintptr_t round = (uintptr_t)value + END_ROUND;
    if (round / END_ROUND < 3 && pthread_setspecific(end_key, (void *)round) == 0) {
        return;
    }
    bool was_busy = interpose_set_busy(true);
    interpose_note_end((uint32_t)round);
    interpose_set_busy(was_busy);
}

/* A thread belongs to the scope of the one that started it. */

typedef int create_thread(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

struct start {
    void *(*routine)(void *);
    void *argument;
    uint32_t scope;
};

static void *interpose_thread(void *data) {
    struct start start = *(struct start *)data;
    __libc_free(data);
    interpose_set_scope(start.scope);
    interpose_self.is_inherited = true;
    if (has_end_key) {
        bool was_busy = interpose_set_busy(true); /* the C library may allocate room for the value */
        pthread_setspecific(end_key, (void *)(uintptr_t)start.scope);
        interpose_set_busy(was_busy);
    }
    /* What called this function is the same for every thread, and the C library's. */
    interpose_memo_set_stack_end((uintptr_t)__builtin_frame_address(0));
    void *result = start.routine(start.argument);
    if (!has_end_key) {
        interpose_note_end(start.scope);
    }
    return result;
}

/* The next definition of a function after this file's. Not for malloc's family: dlsym allocates. */
static void (*next(const char *name, _Atomic(void (*)(void)) *found))(void) {
    void (*function)(void) = atomic_load_explicit(found, memory_order_relaxed);
    if (function == NULL) {
        void *symbol = dlsym(RTLD_NEXT, name);
        memcpy(&function, &symbol, sizeof function); /* C converts no object to a function */
        atomic_store_explicit(found, function, memory_order_relaxed);
    }
    return function;
}

static _Atomic(void (*)(void)) next_pthread_create;
static _Atomic(void (*)(void)) next_dlclose;

/* Before there is an error of the program's that it would end, or a fork that found the loader locked. */
__attribute__((constructor)) static void find_next(void) {
    has_end_key = pthread_key_create(&end_key, thread_ends) == 0;
    next("pthread_create", &next_pthread_create);
    next("dlclose", &next_dlclose);
}

int interpose_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                             void *argument) {
    /* The C library keeps the memory of ended threads for new ones: nobody's to free. */
    bool was_busy = interpose_set_busy(true);
    create_thread *real = (create_thread *)next("pthread_create", &next_pthread_create);
    struct start *start = NULL;
    int error = real == NULL ? EAGAIN : 0;
    if (error == 0 && interpose_self.scope != 0 && !was_busy) {
        start = __libc_malloc(sizeof *start);
        error = start == NULL ? EAGAIN : 0;
    }
    if (start != NULL) {
        *start = (struct start){.routine = routine, .argument = argument, .scope = interpose_self.scope};
        interpose_note_inheritance(interpose_self.scope);
        error = real(thread, attributes, interpose_thread, start);
        if (error != 0) {
            __libc_free(start);
            interpose_note_end(interpose_self.scope);
        }
    } else if (error == 0) {
        error = real(thread, attributes, routine, argument);
    }
    interpose_set_busy(was_busy);
    return error;
}

HOOK(pthread_create)
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument);

/* What is known of a library's code ends with it. Twice, as another thread may look in between. */
int interpose_dlclose(void *handle) {
    int (*real)(void *) = (int (*)(void *))next("dlclose", &next_dlclose);
    if (real == NULL) {
        return -1;
    }
    if (interpose_note_closing != NULL) {
        bool was_busy = interpose_set_busy(true);
        interpose_note_closing();
        interpose_set_busy(was_busy);
    }
    interpose_memo_expire();
    int error = real(handle);
    interpose_memo_expire();
    return error;
}

HOOK(dlclose) int dlclose(void *handle);

#endif
