package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// TestScripts runs testdata/*.test. A script loads spans into a store, asks,
// and says what the answer is:
//
//	load
//	  resource service=shop host.name=a
//	  span TRACE/ID PARENT START DURATION KIND STATUS "NAME" key=value …
//	    event "NAME" key=value …
//	eval WHAT option=value … | QUERY
//	  the answer, a line for each hit, group or value
//
// Ids are hex digits, the parent 0 for none; START is counted from a base time, a
// Thursday at noon. Values are as in the language, [a,b] an array. Where a page
// ends and another follows, the answer of a search has a line --.
//
// Every script runs three times: with the spans in the store's memory, in
// blocks on the disk, and half of them in each.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.test")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, where := range []string{"memory", "blocks", "both"} {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".test")+"/"+where, func(t *testing.T) {
				s := &script{t: t, file: file, where: where, dir: t.TempDir()}
				s.open()
				defer func() { s.st.Close() }()
				s.run(string(text))
			})
		}
	}
}

var base = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).UnixNano()

type script struct {
	t     *testing.T
	file  string
	where string
	dir   string
	st    *store.Store
	spans []span.Span // of the load section
}

func (s *script) open() {
	st, err := store.Open(store.Options{Dir: s.dir, BlockRows: 4, NoSync: true, Clock: func() time.Time { return time.Unix(0, base).Add(time.Hour) }})
	if err != nil {
		s.t.Fatal(err)
	}
	s.st = st
}

func (s *script) run(text string) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		at := i + 1
		line := strings.TrimSpace(lines[i])
		i++
		if line == "" || line[0] == '#' {
			continue
		}
		var body []string
		for i < len(lines) && (strings.HasPrefix(lines[i], " ") || strings.HasPrefix(lines[i], "#")) {
			if l := strings.TrimSpace(lines[i]); l[0] != '#' {
				body = append(body, l)
			}
			i++
		}
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "load":
			s.load(body)
		case "eval":
			options, q, ok := strings.Cut(rest, "| ")
			if !ok {
				options, q, ok = rest, "", strings.HasSuffix(rest, "|")
				options = strings.TrimSuffix(options, "|")
			}
			if !ok {
				s.t.Fatalf("%s:%d: eval without |", s.file, at)
			}
			got := s.eval(fieldsOf(options), q)
			if g, w := strings.Join(got, "\n"), strings.Join(body, "\n"); g != w {
				s.t.Errorf("%s:%d: %s\ngot\n%s\nwant\n%s", s.file, at, line, g, w)
			}
		default:
			s.t.Fatalf("%s:%d: %q is neither load nor eval", s.file, at, what)
		}
	}
}

// fieldsOf splits at spaces that are not in quotes or brackets, and removes the quotes around a whole word or a value.
func fieldsOf(line string) (out []string) {
	var b strings.Builder
	var quote bool
	depth := 0
	flush := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
			b.Reset()
		}
	}
	for _, r := range line {
		switch {
		case r == '"':
			quote = !quote
		case r == '[' && !quote:
			depth++
		case r == ']' && !quote:
			depth--
		}
		if r == ' ' && !quote && depth == 0 {
			flush()
			continue
		}
		b.WriteRune(r)
	}
	flush()
	return out
}

func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return s
}

