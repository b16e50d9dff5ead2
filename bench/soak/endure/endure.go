//go:build linux

// Package endure writes a long workload into a store in process, decoding included, and takes samples on the way: what a span cost, what it
// takes on disk, memory, and the latency of questions whose answers are known. The store's clock can be the workload's own, so that a
// day passes in minutes.
package endure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weft-trace/weft/bench/internal/toolchain"
	"github.com/weft-trace/weft/bench/workload"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/store"
)

// Options say what to endure.
type Options struct {
	Workload   workload.Workload
	PerRequest int64         // traces; 0: 75
	Samples    int64         // the workload is that many parts of equal size, with a sample after each; 0: 10
	Questions  int           // of each kind at each sample; 0: 50
	Store      store.Options // Clock is set if Simulate is
	Simulate   bool          // the store's clock follows the workload: it is at the time of the trace that is written
	Each       func(Sample)  // called with each sample as it is taken; may be nil
}

// Sample is the state after a part of the workload.
type Sample struct {
	Spans      int64
	Part       time.Duration // CPU time for each span of this part: decoding and storing, background work included; the generator's left out
	All        time.Duration // the same for all spans so far
	Disk       int64         // bytes that the store's files occupy
	Partitions int
	Kept       int64 // spans not yet removed by retention, as the workload has it: those written while a partition that is still there was written
	RSS, Peak  int64 // of the process, in bytes
	Busy       int64 // times the store said that it was busy, and the batch was written again

	ByID, Slow, User, Broad Latency
	Gone                    Latency // traces that retention removed
}

// Latency is how a kind of questions was answered.
type Latency struct {
	P50, P99 time.Duration
	Right    int
	Asked    int
	Wrong    string // of the first wrong answer
}

// Run writes the workload and returns the samples, the last of them after everything was written.
func Run(ctx context.Context, o Options) (samples []Sample, err error) {
	// The generator's CPU time is that of this thread while it works.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if o.PerRequest == 0 {
		o.PerRequest = 75
	}
	if o.Samples == 0 {
		o.Samples = 10
	}
	if o.Questions == 0 {
		o.Questions = 50
	}
	w := o.Workload
	r := &run{Options: o, g: workload.New(w), partSize: w.Traces / o.Samples}
	if o.Simulate {
		r.clock.Store(w.From())
		r.Store.Clock = func() time.Time { return time.Unix(0, r.clock.Load()) }
	}
	if r.st, err = store.Open(r.Store); err != nil {
		return nil, err
	}
	defer func() {
		if e := r.st.Close(); err == nil {
			err = e
		}
	}()
	r.startCPU = processCPU()
	var spent time.Duration // CPU until the last sample
	for part := range o.Samples {
		end := (part + 1) * r.partSize
		if part == o.Samples-1 {
			end = w.Traces
		}
		a := r.answers
		if a == nil || o.Simulate {
			a = workload.NewAnswers(w)
			r.answers, r.first = a, r.next
		}
		from := r.next
		if err := r.write(ctx, end); err != nil {
			return samples, err
		}
		cpu := processCPU() - r.startCPU - r.outside
		s := Sample{Spans: r.next * workload.SpansPerTrace, Part: (cpu - spent) / time.Duration(max(1, (r.next-from)*workload.SpansPerTrace)),
			All: cpu / time.Duration(r.next*workload.SpansPerTrace), Busy: r.busy}
		spent = cpu
		before := processCPU()
		if err := r.sample(ctx, &s); err != nil {
			return samples, err
		}
		r.outside += processCPU() - before
		samples = append(samples, s)
		if o.Each != nil {
			o.Each(s)
		}
	}
	return samples, nil
}

type run struct {
	Options
	g        *workload.Generator
	st       *store.Store
	clock    atomic.Int64 // Unix nanoseconds
	partSize int64
	answers  *workload.Answers
	first    int64 // trace of the answers
	next     int64 // trace
	busy     int64

	startCPU, outside time.Duration // outside: spent on what is not the store's, the generator and the questions
	body              []byte
	decoder           otlp.Decoder
}

