package main

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// where names the span that work goes on in: the parent of what starts next. 0
// is none. The program hands it from function to function and with every value,
// so that it knows the truth, and tells nobody but the spans' attributes.
type where int64

var spans atomic.Int64

// open is given spans by hooks. Attribute id is me; parents lists the right
// parents, the best one first.
func open(me where, parents, name string, inside func()) { inside() }

func span(name string, inside func(me where), parents ...where) {
	me := where(spans.Add(1))
	text := make([]string, len(parents))
	for i, p := range parents {
		text[i] = strconv.FormatInt(int64(p), 10)
	}
	open(me, strings.Join(text, ","), name, func() { inside(me) })
}

// mark makes a span that only says where the goroutine is.
func mark(name string, parents ...where) { span(name, func(where) {}, parents...) }

// A flow is a thread of work: it begins with a request, or with a goroutine that
// works for none, and goes from goroutine to goroutine.
type flow struct {
	p     *program
	at    where
	label string // the element through which it came here
	seed  uint64
	depth int // how many more elements it may go through
	level int // elements up to this one may be waiting for it
}

// via is the flow as it goes on behind an element.
func (f flow) via(label string, level int, r *rand.Rand) flow {
	f.p.open.Add(1)
	return flow{f.p, f.at, label, r.Uint64(), f.depth - 1, max(level, f.level)}
}

// run does what a flow does in one place, at random, and says where it is at
// each step.
func (f flow) run() {
	defer f.p.open.Done()
	f.steps(f.label)
}

func (f flow) steps(label string) {
	r := rand.New(rand.NewPCG(f.seed, 1))
	mark(label, f.at)
	for range 1 + r.IntN(3) {
		pause(r)
		if r.IntN(5) == 0 {
			span("span", func(me where) {
				in := f
				in.at, in.seed = me, r.Uint64()
				if f.depth > 0 {
					in.depth--
					in.steps("span, inside")
				}
			}, f.at)
			mark("span, after", f.at)
			continue
		}
		if f.depth <= 0 {
			continue
		}
		e, level := f.p.pick(f.level, r)
		if e == nil {
			continue
		}
		e.use(f, level, r)
		mark(e.name()+", after", f.at)
	}
}

// pause lets others go first, now and then.
func pause(r *rand.Rand) {
	switch r.IntN(12) {
	case 0:
		runtime.Gosched()
	case 1:
		for range 10 {
			runtime.Gosched()
		}
	case 2:
		time.Sleep(time.Duration(r.IntN(100)) * time.Microsecond)
	}
}
