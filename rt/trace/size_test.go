package trace

import (
	"testing"
	"unsafe"
)

// The sizes that docs/design/recording.md speaks of; a body must not leave its
// size class.
func TestSizes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("they are those of 64 bits")
	}
	if n := unsafe.Sizeof(Span{}); n != 48 {
		t.Errorf("a Span has %d bytes", n)
	}
	if n := unsafe.Sizeof(body{}); n > 768 {
		t.Errorf("a body has %d bytes", n)
	}
	if n := unsafe.Sizeof(slot{}); n != 24 {
		t.Errorf("a slot has %d bytes", n)
	}
	if n := unsafe.Sizeof(chunk{}); n != 3*4096 {
		t.Errorf("a chunk has %d bytes", n)
	}
	// What one P writes and another one, or the drain, reads is apart.
	var sh shard
	if unsafe.Offsetof(sh.tail)-unsafe.Offsetof(sh.race) < 64 {
		t.Error("the tail shares a cache line with what the P writes")
	}
	t.Log(unsafe.Sizeof(body{}), unsafe.Sizeof(sh))
}
