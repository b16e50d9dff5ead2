package api

import (
	"encoding/binary"
	"hash/fnv"
	"strconv"

	"github.com/weft-trace/weft/server/outline"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
)

// How many spans a trace by columns has at most.
const (
	defaultRows = 100_000
	maxRows     = 1_000_000
	maxReveal   = 1000
)

func noTrace(id span.TraceID) *Problem {
	return notFound("trace %s: not found; it may be older than the retention, or on its way", id)
}

// columns answers with the outline of a trace, docs/format/columns.md.
func (a *API) columns(c *call) error {
	limit := c.limit("limit", defaultRows, maxRows)
	under, reveal := c.spanID("under", c.text("under")), []span.ID(nil)
	for _, s := range c.all("reveal") {
		reveal = append(reveal, c.spanID("reveal", s))
	}
	if len(reveal) > maxReveal {
		c.fail("reveal", "given %d times; give it at most %d times", len(reveal), maxReveal)
	}
	if err := c.done(); err != nil {
		return err
	}
	id, err := parseTraceID("id", c.r.PathValue("id"))
	if err != nil {
		return err
	}
	t, err := a.outlines.Read(c.ctx, id)
	if err != nil {
		return err
	}
	if t == nil {
		return noTrace(id)
	}
	logs, err := a.Store.Logs(c.ctx, id)
	if err != nil {
		return err
	}
	logged := map[span.ID]bool{}
	marks := uint64(0) // the same for the same spans
	for i := range logs {
		if at := logs[i].Span; !at.IsZero() && !logged[at] {
			logged[at] = true
			marks += binary.LittleEndian.Uint64(at[:]) * 0x9e3779b97f4a7c15
		}
	}
	sel := outline.Selection{Limit: limit, Under: -1}
	if !under.IsZero() {
		row, ok := t.Find(under)
		if !ok {
			return noSpan(id, under)
		}
		sel.Under = row
	}
	h := fnv.New64a()
	for _, n := range []uint64{t.Tag(), marks, uint64(limit), uint64(int64(sel.Under))} {
		h.Write(binary.LittleEndian.AppendUint64(nil, n))
	}
	for _, r := range reveal {
		h.Write(r[:])
		if row, ok := t.Find(r); ok {
			sel.Reveal = append(sel.Reveal, row)
		}
	}
	if c.has(`"columns-` + strconv.Itoa(t.Count) + "-" + strconv.FormatUint(h.Sum64(), 36) + `"`) {
		return nil
	}
	head, rest, err := t.Encode(t.Fold(sel), logged)
	if err != nil {
		return err
	}
	if err := c.bytes(outline.ContentType, head); err != nil {
		return err
	}
	return c.bytes(outline.ContentType, rest)
}

func noSpan(id span.TraceID, spanID span.ID) *Problem {
	return notFound("trace %s: it has no span %s", id, spanID)
}

// spanID reads a span id; the zero one if it is not there.
func (p *params) spanID(name, v string) (id span.ID) {
	if v == "" {
		return id
	}
	id, err := span.ParseID(v)
	if err != nil {
		p.fail(name, "%v", err)
	}
	return id
}

