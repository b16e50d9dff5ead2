package main

import (
	"fmt"
	"strings"

	"github.com/weft-trace/weft/server/span"
)

// hostile are traces in which every text tries something. A script that runs sets window.broken, opens a dialog, or asks for
// http://broken.example/.
var hostile = func() (out []single) {
	for i, family := range payloads {
		out = append(out, single{fmt.Sprintf("hostile-%d", i+1), func(t *trace) { attack(t, family) }})
	}
	return append(out, single{"hostile-keys", keys}, single{"hostile-size", huge})
}()

// payloads by what they try. Each family is one trace, so that each of its texts comes to stand in each place.
var payloads = [][]string{
	{ // a script as markup
		`<script>window.broken=1</script>`,
		`"><img src=x onerror="window.broken=1">`,
		`'><svg/onload=window.broken=1>`,
		`</title></style></textarea></script><script>window.broken=1</script>`,
		`<iframe srcdoc="<script>parent.broken=1</script>"></iframe>`,
		`<math><mtext></form><form><mglyph><style></math><img src onerror=window.broken=1>`,
		`<a href="javascript:window.broken=1">click</a>`,
		`<details open ontoggle=window.broken=1>`,
		`<body onload=window.broken=1 onfocus=window.broken=1 autofocus tabindex=1>`,
		`<link rel=stylesheet href=//broken.example/x.css><style>*{display:none!important}</style>`,
		`<base href="//broken.example/"><meta http-equiv=refresh content="0;url=//broken.example/">`,
		`<img src="http://broken.example/pixel.png">`,
	},
	{ // a script as something else
		`javascript:window.broken=1`,
		` java&#115;cript:window.broken=1`,
		"java\tscript:window.broken=1",
		`data:text/html,<script>window.broken=1</script>`,
		`vbscript:msgbox(1)`,
		`";window.broken=1;//`,
		`';window.broken=1;//`,
		"`;${window.broken=1};//",
		`{{constructor.constructor('window.broken=1')()}}`,
		`${window.broken=1}#{window.broken=1}<%= window.broken=1 %>`,
		`\u003cscript\u003ewindow.broken=1\u003c/script\u003e`,
		`%3Cscript%3Ewindow.broken%3D1%3C/script%3E`,
		`&lt;script&gt;window.broken=1&lt;/script&gt;`,
		`url(//broken.example/x);background:url(//broken.example/y)`,
		`expression(window.broken=1)`,
	},
	{ // texts that turn around, hide or overwrite what stands beside them
		"\u202eevil si siht\u202c",
		"\u2066\u2067nested\u2069\u2069 \u2068isolated",
		"\u200b\u200c\u200d\u2060\ufeff",
		"a\u0000b\u0001c\u0007d\u0008e\u001b[31mred\u001b[0m\u007f",
		"line\r\noverwritten\rback\vvertical\fform",
		"\u2028line separator\u2029paragraph separator",
		"\u0085\u009b31m",
		"𝕳𝖊𝖑𝖑𝖔 ﷽ ﷽ ﷽",
		strings.Repeat("\u0301", 300) + "combining",
		"ä̸̡̛̳̺̘̈́̌" + strings.Repeat("\u0335\u0321\u0322", 100),
		"\uffff\ufffe\U0010ffff\ue000",
		"\tname\twith\ttabs\t",
	},
	{ // texts that mean something to a program
		"__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty", "__defineGetter__", "then", "null", "undefined", "NaN", "-Infinity", "0x10", "1e309", "[object Object]",
		"../../../../etc/passwd", "?a=b&c=d#e", "%00%0a%2e%2e%2f", "a/b/../c", ".", "..", "//broken.example/", "\\\\broken.example\\x", "#", "&from=0&to=1", "+", "%",
		`' or 1=1 --`, `") or status = error or name = ("`, "` or true", `\`, `\\`, `"`, `$(touch x)`, "`id`", "%s%n%d", "{0}", "=cmd|' /C calc'!A0",
	},
}

