//go:build linux

package serve

import (
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/bench/soak/endure"
	"github.com/weft-trace/weft/bench/workload"
	"github.com/weft-trace/weft/server/store"
)

// A day of spans is written in compressed time, in process, with partitions of an hour that are kept for six. At each hour's end what
// should be there is found, what should be gone is gone, and the directory has stopped to grow. WEFT_LONG=1 writes 2,000 spans a
// second, 172.8 million; otherwise the day has 24 minutes, and everything else is scaled with it.
func TestDay(t *testing.T) {
	hour, spans := time.Minute, int64(480_000)
	if long() {
		hour, spans = time.Hour, 24*3600*2000
	}
	const kept = 6
	all, err := endure.Run(t.Context(), endure.Options{
		Workload: workload.Workload{Seed: 3, Traces: spans / workload.SpansPerTrace, Window: 24 * hour,
			End: time.Now().UnixNano() / int64(24*time.Hour) * int64(24*time.Hour)}, // midnight
		Samples: 24, Simulate: true, Questions: 20,
		Store: store.Options{Dir: t.TempDir(), Retention: kept * hour, Partition: hour, HeadAge: hour / 6},
		Each: func(s endure.Sample) {
			if long() {
				t.Logf("%d spans, %d partitions, %d MiB, by id %v", s.Spans, s.Partitions, s.Disk>>20, s.ByID)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	endure.Table(all, true).Print(&table)
	t.Logf("\n%s", &table)
	gone := 0
	for i, s := range all {
		for name, l := range map[string]endure.Latency{"by id": s.ByID, "removed": s.Gone, "slow": s.Slow, "user": s.User, "broad": s.Broad} {
			if l.Right != l.Asked {
				t.Errorf("hour %d, %s: %d of %d answers are wrong: %s", i+1, name, l.Asked-l.Right, l.Asked, l.Wrong)
			}
		}
		gone += s.Gone.Asked
		if s.Partitions > kept+3 {
			t.Errorf("hour %d: %d partitions; want those of %d hours, the current one and what is about to go", i+1, s.Partitions, kept)
		}
	}
	if gone == 0 {
		t.Error("retention removed nothing")
	}
	// From the tenth hour on everything has its size.
	for i, s := range all[10:] {
		if s.Disk > all[9].Disk*3/2 {
			t.Errorf("hour %d: the store has %d bytes; at hour 10 it had %d", i+11, s.Disk, all[9].Disk)
		}
	}
}
