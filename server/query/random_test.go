package query

import (
	"encoding/base64"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/span"
)

// Small worlds: few keys, values that collide across types, so that random
// conditions hold now and then.
var (
	keys   = []string{"a", "b", "http.response.status_code", "odd key", "service", "and", "resource.x", "名", ".dot"}
	texts  = []string{"", "x", "xy", "X", "GET /a", "500", "5e2", "true", "a\nb", "é", "\xff", "服务", "1.5", "YQ==", "9007199254740993"}
	names  = []string{"GET /a", "get /a", "query", "", "x"}
	looks  = []string{"x", "xy", "500", "5e2", "500.0", "true", "false", "1.5", "-1", "250ms", "10MB", "YQ==", "9007199254740993", "9007199254740992", "1e300", "1e19"}
	events = []string{"exception", "x", ""}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func randomValue(r *rand.Rand, nested bool) span.Value {
	switch r.IntN(9) {
	case 0, 1, 2:
		return span.StringValue(pick(r, texts))
	case 3:
		return span.BoolValue(r.IntN(2) == 0)
	case 4:
		return span.IntValue(pick(r, []int64{500, 1, -1, 0, 9007199254740993, 9007199254740992, math.MaxInt64, math.MinInt64, 250e6, 10e6}))
	case 5:
		return span.FloatValue(pick(r, []float64{500, 1.5, math.NaN(), math.Inf(1), math.Inf(-1), 9007199254740992, 1e19, 1e300, -0.5, math.Copysign(0, -1)}))
	case 6:
		return span.Value{Type: span.Bytes, Str: pick(r, []string{"a", "", "\xff"})}
	case 7:
		if nested {
			return randomArray(r)
		}
		return span.Value{}
	}
	if nested {
		return span.Value{Type: span.Map, Str: ""}
	}
	return span.StringValue("x")
}

func randomArray(r *rand.Rand) span.Value {
	var list commonpb.ArrayValue
	for range r.IntN(3) {
		v := &commonpb.AnyValue{}
		switch e := randomValue(r, false); e.Type {
		case span.String:
			if strings.ToValidUTF8(e.Str, "") == e.Str {
				v.Value = &commonpb.AnyValue_StringValue{StringValue: e.Str}
			}
		case span.Bool:
			v.Value = &commonpb.AnyValue_BoolValue{BoolValue: e.Bool()}
		case span.Int:
			v.Value = &commonpb.AnyValue_IntValue{IntValue: e.Int()}
		case span.Float:
			v.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: e.Float()}
		case span.Bytes:
			v.Value = &commonpb.AnyValue_BytesValue{BytesValue: []byte(e.Str)}
		}
		list.Values = append(list.Values, v)
	}
	b, err := proto.Marshal(&list)
	if err != nil {
		panic(err)
	}
	return span.Value{Type: span.Array, Str: string(b)}
}

func randomAttrs(r *rand.Rand, n int) (list []span.Attr) {
	for range r.IntN(n + 1) {
		list = append(list, span.Attr{Key: pick(r, keys), Value: randomValue(r, true)}) // some keys twice
	}
	return list
}

func randomSpans(r *rand.Rand, n int) []span.Span {
	var resources []*span.Resource
	for range 4 {
		res := &span.Resource{Service: pick(r, names), Attrs: randomAttrs(r, 3)}
		if res.Service != "" {
			res.Attrs = append(res.Attrs, span.Attr{Key: "service.name", Value: span.StringValue(res.Service)})
		}
		resources = append(resources, res)
	}
	scopes := []*span.Scope{{}, {Name: "x", Version: "1", Attrs: randomAttrs(r, 2)}}
	list := make([]span.Span, n)
	for i := range list {
		s := &list[i]
		s.TraceID[15], s.ID[7], s.Parent[7] = byte(1+r.IntN(n)), byte(i+1), byte(r.IntN(3))
		s.ID[6] = byte(i >> 8)
		s.Name, s.Message = pick(r, names), pick(r, texts)
		s.Kind, s.Status = span.Kind(r.IntN(6)), span.Status(r.IntN(3))
		s.Start, s.Duration = int64(r.IntN(1000)), pick(r, []int64{0, 1, 250e6, 1e9, 1e9 + 1})
		s.Resource, s.Scope = pick(r, resources), pick(r, scopes)
		s.Attrs = randomAttrs(r, 4)
		for range r.IntN(3) {
			s.Events = append(s.Events, span.Event{Name: pick(r, events), Attrs: randomAttrs(r, 2)})
		}
	}
	return list
}