// span answers with one span of a trace, in full.
func (a *API) span(c *call) error {
	row := c.row("row")
	if err := c.done(); err != nil {
		return err
	}
	id, err := parseTraceID("id", c.r.PathValue("id"))
	if err != nil {
		return err
	}
	spanID, err := span.ParseID(c.r.PathValue("spanId"))
	if err != nil {
		return badParameter("spanId", "%v", err)
	}
	t, row, s, err := a.outlines.Span(c.ctx, id, spanID, row)
	switch {
	case err != nil:
		return err
	case t == nil:
		return noTrace(id)
	case s == nil:
		return noSpan(id, spanID)
	}
	if c.has(`"span-` + strconv.Itoa(row) + "-" + strconv.FormatUint(t.Tag(), 36) + `"`) {
		return nil
	}
	w := writer{relative: true, base: t.Start}
	w.b = append(w.b, `{"traceId":`...)
	w.b = reply.AppendTraceID(w.b, id)
	w.b = append(w.b, `,"startUnixNano":`...)
	w.b = reply.AppendQuoted(w.b, t.Start)
	w.b = append(w.b, `,"durationNanos":`...)
	w.b = strconv.AppendInt(w.b, t.End-t.Start, 10)
	w.b = append(w.b, `,"row":`...)
	w.b = strconv.AppendInt(w.b, int64(row), 10)
	w.b = append(w.b, `,"span":`...)
	w.span(s)
	b := w.b[:len(w.b)-1] // reopen the object
	depth := 0
	for p := t.Parents[row]; p >= 0; p = t.Parents[p] {
		depth++
	}
	b = append(b, `,"depth":`...)
	b = strconv.AppendInt(b, int64(depth), 10)
	b = append(b, `,"selfNanos":`...)
	b = strconv.AppendInt(b, t.SelfTime(row), 10)
	w.b = appendOddities(b, t.Shift(row), t.Outline.Odd[row].Texts(s, t.Shift(row)))
	if codes := t.Warnings(row); codes != nil {
		b := append(w.b[:len(w.b)-1], `,"warningCodes":[`...)
		for _, code := range codes {
			b = reply.AppendString(reply.Comma(b), code)
		}
		w.b = append(b, "]}"...)
	}
	w.b = appendTypes(w.b, s.Attrs)
	w.tables()
	return c.bytes("application/json", append(w.b, '}', '\n'))
}

// appendTypes writes the types of attributes that cannot be told from their
// JSON, as a further member of an object.
func appendTypes(b []byte, attrs []span.Attr) []byte {
	b = append(b, `,"types":{`...)
	for i := range attrs {
		v := &attrs[i].Value
		large := v.Type == span.Int && (v.Int() > maxSafe || v.Int() < -maxSafe)
		if _, twice := span.Get(attrs[:min(i, maxTwice)], attrs[i].Key); twice || !large && v.Type != span.Bytes && v.Type != span.Float {
			continue
		}
		b = reply.AppendKey(b, attrs[i].Key)
		b = append(b, '"')
		b = append(append(b, v.Type.String()...), '"')
	}
	return append(b, '}')
}

// find answers with the spans of a trace that fulfil a query.
func (a *API) find(c *call) error {
	q := c.query("q")
	limit := c.limit("limit", 1000, defaultRows)
	if err := c.done(); err != nil {
		return err
	}
	id, err := parseTraceID("id", c.r.PathValue("id"))
	if err != nil {
		return err
	}
	t, rows, err := a.outlines.Match(c.ctx, id, q.Matching)
	if err != nil {
		return err
	}
	if t == nil {
		return noTrace(id)
	}
	b := append([]byte(nil), `{"traceId":`...)
	b = reply.AppendTraceID(b, id)
	b = append(b, `,"query":`...)
	b = reply.AppendString(b, q.String())
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, int64(len(rows)), 10)
	b = append(b, `,"spans":[`...)
	for _, row := range rows[:min(limit, len(rows))] {
		b = append(reply.Comma(b), `{"spanId":`...)
		b = reply.AppendID(b, t.IDs[row])
		b = append(b, `,"row":`...)
		b = append(strconv.AppendInt(b, int64(row), 10), '}')
	}
	b = append(b, `],"partial":`...)
	b = strconv.AppendBool(b, t.Partial)
	if t.Partial {
		b = append(b, `,"why":`...)
		b = reply.AppendString(b, t.Why())
	}
	return c.bytes("application/json", append(b, '}', '\n'))
}

// row reads the number of a row; without one it is -1.
func (p *params) row(name string) int {
	v := p.text(name)
	if v == "" {
		return -1
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		p.fail(name, "%q; want a whole number from 0", v)
		return -1
	}
	return n
}
