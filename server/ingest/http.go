package ingest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"

	"github.com/weft-trace/weft/server/otlp"
)

// The paths of OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp-request).
var paths = map[string]Signal{"/v1/traces": Traces, "/v1/logs": Logs, "/v1/metrics": Metrics}

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// HTTP returns the handler of OTLP over HTTP: protobuf and JSON.
func (r *Receiver) HTTP() http.Handler { return http.HandlerFunc(r.serveHTTP) }

func (r *Receiver) serveHTTP(w http.ResponseWriter, req *http.Request) {
	s, known := paths[req.URL.Path]
	if !known {
		s = NoSignal
	}
	media := mediaType(req)
	x := r.exchange(w, req.Context(), OTLPHTTP)
	defer x.close()
	var res result
	var f *fault
	func() {
		defer r.guard(req, &f)
		if f = r.check(req); f != nil {
			return
		}
		switch {
		case !known:
			f = &fault{kind: unsupported, code: http.StatusNotFound, text: fmt.Sprintf("path %.200q: OTLP goes to /v1/traces, /v1/logs and /v1/metrics", req.URL.Path)}
			return
		case req.Method != http.MethodPost:
			w.Header().Set("Allow", http.MethodPost)
			f = &fault{kind: unsupported, code: http.StatusMethodNotAllowed, text: fmt.Sprintf("method %.32s: OTLP is sent by POST", req.Method)}
			return
		case media == "":
			f = &fault{kind: unsupported, text: fmt.Sprintf("content type %.100q: want %s or %s", req.Header.Get("Content-Type"), typeProtobuf, typeJSON)}
			return
		}
		var e string
		if e, f = encodingOf(req.Header.Get("Content-Encoding")); f != nil {
			w.Header().Set("Accept-Encoding", "gzip, zstd") // RFC 9110, section 15.5.16
			return
		}
		if _, f = x.receive(req.Body, req.ContentLength, e); f != nil {
			return
		}
		encoded := protobuf
		if media == typeJSON {
			encoded = jsonText
		}
		res, f = r.take(x, s, encoded)
	}()
	r.ended(req, OTLPHTTP, s, res, f)

	// The answer is in the form of the request.
	w.Header().Set("Content-Type", typeJSON)
	if media == typeProtobuf {
		w.Header().Set("Content-Type", typeProtobuf)
	}
	b := make([]byte, 0, 256)
	switch {
	case f != nil:
		r.refuseHTTP(w, f)
		if media == typeProtobuf {
			b = appendStatus(b, grpcCodes[f.kind], f.text, f.retry)
		} else {
			b = appendStatusJSON(b, grpcCodes[f.kind], f.text, f.retry)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.WriteHeader(f.httpCode())
	case media == typeProtobuf:
		b = otlp.AppendResponse(b, res.rejected, res.reason)
	default:
		b = otlp.AppendResponseJSON(b, [...]string{otlp.RejectedSpans, otlp.RejectedLogRecords, otlp.RejectedDataPoints}[s], res.rejected, res.reason)
	}
	w.Write(b) // a client that is gone does not need an answer
}

// refuseHTTP sets the headers that go with a fault.
func (r *Receiver) refuseHTTP(w http.ResponseWriter, f *fault) {
	switch f.kind {
	case overloaded, unavailable:
		w.Header().Set("Retry-After", strconv.Itoa(seconds(f.retry)))
	case unauthenticated:
		w.Header().Set("WWW-Authenticate", `Bearer realm="weft"`)
	case late, gone:
		w.Header().Set("Connection", "close")
	}
}

// mediaType returns the content type of the request if it is one of OTLP's, without its parameters.
func mediaType(req *http.Request) string {
	switch t := req.Header.Get("Content-Type"); t {
	case typeProtobuf, typeJSON:
		return t
	default:
		if m, _, err := mime.ParseMediaType(t); err == nil && (m == typeProtobuf || m == typeJSON) {
			return m
		}
	}
	return ""
}

func appendString(b []byte, s string) []byte {
	j, _ := json.Marshal(s) // cannot fail for a string
	return append(b, j...)
}
