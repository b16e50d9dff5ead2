package ingest

import (
	"fmt"
	"net/http"
)

// Zipkin returns the handler of Zipkin's way to send spans, POST /api/v2/spans
// (https://zipkin.io/zipkin-api/#/default/post_spans).
func (r *Receiver) Zipkin() http.Handler { return http.HandlerFunc(r.serveZipkin) }

func (r *Receiver) serveZipkin(w http.ResponseWriter, req *http.Request) {
	x := r.exchange(w, req.Context(), Zipkin)
	defer x.close()
	s := NoSignal
	if req.URL.Path == "/api/v2/spans" {
		s = Traces
	}
	var res result
	var f *fault
	func() {
		defer r.guard(req, &f)
		if f = r.check(req); f != nil {
			return
		}
		media := mediaType(req)
		switch {
		case s != Traces:
			f = &fault{kind: unsupported, code: http.StatusNotFound, text: fmt.Sprintf("path %.200q: Zipkin spans go to /api/v2/spans", req.URL.Path)}
			return
		case req.Method != http.MethodPost:
			w.Header().Set("Allow", http.MethodPost)
			f = &fault{kind: unsupported, code: http.StatusMethodNotAllowed, text: fmt.Sprintf("method %.32s: spans are sent by POST", req.Method)}
			return
		case media == "":
			f = &fault{kind: unsupported, text: fmt.Sprintf("content type %.100q: want %s or %s", req.Header.Get("Content-Type"), typeJSON, typeProtobuf)}
			return
		}
		var e string
		if e, f = encodingOf(req.Header.Get("Content-Encoding")); f != nil {
			w.Header().Set("Accept-Encoding", "gzip, zstd")
			return
		}
		if _, f = x.receive(req.Body, req.ContentLength, e); f != nil {
			return
		}
		res, f = r.takeZipkin(x, media)
	}()
	r.ended(req, Zipkin, s, res, f)
	if f != nil {
		r.refuseHTTP(w, f)
		http.Error(w, f.text, f.httpCode())
		return
	}
	// Zipkin has no way to say that a part was rejected; the log and the
	// metrics do. 202 is what its clients expect.
	w.WriteHeader(http.StatusAccepted)
}
