package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/store"
	"github.com/weft-trace/weft/server/transfer"
)

// importFiles reads files into a store.
func (s *storing) importFiles(ctx context.Context) error {
	if s.dir == "" {
		base, ok := s.client.at(strings.TrimSuffix(s.otlp, "/"))
		if !ok {
			return fmt.Errorf("-otlp %q is not a URL; write one such as http://127.0.0.1:4318, or unix:/path", s.otlp)
		}
		return s.importInto(ctx, func(b *store.Batch) error { return s.send(ctx, base, b) })
	}
	// A directory that is not there is made: files can become a store without a server.
	if err := os.MkdirAll(s.path(s.dir), 0o700); err != nil {
		return err
	}
	return s.within(func(st *store.Store) error {
		return s.importInto(ctx, func(b *store.Batch) error {
			for {
				err := st.Write(ctx, b)
				if !errors.Is(err, store.ErrBusy) {
					return err
				} // Write has waited itself
			}
		})
	})
}

func (s *storing) importInto(ctx context.Context, write func(*store.Batch) error) error {
	for _, name := range s.args {
		in, err := s.input(name)
		if err != nil {
			return err
		}
		p, err := transfer.Import(ctx, in, name, write, s.transferred)
		in.Close()
		if err != nil {
			return fmt.Errorf("%w (%d spans and %d log records before that were imported)", err, p.Spans, p.Logs)
		}
		fmt.Fprintf(s.inv.stderr, "weft: imported %s: %d spans, %d log records\n", name, p.Spans, p.Logs)
		if p.Rejected > 0 {
			fmt.Fprintf(s.inv.stderr, "weft: %d more were left out: %s\n", p.Rejected, p.Reason)
		}
		if s.refused > 0 {
			fmt.Fprintf(s.inv.stderr, "weft: %d of them were rejected by the server: %s\n", s.refused, s.why)
			s.refused = 0
		}
	}
	return nil
}

// send posts a batch to the server, and again when it is told to come back.
func (s *storing) send(ctx context.Context, base string, b *store.Batch) error {
	path, body, contentType := "/v1/traces", b.Traces, "application/x-protobuf"
	if len(b.Spans) == 0 {
		path, body = "/v1/logs", otlp.AppendLogs(nil, b.Logs)
	}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", contentType)
		if s.client.token != "" {
			req.Header.Set("Authorization", "Bearer "+s.client.token)
		}
		resp, err := s.client.do(req, s.otlp)
		if err != nil {
			if unheard(err) {
				return fmt.Errorf("no server takes OTLP at %s; start one: weft serve, or name it with -otlp", s.otlp)
			}
			return err
		}
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusOK:
			n, why := partialSuccess(text)
			if n > 0 && s.refused == 0 {
				s.why = why
			}
			s.refused += n
			return nil
		case resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable:
			return fmt.Errorf("%s answered %s: %s", s.otlp, resp.Status, statusMessage(text))
		}
		wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		s.progress.set("waiting: the server is busy")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(max(wait, 1)) * time.Second):
		}
	}
}

// partialSuccess reads an ExportTraceServiceResponse: how many items were
// rejected, and why. What is broken counts as nothing.
func partialSuccess(b []byte) (rejected int64, why string) {
	p, _ := field(b, 1)
	_, n := field(p, 1)
	text, _ := field(p, 2)
	return int64(n), printable(text)
}

// statusMessage returns the message of a google.rpc.Status, or what can be
// printed of an answer that is none.
func statusMessage(b []byte) string {
	if text, _ := field(b, 2); len(text) > 0 {
		return printable(text)
	}
	return printable(b)
}

// field returns the last value of a field of a protobuf message: the bytes of
// a length-delimited one, or the number of a varint.
func field(b []byte, want protowire.Number) (v []byte, n uint64) {
	for len(b) > 0 {
		num, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return nil, 0
		}
		m := protowire.ConsumeFieldValue(num, typ, b[k:])
		if m < 0 {
			return nil, 0
		}
		switch {
		case num == want && typ == protowire.BytesType:
			v, _ = protowire.ConsumeBytes(b[k:])
		case num == want && typ == protowire.VarintType:
			n, _ = protowire.ConsumeVarint(b[k:])
		}
		b = b[k+m:]
	}
	return v, n
}

// printable returns what of an answer may go to a terminal.
func printable(b []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffd || r == 0x7f {
			return -1
		}
		return r
	}, string(b)))
}
