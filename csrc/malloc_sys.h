/* Everything that bindings are generated for. */
#ifndef MALLOC_SYS_H
#define MALLOC_SYS_H

#include <stdlib.h>

#include "counted.h"
#include "interpose.h"
#include "memo.h"
#include "token.h"
#include "workload.h"

#endif
