package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/internal/shop"
	"github.com/weft-trace/weft/server/api"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// shopAPI answers at the time of the spans.
func shopAPI(t *testing.T) http.Handler {
	return api.New(api.Options{Store: shop.Open(t), Clock: func() time.Time { return shop.Now }})
}

// identity writes a certificate that is its own authority, and its key.
func identity(t *testing.T, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: b}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// A private authority, and clients that show certificates.
func TestClientTLS(t *testing.T) {
	serverCert, serverKey := identity(t, "server")
	cert, key := identity(t, "client")
	other, otherKey := identity(t, "other")
	pair, err := tls.LoadX509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(b)
	start := func(auth tls.ClientAuthType) string {
		s := httptest.NewUnstartedServer(shopAPI(t))
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: auth}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}
	private, mutual, plain := start(tls.NoClientCert), start(tls.RequireAndVerifyClientCert), serve(t, shop.Empty(t), "")
	ca, trusted := "WEFT_CA="+serverCert, shop.Buy.String()
	missing := filepath.Join(t.TempDir(), "none.pem")
	for _, c := range []struct {
		name   string
		env    []string
		server string
		want   string // in the error; "": none
	}{
		{"private authority", []string{ca}, private, ""},
		{"client certificate", []string{ca, "WEFT_CERT=" + cert, "WEFT_KEY=" + key}, mutual, ""},
		{"unknown authority", nil, private, "set WEFT_CA to a PEM file"},
		{"another authority", []string{"WEFT_CA=" + other}, private, "not in WEFT_CA, " + other},
		{"no certificate", []string{ca}, mutual, "set WEFT_CERT and WEFT_KEY"},
		{"wrong certificate", []string{ca, "WEFT_CERT=" + other, "WEFT_KEY=" + otherKey}, mutual, "the certificate in WEFT_CERT, " + other},
		{"no file", []string{"WEFT_CA=" + missing}, private, "WEFT_CA: open " + missing},
		{"no PEM", []string{"WEFT_CA=" + key}, private, "WEFT_CA: " + key + ": no certificate in it"},
		{"no key", []string{ca, "WEFT_CERT=" + cert}, mutual, "WEFT_KEY is not"},
		{"no certificate of the key", []string{ca, "WEFT_KEY=" + key}, mutual, "WEFT_CERT is not"},
		{"no key file", []string{ca, "WEFT_CERT=" + cert, "WEFT_KEY=" + missing}, mutual, "WEFT_KEY: open " + missing},
		{"key of another", []string{ca, "WEFT_CERT=" + cert, "WEFT_KEY=" + otherKey}, mutual, "WEFT_CERT " + cert + " with WEFT_KEY " + otherKey},
		{"another name", []string{ca}, strings.Replace(private, "127.0.0.1", "localhost", 1), "-server as its certificate does"},
		{"TLS to none", []string{ca}, strings.Replace(plain, "http:", "https:", 1), "speaks no TLS"},
		{"none to TLS", nil, strings.Replace(private, "https:", "http:", 1), "speaks TLS"},
		{"not needed", []string{"WEFT_CA=" + missing}, serve(t, shop.Open(t), ""), ""},
	} {
		for _, args := range [][]string{{"search"}, {"trace", trusted}, {"services"}, {"store", "stats"}} {
			code, out, errs := weft(append([]string{"WEFT_SERVER=" + c.server}, c.env...), args...)
			if c.want == "" && (code != 0 || out == "") || c.want != "" && (code != 1 || !strings.Contains(errs, c.want)) {
				t.Errorf("%s: %q: %d %q; want %q", c.name, args, code, errs, c.want)
			}
		}
	}
}

func TestClientUnixSocket(t *testing.T) {
	inUTC(t)
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(shopAPI(t))
	s.Listener.Close()
	s.Listener = ln
	s.Start()
	if code, out, errs := weft(nil, "search", "-server", "unix:"+path); code != 0 || !strings.Contains(out, shop.Buy.String()) {
		t.Errorf("%d %s", code, errs)
	}
	if code, out, errs := weft([]string{"WEFT_SERVER=unix:" + path}, "store", "stats"); code != 0 || !strings.Contains(out, "spans") {
		t.Errorf("%d %s", code, errs)
	}
	s.Close()
	if code, _, errs := weft(nil, "search", "-server", "unix:"+path); code != 1 || !strings.Contains(errs, "no server answers at unix:"+path) {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := weft(nil, "search", "-server", "unix:s"); code != 2 || !strings.Contains(errs, "unix:/path") {
		t.Errorf("%d %s", code, errs)
	}
}

// Times of another day have their date.
func TestDates(t *testing.T) {
	inUTC(t)
	st := shop.Empty(t)
	want := map[string]time.Time{}
	var spans []span.Span
	for i, day := range []string{"1970-03-01", "2026-11-21", "2100-01-01"} {
		s := shop.Spans()[7]
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		s.TraceID[0], s.Start = byte(i+1), at.Add(23*time.Hour).UnixNano()
		want[s.TraceID.String()] = at
		spans = append(spans, s)
	}
	if err := st.Write(t.Context(), &store.Batch{Spans: spans}); err != nil {
		t.Fatal(err)
	}
	server := serve(t, st, "")
	// From 1970 on.
	code, list, errs := weft(nil, "search", "-server", server, "-from", "1970-01-01", "-to", "2101-01-01")
	if code != 0 {
		t.Fatal(errs)
	}
	for id, at := range want {
		day := at.Format(time.DateOnly) + " 23:00:00"
		found := false
		for _, line := range strings.Split(list, "\n") {
			found = found || strings.HasPrefix(line, day) && strings.HasSuffix(line, id)
		}
		if !found {
			t.Errorf("%s is not at %s:\n%s", id, day, list)
		}
		if _, out, errs := weft(nil, "trace", id, "-server", server); !strings.Contains(out, " · "+day+".000 · ") {
			t.Errorf("%s%s; want %s", out, errs, day)
		}
	}
}

// JSON says the same without writing to the terminal.
func TestJSONTerminalSafety(t *testing.T) {
	st := shop.Empty(t)
	s := shop.Spans()[7]
	s.Name = "evil\u009b2J\u007f\u0080\u202a\u202e\u2066\u2069 é 漢"
	if err := st.Write(t.Context(), &store.Batch{Spans: []span.Span{s}}); err != nil {
		t.Fatal(err)
	}
	server := serve(t, st, "")
	for _, args := range [][]string{{"search"}, {"trace", s.TraceID.String()}, {"services", "-since", "1h"}} {
		_, out, errs := weft(nil, append(args, "-json", "-server", server)...)
		if strings.ContainsFunc(out, func(r rune) bool {
			return r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
		}) {
			t.Errorf("%q: %q%s", args, out, errs)
		}
		if args[0] != "services" && !strings.Contains(out, `evil\u009b2J\u007f\u0080\u202a\u202e\u2066\u2069 é 漢`) {
			t.Errorf("%q: %s%s", args, out, errs)
		}
		if !json.Valid([]byte(out)) {
			t.Errorf("%q: not JSON: %s", args, out)
		}
	}
}
