// Command app does one thing with database/sql, by the name given to it, and
// prints what can be seen of it from inside the program. It must print the same
// when it is woven.
//
//	app SCENARIO DRIVER DSN
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"
)

var scenarios = map[string]func(db *sql.DB){
	"calls":     calls,
	"rows":      rows,
	"failures":  failures,
	"pool":      pool,
	"request":   request,
	"unsampled": unsampled,
}

var ctx = context.Background()

func main() {
	log.SetFlags(0)
	db, err := sql.Open(os.Args[2], os.Args[3])
	check(err)
	scenarios[os.Args[1]](db)
	check(db.Close())
}

func check(err error) {
	if err != nil {
		log.Fatalf("app: %v", err)
	}
}

// arg is the n-th placeholder.
func arg(n int) string {
	if strings.HasPrefix(os.Args[3], "postgres:") {
		return fmt.Sprintf("$%d", n)
	}
	return "?"
}

func exec(db *sql.DB, query string, args ...any) {
	_, err := db.Exec(query, args...)
	check(err)
}

func setup(db *sql.DB) {
	exec(db, "DROP TABLE IF EXISTS users")
	exec(db, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)")
	exec(db, "INSERT INTO users (id, name, age) VALUES (1, 'ann', 30), (2, 'bob', NULL), (3, 'cy', 50)")
}

// calls makes each kind of call once.
func calls(db *sql.DB) {
	check(db.Ping())
	setup(db)
	var name string
	check(db.QueryRow("SELECT name FROM users WHERE id = "+arg(1)+" AND name <> 'secret'", 1).Scan(&name))
	fmt.Println(name)
	res, err := db.ExecContext(ctx, "UPDATE users SET age = 31 WHERE id IN (1, 2)")
	check(err)
	n, err := res.RowsAffected()
	fmt.Println(n, err)

	stmt, err := db.Prepare("SELECT count(*) FROM users WHERE age > " + arg(1))
	check(err)
	var count int
	check(stmt.QueryRow(20).Scan(&count))
	check(stmt.QueryRowContext(ctx, 40).Scan(&count))
	fmt.Println(count)
	check(stmt.Close())
	insert, err := db.PrepareContext(ctx, "INSERT INTO users (id, name) VALUES ("+arg(1)+", "+arg(2)+")")
	check(err)
	_, err = insert.Exec(4, "dee")
	check(err)
	check(insert.Close())

	tx, err := db.BeginTx(ctx, nil)
	check(err)
	_, err = tx.Exec("DELETE FROM users WHERE id = 4")
	check(err)
	check(tx.QueryRow("SELECT count(*) FROM users").Scan(&count))
	txs, err := tx.Prepare("SELECT name FROM users WHERE id = " + arg(1))
	check(err)
	check(txs.QueryRow(2).Scan(&name))
	fmt.Println(count, name)
	check(tx.Commit())
	fmt.Println(tx.Rollback(), tx.Commit()) // as deferred ones do

	tx, err = db.Begin()
	check(err)
	_, err = tx.Exec("DELETE FROM users")
	check(err)
	check(tx.Rollback())

	conn, err := db.Conn(ctx)
	check(err)
	check(conn.PingContext(ctx))
	check(conn.QueryRowContext(ctx, "SELECT count(*) FROM users").Scan(&count))
	_, err = conn.ExecContext(ctx, "DELETE FROM users WHERE id = -1")
	check(err)
	ctx2, cancel := context.WithCancel(ctx)
	ctx3, err := conn.BeginTx(ctx2, nil)
	check(err)
	check(ctx3.Commit())
	cancel()
	check(conn.Close())
	fmt.Println(count, conn.PingContext(ctx))
}

