package agent

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// An exporter posts requests to the collector, one at a time, in a goroutine that exists only while there is something to
// post. What waits is bounded; when there is no room, the oldest goes. Nobody ever waits for the collector, except the end of
// the program, for a limited time.
type exporter struct {
	client    *http.Client
	transport *http.Transport
	endpoint  string
	headers   []header
	timeout   time.Duration
	gzip      bool
	quiet     bool // nobody asked for this collector: if it is not there, that is no failure
	maxBytes  int
	maxSpans  int // 0: no bound
	stats     *stats
	report    func(format string, args ...any)

	expecting atomic.Bool // an attempt is under way

	zip  *gzip.Writer // of the posting goroutine
	zbuf bytes.Buffer

	mu      sync.Mutex
	queue   []batch
	bytes   int // in queue and in flight
	spans   int
	posting bool
	stop    chan struct{}      // closed by flush, which does not wait for the next attempt
	final   context.Context    // set by flush: bounds all attempts
	cancel  context.CancelFunc // ends the attempt in flight
	idle    chan struct{}      // closed when posting ends, if flush waits for it
	spare   [][]byte           // memory for encoding
	away    time.Time          // quiet: no attempt before
	failing bool               // the last attempt failed, and that was reported
	hung    bool               // the last attempt ran into its timeout
}

// batch is one encoded request.
type batch struct {
	data  []byte
	spans int
}

// newExporter returns the exporter for c. Certificates that cannot be read are reported, and left out.
func newExporter(c *config, e *environment, s *stats) *exporter {
	x := &exporter{}
	dialer := &net.Dialer{Timeout: c.timeout, KeepAlive: 30 * time.Second}
	tr := &http.Transport{
		Proxy: proxy(e),
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &wire{Conn: conn, expecting: &x.expecting}, nil
		},
		TLSClientConfig:        tlsConfig(c, e),
		TLSHandshakeTimeout:    c.timeout,
		MaxIdleConnsPerHost:    1,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		WriteBufferSize:        64 << 10,
	}
	*x = exporter{
		transport: tr,
		client: &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the headers are for nobody else
		}},
		endpoint: c.endpoint,
		headers:  c.headers,
		timeout:  c.timeout,
		gzip:     c.gzip,
		quiet:    !c.explicit,
		maxBytes: c.memory / 4,
		maxSpans: c.queueSpans,
		stats:    s,
		stop:     make(chan struct{}),
		report:   func(format string, args ...any) { e.warn(fmt.Sprintf(format, args...)) },
	}
	if x.timeout == 0 {
		x.timeout = 10 * time.Minute // 0 means none; the queue is bounded anyway
	}
	return x
}

// proxy is http.ProxyFromEnvironment if there is a proxy. Else it is not called: net/http reads the variables only once, and the
// program may yet set them.
func proxy(e *environment) func(*http.Request) (*url.URL, error) {
	if _, v := e.first("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"); v == "" {
		return nil
	}
	return http.ProxyFromEnvironment
}

func tlsConfig(c *config, e *environment) *tls.Config {
	if c.certificate == "" && c.clientCert == "" && c.clientKey == "" {
		return nil
	}
	t := &tls.Config{}
	if c.certificate != "" {
		pem, err := os.ReadFile(c.certificate)
		pool := x509.NewCertPool()
		switch {
		case err != nil:
			e.bad("OTEL_EXPORTER_OTLP_CERTIFICATE", c.certificate, err.Error(), "using the system's certificates")
		case !pool.AppendCertsFromPEM(pem):
			e.bad("OTEL_EXPORTER_OTLP_CERTIFICATE", c.certificate, "no certificate in it", "using the system's certificates")
		default:
			t.RootCAs = pool
		}
	}
	if c.clientCert != "" || c.clientKey != "" {
		pair, err := tls.LoadX509KeyPair(c.clientCert, c.clientKey)
		if err != nil {
			e.bad("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", c.clientCert, err.Error(), "sending none")
		} else {
			t.Certificates = []tls.Certificate{pair}
		}
	}
	return t
}

// buffer returns memory to encode a request into.
func (x *exporter) buffer() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.spare); n > 0 {
		b := x.spare[n-1]
		x.spare = x.spare[:n-1]
		return b
	}
	return nil
}

// send takes a request. It never blocks on the network.
func (x *exporter) send(b batch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.quiet && time.Now().Before(x.away) {
		x.lose(b, lostNoCollector)
		return
	}
	x.queue = append(x.queue, b)
	x.bytes += cap(b.data)
	x.spans += b.spans
	for len(x.queue) > 1 && (x.bytes > x.maxBytes || x.maxSpans > 0 && x.spans > x.maxSpans) {
		x.lose(x.pop(), lostQueueFull)
	}
	if !x.posting {
		x.posting = true
		go x.post() // muted, as is the agent
	}
}

