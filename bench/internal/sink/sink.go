// Package sink is an OTLP/HTTP receiver that only counts. It stands for a healthy collector on other cores: it walks the
// protobuf's lengths without decoding what is inside a span, so that the benchmark's own CPU does not drown what
// is measured. What spans hold is checked elsewhere (package watch and e2e/), with the official decoder.
package sink

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Sink counts what it is sent. Its methods are safe for concurrent use.
type Sink struct {
	URL string // to be given as OTEL_EXPORTER_OTLP_ENDPOINT

	spans, requests, bytes atomic.Int64
	keep                   atomic.Bool
	mu                     sync.Mutex
	kept                   []Span
	errs                   []error
	server                 http.Server
}

// Span is the little that the benchmarks look at: whether a request is one trace.
type Span struct {
	Trace, ID, Parent string // raw bytes
	Name              string
}

// Start listens on a free port of the loopback interface.
func Start() (*Sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	s := &Sink{URL: "http://" + l.Addr().String()}
	s.server.Handler = s
	go s.server.Serve(l)
	return s, nil
}

// Close stops listening.
func (s *Sink) Close() error { return s.server.Close() }

// Spans is how many have arrived since the start.
func (s *Sink) Spans() int64 { return s.spans.Load() }

// Bytes is the size of the request bodies, as sent.
func (s *Sink) Bytes() int64 { return s.bytes.Load() }

// Requests is the number of export requests.
func (s *Sink) Requests() int64 { return s.requests.Load() }

// Keep makes the sink hold the spans that arrive from now on, or stop to and forget them.
func (s *Sink) Keep(on bool) {
	s.mu.Lock()
	s.kept = nil
	s.mu.Unlock()
	s.keep.Store(on)
}

// Kept returns the spans held.
func (s *Sink) Kept() []Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Span(nil), s.kept...)
}

// Err tells whether anything arrived that is not OTLP.
func (s *Sink) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.errs...)
}

// Settle waits until nothing has arrived for quiet, at most for limit, and returns the count of spans.
func (s *Sink) Settle(quiet, limit time.Duration) int64 {
	last, since, end := s.Spans(), time.Now(), time.Now().Add(limit)
	for time.Since(since) < quiet && time.Now().Before(end) {
		time.Sleep(quiet / 10)
		if n := s.Spans(); n != last {
			last, since = n, time.Now()
		}
	}
	return last
}

// ServeHTTP takes POST /v1/traces, and answers 200 to anything else that an exporter sends.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	if !strings.HasSuffix(r.URL.Path, "/v1/traces") {
		return
	}
	s.requests.Add(1)
	s.bytes.Add(int64(len(body)))
	if err := s.take(r.Header.Get("Content-Encoding"), body); err != nil {
		s.mu.Lock()
		s.errs = append(s.errs, err)
		s.mu.Unlock()
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (s *Sink) take(encoding string, body []byte) error {
	if encoding == "gzip" {
		z, err := gzip.NewReader(strings.NewReader(string(body)))
		if err != nil {
			return fmt.Errorf("sink: %w", err)
		}
		if body, err = io.ReadAll(z); err != nil {
			return fmt.Errorf("sink: %w", err)
		}
	}
	n := int64(0)
	keep := s.keep.Load()
	// ExportTraceServiceRequest.resource_spans = 1, ResourceSpans.scope_spans = 2, ScopeSpans.spans = 2
	err := fields(body, 1, func(resource []byte) error {
		return fields(resource, 2, func(scope []byte) error {
			return fields(scope, 2, func(span []byte) error {
				n++
				if keep {
					return s.hold(span)
				}
				return nil
			})
		})
	})
	s.spans.Add(n)
	return err
}

func (s *Sink) hold(span []byte) error {
	var h Span
	// Span.trace_id = 1, span_id = 2, parent_span_id = 4, name = 5
	for number, to := range map[uint64]*string{1: &h.Trace, 2: &h.ID, 4: &h.Parent, 5: &h.Name} {
		if err := fields(span, number, func(b []byte) error { *to = string(b); return nil }); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.kept = append(s.kept, h)
	s.mu.Unlock()
	return nil
}

var errTruncated = errors.New("sink: not a protobuf message of OTLP")

// fields calls f with the contents of each length-delimited field of that number.
func fields(b []byte, number uint64, f func([]byte) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errTruncated
		}
		b = b[n:]
		switch tag & 7 {
		case 0:
			_, n := binary.Uvarint(b)
			if n <= 0 {
				return errTruncated
			}
			b = b[n:]
		case 1, 5:
			n := 8 - int(tag&4) // fixed64, fixed32
			if len(b) < n {
				return errTruncated
			}
			b = b[n:]
		case 2:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return errTruncated
			}
			if tag>>3 == number {
				if err := f(b[n : n+int(size)]); err != nil {
					return err
				}
			}
			b = b[n+int(size):]
		default:
			return errTruncated
		}
	}
	return nil
}
