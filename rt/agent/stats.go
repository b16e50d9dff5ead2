package agent

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/weft-trace/weft/rt/trace"
)

// Why a span that was recorded did not reach the collector.
const (
	lostQueueFull   = iota // the collector was too slow, or away for too long
	lostRefused            // it answered with an error that is not worth another attempt
	lostRejected           // it took the request, but not this span
	lostAtExit             // the program ended before
	lostNoCollector        // none on the default endpoint
	numLost
)

var lostNames = [numLost]string{"queue_full", "refused", "rejected", "exit", "no_collector"}

// stats is what weft knows about itself.
type stats struct {
	exported      atomic.Uint64
	exportedBytes atomic.Uint64 // as they went over the network
	requests      atomic.Uint64
	lost          [numLost]atomic.Uint64
	lastError     atomic.Pointer[error]
}

// Stats are totals since the program started.
type Stats struct {
	Recorded uint64            // spans that ended, were sampled, and found room in a ring
	Exported uint64            // spans that the collector accepted
	Bytes    uint64            // size of the requests in which it got them
	Requests uint64            // attempts to send a request
	Dropped  map[string]uint64 // spans lost, by cause; only causes that occurred
}

// snapshot reads the totals.
func (s *stats) snapshot() Stats {
	c := trace.Count()
	out := Stats{Recorded: c.Recorded, Exported: s.exported.Load(), Bytes: s.exportedBytes.Load(), Requests: s.requests.Load(), Dropped: map[string]uint64{}}
	for i, n := range c.Dropped {
		if n > 0 {
			out.Dropped[trace.DropCauses[i]] = n
		}
	}
	for i := range s.lost {
		if n := s.lost[i].Load(); n > 0 {
			out.Dropped[lostNames[i]] = n
		}
	}
	return out
}

// dropped lists what was lost, but not since the totals in before, and how much that is.
func (s *stats) dropped(before *Stats) (now Stats, total uint64, causes string) {
	now = s.snapshot()
	var parts []string
	add := func(name string) {
		if n := now.Dropped[name] - before.Dropped[name]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%s=%d", name, n))
		}
	}
	for _, name := range trace.DropCauses {
		add(name)
	}
	for i, name := range lostNames {
		if i != lostNoCollector {
			add(name)
		}
	}
	return now, total, strings.Join(parts, ", ")
}

// String is the totals as one line.
func (s Stats) String() string {
	text := fmt.Sprintf("%d spans recorded, %d exported in %d requests (%d bytes)", s.Recorded, s.Exported, s.Requests, s.Bytes)
	if len(s.Dropped) == 0 {
		return text + ", none lost"
	}
	var parts []string
	for _, names := range [][]string{trace.DropCauses[:], lostNames[:]} {
		for _, name := range names {
			if n := s.Dropped[name]; n > 0 {
				parts = append(parts, fmt.Sprintf("%s=%d", name, n))
			}
		}
	}
	return text + ", lost: " + strings.Join(parts, ", ")
}
