package transfer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/weft-trace/weft/server/span"
)

// row is a span as Parquet has it. Names are those of OTLP's fields; columns
// that are nil, empty or 0 for most spans are optional.
type row struct {
	TraceID           string  `parquet:"trace_id"`
	SpanID            string  `parquet:"span_id"`
	ParentSpanID      string  `parquet:"parent_span_id,optional"`
	ServiceName       string  `parquet:"service_name,dict"`
	Name              string  `parquet:"name,dict"`
	Kind              string  `parquet:"kind,dict"`
	StartTime         int64   `parquet:"start_time,timestamp(microsecond)"` // for people; what follows is exact
	Start             int64   `parquet:"start_time_unix_nano"`
	Duration          int64   `parquet:"duration_nano"`
	StatusCode        string  `parquet:"status_code,dict"`
	StatusMessage     string  `parquet:"status_message,optional,dict"`
	Attributes        string  `parquet:"attributes,json"`
	Events            []event `parquet:"events,list"`
	Links             []link  `parquet:"links,list"`
	TraceState        string  `parquet:"trace_state,optional,dict"`
	Flags             uint32  `parquet:"flags,optional"`
	DroppedAttributes uint32  `parquet:"dropped_attributes_count,optional"`
	DroppedEvents     uint32  `parquet:"dropped_events_count,optional"`
	DroppedLinks      uint32  `parquet:"dropped_links_count,optional"`

	Resource          string `parquet:"resource_attributes,json,dict"`
	ResourceDropped   uint32 `parquet:"resource_dropped_attributes_count,optional"`
	ResourceSchemaURL string `parquet:"resource_schema_url,optional,dict"`
	ScopeName         string `parquet:"scope_name,optional,dict"`
	ScopeVersion      string `parquet:"scope_version,optional,dict"`
	Scope             string `parquet:"scope_attributes,json,dict"`
	ScopeDropped      uint32 `parquet:"scope_dropped_attributes_count,optional"`
	ScopeSchemaURL    string `parquet:"scope_schema_url,optional,dict"`
}

type event struct {
	Time       int64  `parquet:"time_unix_nano"`
	Name       string `parquet:"name"`
	Attributes string `parquet:"attributes,json"`
	Dropped    uint32 `parquet:"dropped_attributes_count"`
}

type link struct {
	TraceID    string `parquet:"trace_id"`
	SpanID     string `parquet:"span_id"`
	TraceState string `parquet:"trace_state"`
	Flags      uint32 `parquet:"flags"`
	Attributes string `parquet:"attributes,json"`
	Dropped    uint32 `parquet:"dropped_attributes_count"`
}

// What a row group is limited to: it is built in memory.
const (
	groupRows  = 64 << 10
	groupBytes = 32 << 20 // of attributes and events
)

type parquetWriter struct {
	w     *parquet.GenericWriter[row]
	rows  []row
	n     int // rows and bytes of the row group
	bytes int
}

func newParquetWriter(w io.Writer) *parquetWriter {
	return &parquetWriter{w: parquet.NewGenericWriter[row](w,
		parquet.Compression(&parquet.Zstd), parquet.CreatedBy("weft", "", ""), parquet.DataPageStatistics(true),
		// attributes are long and no use as bounds
		parquet.SkipPageBounds("attributes"), parquet.SkipPageBounds("resource_attributes"), parquet.SkipPageBounds("scope_attributes"))}
}

func (p *parquetWriter) write(spans []span.Span) error {
	p.rows = slices.Grow(p.rows[:0], len(spans))[:len(spans)]
	for i := range spans {
		r := &p.rows[i]
		*r = toRow(&spans[i])
		p.bytes += len(r.Attributes) + 64
		for k := range r.Events {
			p.bytes += len(r.Events[k].Attributes) + 64
		}
	}
	if _, err := p.w.Write(p.rows); err != nil {
		return err
	}
	if p.n += len(spans); p.n >= groupRows || p.bytes >= groupBytes {
		p.n, p.bytes = 0, 0
		return p.w.Flush()
	}
	return nil
}

func (p *parquetWriter) close() error { return p.w.Close() }

func toRow(s *span.Span) row {
	r := row{
		TraceID: s.TraceID.String(), SpanID: s.ID.String(), ServiceName: s.Service(), Name: s.Name, Kind: s.Kind.String(), StartTime: s.Start / 1000, Start: s.Start, Duration: s.Duration,
		StatusCode: s.Status.String(), StatusMessage: s.Message, Attributes: attrsJSON(s.Attrs), TraceState: s.State, Flags: s.Flags,
		DroppedAttributes: s.DroppedAttrs, DroppedEvents: s.DroppedEvents, DroppedLinks: s.DroppedLinks,
		Resource: attrsJSON(s.Resource.Attrs), ResourceDropped: s.Resource.Dropped, ResourceSchemaURL: s.Resource.SchemaURL,
		ScopeName: s.Scope.Name, ScopeVersion: s.Scope.Version, Scope: attrsJSON(s.Scope.Attrs), ScopeDropped: s.Scope.Dropped, ScopeSchemaURL: s.Scope.SchemaURL,
	}
	if !s.Parent.IsZero() {
		r.ParentSpanID = s.Parent.String()
	}
	for i := range s.Events {
		e := &s.Events[i]
		r.Events = append(r.Events, event{Time: e.Time, Name: e.Name, Attributes: attrsJSON(e.Attrs), Dropped: e.Dropped})
	}
	for i := range s.Links {
		l := &s.Links[i]
		r.Links = append(r.Links, link{TraceID: l.TraceID.String(), SpanID: l.ID.String(), TraceState: l.State, Flags: l.Flags, Attributes: attrsJSON(l.Attrs), Dropped: l.Dropped})
	}
	return r
}

