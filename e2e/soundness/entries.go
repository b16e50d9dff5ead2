package main

import (
	"fmt"
	"strings"
	"time"
)

// An entry is one row of the table: packages whose own tests are run.
type entry struct {
	Name     string   // of the row
	Kind     string   // what it is an example of
	Module   string   // "" for the standard library
	Version  string   // of the module
	Packages []string // patterns, from the module's root
	Args     []string // further arguments of go test
	Env      []string // further variables, for plain and woven tests alike
	Timeout  time.Duration
	NoEvery  bool // nothing of it can be hooked
	Imported bool // the module is tested as another's dependency, in the module cache
	Note     string
}

func std(path, note string, args ...string) *entry {
	return &entry{Name: path, Kind: "std", Packages: []string{path}, Args: args, Note: note}
}

func module(kind, path, version string, packages ...string) *entry {
	if len(packages) == 0 {
		packages = []string{"."}
	}
	return &entry{Name: path, Kind: kind, Module: path, Version: version, Packages: packages}
}

// entries is the list. What is left out of a module's own tests, and why, is
// said in its note.
var entries = []*entry{
	std("net/http", "-short; OTEL_PROPAGATORS=none, as some assert the exact headers of a request", "-short").env("OTEL_PROPAGATORS=none"),
	std("database/sql", ""),
	std("runtime", "-short; no function of it can have advice, it is reached by the runtime patch", "-short").noEvery(),
	std("sync", ""),
	std("sync/atomic", "-short", "-short"),
	std("time", "-short", "-short"),
	std("context", ""),
	std("log/slog", ""),
	std("log", ""),
	std("os/exec", ""),
	std("testing", "-short", "-short"),
	std("testing/synctest", ""),
	std("errors", ""),
	std("io", ""),
	std("io/fs", ""),
	std("bufio", ""),
	std("bytes", "-short", "-short"),
	std("strings", "-short", "-short"),
	std("strconv", "-short", "-short"),
	std("unicode/utf8", ""),
	std("fmt", ""),
	std("sort", "-short", "-short"),
	std("slices", "-short", "-short"),
	std("maps", ""),
	std("iter", ""),
	std("unique", ""),
	std("weak", ""),
	std("math", ""),
	std("math/big", "-short", "-short"),
	std("os", "-short", "-short"),
	std("os/signal", "-short", "-short"),
	std("net", "-short", "-short"),
	std("net/url", ""),
	std("net/netip", ""),
	std("net/rpc", ""),
	std("net/http/httputil", "-short; OTEL_PROPAGATORS=none, as an example prints the exact header of a request", "-short").env("OTEL_PROPAGATORS=none"),
	std("net/http/httptest", ""),
	std("net/http/cookiejar", ""),
	std("crypto/tls", "-short", "-short"),
	std("crypto/sha256", "-short", "-short"),
	std("encoding/json", "-short", "-short"),
	std("encoding/gob", "-short", "-short"),
	std("encoding/xml", ""),
	std("compress/flate", "-short", "-short"),
	std("archive/zip", "-short", "-short"),
	std("regexp", "-short", "-short"),
	std("reflect", "-short", "-short"),
	std("html/template", ""),
	std("text/template", ""),
	std("go/types", "-short", "-short"),
	std("go/parser", "-short", "-short"),
	std("runtime/debug", ""),
	std("runtime/pprof", "-short", "-short"),
	std("runtime/trace", "-short", "-short"),
	std("runtime/metrics", ""),

	module("web framework", "github.com/gin-gonic/gin", "v1.12.0", "./..."),
	module("web framework", "github.com/labstack/echo/v4", "v4.16.0", "./..."),
	module("web framework", "github.com/go-chi/chi/v5", "v5.5.0", "./..."),
	module("web framework", "github.com/gofiber/fiber/v2", "v2.52.15", ".").short(),
	module("web server", "github.com/valyala/fasthttp", "v1.77.0", ".").short(),
	module("websocket", "github.com/gorilla/websocket", "v1.5.3"),
	module("rpc", "google.golang.org/grpc", "v1.85.0", ".", "./internal/transport", "./metadata", "./status", "./codes", "./credentials", "./keepalive", "./peer", "./stats", "./balancer/roundrobin", "./resolver/...", "./encoding/...").short(),
	module("HTTP/2", "golang.org/x/net", "v0.62.0", "./http2/...", "./context/...", "./html/...", "./trace").short(),
	module("database", "go.etcd.io/bbolt", "v1.5.0", ".").short(),
	module("database", "github.com/dgraph-io/badger/v4", "v4.8.0", "./skl", "./table", "./y", "./trie").short(),
	module("database, C translated to Go", "modernc.org/sqlite", "v1.61.1", ".").short().skip("^TestConcurrentGoroutines$|^TestRegisteredFunctions$/context_expiring$", "they take ten minutes"),
	module("cgo", "github.com/mattn/go-sqlite3", "v1.14.53"),
	module("cgo", "github.com/valyala/gozstd", "v1.27.0"),
	module("command line", "github.com/spf13/cobra", "v1.10.2", "./..."),
	module("command line", "github.com/urfave/cli/v2", "v2.27.7", "./..."),
	module("generics", "github.com/deckarep/golang-set/v2", "v2.8.0"),
	module("generics", "github.com/hashicorp/golang-lru/v2", "v2.0.7", "./..."),
	module("generics, lock-free", "github.com/puzpuzpuz/xsync/v4", "v4.5.0").short(),
	module("assembly", "github.com/klauspost/compress", "v1.20.3", "./flate", "./zstd/...", "./s2", "./huff0", "./fse", "./gzhttp").short(),
	module("assembly", "github.com/cespare/xxhash/v2", "v2.3.0"),
	module("assembly", "github.com/minio/sha256-simd", "v1.0.1"),
	module("linkname", "github.com/bytedance/sonic", "v1.15.5", ".", "./ast", "./decoder", "./encoder").short(),
	module("linkname", "github.com/goccy/go-json", "v0.10.5", "./...").short(),
	module("logger", "go.uber.org/zap", "v1.28.0", "./..."),
	module("logger", "github.com/rs/zerolog", "v1.35.1", "./..."),
	module("concurrency", "github.com/panjf2000/ants/v2", "v2.12.1", "./...").short(),
	module("concurrency", "github.com/sourcegraph/conc", "v0.3.0", "./..."),
	module("concurrency", "golang.org/x/sync", "v0.24.0", "./..."),
	module("concurrency", "go.uber.org/goleak", "v1.3.0", "./..."),
	module("concurrency", "golang.org/x/sync", "v0.24.0", "./...").imported(),
	module("assembly", "github.com/cespare/xxhash/v2", "v2.3.0").imported(),
	module("generics", "github.com/deckarep/golang-set/v2", "v2.8.0").imported(),
	module("logger", "go.uber.org/zap", "v1.28.0", "./...").imported(),
	module("cgo", "github.com/valyala/gozstd", "v1.27.0").imported(),
	module("metrics", "github.com/prometheus/client_golang", "v1.24.1", "./prometheus/..."),
	module("client", "github.com/redis/go-redis/v9", "v9.23.0", "./internal/...").short(),
	module("tracing", "go.opentelemetry.io/otel", "v1.47.0", ".", "./attribute", "./baggage", "./codes", "./internal/...", "./propagation"),
	module("tracing", "go.opentelemetry.io/otel/sdk", "v1.47.0", "./trace/..."),
}

