package transfer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// What is imported at a time.
const (
	batchSpans = 4096
	batchBytes = 2 << 20  // of OTLP
	valueMost  = 64 << 20 // one message, or one line
)

// Import reads a file that Export, or an OpenTelemetry Collector's file
// exporter, wrote, and calls write with what is in it, some thousand spans at a
// time. Format and compression are told from the first bytes. name is the
// file's, for errors, which say where in the file it failed. For Parquet, r must
// be a file.
//
// Each batch has spans, with the OTLP that they can be sent as in Traces; or
// logs. It is valid until write returns. An error of write ends the import. Spans
// that are not right are counted, and left out.
func Import(ctx context.Context, r io.Reader, name string, write func(*store.Batch) error, progress func(Progress)) (Progress, error) {
	raw := &counter{r: r}
	i := &importer{write: write, progress: progress, read: func() int64 { return raw.n }}
	i.d.Limits, i.all.Limits = otlp.NoLimits, otlp.NoLimits // what is in a file was let in once
	err := i.file(ctx, r, raw)
	i.p.Bytes = i.read()
	if err != nil {
		return i.p, fmt.Errorf("import %s: %w", name, err)
	}
	return i.p, nil
}

type importer struct {
	write    func(*store.Batch) error
	progress func(Progress)
	read     func() int64 // bytes of the file
	p        Progress

	traces []byte // protobuf of the next batch
	spans  int    // in it
	d, all otlp.Decoder
}

func (i *importer) file(ctx context.Context, file io.Reader, raw *counter) error {
	if f, ok := file.(interface {
		io.ReaderAt
		io.Seeker
	}); ok {
		var magic [4]byte
		if n, _ := f.ReadAt(magic[:], 0); string(magic[:n]) == "PAR1" {
			size, err := f.Seek(0, io.SeekEnd)
			if err != nil {
				return err
			}
			if err := i.parquet(ctx, f, size); err != nil {
				return err
			}
			return i.flush()
		}
	}
	b := bufio.NewReaderSize(raw, 64<<10)
	head, _ := b.Peek(4)
	switch {
	case len(head) == 0:
		return nil // an export of no spans
	case string(head) == "PAR1":
		return errors.New("a Parquet file cannot be read from a pipe; give the file's name")
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(b)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		b = bufio.NewReaderSize(z, 64<<10)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return fmt.Errorf("zstd: %w", err)
		}
		defer z.Close()
		b = bufio.NewReaderSize(z, 64<<10)
	}
	if looksLikeJSON(b) {
		return i.json(ctx, b)
	}
	return i.messages(ctx, b)
}

// looksLikeJSON reports whether what follows is white space, a brace, white
// space, and a quote or a brace. Protobuf may begin with a brace and a line feed
// (a length of 123, and the first field's tag), but not go on like this.
func looksLikeJSON(b *bufio.Reader) bool {
	open := false
	for n := 1; n <= 4096; n++ {
		p, err := b.Peek(n)
		if err != nil {
			return n > 1 && !open // nothing but white space
		}
		switch c := p[n-1]; {
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
		case c == '{' && !open:
			open = true
		default:
			return open && (c == '"' || c == '}')
		}
	}
	return true
}

