package analysis

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/weft-trace/weft/server/span"
)

// Comparison is how trace B differs from trace A.
type Comparison struct {
	DurationA, DurationB int64             // of the whole traces, nanoseconds
	Pairs                []Pair            // top down, as the merged trees show them
	Matched              int               // spans that are in both
	Removed, Added       int               // spans that are only in A, only in B
	Operations           []OperationChange // the greatest change of self time first
}

// Pair is a span of A with its counterpart in B. They match if their parents
// do, service, name and kind are the same, and they are the n-th such child.
type Pair struct {
	A, B  int // in the trees' Spans; -1: it is only in the other one
	Depth int
	// Slower is how much longer the span took in B, nanoseconds; negative:
	// shorter. SlowerSelf is the same for its self time. Both are 0 if A or B is -1.
	Slower, SlowerSelf int64
}

// OperationChange is how the spans of one operation differ.
type OperationChange struct {
	Service, Name        string
	Kind                 span.Kind
	CountA, CountB       int
	DurationA, DurationB int64 // sums, nanoseconds
	SelfA, SelfB         int64 // sums of the self times
	ErrorsA, ErrorsB     int
}

type operation struct {
	service, name string
	kind          span.Kind
}

func operationOf(s *span.Span) operation { return operation{s.Service(), s.Name, s.Kind} }

// form is what a span and those below it look like, as hashes: of what is alike
// they are equal.
type form struct {
	whole    uint64 // the operations of all that is below it
	children uint64 // the operations of its children
	own      uint64 // its own operation
}

// forms returns the form of each span.
func (t *Tree) forms(seed maphash.Seed) []form {
	forms := make([]form, len(t.Spans))
	for i := len(t.Spans) - 1; i >= 0; i-- { // children before their parents
		f := &forms[i]
		f.own = maphash.Comparable(seed, operationOf(t.Spans[i].Span))
		var below, beside uint64 // sums, as the order of siblings is chance
		for _, child := range t.Spans[i].Children {
			below += forms[child].whole
			beside += forms[child].own
		}
		f.whole = maphash.Comparable(seed, [2]uint64{f.own, below})
		f.children = maphash.Comparable(seed, [2]uint64{f.own, beside})
	}
	return forms
}

// matches returns for each of the siblings listA its counterpart among listB,
// or none. Of those with the same operation the ones are taken that are alike in
// all that is below them, then those with the same children, then any; always in
// their order.
func matches(formsA, formsB []form, listA, listB []int) []int {
	partner := slices.Repeat([]int{none}, len(listA))
	taken := make([]bool, len(listB))
	for _, alike := range []func(form) uint64{
		func(f form) uint64 { return f.whole },
		func(f form) uint64 { return f.children },
		func(f form) uint64 { return f.own },
	} {
		free := map[uint64][]int{} // in listB, in order
		for k, j := range listB {
			if !taken[k] {
				h := alike(formsB[j])
				free[h] = append(free[h], k)
			}
		}
		for k, i := range listA {
			if h := alike(formsA[i]); partner[k] == none && len(free[h]) > 0 {
				partner[k], taken[free[h][0]] = listB[free[h][0]], true
				free[h] = free[h][1:]
			}
		}
	}
	return partner
}

// Compare compares two traces.
func Compare(a, b *Tree) Comparison {
	c := Comparison{DurationA: a.End - a.Start, DurationB: b.End - b.Start}
	selfA, selfB := a.SelfTimes(), b.SelfTimes()
	seed := maphash.MakeSeed()
	formsA, formsB := a.forms(seed), b.forms(seed)
	type todo struct {
		a, b  int
		depth int
	}
	var stack []todo
	// push puts the pairs of two lists of siblings on the stack, in the order of
	// A, what is only in B after the sibling that it follows there.
	push := func(listA, listB []int, depth int) {
		if len(listA)+len(listB) == 0 {
			return
		}
		partner := matches(formsA, formsB, listA, listB)
		pairs := make([]todo, 0, max(len(listA), len(listB)))
		of := map[int]int{} // by the span of B: its index in pairs
		for k, i := range listA {
			if partner[k] != none {
				of[partner[k]] = len(pairs)
			}
			pairs = append(pairs, todo{i, partner[k], depth})
		}
		after := map[int][]todo{} // what is only in B, by the index in pairs that it follows
		last := -1
		for _, j := range listB {
			if k, ok := of[j]; ok {
				last = k
			} else {
				after[last] = append(after[last], todo{none, j, depth})
			}
		}
		merged := slices.Clone(after[-1])
		for k, p := range pairs {
			merged = append(append(merged, p), after[k]...)
		}
		slices.Reverse(merged)
		stack = append(stack, merged...)
	}
	push(a.Roots, b.Roots, 0)
	for len(stack) > 0 {
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		p := Pair{A: d.a, B: d.b, Depth: d.depth}
		var kidsA, kidsB []int
		switch {
		case d.b == none:
			c.Removed++
			kidsA = a.Spans[d.a].Children
		case d.a == none:
			c.Added++
			kidsB = b.Spans[d.b].Children
		default:
			c.Matched++
			p.Slower = b.Spans[d.b].Span.Duration - a.Spans[d.a].Span.Duration
			p.SlowerSelf = selfB[d.b] - selfA[d.a]
			kidsA, kidsB = a.Spans[d.a].Children, b.Spans[d.b].Children
		}
		c.Pairs = append(c.Pairs, p)
		push(kidsA, kidsB, d.depth+1)
	}
	changes := map[operation]*OperationChange{}
	change := func(s *span.Span) *OperationChange {
		o := operationOf(s)
		ch := changes[o]
		if ch == nil {
			ch = &OperationChange{Service: o.service, Name: o.name, Kind: o.kind}
			changes[o] = ch
		}
		return ch
	}
	for i := range a.Spans {
		s := a.Spans[i].Span
		ch := change(s)
		ch.CountA++
		ch.DurationA += s.Duration
		ch.SelfA += selfA[i]
		if s.Status == span.StatusError {
			ch.ErrorsA++
		}
	}
	for i := range b.Spans {
		s := b.Spans[i].Span
		ch := change(s)
		ch.CountB++
		ch.DurationB += s.Duration
		ch.SelfB += selfB[i]
		if s.Status == span.StatusError {
			ch.ErrorsB++
		}
	}
	for _, ch := range changes {
		c.Operations = append(c.Operations, *ch)
	}
	abs := func(n int64) int64 { return max(n, -n) }
	slices.SortFunc(c.Operations, func(x, y OperationChange) int {
		return cmp.Or(cmp.Compare(abs(y.SelfB-y.SelfA), abs(x.SelfB-x.SelfA)), cmp.Compare(x.Service, y.Service), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Kind, y.Kind))
	})
	return c
}
