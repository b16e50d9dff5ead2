// Command app logs in every way that the standard library has, outside of
// spans and, with "inside", in the handler of a request.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"
)

func main() {
	everything := func() { logs(); slogs() }
	if len(os.Args) > 1 && os.Args[1] == "inside" {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			everything()
			var wg sync.WaitGroup
			wg.Go(func() { log.Print("from a goroutine of the request") })
			wg.Wait()
		}))
		resp, err := s.Client().Get(s.URL)
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		s.Close()
		log.Print("after the request")
		return
	}
	everything()
}

func logs() {
	log.Print("default")
	log.Println("a line", 1)
	log.Printf("with its own newline\n")
	log.Printf("two\nlines")
	log.Print("")
	l := log.New(os.Stdout, "prefix: ", log.Lshortfile|log.Lmsgprefix)
	l.Print("short file")
	l.Output(1, "calldepth 1")
	helper(l)
	log.New(os.Stdout, "", 0).Print("no flags")
	log.New(io.Discard, "", log.LstdFlags).Print("discarded")
	log.New(writes{}, "", 0).Print("one write")
	func() {
		defer func() { fmt.Println("panic:", recover()) }()
		l.Panic("in a panic")
	}()
}

func helper(l *log.Logger) { l.Output(2, "calldepth 2") }

type writes struct{}

func (writes) Write(b []byte) (int, error) { return fmt.Printf("write: %q\n", b) }

func slogs() {
	opts := &slog.HandlerOptions{AddSource: true, Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case a.Key == slog.TimeKey && len(groups) == 0:
			return slog.Attr{}
		case a.Key == slog.SourceKey:
			src := a.Value.Any().(*slog.Source)
			return slog.String("source", fmt.Sprint(src.Function, ":", src.Line))
		}
		return a
	}}
	for _, h := range []slog.Handler{slog.NewTextHandler(os.Stdout, opts), slog.NewJSONHandler(os.Stdout, opts), outer{slog.NewJSONHandler(os.Stdout, opts)}, printer{}} {
		l := slog.New(h)
		l.Info("plain")
		l.Info("attributes", "a", 1, slog.String("b", "two"))
		l.Warn("odd", "key")
		l.LogAttrs(context.Background(), slog.LevelError, "attrs", slog.Any("err", errors.New("bad")))
		l.WithGroup("g").Info("group", "a", 1)
		l.WithGroup("g").Info("empty group")
		l.With("w", 1).WithGroup("g").With("x", 2).WithGroup("h").Info("nested", "a", 1)
		l.Info("its own", "trace_id", "mine")
		many := []any{}
		for i := range 8 {
			many = append(many, fmt.Sprint("k", i), i)
		}
		l.WithGroup("many").Info("more than fit", many...)
		l.Debug("dropped", "a", 1)
		var nobody slog.Logger
		_ = nobody
		r := slog.NewRecord(time.Time{}, slog.LevelInfo, "a record", 0)
		r.Add("a", 1)
		h.Handle(context.Background(), r)
	}
	slog.Info("by default", "a", 1)
	slog.NewLogLogger(slog.NewJSONHandler(os.Stdout, opts), slog.LevelInfo).Print("from log to slog")
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, opts)))
	log.Print("by log, set default")
	slog.Info("by slog, set default")
	slog.SetDefault(old)
	log.SetOutput(os.Stderr)
	log.SetFlags(log.LstdFlags)
}

// outer passes records on, as handlers that add something do.
type outer struct{ h slog.Handler }

func (o outer) Enabled(ctx context.Context, l slog.Level) bool { return o.h.Enabled(ctx, l) }
func (o outer) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(slog.String("outer", "added"))
	return o.h.Handle(ctx, r)
}
func (o outer) WithAttrs(a []slog.Attr) slog.Handler { return outer{o.h.WithAttrs(a)} }
func (o outer) WithGroup(g string) slog.Handler      { return outer{o.h.WithGroup(g)} }

// printer is a handler of one's own.
type printer struct{}

func (printer) Enabled(context.Context, slog.Level) bool { return true }
func (printer) Handle(_ context.Context, r slog.Record) error {
	fmt.Print("printer: ", r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Print(" ", a.Key, "=", a.Value); return true })
	fmt.Println()
	return nil
}
func (p printer) WithAttrs([]slog.Attr) slog.Handler { return p }
func (p printer) WithGroup(string) slog.Handler      { return p }
