/* Who frees what, in words that readers, compilers and binding generators share.
 *
 * A C author may take this header into a library of their own. Each macro stands after a function's
 * parameters and speaks of what it returns, or after one parameter and speaks of that:
 *
 *   MS_FULL(f)       transfer full: the caller owns the block and everything in it, and ends it with f.
 *   MS_OUT_FULL(f)   the same for an out-parameter: every path leaves NULL or an owned block there.
 *   MS_OUT_CONTAINER(f)
 *                    transfer container in an out-parameter: the caller owns the outer block, not what
 *                    it points to, and ends it with f.
 *   MS_LIST(f)       transfer container: the caller owns an array that ends with NULL, not what it
 *                    points to, and ends the array with f.
 *   MS_NONE          transfer none: the caller only looks; the block stays with the library.
 *   MS_STATIC        transfer none, and the block lives as long as the program.
 *   MS_LENT(p)       transfer none, and the block lives as long as the argument p.
 *   MS_CSTR          an argument that is a C string, read during the call alone.
 *   MS_LEND          an argument that is an object, used during the call alone.
 *   MS_IN, MS_OUT    a pointer to one value that the function reads, or writes.
 *   MS_RAW           a generator leaves the pointer as it is; the comment says more.
 *   MS_SAFE          no argument can make the call undefined.
 *   MS_STATUS        the result says whether out-parameters were filled, and must be looked at.
 *
 * gcc 11 and later diagnoses a C caller that ends a block with another function (-fanalyzer).
 * malloc-bindgen defines MALLOC_BINDGEN and reads annotations that no compiler otherwise sees, so a
 * program's code is the same with and without them.
 */
#ifndef MALLOC_SYS_OWNERSHIP_H
#define MALLOC_SYS_OWNERSHIP_H

#if defined(MALLOC_BINDGEN) && defined(__clang__)
#define MS_NOTE(words) __attribute__((annotate("malloc_safe:" words)))
#else
#define MS_NOTE(words)
#endif

#if defined(__GNUC__)
#define MS_STATUS __attribute__((warn_unused_result))
#else
#define MS_STATUS
#endif

/* The form of malloc with two arguments names the deallocator; clang rejects it. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define MS_ENDED_BY(deallocator) __attribute__((malloc, malloc(deallocator, 1), warn_unused_result))
#elif defined(__GNUC__)
#define MS_ENDED_BY(deallocator) __attribute__((malloc, warn_unused_result))
#else
#define MS_ENDED_BY(deallocator)
#endif

#define MS_FULL(deallocator) MS_ENDED_BY(deallocator) MS_NOTE("full by " #deallocator)
#define MS_LIST(deallocator) MS_ENDED_BY(deallocator) MS_NOTE("container list by " #deallocator)
#define MS_OUT_FULL(deallocator) MS_NOTE("full by " #deallocator)
#define MS_OUT_CONTAINER(deallocator) MS_NOTE("container by " #deallocator)
#define MS_NONE MS_NOTE("none")
#define MS_STATIC MS_NOTE("static")
#define MS_LENT(parameter) MS_NOTE("lent from " #parameter)
#define MS_CSTR MS_NOTE("cstr")
#define MS_LEND MS_NOTE("lend")
#define MS_IN MS_NOTE("in")
#define MS_OUT MS_NOTE("out")
#define MS_RAW MS_NOTE("raw")
#define MS_SAFE MS_NOTE("safe")

#endif
