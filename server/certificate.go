package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
)

// certificate is the server's certificate with its key and the authorities of
// clients, as the files held them when they were last read. It may be used
// concurrently.
type certificate struct {
	config *TLS
	now    atomic.Pointer[loadedCertificate]
}

type loadedCertificate struct {
	tls   *tls.Config
	files [3][]byte // what they held
}

// newCertificate reads the files. It returns nil if TLS is not configured.
// protocols are those of ALPN.
func newCertificate(c *TLS) (*certificate, error) {
	if c.Cert == "" {
		return nil, nil
	}
	l := &certificate{config: c}
	_, err := l.reload()
	return l, err
}

// reload reads the files again and reports whether they changed. On an error,
// such as a certificate whose key is not written yet, what was read before
// stays in use.
func (l *certificate) reload() (changed bool, err error) {
	var files [3][]byte
	for i, f := range []struct{ key, name string }{{"tls.cert", l.config.Cert}, {"tls.key", l.config.Key}, {"tls.client_ca", l.config.ClientCA}} {
		if f.name == "" {
			continue
		}
		if files[i], err = os.ReadFile(f.name); err != nil {
			return false, fmt.Errorf("%s: %w", f.key, err)
		}
	}
	if old := l.now.Load(); old != nil && bytes.Equal(old.files[0], files[0]) && bytes.Equal(old.files[1], files[1]) && bytes.Equal(old.files[2], files[2]) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return false, fmt.Errorf("tls.cert %s with tls.key %s: %w", l.config.Cert, l.config.Key, err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if l.config.MinVersion == "1.3" {
		t.MinVersion = tls.VersionTLS13
	}
	if l.config.ClientCA != "" {
		t.ClientCAs = x509.NewCertPool()
		if !t.ClientCAs.AppendCertsFromPEM(files[2]) {
			return false, fmt.Errorf("tls.client_ca %s: no certificate in it; want PEM", l.config.ClientCA)
		}
		t.ClientAuth = tls.RequireAndVerifyClientCert
	}
	l.now.Store(&loadedCertificate{t, files})
	return true, nil
}

// server returns the configuration of a listener. probes lets clients connect
// without a certificate, who then get to see the health checks only: those
// who make them, such as a kubelet, have none.
func (l *certificate) server(protocols []string, probes bool) *tls.Config {
	form := func() *tls.Config {
		t := l.now.Load().tls.Clone()
		t.NextProtos = protocols
		if probes && t.ClientAuth != tls.NoClientCert {
			t.ClientAuth = tls.VerifyClientCertIfGiven
		}
		return t
	}
	first := form()
	var last atomic.Pointer[loadedCertificate]
	var made atomic.Pointer[tls.Config]
	last.Store(l.now.Load())
	made.Store(first)
	outer := first.Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if now := l.now.Load(); last.Load() != now {
			// A new certificate also ends the resumption of sessions that
			// clients of an authority no longer trusted have open.
			made.Store(form())
			last.Store(now)
		}
		return made.Load(), nil
	}
	return outer
}

// watch reads the files again and logs what came of it.
func (l *certificate) watch(log *slog.Logger) {
	switch changed, err := l.reload(); {
	case err != nil:
		log.Error("the certificate was not read again; the one from before stays in use", "error", err)
	case changed:
		log.Info("the certificate was read again", "file", l.config.Cert)
	}
}
