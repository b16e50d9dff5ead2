package weave

import (
	"bytes"
	"go/build"
	"io"
	"slices"
	"strings"
)

// builds reports whether the go command would compile a file of this name and
// text: it may be for another system, or for tags that this build does not have.
func (w *weaving) builds(name string, text []byte) bool {
	if !strings.Contains(name, "_") && !bytes.Contains(text, []byte("//go:build")) && !bytes.Contains(text, []byte("+build")) {
		return true
	}
	return matches(*w.context(), name, text)
}

func matches(ctxt build.Context, name string, text []byte) bool {
	ctxt.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	ok, err := ctxt.MatchFile("", name)
	return ok || err != nil // the go command will say what is wrong with it
}

// context asks the go command which tags this build has, when that matters for the
// first time.
func (w *weaving) context() *build.Context {
	if w.ctxt != nil {
		return w.ctxt
	}
	ctxt := build.Default
	ctxt.GOOS, ctxt.GOARCH = w.tc.GOOS, w.tc.GOARCH
	const ask = "{{context.CgoEnabled}}\n{{join context.BuildTags \",\"}}\n{{join context.ToolTags \",\"}}\n{{join context.ReleaseTags \",\"}}"
	if out, err := w.tc.Output(w.cfg.Dir, slices.Concat([]string{"list", "-f", ask}, w.cfg.Flags, []string{"--", "unsafe"})...); err == nil {
		if lines := strings.Split(string(out), "\n"); len(lines) >= 4 {
			ctxt.CgoEnabled = lines[0] == "true"
			ctxt.BuildTags, ctxt.ToolTags, ctxt.ReleaseTags = strings.Split(lines[1], ","), strings.Split(lines[2], ","), strings.Split(lines[3], ",")
		}
	}
	w.ctxt = &ctxt
	return w.ctxt
}

// tags are the flags and variables that context depends on, as they are given.
func (w *weaving) tags() []string {
	list := []string{getenv(w.tc.Env, "GOEXPERIMENT"), getenv(w.tc.Env, "CGO_ENABLED")}
	flags := slices.Concat(SplitFlags(w.tc.GOFLAGS), w.cfg.Flags)
	for i, f := range flags {
		switch name, _, hasValue := strings.Cut(strings.TrimLeft(f, "-"), "="); name {
		case "tags":
			list = append(list, f)
			if !hasValue && i+1 < len(flags) {
				list = append(list, flags[i+1])
			}
		case "race", "msan", "asan":
			list = append(list, f)
		}
	}
	return list
}

// laidName is the name that a file of advice has in the package that it is
// compiled into. What the go command reads from a name, that the file is a test or
// for one system, it reads after the first underscore: one in front of
// "windows.go" would give that name a meaning that it does not have.
func laidName(name string) string {
	first, _, _ := strings.Cut(strings.TrimSuffix(name, ".go"), "_")
	nowhere := build.Context{GOOS: "nowhere", GOARCH: "nowhere", Compiler: "gc"}
	if first == "test" || !matches(nowhere, "weft_"+first+".go", []byte("package p\n")) {
		return "weft" + name
	}
	return "weft_" + name
}
