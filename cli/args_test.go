package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseGo(t *testing.T) {
	type want struct {
		Sub, Chdir, Flags, Build, Packages, Rest, Overlay, Modfile string
	}
	tests := []struct {
		args string
		want want
	}{
		{"", want{}},
		{"build", want{Sub: "build"}},
		{"build ./...", want{Sub: "build", Packages: "./..."}},
		{"-C dir build .", want{Sub: "build", Chdir: "dir", Packages: "."}},
		{"build -C=dir -o x -v a b", want{Sub: "build", Chdir: "dir", Flags: "-o x -v", Packages: "a b"}},
		{"build -tags a,b --race -ldflags=-s .", want{Sub: "build", Flags: "-tags a,b --race -ldflags=-s", Build: "-tags a,b --race -ldflags=-s", Packages: "."}},
		{"build -overlay o.json -modfile=m.mod .", want{Sub: "build", Packages: ".", Overlay: "o.json", Modfile: "m.mod"}},
		{"run . -tags x", want{Sub: "run", Packages: ".", Rest: "-tags x"}},
		{"run a.go b.go c", want{Sub: "run", Packages: "a.go b.go", Rest: "c"}},
		{"run -exec env pkg pkg2", want{Sub: "run", Flags: "-exec env", Packages: "pkg", Rest: "pkg2"}},
		{"test", want{Sub: "test"}},
		{"test ./... -run X -count 1", want{Sub: "test", Flags: "-run X -count 1", Packages: "./..."}},
		{"test -run X ./a ./b -v", want{Sub: "test", Flags: "-run X -v", Packages: "./a ./b"}},
		{"test . -args -run y", want{Sub: "test", Packages: ".", Rest: "-args -run y"}},
		{"test -custom a b", want{Sub: "test", Rest: "-custom a b"}},
		{"test . -custom 3 -v", want{Sub: "test", Packages: ".", Rest: "-custom 3 -v"}},
		{"test -cover -coverpkg ./... -tags t .", want{Sub: "test", Flags: "-cover -coverpkg ./... -tags t", Build: "-cover -coverpkg ./... -tags t", Packages: "."}},
		{"list -export -f {{.Dir}} std", want{Sub: "list", Flags: "-export -f {{.Dir}}", Packages: "std"}},
		{"build -- -odd", want{Sub: "build", Rest: "-odd"}},
	}
	for _, tt := range tests {
		g := parseGo(strings.Fields(tt.args))
		join := func(s []string) string { return strings.Join(s, " ") }
		got := want{g.sub, g.chdir, join(g.flags), join(g.build), join(g.packages), join(g.rest), g.overlay, g.modfile}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("go %s (-want +got):\n%s", tt.args, diff)
		}
	}
}
