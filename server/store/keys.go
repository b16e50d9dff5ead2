package store

import (
	"encoding/binary"
	"strings"

	"github.com/weft-trace/weft/server/span"
)

// The keys of a partition. Lower-case prefixes are the store's own, upper-case
// ones are those of the aggregates, metrics and logs. docs/format/store.md
// describes every key and value byte by byte.
const (
	keyFormat    = 'f' // f                                        -> version of the format
	keyJournal   = 'j' // j <generation 4> <sequence 4>            -> a request's spans
	keySegment   = 's' // s <segment 4>                            -> header: zone maps
	keyTrace     = 't' // t <low 8 bytes of the id> <segment 4>    -> blocks of the trace
	keyPostings  = 'o' // o <service 1> <operation 1> <segment 4>  -> rows and durations
	keyTokens    = 'a' // a <top byte of the token 1> <segment 4>  -> blocks of each token
	keyOperation = 'd' // d <service> 0 <kind 1> <name>            -> nothing: the operation occurs
)

// formatVersion is the version of everything that the store writes. A store
// that finds a higher one refuses to open.
const formatVersion = 1

func journalKey(dst []byte, gen, seq uint32) []byte {
	dst = append(dst, keyJournal)
	dst = binary.BigEndian.AppendUint32(dst, gen)
	return binary.BigEndian.AppendUint32(dst, seq)
}

// journalBounds are the bounds of a generation's journal.
func journalBounds(gen uint32) (lower, upper []byte) {
	lower = binary.BigEndian.AppendUint32([]byte{keyJournal}, gen)
	return lower, successor(lower)
}

func parseJournalKey(k []byte) (gen, seq uint32, ok bool) {
	if len(k) != 9 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(k[1:]), binary.BigEndian.Uint32(k[5:]), true
}

func segmentKey(dst []byte, seg uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, keySegment), seg)
}

func parseSegmentKey(k []byte) (seg uint32, ok bool) {
	if len(k) != 5 {
		return 0, false
	}
	return binary.BigEndian.Uint32(k[1:]), true
}

// tracePrefix is the part of a trace's keys that all segments share. Only the
// low half of the id counts: 64-bit ids have a high half of zeros, and two
// traces that share the low half are told apart in the block.
func tracePrefix(dst []byte, id span.TraceID) []byte {
	return append(append(dst, keyTrace), id[8:]...)
}

func postingsKey(dst []byte, service, operation byte, seg uint32) []byte {
	dst = append(dst, keyPostings, service, operation)
	return binary.BigEndian.AppendUint32(dst, seg)
}

func tokensKey(dst []byte, bucket byte, seg uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, keyTokens, bucket), seg)
}

func operationKey(dst []byte, service string, kind span.Kind, name string) []byte {
	dst = append(append(dst, keyOperation), escapeService(service)...)
	dst = append(dst, 0, byte(kind))
	return append(dst, name...)
}

// A service's name ends with a zero byte in a key, so one that is part of the
// name, which OTLP allows, is written as 01 01, and a 01 as 01 02.
var (
	serviceEscaper   = strings.NewReplacer("\x00", "\x01\x01", "\x01", "\x01\x02")
	serviceUnescaper = strings.NewReplacer("\x01\x01", "\x00", "\x01\x02", "\x01")
)

func escapeService(s string) string {
	if strings.IndexByte(s, 0) < 0 && strings.IndexByte(s, 1) < 0 {
		return s
	}
	return serviceEscaper.Replace(s)
}

// successor returns the smallest key that is greater than all keys with the
// prefix k, nil if there is none.
func successor(k []byte) []byte {
	s := append([]byte(nil), k...)
	for i := len(s) - 1; i >= 0; i-- {
		if s[i]++; s[i] != 0 {
			return s[:i+1]
		}
	}
	return nil
}
