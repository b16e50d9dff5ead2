package api

import (
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/span"
)

// maxBody bounds the body of a POST, which holds parameters only.
const maxBody = 1 << 20

// params are a request's parameters, of the query string and of a POST's form.
// The first one that is wrong is kept as the problem; what is asked for after
// that is a default.
type params struct {
	values  url.Values
	now     time.Time
	known   []string
	problem *Problem
}

func readParams(w http.ResponseWriter, r *http.Request, now time.Time) (*params, *Problem) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &Problem{Status: http.StatusBadRequest, Detail: "read the query string: " + err.Error() + "; escape %, ; and & in values"}
	}
	if r.Method == http.MethodPost {
		typ, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if typ != "application/x-www-form-urlencoded" {
			return nil, &Problem{Status: http.StatusUnsupportedMediaType,
				Detail: "a POST takes its parameters as application/x-www-form-urlencoded, not " + strconv.Quote(typ)}
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			return nil, &Problem{Status: http.StatusRequestEntityTooLarge, Detail: "read the form: " + err.Error() + "; send at most 1 MiB"}
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, &Problem{Status: http.StatusBadRequest, Detail: "read the form: " + err.Error()}
		}
		for k, v := range form {
			values[k] = append(values[k], v...)
		}
	}
	return &params{values: values, now: now}, nil
}

// fail keeps the first problem.
func (p *params) fail(name, format string, args ...any) {
	if p.problem == nil {
		p.problem = badParameter(name, format, args...)
	}
}

// done returns the first problem, or one about a parameter that nobody asked
// for: a mistyped limit would go unnoticed otherwise.
func (p *params) done() error {
	if p.problem != nil {
		return p.problem
	}
	for name := range p.values {
		if !slices.Contains(p.known, name) {
			slices.Sort(p.known)
			return badParameter(name, "no such parameter here; there are %s", strings.Join(p.known, ", "))
		}
	}
	return nil
}

// all returns the values of a parameter that may be given more than once.
func (p *params) all(name string) []string {
	p.known = append(p.known, name)
	return p.values[name]
}

func (p *params) text(name string) string {
	v := p.all(name)
	if len(v) > 1 {
		p.fail(name, "given %d times; give it once", len(v))
	}
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func (p *params) required(name string) string {
	v := p.text(name)
	if v == "" {
		p.fail(name, "missing; it is required")
	}
	return v
}

// limit reads a number from 1 to most; without one it is def.
func (p *params) limit(name string, def, most int) int {
	v := p.text(name)
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		p.fail(name, "%q; want a whole number from 1 to %d", v, most)
		return def
	}
	return n
}

// choice reads one of some words; the first is the default.
func (p *params) choice(name string, of ...string) string {
	v := p.text(name)
	if v == "" {
		return of[0]
	}
	if !slices.Contains(of, v) {
		p.fail(name, "%q; want %s", v, strings.Join(of, " or "))
		return of[0]
	}
	return v
}

// during reads the time range: from and to, by default the last hour.
func (p *params) during() (from, to int64) {
	t := p.time("to", p.now)
	f := p.time("from", t.Add(-time.Hour))
	if p.problem == nil && !f.Before(t) {
		p.fail("from", "%s is not before the end of the range, %s", f.UTC().Format(time.RFC3339Nano), t.UTC().Format(time.RFC3339Nano))
	}
	return f.UnixNano(), t.UnixNano()
}

func (p *params) time(name string, def time.Time) time.Time {
	v := p.text(name)
	if v == "" {
		return def
	}
	t, problem := parseTime(v, p.now)
	if problem != "" {
		p.fail(name, "%s", problem)
		return def
	}
	return t
}

