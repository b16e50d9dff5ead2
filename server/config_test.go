package server

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// samples has two values for every key.
var samples = map[string][2]string{
	"listen.http":          {"127.0.0.1:1", "[::1]:2"},
	"listen.otlp_grpc":     {"off", "localhost:3"},
	"listen.otlp_http":     {"unix:/run/weft.sock", "127.0.0.1:5"},
	"listen.zipkin":        {"127.0.0.1:6", "off"},
	"listen.hosts":         {"weft.example,other.example", "weft.example"},
	"path_prefix":          {"/weft", "/a/b"},
	"tls.cert":             {"/a/cert.pem", "/b/cert.pem"},
	"tls.key":              {"/a/key.pem", "/b/key.pem"},
	"tls.client_ca":        {"/a/ca.pem", "/b/ca.pem"},
	"tls.min_version":      {"1.3", "1.2"},
	"auth.tokens":          {"[{name: ci, token_file: /run/ci, scopes: [write]}]", "[{name: a, token_file: /run/a, scopes: [read, admin]}]"},
	"auth.insecure":        {"on", "off"},
	"limits.request_size":  {"1MiB", "3MiB"},
	"limits.in_flight":     {"32MiB", "1GiB"},
	"limits.wait":          {"5s", "off"},
	"limits.read_timeout":  {"1m", "1m30s"},
	"limits.header_size":   {"4KiB", "8KiB"},
	"limits.connections":   {"1", "17"},
	"store.dir":            {"/a/data", "/b/data"},
	"store.retention.age":  {"36h", "off"},
	"store.retention.size": {"10GiB", "off"},
	"store.partition":      {"1h", "7d"},
	"store.sync":           {"off", "on"},
	"store.cache":          {"1GiB", "100MiB"},
	"log.level":            {"debug", "error"},
	"log.format":           {"json", "text"},
	"shutdown.grace":       {"1m", "off"},
}

// base makes the other keys such that any of samples is valid with them.
var base = map[string]string{"tls.cert": "/a/cert.pem", "tls.key": "/a/key.pem", "tls.client_ca": "/a/ca.pem"}

func (l *Loaded) get(name string) string {
	for _, k := range l.keys() {
		if k.name == name {
			return k.value.String()
		}
	}
	panic(name)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// nested writes keys as YAML sections.
func nested(keys map[string]string) string {
	var b strings.Builder
	for k, v := range keys {
		parts := strings.Split(k, ".")
		for i, p := range parts {
			b.WriteString(strings.Repeat("  ", i) + p + ":")
			if i < len(parts)-1 {
				b.WriteString("\n")
			}
		}
		if strings.HasPrefix(v, "[") && k == "auth.tokens" {
			fmt.Fprintf(&b, " %s\n", v)
		} else {
			fmt.Fprintf(&b, " %q\n", v)
		}
	}
	return b.String()
}

// Every key can be set in all four ways, which mean the same, and a flag goes
// before the environment, that before the file.
func TestLoadEveryKey(t *testing.T) {
	var c Config
	home := []string{"HOME=/home/u"}
	for _, k := range c.keys() {
		t.Run(k.name, func(t *testing.T) {
			v, ok := samples[k.name]
			if !ok {
				t.Fatal("no samples of this key")
			}
			env := append([]string(nil), home...)
			var args []string
			for name, b := range base {
				if name != k.name {
					env = append(env, Env(name)+"="+b)
				}
			}
			load := func(args, env []string) *Loaded {
				t.Helper()
				l, err := Load(args, env)
				if err != nil {
					t.Fatal(err)
				}
				return l
			}
			file := write(t, "serve.yaml", nested(map[string]string{k.name: v[0]}))
			dotted := write(t, "dotted.yaml", fmt.Sprintf("%s: %s\n", k.name, map[bool]string{true: v[0], false: fmt.Sprintf("%q", v[0])}[k.name == "auth.tokens"]))
			set := "--" + k.name + "="
			want := v[0]
			for _, way := range []struct {
				name   string
				l      *Loaded
				want   string
				source string
			}{
				{"flag", load(append(args, set+v[0]), env), want, "--" + k.name},
				{"environment", load(args, append(env, Env(k.name)+"="+v[0])), want, Env(k.name)},
				{"file", load(append(args, "--config", file), env), want, file + ":"},
				{"file, dotted", load(append(args, "--config="+dotted), env), want, dotted + ":1"},
				{"file by the environment", load(args, append(env, "WEFT_CONFIG="+file)), want, file + ":"},
				{"environment before file", load(append(args, "--config", file), append(env, Env(k.name)+"="+v[1])), v[1], Env(k.name)},
				{"flag before environment", load(append(args, set+v[1], "--config", file), append(env, Env(k.name)+"="+v[0])), v[1], "--" + k.name},
			} {
				if got := way.l.get(k.name); got != way.want {
					t.Errorf("%s: %q; want %q", way.name, got, way.want)
				}
				if got := way.l.sources[k.name]; !strings.HasPrefix(got, way.source) {
					t.Errorf("%s: its source is %q; want %q", way.name, got, way.source)
				}
			}
		})
	}
}

// The zero value and an empty environment mean the same, and are valid.
func TestLoadDefaults(t *testing.T) {
	l, err := Load(nil, []string{"HOME=/home/u"})
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Store: Store{Dir: "/home/u/.local/share/weft"}}
	want.setDefaults()
	if diff := cmp.Diff(want, l.Config, cmpopts.IgnoreUnexported(Token{})); diff != "" {
		t.Errorf("(-zero value +loaded):\n%s", diff)
	}
	l, err = Load(nil, []string{"HOME=/home/u", "XDG_DATA_HOME=/data"})
	if err != nil || l.Store.Dir != "/data/weft" {
		t.Errorf("%q, %v; want /data/weft", l.Store.Dir, err)
	}
	for _, k := range l.keys() {
		if k.def != "" && k.value.String() != k.def {
			t.Errorf("%s: the default %q is printed as %q", k.name, k.def, k.value.String())
		}
	}
}

