// Package agent is the part of the weft runtime that works beside the program: it drains what rt/trace records, and sends it
// to a collector, prints it, or writes an access log.
//
// The weaver makes every main package and every test binary import it. Its init reads the environment, tells rt/trace what to
// record, and starts one goroutine. That goroutine drains the rings every [interval] while there is something in them; when
// nothing was recorded for a while it closes its connections and waits without a timer, so that an idle program stays idle,
// and a program whose goroutines are all asleep is still told so by the runtime.
//
// Records are encoded where they lie and collect in one buffer, which is handed to the exporter when it is large or old enough.
// The exporter is a goroutine of its own, so that a collector that is slow or gone never delays the draining; what waits for
// it is bounded, and what is lost is counted by cause. Nothing in here is ever waited for by the program, except for a limited
// time when it ends: see exit.go.
//
// The agent owns no part of the program's behaviour. It writes to standard error only if its configuration is wrong, or if an
// export that somebody configured fails; it does not use the program's loggers, flags, default HTTP client or signal handlers.
package agent

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weft-trace/weft/rt/propagate"
	"github.com/weft-trace/weft/rt/trace"
)

const (
	interval = 50 * time.Millisecond // between two drains
	resting  = 20                    // drains that find nothing before the agent parks
	exitWait = 2 * time.Second       // the end of the program waits no longer than this
	lossTime = time.Minute           // losses are reported no more often than this
)

// agent is the state of the one goroutine; what others use is marked.
type agent struct {
	cfg    *config
	env    *environment
	stats  stats // any goroutine
	stderr *os.File

	clock    *clock
	enc      *encoder  // nil: nothing is exported
	exporter *exporter // nil likewise
	open     bool      // enc has a request begun
	since    time.Time // when it was begun

	console *console   // nil: not wanted
	access  *accessLog // nil: not wanted

	flushes  chan chan struct{}
	ending   atomic.Bool // any goroutine: somebody flushes
	parked   atomic.Bool // any goroutine: nothing is pending
	lastLoss time.Time
	reported Stats
}

// running is the agent of this process, nil if there is none.
var running atomic.Pointer[agent]

// begin starts the agent of a woven program. It is called once, from init.
func begin() {
	stderr := os.Stderr
	say := func(line string) { stderr.WriteString("weft: " + line + "\n") }
	env := &environment{get: getenv, warn: say}
	cfg := readConfig(env)
	if cfg.disabled {
		return
	}
	a := newAgent(cfg, env, stderr)
	running.Store(a)
	atEnd(a)
	trace.Configure(a.traceConfig(0))
	setSignalDeath(exitWait)
	unmute := trace.Mute()
	go a.run()
	unmute()
}

// getenv does not go through os.Getenv: go test would count each variable as an input of the test.
func getenv(name string) string {
	v, _ := syscall.Getenv(name)
	return v
}

// newAgent makes an agent that is not running yet. What takes time is left to run.
func newAgent(cfg *config, env *environment, stderr *os.File) *agent {
	a := &agent{cfg: cfg, env: env, stderr: stderr, clock: newClock(readClocks), flushes: make(chan chan struct{})}
	for _, unknown := range propagate.Configure(cfg.propagators) {
		env.bad("OTEL_PROPAGATORS", unknown, "unknown propagator", "left out")
	}
	if cfg.accessLog != "" {
		a.access = openAccessLog(cfg.accessLog, env)
	}
	return a
}

// traceConfig is what rt/trace is to do. rate is the number of ticks per second, 0 if not yet known.
func (a *agent) traceConfig(rate int64) trace.Config {
	return trace.Config{
		Destination: a.destination(),
		Sampler:     a.cfg.sampler,
		Ratio:       a.cfg.ratio,
		ValueLength: a.cfg.valueLength,
		Attributes:  a.cfg.attributes,
		Events:      a.cfg.events,
		RingMemory:  a.cfg.memory / 2,
		Alloc:       allocRing,
		TickRate:    rate,
		Requests:    a.access != nil,
	}
}

// setUp is the part of the start that the program does not wait for.
func (a *agent) setUp() {
	res := resource(a.cfg, a.env)
	if a.cfg.otlp {
		a.enc = newEncoder(res, a.clock)
		a.exporter = newExporter(a.cfg, a.env, &a.stats)
	}
	if a.cfg.console {
		a.console = newConsole(serviceOf(res), a.stderr)
	}
	if a.cfg.debug {
		a.env.warn("spans of " + serviceOf(res) + " go to " + a.destination())
	}
}

func (a *agent) destination() string {
	switch {
	case a.cfg.otlp && a.cfg.console:
		return a.cfg.endpoint + " and standard error"
	case a.cfg.otlp:
		return a.cfg.endpoint
	case a.cfg.console:
		return "standard error"
	}
	return "nowhere"
}

// run is the agent's goroutine.
func (a *agent) run() {
	trace.Mute()
	defer func() {
		if r := recover(); r != nil {
			// A bug of weft must not end the program.
			trace.Configure(trace.Config{Disabled: true})
			a.parked.Store(true)
			setSignalDeath(0)
			a.env.warn("tracing stopped by a bug in weft: " + printable(fmt.Sprint(r)))
			if a.cfg.debug {
				os.Stderr.Write(debug.Stack())
			}
		}
	}()
	a.setUp()

	timer := time.NewTimer(interval)
	quiet, rated := 0, false
	for {
		n := a.drain()
		now := time.Now()
		if sig := dying(); sig != 0 {
			a.flush()
			die()
		}
		a.housekeep(now)
		if !rated {
			a.clock.update()
			if a.clock.settled() {
				rated = true
				trace.Configure(a.traceConfig(int64(1e9 / a.clock.rate())))
			}
		}
		if quiet++; n > 0 || a.busy() {
			quiet = 0
		}
		if quiet == resting/2 && a.exporter != nil {
			// Well before parking: a thread of the runtime that waits for the network because of these connections goes on
			// to do so when they are closed. The timer makes it look again, and then all threads are asleep in a deadlock.
			a.exporter.forget()
		}
		if quiet >= resting && rated {
			quiet = 0
			timer.Stop()
			if !a.park() {
				return
			}
			continue
		}
		timer.Reset(interval)
		select {
		case <-timer.C:
		case <-trace.Wakeup():
		case done := <-a.flushes:
			a.end(done)
			return
		}
	}
}

