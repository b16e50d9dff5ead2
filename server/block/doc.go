// Package block keeps spans by columns: in memory while they come in
// (Builder), and encoded, some thousand at a time (Builder.Cut, Open). The
// encoding is described byte by byte in docs/format/block.md; this is why it is
// what it is.
//
// # The problem
//
// A span is 300 bytes or more of OTLP, of which 20 to 30 are news: its id, its
// trace's share of an id, when it began, how long it took, and what one of its
// attributes (a path, a user) has at random. All else is said again and again.
// The rest of the server asks two things of stored spans: a few columns of many
// rows (a search), and all columns of a few rows (a trace).
//
// # What the encoding relies on
//
//   - Columns are compressed one by one, so that a search pays for those that it
//     reads, and each is stored in the way that suits it.
//   - What an operation is, one name in one resource, decides most of what its
//     spans say: kind, scope, method, route, which attributes there are. A column
//     that is a function of it is stored as that function (see values). The same
//     goes for what is the same in all of a trace, such as a user. This takes a
//     pass over the column, and finds out most of the columns that are not on the
//     first rows.
//   - A trace is in one block, and sorted by start. So a parent is a distance of
//     few rows, and starts are small differences.
//   - Numbers are split into planes of bytes. The low ones of a duration are
//     noise, the high ones are not: only these are worth a Huffman code.
//   - Strings that are different in nearly every row mostly differ in a number:
//     /cart/4711. Patterns leave the number to what is good at numbers.
//   - Span ids are noise, and are not touched. They also bound how many rows a
//     reader may be made to believe in.
//
// # Invariants
//
// A Builder's columns only grow, so a View is a set of slice headers. A Block's
// columns are decoded once, when they are asked for, and never change. Nothing
// that data claims is believed before it is backed by bytes: see the limits in
// the format. What is wrong is an error that wraps ErrCorrupt, not a panic:
// FuzzOpen looks for panics, TestCorrupt flips every byte, TestClaims counts
// what is allocated.
package block
