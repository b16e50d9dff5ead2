package main

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

func init() {
	scenarios["stacks"] = stacks
	scenarios["panic"] = func() { panic(arg) }
	scenarios["panic-error"] = func() { panic(fmt.Errorf("wrapped: %w", errors.New(arg))) }
	scenarios["panic-module"] = func() { parse(func() { panic("in a module's callback") }) }
	scenarios["panic-goroutine"] = func() { go nilPointer(nil); time.Sleep(time.Hour) }
	scenarios["panic-handler"] = func() {
		inHandler(func() {
			var m map[string]int
			m["x"] = 1
		})
	}
	scenarios["panic-in-request"] = func() {
		inHandler(func() {
			go func() { nilPointer(nil) }()
			time.Sleep(time.Hour)
		})
	}
	scenarios["panic-sql"] = func() { panicInDriver() }
	scenarios["repanic"] = func() {
		defer func() { panic(fmt.Sprint("again: ", recover())) }()
		inlined3(0)
	}
	scenarios["traceback"] = func() { debug.SetTraceback(arg) }
	scenarios["quit"] = quit
}

func nilPointer(p *http.Request) { fmt.Println(p.Method) }

func inlined3(n int) { divide(1, n) }

func divide(a, b int) { fmt.Println(a / b) }

// stacks prints what debug.Stack and runtime.Stack show in several places.
func stacks() {
	show := func(what string) func() {
		return func() {
			fmt.Printf("%s:\n%s\n", what, debug.Stack())
			buf := make([]byte, 1<<16)
			fmt.Printf("%s, runtime:\n%s\n", what, buf[:runtime.Stack(buf, false)])
		}
	}
	show("main")()
	parse(show("module"))
	inHandler(show("handler"))
	inHandler(func() { parse(show("handler, module")) })
	done := make(chan bool)
	time.AfterFunc(1, func() { show("timer")(); close(done) })
	<-done
	func() {
		defer func() {
			fmt.Println(recover())
			show("recovered")()
		}()
		parse(func() { inlined3(0) })
	}()
	inHandler(func() {
		defer func() {
			fmt.Println(recover())
			show("recovered in a handler")()
		}()
		parse(func() { nilPointer(nil) })
	})
}

// quit has goroutines wait in all kinds of places, and says so.
func quit() {
	block := make(chan int)
	var mu sync.Mutex
	mu.Lock()
	var wg sync.WaitGroup
	start := func(f func()) {
		wg.Add(1)
		go func() { wg.Done(); f() }()
	}
	start(func() { <-block })
	start(func() { block2 := make(chan int); block2 <- 1 })
	start(func() {
		select {
		case <-block:
		case v := <-make(chan int):
			fmt.Println(v)
		}
	})
	start(func() { mu.Lock() })
	start(func() { time.Sleep(time.Hour) })
	start(func() { parse(func() { <-block }) })
	start(func() {
		for v := range block {
			fmt.Println(v)
		}
	})
	wg.Wait()
	entered := make(chan bool)
	go inHandler(func() { entered <- true; parse(func() { <-block }) })
	<-entered
	go announce()
	select {}
}

// announce says "ready" when all other goroutines are where they wait.
func announce() {
	for {
		if waiting, running := stacksOf(); waiting >= 10 && running == 1 {
			break
		}
		runtime.Gosched()
	}
	fmt.Println("ready")
	select {}
}
