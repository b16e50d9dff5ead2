//go:build weft && go1.22

//weft:when v>=9.0.0 <10.0.0
package redis

import (
	"context"
	"strings"
	"weft/trace"
)

//weft:enter (*baseClient).processPipeline
func weftPipeline(o *weftOp, c *baseClient, ctx *context.Context, cmds *[]Cmder) {
	if s := c.weftServer; s != nil && !s.nestedAny(*cmds) {
		o.startBatch(s, *ctx, *cmds, "PIPELINE")
	}
}

//weft:exit (*baseClient).processPipeline
func weftPipelined(o *weftOp, c *baseClient, _ *context.Context, cmds *[]Cmder, err *error) {
	o.endBatch(c.weftServer, *cmds, *err)
}

//weft:enter (*baseClient).processTxPipeline
func weftTxPipeline(o *weftOp, c *baseClient, ctx *context.Context, cmds *[]Cmder) {
	if s := c.weftServer; s != nil && !s.nestedAny(*cmds) {
		o.startBatch(s, *ctx, *cmds, "MULTI")
	}
}

//weft:exit (*baseClient).processTxPipeline
func weftTxPipelined(o *weftOp, c *baseClient, _ *context.Context, cmds *[]Cmder, err *error) {
	o.endBatch(c.weftServer, *cmds, *err)
}

// nestedAny is nested for a pipeline: that of a node may begin with a command of
// the client's own.
func (s *weftServer) nestedAny(cmds []Cmder) bool {
	nested := false
	for _, cmd := range cmds {
		nested = cmd != nil && s.nested(cmd) || nested
		if !nested && !s.node.Load() && !weftOuterSet.Load() {
			return false
		}
	}
	return nested
}

// startBatch begins the span of a pipeline.
func (o *weftOp) startBatch(s *weftServer, ctx context.Context, cmds []Cmder, kind string) {
	cmds = weftInner(cmds)
	if len(cmds) == 1 && kind == "PIPELINE" && cmds[0] != nil {
		o.start(s, ctx, cmds[0])
		return
	}
	o.span.StartIn(ctx, "db", kind, trace.KindClient)
	if !o.span.Recording() {
		return
	}
	s.describe(&o.span)
	name, text := weftBatch(cmds)
	if name != "" {
		name = kind + " " + name
		o.span.SetName(name)
	} else {
		name = kind
	}
	o.span.Str(weftOperationKey, name)
	if text != "" {
		o.span.Str(weftTextKey, text)
	}
	if len(cmds) > 1 {
		o.span.Int(weftBatchKey, int64(len(cmds)))
	}
}

// weftInner is cmds without the MULTI and EXEC that go-redis puts around a
// transaction.
func weftInner(cmds []Cmder) []Cmder {
	if n := len(cmds); n > 2 && weftNamed(cmds[0], "multi") && weftNamed(cmds[n-1], "exec") {
		return cmds[1 : n-1]
	}
	return cmds
}

func weftNamed(cmd Cmder, name string) bool {
	if cmd == nil {
		return false
	}
	args := cmd.Args()
	if len(args) == 0 {
		return false
	}
	s, _ := args[0].(string)
	return s == name
}

// weftBatch is the operation that all of cmds are, if they are, and their texts: one
// if they are the same, and else the first ones.
func weftBatch(cmds []Cmder) (operation, text string) {
	const texts = 16
	var list []string
	alike, same := true, true
	var first *weftCommand
	for i, cmd := range cmds {
		if cmd == nil {
			continue
		}
		c := weftCommandOf(cmd)
		if first == nil {
			first = c
		}
		alike = alike && c.operation == first.operation
		same = same && c.text == first.text
		if i < texts && c.text != "" {
			list = append(list, c.text)
		} else if i == texts {
			list = append(list, "...")
		}
		if i >= texts && !alike {
			break
		}
	}
	if first == nil {
		return "", ""
	}
	if alike {
		operation = first.operation
	}
	if same {
		return operation, first.text
	}
	return operation, strings.Join(list, "; ")
}

// weftErr is a method of every command. Err may wait for what the calling goroutine
// is about to do, if an AutoPipeliner has the command.
func (cmd *baseCmd) weftErr() error { return cmd.err }

// endBatch ends the span of a pipeline. The error is that of the first command that
// has one, other than that a key does not exist.
func (o *weftOp) endBatch(s *weftServer, cmds []Cmder, err error) {
	if o.span.Recording() {
		if reply, ok := weftReply(err); err == nil || ok && reply.Error() == Nil.Error() {
			for _, cmd := range cmds {
				c, ok := cmd.(interface{ weftErr() error })
				if !ok {
					continue
				}
				if e := c.weftErr(); e != nil && e != Nil {
					err = e
					break
				}
			}
		}
	}
	o.end(s, err)
}
