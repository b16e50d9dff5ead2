package transfer

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

const base = 1_800_000_000_000_000_000

// samples makes n spans with everything that OTLP can carry.
func samples(n int) []span.Span {
	r := rand.New(rand.NewPCG(1, 2))
	value := func() span.Value {
		nested := otlp.AppendValue(nil, span.IntValue(7))
		list := append([]byte{0x0a, byte(len(nested))}, nested...)
		return []span.Value{
			{}, span.StringValue("text ☃ \"quoted\"\n"), span.StringValue(""), span.IntValue(math.MinInt64), span.IntValue(3), span.FloatValue(3), span.FloatValue(1e300),
			span.FloatValue(-0.25), span.BoolValue(true), span.BoolValue(false), {Type: span.Array, Str: string(list)}, {Type: span.Array},
			{Type: span.Map, Str: "\x0a\x0b\x0a\x01k\x12\x06\x0a\x04text"}, {Type: span.Map},
		}[r.IntN(14)]
	}
	attrs := func(most int) (list []span.Attr) {
		for k := range r.IntN(most + 1) {
			list = append(list, span.Attr{Key: fmt.Sprintf("key.%d", k), Value: value()})
		}
		return list
	}
	var resources []*span.Resource
	var scopes []*span.Scope
	for k := range 3 {
		name := fmt.Sprint("service", k)
		resources = append(resources, &span.Resource{Service: name, Attrs: append(attrs(3), span.Attr{Key: "service.name", Value: span.StringValue(name)}), Dropped: uint32(k), SchemaURL: "https://schema/" + name})
		scopes = append(scopes, &span.Scope{Name: fmt.Sprint("scope", k), Version: "1", Attrs: attrs(2), Dropped: uint32(k)})
	}
	var spans []span.Span
	for k := range n {
		s := span.Span{
			Name: fmt.Sprint("op ", k%7), Kind: span.Kind(k % 6), Start: base + int64(k)*1_000_003, Duration: r.Int64N(1e9), Status: span.Status(k % 3),
			Resource: resources[k%3], Scope: scopes[r.IntN(3)], Attrs: attrs(9), Flags: uint32(k % 2), DroppedAttrs: uint32(k % 4), DroppedEvents: uint32(k % 5), DroppedLinks: uint32(k % 6),
		}
		binary.BigEndian.PutUint64(s.TraceID[8:], uint64(k/5+1))
		binary.BigEndian.PutUint64(s.ID[:], uint64(k+1))
		if k%5 > 0 {
			s.Parent = spans[k-1].ID
		}
		if k%3 == 2 {
			s.Message, s.State = "failed", "a=b"
		}
		for range r.IntN(3) {
			s.Events = append(s.Events, span.Event{Time: s.Start + r.Int64N(1e6), Name: "event", Attrs: attrs(3), Dropped: uint32(k % 2)})
			s.Links = append(s.Links, span.Link{TraceID: s.TraceID, ID: s.ID, State: "c=d", Flags: 1, Attrs: attrs(2), Dropped: 1})
		}
		spans = append(spans, s)
	}
	return spans
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir(), NoSync: true, HeadSpans: 500, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func fill(t *testing.T, st *store.Store, spans []span.Span) {
	t.Helper()
	for part := range slices.Chunk(spans, 300) {
		if err := st.Write(context.Background(), &store.Batch{Spans: part}); err != nil {
			t.Fatal(err)
		}
	}
}

// stored returns the spans of a store that have the ids of want, in its order.
func stored(t *testing.T, st *store.Store, want []span.Span) (got []span.Span) {
	t.Helper()
	for i := range want {
		trace, err := st.Trace(context.Background(), want[i].TraceID)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range trace {
			if s.ID == want[i].ID {
				got = append(got, s)
			}
		}
	}
	return got
}

func into(st *store.Store) func(*store.Batch) error {
	return func(b *store.Batch) error { return st.Write(context.Background(), b) }
}

// export writes a file and returns its name.
func export(t *testing.T, st *store.Store, base string, sel Selection) (string, Progress) {
	t.Helper()
	name := filepath.Join(t.TempDir(), base)
	f, err := FormatOf(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := Compress(name, file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Export(context.Background(), st, w, f, sel)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return name, p
}

// Every format brings back what was exported: a store that imports the file
// has the same spans.
func TestRoundTrip(t *testing.T) {
	spans := samples(1500)
	from := openStore(t)
	fill(t, from, spans)
	for _, base := range []string{"a.otlp", "a.otlp.gz", "a.pb.zst", "a.jsonl", "a.json.gz", "a.ndjson.zst", "a.parquet"} {
		t.Run(base, func(t *testing.T) {
			name, exported := export(t, from, base, Selection{})
			if exported.Spans != int64(len(spans)) {
				t.Errorf("exported %d spans; want %d", exported.Spans, len(spans))
			}
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			info, _ := file.Stat()
			to := openStore(t)
			reports := 0
			p, err := Import(context.Background(), file, name, into(to), func(Progress) { reports++ })
			if err != nil {
				t.Fatal(err)
			}
			if p.Spans != int64(len(spans)) || p.Rejected != 0 || p.Bytes != info.Size() || reports == 0 {
				t.Errorf("%+v after %d reports; want %d spans and %d bytes", p, reports, len(spans), info.Size())
			}
			got := stored(t, to, spans)
			if reflect.DeepEqual(got, spans) {
				return // go-cmp takes its time, and has the last word
			}
			if d := cmp.Diff(spans, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("(-want +got):\n%.3000s", d)
			}
		})
	}
}

func TestExportSelection(t *testing.T) {
	spans := samples(1000)
	st := openStore(t)
	fill(t, st, spans)
	q, err := query.Parse(`name = "op 3"`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		sel  Selection
		want func(s *span.Span) bool
	}{
		{Selection{From: spans[100].Start, To: spans[200].Start}, func(s *span.Span) bool { return s.Start >= spans[100].Start && s.Start < spans[200].Start }},
		{Selection{From: spans[900].Start}, func(s *span.Span) bool { return s.Start >= spans[900].Start }},
		{Selection{Query: q}, func(s *span.Span) bool { return s.Name == "op 3" }},
		{Selection{From: spans[0].Start - 10, To: spans[0].Start}, func(s *span.Span) bool { return false }},
	} {
		var want []span.ID
		for i := range spans {
			if tt.want(&spans[i]) {
				want = append(want, spans[i].ID)
			}
		}
		for _, base := range []string{"a.otlp", "a.jsonl", "a.parquet"} {
			name, p := export(t, st, base, tt.sel)
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			var got []span.ID
			if _, err := Import(context.Background(), file, name, func(b *store.Batch) error {
				for i := range b.Spans {
					got = append(got, b.Spans[i].ID)
				}
				return nil
			}, nil); err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(got, func(a, b span.ID) int { return bytes.Compare(a[:], b[:]) })
			if !slices.Equal(got, want) || p.Spans != int64(len(want)) {
				t.Errorf("%s %+v: %d spans, %d reported; want %d", base, tt.sel, len(got), p.Spans, len(want))
			}
		}
	}
}

func collect(spans *[]span.Span) func(*store.Batch) error {
	return func(b *store.Batch) error {
		for _, s := range b.Spans {
			s.Name = strings.Clone(s.Name)
			*spans = append(*spans, s)
		}
		return nil
	}
}

// What the Collector's file exporter and others write: lengths of 4 bytes or as
// varints, indented JSON, several lines of few spans, logs.
func TestImportOthers(t *testing.T) {
	spans := samples(20)
	one, two := otlp.AppendTraces(nil, spans[:1]), otlp.AppendTraces(nil, spans[1:])
	varint := append(binary.AppendUvarint(nil, uint64(len(one))), one...)
	varint = append(append(varint, binary.AppendUvarint(nil, uint64(len(two)))...), two...)
	oneJSON := string(otlp.AppendTracesJSON(nil, spans[:1]))
	twoJSON := string(otlp.AppendTracesJSON(nil, spans[1:]))
	indented := strings.NewReplacer(`{"`, "{\n  \"", `,"`, ",\n\t\"").Replace(oneJSON)
	for name, file := range map[string]string{
		"varint":         string(varint),
		"lines":          oneJSON + "\n" + twoJSON,
		"empty lines":    "\n\r\n  " + oneJSON + "\r\n\n" + twoJSON + "\n\n",
		"indented":       indented + "\n" + twoJSON + "\n",
		"empty object":   "{}\n" + oneJSON + "\n{}\n" + twoJSON,
		"first an empty": "{ }\n" + oneJSON + "\n" + twoJSON,
	} {
		var got []span.Span
		p, err := Import(context.Background(), strings.NewReader(file), name, collect(&got), nil)
		if err != nil || int(p.Spans) != len(spans) || len(got) != len(spans) || got[0].Name != spans[0].Name {
			t.Errorf("%s: %d spans, %+v, %v; want %d", name, len(got), p, err, len(spans))
		}
	}
	logs := otlp.AppendLogsJSON(nil, []span.Log{{TraceID: spans[0].TraceID, Time: base, Body: span.StringValue("hello"), Resource: spans[0].Resource, Scope: spans[0].Scope}})
	n := 0
	p, err := Import(context.Background(), bytes.NewReader(append(logs, '\n')), "logs", func(b *store.Batch) error { n += len(b.Logs); return nil }, nil)
	if err != nil || n != 1 || p.Logs != 1 {
		t.Errorf("logs: %d, %+v, %v; want 1", n, p, err)
	}
}

// Errors say the file, the line or message, and what is wrong.
func TestImportErrors(t *testing.T) {
	spans := samples(10)
	msg := otlp.AppendTraces(nil, spans)
	fixed := append(binary.BigEndian.AppendUint32(nil, uint32(len(msg))), msg...)
	line := string(otlp.AppendTracesJSON(nil, spans))
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	z.Write(fixed)
	z.Close()
	broken := slices.Clone(fixed)
	broken[4] = 0xff
	noID := strings.Replace(line, `"spanId":"0000000000000001"`, `"spanId":""`, 1)
	for name, tt := range map[string]struct {
		file string
		want []string
	}{
		"cut short":         {string(fixed) + string(fixed[:len(fixed)-1]), []string{"message 2", fmt.Sprint("byte ", len(fixed)), "ends in the middle"}},
		"cut length":        {string(fixed) + "\x00\x00", []string{"message 2", "ends in the middle"}},
		"broken protobuf":   {string(fixed) + string(broken), []string{"message 2"}},
		"huge length":       {"\x00\x00\x00\x10" + strings.Repeat("\x00", 16) + "\x03\xff\xff\xff\x7f", []string{"message 1"}},
		"huge varint":       {"\xff\xff\xff\xff\x7f", []string{"message 1", "a length of"}},
		"bad JSON":          {line + "\n{\"resourceSpans\": [}\n", []string{"line 2"}},
		"cut JSON":          {line + "\n" + line[:len(line)-9], []string{"line 2", "ends in the middle"}},
		"not an object":     {"{}\n[1]", []string{"line 2", "want a JSON object"}},
		"two in a line":     {"{} {}", []string{"line 1", "one a line"}},
		"other signal":      {"{}\n\n{\"resourceMetrics\":[]}", []string{"line 3", "resourceMetrics"}},
		"broken gzip":       {gz.String()[:gz.Len()-9], []string{"message 2", "ends in the middle"}},
		"no compressed":     {"\x28\xb5\x2f\xfd\xff\xff", []string{"magic"}},
		"Parquet in a pipe": {"PAR1....", []string{"pipe"}},
	} {
		_, err := Import(context.Background(), io.MultiReader(strings.NewReader(tt.file)), "file.x", func(*store.Batch) error { return nil }, nil)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, w := range append(tt.want, "import file.x: ") {
			if name != "no compressed" && !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q; want %q in it", name, err, w)
			}
		}
	}
	if _, err := Import(context.Background(), strings.NewReader("PAR1 and no more"), "file.parquet", func(*store.Batch) error { return nil }, nil); err == nil || !strings.Contains(err.Error(), "Parquet") {
		t.Errorf("broken Parquet: %v", err)
	}
	var got []span.Span
	p, err := Import(context.Background(), strings.NewReader("{}\n"+noID), "file.jsonl", collect(&got), nil)
	if err != nil || p.Rejected != 1 || len(got) != 9 || !strings.Contains(p.Reason, "line 2") {
		t.Errorf("a span without an id: %d spans, %+v, %v; want it rejected", len(got), p, err)
	}
	stop := errors.New("the disk is full")
	if _, err := Import(context.Background(), bytes.NewReader(fixed), "file.otlp", func(*store.Batch) error { return stop }, nil); !errors.Is(err, stop) {
		t.Errorf("%v; want the error of write", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Import(ctx, bytes.NewReader(fixed), "file.otlp", func(*store.Batch) error { return nil }, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want the context's error", err)
	}
}

// A message with more spans than a batch takes is split.
func TestImportBatches(t *testing.T) {
	spans := samples(3 * batchSpans)
	msg := otlp.AppendTraces(nil, spans)
	fixed := append(binary.BigEndian.AppendUint32(nil, uint32(len(msg))), msg...)
	n := 0
	_, err := Import(context.Background(), bytes.NewReader(fixed), "x", func(b *store.Batch) error {
		n += len(b.Spans)
		if len(b.Spans) > batchSpans || len(b.Traces) > 2*batchBytes {
			t.Errorf("a batch of %d spans, %d bytes", len(b.Spans), len(b.Traces))
		}
		var d otlp.Decoder
		if again, _, _, err := d.Traces(b.Traces); err != nil || len(again) != len(b.Spans) {
			t.Errorf("%d spans in Traces, %v; want %d", len(again), err, len(b.Spans))
		}
		return nil
	}, nil)
	if err != nil || n != len(spans) {
		t.Errorf("%d spans, %v; want %d", n, err, len(spans))
	}
}

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]Format{"a.otlp": OTLP, "b.pb.gz": OTLP, "x/y.jsonl": JSON, "a.json.zst": JSON, "a.parquet": Parquet, "a.parquet.gz": "", "a.txt": "", "a": ""} {
		if got, err := FormatOf(name); got != want || (err == nil) != (want != "") {
			t.Errorf("FormatOf(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
	for _, f := range Formats {
		if got, err := ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseFormat(%q) = %q, %v", f, got, err)
		}
		if got, err := FormatOf("x" + f.Suffix()); got != f || err != nil {
			t.Errorf("FormatOf of the suffix of %q = %q, %v", f, got, err)
		}
	}
}

func FuzzImport(f *testing.F) {
	spans := samples(3)
	msg := otlp.AppendTraces(nil, spans)
	f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(msg))), msg...))
	f.Add(append(binary.AppendUvarint(nil, uint64(len(msg))), msg...))
	f.Add(otlp.AppendTracesJSON(nil, spans))
	f.Add([]byte("{}\n {\"resourceLogs\":[]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		p, err := Import(context.Background(), bytes.NewReader(data), "x", func(b *store.Batch) error { n += len(b.Spans); return nil }, nil)
		if err == nil && p.Spans != int64(n) {
			t.Errorf("%d spans reported, %d written", p.Spans, n)
		}
	})
}

// An export of a damaged store has all else, and says that something is missing.
func TestExportDamaged(t *testing.T) {
	dir := t.TempDir()
	o := store.Options{Dir: dir, NoSync: true, HeadSpans: 400, BlockRows: 100, Reserve: -1, Logger: slog.New(slog.DiscardHandler)}
	st, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	spans := samples(1600)
	fill(t, st, spans)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.blocks"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files of blocks, %v", len(files), err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if st, err = store.Open(o); err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	_, p := export(t, st, "a.otlp", Selection{})
	if p.Damaged == 0 || p.Spans == 0 || p.Spans >= int64(len(spans)) {
		t.Errorf("%+v; want damage, and fewer than %d spans", p, len(spans))
	}
}
