// Package waterfall draws one trace as text: the tree of its spans, a bar for when each ran, how long it took, what failed,
// and the attributes that matter.
//
//	trace 7b2f… · 16:30:02.123 · 45.2ms · 5 spans · 1 error · gateway, stock
//	GET /order/{id}        gateway ╺━━━━━━━━━━━━━━━━━━━━━━━━╸ 45.2ms 200
//	├ GET                  gateway  ╺━━━━━━━╸                 12.1ms 200 http://stock/7
//	│ └ GET /stock/{id}    stock     ╺━━━━━╸                   9.8ms 200
//	└ ✗ INSERT orders      gateway              ╺━━━╸          3.2ms INSERT INTO orders VALUES (?, ?)
//	    *sqlite.Error: UNIQUE constraint failed
//
// It is used by the console exporter inside a woven program and by "weft watch", and imports only what may be woven.
// Every text that comes from a trace is made safe for a terminal: control characters never reach it.
package waterfall

import (
	"strconv"
	"strings"
	"time"
)

// TraceID is a trace id as two big-endian halves.
type TraceID struct{ Hi, Lo uint64 }

// String is the id as 32 hexadecimal digits.
func (id TraceID) String() string { return hex16(id.Hi) + hex16(id.Lo) }

func hex16(v uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[v>>(60-4*i)&15]
	}
	return string(b[:])
}

// Kinds of spans, with the values of OTLP.
const (
	Internal = 1
	Server   = 2
	Client   = 3
	Producer = 4
	Consumer = 5
)

// Span is a finished span.
type Span struct {
	ID      uint64
	Parent  uint64 // 0: the root of its trace
	Remote  bool   // the parent belongs to another process
	Kind    int8
	Start   int64 // nanoseconds since 1970
	End     int64
	Name    string
	Service string
	Failed  bool
	Message string // the status message of a failed span
	Attrs   []Attr
	Events  []Event

	Critical []Section // when the trace's end waited for this span itself; drawn as a thicker bar
}

// Section is a part of a span's time.
type Section struct{ Start, End int64 } // nanoseconds since 1970

// Attr is an attribute, its value already a string.
type Attr struct{ Key, Value string }

// Event is something that happened at one moment of a span.
type Event struct {
	Name  string
	Time  int64 // nanoseconds since 1970
	Attrs []Attr
}

// Trace is the spans of one trace, in any order.
type Trace struct {
	ID      TraceID
	Spans   []Span
	Dropped int // spans that were not kept, to bound memory
}

// Options say how to draw. The zero value draws without colours for a page of 120 columns, cutting nothing at the right.
type Options struct {
	Width    int            // columns of the terminal; 0: 120, and the last column may run over
	Color    bool           // use ANSI colours
	MaxRows  int            // spans beyond these are only counted; 0: 500
	Location *time.Location // for the time of day in the heading; nil: local time
	Today    time.Time      // the heading has the date, too, unless the trace starts on this day; zero: the time of day only
}

// row is one span (or several alike, folded) on its way to a line of text.
type row struct {
	span   *node
	prefix string // tree lines
	cont   string // tree lines for a line below it
	folded int    // number of further spans this row stands for; the bar and duration are theirs
	start  int64
	end    int64
	sum    int64

	critical []Section // of all spans that the row stands for
}

