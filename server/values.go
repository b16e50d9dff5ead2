package server

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bytes is a number of bytes; -1 is "off".
type Bytes int64

var units = []struct {
	name string
	n    int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}}

func (b *Bytes) String() string {
	switch n := int64(*b); {
	case n == 0:
		return ""
	case n < 0:
		return "off"
	default:
		for _, u := range units[:4] {
			if n%u.n == 0 {
				return strconv.FormatInt(n/u.n, 10) + u.name
			}
		}
		return strconv.FormatInt(n, 10) + "B"
	}
}

// Set parses a size: a number, which may have a fraction, and a unit. Without
// one it is an error: who forgets it means anything but bytes.
func (b *Bytes) Set(s string) error {
	if s == "off" || s == "0" {
		*b = -1
		return nil
	}
	number, unit := "", int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.n
			break
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f > 0) || f*float64(unit) >= math.MaxInt64 || strings.ContainsAny(number, "xXpPnN_") {
		return fmt.Errorf("%q: want a size such as 64MiB, 10GB or 1.5TiB, or off", s)
	}
	*b = Bytes(max(1, f*float64(unit)))
	return nil
}

// Duration is a time span; -1 is "off".
type Duration time.Duration

func (d *Duration) String() string {
	switch t := time.Duration(*d); {
	case t == 0:
		return ""
	case t < 0:
		return "off"
	case t%(24*time.Hour) == 0 && t > 24*time.Hour:
		return strconv.FormatInt(int64(t/(24*time.Hour)), 10) + "d"
	default:
		s := t.String() // 36h0m0s
		if strings.HasSuffix(s, "m0s") {
			s = s[:len(s)-2]
		}
		if strings.HasSuffix(s, "h0m") {
			s = s[:len(s)-2]
		}
		return s
	}
}

// Set parses a duration as time.ParseDuration does, and days and weeks: 7d, 2w, 1d12h.
func (d *Duration) Set(s string) error {
	if s == "off" || s == "0" {
		*d = -1
		return nil
	}
	var total float64
	rest := s
	for _, u := range []struct {
		name string
		d    time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, after, ok := strings.Cut(rest, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n < 0 || strings.ContainsAny(number, "xXpPnN_") {
			return errDuration(s)
		}
		total += n * float64(u.d)
		rest = after
	}
	if rest != "" {
		t, err := time.ParseDuration(rest)
		if err != nil || t < 0 {
			return errDuration(s)
		}
		total += float64(t)
	}
	if !(total >= 1) || total >= math.MaxInt64 {
		return errDuration(s)
	}
	*d = Duration(total)
	return nil
}

func errDuration(s string) error {
	return fmt.Errorf("%q: want a duration such as 30s, 36h or 7d, or off", s)
}

// Count is a positive number.
type Count int

func (c *Count) String() string {
	if *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

// Set parses a count.
func (c *Count) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("%q: want a number of at least 1", s)
	}
	*c = Count(n)
	return nil
}

// Switch is "on" or "off"; "" is the default.
type Switch string

// On reports whether it is on. Defaults are set before it is asked.
func (b Switch) On() bool { return b == "on" }

func (b *Switch) String() string { return string(*b) }

// Set parses on and off, true and false, yes and no, 1 and 0.
func (b *Switch) Set(s string) error {
	switch strings.ToLower(s) {
	case "on", "true", "yes", "1":
		*b = "on"
	case "off", "false", "no", "0":
		*b = "off"
	default:
		return fmt.Errorf("%q: want on or off", s)
	}
	return nil
}

// List is some names.
type List []string

func (l *List) String() string { return strings.Join(*l, ",") }

// Set parses names with commas between them.
func (l *List) Set(s string) error {
	*l = nil
	for n := range strings.SplitSeq(s, ",") {
		if n = strings.TrimSpace(n); n != "" {
			*l = append(*l, n)
		}
	}
	return nil
}

// text is a value that is any text.
type text struct{ s *string }

func (t text) String() string { return *t.s }

func (t text) Set(s string) error {
	*t.s = s
	return nil
}

// choice is a value that is one of a few words.
type choice struct {
	s     *string
	words []string
}

func (c choice) String() string { return *c.s }

func (c choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("%q: want %s", s, strings.Join(c.words, ", "))
	}
	*c.s = s
	return nil
}

// prefix is a path to put before others.
type prefix struct{ s *string }

func (p prefix) String() string { return *p.s }

func (p prefix) Set(s string) error {
	s = strings.TrimRight(s, "/")
	if s != "" && (s[0] != '/' || path.Clean(s) != s || strings.ContainsAny(s, "{}?#% \"'<>\\")) {
		return fmt.Errorf("%q: want a path such as /weft", s)
	}
	*p.s = s
	return nil
}
