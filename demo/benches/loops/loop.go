// The loop in Go with cgo, freeing each turn: the string is copied into Go's heap to be read, as
// C.GoString does. Measures itself as the demo does.
package main

/*
#include <stdlib.h>
#include "workload.h"
*/
import "C"

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

func number(argument string) int {
	value, err := strconv.Atoi(argument)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}

func turn(size int) string {
	block := C.workload_string(C.size_t(size), '-')
	if block == nil {
		fmt.Fprintln(os.Stderr, "out of memory")
		os.Exit(1)
	}
	defer C.free(unsafe.Pointer(block))
	text := C.GoString(block)
	return fmt.Sprintf("%d bytes, %c to %c", len(text), text[0], text[len(text)-1])
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: loop COUNT BYTES")
		os.Exit(2)
	}
	count, size := number(os.Args[1]), number(os.Args[2])
	var before, after syscall.Rusage
	start := time.Now()
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for i := 0; i < count; i++ {
		fmt.Fprintf(os.Stderr, "%d: %s\n", i, turn(size))
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	fmt.Printf("{\"wall_ns\":%d,\"user_ns\":%d,\"system_ns\":%d,\"minor_faults\":%d}\n",
		time.Since(start).Nanoseconds(),
		after.Utime.Nano()-before.Utime.Nano(),
		after.Stime.Nano()-before.Stime.Nano(),
		after.Minflt-before.Minflt)
}
