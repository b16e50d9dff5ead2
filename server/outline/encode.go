package outline

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"

	"github.com/weft-trace/weft/server/span"
)

// ContentType is that of a trace by columns.
const ContentType = "application/vnd.weft.columns"

const magic = "WEFTCOL1"

// header is the header of a trace by columns.
type header struct {
	TraceID       string          `json:"traceId"`
	StartUnixNano string          `json:"startUnixNano"`
	DurationNanos int64           `json:"durationNanos"`
	RootService   string          `json:"rootService"`
	RootName      string          `json:"rootName"`
	SpanCount     int             `json:"spanCount"`
	ErrorCount    int             `json:"errorCount"`
	Services      []headerService `json:"services"`
	Under         string          `json:"under,omitempty"`
	Rows          int             `json:"rows"`
	Hidden        int             `json:"hidden"`
	Names         []string        `json:"names"`
	Critical      int             `json:"critical"`
	Warnings      []headerWarning `json:"warnings,omitempty"`
	Partial       bool            `json:"partial,omitempty"`
	Why           string          `json:"why,omitempty"`
	Columns       []headerColumn  `json:"columns"`
}

type headerService struct {
	Name       string `json:"name"`
	SpanCount  int    `json:"spanCount"`
	ErrorCount int    `json:"errorCount"`
}

type headerWarning struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
}

type headerColumn struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Count  int    `json:"count"`
	Offset int    `json:"offset"`
}

// columns puts columns one after another.
type columns struct {
	list []headerColumn // Offset: from the first column
	data []byte
}

func (c *columns) begin(name, typ string, count int) {
	for len(c.data)%8 != 0 {
		c.data = append(c.data, 0)
	}
	c.list = append(c.list, headerColumn{name, typ, count, len(c.data)})
}

// uints puts a column of unsigned integers, which are at most most.
func (c *columns) uints(name string, count int, most uint32, at func(i int) uint32) {
	switch {
	case most <= math.MaxUint8:
		c.begin(name, "u8", count)
		for i := range count {
			c.data = append(c.data, byte(at(i)))
		}
	case most <= math.MaxUint16:
		c.begin(name, "u16", count)
		for i := range count {
			c.data = binary.LittleEndian.AppendUint16(c.data, uint16(at(i)))
		}
	default:
		c.begin(name, "u32", count)
		for i := range count {
			c.data = binary.LittleEndian.AppendUint32(c.data, at(i))
		}
	}
}

func (c *columns) ints(name string, count int, at func(i int) int32) {
	c.begin(name, "i32", count)
	for i := range count {
		c.data = binary.LittleEndian.AppendUint32(c.data, uint32(at(i)))
	}
}

func (c *columns) floats(name string, count int, at func(i int) float64) {
	c.begin(name, "f64", count)
	for i := range count {
		c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(at(i)))
	}
}

// Encode returns rows of the trace by columns, in two parts that follow one
// another. logged are the spans that log records name; nil: none.
func (t *Trace) Encode(r *Rows, logged map[span.ID]bool) (head, rest []byte, err error) {
	root := t.Root
	h := header{
		TraceID: t.ID.String(), StartUnixNano: strconv.FormatInt(t.Start, 10), DurationNanos: t.End - t.Start,
		RootService: t.ServiceTable[t.Services[root]].Name, RootName: t.NameTable[t.Names[root]],
		SpanCount: t.Count, ErrorCount: t.Errors, Rows: len(r.List), Hidden: r.End - r.First - len(r.List), Partial: t.Partial,
	}
	if t.Partial {
		h.Why = t.Why()
	}
	if r.Under >= 0 {
		h.Under = t.IDs[r.Under].String()
	}
	for _, s := range t.ServiceTable {
		h.Services = append(h.Services, headerService{s.Name, s.Spans, s.Errors})
	}
	for k, n := range t.Odd {
		if n > 0 {
			h.Warnings = append(h.Warnings, headerWarning{oddities[k].code, n})
		}
	}
	n := len(r.List)
	c := columns{data: make([]byte, 0, n*44+1024)}
	c.begin("id", "bytes8", n)
	for _, row := range r.List {
		c.data = append(c.data, t.IDs[row][:]...)
	}
	c.ints("parent", n, func(i int) int32 {
		if p := int(t.Parents[r.List[i]]); p >= r.First {
			return r.At(p)
		}
		return -1
	})
	c.floats("start", n, func(i int) float64 { return float64(t.Offsets[r.List[i]]) })
	c.floats("duration", n, func(i int) float64 { return float64(t.Durations[r.List[i]]) })
	c.begin("covered", "f32", n) // most spans have no children: zeros take no room on the way
	for _, row := range r.List {
		c.data = binary.LittleEndian.AppendUint32(c.data, math.Float32bits(t.Covered[row]))
	}
	place := make([]uint32, len(t.NameTable)) // + 1
	for _, row := range r.List {
		if id := t.Names[row]; place[id] == 0 {
			h.Names = append(h.Names, t.NameTable[id])
			place[id] = uint32(len(h.Names))
		}
	}
	c.uints("name", n, uint32(len(h.Names)-1), func(i int) uint32 { return place[t.Names[r.List[i]]] - 1 })
	c.uints("service", n, uint32(len(h.Services)-1), func(i int) uint32 { return t.Services[r.List[i]] })
	c.begin("kind", "u8", n)
	for _, row := range r.List {
		c.data = append(c.data, byte(t.Kinds[row]))
	}
	c.begin("flags", "u8", n)
	for _, row := range r.List {
		flags := t.Flags[row]
		if logged != nil && logged[t.IDs[row]] {
			flags |= FlagLogs
		}
		c.data = append(c.data, flags)
	}
	if r.Hidden != nil {
		most := int32(0)
		for _, k := range r.Hidden {
			most = max(most, k)
		}
		c.uints("hidden", n, uint32(most), func(i int) uint32 { return uint32(r.Hidden[i]) })
	}
	if r.Hidden != nil || r.Under > 0 {
		c.uints("at", n, uint32(r.List[n-1]), func(i int) uint32 { return uint32(r.List[i]) })
	}
	h.Critical = t.encodePath(&c, r)
	t.encodeEvents(&c, r)
	head, err = h.encode(c.list)
	return head, c.data, err
}

