// Package ingest takes in what programs send: OTLP over gRPC and over HTTP,
// and Zipkin's spans.
//
// A [Receiver] has a handler for each protocol. All of them share one budget
// of bytes in flight, so that memory stays bounded whatever clients do: a
// request is read only when the budget has room for it, waits a bounded time
// if it has not, and is then told when to try again. A request is answered
// with success only when the store has it on disk.
//
// OTLP over gRPC is spoken without a gRPC library: an export is one HTTP/2
// request with a five-byte prefix before the message and the status in the
// trailers (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
// A library reads the whole message before its handler is asked; here the
// budget is asked first, with the length that the prefix tells, and all
// protocols share one way of reading, decompressing, checking and refusing.
package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/store"
	"github.com/weft-trace/weft/server/zipkin"
)

// Options says how a Receiver behaves. Zero values mean the defaults; Write has none.
type Options struct {
	// Write stores what was received, and returns when it is durable. Nothing
	// of the batch may be used after it returned.
	Write func(ctx context.Context, b *store.Batch) error

	// Check says whether a request may be made, before anything else of it is
	// looked at: 0, or the HTTP status to refuse it with, 401 or 403, and the
	// reason. Nil lets everything in.
	Check func(r *http.Request) (status int, reason string)

	RequestSize int64         // bytes of one request, decompressed; 16 MiB
	InFlight    int64         // bytes of all requests that are being received and stored; 64 MiB
	Wait        time.Duration // how long a request waits for room; 1 s, negative: not at all
	ReadTimeout time.Duration // how long a request may take to arrive; 30 s

	Limits otlp.Limits // of what one request holds

	// Logger gets what goes wrong; nil: nobody does.
	Logger *slog.Logger
}

// How many requests may wait for room. Each costs a goroutine and what the
// window of HTTP/2's flow control lets arrive unread.
const maxWaiting = 256

// Receiver takes export requests. Its methods may be called concurrently.
type Receiver struct {
	Counters Counters

	o        Options
	budget   *budget // of bytes received
	work     *budget // of bytes being decoded and stored
	zstd     *zstd.Decoder
	decoders sync.Pool // of *otlp.Decoder
	lastLog  [outcomes]atomic.Int64
	unlogged [outcomes]atomic.Int64
}

// New returns a receiver.
func New(o Options) (*Receiver, error) {
	if o.Write == nil {
		return nil, errors.New("receiver without Options.Write")
	}
	o.RequestSize = cmp.Or(o.RequestSize, 16<<20)
	o.InFlight = cmp.Or(o.InFlight, 64<<20)
	o.Wait = cmp.Or(o.Wait, time.Second)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 30*time.Second)
	if o.InFlight < 2*o.RequestSize {
		return nil, fmt.Errorf("limits.in_flight of %d bytes has no room for a request of limits.request_size, %d bytes, both compressed and not: want at least twice as much", o.InFlight, o.RequestSize)
	}
	// DecodeAll has no window of its own, and the buffer that it is given bounds
	// what comes out; so the window that a frame claims, and encoders claim 8 MiB
	// for a small stream, is no reason to refuse it.
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(uint64(max(o.RequestSize+1, 64<<20))), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("make a decoder for zstd: %w", err)
	}
	r := &Receiver{o: o, zstd: z}
	r.budget = newBudget(o.InFlight, o.Wait, maxWaiting)
	r.work = newBudget(max(o.InFlight/4, o.RequestSize), o.Wait, int(o.InFlight/minWeight))
	r.decoders.New = func() any { return &otlp.Decoder{Limits: o.Limits} }
	return r, nil
}

func (o *Options) sizeHint() string { return "; send smaller batches or raise limits.request_size" }

// InFlight returns the bytes that requests hold now, how many requests wait
// for room, and how many were cut off since the start because they arrived too
// slowly while others waited.
func (r *Receiver) InFlight() (bytes int64, waiting int, cut int64) { return r.budget.inFlight() }

// Capacity returns the bytes that requests may hold together.
func (r *Receiver) Capacity() int64 { return r.o.InFlight }

// Protocol is how data came.
type Protocol uint8

const (
	OTLPGRPC Protocol = iota
	OTLPHTTP
	Zipkin
	protocols
)

// String returns the protocol's name in the metrics.
func (p Protocol) String() string { return [...]string{"otlp_grpc", "otlp_http", "zipkin"}[p] }

// Signal is what data is of.
type Signal uint8

const (
	Traces Signal = iota
	Logs
	Metrics
	NoSignal // a request that was refused before that was known
	signals
)

// String returns the signal's name in the metrics.
func (s Signal) String() string { return [...]string{"traces", "logs", "metrics", "none"}[s] }

// Counters counts requests since the start. It may be read at any time.
type Counters struct {
	requests [protocols][signals][outcomes]atomic.Int64
	accepted [protocols][signals]atomic.Int64
	rejected [protocols][signals]atomic.Int64
	wire     [protocols]atomic.Int64
	plain    [protocols]atomic.Int64
}

// EachRequests calls f for every counter of requests that is not zero.
func (c *Counters) EachRequests(f func(p Protocol, s Signal, o Outcome, n int64)) {
	for p := range protocols {
		for s := range signals {
			for o := range outcomes {
				if n := c.requests[p][s][o].Load(); n != 0 {
					f(p, s, o, n)
				}
			}
		}
	}
}

// EachItems calls f with the spans, log records or data points accepted and
// rejected, for every protocol and signal that had any.
func (c *Counters) EachItems(f func(p Protocol, s Signal, accepted, rejected int64)) {
	for p := range protocols {
		for s := range signals {
			a, r := c.accepted[p][s].Load(), c.rejected[p][s].Load()
			if a != 0 || r != 0 {
				f(p, s, a, r)
			}
		}
	}
}