func randomField(r *rand.Rand) Field {
	if r.IntN(3) == 0 {
		return pick(r, []Field{Service, Name, Kind, Status, Message, Duration, Trace, SpanID, Parent, ScopeName, ScopeVersion, EventName})
	}
	return Field{Scope(1 + r.IntN(5)), pick(r, append([]string{"service.name"}, keys...))}
}

func randomQueryValue(r *rand.Rand, f Field) Value {
	switch f {
	case Duration:
		return WordValue(pick(r, []string{"0s", "1ns", "250ms", "1s", "1.000000001s"}))
	case Kind:
		return StringValue(span.Kind(r.IntN(6)).String())
	case Status:
		return StringValue(span.Status(r.IntN(3)).String())
	case Trace, SpanID, Parent:
		return WordValue(strconv.FormatInt(int64(1+r.IntN(3)), 16))
	case Name, Service:
		return StringValue(pick(r, names))
	case EventName:
		return StringValue(pick(r, events))
	}
	if r.IntN(2) == 0 {
		return StringValue(pick(r, texts))
	}
	return WordValue(pick(r, looks))
}

// randomExpr returns an expression that could have been parsed.
func randomExpr(r *rand.Rand, depth int) Expr {
	list := func() (l []Expr) {
		for range 2 + r.IntN(2) {
			l = append(l, randomExpr(r, depth-1))
		}
		return l
	}
	if depth > 0 {
		switch r.IntN(6) {
		case 0:
			return All(list()...)
		case 1:
			return Any(list()...)
		case 2:
			return Not{randomExpr(r, depth-1)}
		}
	}
	if r.IntN(12) == 0 {
		return Text{pick(r, append([]string{"GET", "duration", "/A", "not"}, texts...))}
	}
	for {
		f, op := randomField(r), Op(r.IntN(int(Exists)+1))
		var c *Cond
		switch op {
		case Exists:
			c = Has(f).(*Cond)
		case In, NotIn:
			var vs []Value
			for range 1 + r.IntN(3) {
				vs = append(vs, randomQueryValue(r, f))
			}
			c = newCond(f, op, vs)
		case Regexp, NotRegexp:
			c = newCond(f, op, []Value{StringValue(pick(r, []string{"", "x", "x.*", "5..", "x|500", "(?i)get /A", "a.b", "GET /a|query"}))})
		default:
			c = newCond(f, op, []Value{randomQueryValue(r, f)})
		}
		if c.problem() == "" {
			return c
		}
	}
}

