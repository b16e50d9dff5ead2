package trace

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	Configure(Config{})
	os.Exit(m.Run())
}

var (
	keyA = NewKey("a")
	keyB = NewKey("b")
	keyC = NewKey("c")
	keyD = NewKey("d")
	keyE = NewKey("event")
)

func TestSmoke(t *testing.T) {
	var root, child Span
	root.StartRemote("GET /", KindServer, Context{})
	child.Start("query", KindClient)
	child.Str(keyA, "text")
	child.Int(keyB, -7)
	child.Bool(keyC, true)
	child.Event(keyE)
	child.EventInt(keyA, 3)
	child.Fail("t", "m")
	child.End()
	root.End()
	n := Drain(func(r *Record) {
		t.Logf("%+v", *r)
		var e Entry
		for it := r.Entries(); it.Next(&e); {
			t.Logf("  %s %+v", e.Key.Name(), e)
		}
	})
	if n != 2 {
		t.Fatal(n)
	}
}
