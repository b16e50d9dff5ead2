package server

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// Config is everything that weft serve can be told. The zero value works: what
// is zero has the default that Keys tells. A key of the file, its flag and its
// environment variable mean the same field; see [Load].
type Config struct {
	Listen     Listen
	PathPrefix string // before every path of Listen.HTTP, such as "/weft"; "" is none
	TLS        TLS
	Auth       Auth
	Limits     Limits
	Store      Store
	Log        Log
	Shutdown   Shutdown
}

// Listen says where to listen.
type Listen struct {
	HTTP     Address // own API, Jaeger's and Tempo's, metrics, health
	OTLPGRPC Address
	OTLPHTTP Address
	Zipkin   Address
	Hosts    List // names, besides loopback ones and IP addresses, under which a browser may reach the server
}

// TLS says how connections are encrypted. With a certificate every TCP listener uses TLS.
type TLS struct {
	Cert       string // file with the certificate and its chain, PEM
	Key        string // file with its key, PEM
	ClientCA   string // file with the authorities whose certificates clients must show, PEM; "" asks for none
	MinVersion string // "1.2" or "1.3"
}

// Auth says who may do what.
type Auth struct {
	Tokens   Tokens
	Insecure Switch // let everybody on the network in
}

// Limits bounds what clients can make the server do.
type Limits struct {
	RequestSize Bytes    // of one request, decompressed
	InFlight    Bytes    // of all requests being received and stored
	Wait        Duration // for room among those in flight
	ReadTimeout Duration // for a request to arrive
	HeaderSize  Bytes    // of a request's header
	Connections Count    // open at a time, for each listener
}

// Store says where and for how long data is kept.
type Store struct {
	Dir       string
	Retention Retention
	Partition Duration // time span of one partition, the unit in which old data is removed
	Sync      Switch   // flush to the disk before a request is acknowledged
	Cache     Bytes    // memory for blocks read from disk
}

// Retention says how much is kept; the stricter of both holds.
type Retention struct {
	Age  Duration
	Size Bytes
}

// Log says what is logged to standard error.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // text or json
}

// Shutdown says how the server stops.
type Shutdown struct {
	Grace Duration // for requests in flight to finish
}

// key is a setting: a key of the file, a flag and an environment variable.
type key struct {
	name  string
	value value  // the field
	def   string // what Set takes when nothing is set
	usage string
}

// value is a field that can be set from text, as flag.Value.
type value interface {
	Set(string) error // from a flag, the environment or a scalar of the file
	String() string   // what Set takes; "" when it is not set
}