// short makes the tests of an entry run with -short.
func (e *entry) short() *entry {
	e.Args = append(e.Args, "-short")
	e.Note = strings.TrimPrefix(e.Note+"; -short", "; ")
	return e
}

// skip leaves out tests.
func (e *entry) skip(pattern, why string) *entry {
	e.Args = append(e.Args, "-skip="+pattern)
	e.Note = strings.TrimPrefix(fmt.Sprintf("%s; without %s: %s", e.Note, pattern, why), "; ")
	return e
}

// noEvery leaves out mode every.
func (e *entry) noEvery() *entry {
	e.NoEvery = true
	return e
}

// imported tests a module where it is a dependency: what is woven of it is
// copied out of the module cache.
func (e *entry) imported() *entry {
	e.Imported = true
	e.Name += " imported"
	for i, p := range e.Packages {
		e.Packages[i] = strings.TrimSuffix(e.Module+"/"+strings.TrimPrefix(strings.TrimPrefix(p, "."), "/"), "/")
	}
	return e
}

// file returns the entry's name as that of a file.
func (e *entry) file() string { return strings.NewReplacer("/", "_", " ", "_").Replace(e.Name) }

// env sets variables for the tests of an entry.
func (e *entry) env(vars ...string) *entry {
	e.Env = append(e.Env, vars...)
	return e
}
