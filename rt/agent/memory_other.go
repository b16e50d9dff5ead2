//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package agent

func allocRing(size int) []byte { return make([]byte, size) }