// keys lists all settings, in the order of the documentation. Every default is written here and nowhere else.
func (c *Config) keys() []key {
	return []key{
		{"listen.http", &c.Listen.HTTP, "127.0.0.1:16686", "where the page, the APIs (weft's, Jaeger's, Tempo's), /metrics and the health checks are: host:port, unix:/path, or off"},
		{"listen.otlp_grpc", &c.Listen.OTLPGRPC, "127.0.0.1:4317", "where OTLP over gRPC is taken"},
		{"listen.otlp_http", &c.Listen.OTLPHTTP, "127.0.0.1:4318", "where OTLP over HTTP is taken, protobuf and JSON"},
		{"listen.zipkin", &c.Listen.Zipkin, "127.0.0.1:9411", "where Zipkin spans are taken, JSON and protobuf"},
		{"listen.hosts", &c.Listen.Hosts, "", "names under which browsers may reach the server, besides localhost and IP addresses (a list)"},
		{"path_prefix", prefix{&c.PathPrefix}, "", "before every path of listen.http, such as /weft, for a reverse proxy that does not strip it"},
		{"tls.cert", text{&c.TLS.Cert}, "", "file with the certificate and its chain (PEM): TLS on every TCP listener; read again when it changes"},
		{"tls.key", text{&c.TLS.Key}, "", "file with the certificate's key (PEM)"},
		{"tls.client_ca", text{&c.TLS.ClientCA}, "", "file with the authorities (PEM) whose certificates clients must show (mTLS); without auth.tokens they may do everything"},
		{"tls.min_version", choice{&c.TLS.MinVersion, []string{"1.2", "1.3"}}, "1.2", "oldest version of TLS to speak: 1.2 or 1.3"},
		{"auth.tokens", &c.Auth.Tokens, "", "bearer tokens: a list of {name, one of token, token_file and hash, scopes: [read, write, admin]}"},
		{"auth.insecure", &c.Auth.Insecure, "off", "listen on the network without tokens or client certificates: everybody who reaches the server reads and writes everything"},
		{"limits.request_size", &c.Limits.RequestSize, "16MiB", "largest request, decompressed"},
		{"limits.in_flight", &c.Limits.InFlight, "64MiB", "bytes of all requests being received and stored; beyond it clients are told to try again later"},
		{"limits.wait", &c.Limits.Wait, "1s", "how long a request waits for room among those in flight before its client is told to try again later; off: not at all"},
		{"limits.read_timeout", &c.Limits.ReadTimeout, "30s", "how long a request may take to arrive"},
		{"limits.header_size", &c.Limits.HeaderSize, "32KiB", "largest header of a request"},
		{"limits.connections", &c.Limits.Connections, "2000", "connections open at a time, for each listener"},
		{"store.dir", text{&c.Store.Dir}, "", "directory of the data; $XDG_DATA_HOME/weft or ~/.local/share/weft when not set"},
		{"store.retention.age", &c.Store.Retention.Age, "7d", "how long data is kept: a duration, or off"},
		{"store.retention.size", &c.Store.Retention.Size, "off", "how much data is kept: a size, or off; the oldest goes first"},
		{"store.partition", &c.Store.Partition, "24h", "time span of a partition, the unit in which old data is removed"},
		{"store.sync", &c.Store.Sync, "on", "flush to the disk before a request is acknowledged; off loses the last moments in a power failure, not in a crash of weft"},
		{"store.cache", &c.Store.Cache, "32MiB", "memory for blocks read from the disk"},
		{"log.level", choice{&c.Log.Level, []string{"debug", "info", "warn", "error"}}, "info", "what is logged to standard error: debug, info, warn or error"},
		{"log.format", choice{&c.Log.Format, []string{"text", "json"}}, "text", "how it is logged: text or json"},
		{"shutdown.grace", &c.Shutdown.Grace, "10s", "how long requests in flight may take to finish when the server stops; off: they are cut off at once"},
	}
}

