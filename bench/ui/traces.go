//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/internal/toolchain"
)

// watchPaint records, in the page, when the first frame was presented in which a large canvas had been drawn upon, and how
// long the frames after that take. It looks at what is drawn, and needs no help of the page.
const watchPaint = `
const bench = (window.bench = { painted: 0, frames: [] });
let strokes = 0;
for (const name of ["fillRect", "fill", "fillText", "roundRect", "stroke", "drawImage", "putImageData"]) {
	const draw = CanvasRenderingContext2D.prototype[name];
	CanvasRenderingContext2D.prototype[name] = function (...args) {
		if (bench.painted === 0 && this.canvas.getBoundingClientRect().height >= 200 && ++strokes === 30) {
			// What is drawn in a frame is presented after it: the next one starts when it was.
			requestAnimationFrame(() => { bench.painted = performance.now(); });
		}
		return draw.apply(this, args);
	};
}
bench.watch = (ms) => new Promise((done) => {
	const at = [];
	const end = performance.now() + ms;
	const frame = (now) => { at.push(now); now < end ? requestAnimationFrame(frame) : done(at.slice(1).map((t, i) => t - at[i])); };
	requestAnimationFrame(frame);
});
`

// traces opens large traces, and scrolls one.
func traces(ctx context.Context, tools *toolchain.Toolchain, o options, t *measure.Table) error {
	data, err := tools.Build(tools.Root+"/ui/test/data", "data", false)
	if err != nil {
		return err
	}
	s, err := startServer(ctx, tools, "")
	if err != nil {
		return err
	}
	defer s.stop()
	c, err := startChrome(o.chromium)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.before(watchPaint); err != nil {
		return err
	}
	for _, trace := range []struct {
		spans  int
		budget string
		scroll bool
	}{{o.large, "≤ 1000 ms", true}, {o.largest, "≤ 2000 ms", false}} {
		if trace.spans == 0 {
			continue
		}
		progress("a trace of %d spans", trace.spans)
		id, err := s.sendTrace(ctx, data, trace.spans)
		if err != nil {
			return err
		}
		if err := s.settle(ctx); err != nil {
			return err
		}
		var first measure.Series
		for range o.rounds {
			ms, err := c.firstPaint(ctx, s.url+"trace/"+id)
			if err != nil {
				return err
			}
			first = append(first, ms)
		}
		t.Row(fmt.Sprintf("trace of %d spans: first paint", trace.spans), first.Format("%.0f ms"), trace.budget)
		if !trace.scroll {
			continue
		}
		frames, busy, err := c.scroll(ctx)
		if err != nil {
			return err
		}
		t.Row(fmt.Sprintf("trace of %d spans, scrolling: work of the page for a frame", trace.spans), fmt.Sprintf("%.1f ms", busy), "")
		t.Row(fmt.Sprintf("trace of %d spans, scrolling: median frame", trace.spans), fmt.Sprintf("%.1f ms", quantile(frames, 0.5)), "≤ 16.7 ms")
		t.Row(fmt.Sprintf("trace of %d spans, scrolling: p99 of %d frames", trace.spans, len(frames)), fmt.Sprintf("%.1f ms", quantile(frames, 0.99)), "≤ 33 ms")
	}
	return nil
}

// firstPaint goes to a trace's page, with nothing cached, and returns the milliseconds from the start of the navigation to the first paint.
func (c *chrome) firstPaint(ctx context.Context, address string) (ms float64, err error) {
	if err := c.visit("about:blank"); err != nil {
		return 0, err
	}
	if err := c.visit(address); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err = c.until(ctx, "no canvas was drawn on "+address, "window.bench?.painted", &ms)
	return ms, err
}

// scroll turns the wheel over the middle of the page for ten seconds and returns how long each frame took, and how many
// milliseconds of it the page's main thread was busy, on average.
func (c *chrome) scroll(ctx context.Context) (frames []float64, busy float64, err error) {
	before, err := c.taskSeconds()
	if err != nil {
		return nil, 0, err
	}
	watched := make(chan error, 1)
	go func() { watched <- c.run("bench.watch(10000)", &frames) }()
	for start := time.Now(); time.Since(start) < 10*time.Second && ctx.Err() == nil; time.Sleep(8 * time.Millisecond) {
		down := 180.0
		if time.Since(start) > 7*time.Second {
			down = -300
		}
		if err := c.call("Input.dispatchMouseEvent", map[string]any{"type": "mouseWheel", "x": width / 2, "y": height / 2, "deltaX": 0, "deltaY": down}, nil); err != nil {
			return nil, 0, err
		}
	}
	if err := <-watched; err != nil {
		return nil, 0, err
	}
	after, err := c.taskSeconds()
	return frames, (after - before) * 1000 / float64(max(1, len(frames))), err
}

// taskSeconds is how long the page's main thread has worked so far.
func (c *chrome) taskSeconds() (float64, error) {
	if err := c.call("Performance.enable", nil, nil); err != nil {
		return 0, err
	}
	var r struct {
		Metrics []struct {
			Name  string
			Value float64
		}
	}
	if err := c.call("Performance.getMetrics", nil, &r); err != nil {
		return 0, err
	}
	for _, m := range r.Metrics {
		if m.Name == "TaskDuration" {
			return m.Value, nil
		}
	}
	return 0, fmt.Errorf("the browser has no metric TaskDuration")
}
