package cli

import (
	"fmt"
	"strings"
)

func helpCommand() *command {
	return &command{
		name:  "help",
		usage: "[command]",
		short: "explain weft, or one command",
		long:  "Help explains one command, or lists them all.\n",
		run:   runHelp,
	}
}

func runHelp(inv *invocation) (int, error) {
	if len(inv.args) == 0 {
		_, err := fmt.Fprint(inv.stdout, overview())
		return 0, err
	}
	for _, c := range commands() {
		if c.name == inv.args[0] {
			_, err := fmt.Fprintf(inv.stdout, "usage: weft %s\n\n%s", strings.TrimSpace(c.name+" "+c.usage), c.long)
			return 0, err
		}
	}
	return 2, fmt.Errorf("help: unknown command %q; run \"weft help\"", inv.args[0])
}

func overview() string {
	var b strings.Builder
	b.WriteString(`Weft builds Go programs that trace themselves, without a change to their code.

Write "weft go" where you write "go":

	weft go build ./...
	OTEL_TRACES_EXPORTER=console ./server

Commands:

`)
	for _, c := range commands() {
		fmt.Fprintf(&b, "\t%-10s %s\n", c.name, c.short)
	}
	b.WriteString(`
Environment of a build:

	WEFT_OFF=1     build plainly
	WEFT_CACHE     where weft keeps edited files; the user's cache directory by default

Run "weft help command" for more about a command.
`)
	return b.String()
}
