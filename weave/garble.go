package weave

import (
	"path/filepath"
	"slices"
	"strings"
)

// Garble obfuscates a program by taking the compiler's place (-toolexec). It knows
// files of the runtime by their names, and would not under the names that weft's
// cache gives them. And it gives internal/abi and the linker a number made from
// the build of package runtime, while the go command thinks that an object of
// internal/abi serves plain and woven programs alike: so internal/abi gets a file
// that changes with what is woven into runtime.

// cachedName returns how the name of a woven file ends in the cache.
func (w *weaving) cachedName(path string) string {
	if w.cfg.Garble {
		return string(filepath.Separator) + filepath.Base(path)
	}
	return "-" + filepath.Base(path)
}

// bindGarble binds internal/abi to the woven runtime.
func (w *weaving) bindGarble() error {
	if !w.cfg.Garble {
		return nil
	}
	dir := filepath.Join(w.tc.GOROOT, "src", "runtime")
	var parts []string
	for path, f := range w.files {
		if filepath.Dir(path) == dir {
			to, err := w.put(f)
			if err != nil {
				return err
			}
			parts = append(parts, filepath.Base(path)+" "+strings.TrimPrefix(to, w.cache.dir))
		}
	}
	slices.Sort(parts)
	text := "package abi // " + hash(parts...) + "\n"
	return w.lay(filepath.Join(w.tc.GOROOT, "src", "internal", "abi", "weft.go"), nil, []byte(text), "garble")
}
