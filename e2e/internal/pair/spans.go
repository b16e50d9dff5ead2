package pair

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/watch"
)

// Tree prints spans as an indented tree, siblings in order of their start: kind
// and name of each, "!" after those in error, and the values of the attributes in
// keys. Traces follow one another in order of their start.
func Tree(spans []watch.Span, keys ...string) string {
	children := map[string][]watch.Span{}
	known := map[string]bool{}
	for _, s := range spans {
		known[s.SpanID] = true
	}
	for _, s := range spans {
		parent := s.ParentID
		if !known[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	var b strings.Builder
	var walk func(id string, depth int)
	walk = func(id string, depth int) {
		list := children[id]
		sort.SliceStable(list, func(i, j int) bool { return list[i].Start.Before(list[j].Start) })
		for _, s := range list {
			fmt.Fprintf(&b, "%s%s %s", strings.Repeat("  ", depth), s.Kind, s.Name)
			if s.Error {
				b.WriteString("!")
			}
			for _, k := range keys {
				if v, ok := s.Attrs[k]; ok {
					fmt.Fprintf(&b, " %s=%v", k, v)
				}
			}
			b.WriteByte('\n')
			walk(s.SpanID, depth+1)
		}
	}
	walk("", 0)
	return b.String()
}

// WantTree fails the test if the Tree of spans is not want, whose indentation by
// tabs common to all lines is left out.
func WantTree(t testing.TB, spans []watch.Span, want string, keys ...string) {
	t.Helper()
	var lines []string
	for _, l := range strings.Split(want, "\n") {
		if l = strings.TrimLeft(l, "\t"); l != "" {
			lines = append(lines, l)
		}
	}
	got := strings.TrimSuffix(Tree(spans, keys...), "\n")
	if d := cmp.Diff(strings.Join(lines, "\n"), got); d != "" {
		t.Errorf("spans: want (-), got (+):\n%s", d)
	}
}

// One returns the only span with a name, and fails the test if there is none or
// are several.
func One(t testing.TB, spans []watch.Span, kind, name string) watch.Span {
	t.Helper()
	var found []watch.Span
	for _, s := range spans {
		if s.Kind == kind && s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans %s %q, want 1:\n%s", len(found), kind, name, Tree(spans))
	}
	return found[0]
}

// Attrs fails the test if s does not have all of want. A value that is "*" stands
// for any that is there, and nil for none.
func Attrs(t testing.TB, s watch.Span, want map[string]any) {
	t.Helper()
	for k, v := range want {
		got, ok := s.Attrs[k]
		switch {
		case v == nil && ok:
			t.Errorf("%s %q has %s = %v, want none", s.Kind, s.Name, k, got)
		case v == nil:
		case !ok:
			t.Errorf("%s %q has no %s, want %v; it has %v", s.Kind, s.Name, k, v, s.Attrs)
		case v != "*" && got != v:
			t.Errorf("%s %q has %s = %#v, want %#v", s.Kind, s.Name, k, got, v)
		}
	}
}

// remoteParent is the flag of a span whose parent came from elsewhere.
const remoteParent = 1 << 9

// Conform fails the test if spans break a rule that holds for each span of every
// integration: ids, times, one local root per trace and process, events within the
// span, error.type on errors and nothing dropped.
func Conform(t testing.TB, spans []watch.Span) {
	t.Helper()
	ids := map[string]watch.Span{}
	for _, s := range spans {
		if _, twice := ids[s.SpanID]; twice {
			t.Errorf("span id %s occurs twice", s.SpanID)
		}
		ids[s.SpanID] = s
	}
	for _, s := range spans {
		what := fmt.Sprintf("%s %q", s.Kind, s.Name)
		if s.Name == "" || s.Kind == "" || len(s.TraceID) != 32 || len(s.SpanID) != 16 {
			t.Errorf("%s is not complete: %v", what, &s)
		}
		if s.End.Before(s.Start) {
			t.Errorf("%s ends %v before it starts", what, s.Start.Sub(s.End))
		}
		if p, ok := ids[s.ParentID]; s.ParentID != "" && !ok && s.Flags&remoteParent == 0 {
			t.Errorf("%s: its parent %s was not sent", what, s.ParentID)
		} else if ok && p.TraceID != s.TraceID {
			t.Errorf("%s is in another trace than its parent %q", what, p.Name)
		} else if ok && s.Start.Before(p.Start) {
			t.Errorf("%s starts %v before its parent %q", what, p.Start.Sub(s.Start), p.Name)
		}
		for _, e := range s.Events {
			if e.Time.Before(s.Start) || e.Time.After(s.End) {
				t.Errorf("%s: event %s is not within the span", what, e.Name)
			}
		}
		if s.Error && s.Str("error.type") == "" {
			t.Errorf("%s is an error without error.type", what)
		}
		if n := s.DroppedAttrs + s.DroppedEvents + s.DroppedLinks; n > 0 {
			t.Errorf("%s has lost %d attributes, events and links", what, n)
		}
		for k, v := range s.Attrs {
			if v == nil || v == "" {
				t.Errorf("%s has an empty %s", what, k)
			}
		}
	}
}
