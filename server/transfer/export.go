package transfer

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// Selection says which spans to export. The zero value means all of them.
type Selection struct {
	From, To int64        // the span starts in [From, To), nanoseconds since the Unix epoch; To 0: no end
	Query    *query.Query // the span matches; nil: any
	Progress func(Progress)
}

// exportRows is how many spans a message or line of an OTLP file has at most.
const exportRows = 1024

// Export writes the selected spans of a store to w. They come in no particular
// order; spans of a trace mostly follow one another. Memory does not grow with
// their number. What is damaged is left out, and counted: all else can be saved.
func Export(ctx context.Context, st *store.Store, w io.Writer, f Format, sel Selection) (Progress, error) {
	out := &counter{w: w}
	var write func([]span.Span) error
	finish := func() error { return nil }
	switch f {
	case OTLP:
		var buf []byte
		write = func(spans []span.Span) error {
			buf = otlp.AppendTraces(append(buf[:0], 0, 0, 0, 0), spans)
			binary.BigEndian.PutUint32(buf, uint32(len(buf)-4))
			_, err := out.Write(buf)
			return err
		}
	case JSON:
		var buf []byte
		write = func(spans []span.Span) error {
			buf = append(otlp.AppendTracesJSON(buf[:0], spans), '\n')
			_, err := out.Write(buf)
			return err
		}
	case Parquet:
		p := newParquetWriter(out)
		write, finish = p.write, p.close
	default:
		_, err := ParseFormat(string(f))
		return Progress{}, err
	}
	var p Progress
	damaged := st.Damaged()
	err := st.Scan(ctx, store.Selection{From: sel.From, To: sel.To}, func(b *block.Block, rows []uint32) (bool, error) {
		rows, err := inside(b, rows, &sel)
		if err != nil {
			return false, fmt.Errorf("read the spans to export: %w", err)
		}
		for len(rows) > 0 {
			n := min(len(rows), exportRows)
			spans, err := b.Spans(rows[:n])
			if err != nil {
				return false, fmt.Errorf("read the spans to export: %w", err)
			}
			rows = rows[n:]
			if sel.Query != nil {
				spans = matching(spans, sel.Query)
			}
			if len(spans) == 0 {
				continue
			}
			if err := write(spans); err != nil {
				return false, fmt.Errorf("write the exported spans: %w", err)
			}
			p.Spans += int64(len(spans))
			p.Bytes = out.n
			if sel.Progress != nil {
				sel.Progress(p)
			}
			if err := ctx.Err(); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil {
		return p, err
	}
	if err := finish(); err != nil {
		return p, fmt.Errorf("write the exported spans: %w", err)
	}
	p.Bytes, p.Damaged = out.n, st.Damaged()-damaged
	return p, nil
}

// inside returns those of rows (nil: all) that start in the selected time.
func inside(b *block.Block, rows []uint32, sel *Selection) ([]uint32, error) {
	starts, err := b.Starts()
	if err != nil {
		return nil, err
	}
	in := func(row uint32) bool { return starts[row] >= sel.From && (sel.To == 0 || starts[row] < sel.To) }
	var out []uint32
	if rows == nil {
		for row := range uint32(len(starts)) {
			if in(row) {
				out = append(out, row)
			}
		}
		return out, nil
	}
	for _, row := range rows {
		if in(row) {
			out = append(out, row)
		}
	}
	return out, nil
}

func matching(spans []span.Span, q *query.Query) []span.Span {
	out := spans[:0]
	for i := range spans {
		if q.Match(&spans[i]) {
			out = append(out, spans[i])
		}
	}
	return out
}
