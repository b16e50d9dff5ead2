package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// printTable prints the rows as a table of Markdown, and below it what has to
// be said by name.
func printTable(w io.Writer, rows []*row) {
	fmt.Fprintln(w, "| package | version | pass plain | pass woven | every function woven: pass | functions | of these ran | needs inlining | known | differences | time | CPU | commit |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")
	var took time.Duration
	tests, passed, everyPassed := 0, 0, 0
	for _, r := range rows {
		took += r.Time
		tests += r.Passed
		normal, every, functions, ran := "–", "–", "–", "–"
		inlining, excused, bad := 0, 0, 0
		for _, m := range r.Modes {
			switch m.Mode {
			case "normal":
				passed += m.Passed
				normal = fmt.Sprint(m.Passed)
			case "every":
				everyPassed += m.Passed
				every, functions, ran = fmt.Sprint(m.Passed), fmt.Sprint(m.Functions), fmt.Sprint(m.Ran)
			}
			inlining, excused, bad = inlining+len(m.Inlining), excused+len(m.Known), bad+len(m.Differences)
		}
		differences := fmt.Sprint(bad)
		if r.Error != "" {
			differences = "not run"
		}
		fmt.Fprintf(w, "| %s | %s | %d | %s | %s | %s | %s | %d | %d | %s | %s | %s | %s |\n",
			r.Name, r.Version, r.Passed, normal, every, functions, ran, inlining, excused, differences, r.Time.Round(time.Second), r.CPU.Round(time.Second), r.Commit)
	}
	fmt.Fprintf(w, "\n%d tests pass plain, %d woven, %d with every function woven. Took %s.\n", tests, passed, everyPassed, took.Round(time.Second))
	for _, r := range rows {
		var b strings.Builder
		if r.Note != "" {
			fmt.Fprintf(&b, "- run with: %s\n", r.Note)
		}
		if r.Error != "" {
			fmt.Fprintf(&b, "- not run: %s\n", r.Error)
		}
		items(&b, "fails plain, at least sometimes", r.Excluded)
		for _, m := range r.Modes {
			items(&b, m.Mode+": DIFFERENT", m.Differences)
			items(&b, m.Mode+": failed, and passed when tried again", m.Unsteady)
			items(&b, m.Mode+": needs inlining", m.Inlining)
			items(&b, m.Mode+": known", m.Known)
			items(&b, m.Mode+": weft says", m.Notes)
			items(&b, m.Mode+": not woven", m.Refused)
		}
		if b.Len() > 0 {
			fmt.Fprintf(w, "\n**%s**\n\n%s", r.Name, b.String())
		}
	}
}

func items(w io.Writer, title string, list []string) {
	const most = 10
	if len(list) > most && !strings.Contains(title, "DIFFERENT") {
		fmt.Fprintf(w, "- %s: %d, such as %s\n", title, len(list), list[0])
		return
	}
	for _, s := range list {
		fmt.Fprintf(w, "- %s: %s\n", title, s)
	}
}