func (r *run) write(ctx context.Context, end int64) error {
	for r.next < end {
		to := min(r.next+r.PerRequest, end)
		before := threadCPU()
		r.body = r.g.AppendRequest(r.body[:0], r.next, to, r.answers)
		r.outside += threadCPU() - before
		if r.Simulate {
			r.clock.Store(r.arrival(to))
		}
		spans, rejected, reason, err := r.decoder.Traces(r.body)
		if err != nil || rejected != 0 {
			return fmt.Errorf("decode: %d rejected: %s: %w", rejected, reason, err)
		}
		for {
			err := r.st.Write(ctx, &store.Batch{Spans: spans, Traces: r.body})
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrBusy) {
				return err
			}
			r.busy++
		}
		r.next = to
	}
	return nil
}

// starts is the earliest time at which the traces from that number on start.
func (r *run) starts(number int64) int64 {
	w := r.Workload
	window := w.End - w.From() - int64(5*time.Second) // see workload.Generator.Trace
	return w.From() + int64(float64(number)/float64(w.Traces)*float64(window))
}

// arrival is the time at which the traces before that number are written: a second after the last one can have started.
func (r *run) arrival(number int64) int64 { return r.starts(number) + int64(2*time.Second) }

// arrived is the first trace that was certainly written at that time or later.
func (r *run) arrived(at time.Time) int64 {
	n := int64(0)
	for n < r.next && r.arrival(n+r.PerRequest) < at.UnixNano() {
		n += r.PerRequest
	}
	return min(n+r.PerRequest, r.next) // requests do not start at multiples of their size
}

func (r *run) sample(ctx context.Context, s *Sample) (err error) {
	if s.Disk, err = diskUsed(r.Store.Dir); err != nil {
		return err
	}
	if s.RSS, s.Peak, err = toolchain.Process(os.Getpid()).RSS(); err != nil {
		return err
	}
	oldest, gone := int64(0), int64(0) // the first trace that must be there; what arrived before this one must not
	stats := r.st.Stats()
	s.Partitions = len(stats.Partitions)
	if r.Simulate && s.Partitions > 0 {
		gone = r.arrived(stats.Partitions[0].Start)
		// What is past its age goes in the background, perhaps while questions are asked.
		for _, p := range stats.Partitions {
			if now := time.Unix(0, r.clock.Load()); r.Store.Retention == 0 || now.Sub(p.End) <= r.Store.Retention {
				oldest = r.arrived(p.Start)
				break
			}
		}
	}
	s.Kept = (r.next - oldest) * workload.SpansPerTrace

	s.ByID = ask(r.Questions, func(i int) string {
		n := oldest + (int64(i)*7919%int64(r.Questions))*(r.next-1-oldest)/int64(max(r.Questions-1, 1))
		spans, err := r.st.Trace(ctx, r.g.TraceID(n))
		if err != nil || len(spans) != workload.SpansPerTrace {
			return fmt.Sprintf("trace %d of %d to %d: %d spans, %v", n, oldest, r.next, len(spans), err)
		}
		return ""
	})
	if last := gone - 3*r.PerRequest; last > 0 {
		s.Gone = ask(r.Questions, func(i int) string {
			n := int64(i) * last / int64(r.Questions)
			if spans, err := r.st.Trace(ctx, r.g.TraceID(n)); err != nil || len(spans) != 0 {
				return fmt.Sprintf("trace %d, before %d: %d spans, %v", n, gone, len(spans), err)
			}
			return ""
		})
	}
	// The last hour, or all of it if the whole takes less.
	from, to := r.Workload.From(), r.Workload.End+1
	if r.Simulate {
		from, to = r.starts(r.first), r.arrival(r.next)+int64(time.Hour)
	}
	exactly := func(question func(int) (workload.Search, []int64)) Latency {
		qs, wants := make([]workload.Search, r.Questions), make([][]int64, r.Questions)
		for i := range qs {
			qs[i], wants[i] = question(i)
			qs[i].From, qs[i].To = from, to
			qs[i].Limit = max(20, 2*len(wants[i]))
		}
		return ask(r.Questions, func(i int) string { return r.search(ctx, qs[i], wants[i], false) })
	}
	s.Slow = exactly(r.answers.Slow)
	s.User = exactly(r.answers.User)
	s.Broad = ask(r.Questions, func(i int) string {
		q := r.answers.Broad(i)
		q.From, q.To = from, to
		return r.search(ctx, q, nil, true)
	})
	return nil
}