// Append draws t at the end of dst and returns the longer slice. Spans may come in any order; parents may be missing.
func Append(dst []byte, t Trace, o Options) []byte {
	if len(t.Spans) == 0 {
		return dst
	}
	width := o.Width
	if width == 0 {
		width = 120
	}
	width = max(width, 40)
	maxRows := o.MaxRows
	if maxRows == 0 {
		maxRows = 500
	}
	tr := grow(t.Spans)
	p := painter{dst: dst, color: o.Color, tree: tr}

	rows, hidden := tr.rows(maxRows)
	nameW, serviceW, durW, detailW := 0, 0, 0, 0
	details := make([]string, len(rows))
	for i, r := range rows {
		nameW = max(nameW, textWidth(r.prefix)+textWidth(r.label()))
		serviceW = max(serviceW, textWidth(r.span.service))
		durW = max(durW, textWidth(r.duration()))
		if r.folded == 0 {
			details[i] = r.span.detail()
			detailW = max(detailW, textWidth(details[i]))
		}
	}
	nameW = min(nameW, max(width*2/5, 14))
	if len(tr.services) < 2 {
		serviceW = 0
	} else {
		serviceW = min(serviceW, 16) + 1
	}
	barW := min(max(width/4, 8), 40)
	if o.Width != 0 {
		// What the details leave over goes to the bars; what is missing is cut from the details.
		rest := width - nameW - serviceW - durW - barW - 3
		if rest > detailW {
			barW = min(barW+rest-detailW, 60)
		}
		detailW = max(width-nameW-serviceW-durW-barW-3, 0)
	}

	p.heading(t, o)
	scale := float64(2*barW) / float64(max(tr.end-tr.start, 1))
	for i, r := range rows {
		n := r.span
		prefix := fit(r.prefix, nameW)
		p.put(dim, prefix)
		style := plain
		if n.failed && r.folded == 0 {
			style = red
		}
		p.put(style, pad(r.label(), nameW-textWidth(prefix)))
		p.put(plain, " ")
		if serviceW > 0 {
			p.put(tr.colorOf(n.service), pad(n.service, serviceW-1))
			p.put(plain, " ")
		}
		barStyle := tr.colorOf(n.service)
		if style == red {
			barStyle = red
		}
		line := bar(int(float64(r.start-tr.start)*scale), int(float64(r.end-tr.start)*scale+0.5), barW)
		if len(r.critical) > 0 {
			thick := []rune(line)
			for _, c := range r.critical {
				thicken(thick, int(float64(c.Start-tr.start)*scale), int(float64(c.End-tr.start)*scale+0.5))
			}
			line = string(thick)
		}
		p.put(barStyle, line)
		d := r.duration()
		p.put(plain, " "+strings.Repeat(" ", durW-textWidth(d))+d)
		if text := details[i]; text != "" {
			if o.Width != 0 {
				text = fit(text, detailW)
			}
			p.put(dim, " "+text)
		}
		p.line()
		if text := n.failure(); r.folded == 0 && text != "" {
			cont := fit(r.cont, nameW)
			p.put(dim, cont)
			if o.Width != 0 {
				text = fit(text, width-textWidth(cont))
			}
			p.put(red, text)
			p.line()
		}
	}
	if hidden > 0 {
		p.put(dim, "… "+strconv.Itoa(hidden)+" more spans not shown")
		p.line()
	}
	return p.dst
}

