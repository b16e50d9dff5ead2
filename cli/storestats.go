package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/weft-trace/weft/server/store"
)

func (s *storing) stats(ctx context.Context) error {
	var body []byte
	var err error
	if s.dir == "" {
		body, err = s.client.get(ctx, "/stats", nil)
	} else {
		err = s.within(func(st *store.Store) error {
			body, err = json.Marshal(summary(st.Stats()))
			return err
		})
	}
	if err != nil {
		return err
	}
	s.progress.end()
	if s.json {
		_, err := fmt.Fprintf(s.inv.stdout, "%s\n", inert(bytes.TrimSpace(body)))
		return err
	}
	var a storeStats
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("read the answer of %s: %w; is it a server of another version?", s.client.server, err)
	}
	return s.writeStats(&a)
}

// storeStats is what is printed of GET /api/weft/v1/stats.
type storeStats struct {
	StoredSpans int64           `json:"storedSpans"`
	StoredBytes int64           `json:"storedBytes"`
	MemorySpans int             `json:"memorySpans"`
	MemoryBytes int64           `json:"memoryBytes"`
	Oldest      nanos           `json:"oldestUnixNano,omitempty"`
	Newest      nanos           `json:"newestUnixNano,omitempty"`
	DiskFull    bool            `json:"diskFull"`
	ReadOnly    bool            `json:"readOnly"`
	Failure     string          `json:"failure,omitempty"`
	Damages     []string        `json:"damages"`
	Partitions  []partitionStat `json:"partitions"`
}

type partitionStat struct {
	Name   string `json:"name"`
	Start  string `json:"start"`
	End    string `json:"end"`
	Spans  int64  `json:"spans"`
	Bytes  int64  `json:"bytes"`
	Sealed bool   `json:"sealed"`
	Damage string `json:"damage,omitempty"`
}

// MarshalText writes nanoseconds as the API does.
func (n nanos) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(n), 10), nil }

// summary has the same of a store without a server.
func summary(st store.Stats) *storeStats {
	a := &storeStats{MemorySpans: st.HeadSpans, MemoryBytes: st.HeadBytes, StoredSpans: int64(st.HeadSpans), DiskFull: st.DiskFull, ReadOnly: st.ReadOnly, Damages: st.Damages}
	if st.Failure != nil {
		a.Failure = st.Failure.Error()
	}
	for _, p := range st.Partitions {
		a.StoredSpans += p.Spans
		a.StoredBytes += p.Bytes
		if p.Spans > 0 {
			if a.Oldest == 0 || nanos(p.MinStart) < a.Oldest {
				a.Oldest = nanos(p.MinStart)
			}
			a.Newest = max(a.Newest, nanos(p.MaxStart))
		}
		e := partitionStat{Name: p.Name, Start: p.Start.UTC().Format(time.RFC3339), End: p.End.UTC().Format(time.RFC3339), Spans: p.Spans, Bytes: p.Bytes, Sealed: p.Sealed}
		if p.Damage != nil {
			e.Damage = p.Damage.Error()
		}
		a.Partitions = append(a.Partitions, e)
	}
	return a
}

func (s *storing) writeStats(a *storeStats) error {
	w := s.inv.stdout
	fmt.Fprintf(w, "%d spans, %s on disk", a.StoredSpans, humanBytes(a.StoredBytes))
	if int64(a.MemorySpans)*10 < a.StoredSpans { // else the journal of those in memory is most of it
		fmt.Fprintf(w, " (%.1f bytes a span)", float64(a.StoredBytes)/float64(a.StoredSpans-int64(a.MemorySpans)))
	}
	fmt.Fprintf(w, "; %d of them in memory, %s\n", a.MemorySpans, humanBytes(a.MemoryBytes))
	if a.Oldest != 0 {
		fmt.Fprintf(w, "from %s to %s\n", a.Oldest.time().UTC().Format(time.RFC3339), a.Newest.time().UTC().Format(time.RFC3339))
	}
	switch {
	case a.Failure != "":
		fmt.Fprintf(w, "takes no writes: %s\n", a.Failure)
	case a.ReadOnly:
		fmt.Fprintf(w, "takes no writes: %v\n", store.ErrReadOnly)
	case a.DiskFull:
		fmt.Fprintf(w, "takes no writes: %v\n", store.ErrFull)
	}
	for _, d := range a.Damages {
		fmt.Fprintf(w, "damage: %s\n", d)
	}
	if len(a.Partitions) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	rows := make([][]cell, 0, len(a.Partitions))
	for _, p := range a.Partitions {
		state := "written"
		switch {
		case p.Damage != "":
			state = "damaged: " + p.Damage
		case p.Sealed:
			state = "sealed"
		}
		rows = append(rows, []cell{{text: p.Start}, {text: p.End}, {text: strconv.FormatInt(p.Spans, 10)}, {text: humanBytes(p.Bytes)}, {text: state}, {text: p.Name}})
	}
	return s.writeTable([]column{{head: "ARRIVED FROM"}, {head: "TO"}, {head: "SPANS", right: true}, {head: "SIZE", right: true}, {head: "STATE"}, {head: "DIRECTORY", keep: true}}, rows)
}
