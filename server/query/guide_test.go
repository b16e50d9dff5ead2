package query

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every query in the guide can be read, in both languages, and the error that
// it shows is the one that is made.
func TestGuide(t *testing.T) {
	for _, page := range []string{"../../docs/guide/query.md", "../../docs/guide/zh-CN/query.md"} {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		queries := 0
		for _, block := range regexp.MustCompile("(?s)```query\n(.*?)```").FindAllStringSubmatch(text, -1) {
			for line := range strings.Lines(block[1]) {
				queries++
				if _, err := Parse(strings.TrimSpace(line)); err != nil {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
		// The right columns of the tables in the last section, on other languages.
		tables := text[strings.LastIndex(text, "\n## "):]
		for _, row := range regexp.MustCompile("(?m)^\\| .* \\| (`[^`|]+`.*) \\|$").FindAllStringSubmatch(tables, -1) {
			for _, q := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
				queries++
				if _, err := Parse(q[1]); err != nil {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
		if queries < 20 {
			t.Errorf("%s: only %d queries found", page, queries)
		}
		shown := regexp.MustCompile("(?s)```text\n(query: .*?)\n```").FindStringSubmatch(text)
		if shown == nil {
			t.Fatalf("%s: no error is shown", page)
		}
		lines := strings.Split(shown[1], "\n")
		var syntax *SyntaxError
		if _, err := Parse(strings.TrimPrefix(lines[1], "  ")); !errors.As(err, &syntax) || err.Error() != shown[1] {
			t.Errorf("%s shows\n%s\nbut it is\n%v", page, shown[1], err)
		}
	}
}