// parseTime reads a point in time: RFC 3339, a date, a Unix time in seconds,
// milliseconds, microseconds or nanoseconds (told apart by their size, which
// is unambiguous from 1973 to 5138), "now", or a duration before now: "-1h",
// "now-1h".
func parseTime(s string, now time.Time) (t time.Time, problem string) {
	if s == "now" {
		return now, ""
	}
	if rest := strings.TrimPrefix(s, "now"); strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") && rest != s {
		if _, err := strconv.ParseFloat(rest, 64); err != nil {
			d, problem := parseDuration(rest)
			if problem != "" {
				return t, problem
			}
			return now.Add(d), ""
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		switch {
		case n < 1e11:
			return time.Unix(n, 0), ""
		case n < 1e14:
			return time.UnixMilli(n), ""
		case n < 1e17:
			return time.UnixMicro(n), ""
		}
		return time.Unix(0, n), ""
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f >= 0 && f < 1e11 {
		sec, frac := math.Modf(f)
		return time.Unix(int64(sec), int64(math.Round(frac*1e6))*1000), "" // of so many digits a float64 has microseconds
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02"} {
		// A plus in a query string that was not escaped arrives as a space.
		if t, err := time.Parse(layout, strings.Replace(s, " ", "+", strings.Count(layout, "Z"))); err == nil {
			switch {
			case t.Unix() < 0:
				return t, strconv.Quote(s) + " is before 1970; spans have no such times"
			case t.Year() > 2261:
				return t, strconv.Quote(s) + " is after 2261; spans have no such times"
			}
			return t, ""
		}
	}
	return t, strconv.Quote(s) + "; want a time such as 2026-11-22T15:04:05Z, 1795359845 (Unix time in s, ms, µs or ns), now or -1h"
}

// parseDuration is time.ParseDuration with d for days of 24 hours and w for
// weeks.
func parseDuration(s string) (d time.Duration, problem string) {
	long := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	var total float64
	for long != "" {
		n := strings.IndexAny(long, "dw")
		if n < 0 {
			break
		}
		v, err := strconv.ParseFloat(long[:n], 64)
		if err != nil || !(v >= 0) {
			return 0, strconv.Quote(s) + "; want a duration with its unit, such as 250ms, 90s, 1h30m or 7d"
		}
		unit := 24 * time.Hour
		if long[n] == 'w' {
			unit *= 7
		}
		total += v * float64(unit)
		long = long[n+1:]
	}
	if total >= math.MaxInt64 {
		return 0, strconv.Quote(s) + " is too long"
	}
	d = time.Duration(total)
	if long != "" || total == 0 {
		rest, err := time.ParseDuration(long)
		if err != nil || long == "" || strings.ContainsAny(long, "+-") {
			return 0, strconv.Quote(s) + "; want a duration with its unit, such as 250ms, 90s, 1h30m or 7d"
		}
		d += rest
	}
	if strings.HasPrefix(s, "-") {
		d = -d
	}
	return d, ""
}

// duration reads a duration above zero; without one it is 0.
func (p *params) duration(name string) int64 {
	v := p.text(name)
	if v == "" {
		return 0
	}
	d, problem := parseDuration(v)
	if problem == "" && d <= 0 {
		problem = strconv.Quote(v) + "; want a duration above zero"
	}
	if problem != "" {
		p.fail(name, "%s", problem)
	}
	return int64(d)
}

// budget reads how long an answer may take. It is then counted from spans that
// are spread evenly over the range, as many as there is time for.
func (p *params) budget() query.Budget {
	d := p.duration("budget")
	if d == 0 {
		return query.Budget{}
	}
	return query.Budget{Time: time.Duration(d), Even: true}
}

// query reads a query of the query language.
func (p *params) query(name string) *query.Query {
	v := p.text(name)
	q, err := query.Parse(v)
	if err != nil {
		if p.problem == nil {
			p.problem = asProblem(err)
			p.problem.Parameter = name
		}
		return &query.Query{}
	}
	return q
}

// fields reads attributes and intrinsic fields, in a parameter that may be
// given more than once and holds one or more by commas.
func (p *params) fields(name string) []query.Field {
	var fields []query.Field
	for _, v := range p.all(name) {
		for part := range strings.SplitSeq(v, ",") {
			f, err := query.ParseField(strings.TrimSpace(part))
			if err != nil {
				p.fail(name, "%v", err)
				return nil
			}
			fields = append(fields, f)
		}
	}
	return fields
}

func (p *params) kinds(name string) []span.Kind {
	var kinds []span.Kind
	for _, v := range p.all(name) {
		for part := range strings.SplitSeq(v, ",") {
			k, ok := span.ParseKind(strings.TrimSpace(part))
			if !ok {
				p.fail(name, "%q; want unspecified, internal, server, client, producer or consumer", part)
				return nil
			}
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func parseTraceID(name, s string) (span.TraceID, error) {
	id, err := span.ParseTraceID(s)
	if err != nil {
		return id, badParameter(name, "%v", err)
	}
	return id, nil
}
