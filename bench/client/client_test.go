package client

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// partial is an ExportTraceServiceResponse{partial_success: {rejected_spans: 300, error_message: "no"}}.
const partial = "\x0a\x07\x08\xac\x02\x12\x02no"

func TestHTTP(t *testing.T) {
	busy := 3
	got := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b, err := io.ReadAll(z)
		if err != nil || r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%v, %v", r.Header, err)
		}
		if busy--; busy >= 0 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		got = string(b)
		io.WriteString(w, partial)
	}))
	defer s.Close()
	c := HTTP(s.URL, Options{Gzip: true})
	defer c.Close()
	if _, err := c.Export(t.Context(), []byte("spans")); !errors.Is(err, ErrBusy) {
		t.Errorf("429: %v; want ErrBusy", err)
	}
	rejected, retries, err := c.ExportPatiently(t.Context(), []byte("spans"))
	if rejected != 300 || retries != 2 || err != nil || got != "spans" {
		t.Errorf("%d rejected after %d retries, %v, the server read %q", rejected, retries, err, got)
	}
	plain := HTTP(s.URL, Options{}) // what the server refuses is an error at once
	defer plain.Close()
	if _, retries, err := plain.ExportPatiently(t.Context(), []byte("spans")); retries != 0 || err == nil || errors.Is(err, ErrBusy) {
		t.Errorf("400: %v after %d retries", err, retries)
	}
}

func TestRejectedSpans(t *testing.T) {
	for answer, want := range map[string]int64{"": 0, "\x0a\x00": 0, partial: 300, partial[:4]: 0, "nonsense": 0, "\xff\xff": 0} {
		if n := rejectedSpans([]byte(answer)); n != want {
			t.Errorf("%q: %d; want %d", answer, n, want)
		}
	}
}
