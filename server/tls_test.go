package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

var serial int64

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue returns a certificate for 127.0.0.1 and its key, in PEM.
func (a *authority) issue(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := x509.MarshalPKCS8PrivateKey(k)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})
}

// files writes PEM files and returns their names.
func files(t *testing.T, dir string, contents ...[]byte) (names []string) {
	t.Helper()
	for i, b := range contents {
		name := filepath.Join(dir, []string{"cert.pem", "key.pem", "ca.pem"}[i])
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// client trusts an authority and shows a certificate, if one is given.
func (a *authority) client(t *testing.T, pair ...[]byte) *http.Client {
	t.Helper()
	return &http.Client{Transport: &http.Transport{TLSClientConfig: a.config(t, pair...), ForceAttemptHTTP2: true, DisableKeepAlives: true}}
}

func (a *authority) config(t *testing.T, pair ...[]byte) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AddCert(a.cert)
	if len(pair) == 2 {
		p, err := tls.X509KeyPair(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{p}
	}
	return c
}

// Every endpoint over TLS, and nothing without.
func TestTLS(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "weft")
	names := files(t, t.TempDir(), cert, key)
	c := loopback(t)
	c.TLS.Cert, c.TLS.Key = names[0], names[1]
	s := run(t, c, Options{})
	client := ca.client(t)
	for _, e := range endpoints() {
		if got, resp, b := s.ask(t, client, e); got != e.status || resp.ProtoMajor != 2 {
			t.Errorf("%s %s: %s %d %.100q; want HTTP/2 and %d", e.key, e.path, resp.Proto, got, b, e.status)
		}
	}
	for _, l := range s.listeners {
		resp, err := http.Get("http://" + l.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 400 { // net/http's answer to what is not TLS
			t.Errorf("%s without TLS: %d; want 400", l.key, resp.StatusCode)
		}
	}
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		config := ca.config(t)
		config.MinVersion, config.MaxVersion = version, version
		conn, err := tls.Dial("tcp", s.Addr("listen.otlp_grpc").String(), config)
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

// grpc-go over TLS with a token in its metadata.
func TestTLSGRPC(t *testing.T) {
	const token = "write-0123456789abcdef"
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "weft")
	names := files(t, t.TempDir(), cert, key)
	c := loopback(t)
	c.TLS.Cert, c.TLS.Key = names[0], names[1]
	c.Auth.Tokens.Set(`[{name: w, token: ` + token + `, scopes: [write]}]`)
	s := run(t, c, Options{})
	conn, err := grpc.NewClient(s.Addr("listen.otlp_grpc").String(), grpc.WithTransportCredentials(credentials.NewTLS(ca.config(t))))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var data tracepb.TracesData
	if err := proto.Unmarshal(request(t, 1), &data); err != nil {
		t.Fatal(err)
	}
	export := func(ctx context.Context) error {
		return conn.Invoke(ctx, endpoints()[0].path, &data, new(emptypb.Empty))
	}
	if err := export(t.Context()); err == nil || !strings.Contains(err.Error(), "Unauthenticated") {
		t.Errorf("without a token: %v", err)
	}
	if err := export(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)); err != nil {
		t.Errorf("with the token: %v", err)
	}
}

// Client certificates: all but the health checks need one of the right authority.
func TestMutualTLS(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	cert, key := ca.issue(t, "weft")
	names := files(t, t.TempDir(), cert, key, ca.pem)
	c := loopback(t)
	c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA = names[0], names[1], names[2]
	s := run(t, c, Options{})
	mine, mineKey := ca.issue(t, "client")
	theirs, theirsKey := other.issue(t, "stranger")
	with := ca.client(t, mine, mineKey)
	for _, e := range endpoints() {
		if got, _, b := s.ask(t, with, e); got != e.status {
			t.Errorf("with a certificate: %s: %d %.100q; want %d", e.path, got, b, e.status)
		}
	}
	without, wrong := ca.client(t), ca.client(t, theirs, theirsKey)
	// A client certificate of an authority that the server does not name is not even sent by Go's client, so this forces it.
	wrong.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		p, err := tls.X509KeyPair(theirs, theirsKey)
		return &p, err
	}
	for _, e := range endpoints() {
		for name, client := range map[string]*http.Client{"none": without, "of another authority": wrong} {
			req, _ := http.NewRequest(e.method, s.url(e.key)+e.path, bytes.NewReader(e.body(t)))
			req.Header.Set("Content-Type", e.contentType)
			resp, err := client.Do(req)
			if err != nil {
				if e.scope == "" && name == "none" {
					t.Errorf("%s: %v; want the health checks without a certificate", e.path, err)
				}
				continue // the handshake failed
			}
			resp.Body.Close()
			want := http.StatusUnauthorized
			if e.scope == "" {
				want = e.status
			}
			if resp.StatusCode != want || e.key != "listen.http" || name != "none" {
				t.Errorf("certificate %s: %s %s: %d; want %d", name, e.key, e.path, resp.StatusCode, want)
			}
		}
	}
}

