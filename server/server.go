// Package server is weft serve: it takes in what programs send, keeps it, and
// answers questions about it.
//
// [Load] puts a [Config] together from flags, environment and a file. [Start]
// opens the listeners and then the store, which may take a while after a
// crash; until then requests are told to come back. [Run] does all of it until
// its context ends.
//
// What clients may do is decided in access.go, what they can make the server
// do is bounded here and in package ingest.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-trace/weft/server/ingest"
	"github.com/weft-trace/weft/server/store"
	"github.com/weft-trace/weft/ui"
)

// serverName is what the Server header of every answer says.
const serverName = "weft"

// Options are what the surroundings of a server give it. The zero value works.
type Options struct {
	Stdout  io.Writer         // where it says, in words, that it started and where; nil: nowhere
	Stderr  io.Writer         // where the log goes; nil: nowhere
	Version string            // of weft
	Clock   func() time.Time  // of the store; nil: time.Now
	Reload  <-chan struct{}   // what it sends makes the server read certificates and tokens again; nil: they are read when they change
	Browse  func(page string) // is told the address of the page when the server is ready; nil: nobody is
	Notify  string            // the socket of the service manager (NOTIFY_SOCKET, see sd_notify(3)); "" for none
}

// Server is a running server. Its methods may be called concurrently.
type Server struct {
	config   Config
	o        Options
	log      *slog.Logger
	access   *access
	cert     *certificate
	receiver *ingest.Receiver
	page     *ui.Page
	started  time.Time

	listeners []*listening
	requests  sync.WaitGroup // being worked on
	serving   sync.WaitGroup // listeners
	counts    counts

	opened   atomic.Pointer[opened] // nil until the store is open
	ready    chan struct{}          // closed when it is
	failed   chan error             // gets the one error that ends the server
	stopping atomic.Bool
	stop     chan struct{} // closed when the server stops
	tasks    sync.WaitGroup
}

// opened is what there is once the store is open.
type opened struct {
	store   *store.Store
	queries queries
}

// errStarting is what a request hears while there is no store.
var errStarting = fmt.Errorf("weft is starting: the store is being opened: %w", ingest.ErrUnavailable)