// Env returns the name of the environment variable of the key called name:
// "store.retention.age" is WEFT_STORE_RETENTION_AGE.
func Env(name string) string {
	return "WEFT_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}

// setDefaults sets what is zero to its default, except Store.Dir, which
// depends on the environment.
func (c *Config) setDefaults() {
	for _, k := range c.keys() {
		if k.value.String() == "" && k.def != "" {
			if err := k.value.Set(k.def); err != nil {
				panic(fmt.Sprintf("the default of %s: %v", k.name, err))
			}
		}
	}
}

// DefaultDir returns where data is kept when nothing else is said:
// $XDG_DATA_HOME/weft, or ~/.local/share/weft. It is "" if neither is known.
func DefaultDir(env []string) string {
	dir := ""
	for _, e := range env {
		if d, ok := strings.CutPrefix(e, "XDG_DATA_HOME="); ok && filepath.IsAbs(d) {
			return filepath.Join(d, "weft")
		}
		if d, ok := strings.CutPrefix(e, "HOME="); ok && filepath.IsAbs(d) {
			dir = filepath.Join(d, ".local", "share", "weft")
		}
	}
	return dir
}

// invalid is an error of one key's value.
type invalidKey struct {
	key  string
	text string
}

func (e *invalidKey) Error() string { return e.key + ": " + e.text }

func wrong(key, format string, args ...any) error {
	return &invalidKey{key, fmt.Sprintf(format, args...)}
}

// validate checks what concerns several keys. Defaults are set before.
func (c *Config) validate() error {
	switch {
	case c.TLS.Cert != "" && c.TLS.Key == "":
		return wrong("tls.key", "not set, but tls.cert is; set both or none")
	case c.TLS.Key != "" && c.TLS.Cert == "":
		return wrong("tls.cert", "not set, but tls.key is; set both or none")
	case c.TLS.ClientCA != "" && c.TLS.Cert == "":
		return wrong("tls.client_ca", "client certificates need TLS; set tls.cert and tls.key, too")
	case c.Store.Dir == "":
		return wrong("store.dir", "not set, and neither XDG_DATA_HOME nor HOME is to derive it from; set it")
	case c.Limits.InFlight < 2*c.Limits.RequestSize:
		return wrong("limits.in_flight", "%v has no room for a request of limits.request_size, %v, compressed and decompressed; want at least %v", &c.Limits.InFlight, &c.Limits.RequestSize, ptr(2*c.Limits.RequestSize))
	case c.Limits.RequestSize < 64<<10:
		return wrong("limits.request_size", "%v is less than programs send at a time; want at least 64KiB", &c.Limits.RequestSize)
	case c.Limits.RequestSize > 1<<30:
		return wrong("limits.request_size", "%v; want at most 1GiB", &c.Limits.RequestSize)
	case c.Limits.HeaderSize < 4<<10 || c.Limits.HeaderSize > 1<<20:
		return wrong("limits.header_size", "%v; want 4KiB to 1MiB", &c.Limits.HeaderSize)
	case c.Limits.ReadTimeout <= 0:
		return wrong("limits.read_timeout", "off would let clients keep connections busy for ever; want a duration such as 30s")
	case c.Limits.Connections <= 0:
		return wrong("limits.connections", "%v; want at least 1", &c.Limits.Connections)
	}
	if r := c.Store.Retention.Size; r > 0 && r < 64<<20 {
		return wrong("store.retention.size", "%v would remove data as soon as it is there; want at least 64MiB, or off", &c.Store.Retention.Size)
	}
	if c.Store.Partition < Duration(time.Minute) {
		return wrong("store.partition", "%v; want at least 1m, and mostly 24h", &c.Store.Partition)
	}
	seen := map[Address]string{}
	any := false
	for _, l := range c.listeners() {
		if l.addr.Off() {
			continue
		}
		any = true
		if other, ok := seen[l.addr]; ok && !strings.HasSuffix(string(l.addr), ":0") {
			return wrong(l.key, "%s is the address of %s, too; every protocol needs its own", l.addr, other)
		}
		seen[l.addr] = l.key
		if !l.addr.Local() && len(c.Auth.Tokens) == 0 && c.TLS.ClientCA == "" && c.Auth.Insecure != "on" {
			return wrong(l.key, "%s can be reached from the network, and nothing says who may use it: set auth.tokens, or tls.client_ca for client certificates, or listen on 127.0.0.1; "+
				"auth.insecure: true lets everybody in", l.addr)
		}
	}
	if !any {
		return wrong("listen.http", "all listeners are off; switch one on")
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

// listener is a key under "listen" with its address.
type listener struct {
	key  string
	addr Address
}

func (c *Config) listeners() []listener {
	return []listener{
		{"listen.http", c.Listen.HTTP}, {"listen.otlp_grpc", c.Listen.OTLPGRPC}, {"listen.otlp_http", c.Listen.OTLPHTTP}, {"listen.zipkin", c.Listen.Zipkin},
	}
}

// Address is where to listen: "host:port", "unix:/path", or "off".
type Address string

// Off reports whether nothing is to be listened to.
func (a Address) Off() bool { return a == "off" }

// Network returns what net.Listen takes.
func (a Address) Network() (network, address string) {
	if path, ok := strings.CutPrefix(string(a), "unix:"); ok {
		return "unix", path
	}
	return "tcp", string(a)
}

// Local reports whether only this machine reaches the address: a loopback one
// or a unix socket.
func (a Address) Local() bool {
	if strings.HasPrefix(string(a), "unix:") || a.Off() {
		return true
	}
	host, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (a *Address) String() string { return string(*a) }

// Set parses an address. "" is "off".
func (a *Address) Set(s string) error {
	switch {
	case s == "" || s == "off" || s == "false":
		*a = "off"
		return nil
	case strings.HasPrefix(s, "unix:"):
		if !filepath.IsAbs(s[5:]) {
			return fmt.Errorf("%q: want unix: and an absolute path", s)
		}
		*a = Address(s)
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("%q: want host:port such as 127.0.0.1:4317, unix:/path, or off", s)
	}
	*a = Address(s)
	return nil
}
