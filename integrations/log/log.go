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

// weftOutput makes the line longer, if it is not slog's: those have a pc.
//
//weft:enter (*Logger).output
func weftOutput(l *Logger, pc *uintptr, calldepth *int, appendOutput *func([]byte) []byte) {
	if *pc != 0 || !weftIDs {
		return
	}
	id, span, ok := trace.Current()
	if !ok {
		return
	}
	l.outMu.Lock()
	_, toSlog := l.out.(interface{ WeftSlog() })
	l.outMu.Unlock()
	if toSlog {
		return
	}
	text := *appendOutput
	*appendOutput = func(b []byte) []byte {
		b = text(b)
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
}
