package outline

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weft-trace/weft/server/analysis"
	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

func idNumber(id span.ID) uint64 { return binary.LittleEndian.Uint64(id[:]) }

// MaxName is the length of a name, in bytes, beyond which it is cut.
const MaxName = 1024

// A trace whose names, each once, take more than namesBytes has the others cut
// to shortName: nobody reads so many.
const (
	namesBytes = 32 << 20
	shortName  = 64
)

// read is what is read of a trace, in the order of blocks.
type read struct {
	analysis.Columns
	flags    []uint8
	names    []uint32
	services []uint32
	source   []uint32 // which span of the blocks each is; nil: span i
	seen     int      // spans read so far

	eventSpans []int32
	eventTimes []int64

	table       []string
	tableOf     map[string]uint32
	tableBytes  int
	serviceList []string
	serviceOf   map[string]uint32
	clocks      analysis.Clocks
}

func newRead(n int) *read {
	return &read{
		Columns: analysis.Columns{
			IDs: make([]span.ID, 0, n), Parents: make([]span.ID, 0, n), Starts: make([]int64, 0, n), Durations: make([]int64, 0, n),
			Kinds: make([]span.Kind, 0, n), Clocks: make([]uint32, 0, n), Once: true,
		},
		flags: make([]uint8, 0, n), names: make([]uint32, 0, n), services: make([]uint32, 0, n),
		tableOf: map[string]uint32{}, serviceOf: map[string]uint32{},
	}
}

// cutName makes a name short enough.
func cutName(name string, most int) string {
	if len(name) <= most {
		return name
	}
	for most -= len("…"); most > 0 && !utf8.RuneStart(name[most]); most-- {
	}
	return name[:most] + "…"
}

func (r *read) name(name string) uint32 {
	name = cutName(name, MaxName)
	id, ok := r.tableOf[name]
	if !ok && r.tableBytes > namesBytes {
		name = cutName(name, shortName)
		id, ok = r.tableOf[name]
	}
	if !ok {
		id, name = uint32(len(r.table)), strings.Clone(name) // of a block
		r.tableOf[name] = id
		r.table = append(r.table, name)
		r.tableBytes += len(name)
	}
	return id
}

func (r *read) service(name string) uint32 {
	name = cutName(name, MaxName)
	id, ok := r.serviceOf[name]
	if !ok {
		id, name = uint32(len(r.serviceList)), strings.Clone(name)
		r.serviceOf[name] = id
		r.serviceList = append(r.serviceList, name)
	}
	return id
}

// block reads rows of a block.
func (r *read) block(b *block.Block, rows []uint32) error {
	// All columns first: of a block that is damaged in one of them nothing is taken.
	ids, err := b.IDs()
	if err != nil {
		return err
	}
	parents, err := b.Parents()
	if err != nil {
		return err
	}
	starts, err := b.Starts()
	if err != nil {
		return err
	}
	durations, err := b.Durations()
	if err != nil {
		return err
	}
	kinds, err := b.Kinds()
	if err != nil {
		return err
	}
	statuses, err := b.Statuses()
	if err != nil {
		return err
	}
	names, err := b.Names()
	if err != nil {
		return err
	}
	resources, table, err := b.Resources()
	if err != nil {
		return err
	}
	events, err := b.EventRows()
	if err != nil {
		return err
	}
	links, err := b.LinkRows()
	if err != nil {
		return err
	}
	var times []int64
	if events != nil && len(r.eventSpans) < maxEvents {
		if times, err = b.EventTimes(); err != nil {
			return err
		}
	}
	type process struct{ service, clock, known uint32 }
	processes := make([]process, len(table))
	nameOf := make([]uint32, len(names.Dict)) // + 1
	for _, row := range rows {
		p := &processes[resources[row]]
		if p.known == 0 {
			res := table[resources[row]]
			*p = process{r.service(res.Service), r.clocks.Of(res), 1}
		}
		n := &nameOf[names.IDs[row]]
		if *n == 0 {
			*n = r.name(names.At(int(row))) + 1
		}
		flags := uint8(0)
		switch statuses[row] {
		case span.StatusError:
			flags |= FlagError
		case span.StatusOK:
			flags |= FlagOK
		}
		if count(events, row) > 0 {
			flags |= FlagEvents
			if times != nil {
				r.events(times[events[row]-count(events, row) : events[row]])
			}
		}
		if count(links, row) > 0 {
			flags |= FlagLinks
		}
		r.IDs = append(r.IDs, ids[row])
		r.Parents = append(r.Parents, parents[row])
		r.Starts = append(r.Starts, starts[row])
		r.Durations = append(r.Durations, durations[row])
		r.Kinds = append(r.Kinds, kinds[row])
		r.Clocks = append(r.Clocks, p.clock)
		r.services = append(r.services, p.service)
		r.names = append(r.names, *n-1)
		r.flags = append(r.flags, flags)
		if r.source != nil {
			r.source = append(r.source, uint32(r.seen))
		}
		r.seen++
	}
	return nil
}

