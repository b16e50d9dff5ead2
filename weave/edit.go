package weave

import (
	"fmt"
	"slices"
	"strings"
)

// An edit replaces the bytes from off to end of a file by text. Neither side
// holds a newline, so no line of the file moves.
type edit struct {
	off, end int
	text     string
}

// edits collects the edits of one file.
type edits struct {
	list []edit
}

func (e *edits) insert(off int, text string)       { e.list = append(e.list, edit{off, off, text}) }
func (e *edits) replace(off, end int, text string) { e.list = append(e.list, edit{off, end, text}) }

// apply returns src with all edits made. Edits at the same place are made in
// the order in which they were collected; edits that overlap, or that would
// move a line, are a mistake in weft and an error.
func (e *edits) apply(src []byte) ([]byte, error) {
	slices.SortStableFunc(e.list, func(a, b edit) int { return a.off - b.off })
	n := len(src)
	for _, x := range e.list {
		n += len(x.text)
	}
	out := make([]byte, 0, n)
	at := 0
	for _, x := range e.list {
		if x.off < at || x.end < x.off || x.end > len(src) {
			return nil, fmt.Errorf("edit of bytes %d to %d overlaps another", x.off, x.end)
		}
		if strings.ContainsAny(x.text, "\r\n") || strings.ContainsAny(string(src[x.off:x.end]), "\r\n") {
			return nil, fmt.Errorf("edit of bytes %d to %d would move a line", x.off, x.end)
		}
		out = append(out, src[at:x.off]...)
		out = append(out, x.text...)
		at = x.end
	}
	return append(out, src[at:]...), nil
}