// messages reads protobuf messages, each after its length: 4 bytes big endian,
// or a varint. The first byte says which, for a length of 4 bytes is below 2^24
// or refused, and no message has a length of 0.
func (i *importer) messages(ctx context.Context, b *bufio.Reader) error {
	first, err := b.Peek(1)
	if err != nil {
		return err
	}
	fixed := first[0] < 4 // 4 << 24 is valueMost
	var msg []byte
	offset := int64(0)
	for n := 1; ; n++ {
		at := offset
		fail := func(err error) error { return fmt.Errorf("message %d, at byte %d: %w", n, at, err) }
		var size uint64
		if fixed {
			var l [4]byte
			k, err := io.ReadFull(b, l[:])
			if err == io.EOF {
				return i.flush()
			} else if err != nil {
				return fail(cutOff(err))
			}
			size, offset = uint64(binary.BigEndian.Uint32(l[:])), offset+int64(k)
		} else {
			if _, err := b.Peek(1); err == io.EOF {
				return i.flush()
			}
			if size, err = binary.ReadUvarint(b); err != nil {
				return fail(cutOff(err))
			}
			offset += int64(len(binary.AppendUvarint(nil, size)))
		}
		if size > valueMost {
			return fail(fmt.Errorf("a length of %d bytes, more than %d; is this a file of OTLP messages, each after its length?", size, valueMost))
		}
		if msg, err = readN(msg[:0], b, int(size)); err != nil {
			return fail(cutOff(err))
		}
		offset += int64(size)
		spans, rejected, reason, err := i.d.Traces(msg)
		if err != nil {
			return fail(err)
		}
		if rejected > 0 {
			i.reject(rejected, fmt.Sprintf("message %d, at byte %d: %s", n, at, reason))
		}
		if rejected > 0 || len(msg) > batchBytes {
			err = i.add(spans)
		} else {
			err = i.addTraces(msg, len(spans))
		}
		if err != nil {
			return fail(err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends in the middle of it; was it copied as a whole?")
	}
	return err
}

// readN appends n bytes to b, making room only for what is there.
func readN(b []byte, r io.Reader, n int) ([]byte, error) {
	for n > 0 {
		from := len(b)
		step := min(n, max(64<<10, from)) // doubles
		b = append(b, make([]byte, step)...)
		k, err := io.ReadFull(r, b[from:])
		if err != nil {
			return b[:from+k], err
		}
		n -= step
	}
	return b, nil
}

// json reads JSON objects, which mostly are a line each, but need not be.
func (i *importer) json(ctx context.Context, b *bufio.Reader) error {
	v := values{r: b, line: 1}
	for {
		text, line, err := v.next()
		fail := func(err error) error { return fmt.Errorf("line %d: %w", line, err) }
		if err == io.EOF {
			return i.flush()
		} else if err != nil {
			return fail(err)
		}
		var rejected int
		var reason string
		switch signal, err := topKey(text); {
		case err != nil:
			return fail(err)
		case signal == "":
		case signal == "resourceSpans" || signal == "resource_spans":
			var spans []span.Span
			if spans, rejected, reason, err = i.d.TracesJSON(text); err == nil {
				err = i.add(spans)
			}
			if err != nil {
				return fail(err)
			}
		case signal == "resourceLogs" || signal == "resource_logs":
			var logs []span.Log
			if logs, rejected, reason, err = i.d.LogsJSON(text); err == nil && len(logs) > 0 {
				err = i.flushWith(&store.Batch{Logs: logs})
			}
			if err != nil {
				return fail(err)
			}
		default:
			return fail(fmt.Errorf("an object with %q; want resourceSpans or resourceLogs", signal[:min(len(signal), 64)]))
		}
		if rejected > 0 {
			i.reject(rejected, fmt.Sprintf("line %d: %s", line, reason))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// topKey returns the first key of a JSON object, "" if it has none.
func topKey(text []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return "", err
	}
	t, err := d.Token()
	if err != nil {
		return "", err
	}
	k, _ := t.(string)
	return k, nil
}

// values splits a file into its JSON objects.
type values struct {
	r    *bufio.Reader
	line int // of the next byte, from 1
	buf  []byte
}

// next returns the next object and the line where it begins. It is valid until
// the next call.
func (v *values) next() (text []byte, line int, err error) {
	v.buf = v.buf[:0]
	depth, quoted, escaped := 0, false, false
	for {
		part, err := v.r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return nil, max(line, v.line), err
		}
		if len(v.buf) == 0 { // nothing yet
			trimmed := bytes.TrimLeft(part, " \t\r\n")
			if len(trimmed) == 0 {
				if err == io.EOF {
					return nil, v.line, io.EOF
				}
				if err == nil {
					v.line++
				}
				continue
			}
			if trimmed[0] != '{' {
				return nil, v.line, fmt.Errorf("%q; want a JSON object", trimmed[:min(len(trimmed), 32)])
			}
			part, line = trimmed, v.line
		}
		for k, c := range part {
			switch {
			case escaped:
				escaped = false
			case quoted:
				escaped, quoted = c == '\\', c != '"'
			case c == '"':
				quoted = true
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				if depth--; depth > 0 {
					continue
				}
				if len(bytes.TrimSpace(part[k+1:])) > 0 {
					return nil, line, fmt.Errorf("text after the JSON object; want one a line")
				}
				if err == nil {
					v.line++
				}
				v.buf = append(v.buf, part[:k+1]...)
				return v.buf, line, nil
			}
		}
		v.buf = append(v.buf, part...)
		if len(v.buf) > valueMost {
			return nil, line, fmt.Errorf("more than %d bytes; write fewer spans a line", valueMost)
		}
		if err == nil {
			v.line++
		} else if err == io.EOF {
			return nil, line, errors.New("the file ends in the middle of the JSON object; was it copied as a whole?")
		}
	}
}

func (i *importer) reject(n int, reason string) {
	if i.p.Rejected == 0 {
		i.p.Reason = reason
	}
	i.p.Rejected += int64(n)
}

// add adds spans to the next batch, some at a time: they may be more than one
// batch can hold.
func (i *importer) add(spans []span.Span) error {
	for len(spans) > 0 {
		n := min(len(spans), 256)
		i.traces = otlp.AppendTraces(i.traces, spans[:n]) // messages one after another are one message
		spans = spans[n:]
		if err := i.added(n); err != nil {
			return err
		}
	}
	return nil
}

// addTraces adds n spans as they were sent.
func (i *importer) addTraces(msg []byte, n int) error {
	i.traces = append(i.traces, msg...)
	return i.added(n)
}

func (i *importer) added(n int) error {
	i.spans += n
	if i.spans >= batchSpans || len(i.traces) >= batchBytes {
		return i.flush()
	}
	return nil
}

// flush writes the batch.
func (i *importer) flush() error {
	if i.spans > 0 {
		spans, _, _, err := i.all.Traces(i.traces)
		if err != nil {
			return fmt.Errorf("read the batch again: %w", err)
		}
		n := len(spans)
		if err := i.write(&store.Batch{Spans: spans, Traces: i.traces}); err != nil {
			return err
		}
		i.p.Spans += int64(n)
	}
	i.traces, i.spans = i.traces[:0], 0
	i.report()
	return nil
}

// flushWith writes a batch of something else.
func (i *importer) flushWith(b *store.Batch) error {
	if err := i.write(b); err != nil {
		return err
	}
	i.p.Logs += int64(len(b.Logs))
	i.report()
	return nil
}

func (i *importer) report() {
	if i.progress != nil {
		i.p.Bytes = i.read()
		i.progress(i.p)
	}
}