// Start opens the listeners and begins to open the store, and returns. What is
// wrong with the configuration, or an address in use, is an error; a store
// that cannot be opened is one of [Server.Failed].
func Start(c Config, o Options) (*Server, error) {
	c.setDefaults()
	if c.Store.Dir == "" {
		c.Store.Dir = DefaultDir(os.Environ())
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(c.Store.Dir) // for messages, which are read elsewhere
	if err != nil {
		return nil, fmt.Errorf("store.dir: %w", err)
	}
	c.Store.Dir = dir
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Server{
		config: c, o: o, log: newLogger(o.Stderr, c.Log), started: time.Now(),
		page: ui.New(), ready: make(chan struct{}), failed: make(chan error, 1), stop: make(chan struct{}),
	}
	if s.access, err = newAccess(&s.config); err != nil {
		return nil, err
	}
	if s.cert, err = newCertificate(&s.config.TLS); err != nil {
		return nil, err
	}
	s.receiver, err = ingest.New(ingest.Options{
		Write: s.write, Check: s.checkWrite,
		RequestSize: int64(c.Limits.RequestSize), InFlight: int64(c.Limits.InFlight), Wait: time.Duration(c.Limits.Wait), ReadTimeout: time.Duration(c.Limits.ReadTimeout),
		Logger: s.log,
	})
	if err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	for _, l := range s.listeners {
		s.serving.Go(func() { s.serve(l) })
	}
	s.tasks.Go(s.open)
	s.tasks.Go(s.watchFiles)
	return s, nil
}

func newLogger(w io.Writer, c Log) *slog.Logger {
	var level slog.Level
	level.UnmarshalText([]byte(c.Level)) // one of the four words
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func (s *Server) listen() error {
	for _, e := range s.config.listeners() {
		if e.addr.Off() {
			continue
		}
		l, err := listen(e.key, e.addr, int(s.config.Limits.Connections))
		if err != nil {
			for _, l := range s.listeners {
				l.Close()
			}
			return err
		}
		l.server = s.httpServer(l)
		s.listeners = append(s.listeners, l)
	}
	return nil
}

// The times after which a connection is given up. A client that says nothing
// costs a connection for that long and nothing else.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	pingAfter     = time.Minute      // HTTP/2: ask a silent client whether it is still there
	pingTimeout   = 15 * time.Second // and wait that long for its answer
	writeTimeout  = 2 * time.Minute
)

// httpServer returns the server behind a listener, with all its bounds.
func (s *Server) httpServer(l *listening) *http.Server {
	h := &http.Server{
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       time.Duration(s.config.Limits.ReadTimeout),
		WriteTimeout:      writeTimeout + time.Duration(s.config.Limits.ReadTimeout),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    int(s.config.Limits.HeaderSize),
		ErrorLog:          log.New(debugLog{s.log}, "", 0),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, listeningKey{}, l)
		},
		Protocols: new(http.Protocols),
		// A connection may have 1 MiB unread, one of its requests 256 KiB: enough
		// for 20 Gbit/s at 100 µs and for 20 Mbit/s around the world.
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100, MaxReadFrameSize: 64 << 10, MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 256 << 10,
			SendPingTimeout: pingAfter, PingTimeout: pingTimeout, WriteByteTimeout: 30 * time.Second,
		},
	}
	h.Protocols.SetHTTP1(true)
	if s.cert != nil && l.ln.Addr().Network() != "unix" {
		h.Protocols.SetHTTP2(true)
		h.TLSConfig = s.cert.server([]string{"h2", "http/1.1"}, l.key == "listen.http")
	} else {
		h.Protocols.SetUnencryptedHTTP2(true)
	}
	switch l.key {
	case "listen.otlp_grpc":
		h.Handler = s.receiver.GRPC()
		// Its clients keep one connection for as long as they run.
		h.IdleTimeout = time.Hour
	case "listen.otlp_http":
		h.Handler = s.receiver.HTTP()
	case "listen.zipkin":
		h.Handler = s.receiver.Zipkin()
	default:
		h.Handler = s.mux()
	}
	h.Handler = s.outermost(h.Handler)
	return h
}

type listeningKey struct{}

// from returns the listener that a request came by.
func from(r *http.Request) *listening { return r.Context().Value(listeningKey{}).(*listening) }

// outermost counts requests that are worked on, so that the store is not
// closed under them, and says who answers.
func (s *Server) outermost(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		defer s.requests.Done()
		w.Header()["Server"] = []string{serverName}
		h.ServeHTTP(w, r)
	})
}

// debugLog takes what net/http has to say about connections, such as clients
// that do not speak TLS. It is about clients and for those who look for it.
type debugLog struct{ log *slog.Logger }

func (d debugLog) Write(b []byte) (int, error) {
	d.log.Debug("connection", "error", strings.TrimSpace(string(b)))
	return len(b), nil
}

func (s *Server) serve(l *listening) {
	var err error
	if l.server.TLSConfig != nil {
		err = l.server.ServeTLS(l, "", "")
	} else {
		err = l.server.Serve(l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.fail(fmt.Errorf("%s: accept connections on %s: %w", l.key, l.Addr(), err))
	}
}

// fail ends the server.
func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default: // it ends already
	}
}

