package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// listening is an open listener.
type listening struct {
	key      string
	ln       net.Listener
	loopback bool // only this machine reaches it, over TCP: a browser on it does, too
	server   *http.Server

	limit   int64
	open    atomic.Int64
	refused atomic.Int64
}

// listen opens the address of a key. wait is how long another server that
// holds it may take to say what it is.
func listen(key string, a Address, limit int) (*listening, error) {
	network, address := a.Network()
	ln, err := net.Listen(network, address)
	if network == "unix" && errors.Is(err, syscall.EADDRINUSE) && abandoned(address) {
		os.Remove(address)
		ln, err = net.Listen(network, address)
	}
	if err != nil {
		return nil, listenError(key, a, err)
	}
	if network == "unix" {
		// Whoever may write to the file may use the server: its owner and group.
		if err := os.Chmod(address, 0o660); err != nil {
			ln.Close()
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return &listening{key: key, ln: ln, loopback: a.Local() && network == "tcp", limit: int64(limit)}, nil
}

// abandoned reports whether a unix socket has nobody behind it any more.
func abandoned(path string) bool {
	if st, err := os.Lstat(path); err != nil || st.Mode()&fs.ModeSocket == 0 {
		return false
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// listenError says what to do about an address that cannot be listened to.
func listenError(key string, a Address, err error) error {
	_, address := a.Network()
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: %s is in use%s; stop that, or set %s to another address, or to off", key, address, occupant(a), key)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s: %s: permission denied: ports below 1024 are for root; set %s to a higher one", key, address, key)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: %s is no address of this machine; set %s to one of its own, or 0.0.0.0 for all", key, address, key)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fmt.Errorf("%s: the host of %s is not known: %v; set %s to an IP address", key, address, dns.Err, key)
	}
	return fmt.Errorf("%s: listen on %s: %w", key, address, err)
}

// occupant says who holds an address, if it is one of weft's programs.
func occupant(a Address) string {
	network, address := a.Network()
	if host, port, err := net.SplitHostPort(address); err == nil && (host == "" || net.ParseIP(host).IsUnspecified()) {
		address = net.JoinHostPort("localhost", port)
	}
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}}
	resp, err := client.Get("http://localhost/")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	if s := resp.Header.Get("Server"); s == serverName || strings.HasPrefix(s, serverName+" ") {
		return ": another weft serve runs there"
	}
	if b, _ := io.ReadAll(io.LimitReader(resp.Body, 200)); strings.Contains(string(b), "weft watch") {
		return ": weft watch runs there"
	}
	return ""
}

// Accept returns the next connection. One beyond the limit is closed at once:
// the client hears that, and those that are open go on.
func (l *listening) Accept() (net.Conn, error) {
	for {
		c, err := l.ln.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.limit {
			return &connection{Conn: c, l: l}, nil
		}
		l.open.Add(-1)
		l.refused.Add(1)
		c.Close()
	}
}

// Close stops listening. Connections stay open.
func (l *listening) Close() error { return l.ln.Close() }

// Addr returns the address that is listened to.
func (l *listening) Addr() net.Addr { return l.ln.Addr() }

// connection counts itself off when it is closed.
type connection struct {
	net.Conn
	l    *listening
	once sync.Once
}

func (c *connection) Close() error {
	c.once.Do(func() { c.l.open.Add(-1) })
	return c.Conn.Close()
}