// mTLS and tokens together: both are asked for.
func TestMutualTLSAndTokens(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, key := ca.issue(t, "weft")
	names := files(t, t.TempDir(), cert, key, ca.pem)
	c := loopback(t)
	c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA = names[0], names[1], names[2]
	c.Auth.Tokens.Set(`[{name: r, token: read-0123456789abcdef, scopes: [read]}]`)
	s := run(t, c, Options{})
	mine, mineKey := ca.issue(t, "client")
	e := endpoint{key: "listen.http", method: "GET", path: "/metrics", body: func(testing.TB) []byte { return nil }}
	for _, tt := range []struct {
		client *http.Client
		token  string
		want   int
	}{
		{ca.client(t, mine, mineKey), "Bearer read-0123456789abcdef", 200},
		{ca.client(t, mine, mineKey), "", 401},
		{ca.client(t), "Bearer read-0123456789abcdef", 401},
	} {
		if got, _, _ := s.ask(t, tt.client, e, "Authorization", tt.token); got != tt.want {
			t.Errorf("token %q: %d; want %d", tt.token, got, tt.want)
		}
	}
}

// A renewed certificate is used for new connections; a broken one is not.
func TestCertificateReload(t *testing.T) {
	ca, next := newAuthority(t, "ca"), newAuthority(t, "next")
	dir := t.TempDir()
	cert, key := ca.issue(t, "first")
	names := files(t, dir, cert, key)
	c := loopback(t)
	c.TLS.Cert, c.TLS.Key = names[0], names[1]
	reload := make(chan struct{})
	var log locked
	s := run(t, c, Options{Reload: reload, Stderr: &log})
	shown := func(a *authority) string {
		conn, err := tls.Dial("tcp", s.Addr("listen.otlp_http").String(), a.config(t))
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := shown(ca); got != "first" {
		t.Fatalf("certificate %q; want the first", got)
	}
	os.WriteFile(names[1], []byte("broken"), 0o600)
	reload <- struct{}{}
	reload <- struct{}{} // taken when the first was worked on
	if got := shown(ca); got != "first" || !strings.Contains(log.String(), "the one from before stays in use") {
		t.Errorf("with a broken key: certificate %q, log %s; want the first and an error", got, log.String())
	}
	cert, key = next.issue(t, "second")
	files(t, dir, cert, key)
	reload <- struct{}{}
	reload <- struct{}{}
	if got := shown(next); got != "second" {
		t.Errorf("certificate %q; want the second", got)
	}
}

// A file of a token is read again, too.
func TestTokenReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	os.WriteFile(file, []byte("first-0123456789abcdef\n"), 0o600)
	c := loopback(t)
	c.Auth.Tokens.Set(`[{name: r, token_file: ` + file + `, scopes: [read]}]`)
	reload := make(chan struct{})
	s := run(t, c, Options{Reload: reload})
	e := endpoint{key: "listen.http", method: "GET", path: "/metrics", body: func(testing.TB) []byte { return nil }}
	try := func(token string) int {
		got, _, _ := s.ask(t, http.DefaultClient, e, "Authorization", "Bearer "+token)
		return got
	}
	if a, b := try("first-0123456789abcdef"), try("second-0123456789abcdef"); a != 200 || b != 401 {
		t.Errorf("first %d, second %d; want 200 and 401", a, b)
	}
	os.WriteFile(file, []byte("short"), 0o600)
	reload <- struct{}{}
	reload <- struct{}{}
	if a := try("first-0123456789abcdef"); a != 200 {
		t.Errorf("with a broken file: %d; want the token from before", a)
	}
	os.WriteFile(file, []byte("second-0123456789abcdef\n"), 0o600)
	reload <- struct{}{}
	reload <- struct{}{}
	if a, b := try("first-0123456789abcdef"), try("second-0123456789abcdef"); a != 401 || b != 200 {
		t.Errorf("first %d, second %d; want 401 and 200", a, b)
	}
}

func TestStartErrors(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, _ := ca.issue(t, "a")
	_, key := ca.issue(t, "b")
	names := files(t, t.TempDir(), cert, key, []byte("none"))
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no certificate": {func(c *Config) { c.TLS.Cert, c.TLS.Key = "/nowhere", names[1] }, "tls.cert: open /nowhere"},
		"wrong key":      {func(c *Config) { c.TLS.Cert, c.TLS.Key = names[0], names[1] }, "tls.cert " + names[0]},
		"no authority": {func(c *Config) {
			cert, key := ca.issue(t, "c")
			f := files(t, t.TempDir(), cert, key)
			c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA = f[0], f[1], names[2]
		}, "tls.client_ca " + names[2] + ": no certificate in it"},
		"no token file": {func(c *Config) { c.Auth.Tokens.Set(`[{name: r, token_file: /nowhere, scopes: [read]}]`) }, `auth.tokens: entry 1: token "r": token_file: open /nowhere`},
		"same token in a file": {func(c *Config) {
			f := files(t, t.TempDir(), []byte("read-0123456789abcdef\n"))
			c.Auth.Tokens.Set(`[{name: a, token: read-0123456789abcdef, scopes: [read]}, {name: b, token_file: ` + f[0] + `, scopes: [write]}]`)
		}, `"a" and "b" are the same token`},
		"same token in two files": {func(c *Config) {
			f := files(t, t.TempDir(), []byte("read-0123456789abcdef\n"), []byte("read-0123456789abcdef"))
			c.Auth.Tokens.Set(`[{name: a, token_file: ` + f[0] + `, scopes: [read]}, {name: b, token_file: ` + f[1] + `, scopes: [write]}]`)
		}, `"a" and "b" are the same token`},
		"network": {func(c *Config) { c.Listen.HTTP = "0.0.0.0:0" }, "can be reached from the network"},
	} {
		c := loopback(t)
		tt.change(&c)
		if _, err := Start(c, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %s", name, err, tt.want)
		}
	}
}
