// Command cgo shows where it is when C code has called it.
package main

/*
extern void fromC(int);

static void callGo(int how) { fromC(how); }
*/
import "C"

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
)

//export fromC
func fromC(how C.int) {
	switch how {
	case 0:
		pcs := make([]uintptr, 100)
		for it := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)]); ; {
			f, more := it.Next()
			fmt.Printf("%s %s:%d\n", f.Function, f.File, f.Line)
			if !more {
				break
			}
		}
		fmt.Printf("%s\n", debug.Stack())
	case 1:
		panic("in a call from C")
	}
}

func main() {
	if len(os.Args) > 1 {
		C.callGo(1)
	}
	C.callGo(0)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		C.callGo(0)
		defer func() { panic(recover()) }()
		C.callGo(1)
	}))
	resp, err := http.Get(srv.URL)
	fmt.Println(resp != nil, err != nil)
	srv.Close()
}
