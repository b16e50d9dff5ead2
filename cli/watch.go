package cli

import "github.com/weft-trace/weft/watch"

var watchCommand = &command{
	name:  "watch",
	usage: "[flags]",
	short: "show the traces that programs on this machine send",
	long: `Watch listens on the loopback address, port 4318, where woven programs send
their traces when nothing else is configured, and prints every finished trace
as a waterfall. "weft watch -h" lists its flags.
`,
	run: func(inv *invocation) (int, error) {
		return watch.Main(inv.args, inv.env, inv.stdout, inv.stderr), nil
	},
}
