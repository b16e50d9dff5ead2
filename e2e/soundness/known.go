package main

import "strings"

// known lists tests that pass plain and fail woven for a reason that lies in
// the test: what it asserts is what weaving changes on purpose. An entry covers
// subtests.
var known = []struct{ mode, pkg, test, reason string }{
	{"", "go.opentelemetry.io/otel/internal/global", "TestSpanContextPropagatedWithNonRecordingSpan", "asserts that nobody records without an SDK; weft does"},
	{"every", "go.opentelemetry.io/otel/sdk/trace", "TestSpanCapturesPanic", "names deferwrap1, which the compiler makes for the first defer statement; advice at the end of a function is one before it"},
	{"every", "github.com/cespare/xxhash/v2", "TestInlining", "runs go test in its own directory; that of an imported module with hooks is weft's copy, which plain go does not build"},
	{"every", "database/sql", "TestRawBytesAllocs", address},
	{"every", "log/slog", "TestJSONAllocs/attrs", address},
	{"every", "github.com/valyala/fasthttp", "TestAllocationClient", address},
	{"", "runtime", "TestSizeof", "states the size of the runtime's g, which carries the context"},
}

// address is why some tests that count allocations count more of them.
const address = "counts allocations; a parameter that a closure captures moves to the heap when advice takes its address"

// reason returns why a test fails in a mode, "" when it should not.
func reason(mode string, t test) string {
	for _, k := range known {
		if (k.mode == "" || k.mode == mode) && k.pkg == t.Package && (k.test == t.Name || strings.HasPrefix(t.Name, k.test+"/")) {
			return k.reason
		}
	}
	return ""
}
