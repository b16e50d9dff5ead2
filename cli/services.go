package cli

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-trace/weft/rt/waterfall"
)

var servicesCommand = &command{
	name:  "services",
	usage: "[flags] [service]",
	short: "list the services of a server: rate, errors, latency, what changed",
	long: `Services asks a server, "weft serve", what its services do: the rate of their
requests, how many failed, percentiles of their duration, and what changed
against the time before. With the name of a service it lists its operations.

A service is judged by the requests to it (spans of kind server and consumer)
if it has any, else by all of its spans.

	-since 1h     the time range; what changed is told against the same time before
	-limit 100    how many lines, those with the most calls
	-json         print what the server answers
	-server URL   the server, or unix:/path; WEFT_SERVER, or http://127.0.0.1:16686

If the server wants a token, it is taken from WEFT_TOKEN. PEM
files for TLS: WEFT_CA (its authority), WEFT_CERT and WEFT_KEY (to show it).
`,
	run: runServices,
}

// calls is what was counted in a range of time.
type calls struct {
	Count, Errors uint64
	Rate          float64
	P50, P90, P99 int64
}

func (c *calls) share() float64 {
	if c.Count == 0 {
		return 0
	}
	return float64(c.Errors) / float64(c.Count)
}

func runServices(inv *invocation) (int, error) {
	a := newAsking(inv, "services")
	since := a.flags.String("since", "1h", "")
	limit := a.flags.Int("limit", 100, "")
	if err := a.parse(); err != nil {
		return 2, err
	}
	if len(a.args) > 1 {
		return 2, fmt.Errorf("services: %d arguments; want at most the name of one service", len(a.args))
	}
	if *limit < 1 {
		return 2, fmt.Errorf("-limit %d; want 1 or more", *limit)
	}
	ago, err := before(*since)
	if err != nil {
		return 2, err
	}
	params := url.Values{"from": {ago}, "limit": {"5000"}}
	path := "/services"
	if len(a.args) == 1 {
		path = "/operations"
		params.Set("service", a.args[0])
	}
	ctx, stop := interruptible()
	defer stop()
	if a.json {
		body, err := a.client.get(ctx, path, params)
		if err != nil {
			return 1, err
		}
		return 0, printJSON(a, body)
	}
	type line struct {
		Name, Kind, Of string
		Now, Before    calls
	}
	var answer struct{ Services, Operations []line }
	if err := a.client.into(ctx, path, params, &answer); err != nil {
		return 1, err
	}
	lines := append(answer.Services, answer.Operations...)
	// What has not been heard of for two ranges is no line.
	lines = slices.DeleteFunc(lines, func(l line) bool { return l.Now.Count == 0 && l.Before.Count == 0 })
	if len(lines) == 0 {
		if len(a.args) == 1 {
			return 1, fmt.Errorf("nothing of service %q in the last %s; \"weft services\" lists those that are there", a.args[0], *since)
		}
		fmt.Fprintf(inv.stderr, "weft: no spans in the last %s; a longer -since looks further back\n", *since)
		return 0, nil
	}
	slices.SortStableFunc(lines, func(x, y line) int { return cmp.Compare(y.Now.Count, x.Now.Count) })
	more := len(lines) - *limit
	lines = lines[:min(*limit, len(lines))]

	columns := []column{{head: "SERVICE"}, {head: "RATE", right: true}, {head: "ERRORS", right: true}, {head: "P50", right: true}, {head: "P90", right: true},
		{head: "P99", right: true}, {head: "CHANGED"}}
	if path == "/operations" {
		columns[0].head = "OPERATION"
		columns = slices.Insert(columns, 1, column{head: "KIND"})
	}
	var rows [][]cell
	for i := range lines {
		l := &lines[i]
		name := waterfall.Clean(l.Name)
		if name == "" {
			name = "(no name)"
		}
		if l.Of == "spans" {
			name += " (all spans)"
		}
		row := []cell{{text: name}}
		if path == "/operations" {
			row = append(row, cell{text: waterfall.Clean(l.Kind)})
		}
		if l.Now.Count == 0 {
			row = append(row, cell{"0/s", ""}, cell{}, cell{}, cell{}, cell{})
		} else {
			errors := cell{percent(l.Now.share()), ansiDim}
			if l.Now.Errors > 0 {
				errors.color = ansiRed
			}
			row = append(row, cell{rate(l.Now.Rate), ""}, errors, cell{waterfall.Duration(l.Now.P50), ""}, cell{waterfall.Duration(l.Now.P90), ""}, cell{waterfall.Duration(l.Now.P99), ""})
		}
		text, bad := changed(&l.Now, &l.Before)
		what := cell{text, ansiDim}
		if bad {
			what.color = ansiRed
		}
		rows = append(rows, append(row, what))
	}
	err = a.writeTable(columns, rows)
	if more > 0 {
		fmt.Fprintf(inv.stderr, "weft: %d more; raise -limit\n", more)
	}
	return 0, err
}