// EachBytes calls f for every protocol with the bytes received, as they were
// sent and after decompression.
func (c *Counters) EachBytes(f func(p Protocol, wire, plain int64)) {
	for p := range protocols {
		f(p, c.wire[p].Load(), c.plain[p].Load())
	}
}

// format is how items are written down.
type format uint8

const (
	protobuf format = iota
	jsonText
)

// result is how a request that was taken ended.
type result struct {
	rejected int
	reason   string
}

func (r *Receiver) exchange(w http.ResponseWriter, ctx context.Context, p Protocol) *exchange {
	return &exchange{r: r, ctx: ctx, protocol: p, control: http.NewResponseController(w)}
}

// take decodes and stores what x received.
func (r *Receiver) take(x *exchange, s Signal, f format) (res result, fault *fault) {
	if fault := x.startWork(); fault != nil {
		return res, fault
	}
	r.Counters.plain[x.protocol].Add(int64(len(x.data)))
	d := r.decoders.Get().(*otlp.Decoder)
	var b store.Batch
	var n int
	var err error
	switch s {
	case Traces:
		if f == protobuf {
			b.Spans, res.rejected, res.reason, err = d.Traces(x.data)
			if res.rejected == 0 {
				b.Traces = x.data
			} // else the store writes what was accepted: its journal must not bring back the rest
		} else {
			b.Spans, res.rejected, res.reason, err = d.TracesJSON(x.data)
		}
		n = len(b.Spans)
	case Logs:
		if f == protobuf {
			b.Logs, res.rejected, res.reason, err = d.Logs(x.data)
		} else {
			b.Logs, res.rejected, res.reason, err = d.LogsJSON(x.data)
		}
		n = len(b.Logs)
	case Metrics:
		if f == protobuf {
			b.Points, res.rejected, res.reason, err = d.Metrics(x.data)
		} else {
			b.Points, res.rejected, res.reason, err = d.MetricsJSON(x.data)
		}
		n = len(b.Points)
	}
	if err != nil {
		r.decoders.Put(d)
		return res, invalid("%v", err)
	}
	fault = r.write(x, s, &b, n, res)
	r.decoders.Put(d)
	return res, fault
}

// takeZipkin decodes and stores Zipkin spans.
func (r *Receiver) takeZipkin(x *exchange, contentType string) (res result, fault *fault) {
	if fault := x.startWork(); fault != nil {
		return res, fault
	}
	r.Counters.plain[x.protocol].Add(int64(len(x.data)))
	spans, rejected, reason, err := zipkin.Decode(x.data, contentType)
	if err != nil {
		return res, invalid("%v", err)
	}
	if len(spans) == 0 && rejected > 0 {
		return res, invalid("%s", reason) // Zipkin's way to answer has no other way to say so
	}
	res = result{rejected, reason}
	return res, r.write(x, Traces, &store.Batch{Spans: spans}, len(spans), res)
}

func (r *Receiver) write(x *exchange, s Signal, b *store.Batch, n int, res result) *fault {
	if n > 0 {
		if err := r.o.Write(x.ctx, b); err != nil {
			return r.refused(x.ctx, err)
		}
	}
	r.Counters.accepted[x.protocol][s].Add(int64(n))
	r.Counters.rejected[x.protocol][s].Add(int64(res.rejected))
	return nil
}

// ended counts a request, and logs what went wrong: the first of its outcome
// at once, and then at most one every ten seconds.
func (r *Receiver) ended(req *http.Request, p Protocol, s Signal, res result, f *fault) {
	o, text := accepted, ""
	switch {
	case f != nil:
		o, text = f.kind, f.text
	case res.rejected > 0:
		o, text = partial, res.reason
	}
	r.Counters.requests[p][s][o].Add(1)
	if o == accepted || r.o.Logger == nil {
		return
	}
	now := time.Now().UnixNano()
	last := r.lastLog[o].Load()
	if last != 0 && now-last < int64(10*time.Second) || !r.lastLog[o].CompareAndSwap(last, now) {
		r.unlogged[o].Add(1)
		return
	}
	r.o.Logger.Warn("request not taken as a whole", "outcome", o.String(), "reason", text, "protocol", p.String(), "signal", s.String(),
		"client", req.RemoteAddr, "like_it_before", r.unlogged[o].Swap(0))
}

// guard turns a panic while a request is worked on into an answer: a fault of
// weft's own ends one request and not the server.
func (r *Receiver) guard(req *http.Request, f **fault) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	*f = &fault{kind: crashed, text: "weft failed at this request; its log says where. Please report it"}
	if r.o.Logger != nil {
		r.o.Logger.Error("panic while a request was worked on", "panic", fmt.Sprint(v), "path", req.URL.Path, "stack", string(debug.Stack()))
	}
}

// check asks Options.Check.
func (r *Receiver) check(req *http.Request) *fault {
	if r.o.Check == nil {
		return nil
	}
	status, reason := r.o.Check(req)
	switch status {
	case 0:
		return nil
	case http.StatusUnauthorized:
		return &fault{kind: unauthenticated, text: reason}
	}
	return &fault{kind: forbidden, text: reason, code: status}
}

// encodingOf returns the encoding that a header names.
func encodingOf(name string) (string, *fault) {
	switch name {
	case "", identity:
		return identity, nil
	case gzipped, "x-gzip":
		return gzipped, nil
	case zstded:
		return zstded, nil
	}
	return "", &fault{kind: unsupported, text: "encoding " + strconv.Quote(name[:min(len(name), 64)]) + ": want gzip, zstd or none"}
}
