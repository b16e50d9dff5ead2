package weave

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config says what to weave. The zero value of each field but Dir, Env and
// Patterns means the go command's default.
type Config struct {
	Dir      string   // where the go command runs
	Env      []string // its environment
	Flags    []string // the build flags, for listing packages; no -overlay, no -modfile
	Patterns []string // packages, as on the go command line
	Tests    bool     // weave the packages' tests, too
	Cover    bool     // statements are counted: add none to the user's code
	Garble   bool     // the build is garble's; see garble.go
	Versions bool     // the patterns are at versions, as in "go run pkg@version"; see AtVersion
	Overlay  string   // the user's own overlay file
	Modfile  string   // the user's own -modfile
	CacheDir string   // weft's cache; "" for the default

	// Texts asks for the text of every File of the Result, which otherwise is
	// left out where it did not change since the last build.
	Texts bool

	// Progress, when not nil, is told what weft is doing at the moment.
	Progress func(doing string)

	skip map[string]bool // packages whose integrations are left out

	// Log, when not nil, gets the go command's lines about what it downloads.
	Log io.Writer
}

// Result is a woven build: how to run the go command so that it compiles the
// woven source.
type Result struct {
	Toolchain *Toolchain
	Flags     []string   // to put in front of the user's
	Env       []string   // to add to the toolchain's environment
	Program   []string   // what go run and go test should undo for the program: NAME=value, or NAME to unset
	Patterns  []string   // what to build instead of Config.Patterns, when not nil
	Files     []*File    // every file that is laid or edited, by path
	Packages  []*Package // the packages named by the patterns
	Points    []Point    // what became of each rule
	Notes     []string   // lines for the user
	Cover     string     // with -cover: a file for CoverTool, which has to run in the cover tool's place

	// Copies, with -trimpath, are the user's files by what the compiler names in
	// their place: paths in weft's cache, relative to it.
	Copies map[string]string
}

// A File is one file that the go command sees otherwise than the disk has it.
type File struct {
	Path string // where the go command sees it
	Why  string // what put it there or edited it
	Old  []byte // nil for a file that is added
	New  []byte

	cached string // where New lies in the cache already; New is nil then
	from   string // the user's file that it is a copy of: a hook
	edits  []edit // from what the go command saw before to New, if that is all; only for -cover
}

// A Point is what became of one rule.
type Point struct {
	Rule   *Rule
	Target string
	Used   bool     // the program uses the target; std is woven in any case
	Woven  []string // where: file and line
	Why    string   // why not, when Woven is empty
	Odd    bool     // the rule should have matched: worth a line to the user
}

// weaving is a Result in the making.
type weaving struct {
	cfg      Config
	tc       *Toolchain
	cache    *Cache
	user     map[string]string // the user's overlay
	modfile  string            // the -modfile of the build, given or generated
	trimpath bool
	files    map[string]*File
	patched  bool
	pkgs     []*Package
	home     home // of the weft runtime
	imports  imports
	embedded map[string]string // Go files that the program embeds; see findEmbedded
	reads    map[string]bool   // what has been read from the disk, when that is recorded
	ctxt     *build.Context    // see context
	res      *Result
}

// Weave prepares a woven build: it lists the packages, weaves what the rules
// match, and writes the edited files and the overlay that names them to the
// cache.
func Weave(cfg Config) (*Result, error) {
	w, ins, err := weave(cfg)
	if err != nil {
		return nil, err
	}
	told := len(w.res.Notes)
	if cfg.skip, err = w.try(ins); err != nil {
		return nil, err
	}
	if len(cfg.skip) > 0 {
		notes := w.res.Notes[told:]
		if w, _, err = weave(cfg); err != nil {
			return nil, err
		}
		w.res.Notes = append(w.res.Notes, notes...)
	}
	return w.res, nil
}

