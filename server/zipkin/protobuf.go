package zipkin

import (
	"fmt"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// Fields of zipkin.proto (https://github.com/openzipkin/zipkin-api) as tags.
const (
	tagSpans = 1<<3 | wire.TypeBytes // ListOfSpans

	tagTraceID    = 1<<3 | wire.TypeBytes // Span
	tagParentID   = 2<<3 | wire.TypeBytes
	tagID         = 3<<3 | wire.TypeBytes
	tagKind       = 4<<3 | wire.TypeVarint
	tagName       = 5<<3 | wire.TypeBytes
	tagTimestamp  = 6<<3 | wire.TypeFixed64
	tagDuration   = 7<<3 | wire.TypeVarint
	tagLocal      = 8<<3 | wire.TypeBytes
	tagRemote     = 9<<3 | wire.TypeBytes
	tagAnnotation = 10<<3 | wire.TypeBytes
	tagTag        = 11<<3 | wire.TypeBytes
	tagShared     = 13<<3 | wire.TypeVarint

	tagService = 1<<3 | wire.TypeBytes // Endpoint
	tagIPv4    = 2<<3 | wire.TypeBytes
	tagIPv6    = 3<<3 | wire.TypeBytes
	tagPort    = 4<<3 | wire.TypeVarint

	tagWhen = 1<<3 | wire.TypeFixed64 // Annotation
	tagWhat = 2<<3 | wire.TypeBytes

	tagKey   = 1<<3 | wire.TypeBytes // an entry of the map of tags
	tagValue = 2<<3 | wire.TypeBytes
)

// A field is one field of a message, with its value by wire type.
type field struct {
	tag  uint64
	num  uint64
	data []byte
}

// each calls f with every field of a message that is a varint, fixed64 or bytes.
func (d *decoder) each(b []byte, f func(field) error) error {
	for i := 0; i < len(b); {
		var v field
		at := i
		if v.tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		from := i
		next, err := wire.Skip(b, i, v.tag)
		if err != nil {
			return d.broken(b, at, err)
		}
		switch i = next; v.tag & 7 {
		case wire.TypeVarint:
			v.num, _ = wire.Uvarint(b, from)
		case wire.TypeFixed64:
			v.num, _ = wire.Fixed64(b, from)
		case wire.TypeBytes:
			v.data, _ = wire.Chunk(b, from)
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) broken(b []byte, i int, cause error) error {
	return fmt.Errorf("decode Zipkin protobuf: byte %d of %d: %w; send a ListOfSpans", cap(d.in)-cap(b)+i, len(d.in), cause)
}

func (d *decoder) protobuf() error {
	return d.each(d.in, func(v field) error {
		if v.tag != tagSpans {
			return nil
		}
		z := d.begin()
		if err := d.each(v.data, func(v field) error { return d.spanField(&z, v) }); err != nil {
			return err
		}
		d.end(&z)
		return nil
	})
}

var kinds = [...]span.Kind{span.KindInternal, span.KindClient, span.KindServer, span.KindProducer, span.KindConsumer}

func (d *decoder) spanField(z *zspan, v field) error {
	switch v.tag {
	case tagTraceID:
		z.trace = span.TraceID{}
		switch len(v.data) {
		case 8, 16:
			copy(z.trace[16-len(v.data):], v.data)
		default:
			z.refuse("trace id of %d bytes; want 8 or 16", len(v.data))
		}
	case tagID:
		z.id = z.spanID(v.data, "id")
	case tagParentID:
		z.parent = z.spanID(v.data, "parent id")
	case tagKind:
		z.kind = span.KindInternal
		if v.num < uint64(len(kinds)) {
			z.kind = kinds[v.num]
		}
	case tagName:
		z.name = wire.Text(v.data)
	case tagTimestamp:
		z.timestamp = v.num
	case tagDuration:
		z.duration = v.num
	case tagLocal:
		return d.endpoint(v.data, &z.local)
	case tagRemote:
		return d.endpoint(v.data, &z.remote)
	case tagAnnotation:
		var timestamp uint64
		var value string
		err := d.each(v.data, func(v field) error {
			switch v.tag {
			case tagWhen:
				timestamp = v.num
			case tagWhat:
				value = wire.Text(v.data)
			}
			return nil
		})
		d.annotation(z, timestamp, value)
		return err
	case tagTag:
		var key, value string
		err := d.each(v.data, func(v field) error {
			switch v.tag {
			case tagKey:
				key = wire.Text(v.data)
			case tagValue:
				value = wire.Text(v.data)
			}
			return nil
		})
		d.tag(z, key, value)
		return err
	case tagShared:
		z.shared = v.num != 0
	}
	return nil
}

func (z *zspan) spanID(b []byte, what string) (id span.ID) {
	if len(b) != 0 && copy(id[:], b) != len(b) || len(b) != 0 && len(b) != len(id) {
		z.refuse("%s of %d bytes; want 8", what, len(b))
	}
	return id
}

func (d *decoder) endpoint(b []byte, e *endpoint) error {
	var v4, v6 string
	err := d.each(b, func(v field) error {
		switch v.tag {
		case tagService:
			e.service = wire.Text(v.data)
		case tagIPv4:
			v4 = address(v.data)
		case tagIPv6:
			v6 = address(v.data)
		case tagPort:
			e.port = uint16(v.num)
		}
		return nil
	})
	e.ip = or(or(v4, v6), e.ip)
	return err
}
