//go:build !weft

package agent

import (
	"reflect"
	"time"
)

// This is how the agent is built for its own tests, and for a Go version that weft has no runtime patch for. There, what was
// recorded in the last second before the program ends is lost.

func init() {
	if reflect.TypeFor[agent]().PkgPath() == "weft/agent" { // woven
		begin()
	}
}

func atEnd(*agent) {}

func setSignalDeath(time.Duration) {}

func dying() uint32 { return 0 }

func die() {}
