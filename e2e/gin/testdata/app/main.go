// Command app does one thing with gin, by the name given to it, and prints what can
// be seen of it from inside the program. It must print the same when it is woven,
// and builds with every version of gin that the integration is for.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

var scenarios = map[string]func(){
	"routes":   routes,
	"missing":  missing,
	"reroute":  reroute,
	"nested":   nested,
	"panics":   panics,
	"abort":    abort,
	"errors":   failures,
	"context":  contexts,
	"run":      run,
	"timeout":  timeout,
	"recorder": recorder,
}

func main() {
	log.SetFlags(0)
	gin.SetMode(gin.ReleaseMode)
	do, ok := scenarios[os.Args[1]]
	if !ok {
		log.Fatalf("no scenario %q", os.Args[1])
	}
	do()
}

func check(err error) {
	if err != nil {
		log.Fatalf("app: %v", err)
	}
}

// serve runs h on a loopback port and returns a function that sends a request and
// prints the answer.
func serve(h http.Handler) (do func(method, path string), stop func()) {
	s := httptest.NewServer(h)
	c := s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return func(method, path string) {
		req, err := http.NewRequest(method, s.URL+path, nil)
		check(err)
		resp, err := c.Do(req)
		if err != nil {
			fmt.Println(method, path, "failed")
			return
		}
		b, err := io.ReadAll(resp.Body)
		check(err)
		resp.Body.Close()
		fmt.Printf("%s %s: %d %q %s\n", method, path, resp.StatusCode, b, resp.Header.Get("Location"))
	}, s.Close
}

func getUser(c *gin.Context) {
	c.String(200, "%s %s", c.FullPath(), c.Param("id"))
}

type server struct{ name string }

func (s *server) items(c *gin.Context) {
	c.String(200, "%s %s %s", s.name, c.Request.Method, c.Param("rest"))
}

// around is middleware that does something before and after what follows.
func around(c *gin.Context) {
	c.Set("around", true)
	c.Next()
	fmt.Println("after", c.FullPath(), c.Writer.Status())
}

func routes() {
	r := gin.New()
	r.Use(around, gin.Recovery())
	r.GET("/", func(c *gin.Context) { c.String(200, c.HandlerName()) })
	r.GET("/users/:id", getUser)
	api := r.Group("/api/v1", around)
	api.Any("/items/*rest", (&server{"shop"}).items)
	api.POST("/denied", func(c *gin.Context) { c.AbortWithStatus(http.StatusForbidden) }, getUser)
	r.GET("/wrapped/h", gin.WrapH(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "h") })))
	r.GET("/wrapped/f", gin.WrapF(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "f") }))
	do, stop := serve(r)
	defer stop()
	do("GET", "/")
	do("GET", "/users/5?q=1")
	do("GET", "/users/6")
	do("PUT", "/api/v1/items/a/b")
	do("GET", "/api/v1/items/c")
	do("POST", "/api/v1/denied")
	do("GET", "/wrapped/h")
	do("GET", "/wrapped/f")
}

func missing() {
	r := gin.New()
	r.Use(around)
	r.HandleMethodNotAllowed = true
	r.GET("/users/:id", getUser)
	r.GET("/dir/", getUser)
	r.NoRoute(func(c *gin.Context) { c.String(404, "no route %q", c.FullPath()) })
	r.NoMethod(func(c *gin.Context) { c.String(405, "no method") })
	do, stop := serve(r)
	defer stop()
	do("GET", "/nowhere")
	do("DELETE", "/users/5")
	do("GET", "/users/5/") // redirected
	do("GET", "/dir")
	do("GET", "/users/5") // the same Context serves it, most likely
	do("GET", "/nowhere")
}

func reroute() {
	r := gin.New()
	r.GET("/old/:id", func(c *gin.Context) {
		c.Request.URL.Path = "/new/" + c.Param("id")
		r.HandleContext(c)
	})
	r.GET("/new/:id", getUser)
	do, stop := serve(r)
	defer stop()
	do("GET", "/old/7")
}

// nested has routers behind routers.
func nested() {
	inner := http.NewServeMux()
	inner.HandleFunc("/debug/vars", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "vars") })
	r := gin.New()
	r.GET("/api/users/:id", getUser)
	r.GET("/debug/*rest", gin.WrapH(inner))
	mux := http.NewServeMux()
	mux.Handle("/api/", r)
	mux.Handle("/debug/", r)
	mux.HandleFunc("/plain", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "plain") })
	do, stop := serve(mux)
	defer stop()
	do("GET", "/api/users/8")
	do("GET", "/api/nowhere")
	do("GET", "/debug/vars")
	do("GET", "/plain")
}

