package query

import (
	"strconv"
	"strings"
)

// Scope says where a field is looked for.
type Scope uint8

const (
	// Intrinsic is a property that every span has: its name, its duration.
	Intrinsic Scope = iota
	// Either is an attribute of the span or, if the span has none of that key,
	// of its resource.
	Either
	SpanAttr     // an attribute of the span alone
	ResourceAttr // an attribute of its resource alone
	EventAttr    // an attribute of one of its events
	ScopeAttr    // an attribute of its instrumentation scope
)

// Field is what a condition looks at. Fields can be compared with ==.
type Field struct {
	Scope Scope
	Key   string
}

// The intrinsic fields.
var (
	Service      = Field{Intrinsic, "service"}
	Name         = Field{Intrinsic, "name"}
	Kind         = Field{Intrinsic, "kind"}
	Status       = Field{Intrinsic, "status"}
	Message      = Field{Intrinsic, "message"} // of the status
	Duration     = Field{Intrinsic, "duration"}
	Trace        = Field{Intrinsic, "trace"}
	SpanID       = Field{Intrinsic, "span"}
	Parent       = Field{Intrinsic, "parent"}
	ScopeName    = Field{Intrinsic, "scope"}
	ScopeVersion = Field{Intrinsic, "scope.version"}
	EventName    = Field{Intrinsic, "event"}
)

// intrinsics are the words for them; a second word for one field comes from
// what OpenTelemetry or other query languages call it.
var intrinsics = map[string]Field{
	"service": Service, "name": Name, "kind": Kind, "status": Status, "message": Message, "status.message": Message, "duration": Duration,
	"trace": Trace, "trace.id": Trace, "span": SpanID, "span.id": SpanID, "parent": Parent, "parent.id": Parent,
	"scope": ScopeName, "scope.name": ScopeName, "scope.version": ScopeVersion, "event": EventName, "event.name": EventName,
}

var prefixes = []struct {
	text  string
	scope Scope
}{{".", Either}, {"span.", SpanAttr}, {"resource.", ResourceAttr}, {"event.", EventAttr}, {"scope.", ScopeAttr}}

// Attr is the attribute that a plain key means: the span's or else its resource's.
func Attr(key string) Field { return Field{Either, key} }

// ParseField reads a field as it is written in a query: an intrinsic's word, a
// key, a key after "span.", "resource.", "event.", "scope." or ".", or such a
// prefix and the key in quotes.
func ParseField(text string) (Field, error) {
	p := parser{text: text}
	p.next()
	f, ok := p.field()
	if !ok {
		p.expected("a field, such as service, duration or an attribute's key")
	} else if p.tok.kind != tokEnd {
		p.fail(p.tok.at, "a field ends here; write a key with such characters as .%s", strconv.Quote(text))
	}
	if p.err != nil {
		return Field{}, p.err
	}
	return f, nil
}

// wordField returns the field that a word without quotes means.
func wordField(word string) Field {
	if f, ok := intrinsics[word]; ok {
		return f
	}
	for _, p := range prefixes {
		if key, ok := strings.CutPrefix(word, p.text); ok && key != "" {
			return Field{p.scope, key}
		}
	}
	return Attr(word)
}

// String returns the field as it is written in a query.
func (f Field) String() string {
	if f.Scope == Intrinsic {
		return f.Key
	}
	if f.Scope == Either && isPlainWord(f.Key) && wordField(f.Key) == f {
		return f.Key
	}
	prefix := "."
	for _, p := range prefixes {
		if p.scope == f.Scope {
			prefix = p.text
		}
	}
	if w := prefix + f.Key; isPlainWord(w) && wordField(w) == f {
		return w
	}
	return prefix + strconv.Quote(f.Key)
}
