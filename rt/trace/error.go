package trace

import "runtime"

// Error sets the status to error, error.type to err's type as %T prints it, and
// the message to err's. Errors that fmt.Errorf made stand for the one they wrap,
// as far as the type is concerned. Nothing happens if err is nil.
func (s *Span) Error(err error) {
	if err != nil && s.Recording() {
		s.Fail(errorType(err), errorText(err))
	}
}

// Fail sets the status to error with a message, and error.type to errType, unless
// that is empty.
func (s *Span) Fail(errType, msg string) {
	if !s.Recording() {
		return
	}
	b := s.own()
	if b == nil {
		return
	}
	b.status = StatusError
	b.msg = cut(msg, maxMessage)
	if errType != "" {
		s.Str(keyErrorType, errType)
	}
}

// SetStatus sets the status, without a message.
func (s *Span) SetStatus(st Status) {
	if s.Recording() {
		if b := s.own(); b != nil {
			b.status, b.msg = st, ""
		}
	}
}

// maxStack is how much of a stack trace is kept.
const maxStack = 8 << 10

// Panic adds an exception event for the panic value v, with the stack of the
// calling goroutine, and sets the status to error. It allocates.
func (s *Span) Panic(v any) {
	if !s.Recording() {
		return
	}
	typ, msg := typeName(v), panicText(v)
	if err, ok := v.(error); ok {
		typ = errorType(err)
	}
	stack := panicStack()
	s.Event(keyException)
	s.EventStr(keyExcType, typ)
	s.EventStr(keyExcMessage, msg)
	s.EventStr(keyExcStack, stack)
	s.Fail(typ, msg)
}

// panicStack is the stack of the calling goroutine as a crash prints it, but
// without the deferred calls that lead here from where it panics.
func panicStack() string {
	b := make([]byte, maxStack)
	v := string(b[:runtime.Stack(b, false)])
	const call = "\npanic("
	head := 0
	for i := range v {
		if v[i] != '\n' {
			continue
		}
		if head == 0 {
			head = i // after "goroutine 1 [running]:"
		}
		if len(v) > i+len(call) && v[i:i+len(call)] == call {
			return v[:head] + v[i:]
		}
	}
	return v
}

// errorType is the type of err, or of what it wraps if it has nothing to say but
// a text.
func errorType(err error) string {
	for range 16 {
		t := typeName(err)
		if t != "*fmt.wrapError" {
			return t
		}
		w, ok := err.(interface{ Unwrap() error })
		if !ok {
			return t
		}
		next := w.Unwrap()
		if next == nil {
			return t
		}
		err = next
	}
	return typeName(err)
}

// errorText is err.Error(), which is not weft's code and may panic.
func errorText(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = "(Error panicked)"
		}
	}()
	return err.Error()
}

// panicText is v roughly as the runtime prints it when the program crashes.
func panicText(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case error:
		return errorText(v)
	case interface{ String() string }:
		return stringText(v)
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
		return "false"
	case int:
		return decimal(int64(v))
	case int64:
		return decimal(v)
	case int32:
		return decimal(int64(v))
	}
	return "(" + typeName(v) + ")"
}

func stringText(v interface{ String() string }) (text string) {
	defer func() {
		if recover() != nil {
			text = "(String panicked)"
		}
	}()
	return v.String()
}

// decimal is v in base 10.
func decimal(v int64) string {
	var b [20]byte
	i := len(b)
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	for {
		i--
		b[i] = byte('0' + u%10)
		if u /= 10; u == 0 {
			break
		}
	}
	if v < 0 {
		i--
		b[i] = '-'
	}
	return string(b[i:])
}

// cut is v, or its beginning of at most n bytes, at a rune boundary.
func cut(v string, n int) string {
	if len(v) <= n {
		return v
	}
	for i := n; i >= 0 && i+4 > n; i-- {
		if v[i]&0xc0 != 0x80 {
			return v[:i]
		}
	}
	return v[:n]
}
