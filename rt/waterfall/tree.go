package waterfall

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// node is a span in the tree, its texts made safe for a terminal.
type node struct {
	*Span
	name     string
	service  string
	failed   bool
	orphan   bool // it has a parent, but not among these spans
	start    int64
	end      int64
	children []*node
	reached  bool
}

// tree is a whole trace.
type tree struct {
	roots    []*node
	services []string // in order of first start
	shifted  map[string]int64
	missing  int // orphans besides the one that starts the trace here
	start    int64
	end      int64
}

// grow makes the tree: children under their parents by time of start, spans without a parent (or in a circle) as roots.
func grow(spans []Span) *tree {
	nodes := make([]node, len(spans))
	byID := make(map[uint64]*node, len(spans))
	for i := range spans {
		s := &spans[i]
		n := &nodes[i]
		*n = node{Span: s, name: clean(s.Name), service: clean(s.Service), failed: s.Failed, start: s.Start, end: max(s.End, s.Start)}
		if n.name == "" {
			n.name = "(no name)"
		}
		if byID[s.ID] == nil {
			byID[s.ID] = n
		}
	}
	t := &tree{shifted: map[string]int64{}}
	for i := range nodes {
		n := &nodes[i]
		parent := byID[n.Parent]
		switch {
		case n.Parent == 0:
			t.roots = append(t.roots, n)
		case parent == nil || parent == n:
			n.orphan = true
			t.roots = append(t.roots, n)
		default:
			parent.children = append(parent.children, n)
		}
	}
	for _, r := range t.roots {
		r.settle()
	}
	for i := range nodes { // what is left hangs in circles
		if n := &nodes[i]; !n.reached {
			n.orphan = true
			t.roots = append(t.roots, n)
			n.settle()
			if p := byID[n.Parent]; p != nil {
				p.children = slices.DeleteFunc(p.children, func(c *node) bool { return c == n })
			}
		}
	}
	byStart := func(a, b *node) int { return cmp.Compare(a.start, b.start) }
	for _, r := range t.roots {
		t.align(r)
	}
	slices.SortStableFunc(t.roots, byStart)
	for i := range nodes {
		slices.SortStableFunc(nodes[i].children, byStart)
	}
	for _, r := range t.roots {
		if r.orphan {
			t.missing++
		}
	}
	if t.missing == 1 && len(t.roots) == 1 {
		// One root whose parent is in another process: the ordinary view from inside a service.
		t.missing, t.roots[0].orphan = 0, false
	}
	t.start, t.end = nodes[0].start, nodes[0].end
	order := make([]*node, len(nodes))
	for i := range nodes {
		order[i] = &nodes[i]
		t.start, t.end = min(t.start, nodes[i].start), max(t.end, nodes[i].end)
	}
	slices.SortStableFunc(order, byStart)
	for _, n := range order {
		if n.service != "" && !slices.Contains(t.services, n.service) {
			t.services = append(t.services, n.service)
		}
	}
	return t
}

// settle marks all nodes under n as reached and cuts what would lead back to one that is.
func (n *node) settle() {
	stack := []*node{n}
	n.reached = true
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n.children = slices.DeleteFunc(n.children, func(c *node) bool { return c.reached })
		for _, c := range n.children {
			c.reached = true
			stack = append(stack, c)
		}
	}
}

// align moves the spans of a process whose clock differs: the server's span of a call cannot have begun before the client's
// nor have ended after it, so it is put in the middle of it (at its start if it is longer, the client having given up).
func (t *tree) align(root *node) {
	type item struct {
		n     *node
		shift int64
	}
	stack := []item{{root, 0}}
	for len(stack) > 0 {
		it := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n := it.n
		n.start += it.shift
		n.end += it.shift
		for _, c := range n.children {
			shift := it.shift
			if c.Kind == Server && n.Kind == Client {
				start, end := c.start+shift, c.end+shift
				spare := (n.end - n.start) - (end - start)
				switch {
				case start >= n.start && end <= n.end:
				case spare >= 0:
					shift += n.start + spare/2 - start
				case start < n.start || start > n.end:
					shift += n.start - start
				}
				if d := shift - it.shift; abs(d) > abs(t.shifted[c.service]) {
					t.shifted[c.service] = d
				}
			}
			stack = append(stack, item{c, shift})
		}
	}
}