// weave is Weave, but for what is tried out.
func weave(cfg Config) (*weaving, []*Integration, error) {
	cache, err := OpenCache(cfg.CacheDir)
	if err != nil {
		return nil, nil, err
	}
	tc, err := findToolchain(cfg.Dir, cfg.Env, cache, cfg.Log)
	if err != nil {
		return nil, nil, err
	}
	w := &weaving{cfg: cfg, tc: tc, cache: cache, files: map[string]*File{}, res: &Result{Toolchain: tc}}
	if cfg.Versions {
		if err := w.requireVersions(); err != nil {
			return nil, nil, err
		}
	}
	w.readFlags()
	if err := w.readOverlay(); err != nil {
		return nil, nil, err
	}
	flags := w.cfg.Flags
	if w.cfg.Overlay != "" {
		flags = append([]string{"-overlay=" + w.cfg.Overlay}, flags...)
	}
	if w.modfile != "" {
		flags = append([]string{"-modfile=" + w.modfile}, flags...)
	}
	w.progress("listing packages")
	if w.pkgs, err = load(w.tc, cfg.Dir, flags, w.cfg.Patterns, cfg.Tests); err != nil {
		return nil, nil, err
	}
	if cfg.Versions {
		if err := w.ownVersions(); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range w.pkgs {
		if !p.DepOnly && !p.isTest() {
			w.res.Packages = append(w.res.Packages, p)
		}
	}
	ins, err := builtin()
	if err != nil {
		return nil, nil, err
	}
	hooks, err := w.hooks()
	if err != nil {
		return nil, nil, err
	}
	w.embedded = findEmbedded(w.pkgs)
	w.home = w.findHome()
	std, others := w.split(ins)
	steps := []func() error{
		func() error { return w.weaveStd(std) },
		func() error { return w.integrate(append(others, hooks...)) },
		w.bindGarble,
		w.endLoops,
		w.startAgents,
		w.copyModules,
	}
	w.progress(fmt.Sprintf("weaving %d packages", len(w.pkgs)))
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	if err := w.finish(); err != nil {
		return nil, nil, err
	}
	cache.Trim(time.Now()) // best effort: the build does not depend on it
	return w, slices.Concat(ins, hooks), nil
}

func (w *weaving) progress(doing string) {
	if w.cfg.Progress != nil {
		w.cfg.Progress(doing)
	}
}

// note adds a line for the user.
func (w *weaving) note(format string, args ...any) {
	w.res.Notes = append(w.res.Notes, fmt.Sprintf(format, args...))
}

// readFlags finds what weft has to know of the build's flags, on the command
// line and in GOFLAGS.
func (w *weaving) readFlags() {
	w.modfile = w.cfg.Modfile
	if w.cfg.Versions {
		w.modfile = "" // the current module does not matter
	}
	env := SplitFlags(w.tc.GOFLAGS)
	for _, f := range append(env, w.cfg.Flags...) {
		name, value, hasValue := strings.Cut(strings.TrimLeft(f, "-"), "=")
		switch name {
		case "overlay":
			if w.cfg.Overlay == "" {
				w.cfg.Overlay = value
			}
		case "modfile":
			if w.modfile == "" && !w.cfg.Versions {
				w.modfile = value
			}
		case "trimpath":
			w.trimpath = !hasValue || value != "false"
		case "cover", "covermode", "coverpkg":
			w.cfg.Cover = w.cfg.Cover || name != "cover" || value != "false"
		}
	}
	if w.modfile != "" {
		w.modfile = w.abs(w.modfile)
	}
}

// SplitFlags splits GOFLAGS, or the value of a flag like -toolexec, at spaces
// outside quotes, as the go command does.
func SplitFlags(s string) []string {
	var list []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if q := s[0]; q == '\'' || q == '"' {
			if i := strings.IndexByte(s[1:], q); i >= 0 {
				list, s = append(list, s[1:1+i]), s[i+2:]
				continue
			}
		}
		word, rest, _ := strings.Cut(s, " ")
		list, s = append(list, word), rest
	}
	return list
}

// overlayFile is the go command's own format.
type overlayFile struct {
	Replace map[string]string
}

// readOverlay reads the user's overlay, with absolute paths.
func (w *weaving) readOverlay() error {
	w.user = map[string]string{}
	if w.cfg.Overlay == "" {
		return nil
	}
	path := w.abs(w.cfg.Overlay)
	data, err := os.ReadFile(path)
	if err != nil {
		return &GoError{Args: []string{"list"}, Stderr: fmt.Sprintf("read the overlay: %v", err), Code: 1}
	}
	var o overlayFile
	if err := json.Unmarshal(data, &o); err != nil {
		return &GoError{Args: []string{"list"}, Stderr: fmt.Sprintf("read the overlay %s: %v", path, err), Code: 1}
	}
	for from, to := range o.Replace {
		if to != "" {
			to = w.abs(to)
		}
		w.user[w.abs(from)] = to
	}
	return nil
}

func (w *weaving) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(w.cfg.Dir, path)
}

