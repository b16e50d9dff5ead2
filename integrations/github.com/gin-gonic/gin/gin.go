//go:build weft && go1.21

// What weft records of gin: no span of its own. It tells the span of the request,
// which net/http's integration starts, what only gin knows:
//
//	name, http.route    "GET /users/:id", /users/:id, if a route matched
//	code.function.name  of the route's last handler, such as main.getUser
//
// A request that HandleContext sends elsewhere has the route that it ends at. One
// that no route matches, or that is redirected because of its trailing slash, has
// none. Where one router serves behind another, the innermost route counts.
//
// A panic that middleware recovers, be it gin's Recovery or another, is an event
// "exception" with its stack and sets the span's status to error, as one that nobody
// recovers does; http.ErrAbortHandler is none. What is given to (*Context).Error is an
// event "exception", without effect on the status.
//
// Middleware and handlers are no spans.
//
//weft:when v>=1.5.0 <2.0.0
//weft:tested v1.12.0
package gin

import (
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"unsafe"
	"weft/trace"
)

// A weftRoute is what is known about a route. It does not change, and is kept, so
// that a request allocates nothing for it.
type weftRoute struct {
	method, path string
	handler      uintptr // the code of the last handler
	pattern      string
	function     string
}

// weftRoutes is the routes that requests took lately, by the address of their
// chains of handlers: a program has few routes, and each has an array of its own.
var weftRoutes [512]atomic.Pointer[weftRoute]

// weftHandling is what is kept between the start and the end of a call of Next.
type weftHandling struct{ mark uintptr }

// weftNext is where a request that was routed meets its first handler, and its
// middleware the next one.
//
//weft:enter (*Context).Next
func weftNext(s *weftHandling, c *Context) {
	s.mark = trace.PanicMark()
	if c.index < 0 && c.fullPath != "" && len(c.handlers) > 0 && c.Request != nil {
		weftRouted(c)
	}
}

func weftRouted(c *Context) {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(c.handlers))) >> 4
	slot := &weftRoutes[(at^at>>9)%uintptr(len(weftRoutes))]
	last := c.handlers[len(c.handlers)-1]
	handler := reflect.ValueOf(last).Pointer()
	r := slot.Load()
	if r == nil || r.handler != handler || r.path != c.fullPath || r.method != c.Request.Method {
		r = &weftRoute{method: c.Request.Method, path: c.fullPath, handler: handler}
		r.pattern = r.method + " " + r.path
		if f := runtime.FuncForPC(handler); f != nil {
			r.function = strings.TrimSuffix(f.Name(), "-fm") // a method value
		}
		slot.Store(r)
	}
	trace.SetRoute(&r.pattern)
	if r.function != "" {
		trace.SetHandler(&r.function)
	}
}

// The innermost call sees a panic first, before anyone has recovered it.
//
//weft:exit (*Context).Next
func weftNexted(s *weftHandling, c *Context) {
	if v, ok := trace.Panicking(s.mark); ok && v != http.ErrAbortHandler {
		trace.RootPanic(v)
	}
}

//weft:enter (*Context).Error
func weftError(_ *Context, err *error) {
	if e, ok := (*err).(*Error); ok && e != nil {
		trace.RootError(e.Err)
	} else {
		trace.RootError(*err)
	}
}
