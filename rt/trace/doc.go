// Package trace records spans. It is the leaf of the weft runtime: advice that is
// woven into net/http, database/sql and others calls it, and it imports nothing
// that such packages could be imported by.
//
// A Span is two machine words of identity and a pointer to a pooled body. Start
// makes it the goroutine's current span, End encodes it into the ring buffer of
// the processor (P) it runs on and gives the goroutine its former context back.
// Neither allocates, locks or blocks. The agent calls Drain from time to time and
// gets every record exactly once; what had to be left out is counted by cause in
// Counters.
//
// Until Configure is called nothing is recorded, and every call costs one load
// and a branch.
//
// Where the goroutine's context lives depends on the build: in the g of a
// runtime patched by weft (goroutine_weft.go), or nowhere (goroutine_plain.go),
// in which case every span is the root of a trace of its own.
//
// docs/design/recording.md has the record format byte by byte, the protocol of
// the rings and what all of it costs.
package trace
