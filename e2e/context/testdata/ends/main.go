// Ends is a program that ends in the way that its argument names. It is built
// plain and with the runtime patch, and must end in the same way.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

type stringer struct{ s string }

func (s stringer) String() string { return "stringer " + s.s }

var ends = map[string]func(){
	"return":       func() {},
	"exit":         func() { os.Exit(7) },
	"panic":        func() { panic("oh") },
	"panic-error":  func() { panic(fmt.Errorf("wrapped: %w", errors.New("inner"))) },
	"panic-string": func() { panic(stringer{"x"}) },
	"panic-nil":    func() { panic(nil) },
	"nil-pointer":  func() { var p *int; *p = 1 },
	"index":        func() { s := make([]int, 1); i := 5; s[i] = 1 },
	"divide":       func() { n := 0; fmt.Println(1 / n) },
	"map":          func() { var m map[int]int; m[1] = 1 },
	"conversion":   func() { var v any = 1; fmt.Println(v.(string)) },
	"panic-go":     func() { go panic("elsewhere"); select {} },
	"panic-defer": func() {
		defer func() { panic("second") }()
		panic("first")
	},
	"repanic": func() {
		defer func() { panic(recover()) }()
		panic("again")
	},
	"panic-Error": func() { panic(badError{}) },
	"closed":      func() { c := make(chan int); close(c); c <- 1 },
	"deadlock":    func() { select {} },
	"goexit":      func() { runtime.Goexit() },
	"overflow":    func() { debug.SetMaxStack(1 << 20); overflow(1) },
	"fatal": func() {
		m := map[int]int{}
		for range 2 {
			go func() {
				for {
					m[1]++
				}
			}()
		}
		select {}
	},

	"TERM":    func() { kill(syscall.SIGTERM); time.Sleep(time.Minute) },
	"INT":     func() { kill(syscall.SIGINT); time.Sleep(time.Minute) },
	"HUP":     func() { kill(syscall.SIGHUP); time.Sleep(time.Minute) },
	"QUIT":    func() { kill(syscall.SIGQUIT); time.Sleep(time.Minute) },
	"KILL":    func() { kill(syscall.SIGKILL); time.Sleep(time.Minute) },
	"TERM-go": func() { go kill(syscall.SIGTERM); time.Sleep(time.Minute) },
	"TERM-busy": func() {
		kill(syscall.SIGTERM)
		for {
		}
	},
	"TERM-return": func() { kill(syscall.SIGTERM) },
	"TERM-exit":   func() { kill(syscall.SIGTERM); os.Exit(0) },
	"TERM-twice": func() {
		kill(syscall.SIGTERM)
		kill(syscall.SIGINT)
		time.Sleep(time.Minute)
	},
	"TERM-notify": func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		kill(syscall.SIGTERM)
		fmt.Println("got", <-c)
		os.Exit(3)
	},
	"TERM-ignore": func() {
		signal.Ignore(syscall.SIGTERM)
		kill(syscall.SIGTERM)
		fmt.Println("ignored")
	},
	"TERM-reset": func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		signal.Reset(syscall.SIGTERM)
		kill(syscall.SIGTERM)
		time.Sleep(time.Minute)
	},
	"PIPE": func() {
		r, w, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		r.Close()
		if err := dup(int(w.Fd()), 1); err != nil {
			panic(err)
		}
		fmt.Println("nobody reads this")
		fmt.Println("nor this")
	},
}

type badError struct{}

func (badError) Error() string { panic("Error panics") }

func overflow(n int) int { return overflow(n+1) + 1 }

func main() {
	f := ends[os.Args[1]]
	hooks()
	f()
}
