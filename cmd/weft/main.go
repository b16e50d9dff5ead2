// Command weft builds Go programs that trace themselves: it puts tracing into
// the source while the go command compiles it, and leaves the source alone.
// See "weft help".
package main

import (
	"os"

	"github.com/weft-trace/weft/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
