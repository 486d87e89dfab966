#include "workload.h"

#include <errno.h>
#include <string.h>

char *functionMalloc(void) {
    return workload_string((size_t)50 * 1024 * 1024, '-');
}

char *workload_string(size_t length, char fill) {
    if (length == SIZE_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    char *string = malloc(length + 1);
    if (string == NULL) {
        errno = ENOMEM; /* not every libc's malloc sets it */
        return NULL;
    }
    memset(string, fill, length);
    string[length] = '\0';
    return string;
}

uint64_t *workload_number(uint64_t value) {
    uint64_t *number = malloc(sizeof *number);
    if (number == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    *number = value;
    return number;
}

size_t *workload_block(size_t size) {
    size_t *block = malloc(size);
    if (block == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    *block = size;
    return block;
}

int workload_buffer(size_t length, unsigned char fill, unsigned char **out, size_t *out_length) {
    *out = NULL;
    *out_length = 0;
    if (length == 0) {
        return 0;
    }
    unsigned char *bytes = malloc(length);
    if (bytes == NULL) {
        return ENOMEM;
    }
    memset(bytes, fill, length);
    *out = bytes;
    *out_length = length;
    return 0;
}

int workload_refill(size_t length, unsigned char fill, unsigned char **bytes, size_t *capacity) {
    if (length > *capacity) {
        unsigned char *larger = realloc(*bytes, length);
        if (larger == NULL) {
            return ENOMEM;
        }
        *bytes = larger;
        *capacity = length;
    }
    if (length > 0) {
        memset(*bytes, fill, length);
    }
    return 0;
}

int workload_string_out(size_t length, char fill, char **out) {
    *out = workload_string(length, fill);
    return *out == NULL ? ENOMEM : 0;
}

int workload_strings(size_t count, size_t length, char fill, char ***out, size_t *out_count) {
    *out = NULL;
    *out_count = 0;
    if (count == 0) {
        return 0;
    }
    char **strings = calloc(count, sizeof *strings);
    if (strings == NULL) {
        return ENOMEM;
    }
    for (size_t made = 0; made < count; made++) {
        strings[made] = workload_string(length, fill);
        if (strings[made] == NULL) {
            while (made > 0) {
                free(strings[--made]);
            }
            free(strings);
            return ENOMEM;
        }
    }
    *out = strings;
    *out_count = count;
    return 0;
}

static const char *const names[] = {
    "string", "number", "buffer", "string_out", "strings", "names", "name_list",
};

int workload_names(const char ***out, size_t *out_count) {
    *out = NULL;
    *out_count = 0;
    const char **copy = malloc(sizeof names);
    if (copy == NULL) {
        return ENOMEM;
    }
    memcpy(copy, names, sizeof names);
    *out = copy;
    *out_count = sizeof names / sizeof *names;
    return 0;
}

const char **workload_name_list(void) {
    const char **list = malloc(sizeof names + sizeof *list);
    if (list == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    memcpy(list, names, sizeof names);
    list[sizeof names / sizeof *names] = NULL;
    return list;
}

const char *workload_name(void) {
    return "workload";
}
