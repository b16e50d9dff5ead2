package outline

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Selection says which rows of a trace to choose.
type Selection struct {
	Limit  int
	Under  int   // only this row and those below it; -1: all
	Reveal []int // these and their ancestors in any case
}

// Rows are some rows of a trace: closed upwards, so that the parent of each,
// but for that of Selection.Under, is among them.
type Rows struct {
	Under      int     // as in the Selection
	First, End int     // the rows of which were chosen: First up to and not including End
	List       []int32 // ascending
	Hidden     []int32 // how many rows below each are not chosen; nil: all are
	nearest    []int32 // by row from First on: the place in List of the row or its nearest ancestor there; -1: none. Nil: row First+k is at k
}

// maxRoots is how many roots are chosen before anything else is.
const maxRoots = 100

// The shares of the limit that the upper levels, the critical path and errors have.
const share = 4

// Fold chooses rows: all, if they are no more than the limit, else what docs/format/columns.md says.
func (t *Trace) Fold(sel Selection) *Rows {
	r := &Rows{Under: sel.Under, End: len(t.IDs)}
	if sel.Under >= 0 {
		r.First, r.End = sel.Under, sel.Under+int(t.Sizes[sel.Under])
	}
	n := r.End - r.First
	if n <= sel.Limit {
		r.List = make([]int32, n)
		for i := range r.List {
			r.List[i] = int32(r.First + i)
		}
		return r
	}
	f := folder{t: t, first: r.First, n: n, limit: sel.Limit, kept: make([]bool, n)}
	f.roots(sel.Reveal)
	f.levels()
	f.path()
	f.errors()
	f.rest()

	r.List = make([]int32, 0, f.count)
	r.nearest = make([]int32, n)
	for i := range n {
		if f.kept[i] {
			r.nearest[i] = int32(len(r.List))
			r.List = append(r.List, int32(r.First+i))
		} else if p := f.parent(i); p >= 0 {
			r.nearest[i] = r.nearest[p]
		} else {
			r.nearest[i] = -1
		}
	}
	r.Hidden = make([]int32, len(r.List)) // first: how many are chosen, the row included
	for k := len(r.List) - 1; k >= 0; k-- {
		r.Hidden[k]++
		if p := f.parent(int(r.List[k]) - r.First); p >= 0 {
			r.Hidden[r.nearest[p]] += r.Hidden[k]
		}
	}
	for k, row := range r.List {
		r.Hidden[k] = t.Sizes[row] - r.Hidden[k]
	}
	return r
}

// At returns the place of a row, or of its nearest ancestor, among the chosen ones; -1: none of them is.
func (r *Rows) At(row int) int32 {
	switch {
	case row < r.First || row >= r.End:
		return -1
	case r.nearest == nil:
		return int32(row - r.First)
	}
	return r.nearest[row-r.First]
}

// folder chooses rows. Rows are counted from first on.
type folder struct {
	t        *Trace
	first, n int
	limit    int
	kept     []bool
	count    int
}

func (f *folder) parent(i int) int {
	return max(int(f.t.Parents[f.first+i])-f.first, -1)
}

// keep chooses a row and its ancestors, if these are no more than most that
// were not yet.
func (f *folder) keep(i, most int) bool {
	n := 0
	for p := i; p >= 0 && !f.kept[p]; p = f.parent(p) {
		if n++; n > most {
			return false
		}
	}
	for p := i; p >= 0 && !f.kept[p]; p = f.parent(p) {
		f.kept[p] = true
	}
	f.count += n
	return true
}

func (f *folder) roots(reveal []int) {
	if root := f.t.Root - f.first; root >= 0 && root < f.n {
		f.keep(root, min(1, f.limit-f.count))
	}
	for i, k := 0, 0; i < f.n && k < maxRoots && f.count < f.limit; i, k = i+int(f.t.Sizes[f.first+i]), k+1 {
		f.keep(i, 1)
	}
	for _, row := range reveal {
		if i := row - f.first; i >= 0 && i < f.n {
			f.keep(i, f.n)
		}
	}
}

// levels chooses the whole levels from the top that do not take too much.
func (f *folder) levels() {
	depth := make([]int32, f.n)
	var counts []int
	for i := range depth {
		if p := f.parent(i); p >= 0 {
			depth[i] = depth[p] + 1
		}
		if int(depth[i]) == len(counts) {
			counts = append(counts, 0)
		}
		counts[depth[i]]++
	}
	sum, until := 0, int32(0)
	for _, n := range counts {
		if sum += n; sum > f.limit/share || f.count+sum > f.limit {
			break
		}
		until++
	}
	for i, d := range depth {
		if d < until && !f.kept[i] {
			f.kept[i] = true
			f.count++
		}
	}
}

// weighted is a row with what it is chosen by.
type weighted struct {
	weight float64
	row    int32
}

func heavier(a, b weighted) int {
	return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.row, b.row))
}

