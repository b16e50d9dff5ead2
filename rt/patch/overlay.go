package patch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteOverlay writes the patched files of the std in goroot into dir, and a file
// for "go build -overlay" that lays them, and nothing else of weft, over it. It
// returns that file's name. Tests and benchmarks of the patch use it; a woven
// build lays the patch together with the rest.
func WriteOverlay(goroot, goVersion, dir string) (overlay string, err error) {
	pkgs, ok := For(goVersion)
	if !ok {
		return "", fmt.Errorf("no runtime patch for %s", goVersion)
	}
	return writeOverlay(pkgs, goroot, goVersion, dir)
}

func writeOverlay(pkgs map[string]Package, goroot, goVersion, dir string) (overlay string, err error) {
	replace := make(map[string]string)
	var errs []error
	lay := func(importPath, base string, text []byte) {
		to := filepath.Join(dir, filepath.FromSlash(importPath), base)
		errs = append(errs, os.MkdirAll(filepath.Dir(to), 0o777), os.WriteFile(to, text, 0o666))
		replace[filepath.Join(goroot, "src", filepath.FromSlash(importPath), base)] = to
	}
	for importPath, p := range pkgs {
		for base, edits := range p.Edits {
			text, err := os.ReadFile(filepath.Join(goroot, "src", filepath.FromSlash(importPath), base))
			if err == nil {
				text, err = Apply(text, edits)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s/%s: %w", goVersion, importPath, base, err))
				continue
			}
			lay(importPath, base, text)
		}
		for base, text := range p.Files {
			lay(importPath, base, []byte(text))
		}
	}
	overlay = filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	errs = append(errs, err, os.WriteFile(overlay, text, 0o666))
	return overlay, errors.Join(errs...)
}
