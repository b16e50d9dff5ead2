package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
)

// sender collects spans and sends them in requests of a moderate size.
type sender struct {
	endpoint, token string
	http            http.Client
	waiting         []span.Span
	logs            []span.Log
	bytes           int // of texts in waiting, about
	spans           int // sent so far
	body            []byte
}

func newSender(endpoint, token string) *sender {
	return &sender{endpoint: endpoint, token: token, http: http.Client{Timeout: time.Minute}}
}

func (s *sender) close() { s.http.CloseIdleConnections() }

// send sends, or keeps until there is more.
func (s *sender) send(ctx context.Context, spans []span.Span, logs []span.Log) error {
	for i := range spans {
		s.waiting = append(s.waiting, spans[i])
		s.bytes += size(&spans[i])
		if len(s.waiting) >= 4000 || s.bytes > 4<<20 {
			if err := s.flush(ctx); err != nil {
				return err
			}
		}
	}
	s.logs = append(s.logs, logs...)
	return nil
}

func size(sp *span.Span) int {
	n := 100 + len(sp.Name) + len(sp.Message)
	for _, a := range sp.Attrs {
		n += len(a.Key) + len(a.Value.Str) + 8
	}
	for _, e := range sp.Events {
		for _, a := range e.Attrs {
			n += len(a.Key) + len(a.Value.Str) + 8
		}
	}
	return n
}

// flush sends what waits.
func (s *sender) flush(ctx context.Context) error {
	if len(s.waiting) > 0 {
		s.body = otlp.AppendTraces(s.body[:0], s.waiting)
		if err := s.post(ctx, "/v1/traces"); err != nil {
			return err
		}
		s.spans += len(s.waiting)
		s.waiting, s.bytes = s.waiting[:0], 0
	}
	if len(s.logs) > 0 {
		s.body = otlp.AppendLogs(s.body[:0], s.logs)
		if err := s.post(ctx, "/v1/logs"); err != nil {
			return err
		}
		s.logs = s.logs[:0]
	}
	return nil
}

// post sends the body, and again for a minute if the server is busy.
func (s *sender) post(ctx context.Context, path string) error {
	for end := time.Now().Add(time.Minute); ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+path, bytes.NewReader(s.body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		if s.token != "" {
			req.Header.Set("Authorization", "Bearer "+s.token)
		}
		resp, err := s.http.Do(req)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusOK && len(answer) == 0:
			return nil
		case resp.StatusCode == http.StatusOK:
			return fmt.Errorf("POST %s: not everything was taken: %q", req.URL, answer)
		case (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable) && time.Now().Before(end):
			wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(max(wait, 1)) * time.Second):
			}
		default:
			return fmt.Errorf("POST %s: %s: %.300q", req.URL, resp.Status, answer)
		}
	}
}
