package server

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weft-trace/weft/server/store"
)

// greeting is what weft serve says when it is ready.
func (s *Server) greeting() string {
	var b strings.Builder
	if err := s.readOnly(); err != nil {
		fmt.Fprintf(&b, "weft %s only answers questions and takes no traces: %v.", s.o.Version, err)
	} else {
		fmt.Fprintf(&b, "weft %s takes traces.", s.o.Version)
	}
	if u := s.Page(); u != "" {
		fmt.Fprintf(&b, " Open %s", u)
	}
	b.WriteString("\n\n")
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

// Page returns the address to open in a browser on this machine, or "" if no
// browser can.
func (s *Server) Page() string {
	u := s.url("listen.http")
	if !strings.HasPrefix(u, "http") {
		return ""
	}
	return u + s.config.PathPrefix
}

// readOnly returns why nothing can be written until weft is started again, nil
// if something can, or if the store is not open yet.
func (s *Server) readOnly() error {
	if o := s.opened.Load(); o != nil {
		if err := o.store.Writable(); errors.Is(err, store.ErrReadOnly) {
			return err
		}
	}
	return nil
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
	if strings.HasPrefix(h, "http") && s.readOnly() == nil {
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
	b.WriteString(s.look())
	return b.String()
}

// look says how to see what is there.
func (s *Server) look() string {
	u := s.Page()
	if u == "" {
		return "" // weft's own commands ask a server by its URL
	}
	var b strings.Builder
	b.WriteString("Look with \"weft services\", \"weft search\" and \"weft trace ID\"")
	var set []string
	if u != defaultURL {
		set = append(set, "  WEFT_SERVER="+u+"\n")
	}
	if len(s.config.Auth.Tokens) > 0 {
		set = append(set, "  WEFT_TOKEN=TOKEN\n")
	}
	if len(set) == 0 {
		return b.String() + ".\n"
	}
	return b.String() + ", with\n\n" + strings.Join(set, "")
}

// defaultURL is where weft's own commands look for a server unless told otherwise.
const defaultURL = "http://127.0.0.1:16686"
