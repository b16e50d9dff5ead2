package paths

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// exits calls f between what advice does at the entry and the exit of a woven
// function, and notes what the exit sees.
func exits(seen *[]string, f func()) {
	mark := runtime.WeftPanicMark()
	defer func() {
		v, ok := runtime.WeftPanicking(mark)
		if ok {
			*seen = append(*seen, fmt.Sprint("panic ", v))
		} else {
			*seen = append(*seen, "return")
		}
	}()
	f()
}

func TestPanicking(t *testing.T) {
	recovers := func(f func()) {
		defer func() { recover() }()
		f()
	}
	for _, test := range []struct {
		name string
		run  func(seen *[]string)
		want string
	}{
		{"return", func(s *[]string) { exits(s, func() {}) }, "[return]"},
		{"panic", func(s *[]string) {
			recovers(func() { exits(s, func() { panic(1) }) })
		}, "[panic 1]"},
		{"error", func(s *[]string) {
			recovers(func() { exits(s, func() { panic(io.EOF) }) })
		}, "[panic EOF]"},
		{"runtime error", func(s *[]string) {
			recovers(func() { exits(s, func() { var p *int; *p = 1 }) })
		}, "[panic runtime error: invalid memory address or nil pointer dereference]"},
		{"two frames", func(s *[]string) {
			recovers(func() { exits(s, func() { exits(s, func() { panic(1) }) }) })
		}, "[panic 1 panic 1]"},
		{"recovered below", func(s *[]string) {
			exits(s, func() { recovers(func() { exits(s, func() { panic(1) }) }) })
		}, "[panic 1 return]"},
		{"recovered by the function itself", func(s *[]string) {
			exits(s, func() {
				defer func() { recover() }()
				panic(1)
			})
		}, "[return]"},
		{"woven function in a deferred call during a panic", func(s *[]string) {
			recovers(func() {
				defer exits(s, func() {})
				panic(1)
			})
		}, "[return]"},
		{"panic in a deferred call during a panic", func(s *[]string) {
			recovers(func() {
				exits(s, func() {
					defer func() {
						recovers(func() { exits(s, func() { panic(2) }) })
						exits(s, func() {})
					}()
					panic(1)
				})
			})
		}, "[panic 2 return panic 1]"},
		{"replaced", func(s *[]string) {
			recovers(func() {
				exits(s, func() {
					defer func() { panic(2) }()
					panic(1)
				})
			})
		}, "[panic 2]"},
		{"repanicked", func(s *[]string) {
			recovers(func() {
				exits(s, func() {
					defer func() { panic(recover()) }()
					panic(1)
				})
			})
		}, "[panic 1]"},
		{"Goexit", func(s *[]string) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				exits(s, runtime.Goexit)
			}()
			<-done
		}, "[return]"},
		{"panic in Goexit", func(s *[]string) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				exits(s, func() {
					defer func() {
						recovers(func() { exits(s, func() { panic(3) }) })
					}()
					runtime.Goexit()
				})
			}()
			<-done
		}, "[panic 3 return]"},
		{"stack grows in between", func(s *[]string) {
			recovers(func() {
				defer func() {
					exits(s, func() { deep(1000, func() {}) })
					recovers(func() { exits(s, func() { deep(3000, func() { panic(2) }) }) })
				}()
				panic(1)
			})
		}, "[return panic 2]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var seen []string
			test.run(&seen)
			if got := fmt.Sprint(seen); got != test.want {
				t.Errorf("exits saw %s, want %s", got, test.want)
			}
		})
	}
}

// TestPanickingLooksOnly: looking at a panic does not change it.
func TestPanickingLooksOnly(t *testing.T) {
	sentinel := errors.New("sentinel")
	defer func() {
		if v := recover(); v != sentinel {
			t.Errorf("recovered %v", v)
		}
	}()
	var seen []string
	exits(&seen, func() { panic(sentinel) })
	t.Error("went on")
}

func TestTicks64(t *testing.T) {
	a := runtime.WeftTicks()
	for range 1000 {
		runtime.Gosched()
	}
	if b := runtime.WeftTicks(); b <= a {
		t.Errorf("time stood still: %d, %d", a, b)
	}
	if runtime.GOARCH != "amd64" && runtime.WeftTicksTSC() {
		t.Error("time stamp counter on ", runtime.GOARCH)
	}
}

func TestRand(t *testing.T) {
	seen := make(map[uint64]bool)
	for range 10000 {
		seen[runtime.WeftRand()] = true
	}
	if len(seen) != 10000 {
		t.Errorf("%d different numbers of 10000", len(seen))
	}
}

func TestPin(t *testing.T) {
	p := runtime.WeftPin()
	runtime.WeftUnpin()
	if n := runtime.GOMAXPROCS(0); p < 0 || p >= n {
		t.Errorf("P %d of %d", p, n)
	}
}

// TestNoAllocation: contexts cost no allocation, but for the queue of a buffered
// channel and the argument of a timer.
func TestNoAllocation(t *testing.T) {
	c1, c8, direct := make(chan int, 1), make(chan int, 8), make(chan int)
	go func() {
		for range direct {
		}
	}()
	own(1)
	defer forget()
	c8 <- 1
	<-c8
	for name, f := range map[string]func(){
		"one element": func() { c1 <- 1; <-c1 },
		"buffered":    func() { c8 <- 1; <-c8 },
		"unbuffered":  func() { direct <- 1 },
		"ticks":       func() { runtime.WeftTicks() },
		"panic mark":  func() { runtime.WeftPanicking(runtime.WeftPanicMark()) },
		"loop end":    func() { runtime.WeftLoopEnd() },
		"collected":   func() { runtime.WeftCollected() },
		"mailbox":     func() { runtime.WeftMailbox(c1) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
