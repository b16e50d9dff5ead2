// Command app shows where it is, in all the ways that a Go program can: its
// output names functions, files and lines of its own, of a module from the module
// cache and of the standard library.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

var scenarios = map[string]func(){}

func main() {
	for _, how := range os.Args[1:] {
		how, arg, _ = strings.Cut(how, "=")
		run, ok := scenarios[how]
		if !ok {
			fmt.Fprintln(os.Stderr, "no scenario", how)
			os.Exit(2)
		}
		run()
	}
}

// arg is what follows the "=" of a scenario's name.
var arg string

// frames prints the stack of its caller, inlined calls included, down to the
// goroutine's first function.
func frames(what string) {
	pcs := make([]uintptr, 100)
	pcs = pcs[:runtime.Callers(2, pcs)]
	fmt.Printf("%s:\n", what)
	for it := runtime.CallersFrames(pcs); ; {
		f, more := it.Next()
		fmt.Printf("\t%s %s:%d\n", f.Function, f.File, f.Line)
		if !more {
			break
		}
	}
	for skip := 0; ; skip++ {
		_, file, line, ok := runtime.Caller(skip)
		if !ok {
			break
		}
		fmt.Printf("\t%d %s:%d\n", skip, file, line)
	}
}