// fromRow is the inverse of toRow. Resources and scopes are made anew: who
// stores them finds equal ones.
func fromRow(r *row) (s span.Span, err error) {
	s = span.Span{
		Name: r.Name, Start: r.Start, Duration: max(r.Duration, 0), Message: r.StatusMessage, State: r.TraceState, Flags: r.Flags,
		DroppedAttrs: r.DroppedAttributes, DroppedEvents: r.DroppedEvents, DroppedLinks: r.DroppedLinks,
		Resource: &span.Resource{Service: r.ServiceName, Dropped: r.ResourceDropped, SchemaURL: r.ResourceSchemaURL},
		Scope:    &span.Scope{Name: r.ScopeName, Version: r.ScopeVersion, Dropped: r.ScopeDropped, SchemaURL: r.ScopeSchemaURL},
	}
	if s.TraceID, err = span.ParseTraceID(r.TraceID); err != nil {
		return s, err
	}
	if s.ID, err = span.ParseID(r.SpanID); err != nil {
		return s, err
	}
	if r.ParentSpanID != "" {
		if s.Parent, err = span.ParseID(r.ParentSpanID); err != nil {
			return s, fmt.Errorf("parent: %w", err)
		}
	}
	var ok bool
	if s.Kind, ok = span.ParseKind(r.Kind); !ok && r.Kind != "" {
		return s, fmt.Errorf("kind %q: unknown; use internal, server, client, producer, consumer or unspecified", r.Kind)
	}
	if s.Status, ok = span.ParseStatus(r.StatusCode); !ok && r.StatusCode != "" {
		return s, fmt.Errorf("status %q: unknown; use unset, ok or error", r.StatusCode)
	}
	if s.Attrs, err = parseAttrs(r.Attributes); err != nil {
		return s, fmt.Errorf("attributes: %w", err)
	}
	if s.Resource.Attrs, err = parseAttrs(r.Resource); err != nil {
		return s, fmt.Errorf("resource_attributes: %w", err)
	}
	if v, ok := span.Get(s.Resource.Attrs, "service.name"); ok && v.Type == span.String {
		s.Resource.Service = v.Str
	} else if s.Resource.Service != "" {
		s.Resource.Attrs = append(s.Resource.Attrs, span.Attr{Key: "service.name", Value: span.StringValue(s.Resource.Service)})
	}
	if s.Scope.Attrs, err = parseAttrs(r.Scope); err != nil {
		return s, fmt.Errorf("scope_attributes: %w", err)
	}
	for i := range r.Events {
		e := &r.Events[i]
		attrs, err := parseAttrs(e.Attributes)
		if err != nil {
			return s, fmt.Errorf("event %d: attributes: %w", i, err)
		}
		s.Events = append(s.Events, span.Event{Time: e.Time, Name: e.Name, Attrs: attrs, Dropped: e.Dropped})
	}
	for i := range r.Links {
		l := &r.Links[i]
		o := span.Link{State: l.TraceState, Flags: l.Flags, Dropped: l.Dropped}
		if b, err := hex.DecodeString(l.TraceID); err != nil || copy(o.TraceID[:], b) != len(o.TraceID) {
			return s, fmt.Errorf("link %d: trace id %q; want 32 hex digits", i, l.TraceID)
		}
		if b, err := hex.DecodeString(l.SpanID); err != nil || copy(o.ID[:], b) != len(o.ID) {
			return s, fmt.Errorf("link %d: span id %q; want 16 hex digits", i, l.SpanID)
		}
		if o.Attrs, err = parseAttrs(l.Attributes); err != nil {
			return s, fmt.Errorf("link %d: attributes: %w", i, err)
		}
		s.Links = append(s.Links, o)
	}
	return s, nil
}

// importParquet reads a Parquet file.
func (i *importer) parquet(ctx context.Context, r io.ReaderAt, size int64) (err error) {
	defer func() {
		if v := recover(); v != nil { // the library panics on some broken files
			err = fmt.Errorf("broken Parquet: %v; write the file anew", v)
		}
	}()
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("not a Parquet file: %w", err)
	}
	for _, name := range []string{"trace_id", "span_id", "name", "start_time_unix_nano", "duration_nano"} {
		if _, ok := f.Schema().Lookup(name); !ok {
			return fmt.Errorf("column %s is missing; the file needs the columns that weft's own exports have", name)
		}
	}
	p := parquet.NewGenericReader[row](f)
	defer p.Close()
	rows := make([]row, 256)
	spans := make([]span.Span, 0, len(rows))
	at := int64(0)
	for {
		clear(rows)
		n, err := p.Read(rows)
		spans = spans[:0]
		for k := range rows[:n] {
			at++
			s, err := fromRow(&rows[k])
			if err != nil {
				i.reject(1, fmt.Sprintf("row %d: %v", at, err))
				continue
			}
			spans = append(spans, s)
		}
		// Bytes of a file that is read at random: as far as its rows are.
		i.read = func() int64 { return int64(float64(size) * float64(at) / float64(max(f.NumRows(), 1))) }
		if err := i.add(spans); err != nil {
			return fmt.Errorf("row %d: %w", at, err)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("row %d: broken Parquet: %w; write the file anew", at, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
