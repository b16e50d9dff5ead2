//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/internal/toolchain"
	"github.com/weft-trace/weft/bench/workload"
)

// watchAnswers tells, in the page, how long after Enter the first frame was presented that shows links to traces which were
// not there before.
const watchAnswers = `
const bench = (window.bench = { took: 0 });
let start = 0, before = new Set();
const shown = () => [...document.querySelectorAll("a[href*='trace/']")].map((a) => /trace\/([0-9a-f]{32})/.exec(a.href)?.[1]).filter(Boolean);
addEventListener("keydown", (e) => {
	if (e.key !== "Enter") return;
	before = new Set(shown());
	bench.took = 0;
	start = performance.now();
}, true);
new MutationObserver(() => {
	if (start === 0 || !shown().some((id) => !before.has(id))) return;
	const from = start;
	start = 0;
	requestAnimationFrame(() => requestAnimationFrame((now) => { bench.took = now - from; }));
}).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["href"] });
`

// searches types queries into the page, on a store of many spans.
func searches(ctx context.Context, tools *toolchain.Toolchain, o options, t *measure.Table) error {
	s, err := startServer(ctx, tools, o.store)
	if err != nil {
		return err
	}
	defer s.stop()
	if o.store == "" {
		if err := s.sendWorkload(ctx, o.spans); err != nil {
			return err
		}
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	var stats struct {
		StoredSpans                    int64
		OldestUnixNano, NewestUnixNano string
	}
	if err := s.api("stats", &stats); err != nil {
		return err
	}
	c, err := startChrome(o.chromium)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.before(watchAnswers); err != nil {
		return err
	}
	from, to := milliseconds(stats.OldestUnixNano), milliseconds(stats.NewestUnixNano)+1
	if err := c.visit(fmt.Sprintf("%ssearch?from=%d&to=%d&q=%s", s.url, from, to, "name+%3D+nobody")); err != nil {
		return err
	}
	total := stats.StoredSpans
	if o.store == "" {
		total = o.spans // the newest are in memory
	}
	progress("searching in %d spans", total)
	for _, kind := range []struct {
		name  string
		query func(n int) string
	}{
		{"a service and a duration", func(n int) string {
			return fmt.Sprintf("service = %s and duration > %dms", workload.ServiceName(n%workload.Services), 250+n)
		}},
		{"an operation that fails", func(n int) string {
			return fmt.Sprintf("name = %q and status = error", workload.OperationName(n%workload.Services, n%workload.Operations))
		}},
		{"a user", func(n int) string { return "user.id = " + workload.UserName(17+n*131) }},
		{"a user's slow requests", func(n int) string {
			return fmt.Sprintf("user.id = %s and kind = server and duration > 20ms", workload.UserName(40+n*97))
		}},
		{"part of an address", func(n int) string { return fmt.Sprintf("url.path *= resource/%d", 1000+n) }},
	} {
		var took measure.Series
		for n := range 4 * o.rounds {
			ms, err := c.ask(ctx, kind.query(n))
			if err != nil {
				return err
			}
			took = append(took, ms)
		}
		t.Row(fmt.Sprintf("search in %d spans: %s", total, kind.name), fmt.Sprintf("median %.0f ms, most %.0f ms", took.Median(), slices.Max(took)), "≤ 300 ms")
	}
	return nil
}

// ask puts a query into the field, presses Enter, and waits for its answer to be shown.
func (c *chrome) ask(ctx context.Context, query string) (ms float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	const field = `document.querySelector("[data-search]")`
	if err := c.until(ctx, "the page has no field for queries", field+" !== null", nil); err != nil {
		return 0, err
	}
	if err := c.run(field+".focus(); "+field+".select()", nil); err != nil {
		return 0, err
	}
	if err := c.call("Input.insertText", map[string]any{"text": query}, nil); err != nil {
		return 0, err
	}
	if err := c.key("Enter", 13); err != nil {
		return 0, err
	}
	if err := c.until(ctx, fmt.Sprintf("no answer to %q was shown", query), "bench.took", &ms); err != nil {
		return 0, err
	}
	return ms, nil
}

func milliseconds(nanos string) int64 {
	n, _ := strconv.ParseInt(nanos, 10, 64)
	return n / 1e6
}

// quantile is the smallest value that is not exceeded by that share of all.
func quantile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Clone(values)
	slices.Sort(v)
	return v[min(len(v)-1, max(0, int(math.Ceil(share*float64(len(v))))-1))]
}
