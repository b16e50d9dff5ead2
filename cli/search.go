package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weft-trace/weft/rt/waterfall"
)

var searchCommand = &command{
	name:  "search",
	usage: "[flags] [query]",
	short: "find traces on a server",
	long: `Search asks a server, "weft serve", for traces in which one span fulfils the
query, and lists them, newest first:

	weft search 'service = shop and status = error'
	weft search -since 6h 'http.route = /buy and duration > 250ms'

Without a query it lists the latest traces. The query language is in
docs/guide/query.md.

	-since 1h     how far back; 30m, 6h, 7d
	-from, -to    a time range instead: RFC 3339, Unix time, or relative (-2h)
	-limit 20     how many traces
	-slowest      the longest first, instead of the newest
	-json         print what the server answers
	-server URL   the server, or unix:/path; WEFT_SERVER, or http://127.0.0.1:16686

If the server wants a token, it is taken from WEFT_TOKEN. PEM
files for TLS: WEFT_CA (its authority), WEFT_CERT and WEFT_KEY (to show it).
`,
	run: runSearch,
}

// traceHit is a trace that was found, as /search answers.
type traceHit struct {
	TraceID       string
	RootService   string
	RootName      string
	StartUnixNano nanos
	DurationNanos int64
	SpanCount     int
	ErrorCount    int
}

// maxPage is how many traces the server gives at a time.
const maxPage = 1000

func runSearch(inv *invocation) (int, error) {
	a := newAsking(inv, "search")
	since := a.flags.String("since", "1h", "")
	from := a.flags.String("from", "", "")
	to := a.flags.String("to", "", "")
	limit := a.flags.Int("limit", 20, "")
	slowest := a.flags.Bool("slowest", false, "")
	if err := a.parse(); err != nil {
		return 2, err
	}
	if *limit < 1 {
		return 2, fmt.Errorf("-limit %d; want 1 or more", *limit)
	}
	params := url.Values{"q": {strings.Join(a.args, " ")}, "from": {*from}}
	if *from == "" {
		ago, err := before(*since)
		if err != nil {
			return 2, err
		}
		params.Set("from", ago)
	}
	if *to != "" {
		params.Set("to", *to)
	}
	if *slowest {
		params.Set("order", "slowest")
	}
	ctx, stop := interruptible()
	defer stop()

	var rows [][]cell
	var partial string
	cursor := ""
	for len(rows) < *limit {
		params.Set("limit", strconv.Itoa(min(*limit-len(rows), maxPage)))
		if cursor != "" {
			params.Set("cursor", cursor)
		}
		body, err := a.client.get(ctx, "/search", params)
		if err != nil {
			return 1, err
		}
		var page struct {
			FromUnixNano, ToUnixNano nanos
			Traces                   []traceHit
			Cursor                   string
			Partial                  bool
			Why                      string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return 1, fmt.Errorf("read the answer of %s: %w; is it a server of another version?", a.client.server, err)
		}
		if a.json {
			if err := printJSON(a, body); err != nil {
				return 1, err
			}
			if len(page.Traces) == 0 && page.Cursor == "" {
				return 0, nil
			}
		}
		for _, t := range page.Traces {
			rows = append(rows, t.row())
		}
		if page.Partial {
			partial = page.Why
		}
		// Every page asks for the same range, "now" at the time of the first.
		params.Set("from", page.FromUnixNano.param())
		params.Set("to", page.ToUnixNano.param())
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	if a.json {
		return 0, nil
	}
	if len(rows) == 0 {
		fmt.Fprintln(inv.stderr, "weft: nothing found; a longer -since looks further back")
		return 0, nil
	}
	err := a.writeTable([]column{{head: "TIME", keep: true}, {head: "DURATION", right: true}, {head: "SERVICE"}, {head: "NAME"}, {head: "SPANS", right: true},
		{head: "ERRORS", right: true}, {head: "TRACE", keep: true}}, rows)
	if partial != "" {
		fmt.Fprintf(inv.stderr, "weft: not everything was looked at: %s\n", waterfall.Clean(partial))
	}
	if cursor != "" {
		fmt.Fprintf(inv.stderr, "weft: there are more; raise -limit, or narrow the query\n")
	}
	return 0, err
}

func (t *traceHit) row() []cell {
	errors, name := cell{strconv.Itoa(t.ErrorCount), ""}, t.RootName
	if t.ErrorCount > 0 {
		errors.color = ansiRed
	} else {
		errors.color = ansiDim
	}
	if name == "" && t.RootService == "" {
		name = "(its root is not here)"
	}
	start := t.StartUnixNano.time()
	layout := "2006-01-02 15:04:05"
	if start.Format(time.DateOnly) == now().Format(time.DateOnly) {
		layout = "15:04:05.000"
	}
	return []cell{{start.Format(layout), ""}, {waterfall.Duration(t.DurationNanos), ""}, {waterfall.Clean(t.RootService), ""},
		{waterfall.Clean(name), ""}, {strconv.Itoa(t.SpanCount), ""}, errors, {waterfall.Clean(t.TraceID), ansiDim}}
}

func printJSON(a *asking, body []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(body), "", "  "); err != nil {
		return fmt.Errorf("read the answer of %s: %w", a.client.server, err)
	}
	_, err := a.inv.stdout.Write(append(inert(b.Bytes()), '\n'))
	return err
}

// inert escapes in JSON what is valid there, but writes to a terminal: DEL, the
// C1 controls, and what changes the direction of text. These occur in strings
// only.
func inert(b []byte) []byte {
	out := make([]byte, 0, len(b)+1)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r >= 0x7f && r <= 0x9f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f:
			out = fmt.Appendf(out, `\u%04x`, r)
		case r == utf8.RuneError && n == 1:
			out = append(out, `\ufffd`...) // a lone byte may be a C1 control, too
		default:
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}
