// Package paths is built with the runtime patch, and without the rest of weft.
// Its tests say what the context of a goroutine is after each way in which one
// goroutine can have to do with another.
package paths

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// A request is named by one letter or a number; its trace id and its only span
// are that number.

func request(n uint64) runtime.WeftContext {
	return runtime.WeftContext{TraceHi: n, TraceLo: n, Span: n, Root: n<<8 | runtime.WeftSampled}
}

// roots are the local roots of the requests, as weft/trace keeps them: one for
// each, all of the first generation.
var roots [512]*[512][3]uint64

func init() {
	for i := range roots {
		roots[i] = new([512][3]uint64)
	}
	runtime.WeftRoots = &roots
}

func setOpen(n, open uint64) { atomic.StoreUint64(&roots[n>>9&511][n&511][0], n>>18<<1|open) }

// as runs f inside request n, on a goroutine of its own, and waits for it. Then the
// request is over.
func as(n uint64, f func()) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer setOpen(n, 0)
		own(n)
		f()
	}()
	wg.Wait()
}

// own puts the calling goroutine into a span of request n.
func own(n uint64) {
	setOpen(n, 1)
	*runtime.WeftG() = request(n)
	runtime.WeftG().Root |= runtime.WeftOwn
}

// forget makes the calling goroutine one of no request.
func forget() { *runtime.WeftG() = runtime.WeftContext{} }

// current is the request of the calling goroutine, 0 if none.
func current() uint64 {
	c := *runtime.WeftG()
	n := c.TraceLo
	want := runtime.WeftContext{}
	if n != 0 {
		want = request(n)
	}
	c.Root &^= runtime.WeftOwn | runtime.WeftAdopted
	if c.TraceHi != want.TraceHi || c.Root != want.Root {
		panic(fmt.Sprintf("torn context: %+v", c))
	}
	return n
}

// A box passes results back to a test without a channel, which would carry the
// context with them.
type box struct {
	mu   sync.Mutex
	cond sync.Cond
	vals []uint64
}

func newBox() *box {
	b := new(box)
	b.cond.L = &b.mu
	return b
}

func (b *box) put(v uint64) {
	b.mu.Lock()
	b.vals = append(b.vals, v)
	b.mu.Unlock()
	b.cond.Signal()
}

func (b *box) get() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.vals) == 0 {
		b.cond.Wait()
	}
	v := b.vals[0]
	b.vals = b.vals[1:]
	return v
}

// here reports the request of the calling goroutine.
func (b *box) here() { b.put(current()) }

func (b *box) want(t *testing.T, want uint64) {
	t.Helper()
	if got := b.get(); got != want {
		t.Errorf("goroutine is in request %d, want %d", got, want)
	}
}