// attack puts each text of the family into every place that has one.
func attack(t *trace, family []string) {
	at := func(i int) string { return family[i%len(family)] }
	parent := root
	for i := range family {
		res := resource(at(i), "host.name", at(i+1), at(i+2), at(i+3), "service.version", at(i+4), "k8s.pod.name", at(i+5), "telemetry.sdk.language", at(i+6))
		res.SchemaURL = at(i + 7)
		n := t.add(parent, "", at(i), span.Kind(i%6), 10*float64(i), 400-20*float64(i%18),
			str(at(i), at(i+1)), str("http.request.method", at(i+2)), str("http.route", at(i+3)), str("url.full", at(i+4)), str("url.path", at(i+5)),
			str("db.system.name", at(i+6)), str("db.namespace", at(i+7)), str("db.query.text", "SELECT '"+at(i)+"' -- "+at(i+1)), str("db.query.summary", at(i+8)),
			str("rpc.service", at(i+9)), str("messaging.destination.name", at(i+10)), str("server.address", at(i+11)), str("user.id", at(i)), str("code.filepath", at(i+3)), str("code.function", at(i+4)),
			list("list", at(i), at(i+1)), table("table", at(i), at(i+1), at(i+2), at(i+3)), str("json", fmt.Sprintf(`{"k":%q}`, at(i))), span.Attr{Key: "bytes", Value: span.Value{Type: span.Bytes, Str: at(i)}})
		s := &t.spans[n]
		s.Resource, s.Scope = res, &span.Scope{Name: at(i + 1), Version: at(i + 2), Attrs: []span.Attr{str(at(i+3), at(i+4))}}
		s.State = at(i + 5)
		t.fail(n, at(i+6))
		t.event(n, 10*float64(i)+1, "exception", str("exception.type", at(i)), str("exception.message", at(i+1)), str("exception.stacktrace", at(i)+"\n\tat "+at(i+1)+"("+at(i+2)+":1)\n\tat f ("+at(i+3)+":2:3)"))
		t.event(n, 10*float64(i)+2, at(i+3), str(at(i+4), at(i+5)))
		s.Links = []span.Link{{TraceID: t.id, ID: s.ID, State: at(i + 6), Attrs: []span.Attr{str(at(i+7), at(i+8))}}}
		t.log(n, 10*float64(i)+3, uint8(i%25), at(i), span.StringValue(at(i+1)), str(at(i+2), at(i+3)))
		t.log(n, 10*float64(i)+4, 17, "ERROR", tableValue(at(i), at(i+1), "message", at(i+2)))
		if i%3 == 0 {
			parent = n
		}
	}
	t.spans[0].Kind = span.KindServer
	// Callers and callees, so that the texts are on the map.
	for i := range min(6, len(family)) {
		c := t.add(0, "", at(i), span.KindClient, 300, 20, str("peer.service", at(i+1)), str("http.request.method", "GET"))
		t.spans[c].Resource = resource(at(i))
		d := t.add(c, "", at(i+2), span.KindServer, 302, 15, str("http.route", at(i+2)), str("http.request.method", "GET"))
		t.spans[d].Resource = resource(at(i + 3))
		q := t.add(d, "", at(i+4), span.KindClient, 303, 5, str("db.system.name", at(i)), str("db.namespace", at(i+1)), str("db.query.text", at(i+2)))
		t.spans[q].Resource = resource(at(i + 3))
	}
}

// keys has names of members that every object has, as names of services, attributes and spans.
func keys(t *trace) {
	r := t.add(root, "__proto__", "constructor", span.KindServer, 0, 30, str("__proto__", "polluted"), str("constructor", "polluted"), str("prototype", "polluted"), str("toString", "polluted"),
		table("table", "__proto__", "polluted", "constructor", "polluted"), str("__proto__.polluted", "yes"), str("constructor.prototype.polluted", "yes"))
	for i, service := range []string{"constructor", "toString", "hasOwnProperty", "valueOf", "__proto__"} {
		t.add(r, service, "__proto__", span.KindServer, float64(i), 3, str("key", service))
	}
}

// huge has texts of megabytes in all.
func huge(t *trace) {
	mega := strings.Repeat("<script>window.broken=1</script> ", 8_000)
	r := t.add(root, "huge", "huge "+mega[:60_000], span.KindServer, 0, 50, str("value", mega), str("no.space", strings.Repeat("W", 200_000)), str(mega[:5_000], "key"))
	s := t.add(r, "huge "+mega[:2_000], "many attributes", span.KindInternal, 5, 20)
	for i := range 500 {
		t.spans[s].Attrs = append(t.spans[s].Attrs, str(fmt.Sprintf("attribute.%03d", i), mega[:i]))
	}
	e := t.add(r, "huge", "many events", span.KindInternal, 10, 20)
	for i := range 800 {
		t.event(e, 10+float64(i)/40, fmt.Sprintf("event %d", i), str("text", mega[:i%200]))
	}
	t.event(e, 30, "exception", str("exception.stacktrace", strings.Repeat("\tat com.example.Recursion.again(Recursion.java:7)\n", 4_000)))
	l := t.add(r, "huge", "many links", span.KindInternal, 12, 20)
	for i := range 300 {
		t.spans[l].Links = append(t.spans[l].Links, span.Link{TraceID: traceID(fmt.Sprint("nowhere ", i), 0), ID: spanID(t.id, i)})
	}
	t.log(r, 20, 17, "ERROR", span.StringValue(mega))
}