// search says what is wrong with the answer to a search: all of want must be there, and all that is there must match. With any, as many as
// the limit must be there instead.
func (r *run) search(ctx context.Context, q workload.Search, want []int64, any bool) string {
	and := []query.Expr{query.Compare(query.Service, query.Equal, query.StringValue(workload.ServiceName(q.Service)))}
	if q.Operation >= 0 {
		and = append(and, query.Compare(query.Name, query.Equal, query.StringValue(workload.OperationName(q.Service, q.Operation))))
	}
	if q.User >= 0 {
		and = append(and, query.Compare(query.Attr("user.id"), query.Equal, query.StringValue(workload.UserName(q.User))))
	}
	if q.MinDuration > 0 {
		and = append(and, query.Compare(query.Duration, query.GreaterEqual, query.DurationValue(q.MinDuration)))
	}
	res, err := query.Search(ctx, r.st, query.SearchRequest{Query: query.New(query.All(and...)), From: q.From, To: q.To, Limit: q.Limit, Summaries: true})
	if err != nil {
		return fmt.Sprintf("%v: %v", q, err)
	}
	if res.Partial {
		return fmt.Sprintf("%v: partial: %s", q, res.Why)
	}
	var found []int64
	var t [workload.SpansPerTrace]workload.Span
	for _, h := range res.Hits {
		n, ok := r.Workload.Number(h.Trace.ID)
		if !ok {
			return fmt.Sprintf("%v: trace %s was never written", q, h.Trace.ID)
		}
		r.g.Trace(n, &t)
		if !slices.ContainsFunc(t[:], func(s workload.Span) bool { return q.Match(&s) }) {
			return fmt.Sprintf("%v: trace %d does not match", q, n)
		}
		found = append(found, n)
	}
	if any && len(found) != q.Limit {
		return fmt.Sprintf("%v: %d traces", q, len(found))
	}
	slices.Sort(found)
	for _, n := range want {
		if _, ok := slices.BinarySearch(found, n); !ok {
			return fmt.Sprintf("%v: trace %d is missing; %d of %d found", q, n, len(found), len(want))
		}
	}
	return ""
}

// ask puts questions, different ones; f says what is wrong with the answer.
func ask(n int, f func(i int) (wrong string)) (l Latency) {
	times := make([]time.Duration, n)
	l.Asked = n
	for i := range times {
		start := time.Now()
		wrong := f(i)
		times[i] = time.Since(start)
		if wrong == "" {
			l.Right++
		} else if l.Wrong == "" {
			l.Wrong = wrong
		}
	}
	slices.Sort(times)
	l.P50, l.P99 = times[n/2], times[n*99/100]
	return l
}

func usage(who int) time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(who, &u) // fails only for a wrong who
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func processCPU() time.Duration { return usage(syscall.RUSAGE_SELF) }

func threadCPU() time.Duration { return usage(syscall.RUSAGE_THREAD) }

// diskUsed is the sum of the blocks that the files below dir occupy.
func diskUsed(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				sum += info.Sys().(*syscall.Stat_t).Blocks * 512
			}
		}
		if os.IsNotExist(err) { // compaction was faster
			return nil
		}
		return err
	})
	return sum, err
}
