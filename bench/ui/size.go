//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/internal/toolchain"
	"github.com/weft-trace/weft/ui"
)

// sizes opens every page with an empty cache and adds up the scripts that the browser loads for it.
func sizes(ctx context.Context, tools *toolchain.Toolchain, o options, t *measure.Table) error {
	s, err := startServer(ctx, tools, "")
	if err != nil {
		return err
	}
	defer s.stop()
	data, err := tools.Build(tools.Root+"/ui/test/data", "data", false)
	if err != nil {
		return err
	}
	id, err := s.sendTrace(ctx, data, 1000)
	if err != nil {
		return err
	}
	c, err := startChrome(o.chromium)
	if err != nil {
		return err
	}
	defer c.close()
	for _, page := range []struct{ name, path string }{
		{"start page", ""}, {"search", "search"}, {"trace", "trace/" + id}, {"service", "service?name=batch"}, {"map", "map"}, {"comparison", "compare?a=" + id + "&b=" + id},
	} {
		bytes, err := c.scripts(ctx, s.url+page.path)
		if err != nil {
			return err
		}
		t.Row("JavaScript, gzipped: "+page.name, fmt.Sprintf("%.1f kB", bytes/1000), "≤ 150 kB")
	}
	all := 0
	embedded := ui.New()
	for _, name := range embedded.Files() {
		if strings.HasSuffix(name, ".js") {
			r := httptest.NewRequest(http.MethodGet, name, nil)
			r.Header.Set("Accept-Encoding", "gzip")
			w := httptest.NewRecorder()
			embedded.ServeFile(w, r)
			all += w.Body.Len()
		}
	}
	t.Row("JavaScript, gzipped: all pages together", fmt.Sprintf("%.1f kB", float64(all)/1000), "")
	return nil
}

// scripts opens an address and returns the compressed size of the scripts that came, when none has come for a second.
func (c *chrome) scripts(ctx context.Context, address string) (bytes float64, err error) {
	if err := c.visit("about:blank"); err != nil {
		return 0, err
	}
	if err := c.visit(address); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	const quiet = `document.readyState === "complete" && (() => {
		const all = performance.getEntriesByType("resource");
		if (performance.now() - Math.max(0, ...all.map((e) => e.responseEnd)) < 1000) return 0;
		return all.filter((e) => e.name.endsWith(".js")).reduce((n, e) => n + e.encodedBodySize, 0);
	})()`
	err = c.until(ctx, address+" loads no scripts", quiet, &bytes)
	return bytes, err
}
