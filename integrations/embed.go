// Package integrations holds weft's own advice: a folder per target package,
// named by its import path, of Go files that are compiled into that package.
// The directives in them (see package weave) say which functions call them.
package integrations

import "embed"

// Files is the source text of all integrations.
//
//go:embed *
var Files embed.FS