// count returns how many events or links a row has, by where those of each row end.
func count(ends []uint32, row uint32) uint32 {
	switch {
	case ends == nil:
		return 0
	case row == 0:
		return ends[0]
	}
	return ends[row] - ends[row-1]
}

// maxEvents is of how many events the times are kept.
const maxEvents = 500_000

// events takes the times of the events of the span that is being read.
func (r *read) events(times []int64) {
	times = slices.Sorted(slices.Values(times))
	for _, at := range times[:min(len(times), spanEvents)] {
		r.eventSpans, r.eventTimes = append(r.eventSpans, int32(r.seen)), append(r.eventTimes, at)
	}
}

// drop leaves out the shortest spans, so that most are left. A span is seldom
// longer than its parent: so the upper part of the tree stays. A span that names
// no parent stays, too, however short.
func (r *read) drop(most int) {
	if r.source == nil {
		r.source = make([]uint32, len(r.IDs))
		for i := range r.source {
			r.source[i] = uint32(i)
		}
	}
	length := func(i int) int64 {
		if r.Parents[i].IsZero() {
			return math.MaxInt64
		}
		return r.Durations[i]
	}
	sorted := make([]int64, len(r.IDs))
	for i := range sorted {
		sorted[i] = length(i)
	}
	slices.Sort(sorted)
	least := sorted[len(sorted)-most] // as many, or more, are at least that long
	ties := most                      // of which so many are exactly that long
	for _, d := range sorted[len(sorted)-most:] {
		if d > least {
			ties--
		}
	}
	n := 0
	for i := range r.IDs {
		d := length(i)
		if d < least || d == least && ties == 0 {
			continue
		}
		if d == least {
			ties--
		}
		r.IDs[n], r.Parents[n], r.Starts[n], r.Durations[n], r.Kinds[n], r.Clocks[n] = r.IDs[i], r.Parents[i], r.Starts[i], r.Durations[i], r.Kinds[i], r.Clocks[i]
		r.flags[n], r.names[n], r.services[n], r.source[n] = r.flags[i], r.names[i], r.services[i], r.source[i]
		n++
	}
	r.IDs, r.Parents, r.Starts, r.Durations, r.Kinds, r.Clocks = r.IDs[:n], r.Parents[:n], r.Starts[:n], r.Durations[:n], r.Kinds[:n], r.Clocks[:n]
	r.flags, r.names, r.services, r.source = r.flags[:n], r.names[:n], r.services[:n], r.source[:n]
}

// rootRow finds the row that the trace began with: the first root that names no parent.
func (t *Trace) rootRow() {
	for row := 0; row < len(t.Parents); row += int(t.Sizes[row]) {
		if t.Outline.Odd[row]&(analysis.ParentMissing|analysis.OwnParent|analysis.Ring) == 0 {
			t.Root = row
			return
		}
	}
}

// sortServices puts the services into order.
func (t *Trace) sortServices() {
	order := make([]uint32, len(t.ServiceTable))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		a, b := &t.ServiceTable[x], &t.ServiceTable[y]
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Name, b.Name))
	})
	table, place := make([]Service, len(order)), make([]uint32, len(order))
	for i, k := range order {
		table[i], place[k] = t.ServiceTable[k], uint32(i)
	}
	t.ServiceTable = table
	for row, k := range t.Services {
		t.Services[row] = place[k]
	}
}