// rate is so many a second, or a minute if they are few.
func rate(r float64) string {
	switch {
	case r == 0:
		return "0/s"
	case r < 0.1:
		return strconv.FormatFloat(r*60, 'g', 2, 64) + "/min"
	case r < 100:
		return strconv.FormatFloat(r, 'g', 3, 64) + "/s"
	}
	return strconv.FormatFloat(r, 'f', 0, 64) + "/s"
}

// percent of a share: 0 %, 0.03 %, 12 %.
func percent(s float64) string {
	p := 100 * s
	switch {
	case p == 0:
		return "0 %"
	case p < 0.01:
		return "<0.01 %"
	case p < 10:
		return strconv.FormatFloat(p, 'g', 2, 64) + " %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

// Below these, a change is what chance does: few calls, and less than half as
// much again.
const (
	fewCalls   = 20
	noteworthy = 1.5
)

// changed says in words what differs from before, and whether it got worse.
func changed(now, before *calls) (text string, worse bool) {
	switch {
	case before.Count == 0 && now.Count == 0:
		return "", false
	case before.Count == 0:
		return "new", false
	case now.Count == 0:
		return "gone; was " + rate(before.Rate), before.Count >= fewCalls
	}
	if now.Count < fewCalls || before.Count < fewCalls {
		return "", false
	}
	var parts []string
	if n, b := now.share(), before.share(); n != b {
		// Two standard deviations of a difference of shares.
		pooled := float64(now.Errors+before.Errors) / float64(now.Count+before.Count)
		sd := math.Sqrt(pooled * (1 - pooled) * (1/float64(now.Count) + 1/float64(before.Count)))
		if math.Abs(n-b) > 2*sd && (n > noteworthy*b || b > noteworthy*n) {
			parts = append(parts, "errors "+percent(b)+" → "+percent(n))
			worse = worse || n > b
		}
	}
	for _, q := range []struct {
		name        string
		now, before int64
	}{{"p50", now.P50, before.P50}, {"p99", now.P99, before.P99}} {
		if f := float64(q.now) / float64(max(q.before, 1)); f > noteworthy || f < 1/noteworthy {
			parts = append(parts, q.name+" "+times(f))
			worse = worse || f > 1
		}
	}
	if f := now.Rate / before.Rate; f > noteworthy || f < 1/noteworthy {
		parts = append(parts, "rate "+times(f))
	}
	return strings.Join(parts, ", "), worse
}

// times is a factor: ×2.4, or ÷3 if it is below 1.
func times(f float64) string {
	if f < 1 {
		return "÷" + strconv.FormatFloat(1/f, 'g', 2, 64)
	}
	if f >= 100 {
		return "×" + strconv.FormatFloat(f, 'f', 0, 64)
	}
	return "×" + strconv.FormatFloat(f, 'g', 2, 64)
}
