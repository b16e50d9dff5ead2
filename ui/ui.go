// Package ui is the page of weft serve. Its source, in TypeScript, is in src;
// what is embedded here is dist, which make ui builds from it, so that the go
// command alone builds weft.
package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/weft-trace/weft/server/reply"
)

//go:embed all:dist
var dist embed.FS

// document is the file that a browser gets at every address of a page.
const document = "index.html"

// placeholder is the line of the document that says where its root is. It is
// the only thing in it that depends on the request.
const placeholder = `<base href="./">`

// Policy is the Content-Security-Policy of the documents: they load what this
// server has, run no script and no style that stands in the markup, and no
// text becomes markup.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; " +
	"base-uri 'self'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// permissions are those of the browser that the documents do without.
const permissions = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()"

// Page has all files of the page. It may be used concurrently.
type Page struct {
	files    map[string]*file // by name below dist
	document string
}

// New returns the page.
func New() *Page {
	sub, err := fs.Sub(dist, "dist")
	if err == nil {
		var p *Page
		if p, err = load(sub); err == nil {
			return p
		}
	}
	panic(fmt.Sprintf("ui/dist: %v; run make ui", err)) // a test loads it
}

func load(files fs.FS) (*Page, error) {
	p := &Page{files: map[string]*file{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if name == document {
			p.document = string(b)
			if n := strings.Count(p.document, placeholder); n != 1 {
				return fmt.Errorf("%s has the line %s %d times; want it once", name, placeholder, n)
			}
			return nil
		}
		typ, ok := types[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s: no media type is known for it; add one to types in ui/ui.go", name)
		}
		p.files[name] = newFile(typ, b, strings.HasPrefix(name, "assets/"))
		return nil
	})
	if err == nil && p.document == "" {
		err = fmt.Errorf("%s is missing", document)
	}
	return p, err
}

// types are the media types of what the page is made of. The system's table
// is not asked: it differs between machines, and with nosniff a browser does
// not run a script that has another type.
var types = map[string]string{
	".css":         "text/css; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".ico":         "image/x-icon",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".txt":         "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json",
	".woff2":       "font/woff2",
}

// Files returns the paths, from the root, of all files but the document, in order.
func (p *Page) Files() []string {
	names := make([]string, 0, len(p.files))
	for name := range p.files {
		names = append(names, "/"+name)
	}
	slices.Sort(names)
	return names
}

// ServeFile answers with the file at the request's path, and reports whether
// there is one. The files are the same for everybody and hold no data.
func (p *Page) ServeFile(w http.ResponseWriter, r *http.Request) bool {
	f := p.files[strings.TrimPrefix(r.URL.Path, "/")]
	if f == nil {
		return false
	}
	f.serve(w, r, http.StatusOK)
	return true
}

// ServeDocument answers with the document, which shows the page that belongs
// to the address.
func (p *Page) ServeDocument(w http.ResponseWriter, r *http.Request, status int) {
	h := w.Header()
	h.Set("Content-Security-Policy", Policy)
	h.Set("Permissions-Policy", permissions)
	text := strings.Replace(p.document, placeholder, `<base href="`+Root(r)+`">`, 1)
	newFile(types[".html"], []byte(text), false).serve(w, r, status)
}

// Root returns the way from the address of a request to the root of the page:
// "./" for /search, "../" for /trace/x. It is relative, because a proxy may
// have cut off what comes before.
func Root(r *http.Request) string {
	// A browser does not take %2F for a slash.
	n := strings.Count(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if n == 0 {
		return "./"
	}
	return strings.Repeat("../", n)
}

// file is something to be served, plain or compressed.
type file struct {
	typ        string
	data       []byte
	tag        string // without quotes
	forever    bool   // its name changes with its contents
	compressed func() []byte
}

func newFile(typ string, data []byte, forever bool) *file {
	sum := sha256.Sum256(data)
	f := &file{typ: typ, data: data, tag: hex.EncodeToString(sum[:12]), forever: forever}
	f.compressed = sync.OnceValue(func() []byte {
		if len(data) < 1400 { // as in reply.Compress: it fits into one packet
			return nil
		}
		var b bytes.Buffer
		// Once in the life of the server, so the best there is.
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		w.Write(data)
		w.Close()
		if b.Len() > len(data)*9/10 { // an image, a font
			return nil
		}
		return b.Bytes()
	})
	return f
}

func (f *file) serve(w http.ResponseWriter, r *http.Request, status int) {
	h := w.Header()
	data, tag := f.data, f.tag
	h.Add("Vary", "Accept-Encoding")
	if reply.AcceptsGzip(r.Header.Values("Accept-Encoding")) {
		if c := f.compressed(); c != nil {
			h.Set("Content-Encoding", "gzip")
			data, tag = c, tag+"-gz" // other bytes
		}
	}
	h.Set("Content-Type", f.typ)
	h.Set("Cache-Control", "no-cache") // to be asked for again each time, which mostly is answered by 304
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if status == http.StatusOK {
		h.Set("Etag", `"`+tag+`"`)
		if known(r, tag) {
			h.Del("Content-Type")
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(data)
	}
}

// known reports whether the client has what the tag names.
func known(r *http.Request, tag string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == `"`+tag+`"` {
			return true
		}
	}
	return false
}
