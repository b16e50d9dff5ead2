package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/weft-trace/weft/server"
)

var serveCommand = &command{
	name:  "serve",
	usage: serveUsage,
	short: "collect, keep and search traces",
	long:  serveText,
	run:   runServe,
}

const serveUsage = "[--config FILE] [--KEY=VALUE ...] [--open] [--print-config]"

const serveText = `Serve takes what programs send, over OTLP (gRPC and HTTP) and as Zipkin spans,
keeps it in a directory, and shows it: on its own web page, which is at
http://127.0.0.1:16686 and opened in a browser by --open, and to weft's other
commands, Grafana and Jaeger's UI. It listens on loopback until tokens or client
certificates say who else may use it.

Every setting is a key of one YAML file (--config FILE, or WEFT_CONFIG), a flag
and an environment variable: store.retention.age is --store.retention.age=7d
and WEFT_STORE_RETENTION_AGE=7d. A flag goes before a variable, that before the
file.

	weft serve --help            lists all keys with their defaults
	weft serve --print-config    prints what is in effect, and where it is from

SIGTERM and SIGINT stop it: requests in flight may finish; a second signal ends
it at once. SIGHUP makes it read certificates and tokens again.
`

func runServe(inv *invocation) (int, error) {
	var rest []string
	show, open := false, false
	for _, a := range inv.args {
		switch a {
		case "-h", "-help", "--help":
			fmt.Fprintf(inv.stdout, "usage: weft serve %s\n\n%s\nKeys, with their defaults:\n\n", serveUsage, serveText)
			return 0, server.Usage(inv.stdout)
		case "-print-config", "--print-config":
			show = true
		case "-open", "--open":
			open = true
		default:
			rest = append(rest, a)
		}
	}
	l, err := server.Load(rest, inv.env)
	if err != nil {
		return 2, fmt.Errorf("serve: %w", err)
	}
	for _, w := range l.Warnings {
		fmt.Fprintf(inv.stderr, "weft: serve: %s\n", w)
	}
	if show {
		return 0, l.Print(inv.stdout)
	}

	var browser func(string)
	if open {
		if h := l.Listen.HTTP; h.Off() || strings.HasPrefix(string(h), "unix:") {
			return 2, fmt.Errorf("serve: --open: no browser reaches listen.http: %s; leave out one of both", h)
		}
		browser = func(page string) {
			if err := browse(page, inv.getenv); err != nil {
				fmt.Fprintf(inv.stderr, "weft: serve: --open: %v; open %s yourself\n", err, page)
			}
		}
	}
	if inv.getenv("GOGC") == "" {
		// Most of the heap is buffers and columns that live for seconds. Measured on
		// 1,000,000 spans over gRPC: 157 MiB at the peak instead of 220, for 8 % more CPU.
		debug.SetGCPercent(50)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt, syscall.SIGHUP)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reload := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, l.Config, server.Options{
			Stdout: inv.stdout, Stderr: inv.stderr, Version: version(), Reload: reload, Notify: inv.getenv("NOTIFY_SOCKET"), Browse: browser,
		})
	}()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return 1, fmt.Errorf("serve: %w", err)
			}
			return 0, nil
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				select {
				case reload <- struct{}{}:
				default: // it is about to
				}
			case ctx.Err() == nil:
				cancel()
			default:
				return 1, errors.New("serve: stopped by a second signal; what was acknowledged is on the disk")
			}
		}
	}
}