type problem struct{ code int }

func (p *problem) Error() string { return fmt.Sprint("problem ", p.code) }

func panics() {
	gin.DefaultErrorWriter = io.Discard
	log.SetOutput(io.Discard) // of net/http's server
	r := gin.New()
	r.Use(around)
	r.GET("/bare", func(c *gin.Context) { panic("bare") })
	rec := r.Group("/rec", gin.RecoveryWithWriter(io.Discard), around)
	rec.GET("/string", func(c *gin.Context) { panic("boom") })
	rec.GET("/error", func(c *gin.Context) { panic(&problem{7}) })
	own := r.Group("/own", func(c *gin.Context) {
		defer func() { c.String(200, "recovered %v", recover()) }()
		c.Next()
	})
	own.GET("/nil", func(c *gin.Context) {
		var s *server
		fmt.Println(s.name)
	})
	r.GET("/inside", func(c *gin.Context) {
		func() {
			defer func() { recover() }()
			panic("handled where it happens")
		}()
		c.String(200, "fine")
	})
	do, stop := serve(r)
	defer stop()
	do("GET", "/bare")
	do("GET", "/rec/string")
	do("GET", "/rec/error")
	do("GET", "/own/nil")
	do("GET", "/inside")
}

// abort has middleware recover what means to cut the response short. What comes of
// that depends on gin's version.
func abort() {
	log.SetOutput(io.Discard)
	r := gin.New()
	r.Use(gin.RecoveryWithWriter(io.Discard))
	r.GET("/abort", func(c *gin.Context) { panic(http.ErrAbortHandler) })
	do, stop := serve(r)
	defer stop()
	do("GET", "/abort")
}

func failures() {
	r := gin.New()
	r.GET("/errors", func(c *gin.Context) {
		c.Error(&problem{1})
		c.Error(errors.New("second")).SetType(gin.ErrorTypePublic)
		c.String(200, "%d errors", len(c.Errors))
	})
	r.GET("/fail", func(c *gin.Context) { c.AbortWithError(503, &problem{2}) })
	do, stop := serve(r)
	defer stop()
	do("GET", "/errors")
	do("GET", "/fail")
}

// contexts has goroutines with a copy of the Context, and the Context as a
// context.Context.
func contexts() {
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "back") }))
	defer back.Close()
	call := func(ctx context.Context, path string) string {
		req, err := http.NewRequestWithContext(ctx, "GET", back.URL+path, nil)
		check(err)
		resp, err := http.DefaultClient.Do(req)
		check(err)
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		return string(b)
	}
	r := gin.New()
	if f := reflect.ValueOf(r).Elem().FieldByName("ContextWithFallback"); f.IsValid() {
		f.SetBool(true) // since v1.8
	}
	r.GET("/copy/:id", func(c *gin.Context) {
		var wg sync.WaitGroup
		for i := range 2 {
			cp := c.Copy()
			wg.Add(1)
			go func() {
				defer wg.Done()
				call(cp, fmt.Sprint("/", cp.Param("id"), i))
			}()
			wg.Wait()
		}
		c.String(200, call(c, "/self")+call(c.Request.Context(), "/request"))
	})
	do, stop := serve(r)
	defer stop()
	do("GET", "/copy/3")
}

// run has gin serve by itself.
func run() {
	gin.DefaultWriter = io.Discard
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	addr := l.Addr().String()
	l.Close()
	r := gin.New()
	r.GET("/users/:id", getUser)
	done := make(chan error)
	go func() { done <- r.Run(addr) }()
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			break
		}
		select {
		case err := <-done:
			check(err)
		default:
		}
	}
	resp, err := http.Get("http://" + addr + "/users/9")
	check(err)
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	fmt.Println(string(b))
}

// timeout serves on another goroutine than net/http's.
func timeout() {
	r := gin.New()
	r.Use(gin.RecoveryWithWriter(io.Discard))
	r.GET("/users/:id", getUser)
	r.GET("/panic", func(c *gin.Context) { panic("boom") })
	do, stop := serve(http.TimeoutHandler(r, 1<<40, "late"))
	defer stop()
	do("GET", "/users/4")
	do("GET", "/panic")
}

// recorder has no server, and so no span.
func recorder() {
	r := gin.New()
	r.Use(gin.RecoveryWithWriter(io.Discard))
	r.GET("/users/:id", getUser)
	r.GET("/panic", func(c *gin.Context) { panic("boom") })
	for _, path := range []string{"/users/1", "/panic"} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, w.Code, strings.TrimSpace(w.Body.String()))
	}
}
