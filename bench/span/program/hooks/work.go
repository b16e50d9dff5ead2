//go:build weft

//weft:target github.com/weft-trace/weft/bench/span/program/work
package work

import "weft/trace"

var (
	keyMethod = trace.NewKey("http.request.method")
	keyRoute  = trace.NewKey("http.route")
	keyStatus = trace.NewKey("http.response.status_code")
	keyRows   = trace.NewKey("db.response.returned_rows")
	keyHit    = trace.NewKey("cache.hit")
)

//weft:enter Request
func weftRequest(s *trace.Span) { s.Start("request", trace.KindInternal) }

//weft:exit Request
func weftRequested(s *trace.Span) { s.End() }

//weft:enter Operation
func weftOperation(s *trace.Span, i *int) {
	s.Start("operation", trace.KindInternal)
	if s.Recording() {
		s.Str(keyMethod, "GET")
		s.Str(keyRoute, "/api/v1/users/{id}")
		s.Int(keyStatus, 200)
		s.Int(keyRows, int64(*i))
		s.Bool(keyHit, true)
	}
}

//weft:exit Operation
func weftOperated(s *trace.Span) { s.End() }

//weft:exit Woven
func weftWoven(woven *bool) { *woven = true }