func (s *script) load(body []string) {
	fail := func(line string, err error) { s.t.Fatalf("%s: %q: %v", s.file, line, err) }
	var resource *span.Resource
	var spans []span.Span
	for _, line := range body {
		w := fieldsOf(line)
		switch w[0] {
		case "resource":
			resource = &span.Resource{Attrs: s.attrs(w[1:])}
			for i := range resource.Attrs {
				if a := &resource.Attrs[i]; a.Key == "service" {
					a.Key, resource.Service = "service.name", a.Value.Str
				}
			}
		case "span":
			if len(w) < 8 {
				fail(line, errors.New("too short"))
			}
			trace, id, _ := strings.Cut(w[1], "/")
			sp := span.Span{Resource: resource, Scope: &span.Scope{Name: "test"}, Name: unquote(w[7]), Attrs: s.attrs(w[8:])}
			var errs [5]error
			sp.TraceID, errs[0] = span.ParseTraceID(trace)
			sp.ID, errs[1] = span.ParseID(id)
			if w[2] != "0" {
				sp.Parent, errs[2] = span.ParseID(w[2])
			}
			var start, length time.Duration
			start, errs[3] = time.ParseDuration(w[3])
			length, errs[4] = time.ParseDuration(w[4])
			sp.Start, sp.Duration = base+int64(start), int64(length)
			var ok, ok2 bool
			sp.Kind, ok = span.ParseKind(w[5])
			sp.Status, ok2 = span.ParseStatus(w[6])
			if err := errors.Join(errs[:]...); err != nil || !ok || !ok2 {
				fail(line, fmt.Errorf("kind or status, or %v", err))
			}
			spans = append(spans, sp)
		case "event":
			sp := &spans[len(spans)-1]
			sp.Events = append(sp.Events, span.Event{Time: sp.Start, Name: unquote(w[1]), Attrs: s.attrs(w[2:])})
		default:
			fail(line, errors.New("neither resource, span nor event"))
		}
	}
	write := func(list []span.Span) {
		if len(list) == 0 {
			return
		}
		if err := s.st.Write(context.Background(), &store.Batch{Spans: list}); err != nil {
			s.t.Fatal(err)
		}
	}
	cut := func() { // closing a store cuts its head
		if err := s.st.Close(); err != nil {
			s.t.Fatal(err)
		}
		s.open()
	}
	switch s.where {
	case "memory":
		write(spans)
	case "blocks":
		write(spans)
		cut()
	case "both": // traces are torn
		var a, b []span.Span
		for i := range spans {
			if i%2 == 0 {
				a = append(a, spans[i])
			} else {
				b = append(b, spans[i])
			}
		}
		write(a)
		cut()
		write(b)
	}
	s.spans = append(s.spans, spans...)
}

func (s *script) attrs(list []string) (out []span.Attr) {
	for _, kv := range list {
		i := strings.IndexByte(kv, '=')
		if strings.HasPrefix(kv, `"`) {
			i = strings.Index(kv[1:], `"`) + 2
		}
		if i < 1 || i >= len(kv) {
			s.t.Fatalf("%s: %q is not key=value", s.file, kv)
		}
		out = append(out, span.Attr{Key: unquote(kv[:i]), Value: attrValue(kv[i+1:])})
	}
	return out
}

func attrValue(text string) span.Value {
	if list, ok := strings.CutPrefix(text, "["); ok {
		v := span.Value{Type: span.Array}
		for _, e := range strings.Split(strings.TrimSuffix(list, "]"), ",") {
			str := []byte{1<<3 | 2, byte(len(e))}
			str = append(str, e...)
			v.Str += string([]byte{1<<3 | 2, byte(len(str))}) + string(str)
		}
		return v
	}
	v := WordValue(text)
	switch {
	case strings.HasPrefix(text, `"`):
		return span.StringValue(unquote(text))
	case v.form == formNumber && strings.ContainsAny(text, ".e"):
		f, _ := v.num.Number()
		return span.FloatValue(f)
	case v.form == formNumber || v.form == formBool:
		return v.num
	}
	return span.StringValue(text)
}

// at reads a time or duration option.
func at(options map[string]string, name string, missing int64) int64 {
	d, err := time.ParseDuration(options[name])
	if err != nil {
		return missing
	}
	return base + int64(d)
}

