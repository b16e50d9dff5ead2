package agent

import (
	"fmt"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/weft-trace/weft/rt/trace"
)

// An accessLog writes one line of JSON for each request that the program served, whether its trace is sampled or not.
type accessLog struct {
	out  *os.File
	buf  []byte
	bad  bool // the last write failed, and that was reported
	keys accessKeys
}

// accessKeys are the attributes of server spans that the line is made of.
type accessKeys struct{ method, path, route, status, size, client, agent, errType trace.Key }

// openAccessLog opens what WEFT_ACCESS_LOG names: stdout, stderr or a file to append to.
func openAccessLog(name string, env *environment) *accessLog {
	l := &accessLog{keys: accessKeys{
		method:  trace.NewKey("http.request.method"),
		path:    trace.NewKey("url.path"),
		route:   trace.NewKey("http.route"),
		status:  trace.NewKey("http.response.status_code"),
		size:    trace.NewKey("http.response.body.size"),
		client:  trace.NewKey("client.address"),
		agent:   trace.NewKey("user_agent.original"),
		errType: trace.NewKey("error.type"),
	}}
	switch name {
	case "stdout":
		l.out = os.Stdout
	case "stderr":
		l.out = os.Stderr
	default:
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			env.bad("WEFT_ACCESS_LOG", name, err.Error(), "no access log is written")
			return nil
		}
		l.out = f
	}
	return l
}

// add makes a line of a server span.
func (l *accessLog) add(r *trace.Record, c *clock) {
	var method, path, route, client, agent, errType string
	status, size := int64(-1), int64(-1)
	var e trace.Entry
	for it := r.Entries(); it.Next(&e); {
		if e.OfEvent {
			continue
		}
		switch e.Key {
		case l.keys.method:
			method = e.Str
		case l.keys.path:
			path = e.Str
		case l.keys.route:
			route = e.Str
		case l.keys.client:
			client = e.Str
		case l.keys.agent:
			agent = e.Str
		case l.keys.errType:
			errType = e.Str
		case l.keys.status:
			status = int64(e.Num)
		case l.keys.size:
			size = int64(e.Num)
		}
	}
	if method == "" {
		return // not HTTP
	}
	start, end := c.wall(r.Start), c.wall(r.End)
	b := append(l.buf, `{"time":"`...)
	b = time.Unix(0, start).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	b = append(b, `","trace_id":"`...)
	b = r.Trace.AppendHex(b)
	b = append(b, `","span_id":"`...)
	b = trace.AppendHex(b, r.Span)
	b = append(b, '"')
	b = appendField(b, "method", method)
	b = appendField(b, "path", path)
	b = appendField(b, "route", route)
	if status >= 0 {
		b = strconv.AppendInt(append(b, `,"status":`...), status, 10)
	}
	b = strconv.AppendFloat(append(b, `,"duration_ms":`...), float64(max(end-start, 0))/1e6, 'f', 3, 64)
	if size >= 0 {
		b = strconv.AppendInt(append(b, `,"bytes":`...), size, 10)
	}
	b = appendField(b, "client", client)
	b = appendField(b, "user_agent", agent)
	b = appendField(b, "error", errType)
	l.buf = append(b, '}', '\n')
}

// write writes the lines made since the last time.
func (l *accessLog) write(env *environment) {
	if len(l.buf) == 0 {
		return
	}
	_, err := l.out.Write(l.buf)
	if err != nil && !l.bad {
		env.warn(fmt.Sprintf("access log: %v", err))
	}
	l.bad = err != nil
	if cap(l.buf) > 1<<20 {
		l.buf = nil
	}
	l.buf = l.buf[:0]
}

// appendField writes ,"name":"value", unless the value is empty.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendJSON(b, value)
}

// appendJSON writes s as a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendJSON(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i++
	}
	return append(b, '"')
}
