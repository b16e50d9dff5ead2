package patch

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// Check names each anchor that does not hold in the std in goroot, in a line such
// as
//
//	runtime/proc.go: anchor "…" occurs 0 times, not 1
//
// For a version that is not known it tries the edits of the nearest that is:
// what would have to be done to support it.
func Check(goroot, goVersion string) (misfits []string) {
	minor, ok := minorVersion(goVersion)
	if !ok {
		minor = Newest // an unreleased version is newer than all others
	}
	return check(goroot, min(max(minor, Oldest), Newest))
}

func check(goroot string, minor int) (misfits []string) {
	for importPath, p := range forMinor(minor) {
		for base, edits := range p.Edits {
			name := path.Join(importPath, base)
			text, err := os.ReadFile(filepath.Join(goroot, "src", filepath.FromSlash(name)))
			if err != nil {
				misfits = append(misfits, fmt.Sprintf("%s: %v", name, err))
				continue
			}
			for _, e := range edits {
				edited, err := Apply(text, []Edit{e})
				if err != nil {
					misfits = append(misfits, fmt.Sprintf("%s: %v", name, err))
					continue
				}
				text = edited
			}
		}
	}
	slices.Sort(misfits)
	return misfits
}