func (s *script) eval(list []string, text string) (out []string) {
	o := map[string]string{}
	for _, w := range list[1:] {
		k, v, _ := strings.Cut(w, "=")
		o[k] = unquote(v)
	}
	q, err := Parse(text)
	if list[0] == "error" {
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			return []string{fmt.Sprint(err)}
		}
		return []string{fmt.Sprintf("%d: %s", syntax.Column, syntax.Message)}
	}
	if err != nil {
		return strings.Split(err.Error(), "\n")
	}
	ctx := context.Background()
	number := func(name string) int { n, _ := strconv.Atoi(o[name]); return n }
	fields := func(name string) (fs []Field) {
		for _, t := range strings.Split(o[name], ",") {
			if t != "" {
				f, err := ParseField(t)
				if err != nil {
					s.t.Fatal(err)
				}
				fs = append(fs, f)
			}
		}
		return fs
	}
	from, to := at(o, "from", base), at(o, "to", base+int64(time.Hour))
	budget := Budget{Rows: int64(number("rows"))}
	fail := func(err error) []string { return []string{"error: " + err.Error()} }
	var stats Stats
	switch list[0] {
	case "spans", "traces":
		req := SearchRequest{Query: q, From: from, To: to, Limit: cmp.Or(number("limit"), 100), By: Spans, Summaries: true, Budget: budget}
		if list[0] == "traces" {
			req.By = Traces
		}
		if o["order"] == "slowest" {
			req.Order = Slowest
		}
		for {
			res, err := Search(ctx, s.st, req)
			if err != nil {
				return fail(err)
			}
			for _, h := range res.Hits {
				if req.By == Spans {
					out = append(out, fmt.Sprintf("%s/%s", short(h.Spans[0].TraceID.String()), short(h.Spans[0].ID.String())))
					continue
				}
				line := fmt.Sprintf("%s matched=%d", short(h.Trace.ID.String()), h.Matched)
				for _, sp := range h.Spans {
					line += " " + short(sp.ID.String())
				}
				if o["summary"] != "" {
					line += fmt.Sprintf(" root=%s:%s start=%s duration=%s spans=%d errors=%d", h.Trace.RootService, h.Trace.RootName,
						time.Duration(h.Trace.Start-base), time.Duration(h.Trace.Duration), h.Trace.Spans, h.Trace.Errors)
					for _, c := range h.Trace.Services {
						line += fmt.Sprintf(" %s=%d/%d", c.Name, c.Spans, c.Errors)
					}
				}
				out = append(out, line)
			}
			stats = res.Stats
			if res.Cursor == "" {
				break
			}
			out = append(out, "--")
			req.Cursor = res.Cursor
		}
	case "aggregate":
		req := AggregateRequest{Query: q, From: from, To: to, By: fields("by"), Limit: number("limit"), Budget: budget}
		if d, err := time.ParseDuration(o["step"]); err == nil {
			req.Step = int64(d)
		}
		if f := fields("of"); f != nil {
			req.Of = f[0]
		}
		res, err := Aggregate(ctx, s.st, req)
		if err != nil {
			return fail(err)
		}
		show := func(name string, g *Group) {
			p := g.Total
			line := fmt.Sprintf("%s count=%d errors=%d", name, p.Count, p.Errors)
			if o["of"] != "" {
				line += fmt.Sprintf(" sum=%g n=%d", p.Sum, p.N)
			}
			if o["times"] != "" {
				line += fmt.Sprintf(" rate=%.4g min=%s p50=%s p99=%s max=%s", p.Rate, time.Duration(p.Min), rounded(p.P50), rounded(p.P99), time.Duration(p.Max))
			}
			for _, p := range g.Points {
				line += fmt.Sprintf(" %d", p.Count)
			}
			out = append(out, line)
		}
		for _, g := range res.Groups {
			name := "all"
			for i, k := range g.Key {
				name = strings.TrimPrefix(name, "all") + map[bool]string{true: "(absent) ", false: k + " "}[g.Absent[i]]
			}
			show(strings.TrimSuffix(name, " "), &g)
		}
		if res.Other != nil {
			show("other", res.Other)
		}
		out = append(out, "from "+res.Source)
		stats = res.Stats
	case "values":
		res, err := Values(ctx, s.st, ValuesRequest{Query: q, Field: fields("field")[0], From: from, To: to, Prefix: o["prefix"], Limit: number("limit"), Budget: budget})
		if err != nil {
			return fail(err)
		}
		for _, v := range res.Values {
			out = append(out, fmt.Sprintf("%s %s %d", v.Value, v.Type, v.Spans))
		}
		if res.More {
			out = append(out, "more")
		}
		stats = res.Stats
	case "keys":
		res, err := Keys(ctx, s.st, KeysRequest{Query: q, From: from, To: to, Prefix: o["prefix"], Limit: number("limit"), Budget: budget})
		if err != nil {
			return fail(err)
		}
		for _, k := range res.Keys {
			out = append(out, fmt.Sprintf("%s %s %d", k.Field, k.Type, k.Spans))
		}
		stats = res.Stats
	case "differ":
		sel, err := Parse(o["selected"])
		if err != nil {
			return fail(err)
		}
		req := DifferRequest{Query: q, Selected: sel, From: from, To: to, Limit: number("limit"), Budget: budget}
		if d, err := time.ParseDuration(o["min"]); err == nil {
			req.Box = &Box{MinDuration: int64(d)}
		}
		res, err := Differ(ctx, s.st, req)
		if err != nil {
			return fail(err)
		}
		out = append(out, fmt.Sprintf("selected=%d rest=%d", res.Selected, res.Rest))
		for _, k := range res.Keys {
			for _, v := range k.Values {
				value := v.Value
				if v.Absent {
					value = "(absent)"
				}
				out = append(out, fmt.Sprintf("%s %s %d %d %.2f", k.Field, value, v.Selected, v.Rest, v.Score))
			}
		}
		stats = res.Stats
	case "heatmap":
		res, err := HeatMap(ctx, s.st, HeatMapRequest{Query: q, From: from, To: to, Columns: number("columns"), PerDecade: number("rows"), Budget: Budget{}})
		if err != nil {
			return fail(err)
		}
		for i := len(res.Bounds) - 2; i >= 0; i-- {
			line := time.Duration(res.Bounds[i]).String()
			for _, column := range res.Cells {
				line += fmt.Sprintf(" %d/%d", column[i].Count, column[i].Errors)
			}
			out = append(out, line)
		}
		for i, column := range res.Cells {
			for j, c := range column {
				if c.Count > 0 && o["exemplars"] != "" {
					ids := []string{}
					for _, id := range c.Exemplars {
						ids = append(ids, short(id.String()))
					}
					out = append(out, fmt.Sprintf("%d %s %s", i, time.Duration(res.Bounds[j]), strings.Join(ids, " ")))
				}
			}
		}
		stats = res.Stats
	case "graph":
		g, err := ServiceGraph(ctx, s.st, from, to)
		if err != nil {
			return fail(err)
		}
		for _, n := range g.Nodes {
			out = append(out, fmt.Sprintf("%s %s %d/%d", n.Name, n.Type, n.Calls.Count, n.Calls.Errors))
		}
		for _, e := range g.Edges {
			out = append(out, fmt.Sprintf("%s -> %s %s %d/%d max trace %s", e.Client, e.Server, e.Connection, e.Calls.Count, e.Calls.Errors, short(e.Slow.String())))
		}
	default:
		s.t.Fatalf("%s: nothing called %q can be evaluated", s.file, list[0])
	}
	if stats.Partial {
		out = append(out, "partial: "+stats.Why)
	}
	return out
}

func short(id string) string { return strings.TrimLeft(id, "0") }

// rounded is a percentile to two digits: it is an estimate.
func rounded(n int64) time.Duration {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(n), 'e', 1, 64), 64)
	return time.Duration(f)
}

// Numbers in scripts are checked by eye; this checks the eye's helper.
func TestScriptWords(t *testing.T) {
	got := fieldsOf(`span 1/2 "a b" k="v w" [a, b]  x`)
	if want := []string{"span", "1/2", `"a b"`, `k="v w"`, "[a, b]", "x"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
