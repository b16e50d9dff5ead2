package server

import (
	"fmt"
	"strings"
	"time"
)

// greeting is what weft serve says when it is ready.
func (s *Server) greeting() string {
	var b strings.Builder
	fmt.Fprintf(&b, "weft %s takes traces.\n\n", s.o.Version)
	for _, e := range []struct{ what, key, after string }{
		{"OTLP gRPC", "listen.otlp_grpc", ""},
		{"OTLP HTTP", "listen.otlp_http", ""},
		{"Zipkin", "listen.zipkin", "/api/v2/spans"},
		{"API", "listen.http", s.config.PathPrefix},
	} {
		u := s.url(e.key)
		if u == "" {
			fmt.Fprintf(&b, "  %-10s off\n", e.what)
			continue
		}
		fmt.Fprintf(&b, "  %-10s %s%s\n", e.what, u, e.after)
	}
	fmt.Fprintf(&b, "  %-10s %s, %s\n", "data", s.config.Store.Dir, s.kept())
	b.WriteString("\n" + s.hint())
	return b.String()
}

// kept says how long data is kept.
func (s *Server) kept() string {
	r := &s.config.Store.Retention
	var limits []string
	if r.Age > 0 {
		limits = append(limits, "for "+r.Age.String())
	}
	if r.Size > 0 {
		limits = append(limits, "up to "+r.Size.String())
	}
	if len(limits) == 0 {
		return "kept for ever"
	}
	return "kept " + strings.Join(limits, " and ")
}

// hint says how to send something.
func (s *Server) hint() string {
	h := s.url("listen.otlp_http")
	var b strings.Builder
	if strings.HasPrefix(h, "http") {
		if h == "http://127.0.0.1:4318" && len(s.config.Auth.Tokens) == 0 {
			b.WriteString("Programs built with \"weft go build\" on this machine send their traces here. Point others here with\n\n")
		} else {
			b.WriteString("Point programs here with\n\n")
		}
		fmt.Fprintf(&b, "  OTEL_EXPORTER_OTLP_ENDPOINT=%s\n", h)
		if len(s.config.Auth.Tokens) > 0 {
			b.WriteString("  OTEL_EXPORTER_OTLP_HEADERS=\"Authorization=Bearer TOKEN\"\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("and look with \"weft services\", \"weft search\" and \"weft trace ID\".\n")
	return b.String()
}

// overview is the answer at the root of listen.http.
func (s *Server) overview() string {
	p := s.config.PathPrefix
	return fmt.Sprintf(`weft %s, up for %v. There is no page here yet.

  %s/api/weft/v1/openapi.yaml   weft's own API
  %s/api/traces …               Jaeger's query API: give Grafana's Jaeger data source %s as its URL
  %s/tempo/                     Tempo's search API: give Grafana's Tempo data source %s/tempo as its URL
  %s/metrics                    for Prometheus
  %s/healthz, %s/readyz         for probes

%s`, s.o.Version, time.Since(s.started).Round(time.Second), p, p, "this address"+p, p, "this address"+p, p, p, p, s.hint())
}
