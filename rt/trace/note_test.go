package trace

import (
	"errors"
	"strings"
	"testing"
)

// What is noted inside of a request, below other spans, is in the request's span.
func TestNotes(t *testing.T) {
	use(t, Config{})
	name := "main.handle"
	SetHandler(&name) // outside of a trace
	RootError(errors.New("nowhere"))
	RootPanic("nowhere")
	var root, child Span
	root.StartRemote("root", KindServer, Context{})
	child.Start("child", KindInternal)
	SetHandler(&name)
	RootError(nil)
	RootError(errors.New("first"))
	func() {
		defer func() { recover() }()
		defer RootPanic("boom")
		defer RootPanic("boom") // the same, seen by another
		panics(0)
	}()
	child.End()
	root.End()
	spans := drain(t)
	if s := spans["child"]; len(s.entries) != 0 || s.Status != StatusUnset {
		t.Errorf("the child has %s", s.str())
	}
	s := spans["root"]
	if s.Status != StatusError || s.Message != "boom" {
		t.Errorf("status %v %q", s.Status, s.Message)
	}
	want := []string{"code.function.name", "exception", "exception.type", "exception.message", "exception", "exception.type", "exception.message", "exception.stacktrace", "error.type"}
	var got []string
	for _, e := range s.entries {
		got = append(got, e.Key.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("%s", s.str())
	}
	if s.entries[0].Str != name || s.entries[3].Str != "first" || s.entries[6].Str != "boom" || s.entries[8].Str != "string" {
		t.Errorf("%s", s.str())
	}
	if stack := s.entries[7].Str; !strings.Contains(stack, "trace.panics(") {
		t.Errorf("the stack is not that of the panic:\n%s", stack)
	}

	// The next local root has none of it.
	root.StartRemote("next", KindServer, Context{})
	root.End()
	if s := drain(t)["next"]; len(s.entries) != 0 {
		t.Errorf("left over: %s", s.str())
	}
}

// A panic that the span's owner sees as well is one event.
func TestNotesOfOwnPanic(t *testing.T) {
	use(t, Config{})
	func() {
		var root Span
		root.StartRemote("root", KindServer, Context{})
		defer func() {
			root.Panic(recover())
			root.End()
		}()
		defer RootPanic("boom")
		panics(0)
	}()
	if s := drain(t)["root"]; len(s.entries) != 5 {
		t.Errorf("%s", s.str())
	}
}

// What is started apart is no part of the trace, and what comes after is.
func TestLeave(t *testing.T) {
	use(t, Config{})
	var root, other, child Span
	root.Start("root", KindServer)
	back := Leave()
	if _, _, ok := Current(); ok {
		t.Error("apart is in the trace")
	}
	other.Start("other", KindInternal)
	other.End()
	back()
	child.Start("child", KindInternal)
	child.End()
	root.End()
	spans := drain(t)
	if spans["other"].Trace == spans["root"].Trace || spans["other"].Parent != 0 {
		t.Error("what was started apart is in the trace")
	}
	if spans["child"].Trace != spans["root"].Trace || spans["child"].Parent != spans["root"].Span {
		t.Error("what comes after is not in the trace")
	}

	unmute := Mute()
	back = Leave()
	other.Start("muted", KindInternal)
	other.End()
	back()
	unmute()
	if len(drain(t)) != 0 {
		t.Error("apart records what is muted")
	}
}
