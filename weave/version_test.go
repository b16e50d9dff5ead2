package weave

import (
	"bytes"
	"testing"
)

func TestAtVersion(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		want     bool
	}{
		{nil, false},
		{[]string{"example.com/tool@v1.0.0"}, true},
		{[]string{"example.com/tool/...@latest"}, true},
		{[]string{"example.com/tool"}, false},
		{[]string{"./a@b"}, false},
		{[]string{"../a@b"}, false},
		{[]string{"/tmp/a@b"}, false},
		{[]string{"."}, false},
		{[]string{"main.go", "x@y"}, false},
	} {
		if got := AtVersion(c.patterns); got != c.want {
			t.Errorf("AtVersion(%q) = %v, want %v", c.patterns, got, c.want)
		}
	}
}

// TestDownloads writes what a go command prints in pieces: lines about downloads
// are passed on when they are complete, and all is kept.
func TestDownloads(t *testing.T) {
	var log bytes.Buffer
	d := downloads{log: &log}
	text := "go: downloading example.com/a v1.0.0\nwarning: go: downloading is slow\ngo: downloading example.com/b v1.0.0\ngo: finding"
	for i := 0; i < len(text); i += 7 {
		d.Write([]byte(text[i:min(i+7, len(text))]))
	}
	if got, want := log.String(), "go: downloading example.com/a v1.0.0\ngo: downloading example.com/b v1.0.0\n"; got != want {
		t.Errorf("passed on:\n%s\nwant:\n%s", got, want)
	}
	if got := d.text.String(); got != text {
		t.Errorf("kept:\n%s\nwant:\n%s", got, text)
	}
}
