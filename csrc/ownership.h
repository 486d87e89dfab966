/* Who frees what, in words that readers and compilers share.
 *
 * Every function that hands over memory says one of these in its comment:
 *
 *   transfer full       the caller owns the block and everything in it;
 *   transfer container  the caller owns the outer block, not what it points to;
 *   transfer none       the caller only looks; the block stays with this side.
 *
 * The attributes let gcc 11 and later diagnose a C caller that releases a block
 * with the wrong function. clang rejects the two-argument form, and clang is
 * what reads this header when bindings are made, hence the guard.
 */
#ifndef MALLOC_SYS_OWNERSHIP_H
#define MALLOC_SYS_OWNERSHIP_H

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define OWNED_BY_CALLER(deallocator) __attribute__((malloc, malloc(deallocator, 1), warn_unused_result))
#elif defined(__GNUC__)
#define OWNED_BY_CALLER(deallocator) __attribute__((malloc, warn_unused_result))
#else
#define OWNED_BY_CALLER(deallocator)
#endif

/* A status that says whether an out-parameter was filled must be looked at. */
#if defined(__GNUC__)
#define STATUS __attribute__((warn_unused_result))
#else
#define STATUS
#endif

#endif
