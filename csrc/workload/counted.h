/* A library whose objects are reference counted: who holds one adds and drops references. */
#ifndef MALLOC_SYS_COUNTED_H
#define MALLOC_SYS_COUNTED_H

#include <stddef.h>
#include <stdint.h>

#include "ownership.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An object that several owners share. */
typedef struct counted counted;

/** Drops a reference; the last one ends the object. NULL is ignored. */
void counted_release(counted *object);

/** A new object with one reference.
 *
 * Transfer full: release with `counted_release`. NULL with `ENOMEM` on failure. */
counted *counted_new(uint64_t value) MS_FULL(counted_release);

/** Adds a reference, which must be released too. */
void counted_retain(counted *object);

/** The value that the object was made with. */
uint64_t counted_value(const counted *object);

/** How many references there are. */
size_t counted_references(const counted *object);

/** An object that this library keeps, made at the first call.
 *
 * Transfer none: to keep it, retain it. NULL with `ENOMEM` on failure. */
counted *counted_default(void) MS_NONE;

#ifdef __cplusplus
}
#endif

#endif
