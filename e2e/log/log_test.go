package log

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weft-trace/weft/e2e/internal/pair"
)

func TestMain(m *testing.M) { pair.Main(m) }

func TestLog(t *testing.T) {
	for _, tc := range pair.Toolchains() {
		t.Run(tc, func(t *testing.T) {
			app := pair.Build(t, "testdata/app", tc)
			t.Run("outside", func(t *testing.T) {
				out, spans := app.Compare(t, nil, "outside")
				if raw, _ := app.Run(t, nil, "outside"); raw != out {
					t.Error("lines outside of spans have ids")
				}
				if len(spans) > 0 || out.Code != 0 {
					t.Errorf("%d spans, exit code %d", len(spans), out.Code)
				}
			})
			t.Run("inside", func(t *testing.T) {
				app.Compare(t, nil, "inside") // but for the ids
				out, spans := app.Run(t, nil, "inside")
				server := pair.One(t, spans, "server", "GET")
				checkLines(t, out, server.TraceID, server.SpanID)
			})
			t.Run("off", func(t *testing.T) {
				env := []string{"WEFT_LOG_IDS=false"}
				out, _ := app.Compare(t, env, "inside")
				if raw, _ := app.Run(t, env, "inside"); raw != out {
					t.Error("WEFT_LOG_IDS=false: lines have ids")
				}
			})
		})
	}
}

// checkLines looks for the ids in each line: once, and at the top level of JSON.
func checkLines(t *testing.T, out pair.Output, trace, span string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSuffix(out.Stdout+out.Stderr, "\n"), "\n") {
		want := 1
		switch {
		case strings.HasPrefix(line, "panic: "), strings.HasSuffix(line, " two"), strings.Contains(line, "mine"), strings.Contains(line, "after the request"),
			strings.HasPrefix(line, "printer: a record"): // made by the program, which its handler prints as it is
			want = 0
		}
		if n := strings.Count(line, trace); n != want {
			t.Errorf("the trace id is %d times, not %d, in:\n%s", n, want, line)
		}
		if n := strings.Count(line, span); n != want {
			t.Errorf("the span id is %d times, not %d, in:\n%s", n, want, line)
		}
		if strings.HasPrefix(line, "{") {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Errorf("%v in:\n%s", err, line)
			} else if want == 1 && (m["trace_id"] != trace || m["span_id"] != span) {
				t.Errorf("the ids are not at the top level of:\n%s", line)
			}
		}
	}
}
