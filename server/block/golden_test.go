package block

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-trace/weft/server/span"
)

var write = flag.Bool("write", false, "write testdata/*.block and *.txt.gz that are not there; those that are there are never rewritten, for they are what users have on their disks")

// goldens are blocks that use, together, every way in which something is stored.
var goldens = map[string]func() *Builder{
	"v1-random": func() *Builder {
		r, b := newRandom(11), new(Builder)
		for range 120 {
			s := r.span()
			b.Add(&s)
		}
		return b
	},
	"v1-shop":   func() *Builder { return shopBuilder(2000) },
	"v1-events": func() *Builder { return exceptions(50, 400) }, // so alike that the block is padded
	"v1-sparse": func() *Builder { // attributes that only some operations have, and depend on them
		b, r := new(Builder), newRandom(5)
		for i, s := range shopSpans(1000) {
			if s.Kind == span.KindClient {
				s.Attrs = append(s.Attrs[:1:1], s.Attrs[3:]...)
			}
			if i%3 == 0 {
				s.Attrs = append(s.Attrs, span.Attr{Key: "path", Value: span.StringValue([]string{
					fmt.Sprintf("/a/%d", r.IntN(1e6)), fmt.Sprintf("/a/%d/b/%d?%d,%d;%d", r.IntN(1e6), r.IntN(10), r.Uint64(), i, i), "/",
				}[r.IntN(3)])})
			}
			if s.Name[0] == 'P' {
				s.Attrs = append(s.Attrs, span.Attr{Key: "of.operation", Value: span.StringValue(s.Name[:8])})
			}
			b.Add(&s)
		}
		return b
	},
}

// Blocks that were written by earlier versions read as they did then.
func TestGolden(t *testing.T) {
	for name, build := range goldens {
		file := filepath.Join("testdata", name)
		if _, err := os.Stat(file + ".block"); *write && os.IsNotExist(err) {
			b := build()
			p := b.Cut(0)[0]
			if err := os.WriteFile(file+".block", p.Data, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file+".txt.gz", zip(dump(spansOf(t, p.Block))), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob("testdata/*.block")
	if err != nil || len(files) < len(goldens) {
		t.Fatalf("%d files, %v; want at least %d; go test -write writes them", len(files), err, len(goldens))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, ".block") + ".txt.gz")
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(want))
		if err != nil {
			t.Fatal(err)
		}
		if want, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
		b, err := Open(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if got := dump(spansOf(t, b)); !bytes.Equal(got, want) {
			for i, l := range bytes.Split(got, []byte("\n")) {
				if w := bytes.Split(want, []byte("\n")); i >= len(w) || !bytes.Equal(l, w[i]) {
					t.Fatalf("%s: row %d:\n%.2000s\nwant\n%.2000s", file, i, l, w[min(i, len(w)-1)])
				}
			}
			t.Fatalf("%s: fewer rows than in the golden file", file)
		}
	}
}

func zip(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(text)
	w.Close()
	return b.Bytes()
}

// dump writes spans as text, a line each; zcat shows it.
func dump(spans []span.Span) []byte {
	var w bytes.Buffer
	attrs := func(list []span.Attr) {
		for _, a := range list {
			fmt.Fprintf(&w, " %q=%s:%d:%q", a.Key, a.Value.Type, a.Value.Num, a.Value.Str)
		}
	}
	for _, s := range spans {
		fmt.Fprintf(&w, "%s %s %s %q %d %q %s %d %d %s %q %d %d %d", s.TraceID, s.ID, s.Parent, s.State, s.Flags, s.Name, s.Kind, s.Start, s.Duration, s.Status, s.Message, s.DroppedAttrs, s.DroppedEvents, s.DroppedLinks)
		fmt.Fprintf(&w, " resource %q %d %q", s.Resource.Service, s.Resource.Dropped, s.Resource.SchemaURL)
		attrs(s.Resource.Attrs)
		fmt.Fprintf(&w, " scope %q %q %d %q", s.Scope.Name, s.Scope.Version, s.Scope.Dropped, s.Scope.SchemaURL)
		attrs(s.Scope.Attrs)
		w.WriteString(" attributes")
		attrs(s.Attrs)
		for _, e := range s.Events {
			fmt.Fprintf(&w, " event %d %q %d", e.Time, e.Name, e.Dropped)
			attrs(e.Attrs)
		}
		for _, l := range s.Links {
			fmt.Fprintf(&w, " link %s %s %q %d %d", l.TraceID, l.ID, l.State, l.Flags, l.Dropped)
			attrs(l.Attrs)
		}
		w.WriteByte('\n')
	}
	return w.Bytes()
}
