package query

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// leavesOut says why the index would not find a span, "" if it would.
func (l *limits) leavesOut(s *span.Span) string {
	has := map[store.Token]bool{store.NameToken(s.Name): true}
	if s.Service() != "" {
		has[store.ServiceToken(s.Service())] = true
	}
	attrs := func(prefix string, list []span.Attr) {
		for _, a := range list {
			has[store.KeyToken(prefix+a.Key)] = true
			if a.Value.Type == span.Array {
				for e := range a.Value.Elements() {
					has[store.ValueToken(prefix+a.Key, e)] = true
				}
			} else {
				has[store.ValueToken(prefix+a.Key, a.Value)] = true
			}
		}
	}
	attrs("", s.Attrs)
	attrs("", s.Resource.Attrs)
	attrs("", s.Scope.Attrs)
	for _, e := range s.Events {
		has[store.ValueToken("event", span.StringValue(e.Name))] = true
		attrs("event.", e.Attrs)
	}
	switch {
	case l.never:
		return "never"
	case l.services != nil && !slices.Contains(l.services, s.Service()):
		return "services"
	case l.names != nil && !slices.Contains(l.names, s.Name):
		return "names"
	case l.kinds != nil && !slices.Contains(l.kinds, s.Kind):
		return "kinds"
	case l.traces != nil && !slices.Contains(l.traces, s.TraceID):
		return "traces"
	case s.Duration < l.min || s.Duration > l.max:
		return "duration"
	case l.errors && s.Status != span.StatusError:
		return "errors"
	}
	for _, c := range l.tokens {
		if !slices.ContainsFunc(c.tokens, func(t store.Token) bool { return has[t] }) {
			return "tokens"
		}
	}
	return ""
}

// What the index can look for is taken out of a query.
func TestLimits(t *testing.T) {
	value := func(key, text string) store.Token { return store.ValueToken(key, span.StringValue(text)) }
	for text, want := range map[string]store.Selection{
		``:                                    {},
		`checkout`:                            {},
		`service = a`:                         {Services: []string{"a"}},
		`service in (a, b) service = b`:       {Services: []string{"b"}},
		`service = a or service = b`:          {Services: []string{"a", "b"}, Tokens: [][]store.Token{{store.ServiceToken("a"), store.ServiceToken("b")}}},
		`service =~ "a|b"`:                    {Services: []string{"a", "b"}},
		`service != a`:                        {},
		`not (service != a or duration < 2s)`: {MinDuration: 2e9},
		`name = "GET /" and duration >= 1s`:   {Names: []string{"GET /"}, MinDuration: 1e9},
		`duration > 1s duration <= 2s`:        {MinDuration: 1e9 + 1, MaxDuration: 2e9},
		`duration in (1s, 3s)`:                {MinDuration: 1e9, MaxDuration: 3e9},
		`status = error`:                      {Errors: true},
		`status in (error, ok)`:               {},
		`kind = server`:                       {Kinds: []span.Kind{span.KindServer}},
		`user.id = u1`:                        {Tokens: [][]store.Token{{value("user.id", "u1")}}},
		`resource.x = u1 span.y = 5`:          {Tokens: [][]store.Token{{value("x", "u1")}, {value("y", "5")}}},
		`x in (1, 2.0)`:                       {Tokens: [][]store.Token{{value("x", "1"), value("x", "2.0"), value("x", "2")}}},
		`x = a or y = b`:                      {Tokens: [][]store.Token{{value("x", "a"), value("y", "b")}}},
		`x = a or y > 5`:                      {Tokens: [][]store.Token{{value("x", "a"), store.KeyToken("y")}}},
		`x = a or duration > 5s`:              {},
		`x exists`:                            {Tokens: [][]store.Token{{store.KeyToken("x")}}},
		`not x exists`:                        {},
		`event = exception`:                   {Tokens: [][]store.Token{{value("event", "exception")}}},
		`event.exception.type = E`:            {Tokens: [][]store.Token{{value("event.exception.type", "E")}}},
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got := newScan(q, 0, 7, Budget{}).selection()
		want.To = 7
		if d := cmp.Diff(want, got, cmpopts.EquateComparable(store.Token{})); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
	for _, text := range []string{`service = a service = b`, `duration > 2s duration < 1s`, `trace = 1 trace = 2`, `kind = server kind = client`} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if l := q.Expr.limits(false); !l.never {
			t.Errorf("%s: %+v; want never", text, l)
		}
	}
}
