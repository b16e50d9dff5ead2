package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/weft-trace/weft/server/store"
)

// fault is why a request was not taken, in terms of no protocol.
type fault struct {
	kind  Outcome
	text  string
	retry time.Duration // when to try again; 0: never
	code  int           // HTTP status, if it is not the kind's
}

// Outcome is how a request ended.
type Outcome uint8

const (
	accepted        Outcome = iota
	partial                 // some of its items were rejected
	malformed               // it cannot be decoded
	oversized               // it is larger than allowed
	unsupported             // path, method, content type or encoding
	unauthenticated         // no credentials, or wrong ones
	forbidden               // credentials that do not allow it, or from a place that may not send
	overloaded              // the budget or the store is full for the moment
	unavailable             // the store cannot write now: starting, stopping, disk full, read-only
	late                    // it arrived too slowly
	gone                    // the client went away
	crashed                 // a fault of weft's own
	outcomes
)

var outcomeNames = [outcomes]string{
	"accepted", "partial", "malformed", "too_large", "unsupported", "unauthenticated", "forbidden", "overloaded", "unavailable", "too_slow", "client_gone", "error",
}

// String returns the name of the outcome that the metrics use.
func (o Outcome) String() string { return outcomeNames[o] }

// The codes are those that the OTLP specification tells clients to give up on
// or to try again after (https://opentelemetry.io/docs/specs/otlp/#failures and
// #failures-1). RESOURCE_EXHAUSTED is tried again only if it comes with RetryInfo.
var httpCodes = [outcomes]int{
	http.StatusOK, http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnauthorized,
	http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusRequestTimeout, 499, http.StatusInternalServerError,
}

var grpcCodes = [outcomes]int{
	codeOK, codeOK, codeInvalidArgument, codeResourceExhausted, codeUnimplemented, codeUnauthenticated,
	codePermissionDenied, codeResourceExhausted, codeUnavailable, codeDeadlineExceeded, codeCancelled, codeInternal,
}

// The codes of gRPC, from google/rpc/code.proto.
const (
	codeOK                = 0
	codeCancelled         = 1
	codeInvalidArgument   = 3
	codeDeadlineExceeded  = 4
	codePermissionDenied  = 7
	codeResourceExhausted = 8
	codeUnimplemented     = 12
	codeInternal          = 13
	codeUnavailable       = 14
	codeUnauthenticated   = 16
)

func (f *fault) httpCode() int {
	if f.code != 0 {
		return f.code
	}
	return httpCodes[f.kind]
}

func invalid(format string, args ...any) *fault {
	return &fault{kind: malformed, text: fmt.Sprintf(format, args...)}
}

func tooLarge(format string, args ...any) *fault {
	return &fault{kind: oversized, text: fmt.Sprintf(format, args...)}
}

func slow(format string, args ...any) *fault {
	return &fault{kind: late, text: fmt.Sprintf(format, args...), retry: time.Second}
}

func busy(text string) *fault {
	return &fault{kind: overloaded, text: text, retry: time.Second}
}

// ErrUnavailable is wrapped by an error of Options.Write that means: not now,
// try again later.
var ErrUnavailable = errors.New("not ready")

// storeRetry is when to try again what the store cannot write for now: what
// has to happen first (space on the disk, a restart) takes longer than a moment.
const storeRetry = 5 * time.Second

// refused says what an error of the budget or the store means to the client.
func (r *Receiver) refused(ctx context.Context, err error) *fault {
	switch {
	case errors.Is(err, errBusy), errors.Is(err, store.ErrBusy):
		return busy(err.Error())
	case errors.Is(err, ErrUnavailable), errors.Is(err, store.ErrReadOnly), errors.Is(err, store.ErrFull), errors.Is(err, store.ErrClosed):
		return &fault{kind: unavailable, text: err.Error(), retry: storeRetry}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return slow("the deadline that the client set has passed")
	case ctx.Err() != nil:
		return &fault{kind: gone, text: "the client went away"}
	}
	if r.o.Logger != nil {
		r.o.Logger.Error("write what was received", "error", err)
	}
	return &fault{kind: unavailable, text: err.Error(), retry: storeRetry}
}
