package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

func init() {
	scenarios["logs"] = func() { logs(); inHandler(logs) }
}

type writer struct{}

func (writer) Write(p []byte) (int, error) {
	frames("in a log's writer")
	return len(p), nil
}

type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	frames("in a slog.Handler")
	return h.Handler.Handle(ctx, r)
}

type valued struct{}

func (valued) LogValue() slog.Value {
	frames("in a LogValue")
	return slog.StringValue("value")
}

// A logger that counts callers by itself, as zap's does.
type logger struct{ skip int }

func (l logger) Info(msg string)   { l.write(msg) }
func (l logger) Infof(f string)    { l.Info(f) }
func (l logger) With(n int) logger { return logger{l.skip + n} }
func (l logger) write(msg string)  { l.output(2+l.skip, msg) }
func (l logger) output(n int, m string) {
	pc, file, line, ok := runtime.Caller(n)
	fmt.Println(m, filepath.Base(file), line, runtime.FuncForPC(pc).Name(), ok)
}

func wrapped(l *log.Logger, msg string) { _ = l.Output(2, msg) }

func helper(h slog.Handler, msg string) {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:])
	r := slog.NewRecord(time.Time{}, slog.LevelInfo, msg, pcs[0])
	_ = h.Handle(context.Background(), r)
}

func logs() {
	for _, flags := range []int{log.Lshortfile, log.Llongfile, log.Lshortfile | log.Lmsgprefix} {
		l := log.New(os.Stdout, "log ", flags)
		l.Println("Println")
		l.Printf("Printf %d", 1)
		wrapped(l, "Output")
		func() {
			defer func() { recover() }()
			l.Panicln("Panicln")
		}()
	}
	log.SetFlags(log.Lshortfile)
	log.SetOutput(os.Stdout)
	log.Print("Print")
	log.New(writer{}, "", 0).Print("written")

	text := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{AddSource: true, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	l := slog.New(text)
	l.Info("Info")
	l.InfoContext(context.Background(), "InfoContext")
	l.Log(context.Background(), slog.LevelWarn, "Log")
	l.LogAttrs(context.Background(), slog.LevelWarn, "LogAttrs", slog.Int("n", 1))
	l.With("a", 1).WithGroup("g").Error("With", "b", valued{})
	helper(text, "a record of one's own")
	slog.New(handler{text}).Info("wrapped")
	slog.NewLogLogger(text, slog.LevelInfo).Print("a log.Logger to slog")
	slog.SetDefault(l)
	slog.Info("default Info")
	log.Print("log to slog")

	logger{}.Info("Info")
	logger{}.With(1).Infof("Infof")
	func() { logger{}.With(1).Info("Info of the caller") }()
}

// inHandler has a server call f.
func inHandler(f func()) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { f() }))
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}
