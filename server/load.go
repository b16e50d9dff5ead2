package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Loaded is a configuration with where it came from.
type Loaded struct {
	Config
	File     string   // the configuration file, "" if there was none
	Warnings []string // what is probably a mistake, but may be none

	sources map[string]string // key -> "serve.yaml:3", "--store.dir", "WEFT_STORE_DIR"; absent: the default
}

// Load puts the configuration together: a flag (--store.retention.age=7d) goes
// before an environment variable (WEFT_STORE_RETENTION_AGE=7d), that before
// the file that --config or WEFT_CONFIG names, that before the default.
// Defaults are filled in and the whole is checked.
func Load(args, env []string) (*Loaded, error) {
	l := &Loaded{sources: map[string]string{}}
	keys := l.keys()
	byName := map[string]key{}
	for _, k := range keys {
		byName[k.name] = k
	}

	flags, err := parseFlags(args, byName)
	if err != nil {
		return nil, err
	}
	environ := map[string]string{}
	for _, e := range env {
		if name, v, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, "WEFT_") {
			environ[name] = v
		}
	}
	l.File = environ["WEFT_CONFIG"]
	for _, f := range flags {
		if f.name == "config" {
			l.File = f.value
		}
	}
	if l.File != "" {
		if err := l.readFile(byName); err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		name := Env(k.name)
		v, ok := environ[name]
		if !ok {
			continue
		}
		delete(environ, name)
		if err := k.value.Set(v); err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", name, err)
		}
		l.sources[k.name] = name
	}
	l.warnEnvironment(environ, keys)
	for _, f := range flags {
		if f.name == "config" {
			continue
		}
		if err := byName[f.name].value.Set(f.value); err != nil {
			return nil, fmt.Errorf("flag --%s: %w", f.name, err)
		}
		l.sources[f.name] = "--" + f.name
	}
	if l.Store.Dir == "" {
		l.Store.Dir = DefaultDir(env)
	}
	l.setDefaults()
	if err := l.validate(); err != nil {
		if bad := (*invalidKey)(nil); errors.As(err, &bad) && l.sources[bad.key] != "" {
			return nil, fmt.Errorf("%s (set by %s): %s", bad.key, l.sources[bad.key], bad.text)
		}
		return nil, err
	}
	return l, nil
}

type flagValue struct{ name, value string }

// parseFlags takes args apart. A switch may stand alone, which means on: its
// value is the next argument only if that is one of a switch.
func parseFlags(args []string, keys map[string]key) ([]flagValue, error) {
	var out []flagValue
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, dashed := strings.CutPrefix(arg, "-")
		if !dashed || name == "" {
			return nil, fmt.Errorf("argument %q: weft serve takes flags only, such as --store.dir=DIR; run \"weft serve --help\"", arg)
		}
		name, value, given := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		k, ok := keys[name]
		if !ok && name != "config" {
			return nil, fmt.Errorf("unknown flag --%s%s \"weft serve --help\" lists all", name, nearest(name, keys, "--"))
		}
		if !given {
			if _, ok := k.value.(*Switch); ok {
				value = "on"
				if i+1 < len(args) && new(Switch).Set(args[i+1]) == nil {
					i++
					value = args[i]
				}
			} else if i+1 < len(args) {
				i++
				value = args[i]
			} else {
				return nil, fmt.Errorf("flag --%s: the value is missing; write --%s=VALUE", name, name)
			}
		}
		out = append(out, flagValue{name, value})
	}
	return out, nil
}

