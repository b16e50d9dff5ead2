// Command app does one thing with net/http, by the name given to it, and prints
// what can be seen of it from inside the program. It must print the same when it
// is woven, so it prints nothing that varies from run to run.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sort"
	"strings"
	"time"
)

var scenarios = map[string]func(){}

func main() {
	log.SetFlags(0)
	run, ok := scenarios[os.Args[1]]
	if !ok {
		log.Fatalf("no scenario %q", os.Args[1])
	}
	run()
}

func check(err error) {
	if err != nil {
		log.Fatalf("app: %v", err)
	}
}

// settle waits until no more than n goroutines are left: those of handlers that
// no Close waits for.
func settle(n int) {
	for range 5000 {
		if runtime.NumGoroutine() <= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	log.Fatal("app: goroutines do not end")
}

// get sends a request and returns the response with its body.
func get(c *http.Client, url string) (*http.Response, string) {
	resp, err := c.Get(url)
	check(err)
	return resp, body(resp)
}

func body(resp *http.Response) string {
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return fmt.Sprintf("%s<%v>", b, err)
	}
	return string(b)
}

// headers prints h in order, without what a woven client adds to what it sends.
func headers(h http.Header) string {
	var list []string
	for k, v := range h {
		switch k {
		case "Date", "Traceparent", "Tracestate", "Baggage":
		default:
			list = append(list, fmt.Sprintf("%s=%q", k, v))
		}
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

// serve runs h on a loopback port over HTTP/1, with a transport of its own.
func serve(h http.Handler) (*httptest.Server, *http.Client) {
	s := httptest.NewServer(h)
	return s, s.Client()
}

// abilities prints what w is and can do.
func abilities(w http.ResponseWriter) {
	_, flusher := w.(http.Flusher)
	_, flushError := w.(interface{ FlushError() error })
	_, hijacker := w.(http.Hijacker)
	_, readerFrom := w.(io.ReaderFrom)
	_, stringWriter := w.(io.StringWriter)
	_, pusher := w.(http.Pusher)
	_, closeNotifier := w.(http.CloseNotifier)
	fmt.Printf("%T flusher=%v flushError=%v hijacker=%v readerFrom=%v stringWriter=%v pusher=%v closeNotifier=%v\n",
		w, flusher, flushError, hijacker, readerFrom, stringWriter, pusher, closeNotifier)
}
