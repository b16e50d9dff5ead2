package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

// Pebble's log and its manifest are records in chunks, in blocks of 32 KiB that
// no chunk crosses: CRC (4), length (2), type (1); in a log also the log's
// number (4), and with the types from 9 on up to where the log had been synced
// when the chunk was made (8). Pebble takes the first chunk that it cannot read
// for the end, because after a crash it may well be. Here they are read to find
// out whether it is, and what is behind it.

const (
	chunkBlock    = 32 << 10
	plainHeader   = 7  // of a manifest's chunks, types 1 to 4
	numberHeader  = 11 // types 5 to 8
	promiseHeader = 19 // types 9 to 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunkSum is the checksum of a chunk, from its type on.
func chunkSum(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// chunkReader reads the chunks of a log or a manifest.
type chunkReader struct {
	r        io.Reader
	manifest bool
	number   uint32 // of the log
	block    int64  // offset of buf in the file
	n, at    int    // buf[at:n] is what comes next
	buf      [chunkBlock]byte
}

// A chunk is a record, or a part of one.
type chunk struct {
	first, last bool
	promised    int64 // up to there the log was synced when the chunk was made
	data        []byte
}

var (
	errBroken  = errors.New("broken chunk") // skip goes on behind it
	errTrailer = errors.New("trailer")      // the log was closed here
)

func newChunkReader(r io.Reader, manifest bool, number uint64) *chunkReader {
	return &chunkReader{r: r, manifest: manifest, number: uint32(number), block: -chunkBlock}
}

// offset is where the next chunk begins, or the broken one.
func (c *chunkReader) offset() int64 { return max(0, c.block+int64(c.at)) }

// next returns the next chunk, which is valid until the next call; io.EOF if
// the file ends there.
func (c *chunkReader) next() (chunk, error) {
	for {
		left := c.buf[c.at:c.n]
		// Where no other chunk has room, a block is filled with zeros.
		full := c.n == chunkBlock || c.n == 0 && c.block < 0
		if full && (len(left) < plainHeader || len(left) < promiseHeader && zeros(left)) {
			n, err := io.ReadFull(c.r, c.buf[:])
			if err == io.EOF {
				return chunk{}, io.EOF
			}
			if err != nil && err != io.ErrUnexpectedEOF {
				return chunk{}, err
			}
			c.block, c.at, c.n = c.block+chunkBlock, 0, n
			continue
		}
		if len(left) == 0 {
			return chunk{}, io.EOF
		}
		header, size, ok := c.parse(left)
		if !ok {
			if c.trailer(left) {
				return chunk{}, errTrailer
			}
			return chunk{}, errBroken
		}
		body := left[plainHeader-1 : header+size]
		if chunkSum(body) != binary.LittleEndian.Uint32(left) {
			return chunk{}, errBroken
		}
		ch := chunk{data: left[header : header+size]}
		switch (left[6] - 1) % 4 {
		case 0:
			ch.first, ch.last = true, true
		case 1:
			ch.first = true
		case 3:
			ch.last = true
		}
		if header == promiseHeader {
			ch.promised = int64(binary.LittleEndian.Uint64(left[numberHeader:]))
		}
		c.at += header + size
		return ch, nil
	}
}

// parse returns the lengths of a chunk's header and data, if they can be right.
func (c *chunkReader) parse(b []byte) (header, size int, ok bool) {
	if len(b) < plainHeader {
		return 0, 0, false
	}
	switch t := b[6]; {
	case c.manifest && t >= 1 && t <= 4:
		header = plainHeader
	case !c.manifest && t >= 5 && t <= 8:
		header = numberHeader
	case !c.manifest && t >= 9 && t <= 12:
		header = promiseHeader
	default:
		return 0, 0, false
	}
	size = int(binary.LittleEndian.Uint16(b[4:]))
	if header+size > len(b) || !c.manifest && binary.LittleEndian.Uint32(b[plainHeader:]) != c.number {
		return 0, 0, false
	}
	return header, size, true
}

// trailer reports whether it is what a log ends with that was closed: an empty
// chunk of the next number. Nothing else looks like it: what a log that is used
// again still holds of its past has lower numbers.
func (c *chunkReader) trailer(b []byte) bool {
	return !c.manifest && len(b) >= numberHeader && string(b[:numberHeader]) == string(trailer(c.number))
}

func trailer(number uint32) []byte {
	return binary.LittleEndian.AppendUint32([]byte{0, 0, 0, 0, 0, 0, 5}, number+1)
}

// skip goes on behind a broken chunk: where it ends, if its length can be right,
// and otherwise with the next block.
func (c *chunkReader) skip() {
	left := c.buf[c.at:c.n]
	if header, size, ok := c.parse(left); ok {
		c.at += header + size
		return
	}
	c.at = c.n
}

func zeros(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// scanned is what a log or a manifest holds.
type scanned struct {
	end      int64 // of what can be read without a break
	whole    bool  // nothing is broken, and it ends as a log does that was closed
	promised int64 // what is behind the first break says that it had been synced up to there
	behind   int   // whole records behind the first break
	last     int64 // where the last whole record ends
	closed   int64 // where the trailer is; -1 if there is none
}

// readRecords reads all records that are whole, those behind damage, too, and calls
// visit with them, if it is not nil.
func readRecords(r io.Reader, manifest bool, number uint64, visit func(record []byte)) (s scanned, err error) {
	c := newChunkReader(r, manifest, number)
	s.closed = -1
	var record []byte
	inside, intact := false, true // inside a record
	for {
		ch, err := c.next()
		switch err {
		case nil:
			if !intact {
				s.promised = max(s.promised, ch.promised)
			}
			if ch.first {
				record, inside = record[:0], true
			}
			if !inside {
				continue
			}
			if record = append(record, ch.data...); !ch.last {
				continue
			}
			inside = false
			s.last = c.offset()
			if !intact {
				s.behind++
			}
			if visit != nil {
				visit(record)
			}
		case errBroken:
			if intact {
				intact, s.end = false, c.offset()
			}
			inside = false
			c.skip()
		case errTrailer, io.EOF:
			if intact {
				s.end = c.offset()
			}
			if err == errTrailer {
				s.closed, s.whole = c.offset(), intact
			}
			return s, nil
		default:
			return s, err
		}
	}
}

// appendRecord appends a record to what a log holds.
func appendRecord(dst []byte, number uint32, record []byte) []byte {
	for first := true; first || len(record) > 0; first = false {
		left := chunkBlock - len(dst)%chunkBlock
		if left < numberHeader {
			dst = append(dst, make([]byte, left)...)
			left = chunkBlock
		}
		n := min(len(record), left-numberHeader)
		t := byte(7) // in the middle
		switch {
		case first && n == len(record):
			t = 5
		case first:
			t = 6
		case n == len(record):
			t = 8
		}
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0, byte(n), byte(n>>8), t)
		dst = binary.LittleEndian.AppendUint32(dst, number)
		dst = append(dst, record[:n]...)
		binary.LittleEndian.PutUint32(dst[at:], chunkSum(dst[at+6:]))
		record = record[n:]
	}
	return dst
}

// The kinds of Pebble's files that are checked when they are read.
type engineKind int

const (
	otherFile engineKind = iota
	logFile
	manifestFile
)

// engineFile tells what a file of Pebble's is, and its number.
func engineFile(name string) (engineKind, uint64) {
	kind, digits := otherFile, ""
	if d, ok := strings.CutSuffix(name, ".log"); ok {
		kind, digits = logFile, d
	} else if d, ok := strings.CutPrefix(name, "MANIFEST-"); ok {
		kind, digits = manifestFile, d
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return otherFile, 0
	}
	return kind, n
}

func logName(number uint64) string { return fmt.Sprintf("%06d.log", number) }