// heaviest moves the k heaviest to the front, in no order.
func heaviest(list []weighted, k int) {
	for len(list) > k && k > 0 {
		pivot := list[rand.IntN(len(list))]
		// [0, a) is heavier than the pivot, [a, b) not yet known.
		a, b := 0, len(list)
		for a < b {
			if heavier(list[a], pivot) < 0 {
				a++
			} else {
				b--
				list[a], list[b] = list[b], list[a]
			}
		}
		switch {
		case a == k:
			return
		case a > k:
			list = list[:a]
		case a == 0: // the pivot is the heaviest: rows differ, so it is one
			at := slices.Index(list, pivot)
			list[0], list[at] = list[at], list[0]
			list, k = list[1:], k-1
		default:
			list, k = list[a:], k-a
		}
	}
}

// maxMisses is how many rows with too many ancestors are passed over before
// no more are looked at.
const maxMisses = 64

// some chooses the heaviest of a list, with their ancestors, up to a share of the limit.
func (f *folder) some(list []weighted) {
	most := max(0, min(f.limit/share, f.limit-f.count))
	heaviest(list, most)
	list = list[:min(len(list), most)]
	slices.SortFunc(list, heavier)
	until := f.count + most
	misses := 0
	for _, w := range list {
		if f.count == until || misses == maxMisses {
			return
		}
		if !f.keep(int(w.row), until-f.count) {
			misses++
		}
	}
}

// weigh returns what rows are chosen by, of how many nanoseconds each is worth.
// Of siblings that are worth about the same, within a factor of two, some stand
// for all: together they are worth T, and the first one weighs T, the second T/2,
// the third T/3, in an order that goes evenly through all of them. So those of
// which each is worth more than the lightest row that is chosen are all chosen,
// and of others as many as they are worth together.
func (f *folder) weigh(worth []int64) []float64 {
	weights := make([]float64, f.n)
	type group struct {
		sum     float64
		n, next int
	}
	var groups [65]group // by the length of the number
	siblings := func(from, end int) {
		clear(groups[:])
		for i := from; i < end; i += int(f.t.Sizes[f.first+i]) {
			g := &groups[bits.Len64(uint64(worth[i]))]
			g.sum += float64(worth[i])
			g.n++
		}
		for i := from; i < end; i += int(f.t.Sizes[f.first+i]) {
			g := &groups[bits.Len64(uint64(worth[i]))]
			weights[i] = max(float64(worth[i]), g.sum/float64(evenly(g.next, g.n)+1))
			g.next++
		}
	}
	siblings(0, f.n)
	for i := range f.n {
		if size := int(f.t.Sizes[f.first+i]); size == 2 {
			weights[i+1] = float64(worth[i+1])
		} else if size > 2 {
			siblings(i+1, i+size)
		}
	}
	return weights
}

// worthOf chooses the heaviest of the rows that are worth something, up to a share of the limit.
func (f *folder) worthOf(worth []int64) {
	var list []weighted
	for i, w := range f.weigh(worth) {
		if w > 0 && !f.kept[i] {
			list = append(list, weighted{w, int32(i)})
		}
	}
	f.some(list)
}

func (f *folder) path() {
	on := make([]int64, f.n)
	for k, v := range f.t.PathRows {
		if i := int(v>>1) - f.first; v&1 == 0 && i >= 0 && i < f.n {
			on[i] += f.t.PathUntil(k) - f.t.PathFrom[k]
		}
	}
	f.worthOf(on)
}

func (f *folder) errors() {
	failed := make([]int64, f.n)
	for i := range f.n {
		if f.t.Flags[f.first+i]&FlagError != 0 {
			failed[i] = f.t.Durations[f.first+i] + 1
		}
	}
	f.worthOf(failed)
}

// rest chooses the heaviest of what is left.
func (f *folder) rest() {
	k := f.limit - f.count
	if k <= 0 {
		return
	}
	worth := make([]int64, f.n)
	for i := range worth {
		worth[i] = f.t.Durations[f.first+i] + 1 // a nanosecond for being there: of spans without a duration some are chosen, too
	}
	weights := f.weigh(worth)
	list := make([]weighted, 0, f.n-f.count)
	for i := f.n - 1; i >= 0; i-- { // a row is as heavy as the heaviest below it
		if p := f.parent(i); p >= 0 {
			weights[p] = max(weights[p], weights[i])
		}
		if !f.kept[i] {
			list = append(list, weighted{weights[i], int32(i)})
		}
	}
	heaviest(list, k)
	list = list[:min(k, len(list))]
	for _, w := range list {
		f.kept[w.row] = true
	}
	f.count += len(list)
}

// evenly returns the place of i, of n, in an order of which every beginning is
// spread evenly: that of the bits of i turned round.
func evenly(i, n int) int {
	k := bits.Len(uint(n - 1))
	if k == 0 {
		return 0
	}
	return int(bits.Reverse64(uint64(i))>>(64-k)) * n >> k
}
