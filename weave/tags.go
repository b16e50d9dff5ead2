package weave

import (
	"bytes"
	"go/build/constraint"
)

// resolveTags settles the tag "weft" in the build constraint of src, a file
// that weft lays. It reports whether the file is laid at all. What is left of
// the constraint, such as an operating system, stays for the go command; the
// constraint's line stays a line.
func resolveTags(src []byte, weft bool) ([]byte, bool) { return resolveTag(src, "weft", weft) }

// resolveTag does so for any tag.
func resolveTag(src []byte, tag string, is bool) ([]byte, bool) {
	for at := 0; at < len(src); {
		end := len(src)
		if i := bytes.IndexByte(src[at:], '\n'); i >= 0 {
			end = at + i
		}
		line := string(bytes.TrimRight(src[at:end], "\r"))
		if constraint.IsGoBuild(line) {
			x, err := constraint.Parse(line)
			if err != nil {
				return src, true // the go command will say so
			}
			rest, value := settle(x, tag, is)
			if rest == nil && !value {
				return nil, false
			}
			text := "//"
			if rest != nil {
				text = "//go:build " + rest.String()
			}
			out := append([]byte(nil), src[:at]...)
			out = append(out, text...)
			return append(out, src[end:]...), true
		}
		if len(line) > 0 && !bytes.HasPrefix([]byte(line), []byte("//")) {
			break // the package clause, or a comment that no constraint follows
		}
		at = end + 1
	}
	return src, true
}

// settle evaluates x as far as one tag goes: it returns the expression
// that is left, or nil and its value.
func settle(x constraint.Expr, tag string, is bool) (constraint.Expr, bool) {
	switch x := x.(type) {
	case *constraint.TagExpr:
		if x.Tag == tag {
			return nil, is
		}
		return x, false
	case *constraint.NotExpr:
		rest, v := settle(x.X, tag, is)
		if rest == nil {
			return nil, !v
		}
		return &constraint.NotExpr{X: rest}, false
	case *constraint.AndExpr:
		l, lv := settle(x.X, tag, is)
		r, rv := settle(x.Y, tag, is)
		switch {
		case l == nil && r == nil:
			return nil, lv && rv
		case l == nil && lv:
			return r, false
		case r == nil && rv:
			return l, false
		case l == nil || r == nil:
			return nil, false
		}
		return &constraint.AndExpr{X: l, Y: r}, false
	case *constraint.OrExpr:
		l, lv := settle(x.X, tag, is)
		r, rv := settle(x.Y, tag, is)
		switch {
		case l == nil && r == nil:
			return nil, lv || rv
		case l == nil && !lv:
			return r, false
		case r == nil && !rv:
			return l, false
		case l == nil || r == nil:
			return nil, true
		}
		return &constraint.OrExpr{X: l, Y: r}, false
	}
	return x, false
}
