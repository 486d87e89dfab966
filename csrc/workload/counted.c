#include "counted.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct counted {
    atomic_size_t references;
    uint64_t value;
};

counted *counted_new(uint64_t value) {
    counted *object = malloc(sizeof *object);
    if (object == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    atomic_init(&object->references, 1);
    object->value = value;
    return object;
}

void counted_retain(counted *object) {
    size_t before = atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
    if (before > SIZE_MAX / 2) {
        abort(); /* references are being lost; wrapping would end the object under its owners */
    }
}

void counted_release(counted *object) {
    if (object == NULL) {
        return;
    }
    /* Whoever ends the object must see what the others did with it. */
    if (atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) == 1) {
        free(object);
    }
}

uint64_t counted_value(const counted *object) {
    return object->value;
}

size_t counted_references(const counted *object) {
    return atomic_load_explicit(&object->references, memory_order_acquire);
}

counted *counted_default(void) {
    static _Atomic(counted *) kept;
    counted *object = atomic_load_explicit(&kept, memory_order_acquire);
    if (object != NULL) {
        return object;
    }
    object = counted_new(0);
    if (object == NULL) {
        return NULL;
    }
    counted *first = NULL;
    if (!atomic_compare_exchange_strong(&kept, &first, object)) {
        counted_release(object); /* another thread was first */
        return first;
    }
    return object;
}