// pop takes the oldest request out of the queue. With x.mu held.
func (x *exporter) pop() batch {
	b := x.queue[0]
	n := copy(x.queue, x.queue[1:])
	x.queue[n] = batch{}
	x.queue = x.queue[:n]
	x.bytes -= cap(b.data)
	x.spans -= b.spans
	return b
}

// lose counts a request that will not be sent and keeps its memory. With x.mu held.
func (x *exporter) lose(b batch, cause int) {
	x.stats.lost[cause].Add(uint64(b.spans))
	x.recycle(b.data)
}

func (x *exporter) recycle(b []byte) {
	if len(x.spare) < 2 {
		x.spare = append(x.spare, b[:0])
	}
}

// forget lets go of connections and memory, for a time without work.
func (x *exporter) forget() {
	x.transport.CloseIdleConnections()
	x.mu.Lock()
	x.spare = nil
	x.mu.Unlock()
}

// busy reports whether there is anything to be posted.
func (x *exporter) busy() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.posting
}

// Back-off between attempts: doubled from the first to the last, and each then shortened by up to a half at random.
const (
	firstWait = 500 * time.Millisecond
	lastWait  = 10 * time.Second
	awayTime  = 10 * time.Second
)

// post sends what is in the queue until that is empty.
func (x *exporter) post() {
	defer x.rest()
	wait := firstWait
	for {
		x.mu.Lock()
		if len(x.queue) == 0 {
			x.mu.Unlock()
			return
		}
		b := x.pop()
		x.bytes += cap(b.data) // it still takes its memory
		under := x.final       // nil unless the program is ending
		ctx := under
		if ctx == nil {
			ctx = context.Background()
		}
		ctx, x.cancel = context.WithTimeout(ctx, x.timeout)
		cancel := x.cancel
		x.mu.Unlock()

		err := x.attempt(ctx, b)
		timedOut := ctx.Err() != nil
		cancel()
		var r *refusal
		retry := err != nil && !(errors.As(err, &r) && !r.retry)

		x.mu.Lock()
		x.bytes -= cap(b.data)
		x.hung = err != nil && timedOut
		if !retry {
			if err == nil {
				x.recycle(b.data)
				x.succeeded()
			} else {
				x.lose(b, lostRefused)
				x.failed(err)
			}
			x.mu.Unlock()
			wait = firstWait
			continue
		}
		switch {
		case x.quiet && absent(err):
			// Nobody is there, and nobody said that there would be.
			x.away = time.Now().Add(awayTime)
			x.lose(b, lostNoCollector)
			x.loseAll(lostNoCollector)
		case x.final != nil && (x.final.Err() != nil || under != nil && absent(err)):
			// The end of the program does not wait for a collector that is not there.
			x.failed(err)
			x.lose(b, lostAtExit)
			x.loseAll(lostAtExit)
		default:
			x.failed(err)
			x.queue = append(x.queue, batch{})
			copy(x.queue[1:], x.queue)
			x.queue[0] = b
			x.bytes += cap(b.data)
			x.spans += b.spans
			if x.bytes > x.maxBytes && len(x.queue) > 1 {
				x.lose(x.pop(), lostQueueFull)
			}
		}
		again, final := len(x.queue) > 0, x.final
		x.mu.Unlock()
		if !again {
			continue
		}
		if final != nil && under == nil {
			wait = firstWait / 4 // the end has come meanwhile: once more, at once
			continue
		}
		pause := wait - time.Duration(rand.Int64N(int64(wait)/2))
		var hurry <-chan struct{} = x.stop
		if final != nil {
			hurry = final.Done()
		} else if r != nil {
			pause = max(pause, r.after)
		}
		wait = min(2*wait, lastWait)
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-hurry:
			wait = firstWait / 4
		}
		t.Stop()
	}
}

func (x *exporter) loseAll(cause int) {
	for len(x.queue) > 0 {
		x.lose(x.pop(), cause)
	}
}

// rest is the end of a posting goroutine.
func (x *exporter) rest() {
	r := recover()
	x.mu.Lock()
	defer x.mu.Unlock()
	if r != nil {
		x.report("export stopped by a bug in weft: %v", r)
		x.loseAll(lostRefused)
	}
	x.posting = false
	if x.idle != nil {
		close(x.idle)
		x.idle = nil
	}
}

// succeeded and failed tell of changes, once each. With x.mu held.
func (x *exporter) succeeded() {
	if x.failing {
		x.report("export to %s works again", x.endpoint)
	}
	x.failing = false
}

func (x *exporter) failed(err error) {
	x.stats.lastError.Store(&err)
	if !x.failing && !x.quiet {
		x.report("cannot export spans to %s: %v; the program goes on", x.endpoint, err)
		x.failing = true
	}
}

