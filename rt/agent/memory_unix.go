//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package agent

import "syscall"

// allocRing takes memory for a ring from the system: off the Go heap, where it would change how often the program's garbage
// is collected, and not resident before it is used.
func allocRing(size int) []byte {
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return b
}
