package zipkin

import (
	"fmt"
	"math"
	"strings"

	"github.com/weft-trace/weft/server/span"
)

// json reads an array of spans.
func (d *decoder) json() error {
	s := &d.s
	s.Reset(d.in)
	if s.Peek() != '[' {
		s.Unexpected("an array of spans")
	}
	if s.Begin('[') {
		for s.More(']') {
			z := d.begin()
			d.jsonSpan(&z)
			if s.Failed() {
				break
			}
			d.end(&z)
		}
	}
	if err := s.End(); err != nil {
		return fmt.Errorf("decode Zipkin JSON: %w; send an array of v2 spans", err)
	}
	return nil
}

func (d *decoder) jsonSpan(z *zspan) {
	s := &d.s
	if !s.Begin('{') {
		return
	}
	for s.More('}') {
		switch s.Key() {
		case "traceId":
			if text := s.Text(); text != "" {
				var err error
				if z.trace, err = span.ParseTraceID(text); err != nil {
					z.refuse("%v", err)
				}
			}
		case "id":
			z.id = z.jsonID(s.Text(), false)
		case "parentId":
			z.parent = z.jsonID(s.Text(), true)
		case "kind":
			z.kind = span.KindInternal
			if k, ok := span.ParseKind(strings.ToLower(s.Text())); ok && k >= span.KindServer {
				z.kind = k
			}
		case "name":
			z.name = s.Text()
		case "timestamp":
			z.timestamp = s.Uint(math.MaxUint64)
		case "duration":
			z.duration = s.Uint(math.MaxUint64)
		case "localEndpoint":
			d.jsonEndpoint(&z.local)
		case "remoteEndpoint":
			d.jsonEndpoint(&z.remote)
		case "annotations":
			d.jsonAnnotations(z)
		case "tags":
			if s.Begin('{') {
				for s.More('}') {
					key := s.Key()
					switch s.Peek() {
					case '"', 'n':
						d.tag(z, key, s.Text())
					case 't', 'f': // not Zipkin's format, and what some senders write
						d.tag(z, key, map[bool]string{true: "true", false: "false"}[s.Bool()])
					default:
						d.tag(z, key, s.Number())
					}
				}
			}
		case "shared":
			z.shared = s.Bool()
		default: // debug is for samplers
			s.Skip()
		}
	}
}

// jsonID reads a span's id. A parent may be none, written as zeros.
func (z *zspan) jsonID(text string, parent bool) span.ID {
	if text == "" || parent && strings.Trim(text, "0") == "" {
		return span.ID{}
	}
	id, err := span.ParseID(text)
	if err != nil {
		z.refuse("%v", err)
	}
	return id
}

func (d *decoder) jsonEndpoint(e *endpoint) {
	s := &d.s
	if !s.Begin('{') {
		return
	}
	for s.More('}') {
		switch s.Key() {
		case "serviceName":
			e.service = s.Text()
		case "ipv4":
			e.ip = or(s.Text(), e.ip)
		case "ipv6":
			e.ip = or(e.ip, s.Text())
		case "port":
			e.port = uint16(s.Uint(math.MaxUint16))
		default:
			s.Skip()
		}
	}
}

func (d *decoder) jsonAnnotations(z *zspan) {
	s := &d.s
	if !s.Begin('[') {
		return
	}
	for s.More(']') {
		if !s.Begin('{') {
			continue
		}
		var timestamp uint64
		var value string
		for s.More('}') {
			switch s.Key() {
			case "timestamp":
				timestamp = s.Uint(math.MaxUint64)
			case "value":
				value = s.Text()
			default:
				s.Skip()
			}
		}
		d.annotation(z, timestamp, value)
	}
}
