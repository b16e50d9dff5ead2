package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"time"
)

func init() {
	scenarios["profiles"] = profiles
}

// stacksOf counts the goroutines that wait and those that do not.
func stacksOf() (waiting, running int) {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for _, g := range bytes.Split(buf, []byte("\n\n")) {
		first, _, _ := bytes.Cut(g, []byte("\n"))
		if bytes.Contains(first, []byte("[runn")) || bytes.Contains(first, []byte("[syscall")) {
			running++
		} else {
			waiting++
		}
	}
	return waiting, running
}

var sink [][]byte

//go:noinline
func allocate() { sink = append(sink, make([]byte, 1<<20)) }

var spun uint64

// spin takes some 0.2 s of CPU time, however busy the machine is.
//
//go:noinline
func spin() {
	for i := range uint64(100e6) {
		spun += i * spun
	}
}

func contend(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	time.Sleep(time.Millisecond)
}

// profiles writes profiles of every kind, and an execution trace, to the directory
// arg.
func profiles() {
	create := func(name string) *os.File {
		f, err := os.Create(filepath.Join(arg, name))
		if err != nil {
			panic(err)
		}
		return f
	}
	debug.SetGCPercent(-1) // whom the collector has help it, or wait, varies
	runtime.MemProfileRate = 1
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	cpu, tr := create("cpu"), create("trace")
	if err := pprof.StartCPUProfile(cpu); err != nil {
		panic(err)
	}
	if err := trace.Start(tr); err != nil {
		panic(err)
	}
	work := func() {
		spin()
		allocate()
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { contend(&mu) })
		}
		wg.Wait()
		c := make(chan int)
		go func() { time.Sleep(time.Millisecond); c <- 1 }()
		<-c
		parse(allocate)
	}
	work()
	inHandler(work)
	pprof.StopCPUProfile()
	trace.Stop()
	cpu.Close()
	tr.Close()

	ready, never := make(chan bool), make(chan bool)
	go func() { parse(func() { ready <- true; <-never }) }()
	go inHandler(func() { ready <- true; <-never })
	<-ready
	<-ready
	runtime.GC()
	for _, name := range []string{"goroutine", "heap", "allocs", "block", "mutex", "threadcreate"} {
		f := create(name)
		if err := pprof.Lookup(name).WriteTo(f, 0); err != nil {
			panic(err)
		}
		f.Close()
	}
	os.Exit(0)
}
