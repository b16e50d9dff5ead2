package weave

import (
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// A bound is one comparison of a version range.
type bound struct {
	op      string
	version string // canonical semver, such as "v1.26.0"
}

// parseWhen reads a range of versions: comparisons that must all hold, such as
// "go>=1.26" or "v>=1.2.0 <2.0.0". What stands before the first operator, "go"
// or "v", is for the reader.
func parseWhen(s string) ([]bound, error) {
	var list []bound
	for i, f := range strings.Fields(s) {
		if i == 0 {
			f = strings.TrimPrefix(strings.TrimPrefix(f, "go"), "v")
		}
		op := f[:len(f)-len(strings.TrimLeft(f, "<>=!"))]
		v := "v" + strings.TrimPrefix(strings.TrimPrefix(f[len(op):], "go"), "v")
		switch op {
		case "<", "<=", ">", ">=", "=", "!=":
		default:
			return nil, fmt.Errorf("read version range %q: %q starts with none of < <= > >= = !=", s, f)
		}
		if !semver.IsValid(v) {
			return nil, fmt.Errorf("read version range %q: %q is no version", s, f[len(op):])
		}
		list = append(list, bound{op, semver.Canonical(v)})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("read version range %q: it is empty", s)
	}
	return list, nil
}

// inRange reports whether version, a module version or a Go version, is in the
// range s. An empty range holds every version; an empty version, of a module
// that has none because it is replaced by a folder, is in every range.
func inRange(s, version string) bool {
	if s == "" || version == "" {
		return true
	}
	if rest, ok := strings.CutPrefix(version, "go"); ok {
		rest, _, _ = strings.Cut(rest, " ")
		if i := strings.IndexAny(rest, "rb-"); i >= 0 { // 1.27rc1 counts as 1.27
			rest = rest[:i]
		}
		version = "v" + rest
	}
	bounds, err := parseWhen(s)
	if err != nil || !semver.IsValid(version) {
		return false
	}
	for _, b := range bounds {
		c := semver.Compare(version, b.version)
		ok := false
		switch b.op {
		case "<":
			ok = c < 0
		case "<=":
			ok = c <= 0
		case ">":
			ok = c > 0
		case ">=":
			ok = c >= 0
		case "=":
			ok = c == 0
		case "!=":
			ok = c != 0
		}
		if !ok {
			return false
		}
	}
	return true
}
