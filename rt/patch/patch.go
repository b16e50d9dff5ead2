// Package patch holds the edits that make Go's own runtime carry a trace
// context with each goroutine, as data per Go version.
package patch

// Edit replaces Old, which must occur exactly N times (1 when 0), by New. Old
// and New have equally many newlines.
type Edit struct {
	Old, New string
	N        int
}

// Package is what happens to one std package.
type Package struct {
	Edits map[string][]Edit // by base file name, such as "proc.go"
	Files map[string]string // whole files added: base name to text
}

// For returns the patch for a Go version, as "go env GOVERSION" prints it, by
// import path; ok is false when that version is not known.
func For(goVersion string) (pkgs map[string]Package, ok bool) {
	return nil, false
}
