/* Stands before glibc's file of this name and says as annotations what that hides from clang: which function ends a
 * block that another returned. */
#include_next <sys/cdefs.h>
#if defined(__GLIBC__) && !defined(MALLOC_BINDGEN_CDEFS)
#define MALLOC_BINDGEN_CDEFS
#undef __attr_dealloc
#define __attr_dealloc(function, argument) __attribute__((annotate("gcc:malloc(" #function "," #argument ")")))
#undef __attr_dealloc_free
#define __attr_dealloc_free __attr_dealloc(free, 1)
#undef __attr_dealloc_fclose
#define __attr_dealloc_fclose __attr_dealloc(fclose, 1)
#endif
