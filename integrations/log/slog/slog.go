//go:build weft

// What weft adds to package log/slog: a record that is logged inside a span has
// the attributes trace_id and span_id, strings in hexadecimal. Records logged
// outside of spans do not change, and neither do source and time of any.
//
// JSONHandler, TextHandler and the default handler write them at the top level, in
// front of the other attributes, whatever groups WithGroup has opened, which
// is where tools look for them. ReplaceAttr sees them as any others. For other
// handlers they are the last two attributes of the Record: a handler that prints
// them, or passes them on to one of those three, needs to know nothing. One that
// prints by itself puts them into the group that WithGroup opened.
//
// A record that has an attribute trace_id of its own is left as it is.
//
// WEFT_LOG_IDS=false turns this off, for package log as well.
package slog

import (
	"context"
	"syscall"
	"weft/trace"
)

const weftTraceID, weftSpanID = "trace_id", "span_id"

var weftIDs = func() bool {
	v, _ := syscall.Getenv("WEFT_LOG_IDS")
	return v != "false" && v != "0"
}()

// weftCurrent returns the attributes for what is logged now.
func weftCurrent() (attrs [2]Attr, ok bool) {
	if !weftIDs {
		return attrs, false
	}
	id, span, ok := trace.Current()
	if !ok {
		return attrs, false
	}
	var b [48]byte
	hex := string(trace.AppendHex(id.AppendHex(b[:0]), span))
	return [2]Attr{String(weftTraceID, hex[:32]), String(weftSpanID, hex[32:])}, true
}

// weftForeign reports whether l's handler is none of this package's, which get
// the attributes when they print.
func weftForeign(l *Logger) bool {
	switch l.handler.(type) {
	case *JSONHandler, *TextHandler, *defaultHandler:
		return false
	}
	return true
}

//weft:enter (*Logger).log
func weftLog(l *Logger, ctx *context.Context, level *Level, msg *string, args *[]any) {
	if !weftForeign(l) {
		return
	}
	ids, ok := weftCurrent()
	if !ok {
		return
	}
	has, odd := weftHas(*args)
	if has {
		return
	}
	// A copy: to append to args would make them escape at every caller.
	all := make([]any, 0, len(*args)+2)
	if odd {
		// What came after a key without a value would be its value.
		all = append(all, ids[0], ids[1])
		*args = append(all, *args...)
		return
	}
	all = append(all, *args...)
	*args = append(all, ids[0], ids[1])
}

// weftHas reports whether args, keys and values or Attrs, have a trace_id, and
// whether they end with a key that has no value.
func weftHas(args []any) (has, odd bool) {
	for len(args) > 0 {
		switch a := args[0].(type) {
		case string:
			if len(args) == 1 {
				return false, true
			}
			if a == weftTraceID {
				return true, false
			}
			args = args[2:]
		case Attr:
			if a.Key == weftTraceID {
				return true, false
			}
			args = args[1:]
		default:
			args = args[1:]
		}
	}
	return false, false
}

//weft:enter (*Logger).logAttrs
func weftLogAttrs(l *Logger, ctx *context.Context, level *Level, msg *string, attrs *[]Attr) {
	if !weftForeign(l) {
		return
	}
	if ids, ok := weftCurrent(); ok {
		a := *attrs
		for i := range a {
			if a[i].Key == weftTraceID {
				return
			}
		}
		all := make([]Attr, 0, len(a)+2)
		all = append(all, a...)
		*attrs = append(all, ids[0], ids[1])
	}
}

// weftPrint is for the handlers of this package. A record that comes by way of
// another handler has the attributes already: they are moved to the top level.
//
//weft:enter (*handleState).appendNonBuiltIns
func weftPrint(s *handleState, r *Record) {
	ids, ok := weftCurrent()
	if !ok {
		return
	}
	n := -1 // index of the record's trace_id
	i := 0
	r.Attrs(func(a Attr) bool {
		if a.Key == weftTraceID {
			n = i
		}
		i++
		return n < 0
	})
	if n >= 0 {
		if len(s.h.groups) == 0 {
			return
		}
		// Only what Logger added is moved: the last two, or nearly so.
		moved, rest := weftTake(r, n)
		if !moved[0].Equal(ids[0]) {
			return
		}
		ids, *r = moved, rest
	}
	s.appendAttr(ids[0])
	s.appendAttr(ids[1])
}

// weftTake returns attributes n and n+1 of r, and a record without them.
func weftTake(r *Record, n int) (taken [2]Attr, rest Record) {
	rest = NewRecord(r.Time, r.Level, r.Message, r.PC)
	i := 0
	r.Attrs(func(a Attr) bool {
		if i == n || i == n+1 {
			taken[i-n] = a
		} else {
			rest.AddAttrs(a)
		}
		i++
		return true
	})
	return taken, rest
}

// WeftSlog tells package log where a line comes back to this package.
func (w *handlerWriter) WeftSlog() {}
