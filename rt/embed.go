// Package rt holds the sources of the weft runtime: the packages that the
// weaver lays into a program as weft/trace, weft/agent and so on. They are
// ordinary packages of this module, so that vet, tests and fuzzing reach them,
// and travel inside the weft binary as text.
package rt

import "embed"

// Files is the source text of the runtime packages, tests included; the weaver
// leaves out what it must not lay.
//
//go:embed */*.go
var Files embed.FS