func rows(db *sql.DB) {
	setup(db)
	r, err := db.Query("SELECT id, name FROM users ORDER BY id")
	check(err)
	for r.Next() {
		var id int
		var name string
		check(r.Scan(&id, &name))
		fmt.Println(id, name)
	}
	fmt.Println(r.Err(), r.Close(), r.Next())
	// Closed early.
	r, err = db.Query("SELECT id FROM users ORDER BY id DESC")
	check(err)
	fmt.Println(r.Next(), r.Close(), r.Close(), r.Err())
	// A value that does not fit.
	var age int
	fmt.Println(db.QueryRow("SELECT age FROM users WHERE name = 'bob'").Scan(&age) != nil)
	// No rows.
	fmt.Println(db.QueryRow("SELECT age FROM users WHERE id = 99").Scan(&age))
	// The context ends in the middle.
	c, cancel := context.WithCancel(ctx)
	r, err = db.QueryContext(c, "SELECT name FROM users")
	check(err)
	fmt.Println(r.Next())
	cancel()
	for r.Next() {
	}
	fmt.Println(r.Err() == nil || errors.Is(r.Err(), context.Canceled)) // as the race ends
	r.Close()
}

func failures(db *sql.DB) {
	_, err := db.Query("SELECT nothing FROM nowhere WHERE name = 'secret'")
	fmt.Println(err != nil)
	_, err = db.Exec("UPDATE nowhere SET a = 1")
	fmt.Println(err != nil)
	_, err = db.Prepare("SELEC 1")
	fmt.Println(err != nil)
	c, cancel := context.WithCancel(ctx)
	cancel()
	_, err = db.QueryContext(c, "SELECT 1")
	fmt.Println(errors.Is(err, context.Canceled))
	_, err = db.BeginTx(c, nil)
	fmt.Println(errors.Is(err, context.Canceled))
}

// pool has one connection for two.
func pool(db *sql.DB) {
	db.SetMaxOpenConns(1)
	tx, err := db.Begin()
	check(err)
	var wg sync.WaitGroup
	wg.Go(func() {
		var n int
		check(db.QueryRow("SELECT 40 + 2").Scan(&n))
		fmt.Println(n)
	})
	for db.Stats().WaitCount == 0 {
		runtime.Gosched()
	}
	check(tx.Commit())
	wg.Wait()
	fmt.Println(db.Stats().WaitCount)
}

// request makes calls for a request, on several goroutines, none of which is
// passed a context.
func request(db *sql.DB) {
	setup(db)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tx, err := db.Begin()
		check(err)
		defer tx.Rollback()
		rows, err := tx.Query("SELECT name FROM users WHERE id < 3")
		check(err)
		for rows.Next() {
		}
		done := make(chan bool)
		go func() {
			defer close(done)
			exec(db, "SELECT 1")
		}()
		<-done
		check(tx.Commit())
	}))
	resp, err := s.Client().Get(s.URL)
	check(err)
	resp.Body.Close()
	s.Close()
	fmt.Println(resp.Status)
}

// unsampled has a request that is not recorded wait for the connection of one that
// is. What it does after that is still not recorded.
func unsampled(db *sql.DB) {
	db.SetMaxOpenConns(1)
	holds, waits := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/recorded":
			tx, err := db.Begin()
			check(err)
			close(holds)
			<-waits
			check(tx.Commit())
		case "/not":
			<-holds
			var wg sync.WaitGroup
			wg.Go(func() {
				var n int
				check(db.QueryRow("SELECT 1").Scan(&n)) // waits
				check(db.QueryRow("SELECT 2").Scan(&n))
				resp, err := http.Get("http://" + r.Host + "/other")
				check(err)
				resp.Body.Close()
				check(db.QueryRow("SELECT 3").Scan(&n))
			})
			wg.Wait()
		}
	}))
	send := func(path, flags string) {
		req, err := http.NewRequest("GET", s.URL+path, nil)
		check(err)
		req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c803"+flags+"c-b7ad6b7169203331-"+flags)
		resp, err := s.Client().Do(req)
		check(err)
		resp.Body.Close()
	}
	var wg sync.WaitGroup
	wg.Go(func() { send("/recorded", "01") })
	wg.Go(func() { send("/not", "00") })
	for db.Stats().WaitCount == 0 {
		runtime.Gosched()
	}
	close(waits)
	wg.Wait()
	s.Close()
}