// warnEnvironment warns of variables that look like a key's but are none. They
// are no error: a Kubernetes service called weft-store makes WEFT_STORE_PORT.
func (l *Loaded) warnEnvironment(environ map[string]string, keys []key) {
	var names []string
	for name := range environ {
		for _, k := range keys {
			section, _, dotted := strings.Cut(k.name, ".")
			if dotted && strings.HasPrefix(name, Env(section)+"_") && !strings.Contains(name, "_PORT") && !strings.Contains(name, "_SERVICE_") {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		best, distance := "", len(name)
		for _, k := range keys {
			if d := editDistance(name, Env(k.name)); d < distance {
				best, distance = Env(k.name), d
			}
		}
		l.Warnings = append(l.Warnings, fmt.Sprintf("environment variable %s is no setting of weft serve and has no effect; the nearest is %s", name, best))
	}
}

// maxFile bounds the configuration file: more is not a configuration.
const maxFile = 1 << 20

func (l *Loaded) readFile(keys map[string]key) error {
	f, err := os.Open(l.File)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if len(data) > maxFile {
		return fmt.Errorf("read the configuration %s: it has more than %d bytes; is it the right file?", l.File, maxFile)
	}
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, second yaml.Node
	switch err := d.Decode(&doc); {
	case err == io.EOF:
		return nil // nothing but comments
	case err != nil:
		return fmt.Errorf("%s: %s", l.File, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&second); err != io.EOF {
		return fmt.Errorf("%s:%d: a second document; want one", l.File, second.Line)
	}
	return l.section("", doc.Content[0], keys, map[string]int{})
}

// section sets the keys below prefix from a mapping. Both nested mappings and
// dotted keys are understood.
func (l *Loaded) section(prefix string, n *yaml.Node, keys map[string]key, seen map[string]int) error {
	n = alias(n)
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil // a section without keys
	}
	if n.Kind != yaml.MappingNode {
		what := "the file"
		if prefix != "" {
			what = strings.TrimSuffix(prefix, ".")
		}
		return fmt.Errorf("%s:%d: %s: want keys with values below it, such as listen.http: 127.0.0.1:16686", l.File, n.Line, what)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, v := prefix+n.Content[i].Value, alias(n.Content[i+1])
		line := n.Content[i].Line
		k, ok := keys[name]
		if !ok {
			below := false
			for other := range keys {
				below = below || strings.HasPrefix(other, name+".")
			}
			if !below {
				return fmt.Errorf("%s:%d: unknown key %s%s \"weft serve --help\" lists all", l.File, line, name, nearest(name, keys, ""))
			}
			if err := l.section(name+".", v, keys, seen); err != nil {
				return err
			}
			continue
		}
		if at, twice := seen[name]; twice {
			return fmt.Errorf("%s:%d: %s is set twice, first in line %d; remove one", l.File, line, name, at)
		}
		seen[name] = line
		source := fmt.Sprintf("%s:%d", l.File, line)
		var err error
		switch to := k.value.(type) {
		case *Tokens:
			var at *yaml.Node
			if at, err = to.set(v, l.File); err != nil {
				source = fmt.Sprintf("%s:%d", l.File, at.Line)
			}
		case *List:
			if v.Kind == yaml.SequenceNode {
				*to = nil
				for _, e := range v.Content {
					if e.Kind != yaml.ScalarNode {
						err = errors.New("want a list of names")
					}
					*to = append(*to, e.Value)
				}
				break
			}
			err = setScalar(k, v)
		default:
			err = setScalar(k, v)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", source, name, err)
		}
		l.sources[name] = source
	}
	return nil
}

func setScalar(k key, v *yaml.Node) error {
	if v.Kind != yaml.ScalarNode {
		return fmt.Errorf("want one value, not a list or keys below it: %s", k.usage)
	}
	if v.Tag == "!!null" {
		return k.value.Set("")
	}
	return k.value.Set(v.Value)
}

func alias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// nearest names the key that name is probably meant to be.
func nearest(name string, keys map[string]key, dashes string) string {
	best, distance := "", 1+len(name)/2
	for other := range keys {
		d := editDistance(name, other)
		// The last word alone is a common mistake, too: retention.age for store.retention.age.
		if strings.HasSuffix(other, "."+name) || strings.HasSuffix(name, "."+other) {
			d = 1
		}
		if d < distance || d == distance && other < best {
			best, distance = other, d
		}
	}
	if best == "" {
		return ";"
	}
	return "; did you mean " + dashes + best + "?"
}

// editDistance is the number of letters to insert, delete or replace between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := diagonal
			if a[i] != b[j] {
				next = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// Print writes the configuration as YAML, each key with where its value came
// from. Tokens are hidden.
func (l *Loaded) Print(w io.Writer) error {
	for _, k := range l.keys() {
		source := l.sources[k.name]
		if source == "" {
			source = "default"
		}
		v := k.value.String()
		switch k.value.(type) {
		case *Tokens:
			if v == "" {
				v = "[]"
			}
		case *List:
			v = "[" + strings.Join(mapped(l.Listen.Hosts, flow), ", ") + "]"
		default:
			v = scalar(v)
		}
		if _, err := fmt.Fprintf(w, "%-42s # %s\n", k.name+": "+v, source); err != nil {
			return err
		}
	}
	return nil
}

func mapped(l []string, f func(string) string) []string {
	var out []string
	for _, s := range l {
		out = append(out, f(s))
	}
	return out
}

// scalar writes a text as a YAML value.
func scalar(s string) string {
	b, err := yaml.Marshal(s)
	if err != nil || strings.Count(string(b), "\n") != 1 {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSuffix(string(b), "\n")
}

// Usage writes all keys with their defaults.
func Usage(w io.Writer) error {
	var c Config
	for _, k := range c.keys() {
		def := ""
		if k.def != "" {
			def = " (" + k.def + ")"
		}
		if _, err := fmt.Fprintf(w, "  --%s\n        %s%s\n", k.name, k.usage, def); err != nil {
			return err
		}
	}
	return nil
}
