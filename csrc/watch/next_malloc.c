#define _GNU_SOURCE /* RTLD_NEXT, dladdr */

#include "next_malloc.h"

#if INTERPOSE_HOOKS

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct family {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*memalign)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*valloc)(size_t);
    void (*free)(void *);
};

atomic_uint interpose_state = INTERPOSE_NOT_LIBC;

static struct family next;
static atomic_bool found;

/* While this thread looks for the functions, and the loader allocates for that. */
static __thread bool looking __attribute__((tls_model("initial-exec")));

/* What the loader gets meanwhile: little, and never freed. */
static _Alignas(16) char early[4096];
static atomic_size_t early_used;

static bool is_early(const void *block) {
    return (uintptr_t)block - (uintptr_t)early < sizeof early;
}

/* Zeroed, as it is handed out once. */
static void *early_malloc(size_t size) {
    size_t rounded = (size + 15) & ~(size_t)15;
    size_t start = rounded < size ? sizeof early : atomic_fetch_add(&early_used, rounded);
    if (start > sizeof early || rounded > sizeof early - start) {
        errno = ENOMEM;
        return NULL;
    }
    return early + start;
}

static void look_up(const char *name, void *function) {
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof symbol); /* C converts no object to a function */
}

/* The object that a function is in, by where it is loaded. */
static void *object_of(const void *function) {
    Dl_info info;
    return dladdr(function, &info) != 0 ? info.dli_fbase : NULL;
}

/* Two threads may do this at the same time: they find the same. */
static void find(void) {
    struct family family;
    const char *(*version)(void) = gnu_get_libc_version;
    const void *in_libc;
    const void *function;

    looking = true;
    look_up("malloc", &family.malloc);
    look_up("calloc", &family.calloc);
    look_up("realloc", &family.realloc);
    look_up("memalign", &family.memalign);
    look_up("posix_memalign", &family.posix_memalign);
    look_up("valloc", &family.valloc);
    look_up("free", &family.free);
    memcpy(&in_libc, &version, sizeof in_libc);
    memcpy(&function, &family.malloc, sizeof function);
    next = family;
    looking = false;
    if (object_of(function) == object_of(in_libc)) {
        atomic_fetch_and(&interpose_state, ~INTERPOSE_NOT_LIBC);
    }
    atomic_store_explicit(&found, true, memory_order_release); /* last: what is found is said by then */
}

static bool is_found(void) {
    if (!atomic_load_explicit(&found, memory_order_acquire)) {
        if (looking) {
            return false;
        }
        find();
    }
    return true;
}

void interpose_find_next(void) {
    is_found();
}

void *interpose_next_malloc(size_t size) {
    return is_found() ? next.malloc(size) : early_malloc(size);
}

void *interpose_next_calloc(size_t count, size_t size) {
    size_t bytes;
    if (is_found()) {
        return next.calloc(count, size);
    }
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : early_malloc(bytes);
}

void *interpose_next_realloc(void *block, size_t size) {
    if (is_found() && !is_early(block)) {
        return next.realloc(block, size);
    }
    void *moved = interpose_next_malloc(size);
    if (moved != NULL && block != NULL) {
        /* How large it was is not known, but that all of them are within the room for all. */
        size_t most = (size_t)(early + sizeof early - (char *)block);
        memcpy(moved, block, size < most ? size : most);
    }
    return moved;
}

void *interpose_next_memalign(size_t alignment, size_t size) {
    if (!is_found()) {
        errno = ENOMEM;
        return NULL;
    }
    if (next.memalign != NULL) {
        return next.memalign(alignment, size);
    }
    void *block = NULL;
    size_t least = alignment < sizeof(void *) ? sizeof(void *) : alignment;
    int error = next.posix_memalign(&block, least, size);
    errno = error != 0 ? error : errno;
    return error == 0 ? block : NULL;
}

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *interpose_next_valloc(size_t size) {
    return is_found() && next.valloc != NULL ? next.valloc(size) : interpose_next_memalign(page_size(), size);
}

void *interpose_next_pvalloc(size_t size) {
    size_t page = page_size();
    size_t rounded = (size + page - 1) & ~(page - 1);
    if (rounded < size) {
        errno = ENOMEM;
        return NULL;
    }
    return interpose_next_memalign(page, rounded);
}

void interpose_next_free(void *block) {
    if (is_found() && !is_early(block)) {
        next.free(block);
    }
}

#endif
