package ingest

import (
	"math/bits"
	"sync"
)

// Buffers of requests are reused, in classes of powers of two, so that the
// collector of garbage has nothing to do with the bytes of a request.
const (
	minClass = 14 // 16 KiB
	maxClass = 22 // 4 MiB; larger ones, which only few clients need, are not kept
)

var buffers [maxClass + 1]sync.Pool // of *[]byte with capacity 1<<class

// getBuffer returns an empty buffer that has room for n bytes.
func getBuffer(n int) []byte {
	class := max(minClass, bits.Len(uint(max(n, 1)-1)))
	if class > maxClass {
		return make([]byte, 0, n)
	}
	if p, ok := buffers[class].Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, 1<<class)
}

// putBuffer takes a buffer back. Nothing may point into it any more.
func putBuffer(b []byte) {
	class := bits.Len(uint(cap(b))) - 1
	if class < minClass || class > maxClass || cap(b) != 1<<class {
		return
	}
	b = b[:0]
	buffers[class].Put(&b)
}

// growBuffer returns b with room for n bytes in all, and takes the old one back.
func growBuffer(b []byte, n int) []byte {
	if n <= cap(b) {
		return b
	}
	c := append(getBuffer(n), b...)
	putBuffer(b)
	return c
}
