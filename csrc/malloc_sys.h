/* Everything that bindings are generated for. */
#ifndef MALLOC_SYS_H
#define MALLOC_SYS_H

#include <stdlib.h>

#include "watch/interpose.h"
#include "watch/memo.h"
#include "workload/counted.h"
#include "workload/token.h"
#include "workload/workload.h"

#endif
