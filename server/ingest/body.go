package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// exchange is one request on its way in: its part of the budget and its buffers.
type exchange struct {
	r        *Receiver
	ctx      context.Context
	protocol Protocol
	control  *http.ResponseController
	lease    *lease
	work     *lease
	data     []byte // pooled
	timed    bool   // the deadline to read the request is set, and may stay
}

const (
	// What every request weighs at least: its goroutine, headers and decoder.
	minWeight = 64 << 10
	// What a request of unknown length weighs before it is read.
	unknownWeight = 1 << 20
	// How much longer than compressed a request is taken to be until that is
	// known. OTLP of a woven program compresses 6 to 12 times.
	expansion = 8
	// How much is allocated for a claimed length before its bytes arrive.
	firstBuffer = 1 << 20
)

// encodings are the values of Content-Encoding and grpc-encoding that receive undoes.
const (
	identity = "identity"
	gzipped  = "gzip"
	zstded   = "zstd"
)

// receive reads a body of size bytes, or up to its end if size is -1, and
// undoes its encoding. The bytes are valid until close. After a body of known
// size, the end must follow.
func (x *exchange) receive(body io.Reader, size int64, encoding string) ([]byte, *fault) {
	limit := x.r.o.RequestSize
	if size > limit {
		return nil, tooLarge("the request has %d bytes; %d are allowed%s", size, limit, x.r.o.sizeHint())
	}
	weight := size
	if size < 0 {
		weight = min(unknownWeight, limit)
	} else if encoding != identity {
		weight = size + min(size*expansion, limit)
	}
	lease, err := x.r.budget.acquire(x.ctx, max(weight, minWeight))
	if err != nil {
		return nil, x.r.refused(x.ctx, err)
	}
	x.lease = lease
	defer func() {
		if lease.n > minWeight {
			lease.shrink(max(int64(cap(x.data)), minWeight))
		}
	}()
	f := x.read(body, size)
	if f != nil || encoding == identity {
		return x.data, f
	}
	return x.data, x.decompress(encoding)
}

// read reads the body into x.data.
func (x *exchange) read(body io.Reader, size int64) *fault {
	limit := x.r.o.RequestSize
	want := size
	if size < 0 {
		want = unknownWeight
	}
	if !x.timed {
		x.control.SetReadDeadline(time.Now().Add(x.r.o.ReadTimeout))
	}
	x.lease.arriving(want, func() { x.control.SetReadDeadline(time.Unix(1, 0)) })
	f := func() *fault {
		b := getBuffer(int(min(max(want, 0), firstBuffer)))
		defer func() { x.data = b }()
		for {
			if size >= 0 && int64(len(b)) == size {
				var one [1]byte
				switch n, err := io.ReadFull(body, one[:]); {
				case n > 0:
					return invalid("the request goes on after the %d bytes that it announced", size)
				case err != io.EOF:
					return x.broken(err, len(b), size)
				}
				return nil
			}
			if int64(len(b)) >= limit && size < 0 { // full, and it may be the end
				if n, err := io.ReadFull(body, make([]byte, 1)); n > 0 {
					return tooLarge("the request has more than %d bytes, which is what is allowed%s", limit, x.r.o.sizeHint())
				} else if err != io.EOF {
					return x.broken(err, len(b), size)
				}
				return nil
			}
			if len(b) == cap(b) {
				room := min(int64(cap(b))*2, limit)
				if size < 0 && !x.lease.grow(room) {
					return busy(errBusy.Error())
				}
				b = growBuffer(b, int(room))
			}
			end := min(int64(cap(b)), limit)
			if size >= 0 {
				end = min(end, size)
			}
			n, err := body.Read(b[len(b):end])
			b = b[:len(b)+n]
			x.lease.got.Store(int64(len(b)))
			switch {
			case err == io.EOF && (size < 0 || int64(len(b)) == size):
				return nil
			case err != nil:
				return x.broken(err, len(b), size)
			}
		}
	}()
	if x.lease.arrived() {
		return slow("the request arrived too slowly while others waited for its place")
	}
	if f != nil {
		// What is left of the body is read before the answer is sent, but not for long.
		x.control.SetReadDeadline(time.Now().Add(drainTime))
	} else {
		if !x.timed {
			// HTTP/1's server goes on to read, to see whether the client goes away,
			// and must not take the deadline for that.
			x.control.SetReadDeadline(time.Time{})
		}
		x.r.Counters.wire[x.protocol].Add(int64(len(x.data)))
	}
	return f
}

// broken says what a failed read means.
func (x *exchange) broken(err error, got int, size int64) *fault {
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return slow("the request did not arrive within %v", x.r.o.ReadTimeout)
	case errors.As(err, &tooBig):
		return tooLarge("the request has more than %d bytes, which is what is allowed%s", tooBig.Limit, x.r.o.sizeHint())
	case x.ctx.Err() != nil:
		return &fault{kind: gone, text: "the client went away"}
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		if size >= 0 {
			return invalid("the request ended after %d of the %d bytes that it announced", got, size)
		}
		return invalid("the request ended early, after %d bytes", got)
	}
	return &fault{kind: gone, text: fmt.Sprintf("read the request: %v", err)}
}

