// Package block keeps spans by columns: in memory while they come in
// (Builder), and encoded, some thousand at a time (Open). The encoding is
// described byte by byte in docs/format/block.md.
package block
