// A program that serves a few requests of its own and then ends in one of many ways.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func main() {
	n := 3
	var srv *httptest.Server
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello from", r.URL.Path)
	}))
	for i := range n {
		resp, err := http.Get(fmt.Sprint(srv.URL, "/", i))
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(os.Stdout, resp.Body)
		resp.Body.Close()
	}
	srv.Close() // waits for the handlers, so that all spans have ended
	fmt.Println("served")
	ends[os.Args[1]]()
	fmt.Println("end of main")
}

func kill(sig syscall.Signal) {
	syscall.Kill(os.Getpid(), sig)
	select {} // to be ended by it
}

func tickForever() {
	for range time.Tick(time.Hour) {
	}
}

var ends = map[string]func(){
	"return":  func() {},
	"exit0":   func() { os.Exit(0) },
	"exit3":   func() { os.Exit(3) },
	"exit255": func() { os.Exit(255) },
	"exit in a goroutine": func() {
		go os.Exit(4)
		tickForever()
	},
	"exit in many goroutines": func() {
		for range 50 {
			go os.Exit(4)
		}
		tickForever()
	},
	"exit in a deferred function": func() {
		defer os.Exit(6)
		panic("never seen")
	},
	"exit on a locked thread": func() { runtime.LockOSThread(); os.Exit(7) },
	"log.Fatal":               func() { log.SetFlags(0); log.Fatal("fatal") },
	"log.Panic":               func() { log.SetFlags(0); log.Panic("panic") },
	"panic":                   func() { panic("boom") },
	"panic error":             func() { panic(fmt.Errorf("wrapped: %w", errors.New("inner"))) },
	"panic nil":               func() { panic(nil) },
	"panic goexit":            func() { defer panic("in a deferred function"); runtime.Goexit() },
	"panic in a goroutine":    func() { go panic("in a goroutine"); tickForever() },
	"panic again":             func() { defer func() { panic(fmt.Sprint("again ", recover())) }(); panic("first") },
	"panic in panic":          func() { defer panic("second"); panic("first") },
	"panic in Error":          func() { panic(badError{}) },
	"panic under a lock":      func() { var mu sync.Mutex; mu.Lock(); panic("locked") },
	"nil pointer":             func() { var p *struct{ x int }; p.x = 1 },
	"index":                   func() { s := []int{}; n := 5; s[n] = 1 },
	"recovered":               func() { defer func() { recover() }(); panic("recovered") },
	"concurrent map writes": func() {
		// The runtime ends the program itself: nothing is flushed, and the output is what it always is.
		m := map[int]int{}
		go func() {
			for {
				m[1]++
			}
		}()
		for {
			m[1]++
		}
	},
	"SIGTERM": func() { kill(syscall.SIGTERM) },
	"SIGINT":  func() { kill(syscall.SIGINT) },
	"SIGHUP":  func() { kill(syscall.SIGHUP) },
	"SIGKILL": func() { kill(syscall.SIGKILL) },
	"SIGTERM twice": func() {
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		kill(syscall.SIGTERM)
	},
	"SIGTERM while busy": func() {
		for range 4 {
			go func() {
				for {
				}
			}()
		}
		kill(syscall.SIGTERM)
	},
	"SIGTERM and exit": func() {
		// Whichever comes first in the plain program, it is by the signal.
		syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
		time.Sleep(20 * time.Millisecond)
		os.Exit(9)
	},
	"SIGTERM handled": func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		fmt.Println("got", <-c)
		os.Exit(5)
	},
	"SIGTERM handled and reset": func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		fmt.Println("got", <-c)
		signal.Reset()
		kill(syscall.SIGTERM)
	},
	"SIGTERM ignored": func() {
		signal.Ignore(syscall.SIGTERM)
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
	},
	"SIGHUP ignored by the parent": func() { syscall.Kill(os.Getpid(), syscall.SIGHUP) },
	"late SIGTERM": func() {
		// The agent rests by then.
		time.Sleep(2500 * time.Millisecond)
		kill(syscall.SIGTERM)
	},
	// The runtime says so when all goroutines are asleep, unless cgo is linked.
	"deadlock": func() { settle(); select {} },
	"goexit":   func() { settle(); runtime.Goexit() },
	"goroutines": func() {
		settle()
		fmt.Println(runtime.NumGoroutine())
		buf := make([]byte, 1<<16)
		fmt.Printf("%s\n", buf[:runtime.Stack(buf, true)])
	},
}

// settle waits until the program's own connections are gone. The last timer makes the thread that waited for them look again
// what there is to wait for; without it even the plain program is not always told that it is in a deadlock.
func settle() {
	http.DefaultClient.CloseIdleConnections()
	for i := 0; i < 1000 && runtime.NumGoroutine() > 1; i++ {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
}

type badError struct{}

func (badError) Error() string { panic("in Error") }
