package query

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/weft-trace/weft/server/span"
)

// ErrCursor is the error of a cursor that does not belong to the search.
var ErrCursor = errors.New("the cursor is not one of this search; start again without it")

// cursor is where a search goes on. Its text is base64 of: a version byte, the
// fingerprint of the search and the range as 8 bytes each, the position, and
// the traces listed so far that have more matching spans.
type cursor struct {
	print    uint64
	from, to int64
	after    position
	going    []listed
}

// listed is a trace that was listed and may be found again.
type listed struct {
	id   uint64 // the halves of the trace id, folded
	last int64  // the position's first of its last matching span
}

const (
	cursorVersion = 1
	cursorSize    = 1 + 8 + 8 + 8 + 8 + 8 + 16 + 8 + 1
	maxListed     = 1000
)

func fold(id span.TraceID) uint64 {
	return binary.BigEndian.Uint64(id[:8]) ^ binary.BigEndian.Uint64(id[8:])
}

func (c *cursor) listed(id span.TraceID) bool {
	f := fold(id)
	return slices.ContainsFunc(c.going, func(l listed) bool { return l.id == f })
}

func (c *cursor) add(id span.TraceID, last int64) { c.going = append(c.going, listed{fold(id), last}) }

// prune forgets the traces that end before the position.
func (c *cursor) prune(o Order) {
	c.going = slices.DeleteFunc(c.going, func(l listed) bool { return l.last > c.after.first })
	if len(c.going) > maxListed { // those that go on longest are the ones that come again most
		slices.SortFunc(c.going, func(a, b listed) int { return cmp.Compare(a.last, b.last) })
		c.going = c.going[:maxListed]
	}
}

// String returns the cursor as clients get it.
func (c *cursor) String() string {
	b := make([]byte, 0, cursorSize+16*len(c.going))
	b = append(b, cursorVersion)
	for _, n := range []uint64{c.print, uint64(c.from), uint64(c.to), uint64(c.after.first), uint64(c.after.start)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(b, c.after.trace[:]...)
	b = append(b, c.after.id[:]...)
	b = append(b, byte(c.after.kind))
	for _, l := range c.going {
		b = binary.BigEndian.AppendUint64(b, l.id)
		b = binary.BigEndian.AppendUint64(b, uint64(l.last))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s string, print uint64) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < cursorSize || b[0] != cursorVersion || (len(b)-cursorSize)%16 != 0 || (len(b)-cursorSize)/16 > maxListed {
		return c, fmt.Errorf("search: cursor %q: %w", clip(s), ErrCursor)
	}
	b = b[1:]
	next := func() (n uint64) {
		n, b = binary.BigEndian.Uint64(b), b[8:]
		return n
	}
	if c.print = next(); c.print != print {
		return c, fmt.Errorf("search: cursor of another query or order: %w", ErrCursor)
	}
	c.from, c.to, c.after.first, c.after.start = int64(next()), int64(next()), int64(next()), int64(next())
	b = b[copy(c.after.trace[:], b):]
	b = b[copy(c.after.id[:], b):]
	c.after.kind, b = span.Kind(b[0]), b[1:]
	for len(b) > 0 {
		id := next()
		c.going = append(c.going, listed{id, int64(next())})
	}
	return c, nil
}
