package server

import (
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weft-trace/weft/server/ingest"
)

// serveMetrics answers /metrics.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m := &metricsText{w: w}
	m.gauge("weft_build_info", "Always 1; the labels say which weft this is.", 1, "version", s.o.Version, "go", runtime.Version())
	m.gauge("weft_ready", "1 when data is taken, 0 when not; /readyz says why.", flag(len(s.reasons()) == 0))
	s.ingestMetrics(m)
	s.connectionMetrics(m)
	if o := s.opened.Load(); o != nil {
		s.storeMetrics(m, o)
	}
	processMetrics(m, s.started)
}

func (s *Server) ingestMetrics(m *metricsText) {
	c := &s.receiver.Counters
	c.EachRequests(func(p ingest.Protocol, sig ingest.Signal, o ingest.Outcome, n int64) {
		m.counter("weft_ingest_requests_total", "Export requests by how they ended.", float64(n), "protocol", p.String(), "signal", sig.String(), "outcome", o.String())
	})
	c.EachItems(func(p ingest.Protocol, sig ingest.Signal, accepted, _ int64) {
		m.counter("weft_ingest_items_total", "Spans, log records and data points taken.", float64(accepted), "protocol", p.String(), "signal", sig.String())
	})
	c.EachItems(func(p ingest.Protocol, sig ingest.Signal, _, rejected int64) {
		m.counter("weft_ingest_rejected_items_total", "Spans, log records and data points that are invalid and were left out of a request that was taken.", float64(rejected), "protocol", p.String(), "signal", sig.String())
	})
	c.EachBytes(func(p ingest.Protocol, wire, _ int64) {
		m.counter("weft_ingest_received_bytes_total", "Bytes of requests as they arrived, compressed or not.", float64(wire), "protocol", p.String())
	})
	c.EachBytes(func(p ingest.Protocol, _, plain int64) {
		m.counter("weft_ingest_decompressed_bytes_total", "Bytes of requests that were decoded.", float64(plain), "protocol", p.String())
	})
	used, waiting, cut := s.receiver.InFlight()
	m.gauge("weft_ingest_in_flight_bytes", "Bytes that requests hold of limits.in_flight.", float64(used))
	m.gauge("weft_ingest_in_flight_limit_bytes", "The setting limits.in_flight.", float64(s.receiver.Capacity()))
	m.gauge("weft_ingest_waiting_requests", "Requests that wait for room among those in flight.", float64(waiting))
	m.counter("weft_ingest_cut_requests_total", "Requests cut off because they arrived too slowly while others waited.", float64(cut))
}

func (s *Server) connectionMetrics(m *metricsText) {
	for _, l := range s.listeners {
		m.gauge("weft_connections", "Open connections.", float64(l.open.Load()), "listener", strings.TrimPrefix(l.key, "listen."))
	}
	for _, l := range s.listeners {
		m.counter("weft_connections_refused_total", "Connections closed because limits.connections were open.", float64(l.refused.Load()), "listener", strings.TrimPrefix(l.key, "listen."))
	}
	m.counter("weft_access_refused_total", "Requests refused for their credentials or for where they came from.", float64(s.access.refusals.Load()))
	for _, c := range s.counts.list {
		for class := range c.classes {
			if n := c.classes[class].Load(); n != 0 {
				m.counter("weft_http_requests_total", "Requests to listen.http by route and class of status.", float64(n), "route", c.route, "status", strconv.Itoa(class)+"xx")
			}
		}
	}
	for _, c := range s.counts.list {
		if n := c.nanos.Load(); n != 0 {
			m.counter("weft_http_request_seconds_total", "Time spent answering requests to listen.http.", float64(n)/1e9, "route", c.route)
		}
	}
	m.gauge("weft_http_requests_in_flight", "Requests to listen.http being answered.", float64(s.counts.inUse.Load()))
}

// processMetrics writes what Prometheus' own clients call by these names.
func processMetrics(m *metricsText, started time.Time) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		m.counter("process_cpu_seconds_total", "CPU time, user and system.", time.Duration(u.Utime.Nano()+u.Stime.Nano()).Seconds())
	}
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 {
			pages, _ := strconv.ParseFloat(f[1], 64)
			m.gauge("process_resident_memory_bytes", "Resident memory.", pages*float64(os.Getpagesize()))
		}
	}
	if d, err := os.ReadDir("/proc/self/fd"); err == nil {
		m.gauge("process_open_fds", "Open file descriptors.", float64(len(d)))
	}
	m.gauge("process_start_time_seconds", "Start of the process, Unix time.", float64(started.UnixNano())/1e9)
	m.gauge("go_goroutines", "Goroutines.", float64(runtime.NumGoroutine()))
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	m.gauge("go_memstats_heap_alloc_bytes", "Bytes of heap objects.", float64(samples[0].Value.Uint64()))
	m.counter("weft_gc_cycles_total", "Completed garbage collections.", float64(samples[1].Value.Uint64()))
}