// decompress replaces x.data by what it is the compressed form of.
func (x *exchange) decompress(encoding string) *fault {
	wire := x.data
	defer putBuffer(wire)
	x.data = nil
	switch encoding {
	case gzipped:
		return x.gunzip(wire)
	case zstded:
		return x.unzstd(wire)
	}
	panic("encoding " + encoding + " was let through")
}

func (x *exchange) tooLong() *fault {
	return tooLarge("the request has more than %d bytes when decompressed, which is what is allowed%s", x.r.o.RequestSize, x.r.o.sizeHint())
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

// gunzip decompresses wire. The length that a gzip stream ends with is a hint only.
func (x *exchange) gunzip(wire []byte) *fault {
	limit := x.r.o.RequestSize
	z := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(z)
	if err := z.Reset(bytes.NewReader(wire)); err != nil {
		return invalid("decompress the request: %v", gzipError(err))
	}
	hint := int64(len(wire)) * expansion
	if n := len(wire); n >= 4 {
		// One byte more than it says, to see the end without another buffer.
		if says := int64(binary.LittleEndian.Uint32(wire[n-4:])) + 1; says <= int64(n)*64 {
			hint = says
		}
	}
	hint = min(hint, limit)
	if !x.lease.grow(int64(len(wire)) + hint) {
		return busy(errBusy.Error())
	}
	b := getBuffer(int(hint))
	defer func() { x.data = b }()
	for {
		if int64(len(b)) >= limit { // full, and it may be the end
			switch n, err := io.ReadFull(z, make([]byte, 1)); {
			case n > 0:
				return x.tooLong()
			case err != io.EOF:
				return invalid("decompress the request: %v", gzipError(err))
			}
			return nil
		}
		if len(b) == cap(b) {
			room := min(int64(cap(b))*2, limit)
			if !x.lease.grow(int64(len(wire)) + int64(cap(b)) + room) {
				return busy(errBusy.Error())
			}
			b = growBuffer(b, int(room))
		}
		n, err := z.Read(b[len(b):min(int64(cap(b)), limit)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return invalid("decompress the request: %v", gzipError(err))
		}
	}
}

func gzipError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("gzip: the data ends early")
	}
	return err
}

// unzstd decompresses wire at once, into a buffer that the budget has room
// for: the decoder's own window would not be counted, and a client chooses how
// large it is.
func (x *exchange) unzstd(wire []byte) *fault {
	limit := x.r.o.RequestSize
	room := min(max(int64(len(wire))*2*expansion, minWeight), limit)
	var h zstd.Header
	if err := h.Decode(wire); err != nil {
		return invalid("decompress the request: zstd: %v", err)
	}
	if h.HasFCS {
		if h.FrameContentSize > uint64(limit) {
			return x.tooLong()
		}
		room = max(int64(h.FrameContentSize), minWeight)
	}
	for {
		if !x.lease.grow(int64(len(wire)) + room) {
			return busy(errBusy.Error())
		}
		b := getBuffer(int(room))
		out, err := x.r.zstd.DecodeAll(wire, b[:0:cap(b)])
		switch {
		case err == nil:
			x.data = out
			if int64(len(out)) > limit {
				return x.tooLong()
			}
			return nil
		case !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			putBuffer(b)
			return invalid("decompress the request: zstd: %v", err)
		}
		// It did not fit, and a stream does not say how long it is.
		size := int64(cap(b))
		putBuffer(b)
		if size >= limit {
			return x.tooLong()
		}
		room = min(size*2, limit)
	}
}

// start waits until the bytes may be worked on. What is being decoded and
// stored at the same time is bounded apart from what is received, because
// spans in memory take several times the bytes that they arrived in.
func (x *exchange) startWork() *fault {
	work, err := x.r.work.acquire(x.ctx, max(int64(len(x.data)), minWeight))
	if err != nil {
		return x.r.refused(x.ctx, err)
	}
	x.work = work
	return nil
}

// close gives back what the exchange holds. Nothing may point into its bytes any more.
func (x *exchange) close() {
	putBuffer(x.data)
	x.data = nil
	if x.work != nil {
		x.work.release()
	}
	if x.lease != nil {
		x.lease.release()
	}
}

// drain reads what is left of a refused request, up to a bound, so that
// clients that send first and listen then get to hear the answer.
func (x *exchange) drain(body io.Reader) {
	x.control.SetReadDeadline(time.Now().Add(drainTime))
	b := getBuffer(16 << 10)
	defer putBuffer(b)
	for left := drainBytes; left > 0; {
		n, err := body.Read(b[:cap(b)])
		if left -= n; err != nil {
			return
		}
	}
}

const (
	drainTime  = time.Second
	drainBytes = 256 << 10
)

// seconds rounds up to whole seconds, at least one, as Retry-After wants it.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
