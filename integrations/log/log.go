//go:build weft

// What weft adds to package log: a line that is logged inside a span ends with
// " trace_id=… span_id=…", in hexadecimal, before its newline. It stays one Write.
// Everything else of the line, such as the file and line of Lshortfile, is as it
// was; lines that are logged outside of spans, and those for io.Discard, do not
// change at all.
//
// Lines of log/slog that come through this package get the ids there, once.
//
// WEFT_LOG_IDS=false turns this off, for log/slog as well.
package log

import (
	"os"
	"weft/trace"
)

var weftIDs = os.Getenv("WEFT_LOG_IDS") != "false" && os.Getenv("WEFT_LOG_IDS") != "0"

// weftLine ends a line that is not slog's, which have a pc, with the ids. It gets
// the line from the call that makes it, between two statements of output: to
// replace appendOutput would make the arguments of each Print, outside of spans as
// well, escape to the heap, and to call output once more would show in the stack
// that a Writer sees, where some look for the caller of Print.
//
//weft:result (*Logger).output appendOutput
func weftLine(line []byte, l *Logger, pc *uintptr) []byte {
	if *pc != 0 || !weftIDs {
		return line
	}
	id, span, ok := trace.Current()
	if !ok || weftToSlog(l) {
		return line
	}
	return weftAppend(line, id, span)
}

// weftToSlog reports whether l's lines become records of slog.
func weftToSlog(l *Logger) bool {
	l.outMu.Lock()
	defer l.outMu.Unlock()
	_, ok := l.out.(interface{ WeftSlog() })
	return ok
}

// weftAppend appends the ids to a line, before its newline.
func weftAppend(b []byte, id trace.ID, span uint64) []byte {
	newline := len(b) > 0 && b[len(b)-1] == '\n'
	if newline {
		b = b[:len(b)-1]
	}
	b = append(b, " trace_id="...)
	b = id.AppendHex(b)
	b = append(b, " span_id="...)
	b = trace.AppendHex(b, span)
	if newline {
		b = append(b, '\n')
	}
	return b
}
