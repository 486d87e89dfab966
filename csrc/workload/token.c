#include "token.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* As large as the strictest alignment, so that what follows keeps malloc's. */
typedef union {
    uint64_t mark;
    max_align_t alignment;
} header;

static const uint64_t LIVE = UINT64_C(0x746f6b656e206f6b);

static atomic_size_t live;

char *token_new(size_t length, char fill) {
    if (length > SIZE_MAX - sizeof(header) - 1) {
        errno = ENOMEM;
        return NULL;
    }
    header *block = malloc(sizeof *block + length + 1);
    if (block == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    block->mark = LIVE;
    char *token = (char *)(block + 1);
    memset(token, fill, length);
    token[length] = '\0';
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return token;
}

void token_free(char *token) {
    if (token == NULL) {
        return;
    }
    header *block = (header *)(void *)token - 1;
    if (block->mark != LIVE) {
        abort();
    }
    block->mark = 0;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(block);
}

size_t tokens_live(void) {
    return atomic_load_explicit(&live, memory_order_relaxed);
}
