//go:build patched

package main

import (
	"os"
	"runtime"
	"time"
)

// hooks does what the agent does. What it sees goes to the file $SEEN. $AGENT
// says how it serves a signal: well, late, or not at all.
func hooks() {
	seen := func(what string) {
		f, err := os.OpenFile(os.Getenv("SEEN"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			panic(err)
		}
		f.WriteString(what + "\n")
		f.Close()
	}
	runtime.WeftSetFatal(func() {
		defer func() { recover() }()
		seen("panic")
		panic("of the agent's own, recovered")
	})
	saved := runtime.WeftSwap(runtime.WeftContext{Root: runtime.WeftMuted})
	defer runtime.WeftSwap(saved)
	go func() { select {} }() // keeps no deadlock from being found
	if agent := os.Getenv("AGENT"); agent != "" {
		runtime.WeftSetSignalDeath(int64(200 * time.Millisecond))
		go func() {
			for runtime.WeftDying() == 0 {
				time.Sleep(time.Millisecond)
			}
			seen("signal")
			if agent == "late" {
				select {}
			}
			runtime.WeftDie()
		}()
	}
}
