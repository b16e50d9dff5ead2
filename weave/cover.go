package weave

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// With -cover the go command has the cover tool read the files of the disk, not
// those of the overlay: what is edited would be lost, and what is added is not
// found. So in such builds the go command runs the cover tool through weft
// (covertool.go), by -toolexec, and a file says what is woven into which file.

// coverFile is a woven file for the cover tool.
type coverFile struct {
	Old   string      `json:",omitempty"` // where its text is without weft; "" for a file that weft adds
	New   string      // where the woven text is
	Edits []coverEdit `json:",omitempty"` // from Old to New, in order; none when they are not known
}

// coverEdit is an edit with its fields for others to read.
type coverEdit struct {
	Off, End int
	Text     string
}

// coverSpec writes the woven Go files to the cache, by path, and returns the
// path of that file.
func (w *weaving) coverSpec() (string, error) {
	spec := make(map[string]coverFile, len(w.files))
	for path, f := range w.files {
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			continue
		}
		to, err := w.put(f)
		if err != nil {
			return "", err
		}
		c := coverFile{New: to}
		if old, ok := w.user[path]; ok && old != "" {
			c.Old = old
		} else if stampOf(path).Size > 0 {
			c.Old = path
		}
		for _, x := range f.edits {
			c.Edits = append(c.Edits, coverEdit{x.off, x.end, x.text})
		}
		spec[path] = c
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("write what is woven for the cover tool: %w", err)
	}
	return w.cache.Put(data, ".json")
}

// compose returns the edits that do to a text what first does to it, and then
// second to the outcome. Both are in order.
func compose(first, second []edit) []edit {
	type placed struct {
		edit
		start, end int // where its text is in the outcome of first
	}
	var done []placed
	shift := 0
	for _, x := range first {
		at := x.off + shift
		done = append(done, placed{x, at, at + len(x.text)})
		shift += len(x.text) - (x.end - x.off)
	}
	var out []edit
	type late struct {
		after int // how many of first come before it
		edit
	}
	var lates []late
	for _, x := range slices.Backward(second) {
		shift, after, inside := 0, 0, false
		for i := range done {
			d := &done[i]
			if x.off > d.start && x.end < d.end || x.off == d.start && x.end > x.off && x.end <= d.end {
				at := x.off - d.start
				d.text = d.text[:at] + x.text + d.text[at+x.end-x.off:]
				inside = true
				break
			}
			if d.end <= x.off && (d.end < x.off || d.start < d.end) {
				shift += (d.end - d.start) - (d.edit.end - d.off)
				after = i + 1
			}
		}
		if !inside {
			lates = append(lates, late{after, edit{x.off - shift, x.end - shift, x.text}})
		}
	}
	slices.Reverse(lates)
	for i := 0; i <= len(done); i++ {
		for _, l := range lates {
			if l.after == i {
				out = append(out, l.edit)
			}
		}
		if i < len(done) {
			out = append(out, done[i].edit)
		}
	}
	return out
}