func abs(d int64) int64 { return max(d, -d) }

// Folding: of a run of at least foldFrom leaf siblings alike, none failed, only the first foldTo get lines of their own.
const (
	foldFrom = 8
	foldTo   = 3
)

// rows lists the tree top down, at most limit rows, and counts the spans for which there was no room.
func (t *tree) rows(limit int) (rows []row, hidden int) {
	type item struct {
		nodes  []*node // siblings yet to be listed
		prefix string
		depth  int
	}
	stack := []item{{t.roots, "", 0}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.nodes) == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		n := top.nodes[0]
		run := 1
		for run < len(top.nodes) && n.alike(top.nodes[run]) {
			run++
		}
		fold := run >= foldFrom
		take := 1
		if fold {
			take = run
		}
		last := len(top.nodes) == take
		prefix, depth := top.prefix, top.depth
		nodes := top.nodes[:take]
		top.nodes = top.nodes[take:]
		for i, n := range nodes {
			if i == foldTo && fold {
				break
			}
			tee, below := "├ ", "│ "
			if last && !fold {
				tee, below = "└ ", "  "
			}
			if depth == 0 {
				tee, below = "", ""
			}
			if len(rows) >= limit {
				hidden += 1 + n.size()
				continue
			}
			cont := prefix + below + "  "
			if len(n.children) > 0 {
				cont = prefix + below + "│ "
			}
			rows = append(rows, row{span: n, prefix: squeeze(prefix+tee, depth), cont: squeeze(cont, depth), start: n.start, end: n.end, critical: n.critical(nil)})
			if len(n.children) > 0 {
				stack = append(stack, item{n.children, prefix + below, depth + 1})
			}
		}
		if fold {
			rest := nodes[foldTo:]
			if len(rows) >= limit {
				hidden += len(rest)
				continue
			}
			tee := "├ "
			if last {
				tee = "└ "
			}
			if depth == 0 {
				tee = ""
			}
			r := row{span: rest[0], prefix: squeeze(prefix+tee, depth), folded: len(rest), start: rest[0].start, end: rest[0].end}
			for _, n := range rest {
				r.start, r.end, r.sum = min(r.start, n.start), max(r.end, n.end), r.sum+n.end-n.start
				r.critical = n.critical(r.critical)
			}
			rows = append(rows, r)
		}
	}
	return rows, hidden
}

// critical appends the span's critical sections, moved as the span was when clocks were aligned.
func (n *node) critical(to []Section) []Section {
	for _, c := range n.Critical {
		shift := n.start - n.Start
		to = append(to, Section{c.Start + shift, c.End + shift})
	}
	return to
}

// alike reports whether n and m may be folded into one row.
func (n *node) alike(m *node) bool {
	return n.name == m.name && n.service == m.service && n.Kind == m.Kind && !n.failed && !m.failed && n.orphan == m.orphan &&
		len(n.children) == 0 && len(m.children) == 0
}

// size counts the spans below n.
func (n *node) size() int {
	total := 0
	stack := []*node{n}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = append(stack[:len(stack)-1], n.children...)
		total += len(n.children)
	}
	return total
}

// maxDepth is how deep the tree is drawn with lines; deeper levels are numbered.
const maxDepth = 12

func squeeze(prefix string, depth int) string {
	if depth <= maxDepth {
		return prefix
	}
	return strings.Repeat("  ", maxDepth) + "⋯" + strconv.Itoa(depth) + " "
}

// colorOf gives each service a colour of its own, as far as they go.
func (t *tree) colorOf(service string) int {
	return palette + max(slices.Index(t.services, service), 0)%(len(ansi)-palette)
}

