//go:build !weft

package trace_test

import "github.com/weft-trace/weft/rt/trace"

const raceEnabled = trace.RaceEnabled
