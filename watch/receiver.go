// Package watch receives traces over OTLP/HTTP and shows them in a terminal.
//
// [Receiver] is an http.Handler that decodes, counts and keeps spans as plain Go values: tests and benchmarks use it as the
// collector of the programs they run. [Main] is the command "weft watch": it listens where programs send to by default, puts
// the spans of each trace together, whichever service they come from, and prints the trace as a waterfall once it is quiet.
package watch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/weft-trace/weft/server/otlp"
)

// maxBody bounds one request, compressed and after decompression.
const maxBody = 64 << 20

// Receiver is the receiving end of OTLP/HTTP for traces: protobuf or JSON, plain or gzip, on any path that ends in /v1/traces.
// Requests for metrics, logs and profiles are accepted and thrown away. The zero value is ready to use, and keeps every span
// until [Receiver.Reset]. All methods may be called concurrently.
type Receiver struct {
	// CountOnly makes the receiver count spans without keeping them, for benchmarks. Set it before use.
	CountOnly bool

	// OnSpans, if set, gets the spans of each request instead of the receiver keeping them. It is called by the goroutine
	// that serves the request. Set it before use.
	OnSpans func([]Span)

	count    atomic.Int64
	requests atomic.Int64
	bytes    atomic.Int64

	mu    sync.Mutex
	spans []Span
	more  chan struct{} // closed and replaced when spans arrive; nil until somebody waits
}

// ServeHTTP takes one export request.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "weft watch takes OTLP traces by POST to /v1/traces", http.StatusMethodNotAllowed)
		return
	}
	switch {
	case strings.HasSuffix(req.URL.Path, "/v1/metrics"), strings.HasSuffix(req.URL.Path, "/v1/logs"), strings.HasSuffix(req.URL.Path, "/v1development/profiles"):
		io.Copy(io.Discard, http.MaxBytesReader(w, req.Body, maxBody))
		w.Header().Set("Content-Type", req.Header.Get("Content-Type"))
		if strings.Contains(req.Header.Get("Content-Type"), "json") {
			io.WriteString(w, "{}")
		}
		return
	case !strings.HasSuffix(req.URL.Path, "/v1/traces"):
		http.Error(w, "weft watch takes OTLP traces on /v1/traces", http.StatusNotFound)
		return
	}
	media, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if media != "application/x-protobuf" && media != "application/json" {
		http.Error(w, fmt.Sprintf("content type %q: want application/x-protobuf or application/json", media), http.StatusUnsupportedMediaType)
		return
	}
	body, err := readBody(w, req)
	if err != nil {
		code := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			code = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), code)
		return
	}
	isJSON := media == "application/json"
	rejected, reason, err := r.take(body, isJSON)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", media)
	if isJSON {
		w.Write(otlp.AppendResponseJSON(nil, otlp.RejectedSpans, rejected, reason))
	} else {
		w.Write(otlp.AppendResponse(nil, rejected, reason))
	}
}

// readBody reads the request's body, decompressed.
func readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	in := http.MaxBytesReader(w, req.Body, maxBody)
	switch enc := req.Header.Get("Content-Encoding"); enc {
	case "", "identity":
		var b bytes.Buffer
		if n := req.ContentLength; n > 0 && n <= maxBody {
			b.Grow(int(n) + bytes.MinRead)
		}
		_, err := b.ReadFrom(in)
		return b.Bytes(), err
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("decompress the request: %w", err)
		}
		return io.ReadAll(http.MaxBytesReader(w, z, maxBody))
	default:
		return nil, fmt.Errorf("content encoding %q: want gzip or none", enc)
	}
}

// decoders are for use again: they hold the memory that decoding takes.
var decoders = sync.Pool{New: func() any { return new(otlp.Decoder) }}

// take decodes one request and keeps what it carried. Spans that OTLP does not
// allow are rejected; a request of nothing else is an error.
func (r *Receiver) take(body []byte, isJSON bool) (rejected int, reason string, err error) {
	r.requests.Add(1)
	r.bytes.Add(int64(len(body)))
	d := decoders.Get().(*otlp.Decoder)
	defer decoders.Put(d)
	decode := d.Traces
	if isJSON {
		decode = d.TracesJSON
	}
	decoded, rejected, reason, err := decode(body)
	if err != nil {
		return 0, "", err
	}
	if rejected > 0 && len(decoded) == 0 {
		return 0, "", errors.New(reason)
	}
	var spans []Span
	if !r.CountOnly {
		spans = newSpans(decoded)
	}
	r.add(spans, len(decoded))
	return rejected, reason, nil
}

func (r *Receiver) add(spans []Span, n int) {
	if r.OnSpans != nil && len(spans) > 0 {
		r.OnSpans(spans)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count.Add(int64(n))
	if r.OnSpans == nil && !r.CountOnly {
		r.spans = append(r.spans, spans...)
	}
	if r.more != nil {
		close(r.more)
		r.more = nil
	}
}

// Count is the number of spans received since the start or the last Reset.
func (r *Receiver) Count() int { return int(r.count.Load()) }

// Requests is the number of export requests for traces received, and Bytes what they weighed, after decompression.
func (r *Receiver) Requests() int { return int(r.requests.Load()) }

// Bytes is the size of all trace requests received, after decompression.
func (r *Receiver) Bytes() int64 { return r.bytes.Load() }

// Spans returns the spans received so far, in order of arrival.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Span(nil), r.spans...)
}

// Reset forgets all spans and sets the counts to zero.
func (r *Receiver) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = nil
	r.count.Store(0)
	r.requests.Store(0)
	r.bytes.Store(0)
}

// Wait waits until at least n spans were received and returns all of them. If ctx ends first it returns what there is, and an error.
func (r *Receiver) Wait(ctx context.Context, n int) ([]Span, error) {
	if err := r.wait(ctx, func() bool { return r.Count() >= n }); err != nil {
		return r.Spans(), fmt.Errorf("waiting for %d spans, have %d: %w", n, r.Count(), err)
	}
	return r.Spans(), nil
}

// WaitFor waits until done says yes to the spans received so far and returns them. If ctx ends first it returns what there is, and an error.
func (r *Receiver) WaitFor(ctx context.Context, done func([]Span) bool) ([]Span, error) {
	var spans []Span
	if err := r.wait(ctx, func() bool { spans = r.Spans(); return done(spans) }); err != nil {
		return spans, fmt.Errorf("waiting for spans, have %d: %w", len(spans), err)
	}
	return spans, nil
}

func (r *Receiver) wait(ctx context.Context, done func() bool) error {
	for {
		r.mu.Lock()
		if r.more == nil {
			r.more = make(chan struct{})
		}
		more := r.more
		r.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Traces groups spans by trace, traces and spans in order of first arrival.
func Traces(spans []Span) [][]Span {
	var out [][]Span
	index := map[string]int{}
	for _, s := range spans {
		i, ok := index[s.TraceID]
		if !ok {
			i = len(out)
			index[s.TraceID] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], s)
	}
	return out
}

// Server is a Receiver that listens on a loopback port.
type Server struct {
	Receiver
	URL string // "http://127.0.0.1:port", the value for OTEL_EXPORTER_OTLP_ENDPOINT

	srv http.Server
}

// Listen starts a server on a free port of 127.0.0.1.
func Listen() (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for spans: %w", err)
	}
	s := &Server{URL: "http://" + ln.Addr().String()}
	s.srv.Handler = &s.Receiver
	go s.srv.Serve(ln)
	return s, nil
}

// Close stops listening and closes all connections. Spans already received stay.
func (s *Server) Close() error { return s.srv.Close() }
