package main

import (
	"os"
	"runtime"
	"syscall"
)

// kill sends a signal to the calling thread, so that it has arrived on return.
func kill(sig syscall.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, err := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(syscall.Gettid()), uintptr(sig)); err != 0 {
		panic(err)
	}
}

func dup(from, to int) error { return syscall.Dup3(from, to, 0) }