// flush waits until everything was sent, but not longer than limit, and counts the rest as lost. Nothing is sent afterwards.
func (x *exporter) flush(limit time.Duration) {
	x.mu.Lock()
	if !x.posting || x.final != nil {
		x.mu.Unlock()
		return
	}
	if x.hung {
		limit /= 4 // it has not answered lately
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	x.final = ctx
	x.idle = make(chan struct{})
	idle, inFlight := x.idle, x.cancel
	close(x.stop)
	x.mu.Unlock()

	select {
	case <-idle:
		return
	case <-ctx.Done():
	}
	if inFlight != nil {
		inFlight()
	}
	// What is left is told by the posting goroutine as soon as its attempt ends; it does not take long any more.
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case <-idle:
	case <-t.C:
	}
}

// wire is a connection to the collector on which nothing is received that was not asked for: net/http would tell the program's
// own logger about it.
type wire struct {
	net.Conn
	expecting *atomic.Bool
	wrote     atomic.Bool
}

func (w *wire) Write(p []byte) (int, error) {
	w.wrote.Store(true)
	return w.Conn.Write(p)
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 && !(w.wrote.Load() && w.expecting.Load()) {
		return 0, io.EOF
	}
	return n, err
}

// refusal is an answer other than success.
type refusal struct {
	status int
	retry  bool
	after  time.Duration // Retry-After
	text   string        // the beginning of the body, if it is text
}

func (r *refusal) Error() string {
	s := fmt.Sprintf("status %d %s", r.status, http.StatusText(r.status))
	if r.text != "" {
		s += ": " + r.text
	}
	return s
}

const maxAnswer = 64 << 10

// attempt posts one request.
func (x *exporter) attempt(ctx context.Context, b batch) error {
	body := b.data
	if x.gzip {
		x.zbuf.Reset()
		if x.zip == nil {
			x.zip, _ = gzip.NewWriterLevel(&x.zbuf, gzip.BestSpeed)
		} else {
			x.zip.Reset(&x.zbuf)
		}
		x.zip.Write(body)
		x.zip.Close()
		body = x.zbuf.Bytes()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for _, h := range x.headers {
		req.Header.Set(h.name, h.value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "weft/"+version)
	}
	if x.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	x.stats.requests.Add(1)
	x.expecting.Store(true)
	defer x.expecting.Store(false)
	resp, err := x.client.Do(req)
	if err != nil {
		var u interface{ Unwrap() error }
		if errors.As(err, &u) { // a *url.Error, which repeats the URL
			err = u.Unwrap()
		}
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 == 2 {
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		rejected, message := partialSuccess(answer)
		rejected = min(rejected, b.spans)
		x.stats.lost[lostRejected].Add(uint64(rejected))
		x.stats.exported.Add(uint64(b.spans - rejected))
		x.stats.exportedBytes.Add(uint64(len(body)))
		if rejected > 0 && message != "" {
			err := fmt.Errorf("%d spans rejected: %s", rejected, printable(message))
			x.stats.lastError.Store(&err)
		}
		return nil
	}
	r := &refusal{status: resp.StatusCode}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		r.retry = true
		r.after = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	}
	if resp.Header.Get("Content-Type") != "application/x-protobuf" {
		r.text = printable(string(answer[:min(len(answer), 200)]))
	}
	return r
}

// retryAfter reads the header of that name: seconds, or a date. No collector makes the program wait for more than a minute.
func retryAfter(v string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(v); err == nil {
		d = time.Duration(min(max(n, 0), 60)) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), time.Minute)
}

// absent reports whether err says that nothing listens at the endpoint.
func absent(err error) bool {
	var dns *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) || errors.As(err, &dns)
}

// partialSuccess reads an ExportTraceServiceResponse: partial_success = 1 {rejected_spans = 1; error_message = 2}. What is not
// one rejects nothing.
func partialSuccess(b []byte) (rejected int, message string) {
	fields(b, func(num int, _ uint64, data []byte) {
		if num != 1 {
			return
		}
		fields(data, func(num int, v uint64, data []byte) {
			switch num {
			case 1:
				rejected = int(min(v, 1<<31))
			case 2:
				message = string(data)
			}
		})
	})
	return rejected, message
}

// fields calls f for each varint and each length-delimited field of a protobuf message, up to the first error.
func fields(b []byte, f func(num int, v uint64, data []byte)) {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag>>3 > 1<<29 {
			return
		}
		b = b[n:]
		var v uint64
		var data []byte
		switch tag & 7 {
		case 0:
			if v, n = binary.Uvarint(b); n <= 0 {
				return
			}
		case 1:
			n = 8
		case 2:
			size, k := binary.Uvarint(b)
			if k <= 0 || size > uint64(len(b)-k) {
				return
			}
			data = b[k : k+int(size)]
			n = k + int(size)
		case 5:
			n = 4
		default:
			return
		}
		if n > len(b) {
			return
		}
		b = b[n:]
		if t := tag & 7; t == 0 || t == 2 {
			f(int(tag>>3), v, data)
		}
	}
}

// printable is s as one line of text.
func printable(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if strconv.IsPrint(r) {
			out = append(out, r)
		} else if len(out) > 0 && out[len(out)-1] != ' ' {
			out = append(out, ' ')
		}
	}
	return string(bytes.TrimSpace([]byte(string(out))))
}
