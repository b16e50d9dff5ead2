// A program that serves as many requests as its argument says, by as many goroutines as there are processors, and prints how
// much memory it took at most.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
	var wg sync.WaitGroup
	var next, ok atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				resp, err := http.Get(srv.URL + "/some/path")
				if err != nil {
					log.Fatal(err)
				}
				if b, _ := io.ReadAll(resp.Body); string(b) == "ok" {
					ok.Add(1)
				}
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	srv.Close()
	fmt.Println("served", ok.Load())
	if len(os.Args) > 2 {
		var u syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		fmt.Println("KiB", u.Maxrss)
	}
}