// heading writes the line above the spans, and what is to be known about them as a whole.
func (p *painter) heading(t Trace, o Options) {
	loc := o.Location
	if loc == nil {
		loc = time.Local
	}
	failed := 0
	for i := range t.Spans {
		if t.Spans[i].Failed {
			failed++
		}
	}
	p.put(bold, "trace "+t.ID.String())
	start, layout := time.Unix(0, p.tree.start).In(loc), "15:04:05.000"
	if !o.Today.IsZero() && start.Format(time.DateOnly) != o.Today.In(loc).Format(time.DateOnly) {
		layout = "2006-01-02 " + layout
	}
	p.put(plain, " · "+start.Format(layout)+" · "+duration(p.tree.end-p.tree.start)+" · "+count(len(t.Spans)+t.Dropped, "span"))
	if failed > 0 {
		p.put(plain, " · ")
		p.put(red, count(failed, "error"))
	}
	sep := " · "
	for _, s := range p.tree.services {
		p.put(plain, sep)
		p.put(p.tree.colorOf(s), s)
		sep = ", "
	}
	p.line()
	if n := p.tree.missing; n > 0 {
		p.put(dim, count(n, "span")+" whose parent is not here, marked ┄")
		p.line()
	}
	if t.Dropped > 0 {
		p.put(dim, count(t.Dropped, "span")+" of this trace not kept")
		p.line()
	}
	for _, s := range p.tree.services {
		if d := p.tree.shifted[s]; d > int64(time.Millisecond) || d < -int64(time.Millisecond) {
			sign := "+"
			if d < 0 {
				sign, d = "-", -d
			}
			p.put(dim, "clock of "+s+" shifted by "+sign+duration(d))
			p.line()
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func (r *row) label() string {
	if r.folded > 0 {
		return "⋮ " + strconv.Itoa(r.folded) + " more of " + r.span.name
	}
	mark := ""
	if r.span.orphan {
		mark = "┄ "
	}
	if r.span.failed {
		mark += "✗ "
	}
	return mark + r.span.name
}

func (r *row) duration() string {
	if r.folded > 0 {
		return "Σ " + duration(r.sum)
	}
	return duration(r.end - r.start)
}

// duration is d nanoseconds with three significant digits, more only for whole numbers.
func duration(d int64) string {
	unit, name := 1.0, "ns"
	switch {
	case d < 0:
		return "-" + duration(-d)
	case d >= 60_000_000_000:
		s := (d + 500_000_000) / 1_000_000_000
		sec := strconv.FormatInt(s%60, 10)
		if s%60 < 10 {
			sec = "0" + sec
		}
		return strconv.FormatInt(s/60, 10) + "m" + sec + "s"
	case d >= 1_000_000_000:
		unit, name = 1e9, "s"
	case d >= 1_000_000:
		unit, name = 1e6, "ms"
	case d >= 1_000:
		unit, name = 1e3, "µs"
	default:
		return strconv.FormatInt(d, 10) + "ns"
	}
	v := float64(d) / unit
	digits := 2
	if v >= 99.95 {
		digits = 0
	} else if v >= 9.995 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + name
}

// bar draws from half cell a to half cell b in a field of w cells. It is never empty.
func bar(a, b, w int) string {
	a = min(max(a, 0), 2*w-1)
	b = min(max(b, a+1), 2*w)
	var s strings.Builder
	for c := range w {
		l, r := a <= 2*c && 2*c < b, a <= 2*c+1 && 2*c+1 < b
		switch {
		case l && r:
			s.WriteString("━")
		case l:
			s.WriteString("╸")
		case r:
			s.WriteString("╺")
		default:
			s.WriteByte(' ')
		}
	}
	return s.String()
}

// thicken draws over a bar from half cell a to half cell b, at least one cell.
func thicken(bar []rune, a, b int) {
	a = min(max(a, 0), 2*len(bar)-1)
	b = min(max(b, a+1), 2*len(bar))
	for c := a / 2; c <= (b-1)/2; c++ {
		switch {
		case bar[c] == '╸' || bar[c] != '╺' && b <= 2*c+1:
			bar[c] = '▌'
		case bar[c] == '╺' || a > 2*c:
			bar[c] = '▐'
		default:
			bar[c] = '█'
		}
	}
}

// Styles of text, and the colours of services after them.
const (
	plain = iota
	bold
	dim
	red
	palette
)

var ansi = [...]string{plain: "", bold: "\x1b[1m", dim: "\x1b[2m", red: "\x1b[31m",
	palette: "\x1b[36m", "\x1b[32m", "\x1b[33m", "\x1b[35m", "\x1b[34m", "\x1b[96m"}

// painter puts styled text together, line by line, without spaces at the end of lines.
type painter struct {
	dst   []byte
	color bool
	tree  *tree
	blank int // spaces held back until text follows
}

func (p *painter) put(style int, s string) {
	text := strings.TrimRight(s, " ")
	if text != "" {
		p.spaces()
		if p.color && style != plain {
			lead := text[:len(text)-len(strings.TrimLeft(text, " "))]
			p.dst = append(p.dst, lead...)
			p.dst = append(p.dst, ansi[style]...)
			p.dst = append(p.dst, text[len(lead):]...)
			p.dst = append(p.dst, "\x1b[0m"...)
		} else {
			p.dst = append(p.dst, text...)
		}
	}
	p.blank += len(s) - len(text)
}

func (p *painter) spaces() {
	for ; p.blank > 0; p.blank-- {
		p.dst = append(p.dst, ' ')
	}
}

func (p *painter) line() {
	p.blank = 0
	p.dst = append(p.dst, '\n')
}
