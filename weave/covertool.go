package weave

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CoverTool runs Go's cover tool on woven packages: coverage counts the
// statements of the source as the user has it, and what the tool writes is
// woven. spec is the file that Result.Cover names, args is the tool's command
// line without the tool, and run runs the tool with other arguments.
//
// The tool adds statements to the text of a file, so edits no longer fit what
// it writes. Hence it is given the file without them, but with a comment in
// each place, which becomes the edit afterwards. The comments are line
// directives that make the tool's columns those of the file.
func CoverTool(spec string, args []string, run func(args []string) error) error {
	data, err := os.ReadFile(spec)
	if err != nil {
		return fmt.Errorf("read what is woven: %w", err)
	}
	var files map[string]coverFile
	if err := json.Unmarshal(data, &files); err != nil {
		return fmt.Errorf("read what is woven: %w", err)
	}
	t := &coverTool{files: files}
	if !t.parse(args) || !slices.ContainsFunc(t.in, func(path string) bool { _, ok := files[path]; return ok }) {
		return run(args)
	}
	if t.tmp, err = os.MkdirTemp(filepath.Dir(t.list), "weft-*"); err != nil {
		return fmt.Errorf("cover woven files: %w", err)
	}
	defer os.RemoveAll(t.tmp)
	return t.cover(run)
}

// coverTool is one run of the cover tool on a package.
type coverTool struct {
	files map[string]coverFile
	flags []string // its flags, without -outfilelist
	in    []string
	out   []string // for each of in
	vars  string   // the file of its counters
	list  string   // the file that names the files to write
	local bool     // profiles name the files' paths
	tmp   string
}

// parse reads the command line of the go command, and reports whether it is
// one that it knows.
func (t *coverTool) parse(args []string) bool {
	i := 0
	for ; i+1 < len(args) && strings.HasPrefix(args[i], "-"); i += 2 {
		switch args[i] {
		case "-outfilelist":
			t.list = args[i+1]
			continue
		case "-pkgcfg":
			var cfg struct{ Local bool }
			if data, err := os.ReadFile(args[i+1]); err != nil || json.Unmarshal(data, &cfg) != nil {
				return false
			}
			t.local = cfg.Local
		}
		t.flags = append(t.flags, args[i], args[i+1])
	}
	t.in = args[i:]
	data, err := os.ReadFile(t.list)
	if err != nil {
		return false
	}
	t.out = strings.Fields(string(data))
	if lines := strings.Split(strings.TrimSpace(string(data)), "\n"); len(lines) != len(t.out) {
		t.out = lines // a path with spaces
	}
	if len(t.out) != len(t.in)+1 {
		return false
	}
	t.vars, t.out = t.out[0], t.out[1:]
	return true
}

func (t *coverTool) cover(run func([]string) error) error {
	var in, out []string
	after := map[string]func([]byte) ([]byte, error){} // by file that the tool writes
	for i, path := range t.in {
		c, woven := t.files[path]
		switch {
		case !woven:
			in, out = append(in, path), append(out, t.out[i])
		case c.Old == "": // nothing of the user's to count
			text, err := os.ReadFile(c.New)
			if err == nil {
				err = os.WriteFile(t.out[i], append([]byte("//line "+path+":1\n"), text...), 0o666)
			}
			if err != nil {
				return fmt.Errorf("cover woven files: %w", err)
			}
		default:
			give, finish, err := t.mark(i, path, c)
			if err != nil {
				return fmt.Errorf("cover woven files: %w", err)
			}
			in, out = append(in, give), append(out, t.out[i])
			after[t.out[i]] = finish
		}
	}
	if len(in) == 0 {
		// A package of weft's own. The tool has to say that there is nothing to count.
		name, err := packageName(t.files[t.in[0]].New)
		empty, ignored := filepath.Join(t.tmp, "empty.go"), filepath.Join(t.tmp, "ignored.go")
		if err == nil {
			err = os.WriteFile(empty, []byte("package "+name+"\n"), 0o666)
		}
		if err != nil {
			return fmt.Errorf("cover woven files: %w", err)
		}
		in, out = []string{empty}, []string{ignored}
	}
	list := filepath.Join(t.tmp, "out.txt")
	if err := os.WriteFile(list, []byte(t.vars+"\n"+strings.Join(out, "\n")+"\n"), 0o666); err != nil {
		return fmt.Errorf("cover woven files: %w", err)
	}
	if err := run(append(append(slices.Clone(t.flags), "-outfilelist", list), in...)); err != nil {
		return err
	}
	for path, finish := range after {
		text, err := os.ReadFile(path)
		if err == nil {
			text, err = finish(text)
		}
		if err == nil {
			err = os.WriteFile(path, text, 0o666)
		}
		if err != nil {
			return fmt.Errorf("cover woven files: %w", err)
		}
	}
	return nil
}

