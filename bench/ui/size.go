//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/internal/toolchain"
	"github.com/weft-trace/weft/ui"
)

// sizes adds up the scripts and styles of the embedded page, all of them, as the server sends them: compressed, unless they are tiny.
func sizes(_ context.Context, _ *toolchain.Toolchain, _ options, t *measure.Table) error {
	page := ui.New()
	bytes := map[string]int64{}
	for _, name := range page.Files() {
		ext := name[strings.LastIndexByte(name, '.')+1:]
		r := httptest.NewRequest(http.MethodGet, name, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		page.ServeFile(w, r)
		bytes[ext] += int64(w.Body.Len())
	}
	t.Row("JavaScript, gzipped, all pages", fmt.Sprintf("%.1f kB", float64(bytes["js"])/1000), "≤ 150 kB")
	t.Row("CSS, gzipped, all pages", fmt.Sprintf("%.1f kB", float64(bytes["css"])/1000), "")
	return nil
}
