package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/store"
)

// Problem is what went wrong with a request, as RFC 9457 (problem details for
// HTTP APIs) has it.
type Problem struct {
	Status    int    `json:"status"`
	Title     string `json:"title"`               // the status in words
	Detail    string `json:"detail"`              // what was wrong, and what to do
	Parameter string `json:"parameter,omitempty"` // the parameter at fault
	Column    int    `json:"column,omitempty"`    // of a query: where it is wrong, in characters, from 1
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

func badParameter(name, format string, args ...any) *Problem {
	return &Problem{Status: http.StatusBadRequest, Parameter: name, Detail: name + ": " + fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *Problem {
	return &Problem{Status: http.StatusNotFound, Detail: fmt.Sprintf(format, args...)}
}

// asProblem gives every error the status that a client should see.
func asProblem(err error) *Problem {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p
	}
	if s := (*query.SyntaxError)(nil); errors.As(err, &s) {
		return &Problem{Status: http.StatusBadRequest, Parameter: "q", Column: s.Column, Detail: s.Error()}
	}
	p := &Problem{Status: http.StatusInternalServerError, Detail: err.Error()}
	switch {
	case errors.Is(err, query.ErrCursor):
		p.Status, p.Parameter = http.StatusBadRequest, "cursor"
	case errors.Is(err, context.DeadlineExceeded):
		p.Status = http.StatusGatewayTimeout
		p.Detail = "the query took too long; narrow the time range or add a condition on a service"
	case errors.Is(err, store.ErrLarge):
		p.Status = http.StatusBadRequest
		p.Detail += "; format=columns has its outline, /find and /spans/{spanId} have its spans, /export?q=trace = … has it as a file"
	case errors.Is(err, store.ErrTooMany):
		p.Status = http.StatusBadRequest
		p.Detail += "; narrow the time range, name a service, or ask for a longer step"
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrFull), errors.Is(err, store.ErrReadOnly):
		p.Status = http.StatusServiceUnavailable
	}
	return p
}

// write answers with the problem.
func (p *Problem) write(w http.ResponseWriter) {
	p.Title = http.StatusText(p.Status)
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	b, err := json.Marshal(p)
	if err != nil {
		b = []byte(strconv.Quote(p.Detail)) // cannot be: all fields are plain
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("Etag")
	w.WriteHeader(p.Status)
	w.Write(append(b, '\n'))
}