// mark returns the file to give to the tool instead of a woven one, and what to
// do with what the tool makes of it.
func (t *coverTool) mark(i int, path string, c coverFile) (give string, finish func([]byte) ([]byte, error), err error) {
	src, err := os.ReadFile(c.Old)
	if err != nil {
		return "", nil, err
	}
	if t.local {
		// The tool writes the path down. All that is woven here stands on the line
		// of the package clause, before anything that the tool adds.
		return path, func(text []byte) ([]byte, error) { return editHead(src, text, c.Edits) }, nil
	}
	marked, marks, ok := markEdits(src, c.Edits)
	if !ok { // count what is woven, too, rather than leave it out
		if marked, err = os.ReadFile(c.New); err != nil {
			return "", nil, err
		}
	}
	give = filepath.Join(t.tmp, fmt.Sprint(i), filepath.Base(path))
	if err := os.MkdirAll(filepath.Dir(give), 0o777); err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(give, marked, 0o666); err != nil {
		return "", nil, err
	}
	return give, func(text []byte) ([]byte, error) {
		text, ok := bytes.CutPrefix(text, []byte("//line "+give+":1:1\n"))
		if !ok {
			return nil, errors.New("the cover tool writes files in a form that this weft does not know; please report this")
		}
		text, err := unmark(text, marks, c.Edits)
		return append([]byte("//line "+path+":1:1\n"), text...), err
	}, nil
}

// markEdits puts a comment in the place of each edit. It fails when the edits
// are not known, or such a comment is in the file already.
func markEdits(src []byte, list []coverEdit) (marked []byte, marks []string, ok bool) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "f.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil || len(list) == 0 {
		return nil, nil, false
	}
	file := fset.File(f.Package)
	var e edits
	for i, x := range list {
		mark := fmt.Sprintf("/*weft:%d*/", i)
		// After an unnamed position, as behind "//line f.y:3", columns are not known.
		if at := fset.Position(file.Pos(x.Off)); at.Column > 0 {
			mark = fmt.Sprintf("/*line :%d:%d*/", at.Line, at.Column)
		}
		if bytes.Contains(src, []byte(mark)) {
			return nil, nil, false
		}
		marks = append(marks, mark)
		e.insert(x.Off, mark)
	}
	marked, err = e.apply(src)
	return marked, marks, err == nil
}

// unmark makes the edits where the comments are.
func unmark(text []byte, marks []string, list []coverEdit) ([]byte, error) {
	var out []byte
	for i, mark := range marks {
		before, rest, ok := bytes.Cut(text, []byte(mark))
		x := list[i]
		if !ok || len(rest) < x.End-x.Off {
			return nil, errors.New("a comment is not in what the cover tool wrote; please report this")
		}
		out = append(append(out, before...), x.Text...)
		text = rest[x.End-x.Off:]
	}
	return append(out, text...), nil
}

// editHead makes those edits that belong on the line of the package clause or
// before it.
func editHead(src, text []byte, list []coverEdit) ([]byte, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "f.go", src, parser.PackageClauseOnly)
	first := bytes.IndexByte(text, '\n') + 1
	if err != nil || !bytes.HasPrefix(text, []byte("//line ")) {
		return text, nil
	}
	head := fset.File(f.Package).Offset(f.Name.End())
	var e edits
	for _, x := range list {
		if x.End <= head {
			e.replace(first+x.Off, first+x.End, x.Text)
		}
	}
	return e.apply(text)
}

func packageName(path string) (string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly)
	if err != nil {
		return "", err
	}
	return f.Name.Name, nil
}
