package cli

import (
	"strings"
	"testing"
)

func TestRenamer(t *testing.T) {
	const copied = "files/ab/cd-main.go"
	in := strings.Join([]string{
		"# example.com/prog",
		"../.cache/weft/" + copied + ":10:49: undefined: x",
		"\t/home/ada/.cache/weft/" + copied + ":3:1: other declaration of y",
		"/home/ada/.cache/weft/mods/01/example.com/dep@v1.2.3/weft_get.go:6:32: too many errors",
		"compile -o out.a /home/ada/.cache/weft/" + copied + " x.go",
		"main.go:1:2: not from files/ab/cd-main.go",
		"/elsewhere/files/ab/xcd-main.go:1:2: another file",
		"vet: ../.cache/weft/" + copied + ":1:2: said by another",
		"/home/ada/and bob/.cache/weft/" + copied + ":1: without an end",
	}, "\n")
	want := strings.Join([]string{
		"# example.com/prog",
		"./main.go:10:49: undefined: x",
		"\t./main.go:3:1: other declaration of y",
		"hooks/example.com/dep/get.go:6:32: too many errors",
		"compile -o out.a /home/ada/.cache/weft/" + copied + " x.go",
		"main.go:1:2: not from files/ab/cd-main.go",
		"/elsewhere/files/ab/xcd-main.go:1:2: another file",
		"vet: ../.cache/weft/" + copied + ":1:2: said by another",
		"./main.go:1: without an end",
	}, "\n")
	for _, size := range []int{1, 7, len(in)} {
		var out strings.Builder
		r := &renamer{to: &out, dir: "/home/ada/prog", copies: map[string]string{
			copied: "/home/ada/prog/main.go",
			"mods/01/example.com/dep@v1.2.3/weft_get.go": "/home/ada/prog/hooks/example.com/dep/get.go",
		}}
		for text := in; text != ""; {
			n := min(size, len(text))
			if m, err := r.Write([]byte(text[:n])); m != n || err != nil {
				t.Fatalf("Write of %d bytes: %d, %v", n, m, err)
			}
			text = text[n:]
		}
		if err := r.flush(); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != want {
			t.Errorf("in writes of %d bytes:\n%s\nwant:\n%s", size, got, want)
		}
	}
}
