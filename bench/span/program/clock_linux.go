package main

import (
	"syscall"
	"time"
	"unsafe"
)

// threadCPU is what the calling thread has run so far: unlike the wall clock it leaves out the time in which other
// processes had the core.
func threadCPU() time.Duration {
	const clockThreadCPU = 3
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPU, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}

// processCPU is what all threads of the process have run so far.
func processCPU() time.Duration {
	const clockProcessCPU = 2
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockProcessCPU, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}