// reference is the language's meaning written down a second time, plainly and
// without the code under test: it knows only the parsed conditions.
func reference(e Expr, s *span.Span) bool {
	switch e := e.(type) {
	case nil:
		return true
	case And:
		for _, x := range e.List {
			if !reference(x, s) {
				return false
			}
		}
		return true
	case Or:
		for _, x := range e.List {
			if reference(x, s) {
				return true
			}
		}
		return false
	case Not:
		return !reference(e.Expr, s)
	case Text:
		return strings.Contains(strings.ToLower(s.Name), strings.ToLower(e.Text)) || strings.Contains(strings.ToLower(s.Service()), strings.ToLower(e.Text))
	}
	c := e.(*Cond)
	var candidates []span.Value
	attrs := func(list []span.Attr) {
		for _, a := range list {
			if a.Key == c.Field.Key {
				candidates = append(candidates, a.Value)
			}
		}
	}
	switch c.Field.Scope {
	case Either:
		if attrs(s.Attrs); candidates == nil {
			attrs(s.Resource.Attrs)
		}
	case SpanAttr:
		attrs(s.Attrs)
	case ResourceAttr:
		attrs(s.Resource.Attrs)
	case ScopeAttr:
		attrs(s.Scope.Attrs)
	case EventAttr:
		for _, ev := range s.Events {
			attrs(ev.Attrs)
		}
	case Intrinsic:
		text, empty := map[Field]string{
			Service: s.Service(), Name: s.Name, Message: s.Message, ScopeName: s.Scope.Name, ScopeVersion: s.Scope.Version, Kind: s.Kind.String(), Status: s.Status.String(),
			Trace: s.TraceID.String(), SpanID: s.ID.String(), Parent: s.Parent.String(),
		}[c.Field], map[Field]bool{Kind: s.Kind == 0, Status: s.Status == 0, Parent: s.Parent == span.ID{}}[c.Field]
		switch c.Field {
		case Duration:
			if c.Op == Exists {
				return s.Duration != 0
			}
			return referenceScalar(c, span.IntValue(s.Duration))
		case EventName:
			for _, ev := range s.Events {
				if c.Op == Exists && ev.Name != "" || c.Op != Exists && referenceText(c, ev.Name) {
					return true
				}
			}
			return false
		}
		if c.Op == Exists {
			return !empty && text != ""
		}
		return referenceText(c, text)
	}
	for _, v := range candidates {
		if c.Op == Exists {
			return true
		}
		if v.Type == span.Array {
			for e := range v.Elements() {
				if referenceScalar(c, e) {
					return true
				}
			}
		} else if referenceScalar(c, v) {
			return true
		}
	}
	return false
}

// referenceText compares texts as they are.
func referenceText(c *Cond, text string) bool {
	any := false
	for _, v := range c.Values {
		any = any || v.Text() == text
	}
	switch c.Op {
	case Equal, In:
		return any
	case NotEqual, NotIn:
		return !any
	case Prefix:
		return len(text) >= len(c.Values[0].Text()) && text[:len(c.Values[0].Text())] == c.Values[0].Text()
	case Contains:
		return strings.Contains(text, c.Values[0].Text())
	}
	m := regexp.MustCompile("(?s)^(?:" + c.Values[0].Text() + ")$").MatchString(text)
	return m == (c.Op == Regexp)
}

func referenceScalar(c *Cond, v span.Value) bool {
	number := func(v span.Value) *big.Float {
		switch {
		case v.Type == span.Int:
			return new(big.Float).SetPrec(200).SetInt64(v.Int())
		case v.Type == span.Float && !math.IsNaN(v.Float()):
			return new(big.Float).SetPrec(200).SetFloat64(v.Float())
		}
		return nil
	}
	equal := func(q Value) bool {
		switch v.Type {
		case span.String:
			return v.Str == q.Text()
		case span.Bytes:
			return base64.StdEncoding.EncodeToString([]byte(v.Str)) == q.Text()
		case span.Bool:
			return q == BoolValue(v.Bool())
		}
		n := number(v)
		return n != nil && q.isNumber() && n.Cmp(number(q.num)) == 0
	}
	switch c.Op {
	case Equal, NotEqual, In, NotIn:
		any := false
		for _, q := range c.Values {
			any = any || equal(q)
		}
		return any == (c.Op == Equal || c.Op == In)
	case Less, LessEqual, Greater, GreaterEqual:
		n := number(v)
		if n == nil {
			return false
		}
		o := n.Cmp(number(c.Values[0].num))
		return map[Op]bool{Less: o < 0, LessEqual: o <= 0, Greater: o > 0, GreaterEqual: o >= 0}[c.Op]
	}
	switch v.Type {
	case span.String, span.Bool, span.Int, span.Float, span.Bytes:
		return referenceText(c, v.Text())
	}
	return false
}
