package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

var versionCommand = &command{
	name:  "version",
	short: "print the version of weft",
	long:  "Version prints the version of weft, the commit it was built from when that is\nknown, and the version of Go that built it.\n",
	run: func(inv *invocation) (int, error) {
		_, err := fmt.Fprintf(inv.stdout, "weft %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return 0, err
	},
}

// version returns the module version of this weft, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	v, revision, modified := info.Main.Version, "", false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if v == "" || v == "(devel)" {
		v = "devel"
		if revision != "" {
			v += "-" + revision[:min(12, len(revision))]
			if modified {
				v += "+changed"
			}
		}
	}
	return v
}
