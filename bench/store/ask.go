//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/weft-trace/weft/bench/workload"
	"github.com/weft-trace/weft/server/span"
)

// api is how a backend is asked.
type api interface {
	traceURL(span.TraceID) string
	searchURL(workload.Search) string
	read(body []byte) ([]trace, error)
}

// trace is what a backend says of one.
type trace struct {
	id    span.TraceID
	whole bool // all of its spans, rather than those that matched
	spans []foundSpan
}

type foundSpan struct {
	id, parent      span.ID
	service, name   string
	start, duration int64 // nanoseconds
	precision       int64 // of these two: 1000 where the API has microseconds
	attrs           map[string]string
}

// latency is what came of asking many questions of one kind.
type latency struct {
	name      string
	times     []time.Duration // ascending
	cpu       time.Duration   // of the backend, for each question
	right     int
	wrong     string // of the first wrong answer
	spans     int    // in the answers
	want, got int    // spans that should be there and are, when asked by id
}

func (l *latency) quantile(q float64) time.Duration {
	if len(l.times) == 0 {
		return 0
	}
	return l.times[min(int(q*float64(len(l.times))), len(l.times)-1)]
}

// asker puts questions to one backend and checks the answers.
type asker struct {
	api     api
	pid     int
	answers *workload.Answers
	client  http.Client
}

// ask puts n questions. check returns what is wrong with the answer, "" when it is right.
func (a *asker) ask(name string, n int, address func(i int) string, check func(i int, found []trace, l *latency) string) (latency, error) {
	l := latency{name: name}
	before, err := cpu(a.pid)
	if err != nil {
		return l, err
	}
	bodies := make([][]byte, n)
	for i := range n {
		start := time.Now()
		body, err := a.get(address(i))
		l.times = append(l.times, time.Since(start))
		if err != nil && l.wrong == "" {
			l.wrong = err.Error()
		}
		bodies[i] = body
	}
	after, err := cpu(a.pid)
	if err != nil {
		return l, err
	}
	l.cpu = (after - before) / time.Duration(n)
	slices.Sort(l.times)
	for i, body := range bodies {
		if body == nil {
			check(i, nil, &l)
			continue
		}
		found, err := a.api.read(body)
		wrong := ""
		if err != nil {
			wrong = err.Error()
		}
		if w := check(i, found, &l); wrong == "" {
			wrong = w
		}
		if wrong == "" {
			l.right++
		} else if l.wrong == "" {
			l.wrong = wrong
		}
	}
	return l, nil
}

func (a *asker) get(address string) ([]byte, error) {
	resp, err := a.client.Get(address)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %.200q", address, resp.Status, body)
	}
	return body, nil
}

// byID asks for n traces spread over the workload and compares all that comes back with all that was sent.
func (a *asker) byID(n int) (latency, error) {
	w := a.answers.Workload
	number := func(i int) int64 {
		// From both ends of the workload and between, in no order that a cache could profit from.
		return (int64(i) * 7919 % int64(n)) * (w.Traces - 1) / max(int64(n)-1, 1)
	}
	g := workload.New(w)
	return a.ask("trace by id", n, func(i int) string { return a.api.traceURL(w.TraceID(number(i))) },
		func(i int, found []trace, l *latency) string {
			l.want += workload.SpansPerTrace
			if len(found) == 0 {
				return fmt.Sprintf("trace %s: not found", w.TraceID(number(i)))
			}
			l.got += len(found[0].spans)
			l.spans += len(found[0].spans)
			if len(found) != 1 {
				return fmt.Sprintf("trace %s: %d traces", w.TraceID(number(i)), len(found))
			}
			return compare(g, number(i), found[0])
		})
}

// exactly asks n searches whose matches are known one by one.
func (a *asker) exactly(name string, n int, question func(i int) (workload.Search, []int64)) (latency, error) {
	return a.search(name, n, func(i int) workload.Search { q, _ := question(i); return q },
		func(i int, found []int64) string {
			q, want := question(i)
			if slices.Equal(found, want) {
				return ""
			}
			missing, extra := 0, 0
			for _, t := range want {
				if !slices.Contains(found, t) {
					missing++
				}
			}
			for _, t := range found {
				if !slices.Contains(want, t) {
					extra++
				}
			}
			return fmt.Sprintf("%v: %d of %d traces missing, %d that do not match", q, missing, len(want), extra)
		})
}

// broadly asks n searches that far more traces match than the limit allows: as many as the limit must come, all of them matching.
func (a *asker) broadly(name string, n int, question func(i int) workload.Search) (latency, error) {
	g := workload.New(a.answers.Workload)
	return a.search(name, n, question, func(i int, found []int64) string {
		q := question(i)
		var t [workload.SpansPerTrace]workload.Span
		for _, number := range found {
			g.Trace(number, &t)
			if !slices.ContainsFunc(t[:], func(s workload.Span) bool { return q.Match(&s) }) {
				return fmt.Sprintf("%v: trace %s does not match", q, a.answers.TraceID(number))
			}
		}
		if len(found) != q.Limit {
			return fmt.Sprintf("%v: %d traces", q, len(found))
		}
		return ""
	})
}

func (a *asker) search(name string, n int, question func(i int) workload.Search, check func(i int, found []int64) string) (latency, error) {
	w := a.answers.Workload
	g := workload.New(w)
	return a.ask(name, n, func(i int) string { return a.api.searchURL(question(i)) },
		func(i int, found []trace, l *latency) string {
			var numbers []int64
			for _, t := range found {
				l.spans += len(t.spans)
				number, ok := w.Number(t.id)
				if !ok {
					return fmt.Sprintf("%v: trace %s was never sent", question(i), t.id)
				}
				if t.whole {
					if wrong := compare(g, number, t); wrong != "" {
						return fmt.Sprintf("%v: %s", question(i), wrong)
					}
				}
				numbers = append(numbers, number)
			}
			slices.Sort(numbers)
			if n := len(numbers); len(slices.Compact(numbers)) != n {
				return fmt.Sprintf("%v: a trace twice", question(i))
			}
			return check(i, numbers)
		})
}

// compare says how a whole trace differs from what was sent.
func compare(g *workload.Generator, number int64, t trace) string {
	want := g.Model(number)
	if len(t.spans) != len(want) {
		return fmt.Sprintf("trace %s: %d spans, want %d", t.id, len(t.spans), len(want))
	}
	for _, s := range want {
		i := slices.IndexFunc(t.spans, func(f foundSpan) bool { return f.id == s.ID })
		if i < 0 {
			return fmt.Sprintf("trace %s: span %s is missing", t.id, s.ID)
		}
		f := t.spans[i]
		// Truncated to the API's precision; a duration that was taken between two truncated times may be one unit more.
		start, duration := s.Start/f.precision*f.precision, s.Duration/f.precision*f.precision
		late := f.duration - duration
		if f.parent != s.Parent || f.service != s.Service() || f.name != s.Name || f.start != start ||
			late != 0 && (f.precision == 1 || late != f.precision) {
			return fmt.Sprintf("trace %s: span %s is %s %q, child of %s, at %d for %d ns; want %s %q, child of %s, at %d for %d ns", t.id, s.ID,
				f.service, f.name, f.parent, f.start, f.duration, s.Service(), s.Name, s.Parent, s.Start, s.Duration)
		}
		for _, a := range s.Attrs {
			if f.attrs[a.Key] != a.Value.Text() {
				return fmt.Sprintf("trace %s: span %s: %s is %q; want %q", t.id, s.ID, a.Key, f.attrs[a.Key], a.Value.Text())
			}
		}
	}
	return ""
}