// open opens the store.
func (s *Server) open() {
	c := &s.config.Store
	begin := time.Now()
	o := store.Options{
		Dir: c.Dir, Retention: time.Duration(c.Retention.Age), Partition: time.Duration(c.Partition), NoSync: !c.Sync.On(),
		CacheBytes: int64(c.Cache), MaxBytes: max(0, int64(c.Retention.Size)), Clock: s.o.Clock, Logger: s.log,
	}
	st, err := store.Open(o)
	if err != nil {
		s.fail(err)
		return
	}
	s.opened.Store(&opened{st, s.newQueries(st)})
	if s.stopping.Load() {
		return
	}
	close(s.ready)
	s.log.Info("ready", "store", c.Dir, "opened_in", time.Since(begin).Round(time.Millisecond).String())
	io.WriteString(s.o.Stdout, s.greeting())
	if page := s.Page(); s.o.Browse != nil && page != "" {
		s.o.Browse(page)
	}
	if err := notify(s.o.Notify, "READY=1"); err != nil {
		s.log.Warn("tell the service manager that weft is ready", "error", err)
	}
}

// Ready is closed when the store is open.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Failed gets an error when the server cannot go on. It is to be shut down then.
func (s *Server) Failed() <-chan error { return s.failed }

// Addr returns the address that is listened to for a key such as "listen.http", nil if it is off.
func (s *Server) Addr(key string) net.Addr {
	for _, l := range s.listeners {
		if l.key == key {
			return l.Addr()
		}
	}
	return nil
}

// write is where the receiver's batches go.
func (s *Server) write(ctx context.Context, b *store.Batch) error {
	o := s.opened.Load()
	if o == nil {
		return errStarting
	}
	return o.store.Write(ctx, b)
}

// checkWrite says whether a request may send data.
func (s *Server) checkWrite(r *http.Request) (int, string) {
	if status, reason := s.access.place(r, from(r).loopback); status != 0 {
		return status, reason
	}
	return s.access.allow(r, ScopeWrite)
}

// fileCheck is how often files that may change are looked at. Certificates are
// renewed days before they end.
const fileCheck = 30 * time.Second

// watchFiles reads certificates and tokens again when they change.
func (s *Server) watchFiles() {
	t := time.NewTicker(fileCheck)
	defer t.Stop()
	for {
		asked := false
		select {
		case <-s.stop:
			return
		case <-s.o.Reload:
			asked = true
		case <-t.C:
		}
		if s.cert != nil {
			s.cert.watch(s.log)
		}
		if err := s.access.reload(); err != nil {
			s.log.Error("the tokens were not read again; those from before stay valid", "error", err)
		} else if asked {
			s.log.Info("certificates and tokens were read again")
		}
	}
}

// Shutdown stops taking connections, lets requests in flight finish until ctx
// ends, ends those that did not, and closes the store.
func (s *Server) Shutdown(ctx context.Context) error {
	if !s.stopping.CompareAndSwap(false, true) {
		return errors.New("the server is stopping already")
	}
	notify(s.o.Notify, "STOPPING=1")
	s.log.Info("stopping", "grace", time.Duration(s.config.Shutdown.Grace).String())
	close(s.stop)
	var wg sync.WaitGroup
	for _, l := range s.listeners {
		wg.Go(func() {
			if l.server.Shutdown(ctx) != nil {
				l.server.Close()
			}
		})
	}
	wg.Wait()
	s.serving.Wait()
	s.tasks.Wait()

	// Handlers of connections that were closed end on their own: their contexts are done.
	done := make(chan struct{})
	go func() {
		s.requests.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		// The journal has what was acknowledged; only the next start takes longer.
		return errors.New("stop: requests did not end; the store is left as after a crash, and nothing acknowledged is lost")
	}
	if o := s.opened.Load(); o != nil {
		if err := o.store.Close(); err != nil {
			return fmt.Errorf("close the store: %w", err)
		}
	}
	s.log.Info("stopped")
	return nil
}

// Run starts a server and shuts it down when ctx ends or when it fails.
func Run(ctx context.Context, c Config, o Options) error {
	s, err := Start(c, o)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	grace, cancel := context.WithTimeout(context.Background(), time.Duration(s.config.Shutdown.Grace))
	defer cancel()
	return errors.Join(err, s.Shutdown(grace))
}

// notify tells the service manager how the server is, as sd_notify(3) does.
func notify(socket, state string) error {
	if socket == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.WriteString(c, state)
	return err
}
