package trace

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEntries(t *testing.T) {
	use(t, Config{})
	long := strings.Repeat("x", 5000)
	var s Span
	s.Start("s", KindInternal)
	s.EventStr(keyA, "no event yet")
	s.Str(keyA, "")
	s.Str(keyB, "ä")
	s.Int(keyC, math.MinInt64)
	s.Float(keyD, math.Pi)
	s.Event(keyE)
	s.EventInt(keyA, -1)
	s.EventStr(keyB, "of event")
	s.Bool(keyE, false)
	s.Bool(keyE, true)
	s.EventAt(keyD, 5)
	s.Str(keyA, "again")
	s.Int(keyB, 7)
	s.Str(keyB, long)
	s.Str(0, "no key")
	s.Event(0)
	s.EventInt(keyA, 8) // of the last event that has a name
	s.Fail("kind", "äöü")
	s.Fail("kind2", "why")
	s.End()
	r := drain(t)["s"]
	want := fmt.Sprintf(`a="again" b=%q c=-9223372036854775808 d=400921fb54442d18 @event +a=-1 +b="of event" event=true @d +a=8 error.type="kind2"`, long[:4096])
	if got := r.str(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if r.Status != StatusError || r.Message != "why" || r.DroppedAttrs != 0 || r.DroppedEvents != 0 {
		t.Errorf("%+v", r.Record)
	}
	if e := r.entries[8]; e.Kind != EntryEvent || e.Num != 5 {
		t.Errorf("%+v", e)
	}
}

func TestLimits(t *testing.T) {
	use(t, Config{ValueLength: 5, Attributes: 30, Events: 2})
	var s Span
	s.Start(strings.Repeat("ä", 1000), KindInternal)
	for i := range Key(40) {
		s.Str(1000+i, "12345ä")
	}
	s.Str(1000, "1234ä") // there already, so there is room for it
	s.Str(1001, "\x80\x80\x80\x80\x80\x80")
	s.Event(keyE)
	s.EventStr(keyA, "first")
	s.Event(keyE)
	s.Event(keyE)
	s.EventStr(keyA, "of an event that is left out")
	s.End()
	before := Count().Cut
	var r span
	Drain(func(rec *Record) { r = copyRecord(rec) })
	if len(r.entries) != 33 || r.DroppedAttrs != 10 || r.DroppedEvents != 1 || before < 11 {
		t.Errorf("%d entries, %+v", len(r.entries), r.Record)
	}
	for i, want := range []string{"1234", "\x80\x80\x80\x80\x80", "12345"} {
		if got := r.entries[i].Str; got != want {
			t.Errorf("value %d is %q, want %q", i, got, want)
		}
	}
	if len(r.Name) != maxName || !utf8.ValidString(r.Name) {
		t.Errorf("name of %d bytes", len(r.Name))
	}
}

// However much is said about a span, its record fits, and what does not is
// counted.
func TestBig(t *testing.T) {
	use(t, Config{ValueLength: 1 << 20, Attributes: 1 << 20, Events: 1 << 20})
	text := strings.Repeat("x", 1<<20)
	var s Span
	s.StartRemote(text, KindServer, Context{Trace: ID{1, 2}, Span: 3, Sampled: true, State: text, Baggage: text})
	for i := range Key(5000) {
		s.Int(i+1, 1)
	}
	s.Str(5001, text)
	s.Str(1, text)
	for range 70000 {
		s.Event(keyE)
	}
	s.EventStr(keyA, text)
	s.Fail(text, text)
	s.End()
	var r span
	Drain(func(rec *Record) { r = copyRecord(rec) })
	if len(r.entries) != maxAttributes+(maxEntries-maxAttributes*16)/16 || len(r.Name) != maxName || len(r.State) != maxState || len(r.Message) != maxMessage {
		t.Errorf("%d entries, name %d, state %d, message %d", len(r.entries), len(r.Name), len(r.State), len(r.Message))
	}
	if r.DroppedAttrs != 5000-maxAttributes+3 || r.DroppedEvents != 1<<16-1 {
		t.Errorf("%d attributes and %d events left out", r.DroppedAttrs, r.DroppedEvents)
	}
}

// However attributes come together, their record is in bounds.
func TestQuick(t *testing.T) {
	use(t, Config{})
	long, short := strings.Repeat("l", 4096), strings.Repeat("s", quickString)
	for n := range 6 {
		for _, first := range []bool{true, false} {
			var s Span
			s.Start("s", KindInternal)
			k := Key(1)
			set := func(n int, v string) {
				for range n {
					s.Str(k, v)
					k++
				}
			}
			if first {
				set(n, long)
				set(30, short)
			} else {
				set(22-n, short)
				set(n, long)
				set(10, short)
			}
			if b := s.own(); b.size > maxEntries {
				t.Errorf("%d long ones: %d bytes of entries", n, b.size)
			}
			s.End()
		}
	}
	if n := Drain(func(*Record) {}); n != 12 {
		t.Errorf("%d records", n)
	}
}

// FuzzRecord gives a span what the input says, and compares with what is to be
// expected of the record.
func FuzzRecord(f *testing.F) {
	f.Add([]byte{}, "name", "text")
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 250, 251, 252}, "", "äöü")
	f.Add([]byte("8"), "8", "\xa40")
	f.Add([]byte(strings.Repeat("\x05\x0c\x0d\x03", 100)), "x", strings.Repeat("y", 300))
	f.Fuzz(func(t *testing.T, ops []byte, name, text string) {
		use(t, Config{ValueLength: 600, Attributes: 20, Events: 20})
		// Something before it, so that it lies at changing places of the ring.
		var other, s Span
		other.StartRemote("other", KindServer, Context{})
		other.Str(keyA, text)
		other.End()
		Drain(func(*Record) {})

		s.StartRemote(name, KindServer, Context{Trace: ID{1, 2}, Span: 3, Sampled: true, State: text})
		var want []string
		at := map[Key]int{}
		attrs, events, event := 0, 0, false
		set := func(k Key, v string) {
			if i, ok := at[k]; ok {
				want[i] = v
				return
			}
			if attrs++; attrs <= 20 {
				at[k] = len(want)
				want = append(want, v)
			}
		}
		for i, op := range ops[:min(len(ops), 200)] {
			k := []Key{keyA, keyB, keyC, keyD, keyE}[op>>3%5]
			if op >= 200 {
				k = 100 + Key(op)
			}
			v := cut(strings.Repeat(text, 40), 8*i)
			switch op & 7 {
			case 0, 1:
				s.Str(k, v)
				set(k, fmt.Sprintf("%s=%q", k.Name(), cut(v, 600)))
			case 2:
				s.Int(k, int64(i))
				set(k, fmt.Sprintf("%s=%d", k.Name(), i))
			case 3:
				s.Bool(k, i&1 == 0)
				set(k, fmt.Sprintf("%s=%t", k.Name(), i&1 == 0))
			case 4:
				s.Float(k, float64(i))
				set(k, fmt.Sprintf("%s=%x", k.Name(), math.Float64bits(float64(i))))
			case 5:
				s.Event(k)
				if events++; events <= 20 {
					event = true
					want = append(want, "@"+k.Name())
				} else {
					event = false
				}
			case 6:
				s.EventStr(k, v)
				if event {
					want = append(want, fmt.Sprintf("+%s=%q", k.Name(), cut(v, 600)))
				}
			case 7:
				s.EventInt(k, -int64(i))
				if event {
					want = append(want, fmt.Sprintf("+%s=%d", k.Name(), -i))
				}
			}
		}
		s.End()
		n := 0
		Drain(func(r *Record) {
			n++
			c := copyRecord(r)
			if c.Name != cut(name, maxName) || c.State != cut(text, maxState) || c.Trace != (ID{1, 2}) || c.Parent != 3 {
				t.Errorf("%+v", c.Record)
			}
			if got, want := c.str(), strings.Join(want, " "); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if int(c.DroppedAttrs) != max(attrs-20, 0) || int(c.DroppedEvents) != max(events-20, 0) {
				t.Errorf("%d and %d left out", c.DroppedAttrs, c.DroppedEvents)
			}
		})
		if n != 1 {
			t.Errorf("%d records", n)
		}
	})
}
