package workload

import (
	"fmt"
	"slices"
	"time"
)

// A Search asks for traces with at least one span that matches in everything at once.
type Search struct {
	Service, Operation int           // numbers; -1: any
	User               int           // number; -1: any
	MinDuration        time.Duration // of the span; whole microseconds, the unit of Jaeger's API
	From, To           int64         // start of the span, nanoseconds since the Unix epoch, From <= start < To
	Limit              int           // of traces
}

// String says the search in words.
func (q Search) String() string {
	s := ""
	if q.Service >= 0 {
		s += " service=" + ServiceName(q.Service)
	}
	if q.Operation >= 0 {
		s += fmt.Sprintf(" operation=%q", OperationName(q.Service, q.Operation))
	}
	if q.User >= 0 {
		s += " user.id=" + UserName(q.User)
	}
	if q.MinDuration > 0 {
		s += " duration>=" + q.MinDuration.String()
	}
	return fmt.Sprintf("%s limit=%d", s[1:], q.Limit)
}

// Match reports whether the span is one that the search asks for.
func (q Search) Match(s *Span) bool {
	return (q.Service < 0 || s.Service == q.Service) && (q.Operation < 0 || s.Operation == q.Operation) &&
		(q.User < 0 || s.User == q.User) && s.Duration >= int64(q.MinDuration) && s.Start >= q.From && s.Start < q.To
}

// Answers collects from all traces of a workload what searches must find. It is not safe for concurrent use.
type Answers struct {
	Workload
	spans    int64
	count    [Services][Operations]int64
	slow     [Services][Operations][]slowSpan // the slowest ones, in descending order
	users    map[int][]int64                  // traces of the users that are kept
	services [Services]int64
	errors   int64
}

type slowSpan struct {
	duration, trace int64
}

const (
	slowest   = 16  // spans kept for each operation
	userEvery = 199 // of the users, one in so many is kept
)

// NewAnswers returns answers without a trace.
func NewAnswers(w Workload) *Answers { return &Answers{Workload: w, users: map[int][]int64{}} }

// Add takes note of a trace.
func (a *Answers) Add(t *[SpansPerTrace]Span) {
	for i := range t {
		s := &t[i]
		a.spans++
		a.services[s.Service]++
		if s.Status() != 0 {
			a.errors++
		}
		a.count[s.Service][s.Operation]++
		l := a.slow[s.Service][s.Operation]
		if len(l) == slowest && l[slowest-1].duration >= s.Duration {
			continue
		}
		at, _ := slices.BinarySearchFunc(l, s.Duration, func(e slowSpan, d int64) int {
			if e.duration > d {
				return -1
			}
			return 1
		})
		l = slices.Insert(l, at, slowSpan{s.Duration, s.Trace})
		a.slow[s.Service][s.Operation] = l[:min(len(l), slowest)]
	}
	if t[0].User%userEvery == 0 {
		a.users[t[0].User] = append(a.users[t[0].User], t[0].Trace)
	}
}

// Spans is how many spans were added.
func (a *Answers) Spans() int64 { return a.spans }

// Errors is how many of them failed.
func (a *Answers) Errors() int64 { return a.errors }

// ServiceSpans is how many of them are of that service.
func (a *Answers) ServiceSpans(service int) int64 { return a.services[service] }

func (a *Answers) search(i int) Search {
	// A stride that is coprime to the number of operations walks through all of them.
	op := i * 73 % (Services * Operations)
	return Search{Service: op / Operations, Operation: op % Operations, User: -1, From: a.From(), To: a.End + 1, Limit: 20}
}

// Slow is a selective search, different for each i below 200: one operation, and a duration that at most 15 of its spans
// reach. It comes with the numbers of exactly the traces that match, ascending; fewer than the limit.
func (a *Answers) Slow(i int) (Search, []int64) {
	q := a.search(i)
	l := a.slow[q.Service][q.Operation]
	if len(l) == 0 {
		return q, nil
	}
	q.MinDuration = (time.Duration(l[len(l)-1].duration)/time.Microsecond + 1) * time.Microsecond
	var traces []int64
	for _, s := range l {
		if s.duration >= int64(q.MinDuration) {
			traces = append(traces, s.trace)
		}
	}
	slices.Sort(traces)
	return q, slices.Compact(traces)
}

// User is a selective search by an attribute, different for each i below 50: what one user did in one service, with
// the numbers of exactly the traces that match, ascending; the limit is above their number.
func (a *Answers) User(i int) (Search, []int64) {
	q := a.search(i)
	q.Operation = -1
	q.User = i * userEvery % (Users / userEvery * userEvery)
	var t [SpansPerTrace]Span
	var traces []int64
	g := New(a.Workload)
	for _, n := range a.users[q.User] {
		g.Trace(n, &t)
		if slices.ContainsFunc(t[:], func(s Span) bool { return q.Match(&s) }) {
			traces = append(traces, n)
		}
	}
	slices.Sort(traces)
	q.Limit = len(traces) + 20
	return q, traces
}

// Broad is a search that very many spans match, different for each i below 200: one operation. Any 20 of the traces
// are right.
func (a *Answers) Broad(i int) Search { return a.search(i) }
