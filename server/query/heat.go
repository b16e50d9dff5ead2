package query

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// HeatMapRequest says what to draw.
type HeatMapRequest struct {
	Query     *Query // nil: every span
	From, To  int64  // the span starts in [From, To), nanoseconds since the Unix epoch
	Columns   int    // of time; 0: 60
	PerDecade int    // rows from a duration to ten times that; 0: 5
	Budget    Budget
}

// HeatMapResult is how many spans there are by time and duration.
type HeatMapResult struct {
	Stats
	Start, Step int64   // column i is from Start + i*Step on
	Bounds      []int64 // row j is from Bounds[j] nanoseconds up to and not including Bounds[j+1]; the last one is the last row's end. From the shortest duration to the longest
	Cells       [][]Cell
}

// Cell is one place of a heat map.
type Cell struct {
	Count, Errors int64
	Exemplars     []span.TraceID // up to 3, failed ones first
}

const (
	maxColumns   = 2000
	maxPerDecade = 40
	exemplars    = 3
)

// HeatMap counts the spans that match a query by time and duration.
func HeatMap(ctx context.Context, st *store.Store, req HeatMapRequest) (*HeatMapResult, error) {
	if req.Columns == 0 {
		req.Columns = 60
	}
	if req.PerDecade == 0 {
		req.PerDecade = 5
	}
	switch {
	case req.From >= req.To:
		return nil, fmt.Errorf("heat map: the range %d to %d is empty; expected its end, which is needed, after its start", req.From, req.To)
	case req.Columns < 1 || req.Columns > maxColumns:
		return nil, fmt.Errorf("heat map: %d columns; expected 1 to %d", req.Columns, maxColumns)
	case req.PerDecade < 1 || req.PerDecade > maxPerDecade:
		return nil, fmt.Errorf("heat map: %d rows per decade; expected 1 to %d", req.PerDecade, maxPerDecade)
	}
	res := &HeatMapResult{Start: req.From, Step: (req.To-req.From-1)/int64(req.Columns) + 1}
	columns := int((req.To-1-req.From)/res.Step) + 1
	bounds := durationBounds(req.PerDecade)
	rows := len(bounds) - 1
	var first [65]int // the row of the shortest duration with so many bits
	for n := 1; n < 64; n++ {
		for first[n] = first[n-1]; first[n] < rows-1 && bounds[first[n]+1] <= 1<<(n-1); first[n]++ {
		}
	}
	cells := make([][]Cell, columns) // made when a span falls into the column
	failed := make(map[*Cell]int)    // exemplars that failed, where there are some
	low, high := rows, -1

	s := newScan(req.Query, req.From, req.To, req.Budget)
	err := s.run(ctx, st, func(v *view, set bitset) (bool, error) {
		starts, err := v.Starts()
		if err != nil {
			return false, err
		}
		durations, err := v.Durations()
		if err != nil {
			return false, err
		}
		statuses, err := v.Statuses()
		if err != nil {
			return false, err
		}
		var traces []span.TraceID
		for row := range set.all() {
			i := (starts[row] - res.Start) / res.Step
			j := first[bits.Len64(uint64(durations[row]))]
			for j < rows-1 && bounds[j+1] <= durations[row] {
				j++
			}
			low, high = min(low, j), max(high, j)
			if cells[i] == nil {
				cells[i] = make([]Cell, rows)
			}
			c := &cells[i][j]
			c.Count++
			bad := statuses[row] == span.StatusError
			if bad {
				c.Errors++
			}
			if len(c.Exemplars) == exemplars && (!bad || failed[c] == exemplars) {
				continue
			}
			if traces == nil {
				if traces, err = v.TraceIDs(); err != nil {
					return false, err
				}
			}
			c.exemplar(traces[row], bad, failed)
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	res.Cells = make([][]Cell, columns)
	if high >= 0 {
		res.Bounds = bounds[low : high+2]
		for i := range cells {
			if cells[i] == nil {
				res.Cells[i] = make([]Cell, high-low+1)
			} else {
				res.Cells[i] = cells[i][low : high+1]
			}
		}
	}
	res.Stats = s.stats
	return res, nil
}

// exemplar takes a trace as an example of the cell. Failed ones stand first and
// take the place of others.
func (c *Cell) exemplar(id span.TraceID, bad bool, failed map[*Cell]int) {
	if slices.Contains(c.Exemplars, id) {
		return
	}
	if bad {
		c.Exemplars = slices.Insert(c.Exemplars, failed[c], id)
		failed[c]++
	} else {
		c.Exemplars = append(c.Exemplars, id)
	}
	c.Exemplars = c.Exemplars[:min(len(c.Exemplars), exemplars)]
}

// durationBounds returns the ascending bounds of the rows, so many to a decade
// and evenly on a logarithmic scale, that cover every duration: 0, 1 ns, …
func durationBounds(perDecade int) []int64 {
	bounds := []int64{0, 1}
	for i := 1; ; i++ {
		f := math.Round(math.Pow(10, float64(i)/float64(perDecade)))
		if f >= math.MaxInt64 {
			return append(bounds, math.MaxInt64)
		}
		if n := int64(f); n > bounds[len(bounds)-1] {
			bounds = append(bounds, n)
		}
	}
}
