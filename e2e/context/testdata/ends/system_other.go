//go:build !linux

package main

import (
	"os"
	"syscall"
)

// kill sends a signal to the process.
func kill(sig syscall.Signal) {
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		panic(err)
	}
}

func dup(from, to int) error { return syscall.Dup2(from, to) }
