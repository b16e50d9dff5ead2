package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The variables that name PEM files for TLS.
const (
	envCA   = "WEFT_CA"   // authorities of servers, instead of the system's
	envCert = "WEFT_CERT" // the certificate to show
	envKey  = "WEFT_KEY"  // its key
)

// transport carries the requests of a command, to one place.
type transport struct {
	inv    *invocation
	socket string // a unix socket to go to, whatever the URL says
	http   *http.Client
}

// at says where requests go from now on: to a URL of HTTP, or unix:/path. It
// returns what paths are appended to.
func (t *transport) at(server string) (base string, ok bool) {
	if path, isSocket := strings.CutPrefix(server, "unix:"); isSocket {
		t.socket = path
		return "http://localhost", filepath.IsAbs(path) // sockets have no TLS: their permissions say who may use them
	}
	t.socket = ""
	u, err := url.Parse(server)
	return server, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// do sends a request to the server that messages call by the name.
func (t *transport) do(req *http.Request, server string) (*http.Response, error) {
	if t.http == nil {
		h := http.DefaultTransport.(*http.Transport).Clone()
		tcp := h.DialContext
		h.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if t.socket != "" {
				return new(net.Dialer).DialContext(ctx, "unix", t.socket)
			}
			return tcp(ctx, network, address)
		}
		// Without TLS the files do not matter, not even if they are not there.
		if req.URL.Scheme == "https" {
			var err error
			if h.TLSClientConfig, err = t.tls(); err != nil {
				return nil, err
			}
		}
		t.http = &http.Client{Transport: h}
	}
	res, err := t.http.Do(req)
	if err != nil && !errors.Is(err, context.Canceled) && !unheard(err) {
		err = t.explain(err, req, server)
	}
	return res, err
}

// unheard reports whether nobody listens.
func unheard(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// file returns the path in a variable, "" if it is not set.
func (t *transport) file(name string) string {
	path := t.inv.getenv(name)
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(t.inv.dir, path)
}

// tls reads the files that the variables name.
func (t *transport) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	ca, cert, key := t.file(envCA), t.file(envCert), t.file(envKey)
	if ca != "" {
		b, err := os.ReadFile(ca)
		if err != nil {
			return nil, badFile(envCA, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("%s: %s: no certificate in it; want PEM", envCA, ca)
		}
	}
	switch {
	case cert == "" && key == "":
		return c, nil
	case key == "":
		return nil, fmt.Errorf("%s is set to %s, but %s is not; set it to the certificate's key (PEM)", envCert, cert, envKey)
	case cert == "":
		return nil, fmt.Errorf("%s is set to %s, but %s is not; set it to the key's certificate (PEM)", envKey, key, envCert)
	}
	certPEM, err := os.ReadFile(cert)
	if err != nil {
		return nil, badFile(envCert, err)
	}
	keyPEM, err := os.ReadFile(key)
	if err != nil {
		return nil, badFile(envKey, err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s %s with %s %s: %w", envCert, cert, envKey, key, err)
	}
	// Also if the server would not take it: then it says so.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return c, nil
}

// badFile is the error of a file that a variable names and that cannot be
// read. It does not wrap: nobody is to take it for a missing socket.
func badFile(name string, err error) error {
	return fmt.Errorf("%s: %v; it is to name a file that can be read", name, err)
}

// explain says what to do about a request that was not answered.
func (t *transport) explain(err error, req *http.Request, server string) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // it repeats the URL
	}
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var op *net.OpError
	secure := req.URL.Scheme == "https"
	switch {
	case errors.As(err, &authority) && t.file(envCA) != "":
		return fmt.Errorf("%s shows a certificate of an authority that is not in %s, %s (%w); set it to the file with the server's authority", server, envCA, t.file(envCA), err)
	case errors.As(err, &authority):
		return fmt.Errorf("%s shows a certificate of an authority that is not known here (%w); set %s to a PEM file with the server's authority", server, err, envCA)
	case errors.As(err, &host):
		return fmt.Errorf("%s: %w; name it in -server as its certificate does", server, err)
	case errors.As(err, &invalid):
		return fmt.Errorf("the certificate of %s cannot be trusted: %w; the server needs another, or %s another authority", server, err, envCA)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s speaks no TLS; write http:// instead of https://", server)
	// TLS 1.3 refuses a client when it has begun to write, and so the reason may be lost.
	case secure && (errors.As(err, &op) && op.Op == "remote error" || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)):
		if cert := t.file(envCert); cert != "" {
			return fmt.Errorf("%s refused the connection (%w): it may not take the certificate in %s, %s; show one of an authority in the server's tls.client_ca", server, err, envCert, cert)
		}
		return fmt.Errorf("%s refused the connection (%w); if it wants a client certificate, set %s and %s to its PEM files", server, err, envCert, envKey)
	}
	return fmt.Errorf("ask %s: %w; is weft serve running there?", server, err)
}
