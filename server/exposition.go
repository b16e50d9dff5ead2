package server

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// metricsText writes Prometheus' text format
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Weft's own
// metrics are counters and gauges that are kept elsewhere, so that writing
// them down is all there is to do; a client library would add 30 packages.
type metricsText struct {
	w    io.Writer
	last string
}

// add writes one sample. Samples of one name follow each other; labels are
// names and values in turn.
func (m *metricsText) add(kind, name, help string, v float64, labels ...string) {
	if name != m.last {
		fmt.Fprintf(m.w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		m.last = name
	}
	io.WriteString(m.w, name)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		fmt.Fprintf(m.w, `%s%s="%s"`, sep, labels[i], escapeLabel.Replace(labels[i+1]))
	}
	if len(labels) > 1 {
		io.WriteString(m.w, "}")
	}
	io.WriteString(m.w, " "+strconv.FormatFloat(v, 'g', -1, 64)+"\n")
}

func (m *metricsText) counter(name, help string, v float64, labels ...string) {
	m.add("counter", name, help, v, labels...)
}

func (m *metricsText) gauge(name, help string, v float64, labels ...string) {
	m.add("gauge", name, help, v, labels...)
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
