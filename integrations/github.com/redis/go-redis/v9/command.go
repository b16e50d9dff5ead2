//go:build weft && go1.22

//weft:when v>=9.0.0 <10.0.0
package redis

import (
	"context"
	"strings"
	"sync/atomic"
	"weft/trace"
)

// weftOp is one command, pipeline or transaction.
type weftOp struct {
	span  trace.Span
	outer *weftOuter
}

// A weftOuter is the command of a client for several nodes, while its nodes work
// for it.
type weftOuter struct {
	done   atomic.Bool
	server atomic.Pointer[weftServer] // of the last node
}

//weft:field baseCmd weftOuter *weftOuter

// weftTellOuter and weftAskOuter are methods of every command.
func (cmd *baseCmd) weftTellOuter(o *weftOuter) { cmd.weftOuter = o }

func (cmd *baseCmd) weftAskOuter() *weftOuter {
	if o := cmd.weftOuter; o != nil && !o.done.Load() {
		return o
	}
	return nil
}

// weftOuterSet says that a command of a client that is not itself for several
// nodes may have an outer one, too.
var weftOuterSet atomic.Bool

// nested reports whether cmd is a part of what has a span already, and tells that
// which server it is.
func (s *weftServer) nested(cmd Cmder) bool {
	if !s.node.Load() && !weftOuterSet.Load() {
		return false
	}
	c, ok := cmd.(interface{ weftAskOuter() *weftOuter })
	if !ok {
		return false
	}
	o := c.weftAskOuter()
	if o == nil {
		return false
	}
	if s != &weftMany {
		o.server.Store(s)
	}
	return true
}

// tell makes the commands known as parts of o.
func (o *weftOp) tell(cmds ...Cmder) {
	o.outer = new(weftOuter)
	for _, cmd := range cmds {
		if c, ok := cmd.(interface{ weftTellOuter(*weftOuter) }); ok {
			c.weftTellOuter(o.outer)
		}
	}
}

//weft:enter (*baseClient).process
func weftProcess(o *weftOp, c *baseClient, ctx *context.Context, cmd *Cmder) {
	if s := c.weftServer; s != nil && *cmd != nil && !s.nested(*cmd) {
		o.start(s, *ctx, *cmd)
	}
}

//weft:exit (*baseClient).process
func weftProcessed(o *weftOp, c *baseClient, _ *context.Context, _ *Cmder, err *error) {
	o.end(c.weftServer, *err)
}

// start begins the span of one command.
func (o *weftOp) start(s *weftServer, ctx context.Context, cmd Cmder) {
	o.span.StartIn(ctx, "db", "redis", trace.KindClient)
	if !o.span.Recording() {
		return
	}
	known := weftCommandOf(cmd)
	s.describe(&o.span)
	if known.operation == "" {
		return
	}
	o.span.SetName(known.operation)
	o.span.Str(weftOperationKey, known.operation)
	o.span.Str(weftTextKey, known.text)
	if known.stored {
		if args := cmd.Args(); len(args) > 1 {
			if name, ok := args[1].(string); ok && name != "" {
				o.span.Str(weftProcedureKey, name)
			}
		}
	}
}

func (o *weftOp) end(s *weftServer, err error) {
	if o.span.Recording() {
		if o.outer != nil {
			o.outer.done.Store(true)
			if node := o.outer.server.Load(); node != nil {
				s = node
				s.describe(&o.span)
			}
		}
		if s != nil {
			s.describePeer(&o.span)
		}
		weftFail(&o.span, err)
	}
	o.span.End()
}

// A weftCommand is what a span says of a command with so many arguments.
type weftCommand struct {
	name, sub string // as the program has them
	args      int
	operation string
	text      string
	stored    bool // it calls a stored procedure
}

// weftMaxArgs is how many arguments the text has a place for.
const weftMaxArgs = 8

// weftCommands is the commands that were used lately.
var weftCommands [512]atomic.Pointer[weftCommand]

// weftUnknown is for what has no name, or none that could be one.
var weftUnknown weftCommand

func weftCommandOf(cmd Cmder) *weftCommand {
	args := cmd.Args()
	if len(args) == 0 {
		return &weftUnknown
	}
	name, _ := args[0].(string)
	sub := ""
	n := len(args) - 1
	if n > 0 && weftContainer(name) {
		if sub, _ = args[1].(string); !weftIsName(sub) {
			sub = ""
		} else {
			n--
		}
	}
	return weftLookUp(name, sub, n)
}

// weftLookUp is the command with this name, subcommand and number of arguments.
func weftLookUp(name, sub string, args int) *weftCommand {
	if args > weftMaxArgs {
		args = weftMaxArgs + 1
	}
	hash := uint32(args)
	for i := 0; i < len(name) && i < 32; i++ {
		hash = hash*31 + uint32(name[i])
	}
	for i := 0; i < len(sub); i++ {
		hash = hash*31 + uint32(sub[i])
	}
	slot := &weftCommands[(hash^hash>>9)%uint32(len(weftCommands))]
	if c := slot.Load(); c != nil && c.name == name && c.sub == sub && c.args == args {
		return c
	}
	if !weftIsName(name) {
		return &weftUnknown
	}
	c := &weftCommand{name: strings.Clone(name), sub: strings.Clone(sub), args: args}
	c.operation = strings.ToUpper(name)
	switch c.operation {
	case "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO":
		c.stored = true
	}
	if sub != "" {
		c.operation += " " + strings.ToUpper(sub)
	}
	c.text = c.operation
	if args <= weftMaxArgs {
		c.text += strings.Repeat(" ?", args)
	} else {
		c.text += strings.Repeat(" ?", weftMaxArgs) + " ..."
	}
	slot.Store(c)
	return c
}

// weftIsName reports whether s may be the name of a command.
func weftIsName(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '.', c == '_', c == '-':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return true
}

// weftContainer reports whether the first argument of a command is the better part
// of its name.
func weftContainer(name string) bool {
	switch name {
	case "acl", "client", "cluster", "command", "config", "debug", "function", "latency", "memory", "module", "object",
		"pubsub", "script", "sentinel", "slowlog", "xgroup", "xinfo",
		"ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE", "OBJECT",
		"PUBSUB", "SCRIPT", "SENTINEL", "SLOWLOG", "XGROUP", "XINFO":
		return true
	}
	return false
}
