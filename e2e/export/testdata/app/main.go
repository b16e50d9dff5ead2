// A program that serves one request, which calls another handler, and one that fails.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
)

func main() {
	fmt.Println(serve())
}

func serve() string {
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	defer srv.Close()
	mux.HandleFunc("GET /outer/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "outer ", get(srv.URL+"/inner"))
	})
	mux.HandleFunc("GET /inner", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "inner") })
	mux.HandleFunc("GET /fails", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "sorry", http.StatusInternalServerError) })
	out := get(srv.URL+"/outer/7") + " " + get(srv.URL+"/fails")
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "said by the program")
	}
	return out
}

func get(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, b)
}
