package weave

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Settings is weft.yaml, a file at the root of the main module. A program
// needs none.
type Settings struct {
	// Hooks are folders of the user's own advice, relative to weft.yaml. The
	// folder's path below the named one is the import path of the package that
	// the advice is compiled into, as in weft's own integrations; a folder
	// whose files say "//weft:target path" above a package clause is for that
	// package.
	Hooks []string
}

// ReadSettings reads weft.yaml in dir; without one, all settings are zero. A
// key that weft does not know is an error.
func ReadSettings(dir string) (Settings, error) {
	var s Settings
	path := filepath.Join(dir, "weft.yaml")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read weft.yaml: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return s, fmt.Errorf("read %s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return s, nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return s, fmt.Errorf("%s:%d: want keys and values, such as \"hooks:\"", path, top.Line)
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		switch key.Value {
		case "hooks":
			if err := value.Decode(&s.Hooks); err != nil {
				return s, fmt.Errorf("%s:%d: hooks: want a list of folders", path, value.Line)
			}
		default:
			return s, fmt.Errorf("%s:%d: unknown key %q; known is hooks", path, key.Line, key.Value)
		}
	}
	return s, nil
}

// settingsDir returns the directory whose weft.yaml counts: that of go.work, that
// of go.mod, or the current one.
func (w *weaving) settingsDir() string {
	for _, path := range []string{w.tc.GOWORK, w.tc.GOMOD} {
		if filepath.IsAbs(path) && path != os.DevNull {
			dir := filepath.Dir(path)
			if _, err := os.Stat(filepath.Join(dir, "weft.yaml")); err == nil {
				return dir
			}
		}
	}
	return w.cfg.Dir
}

// hooks reads the advice that weft.yaml names.
func (w *weaving) hooks() ([]*Integration, error) {
	root := w.settingsDir()
	set, err := ReadSettings(root)
	if err != nil {
		return nil, err
	}
	var all []*Integration
	for _, h := range set.Hooks {
		dir := filepath.FromSlash(h)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(root, dir)
		}
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("read the hooks of weft.yaml: %w", err)
		}
		ins, err := readIntegrations(os.DirFS(dir), h, dir)
		if err != nil {
			return nil, err
		}
		all = append(all, ins...)
	}
	return all, nil
}
