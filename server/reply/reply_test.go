package reply

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

func TestAppendString(t *testing.T) {
	for _, s := range []string{
		"", "plain", `"quoted" \ back`, "tab\tline\nreturn\r", "\x00\x1f\x7f", "naïve 世界 🚀", "bad \xff\xfe utf8", "half \xe4\xb8",
		"\u2028 and \u2029", "</script><script>alert(1)</script>", "\ufffd",
	} {
		got := AppendString(nil, s)
		var back string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Errorf("%q: %s: %v", s, got, err)
			continue
		}
		std, _ := json.Marshal(s)
		var want string
		json.Unmarshal(std, &want)
		if back != want {
			t.Errorf("%q became %q, want %q", s, back, want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"b\\c\x01\xff\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		var back, want string
		if err := json.Unmarshal(AppendString(nil, s), &back); err != nil {
			t.Fatal(err)
		}
		std, _ := json.Marshal(s)
		json.Unmarshal(std, &want)
		if back != want {
			t.Fatalf("%q became %q, want %q", s, back, want)
		}
	})
}

func TestAppendFloat(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 1.5: "1.5", -2: "-2", 1e30: "1e+30", 1e-9: "1e-09", 123456789: "123456789",
		math.Inf(1): "null", math.Inf(-1): "null"} {
		if got := string(AppendFloat(nil, f)); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
	if got := string(AppendFloat(nil, math.NaN())); got != "null" {
		t.Errorf("NaN: %s", got)
	}
}

func TestCompress(t *testing.T) {
	long := strings.Repeat(`{"name":"GET /stock"}`, 1000)
	for _, c := range []struct {
		name, accept, typ, body string
		status                  int
		gzipped                 bool
	}{
		{"asked", "gzip, deflate, br", "application/json", long, 200, true},
		{"anything", "*", "application/json", long, 200, true},
		{"problem", "gzip", "application/problem+json", long, 400, true},
		{"protobuf", "gzip;q=0.5", "application/x-protobuf", long, 200, true},
		{"not asked", "", "application/json", long, 200, false},
		{"refused", "gzip;q=0, *", "application/json", long, 200, false},
		{"identity", "identity", "application/json", long, 200, false},
		{"short", "gzip", "application/json", `{"a":1}`, 404, false},
		{"tar", "gzip", "application/x-tar", long, 200, false},
		{"nothing", "gzip", "", "", 204, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := Compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.typ != "" {
					w.Header().Set("Content-Type", c.typ)
				}
				w.Header().Set("ETag", `"x"`)
				w.WriteHeader(c.status)
				for i := 0; i < len(c.body); i += 777 {
					io.WriteString(w, c.body[i:min(i+777, len(c.body))])
				}
			}))
			r := httptest.NewRequest("GET", "/", nil)
			if c.accept != "" {
				r.Header.Set("Accept-Encoding", c.accept)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
			if got := w.Header().Get("Content-Encoding") == "gzip"; got != c.gzipped {
				t.Fatalf("gzipped %v, want %v", got, c.gzipped)
			}
			if w.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("Vary: %q", w.Header().Get("Vary"))
			}
			body := io.Reader(w.Body)
			if c.gzipped {
				if tag := w.Header().Get("ETag"); tag != `W/"x"` {
					t.Errorf("ETag %s of a compressed answer; want a weak one", tag)
				}
				if w.Body.Len() > len(c.body)/10 {
					t.Errorf("%d bytes of %d are left", w.Body.Len(), len(c.body))
				}
				gz, err := gzip.NewReader(w.Body)
				if err != nil {
					t.Fatal(err)
				}
				body = gz
			}
			got, err := io.ReadAll(body)
			if err != nil || string(got) != c.body {
				t.Errorf("body of %d bytes, %v; want %d", len(got), err, len(c.body))
			}
		})
	}
}

// What is flushed arrives before the handler is done.
func TestCompressStream(t *testing.T) {
	next := make(chan bool)
	s := httptest.NewServer(Compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"first":1}`)
		http.NewResponseController(w).Flush()
		<-next
		io.WriteString(w, `{"second":2}`)
	})))
	defer s.Close()
	r, _ := http.NewRequest("GET", s.URL, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	gz, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, len(`{"first":1}`))
	if _, err := io.ReadFull(gz, first); err != nil || string(first) != `{"first":1}` {
		t.Fatalf("%q, %v", first, err)
	}
	close(next)
	rest, err := io.ReadAll(gz)
	if err != nil || string(rest) != `{"second":2}` {
		t.Errorf("%q, %v", rest, err)
	}
}
