package otlp

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// Limits bounds what one request may hold. Zero values mean the defaults.
// What goes beyond a limit is rejected with a reason; the rest is kept.
type Limits struct {
	Depth      int // levels of arrays and maps in one value; 32
	Attributes int // of one span, event, link, log record, data point, scope or resource; 1,024
	Events     int // of one span; 8,192
	Links      int // of one span; 8,192
	Items      int // spans, log records or data points of one request; 131,072
	Values     int // attributes, events, links, buckets and quantiles of one request; 1,048,576
}

// NoLimits is for requests that were checked when they came in and are read
// again: what a client was told is kept must not fall to a limit later.
var NoLimits = Limits{Depth: 10_000, Attributes: math.MaxInt, Events: math.MaxInt, Links: math.MaxInt, Items: math.MaxInt, Values: math.MaxInt}

func (l Limits) orDefaults() Limits {
	return Limits{
		Depth:      cmp.Or(l.Depth, 32),
		Attributes: cmp.Or(l.Attributes, 1024),
		Events:     cmp.Or(l.Events, 8192),
		Links:      cmp.Or(l.Links, 8192),
		Items:      cmp.Or(l.Items, 1<<17),
		Values:     cmp.Or(l.Values, 1<<20),
	}
}

// A Decoder decodes export requests. It reuses its memory: what a method
// returns is valid until the next call of any method, and strings alias the
// request, which must not change for as long as they are in use. The zero
// value is ready. A Decoder is not for concurrent use.
type Decoder struct {
	Limits Limits // set before use

	limits  Limits // with defaults filled in
	cap     int    // of the request, to tell offsets
	size    int    // of the request
	message string // name of the request's type

	spans     []span.Span
	logs      []span.Log
	points    []aggregate.Point
	attrs     []span.Attr // of spans and log records
	inner     []span.Attr // of events, links, scopes, resources: apart, because a span's own may come in between
	events    []span.Event
	links     []span.Link
	floats    []float64 // bounds of histograms
	counts    []uint64  // of their buckets
	quantiles []aggregate.Quantile
	resources []*span.Resource
	scopes    []*span.Scope
	nresource int // resources and scopes in use
	nscope    int
	pieces    []byte // arrays and maps that came in several pieces, from joined on the last one, or in JSON
	joined    int
	json      wire.Scanner

	refusal  string // why the current item is rejected, "" if it is not
	rejected int
	reason   string // for the first rejected item
}

// arenas beyond these sizes are dropped when a request needed much less than the one that made them.
const (
	keepItems = 1 << 14
	keepAttrs = 1 << 17
)

func (d *Decoder) start(b []byte, message string) {
	d.limits = d.Limits.orDefaults()
	d.cap, d.size, d.message = cap(b), len(b), message
	d.spans = reuse(d.spans, keepItems)
	d.logs = reuse(d.logs, keepItems)
	d.points = reuse(d.points, keepItems)
	d.floats = reuse(d.floats, keepAttrs)
	d.counts = reuse(d.counts, keepAttrs)
	d.quantiles = reuse(d.quantiles, keepAttrs)
	d.attrs = reuse(d.attrs, keepAttrs)
	d.inner = reuse(d.inner, keepAttrs)
	d.events = reuse(d.events, keepAttrs)
	d.links = reuse(d.links, keepAttrs)
	if len(d.resources) > keepItems && d.nresource < len(d.resources)/4 {
		d.resources = nil
	}
	if len(d.scopes) > keepItems && d.nscope < len(d.scopes)/4 {
		d.scopes = nil
	}
	d.nresource, d.nscope = 0, 0
	d.pieces, d.joined = reuse(d.pieces, keepAttrs), 0
	d.refusal, d.rejected, d.reason = "", 0, ""
	d.json.Reset(b)
}

func reuse[T any](s []T, keep int) []T {
	if cap(s) > keep && len(s) < cap(s)/4 {
		return nil
	}
	return s[:0]
}

// since returns what was appended to an arena since it had n elements, nil if nothing was.
func since[T any](s []T, n int) []T {
	if n == len(s) {
		return nil
	}
	return s[n:len(s):len(s)]
}

// broken describes a fault at b[i]. Every slice that the decoder works on is a
// tail of the request or starts one, so capacities give the offset.
func (d *Decoder) broken(b []byte, i int, cause error) error {
	return fmt.Errorf("decode OTLP protobuf: byte %d of %d: %w; send the %s message, encoded as protobuf and complete",
		d.cap-cap(b)+min(i, len(b)), d.size, cause, d.message)
}

var errDepth = errors.New("arrays and maps nest too deep") // refuses one item, not the request

// refuse marks the current item as rejected. Only the first item's reason is written out.
func (d *Decoder) refuse(format string, args ...any) {
	switch {
	case d.refusal != "":
	case d.rejected > 0:
		d.refusal = "as before"
	default:
		d.refusal = fmt.Sprintf(format, args...)
	}
}

// reject counts n items that what names and refuse told the reason of.
func (d *Decoder) reject(n int, what, name string) {
	if d.rejected == 0 && n > 0 {
		d.reason = what + ": " + d.refusal
		if name != "" {
			d.reason = fmt.Sprintf("%s %q: %s", what, clip(name), d.refusal)
		}
	}
	d.rejected += n
	d.refusal = ""
}

// why is the reason for all rejected items.
func (d *Decoder) why() string {
	if d.rejected > 1 {
		return fmt.Sprintf("%s; %d were rejected, this is the first", d.reason, d.rejected)
	}
	return d.reason
}

func clip(s string) string { return s[:min(len(s), 64)] }

// values is how many values of the request are in memory.
func (d *Decoder) values() int {
	return len(d.attrs) + len(d.inner) + len(d.events) + len(d.links) + len(d.floats) + len(d.counts) + len(d.quantiles)
}

func (d *Decoder) newResource() *span.Resource {
	if d.nresource == len(d.resources) {
		d.resources = append(d.resources, new(span.Resource))
	}
	r := d.resources[d.nresource]
	d.nresource++
	*r = span.Resource{}
	return r
}

func (d *Decoder) newScope() *span.Scope {
	if d.nscope == len(d.scopes) {
		d.scopes = append(d.scopes, new(span.Scope))
	}
	s := d.scopes[d.nscope]
	d.nscope++
	*s = span.Scope{}
	return s
}

// items is how many items the request has brought so far.
func (d *Decoder) items() int { return len(d.spans) + len(d.logs) + len(d.points) }

// truncate drops the items from the nth on and returns how many those were.
func (d *Decoder) truncate(n int) int {
	dropped := d.items() - n
	d.spans = d.spans[:min(n, len(d.spans))]
	d.logs = d.logs[:min(n, len(d.logs))]
	d.points = d.points[:min(n, len(d.points))]
	return dropped
}
