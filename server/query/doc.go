// Package query is how the server answers questions: a small language for
// conditions on spans, and what is asked with it: searches, aggregates, heat
// maps, differences between spans, suggestions.
//
// # Conditions
//
// A query is a condition on one span; docs/guide/query.md describes the
// language. Parse makes an expression of a text; others make it by All, Any,
// Compare and their like, as the Jaeger and Tempo APIs do. The meaning of an
// expression is written down twice: Query.Match looks at a span, and eval at
// the columns of a block of them. The tests hold both against a third, plain one.
//
// # Execution
//
// A condition is turned into limits, what every matching span has: services,
// names, a range of durations, tokens of attributes. The store's index finds
// the blocks that may hold such spans. On each block, the expression is
// evaluated column by column on sets of rows: the cheap columns first, an entry
// of a dictionary once, and a column that no row is left for is not decoded.
//
// Every call takes a context and a Budget. A call that stops early, or comes
// across a block that cannot be read, says so in its Stats. Nothing is left out
// in silence.
package query
