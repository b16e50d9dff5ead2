package block

import (
	"encoding/binary"
	"slices"

	"github.com/weft-trace/weft/server/span"
)

// Resources and scopes are few in a block; each is stored as a whole, as a
// string of the fields below. The same strings tell equal ones apart in a Builder.

func sameResource(a, b *span.Resource) bool {
	return a.Service == b.Service && a.Dropped == b.Dropped && a.SchemaURL == b.SchemaURL && slices.Equal(a.Attrs, b.Attrs)
}

func sameScope(a, b *span.Scope) bool {
	return a.Name == b.Name && a.Version == b.Version && a.Dropped == b.Dropped && a.SchemaURL == b.SchemaURL && slices.Equal(a.Attrs, b.Attrs)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendAttrs(dst []byte, attrs []span.Attr) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(attrs)))
	for i := range attrs {
		dst = appendText(dst, attrs[i].Key)
		v := &attrs[i].Value
		dst = append(dst, byte(v.Type))
		switch {
		case isText(v.Type):
			dst = appendText(dst, v.Str)
		case isNum(v.Type):
			dst = binary.LittleEndian.AppendUint64(dst, v.Num)
		}
	}
	return dst
}

func appendResource(dst []byte, r *span.Resource) []byte {
	dst = appendText(dst, r.Service)
	dst = binary.AppendUvarint(dst, uint64(r.Dropped))
	dst = appendText(dst, r.SchemaURL)
	return appendAttrs(dst, r.Attrs)
}

func appendScope(dst []byte, s *span.Scope) []byte {
	dst = appendText(dst, s.Name)
	dst = appendText(dst, s.Version)
	dst = binary.AppendUvarint(dst, uint64(s.Dropped))
	dst = appendText(dst, s.SchemaURL)
	return appendAttrs(dst, s.Attrs)
}

func (r *reader) attrs() []span.Attr {
	n := r.count(2) // a key's length and a type at least
	if n == 0 {
		return nil
	}
	attrs := make([]span.Attr, n)
	for i := range attrs {
		a := &attrs[i]
		a.Key = r.text()
		a.Value.Type = r.typ()
		switch {
		case isText(a.Value.Type):
			a.Value.Str = r.text()
		case isNum(a.Value.Type):
			a.Value.Num = r.u64()
		}
	}
	return attrs
}

func (r *reader) resource() *span.Resource {
	return &span.Resource{Service: r.text(), Dropped: r.u32v(), SchemaURL: r.text(), Attrs: r.attrs()}
}

func (r *reader) scope() *span.Scope {
	return &span.Scope{Name: r.text(), Version: r.text(), Dropped: r.u32v(), SchemaURL: r.text(), Attrs: r.attrs()}
}
