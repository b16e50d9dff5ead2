package analysis

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weft-trace/weft/server/span"
)

// The attributes in which a span says where its time went. Their values are
// integers, nanoseconds. A span with such an account has KeyRunning; without
// programs that write one, a breakdown is empty.
const (
	// KeyRunning is the time that the span's goroutines ran on a processor.
	KeyRunning = "weft.time.running"
	// KeyRunnable is the time that they were ready to run and waited for a processor.
	KeyRunnable = "weft.time.runnable"
	// PrefixWait stands before the reason for which they waited: chan.receive,
	// chan.send, select, mutex, cond, network, sleep, syscall, gc.assist, …
	PrefixWait = "weft.wait."
)

// Breakdown adds up, for each route, where the time of its spans went. Its zero
// value is empty. It is not safe for concurrent use.
type Breakdown struct {
	routes map[routeKey]*routeSums
}

type routeKey struct{ service, route string }

type routeSums struct {
	RouteWaits
	waits map[string]*Wait
}

// RouteWaits is where the time of the spans of one route went. Times are
// nanoseconds. A span with several goroutines can have more of them than it
// took.
type RouteWaits struct {
	Service  string
	Route    string // the attribute http.route, or the span's name if it has none
	Spans    int    // with an account of their time
	Duration int64  // theirs
	Running  int64
	Runnable int64
	Waits    []Wait // the longest first
}

// Wait is what the spans of a route waited for.
type Wait struct {
	Reason string
	Spans  int // that waited for it
	Time   int64
}

// Add adds a span. One without KeyRunning says nothing of where its time went
// and is left out.
func (b *Breakdown) Add(s *span.Span) {
	if _, ok := s.Attr(KeyRunning); !ok {
		return
	}
	k := routeKey{s.Service(), s.Name}
	if v, ok := s.Attr("http.route"); ok && v.Type == span.String && v.Str != "" {
		k.route = v.Str
	}
	if b.routes == nil {
		b.routes = map[routeKey]*routeSums{}
	}
	r := b.routes[k]
	if r == nil {
		// The span's strings may be part of something large.
		k = routeKey{strings.Clone(k.service), strings.Clone(k.route)}
		r = &routeSums{RouteWaits{Service: k.service, Route: k.route}, map[string]*Wait{}}
		b.routes[k] = r
	}
	r.Spans++
	r.Duration += s.Duration
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if a.Value.Type != span.Int {
			continue
		}
		switch n := a.Value.Int(); a.Key {
		case KeyRunning:
			r.Running += n
		case KeyRunnable:
			r.Runnable += n
		default:
			reason, ok := strings.CutPrefix(a.Key, PrefixWait)
			if !ok {
				continue
			}
			w := r.waits[reason]
			if w == nil {
				w = &Wait{Reason: strings.Clone(reason)}
				r.waits[w.Reason] = w
			}
			w.Spans++
			w.Time += n
		}
	}
}

// Routes returns the sums, the route with the longest duration first.
func (b *Breakdown) Routes() []RouteWaits {
	var list []RouteWaits
	for _, r := range b.routes {
		out := r.RouteWaits
		for _, w := range r.waits {
			out.Waits = append(out.Waits, *w)
		}
		slices.SortFunc(out.Waits, func(x, y Wait) int {
			return cmp.Or(cmp.Compare(y.Time, x.Time), cmp.Compare(x.Reason, y.Reason))
		})
		list = append(list, out)
	}
	slices.SortFunc(list, func(x, y RouteWaits) int {
		return cmp.Or(cmp.Compare(y.Duration, x.Duration), cmp.Compare(x.Service, y.Service), cmp.Compare(x.Route, y.Route))
	})
	return list
}

// Waits returns the breakdown of a list of spans.
func Waits(spans []span.Span) []RouteWaits {
	var b Breakdown
	for i := range spans {
		b.Add(&spans[i])
	}
	return b.Routes()
}