// What --print-config prints is a file that means the same.
func TestPrintRoundTrip(t *testing.T) {
	args := []string{"--auth.insecure"}
	for name, v := range samples {
		if name != "auth.insecure" && name != "listen.otlp_http" {
			args = append(args, "--"+name+"="+v[0])
		}
	}
	l, err := Load(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := l.Print(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Load([]string{"--config", write(t, "printed.yaml", b.String())}, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if diff := cmp.Diff(l.Config, again.Config, cmpopts.IgnoreUnexported(Token{})); diff != "" {
		t.Errorf("(-printed +read):\n%s", diff)
	}
	for _, k := range l.keys() {
		if !strings.Contains(b.String(), k.name+": ") {
			t.Errorf("%s is not printed", k.name)
		}
	}
}

func TestPrintHidesSecrets(t *testing.T) {
	const secret = "a-very-secret-token"
	hash := "sha256:" + strings.Repeat("ab", 32)
	l, err := Load([]string{"--store.dir=/d", "--auth.tokens", `[{"name": "a b", "token": "` + secret + `", "scopes": ["read"]}, {name: c, hash: "` + hash + `", scopes: [admin]}]`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	l.Print(&b)
	if s := b.String(); strings.Contains(s, secret) || strings.Contains(s, hash) || !strings.Contains(s, `"a b"`) || !strings.Contains(s, "# --auth.tokens") {
		t.Errorf("printed:\n%s\nwant names and no secrets", s)
	}
}

func TestUsage(t *testing.T) {
	var b bytes.Buffer
	if err := Usage(&b); err != nil {
		t.Fatal(err)
	}
	var c Config
	for _, k := range c.keys() {
		if !regexp.MustCompile(`(?m)^  --` + regexp.QuoteMeta(k.name) + "\n {8}.*" + regexp.QuoteMeta(k.def)).MatchString(b.String()) {
			t.Errorf("%s with its default %q is not in the usage", k.name, k.def)
		}
	}
	if want := "(mTLS); without auth.tokens they may do everything\n"; !strings.Contains(b.String(), want) {
		t.Errorf("the usage of tls.client_ca lacks %q", want)
	}
}

// What is wrong is said with where it is and what to do.
func TestLoadErrors(t *testing.T) {
	const tokens = `auth.tokens: [{name: a, token: 0123456789abcdef, scopes: [read]}]`
	for _, tt := range []struct {
		name string
		args []string
		env  []string
		file string
		want string // with FILE for the file's name
	}{
		{"unknown key", nil, nil, "store:\n  retention:\n    agee: 7d\n", `FILE:3: unknown key store.retention.agee; did you mean store.retention.age? "weft serve --help" lists all`},
		{"unknown section", nil, nil, "listen:\n  http: off\nstorage:\n  dir: /x\n", `FILE:3: unknown key storage; "weft serve --help" lists all`},
		{"last word only", nil, nil, "\n\ngrace: 7s\n", `FILE:3: unknown key grace; did you mean shutdown.grace?`},
		{"nothing near", nil, nil, "quux_whatever_this_may_be: 1\n", `FILE:1: unknown key quux_whatever_this_may_be; "weft serve --help"`},
		{"unknown flag", []string{"--store.dirr=/x"}, nil, "", `unknown flag --store.dirr; did you mean --store.dir? "weft`},
		{"no flag", []string{"/data"}, nil, "", `argument "/data": weft serve takes flags only`},
		{"no value", []string{"--store.dir"}, nil, "", `flag --store.dir: the value is missing`},
		{"bad value in the file", nil, nil, "# comment\nstore.retention.age: 7 parsecs\n", `FILE:2: store.retention.age: "7 parsecs": want a duration such as 30s, 36h or 7d, or off`},
		{"bad value of a flag", []string{"--limits.in_flight=lots"}, nil, "", `flag --limits.in_flight: "lots": want a size such as 64MiB`},
		{"bad value of a variable", nil, []string{"WEFT_LOG_LEVEL=loud"}, "", `environment variable WEFT_LOG_LEVEL: "loud": want debug, info, warn, error`},
		{"bad address", nil, nil, "listen.http: 16686\n", `FILE:1: listen.http: "16686": want host:port`},
		{"bad port", []string{"--listen.http=127.0.0.1:99999"}, nil, "", `flag --listen.http: "127.0.0.1:99999": want host:port`},
		{"relative socket", []string{"--listen.http=unix:x.sock"}, nil, "", `want unix: and an absolute path`},
		{"bad prefix", []string{"--path_prefix=weft"}, nil, "", `flag --path_prefix: "weft": want a path such as /weft`},
		{"traversing prefix", []string{"--path_prefix=/a/../b"}, nil, "", `flag --path_prefix: "/a/../b": want a path such as /weft`},
		{"no unit", []string{"--store.retention.size=200"}, nil, "", `flag --store.retention.size: "200": want a size`},
		{"tiny retention", []string{"--store.retention.size=10B"}, nil, "", `store.retention.size (set by --store.retention.size): 10B would remove data`},
		{"no switch", []string{"--store.sync", "maybe"}, nil, "", `argument "maybe": weft serve takes flags only`},
		{"negative", []string{"--store.cache=-5MiB"}, nil, "", `"-5MiB": want a size`},
		{"infinite", []string{"--store.cache=inf"}, nil, "", `"inf": want a size`},
		{"overflow", []string{"--store.cache=99999999999TiB"}, nil, "", `want a size`},
		{"list for a value", nil, nil, "store.dir: [a, b]\n", `FILE:1: store.dir: want one value`},
		{"value for a section", nil, nil, "store: /x\n", `FILE:1: store: want keys with values below it`},
		{"twice", nil, nil, "store.dir: /a\nstore:\n  dir: /b\n", `FILE:3: store.dir is set twice, first in line 1`},
		{"two documents", nil, nil, "store.dir: /a\n---\nstore.dir: /b\n", `FILE:2: a second document`},
		{"not YAML", nil, nil, "store: {dir\n", `FILE: line 1: did not find`},
		{"no file", []string{"--config=/nowhere/serve.yaml"}, nil, "", `read the configuration: open /nowhere/serve.yaml: no such file`},
		{"cert without key", nil, nil, "tls.cert: /x\n", `tls.key: not set, but tls.cert is; set both or none`},
		{"key without cert", []string{"--tls.key=/x"}, nil, "", `tls.cert: not set, but tls.key is`},
		{"client CA without TLS", []string{"--tls.client_ca=/x"}, nil, "", `tls.client_ca (set by --tls.client_ca): client certificates need TLS`},
		{"network without tokens", []string{"--listen.otlp_grpc=0.0.0.0:4317"}, nil, "", `listen.otlp_grpc (set by --listen.otlp_grpc): 0.0.0.0:4317 can be reached from the network, and nothing says who may use it: set auth.tokens`},
		{"all interfaces", nil, []string{"WEFT_LISTEN_HTTP=:16686"}, "", `listen.http (set by WEFT_LISTEN_HTTP): :16686 can be reached from the network`},
		{"all interfaces, IPv6", nil, nil, "listen.zipkin: '[::]:9411'\n", `listen.zipkin (set by FILE:1): [::]:9411 can be reached`},
		{"a name is no loopback address", nil, nil, "listen.zipkin: example.com:9411\n", `can be reached from the network`},
		{"same address twice", []string{"--listen.zipkin=127.0.0.1:4318"}, nil, "", `127.0.0.1:4318 is the address of listen.otlp_http, too`},
		{"all off", []string{"--listen.http=off", "--listen.zipkin=", "--listen.otlp_grpc=off", "--listen.otlp_http=off"}, nil, "", `all listeners are off`},
		{"in flight too small", []string{"--limits.request_size=40MiB"}, nil, "", `limits.in_flight: 64MiB has no room for a request of limits.request_size, 40MiB`},
		{"no timeout", []string{"--limits.read_timeout=off"}, nil, "", `limits.read_timeout (set by --limits.read_timeout): off would let clients`},
		{"tiny partitions", []string{"--store.partition=1s"}, nil, "", `store.partition (set by --store.partition): 1s; want at least 1m`},
		{"token without name", nil, nil, "auth:\n  tokens:\n    - token: 0123456789abcdef\n      scopes: [read]\n", `FILE:3: auth.tokens: a token without a name`},
		{"token without scopes", nil, nil, "auth:\n  tokens:\n    - {name: a, token: 0123456789abcdef}\n", `FILE:3: auth.tokens: token "a" has no scopes`},
		{"unknown scope", nil, nil, "auth:\n  tokens:\n    - name: a\n      token: 0123456789abcdef\n      scopes: [read, root]\n", `FILE:5: auth.tokens: scope "root": want read, write or admin`},
		{"short token", nil, nil, strings.Replace(tokens, "0123456789abcdef", "short", 1), `FILE:1: auth.tokens: token "a" has 5 characters; want at least 16`},
		{"two secrets", nil, nil, strings.Replace(tokens, "scopes", "token_file: /x, scopes", 1), `want exactly one of token, token_file and hash`},
		{"same name", nil, nil, strings.Replace(tokens, "]}]", "]}, {name: a, token_file: /x, scopes: [read]}]", 1), `two tokens are called "a"`},
		{"same token", nil, nil, strings.Replace(tokens, "]}]", "]},\n {name: b, token: 0123456789abcdef, scopes: [write]}]", 1), `FILE:2: auth.tokens: "a" and "b" are the same token`},
		{"same token as a hash", nil, nil, strings.Replace(tokens, "]}]", "]}, {name: b, hash: 'sha256:"+fmt.Sprintf("%x", sha256.Sum256([]byte("0123456789abcdef")))+"', scopes: [write]}]", 1), `FILE:1: auth.tokens: "a" and "b" are the same token`},
		{"same token file", []string{"--auth.tokens=[{name: a, token_file: /x/t, scopes: [read]}, {name: b, token_file: /x/./t, scopes: [write]}]"}, nil, "", `flag --auth.tokens: "a" and "b" are the same token`},
		{"bad hash", nil, nil, strings.Replace(tokens, "token: 0123456789abcdef", "hash: md5:0", 1), `hash: want sha256: and 64 hex digits`},
		{"unknown key of a token", nil, nil, strings.Replace(tokens, "scopes", "scope", 1), `unknown key "scope" of a token`},
		{"tokens are no list", []string{"--auth.tokens=secret-0123456789"}, nil, "", `flag --auth.tokens: want a list of`},
		{"tokens are broken", []string{"--auth.tokens=[{secret-0123456789"}, nil, "", `flag --auth.tokens: not a list in YAML or JSON`},
		{"no home", nil, []string{"HOME="}, "", `store.dir: not set, and neither XDG_DATA_HOME nor HOME`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args, env := tt.args, append([]string{"HOME=/home/u"}, tt.env...)
			if len(tt.env) == 1 && tt.env[0] == "HOME=" {
				env = nil
			}
			file := ""
			if tt.file != "" {
				file = write(t, "serve.yaml", tt.file)
				args = append(args, "--config="+file)
			}
			_, err := Load(args, env)
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error()
			if file != "" {
				got = strings.ReplaceAll(got, file, "FILE")
			}
			if !strings.Contains(strings.ToLower(got), strings.ToLower(tt.want)) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if strings.Contains(got, "0123456789") {
				t.Errorf("the error shows the secret: %s", got)
			}
		})
	}
}

// A switch takes its value after a space, too, or none.
func TestLoadSwitch(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want Switch
	}{
		{[]string{"--store.sync", "off", "--log.level", "debug"}, "off"}, {[]string{"--store.sync=false", "--log.level", "debug"}, "off"},
		{[]string{"--store.sync", "--log.level", "debug"}, "on"}, {[]string{"--log.level=debug", "--store.sync"}, "on"},
	} {
		l, err := Load(tt.args, []string{"HOME=/h"})
		if err != nil || l.Store.Sync != tt.want || l.Log.Level != "debug" {
			t.Errorf("%q: %v, %v, %v; want %v and debug", tt.args, l.Store.Sync, l.Log.Level, err, tt.want)
		}
	}
}

func TestLoadWarnings(t *testing.T) {
	l, err := Load(nil, []string{"HOME=/h", "WEFT_STORE_RETENTION=7d", "WEFT_CACHE=/c", "WEFT_OFF=1", "WEFT_STORE_PORT=tcp://10.0.0.1:4317", "WEFT_STORE_SERVICE_HOST=10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "WEFT_STORE_RETENTION is no setting") {
		t.Errorf("warnings %q; want one of WEFT_STORE_RETENTION", l.Warnings)
	}
}

func TestValues(t *testing.T) {
	for in, want := range map[string]string{
		"7d": "7d", "1w": "7d", "36h": "36h", "1d12h": "36h", "90m": "1h30m", "1.5h": "1h30m", "10s": "10s", "1500ms": "1.5s", "off": "off", "0": "off", "2w1d": "15d",
	} {
		var d Duration
		if err := d.Set(in); err != nil || d.String() != want {
			t.Errorf("%s is %s, %v; want %s", in, d.String(), err, want)
		}
		var again Duration
		if err := again.Set(d.String()); err != nil || again != d {
			t.Errorf("%s, printed as %s, is read as %v", in, d.String(), again)
		}
	}
	for _, in := range []string{"", "7", "d", "-1s", "7D", "1d-1h", "infd", "NaNd", "99999999999d", "0.1ns"} {
		var d Duration
		if err := d.Set(in); err == nil {
			t.Errorf("%q is %v; want an error", in, d)
		}
	}
	for in, want := range map[string]string{"64MiB": "64MiB", "64 MiB": "64MiB", "1024B": "1KiB", "1.5GiB": "1536MiB", "10GB": "9765625KiB", "7B": "7B", "off": "off", "1TiB": "1TiB"} {
		var b Bytes
		if err := b.Set(in); err != nil || b.String() != want {
			t.Errorf("%s is %s, %v; want %s", in, b.String(), err, want)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "200", "1e400", "NaN", "0x10", "1_000", "10MiBs"} {
		var b Bytes
		if err := b.Set(in); err == nil {
			t.Errorf("%q is %v; want an error", in, b)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{"store:\n  dir: /x\n", "listen: {http: off}\n", "a: &a [*a]\n", "auth.tokens: [{name: a}]", "? [a]\n: b\n", "<<: *x", "- a\n", "store: &s {retention: *s}"} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(dir, "serve.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Load([]string{"--config", file}, []string{"HOME=/h"})
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := l.Print(&b); err != nil {
			t.Error(err)
		}
	})
}
