#include "interpose.h"
#include "memo_inline.h"
#include "shadow.h"

#if !INTERPOSE_HOOKS

#include <stdlib.h>

enum interpose_support interpose_support(void) {
#if defined(INTERPOSE_SANITIZED)
    return INTERPOSE_HAS_SANITIZER;
#elif defined(INTERPOSE_STATIC)
    return INTERPOSE_IS_STATIC;
#else
    return INTERPOSE_OTHER_PLATFORM;
#endif
}

int interpose_start(interpose_context *context, interpose_reallocated *reallocated,
                    interpose_inherited *inherited, interpose_closing *closing, interpose_ended *ended) {
    (void)context;
    (void)reallocated;
    (void)inherited;
    (void)closing;
    (void)ended;
    return -1;
}

void interpose_watch(void) {}

void interpose_unwatch(void) {}

void interpose_set_epochs(uint32_t epoch, uint32_t outside) {
    (void)epoch;
    (void)outside;
}

uint32_t interpose_set_scope(uint32_t scope) {
    (void)scope;
    return 0;
}

bool interpose_set_busy(bool busy) {
    return busy;
}

bool interpose_has_lost(void) {
    return false;
}

size_t interpose_pages(void) {
    return 0;
}

uint32_t interpose_begin_generation(void) {
    return 0;
}

void interpose_walk(uint32_t since, interpose_visit *visit, void *data) {
    (void)since;
    (void)visit;
    (void)data;
}

void *interpose_malloc(size_t size) {
    return malloc(size);
}

#endif

#if !MEMO_COMPILED

/* Called when a scope ends: there is nothing that could be wrong by then. */
void interpose_memo_expire_made(void) {}

#endif
