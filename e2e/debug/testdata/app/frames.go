package main

import (
	"context"
	"database/sql"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"reflect"
	"slices"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

func init() {
	scenarios["frames-own"] = framesOwn
	scenarios["frames-module"] = func() { parse(func() { frames("in a module's callback") }) }
	scenarios["frames-goroutines"] = framesGoroutines
	scenarios["frames-http"] = framesHTTP
	scenarios["frames-sql"] = framesSQL
	scenarios["request"] = request
}

// parse has a hooked function of a module call f.
func parse(f func()) {
	if err := yaml.Unmarshal([]byte("1"), &document{f}); err != nil {
		panic(err)
	}
}

type document struct{ seen func() }

func (d *document) UnmarshalYAML(*yaml.Node) error {
	d.seen()
	return nil
}

type method struct{}

func (method) Value(what string)    { frames(what) }
func (*method) Pointer(what string) { inlined(what) }

func inlined(what string) { inlinedTwice(what) }

func inlinedTwice(what string) { frames(what) }

func generic[T any](_ T, what string) { frames(what) }

func framesOwn() {
	frames("in a function")
	func() { frames("in a closure") }()
	new(method).Pointer("through inlined functions")
	f := method{}.Value
	f("in a method value")
	(*method).Value(nil2(), "in a method of the pointer")
	generic(1, "in an instance")
	generic("", "in another instance")
	reflect.ValueOf(frames).Call([]reflect.Value{reflect.ValueOf("by reflection")})
	slices.SortFunc([]int{2, 1}, func(a, b int) int { frames("in a callback of std"); return a - b })
	new(sync.Once).Do(func() { frames("once") })
	for range func(yield func(int) bool) { yield(1) } {
		frames("in a range over a function")
	}
	func() {
		defer func() {
			recover()
			frames("in a deferred function of a panic")
		}()
		var m map[string]int
		m["x"] = 1
	}()
}

func nil2() *method { return new(method) }

func framesGoroutines() {
	var wg sync.WaitGroup
	wait := func(start func(done func())) {
		wg.Add(1)
		start(wg.Done)
		wg.Wait()
	}
	wait(func(done func()) { go func() { frames("in a goroutine"); done() }() })
	wait(func(done func()) { time.AfterFunc(1, func() { frames("in a timer's function"); done() }) })
	wait(func(done func()) {
		ctx, cancel := context.WithCancel(context.Background())
		context.AfterFunc(ctx, func() { frames("in a context's function"); done() })
		cancel()
	})
	next, stop := iter.Pull(func(yield func(int) bool) { frames("in an iterator"); yield(1) })
	next()
	stop()
	var group sync.WaitGroup
	group.Go(func() { frames("in a WaitGroup's goroutine") })
	group.Wait()

	tasks, results := make(chan int), make(chan int, 1)
	go func() {
		for task := range tasks {
			frames("in a worker")
			results <- task
		}
		frames("after the worker's loop")
		close(results)
	}()
	tasks <- 1
	<-results
	close(tasks)
	<-results
}

type tripper struct{ next http.RoundTripper }

func (t tripper) RoundTrip(req *http.Request) (*http.Response, error) {
	frames("in a round tripper")
	return t.next.RoundTrip(req)
}

func framesHTTP() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		frames("in a handler")
		w.WriteHeader(http.StatusTeapot)
	})
	middle := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer frames("after the handler")
		mux.ServeHTTP(w, r)
	})
	srv := httptest.NewUnstartedServer(http.StripPrefix("/x", middle))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateActive {
			frames("at a change of a connection's state")
		}
	}
	srv.Start()
	defer srv.Close()
	var dialed sync.WaitGroup
	dialed.Add(1)
	client := http.Client{
		Transport: tripper{&http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			frames("while dialing")
			defer dialed.Done()
			return new(net.Dialer).DialContext(ctx, network, addr)
		}}},
	}
	req, err := http.NewRequest("GET", srv.URL+"/x/hello/you", nil)
	if err != nil {
		panic(err)
	}
	req = req.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GetConn: func(string) { frames("in an httptrace hook") },
	}))
	resp, err := client.Do(req)
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	dialed.Wait()

	rec := httptest.NewRecorder()
	http.DefaultServeMux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { frames("in the default mux") })
	http.DefaultServeMux.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
}

func init() { sql.Register("fake", driverOf{}) }

func panicInDriver() {
	db, err := sql.Open("fake", "panic")
	if err != nil {
		panic(err)
	}
	panic(db.Ping())
}

func framesSQL() {
	db, err := sql.Open("fake", "")
	if err != nil {
		panic(err)
	}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	db.SetMaxOpenConns(1)
	must(db.Ping())
	_, err = db.Exec("insert into t values (?)", valuer{})
	must(err)
	var to scanner
	must(db.QueryRow("select x from t").Scan(&to))
	tx, err := db.BeginTx(context.Background(), nil)
	must(err)
	st, err := tx.Prepare("select x from t where y = ?")
	must(err)
	rows, err := st.Query(1)
	must(err)
	for rows.Next() {
		must(rows.Scan(&to))
	}
	must(rows.Close())
	must(tx.Commit())
	must(db.Close())
}

// request is one request, half of whose work is done by another goroutine.
func request() {
	inHandler(func() {
		tasks, done := make(chan func()), make(chan bool)
		go func() {
			for task := range tasks {
				parse(task)
			}
			close(done)
		}()
		parse(func() { frames("in the request's goroutine") })
		tasks <- func() { frames("in a worker") }
		close(tasks)
		<-done
	})
}
