package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBrowser(t *testing.T) {
	for _, tt := range []struct {
		goos, env, have string
		want            string
	}{
		{"linux", "", "xdg-open", ""}, // no display
		{"linux", "DISPLAY=:0", "", ""},
		{"linux", "DISPLAY=:0", "xdg-open", "xdg-open"},
		{"linux", "WAYLAND_DISPLAY=w", "xdg-open", "xdg-open"},
		{"linux", "", "wslview xdg-open", "wslview"},
		{"linux", "BROWSER=firefox DISPLAY=:0", "xdg-open", "firefox"},
		{"linux", "BROWSER=firefox:lynx", "", "firefox"},
		{"linux", "BROWSER=", "", ""},
		{"darwin", "", "", "open"},
		{"darwin", "BROWSER=chromium", "", "chromium"},
		{"windows", "", "", "rundll32 url.dll,FileProtocolHandler"},
	} {
		getenv := func(name string) string {
			for _, e := range strings.Fields(tt.env) {
				if v, ok := strings.CutPrefix(e, name+"="); ok {
					return v
				}
			}
			return ""
		}
		argv, err := browser(tt.goos, getenv, func(name string) bool { return slices.Contains(strings.Fields(tt.have), name) })
		if got := strings.Join(argv, " "); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s, %q, %q: %q, %v; want %q", tt.goos, tt.env, tt.have, got, err, tt.want)
		}
	}
}

// The browser gets the address, where its command says %s or at the end.
func TestBrowse(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "browser")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" >\"$0.new\" && mv \"$0.new\" \"$0.args\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]string{
		script:                     "http://127.0.0.1:1/?a&b\n",
		script + " --app=%s --new": "--app=http://127.0.0.1:1/?a&b\n--new\n",
	} {
		os.Remove(script + ".args")
		if err := browse("http://127.0.0.1:1/?a&b", func(string) string { return command }); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for end := time.Now().Add(time.Minute); got == nil && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			got, _ = os.ReadFile(script + ".args")
		}
		if string(got) != want {
			t.Errorf("%s got %q; want %q", command, got, want)
		}
	}
	if err := browse("http://127.0.0.1:1/", func(string) string { return filepath.Join(dir, "none") }); err == nil {
		t.Error("a browser that does not exist opened a page")
	}
}
