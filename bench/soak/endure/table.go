//go:build linux

package endure

import (
	"fmt"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
)

// Table shows samples; hours is whether each is one of a simulated hour.
func Table(samples []Sample, hours bool) *measure.Table {
	first := "spans, million"
	if hours {
		first = "hour"
	}
	t := measure.Head(first, "CPU per span, µs (all)", "spans per CPU-second", "store, MiB", "bytes per span kept", "partitions", "RSS, MiB (peak)", "busy",
		"by id p50 / p99, ms", "slow spans of an operation", "a user's spans", "any 20 of an operation", "wrong answers")
	for i, s := range samples {
		name := fmt.Sprintf("%.1f", float64(s.Spans)/1e6)
		if hours {
			name = fmt.Sprint(i + 1)
		}
		wrong, asked := 0, 0
		for _, l := range []Latency{s.ByID, s.Gone, s.Slow, s.User, s.Broad} {
			wrong, asked = wrong+l.Asked-l.Right, asked+l.Asked
		}
		t.Row(name, fmt.Sprintf("%.2f (%.2f)", micros(s.Part), micros(s.All)), fmt.Sprintf("%.0f", float64(time.Second)/float64(max(s.Part, 1))), fmt.Sprint(s.Disk>>20),
			fmt.Sprintf("%.1f", float64(s.Disk)/float64(max(s.Kept, 1))), fmt.Sprint(s.Partitions), fmt.Sprintf("%d (%d)", s.RSS>>20, s.Peak>>20), fmt.Sprint(s.Busy),
			s.ByID.String(), s.Slow.String(), s.User.String(), s.Broad.String(), fmt.Sprintf("%d of %d", wrong, asked))
	}
	return t
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// String is the median and the 99th percentile in milliseconds.
func (l Latency) String() string {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("%.2f / %.2f", ms(l.P50), ms(l.P99))
}
