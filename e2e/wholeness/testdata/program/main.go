// Wholeness runs random programs that know the true parent of every span. It is
// woven with a hook that gives open spans.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// An element is one way in which goroutines have to do with one another. use
// takes the flow through it, on the calling goroutine, which goes on afterwards.
type element interface {
	name() string
	use(f flow, level int, r *rand.Rand)
}

// A program is a number of elements that flows pass at random.
type program struct {
	elements []element
	open     sync.WaitGroup // flows
	quit     chan struct{}
}

// pick returns an element beyond level, or one that needs no level; nil if there
// is none.
func (p *program) pick(level int, r *rand.Rand) (element, int) {
	if r.IntN(4) == 0 {
		return directs[r.IntN(len(directs))], level
	}
	if level+1 >= len(p.elements) {
		return nil, 0
	}
	i := level + 1 + r.IntN(len(p.elements)-level-1)
	return p.elements[i], i
}

// A maker makes elements of one kind.
type maker struct {
	name string
	make func(p *program, level int, r *rand.Rand) func(f flow, r *rand.Rand)
}

// lazy is an element that is made by the first flow that comes along, as a part
// of it, or beforehand.
type lazy struct {
	label string
	level int
	once  sync.Once
	first *rand.Rand
	make  func(p *program, level int, r *rand.Rand) func(f flow, r *rand.Rand)
	do    func(f flow, r *rand.Rand)
}

func (e *lazy) name() string { return e.label }

func (e *lazy) start(p *program) {
	e.once.Do(func() { e.do = e.make(p, e.level, e.first) })
}

func (e *lazy) use(f flow, level int, r *rand.Rand) {
	e.start(f.p)
	e.do(f, r)
}

func newProgram(r *rand.Rand, only, start string) *program {
	p := &program{quit: make(chan struct{})}
	kinds := makers
	if only != "" {
		kinds = nil
		for _, m := range slices.Concat(makers, known) {
			if strings.Contains(","+only+",", ","+m.name+",") {
				kinds = append(kinds, m)
			}
		}
	}
	for i := range 4 + r.IntN(10) {
		m := kinds[r.IntN(len(kinds))]
		e := &lazy{label: m.name, level: i, first: rand.New(rand.NewPCG(r.Uint64(), 2)), make: m.make}
		p.elements = append(p.elements, e)
		if before := r.IntN(2) == 0; start == "before" || start == "" && before {
			e.start(p)
		}
	}
	return p
}

// run sends requests, and work that belongs to none, through the program.
func (p *program) run(r *rand.Rand) {
	var clients sync.WaitGroup
	for c := range 3 + r.IntN(3) {
		from := r.Uint64()
		clients.Go(func() {
			r := rand.New(rand.NewPCG(from, 3))
			for range 6 {
				f := flow{p: p, label: "request", seed: r.Uint64(), depth: 1 + r.IntN(4), level: -1}
				if c == 0 {
					f.label = "outside" // a goroutine that works for no request
					f.steps(f.label)
					continue
				}
				span("request", func(me where) {
					f.at = me
					if r.IntN(2) == 0 {
						f.steps("request, inside")
						return
					}
					var wait sync.WaitGroup
					p.open.Add(1)
					g := f
					wait.Go(g.run)
					f.seed++
					f.steps("request, inside")
					wait.Wait()
				}, 0)
				mark("request, after", 0)
			}
		})
	}
	clients.Wait()
	done := make(chan struct{})
	go func() {
		p.open.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		panic("flows are stuck")
	}
	close(p.quit)
}

func main() {
	seed := flag.Uint64("seed", 1, "of the program")
	only := flag.String("only", "", "kinds of elements, comma-separated")
	start := flag.String("start", "", "when elements are made: before the first request, inside one, or either")
	list := flag.Bool("list", false, "print the kinds of elements")
	flag.Parse()
	if *list {
		for _, m := range makers {
			fmt.Println(m.name)
		}
		for _, m := range known {
			fmt.Println("known: " + m.name)
		}
		return
	}
	r := rand.New(rand.NewPCG(*seed, 0))
	newProgram(r, *only, *start).run(r)
}