// read returns a file as the go command would see it so far.
func (w *weaving) read(path string) ([]byte, error) {
	if f, ok := w.files[path]; ok {
		if f.New == nil && f.cached != "" {
			return os.ReadFile(f.cached)
		}
		return f.New, nil
	}
	if to, ok := w.user[path]; ok {
		if to == "" {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		path = to
	}
	if w.reads != nil {
		w.reads[path] = true
	}
	return os.ReadFile(path)
}

// lay makes the go command see text at path, for the reason why; old is what
// it would have seen otherwise, nil for nothing.
func (w *weaving) lay(path string, old, text []byte, why string) error {
	f := &File{Path: path, Why: why, Old: old, New: text}
	if was, ok := w.files[path]; ok {
		f.Old = was.Old
		if f.Why = was.Why; !strings.Contains(was.Why, why) {
			f.Why += ", " + why
		}
	}
	w.files[path] = f
	return nil
}

// update parses a file, lets change edit it, and lays the outcome.
func (w *weaving) update(path, why string, change func(*source)) error {
	text, err := w.read(path)
	if err != nil {
		return err
	}
	s, err := parse(path, text)
	if err != nil {
		return nil
	}
	s.home = w.home
	change(s)
	return w.layEdits(s, why)
}

// layEdits lays a file with its edits made.
func (w *weaving) layEdits(s *source, why string) error {
	if len(s.edits.list) == 0 {
		return nil
	}
	if _, again := w.files[s.path]; !again && !w.trimpath && !beneath(s.path, w.tc.GOROOT) && !beneath(s.path, w.tc.GOMODCACHE) {
		s.keepName()
	}
	out, err := s.edits.apply(s.text)
	if err != nil {
		return fmt.Errorf("weave %s: %w; please report this", s.path, err)
	}
	was, again := w.files[s.path]
	if err := w.lay(s.path, s.text, out, why); err != nil {
		return err
	}
	switch {
	case !again:
		w.files[s.path].edits = s.edits.list
	case was.edits != nil:
		w.files[s.path].edits = compose(was.edits, s.edits.list)
	}
	return nil
}

// startAgents edits one file of each program that is built, so that it starts
// the agent: of each main package named, and of each tested package's tests. A
// program in which nothing makes spans needs no agent, and stays as small as
// it is.
func (w *weaving) startAgents() error {
	traces := w.tracing()
	for _, p := range w.res.Packages {
		var err error
		switch {
		case !w.cfg.Tests || !traces(p.ImportPath+".test"):
		case len(p.XTestGoFiles) > 0:
			err = w.startAgent(p, p.Name+"_test", p.XTestGoFiles, "weft_agent_test.go")
		case len(p.TestGoFiles) > 0 && !p.Standard: // a test inside std could form an import cycle
			err = w.startAgent(p, p.Name, p.TestGoFiles, "weft_agent_test.go")
		}
		if err != nil {
			return err
		}
		if p.Name != "main" || p.Standard || !traces(p.ImportPath) {
			continue
		}
		if err := w.startAgent(p, p.Name, slices.Concat(p.GoFiles, p.CgoFiles), "weft_agent.go"); err != nil {
			return err
		}
	}
	return nil
}

const agentWhy = "starts the agent"

// startAgent makes one of the files of package name start the agent. When the
// program embeds them all, a file of that name is added.
func (w *weaving) startAgent(p *Package, name string, files []string, add string) error {
	for _, f := range files {
		if path := p.file(f); w.embedded[path] == "" {
			return w.update(path, agentWhy, (*source).startAgent)
		}
	}
	if len(files) == 0 {
		return nil
	}
	path := filepath.Join(p.Dir, add)
	if w.exists(path) || w.embedder(path) != "" {
		w.note("weft: %s: not traced, because it embeds all its files", p.ImportPath)
		return nil
	}
	text := fmt.Sprintf("package %s\n\nimport _ %q\n", name, w.home.path("weft/agent"))
	return w.lay(path, nil, []byte(text), agentWhy)
}

// tracing returns whether the program or test binary of an import path has a
// woven package among its dependencies that makes spans.
func (w *weaving) tracing() func(path string) bool {
	makes := map[string]bool{}
	for _, pt := range w.res.Points {
		makes[pt.Target] = makes[pt.Target] || len(pt.Woven) > 0 && pt.Rule.spans
	}
	byPath := make(map[string]*Package, len(w.pkgs))
	for _, p := range w.pkgs {
		byPath[p.ImportPath] = p
	}
	found := map[string]bool{}
	var traces func(path string) bool
	traces = func(path string) bool {
		if known, ok := found[path]; ok {
			return known
		}
		plain, _, _ := strings.Cut(path, " ") // "p [q.test]" is p, built for q's tests
		found[path] = makes[plain]
		if p := byPath[path]; p != nil && !found[path] {
			found[path] = slices.ContainsFunc(p.Imports, traces)
		}
		return found[path]
	}
	return traces
}

// finish writes the woven files and the overlay to the cache.
func (w *weaving) finish() error {
	path, err := w.writeOverlay()
	if err != nil {
		return err
	}
	for _, f := range w.files {
		w.res.Files = append(w.res.Files, f)
	}
	slices.SortFunc(w.res.Files, func(a, b *File) int { return strings.Compare(a.Path, b.Path) })
	w.addFiles()
	w.nameCopies()
	w.res.Flags = append(w.res.Flags, "-overlay="+path)
	if w.modfile != "" {
		w.res.Flags = append(w.res.Flags, "-modfile="+w.modfile)
	}
	if w.cfg.Cover {
		w.res.Cover, err = w.coverSpec()
	}
	return err
}

// addFiles adds the files that weft lays into a package that is named by its
// files to those.
func (w *weaving) addFiles() {
	if len(w.cfg.Patterns) == 0 || !strings.HasSuffix(w.cfg.Patterns[0], ".go") || len(w.res.Packages) != 1 {
		return
	}
	dir, _ := filepath.Split(w.cfg.Patterns[0]) // the go command wants the same for all
	list := slices.Clone(w.cfg.Patterns)
	for _, f := range w.res.Files {
		if f.Old == nil && f.cached != "" && filepath.Dir(f.Path) == w.res.Packages[0].Dir && (strings.HasPrefix(f.Why, "advice for ") || f.Why == agentWhy) {
			list = append(list, dir+filepath.Base(f.Path))
		}
	}
	w.res.Patterns = list
}

// nameCopies fills in Copies. Without -trimpath the files say themselves what they
// are (keepName).
func (w *weaving) nameCopies() {
	if !w.trimpath {
		return
	}
	w.res.Copies = map[string]string{}
	for _, f := range w.res.Files {
		name := f.from
		if name == "" && (f.Old != nil || strings.HasPrefix(f.Why, loopWhy)) { // without Old it comes from the cache
			name = f.Path
		}
		if rel, err := filepath.Rel(w.cache.dir, f.cached); err == nil && name != "" {
			w.res.Copies[filepath.ToSlash(rel)] = name
		}
	}
}

// writeOverlay writes the files woven so far, and the overlay that names them,
// to the cache, and returns the overlay's path.
func (w *weaving) writeOverlay() (string, error) {
	o := overlayFile{Replace: make(map[string]string, len(w.files)+len(w.user))}
	for from, to := range w.user {
		o.Replace[from] = to
	}
	for path, f := range w.files {
		to, err := w.put(f)
		if err != nil {
			return "", err
		}
		o.Replace[path] = to
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	if err := enc.Encode(o); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	return w.cache.Put(buf.Bytes(), ".json")
}

// put writes a woven file to the cache and returns its path there.
func (w *weaving) put(f *File) (string, error) {
	if f.cached == "" {
		text, err := f.New, error(nil)
		if !w.trimpath && f.from == "" && filepath.Ext(f.Path) == ".go" && beneath(f.Path, w.tc.GOROOT) {
			text = plainName(text, f.Path)
		}
		if f.cached, err = w.cache.Put(text, w.cachedName(f.Path)); err != nil {
			return "", err
		}
	}
	return f.cached, nil
}

// plainName makes positions in a woven file of the standard library name the
// file as for the plain build, where the compiler writes $GOROOT and the linker
// says where that is. What it knows of an overlay would be the path in full, and
// the go command takes objects of std for the same wherever GOROOT is.
func plainName(text []byte, path string) []byte {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, text, parser.PackageClauseOnly)
	if err != nil {
		return text
	}
	at := fset.PositionFor(f.Package, false)
	line := fmt.Sprintf("/*line %s:%d:%d*/", path, at.Line, at.Column)
	return slices.Insert(slices.Clone(text), at.Offset, []byte(line)...)
}

// exists reports whether the go command would see a file at path.
func (w *weaving) exists(path string) bool {
	_, err := w.read(path)
	return !errors.Is(err, fs.ErrNotExist)
}