// end is the last thing that the agent does.
func (a *agent) end(done chan struct{}) {
	a.flush()
	setSignalDeath(0)
	close(done)
}

// busy reports whether anything is still to be done that time will bring about.
func (a *agent) busy() bool {
	return a.open || a.exporter != nil && a.exporter.busy() || a.console != nil && a.console.Held() > 0
}

// park waits for the next record, or for the end of the program; then it returns false.
func (a *agent) park() bool {
	if !trace.Arm() {
		return true
	}
	// With nothing to flush, signals are left to themselves, and so is the end of the program.
	setSignalDeath(0)
	if dying() != 0 {
		return true
	}
	a.parked.Store(true)
	select {
	case <-trace.Wakeup():
		a.parked.Store(false)
		setSignalDeath(exitWait)
		return true
	case done := <-a.flushes:
		a.end(done)
		return false
	}
}

// drain takes what the rings hold to where it goes, and returns how many records that was.
func (a *agent) drain() int {
	if trace.Pending() == 0 {
		return 0
	}
	a.clock.update()
	if a.access == nil && a.console == nil && trace.HasGoroutineContext {
		return trace.Drain(a.export)
	}
	n := trace.Drain(func(r *trace.Record) {
		if a.access != nil && r.Kind == trace.KindServer {
			a.access.add(r, a.clock)
		}
		if r.Unsampled || !trace.HasGoroutineContext && a.ownRequest(r) {
			return
		}
		a.export(r)
		if a.console != nil {
			a.console.add(r, a.clock)
		}
	})
	if a.access != nil {
		a.access.write(a.env)
	}
	return n
}

// export encodes a record.
func (a *agent) export(r *trace.Record) {
	if a.enc == nil {
		return
	}
	if !a.open {
		a.enc.begin(a.exporter.buffer())
		a.open = true
		a.since = time.Now()
	}
	a.enc.add(r)
	if len(a.enc.buf) >= a.cfg.batchBytes || a.enc.spans >= a.cfg.batchSpans {
		a.seal()
	}
}

// seal hands the request begun to the exporter.
func (a *agent) seal() {
	if a.open {
		spans := a.enc.spans
		a.exporter.send(batch{a.enc.finish(), spans})
		a.open = false
	}
}

// ownRequest reports whether r is an export of the agent itself. Only where goroutines have no context can that be recorded.
func (a *agent) ownRequest(r *trace.Record) bool {
	if r.Kind != trace.KindClient {
		return false
	}
	var e trace.Entry
	for it := r.Entries(); it.Next(&e); {
		if e.Kind == trace.EntryStr && e.Str == a.cfg.endpoint {
			return true
		}
	}
	return false
}

// housekeep does what is due.
func (a *agent) housekeep(now time.Time) {
	if a.open && now.Sub(a.since) >= a.cfg.delay {
		a.seal()
	}
	if a.console != nil {
		a.console.print(a.console.Ready(now))
	}
	if now.Sub(a.lastLoss) >= lossTime {
		a.lastLoss = now
		a.reportLosses()
	}
}

// reportLosses says what was lost since the last time, if somebody configured the export.
func (a *agent) reportLosses() {
	if !a.cfg.explicit && !a.cfg.debug {
		return
	}
	now, n, causes := a.stats.dropped(&a.reported)
	if n == 0 {
		return
	}
	a.reported = now
	line := "spans lost: " + causes
	if p := a.stats.lastError.Load(); p != nil {
		line += "; last error: " + printable((*p).Error())
	}
	a.env.warn(line)
}

// flush is what happens at the end of the program, in the agent's goroutine.
func (a *agent) flush() {
	a.drain()
	a.seal()
	if a.exporter != nil {
		a.exporter.flush(exitWait)
	}
	if a.console != nil {
		a.console.print(a.console.Flush())
	}
	a.reportLosses()
	if a.cfg.debug {
		a.env.warn(a.stats.snapshot().String())
	}
}

// atExit flushes, from whatever goroutine ends the program. Only the first call does anything.
func (a *agent) atExit() {
	if !a.ending.CompareAndSwap(false, true) {
		return
	}
	if a.parked.Load() && trace.Pending() == 0 && !a.cfg.debug {
		return // nothing is to be done
	}
	a.finish()
}

// finish makes the agent flush and end, and waits for it.
func (a *agent) finish() {
	done := make(chan struct{})
	t := time.NewTimer(exitWait + exitWait/4)
	defer t.Stop()
	select {
	case a.flushes <- done:
		select {
		case <-done:
		case <-t.C:
		}
	case <-t.C:
	}
}

// Snapshot returns what the agent of this process counts about itself; ok is false if there is none.
func Snapshot() (s Stats, ok bool) {
	if a := running.Load(); a != nil {
		return a.stats.snapshot(), true
	}
	return Stats{}, false
}
