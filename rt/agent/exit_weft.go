//go:build weft

package agent

import (
	"internal/runtime/exithook"
	"runtime"
	"time"
)

func init() { begin() }

// atEnd makes the ends of the program flush.
func atEnd(a *agent) {
	exithook.Add(exithook.Hook{F: a.atExit, RunOnFailure: true})
	runtime.WeftSetFatal(a.atExit)
}

// setSignalDeath sets for how long a signal that would end the program is held back for the agent.
func setSignalDeath(limit time.Duration) { runtime.WeftSetSignalDeath(int64(limit)) }

// dying is the signal that is held back, 0 if none.
func dying() uint32 { return runtime.WeftDying() }

// die lets it strike.
func die() { runtime.WeftDie() }
