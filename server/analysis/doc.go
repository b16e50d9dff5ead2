// Package analysis looks into one trace: its tree, its critical path, where
// the time of its spans went, how it differs from another one. Its functions
// are pure and take the spans in any order; they are linear in the number of
// spans but for sorting, and do not recurse, so that a trace of a million spans
// or of any depth is no danger.
//
// # Clocks
//
// Spans of one trace come from machines whose clocks differ. Build shifts the
// spans of a process so that they fit their parent, as Jaeger does: where a
// span of another host starts before its parent, or a server's span does not
// lie within its client's, it is moved to the middle of its parent (half of the
// difference in length is taken for the way there, half for the way back), and
// those below it on the same host move with it. A span that is longer than
// its parent is only moved to its parent's start. Unlike Jaeger, Build leaves
// alone what ends after its parent without being the server's side of a call:
// work that goes on in the background is no error of a clock.
//
// # Critical path
//
// The critical path says for every moment of a trace which span it was waiting
// for. It is found backwards: the end of the trace is that of the span that
// ended last. Before that span began, its parent was waiting for whichever of
// its other children had ended last by then, and so on; where no child had
// ended, the parent itself was at work. A child that was still running when
// the next link of the chain began was not waited for. Children that go on
// beyond their parent count: so the segments follow each other without a gap
// or an overlap from the start of the trace to its end.
package analysis
