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

// weftLine is what is kept while a longer line is written.
type weftLine struct {
	done bool
	err  error
}

// weftAgain on the depth of a call says that it is weft's.
const weftAgain = 1 << 30

// weftOutput writes a line that is not slog's, which have a pc, by another call of
// output. To replace appendOutput would make the arguments of each Print, outside
// of spans as well, escape to the heap.
//
//weft:enter (*Logger).output
func weftOutput(s *weftLine, l *Logger, pc *uintptr, calldepth *int, appendOutput *func([]byte) []byte) (skip bool) {
	if *calldepth >= weftAgain {
		*calldepth -= weftAgain
		return false
	}
	if *pc != 0 || !weftIDs || l.isDiscard.Load() {
		return false
	}
	id, span, ok := trace.Current()
	if !ok || weftToSlog(l) {
		return false
	}
	s.done = true
	s.err = l.output(0, *calldepth+2+weftAgain, func(b []byte) []byte {
		return weftAppend((*appendOutput)(b), id, span)
	})
	return true
}

//weft:exit (*Logger).output
func weftWritten(s *weftLine, l *Logger, pc *uintptr, calldepth *int, appendOutput *func([]byte) []byte, err *error) {
	if s.done {
		*err = s.err
	}
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