// Attributes shown first, and by their value alone.
var leading = []string{"http.response.status_code", "http.status_code", "rpc.response.status_code", "rpc.grpc.status_code", "db.query.text", "db.statement",
	"url.full", "http.url", "url.path", "messaging.destination.name"}

// Attributes with a shorter name.
var labels = map[string]string{"db.response.returned_rows": "rows", "db.response.affected_rows": "affected"}

// Attributes that are not shown: what the name already says, and what matters only in a search. An entry that ends in a dot
// stands for all that begin with it.
var quiet = []string{"http.request.", "http.response.", "http.method", "http.route", "http.scheme", "http.target", "http.host", "http.flavor",
	"http.connection.", "http.aborted", "network.", "net.", "user_agent.", "client.", "server.", "url.scheme", "url.query", "db.system", "db.system.name", "db.namespace",
	"db.operation.name", "db.collection.name", "db.operation", "db.name", "db.query.summary", "rpc.system", "rpc.service", "rpc.method",
	"db.client.", "messaging.", "thread.", "code.", "peer.service", "error.", "otel.", "exception."}

// detail is what stands at the end of a span's line.
func (n *node) detail() string {
	var parts []string
	for _, key := range leading {
		for _, a := range n.Attrs {
			if a.Key == key {
				if v := clean(a.Value); v != "" && !strings.HasSuffix(n.name, " "+v) {
					parts = append(parts, v)
				}
			}
		}
	}
	for _, a := range n.Attrs {
		label, short := labels[a.Key]
		if !short {
			if slices.Contains(leading, a.Key) || isQuiet(a.Key) {
				continue
			}
			label = clean(a.Key)
		}
		parts = append(parts, label+"="+clean(a.Value))
	}
	return strings.Join(append(parts, n.phases()...), " ")
}

// phases are the span's events, short: what started and was done as its duration, other events as the time since the span's
// start. Those of a client's request that take less than a fiftieth of it are left out, as they explain nothing.
func (n *node) phases() []string {
	var out []string
	for i, e := range n.Events {
		name, ofRequest := strings.CutPrefix(clean(e.Name), "http.")
		switch {
		case e.Name == "exception", ofRequest && (name == "got_conn" || name == "wrote_request"):
			continue
		case strings.HasSuffix(name, ".done"):
			continue // with its start
		}
		took, isPhase := e.Time-n.Start, false
		if phase, ok := strings.CutSuffix(name, ".start"); ok {
			for _, d := range n.Events[i+1:] {
				if strings.HasPrefix(d.Name, strings.TrimSuffix(e.Name, "start")) && strings.HasSuffix(d.Name, ".done") {
					name, took, isPhase = phase, d.Time-e.Time, true
					break
				}
			}
		}
		if ofRequest && took < (n.End-n.Start)/50 {
			continue
		}
		sep := "@"
		if isPhase || ofRequest {
			sep = " "
		}
		out = append(out, strings.ReplaceAll(name, "_", " ")+sep+duration(max(took, 0)))
	}
	return out
}

func isQuiet(key string) bool {
	for _, q := range quiet {
		if key == q || strings.HasSuffix(q, ".") && strings.HasPrefix(key, q) {
			return true
		}
	}
	return false
}

// failure says why a failed span failed: type and message of the exception, else error.type and the status message.
func (n *node) failure() string {
	if !n.failed {
		return ""
	}
	typ, msg := attr(n.Attrs, "error.type"), n.Message
	if msg == "" {
		msg = attr(n.Attrs, "error.message")
	}
	for _, e := range n.Events {
		if e.Name == "exception" {
			typ, msg = attr(e.Attrs, "exception.type"), attr(e.Attrs, "exception.message")
			break
		}
	}
	typ, msg = clean(typ), clean(msg)
	if typ != "" && typ == attr(n.Attrs, "http.response.status_code") {
		typ = "" // on the line already
	}
	switch {
	case msg == "":
		return typ
	case typ == "" || strings.HasPrefix(msg, typ):
		return msg
	}
	return typ + ": " + msg
}

func attr(attrs []Attr, key string) string {
	for _, a := range attrs {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}