// encodePath puts the columns of the critical path and returns how many pieces it has.
func (t *Trace) encodePath(c *columns, r *Rows) int {
	type piece struct {
		row    int32
		idle   byte
		length int64
	}
	var path []piece
	longest, idle := int64(0), false
	for k, v := range t.PathRows {
		row := int(v >> 1)
		p := piece{-1, byte(v & 1), t.PathUntil(k) - t.PathFrom[k]}
		if row >= 0 {
			p.row = r.At(row)
		}
		if p.row < 0 || int(r.List[p.row]) != row {
			p.idle = 0 // something that is not sent was running, or handed on
		}
		if row < 0 && r.Under < 0 {
			p.idle = 1
		}
		if n := len(path); n > 0 && path[n-1].row == p.row && path[n-1].idle == p.idle {
			path[n-1].length += p.length
		} else {
			path = append(path, p)
		}
	}
	for i := range path {
		p := &path[i]
		if p.row >= 0 && p.length == t.Durations[r.List[p.row]] {
			p.length = 0 // as long as the row: known, and so most of the path takes no room
		}
		longest, idle = max(longest, p.length), idle || p.idle == 1
	}
	n := len(path)
	c.ints("pathRow", n, func(i int) int32 { return path[i].row })
	if longest <= math.MaxUint32 {
		c.uints("pathLength", n, uint32(longest), func(i int) uint32 { return uint32(path[i].length) })
	} else {
		c.floats("pathLength", n, func(i int) float64 { return float64(path[i].length) })
	}
	if idle {
		c.begin("pathIdle", "u8", n)
		for i := range path {
			c.data = append(c.data, path[i].idle)
		}
	}
	return n
}

// How many events are sent: of one span, and together.
const (
	spanEvents = 16
	rowEvents  = 100_000
)

// encodeEvents puts the times of events. If there are too many, of every span
// fewer are sent.
func (t *Trace) encodeEvents(c *columns, r *Rows) {
	if len(t.EventSpans) == 0 {
		return
	}
	first := make(map[int32]int32) // by span: where its events begin
	for k, at := range t.EventSpans {
		if k == 0 || t.EventSpans[k-1] != at {
			first[at] = int32(k)
		}
	}
	// of calls f with the events of each row, at most most.
	of := func(most int, f func(i int, events []int64)) {
		for i, row := range r.List {
			if t.Flags[row]&FlagEvents == 0 {
				continue
			}
			from, ok := first[t.Outline.Spans[row]]
			if !ok {
				continue
			}
			until := from
			for int(until) < len(t.EventSpans) && t.EventSpans[until] == t.Outline.Spans[row] && int(until-from) < most {
				until++
			}
			f(i, t.EventTimes[from:until])
		}
	}
	most, n := 2*spanEvents, rowEvents+1
	for n > rowEvents && most > 1 {
		most /= 2
		n = 0
		of(most, func(_ int, events []int64) { n += len(events) })
	}
	rows, times := make([]uint32, 0, min(n, rowEvents)), make([]int64, 0, min(n, rowEvents))
	of(most, func(i int, events []int64) {
		for _, at := range events {
			if len(rows) < rowEvents {
				rows, times = append(rows, uint32(i)), append(times, at+t.Shift(int(r.List[i]))-t.Start)
			}
		}
	})
	if len(rows) > 0 {
		c.uints("eventRow", len(rows), rows[len(rows)-1], func(i int) uint32 { return rows[i] })
		c.floats("eventTime", len(rows), func(i int) float64 { return float64(times[i]) })
	}
}

// encode returns the beginning of a file: all up to the first column.
func (h *header) encode(list []headerColumn) ([]byte, error) {
	// How long the header is depends on the offsets in it, and they on that: by a few digits.
	for size := 0; ; {
		h.Columns = h.Columns[:0]
		for _, c := range list {
			c.Offset += len(magic) + 8 + size
			h.Columns = append(h.Columns, c)
		}
		b, err := json.Marshal(h)
		if err != nil {
			return nil, err
		}
		if len(b) > size {
			size = (len(b) + 7) &^ 7
			continue
		}
		for len(b) < size {
			b = append(b, ' ')
		}
		out := append(make([]byte, 0, 16+len(b)), magic...)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(b)))
		out = binary.LittleEndian.AppendUint32(out, 0)
		return append(out, b...), nil
	}
}
