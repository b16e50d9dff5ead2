// Package measure is what the benchmarks of this folder share: variants run in turn, medians, ratios taken round by
// round, and Markdown tables that go into docs/benchmarks.md as they are printed.
//
// The machines that these run on are noisy. So the variants of one comparison always run in one command, alternating
// (A B A B), and a ratio is the median over the rounds of B's figure divided by A's of the same round: what
// disturbs the machine for longer than a round disturbs both.
package measure

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Series is one figure of one variant, a value for each round.
type Series []float64

// Median is the middle value, or the mean of the middle two; 0 when there are none.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	v := slices.Clone(s)
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// Over divides s by base, round by round.
func (s Series) Over(base Series) Series {
	n := min(len(s), len(base))
	r := make(Series, 0, n)
	for i := range n {
		if base[i] != 0 {
			r = append(r, s[i]/base[i])
		}
	}
	return r
}

// Minus subtracts base from s, round by round.
func (s Series) Minus(base Series) Series {
	n := min(len(s), len(base))
	r := make(Series, 0, n)
	for i := range n {
		r = append(r, s[i]-base[i])
	}
	return r
}

// Format prints the median and, when there is more than one round, the least and the greatest value.
func (s Series) Format(verb string) string {
	switch len(s) {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf(verb, s[0])
	}
	return fmt.Sprintf(verb+" ("+verb+"–"+verb+")", s.Median(), slices.Min(s), slices.Max(s))
}

// Table is a Markdown table.
type Table struct {
	rows [][]string
}

// Head starts a table with its column titles.
func Head(titles ...string) *Table { return &Table{rows: [][]string{titles}} }

// Row adds a line.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// Print writes the table, its columns aligned so that it also reads well in a terminal.
func (t *Table) Print(w io.Writer) {
	width := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, c := range row {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	line := func(cells []string, fill string) {
		for i, n := range width {
			c := ""
			if i < len(cells) {
				c = cells[i]
			}
			fmt.Fprint(w, "| ", c, strings.Repeat(fill, n-len([]rune(c))), " ")
		}
		fmt.Fprintln(w, "|")
	}
	line(t.rows[0], " ")
	line(make([]string, len(width)), "-")
	for _, row := range t.rows[1:] {
		line(row, " ")
	}
}

// Machine says in one line what the figures were taken on and from which commit.
func Machine() string {
	cpu := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				cpu = strings.TrimSpace(v)
				break
			}
		}
	}
	load := ""
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Join(strings.Fields(string(b))[:3], " ")
	}
	kernel := output("uname", "-sr")
	commit := output("git", "rev-parse", "--short", "HEAD")
	return fmt.Sprintf("%s, %d cores, %s, %s, commit %s%s", cpu, runtime.NumCPU(), kernel, output("go", "env", "GOVERSION"), commit, load)
}

func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(out))
}
