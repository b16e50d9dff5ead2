package trace

import (
	"sync"
	"sync/atomic"
)

// A Key is the number of an attribute or event name in this process. The zero
// Key is no name: attributes with it are dropped.
type Key uint16

// keys maps names to numbers. Lookups by number read an immutable snapshot, so
// that the agent can resolve names while packages that are still initialising
// add new ones.
var keys struct {
	mu     sync.Mutex
	byName map[string]Key
	names  atomic.Pointer[[]string]
}

// NewKey returns the key of name, the same one for the same name. It is meant for
// package-level variables:
//
//	var keyMethod = trace.NewKey("http.request.method")
//
// It may be called by several goroutines at once. There are at most 65,535 keys
// in a process; past that NewKey returns 0.
func NewKey(name string) Key {
	keys.mu.Lock()
	defer keys.mu.Unlock()
	if k, ok := keys.byName[name]; ok {
		return k
	}
	old := []string{""}
	if p := keys.names.Load(); p != nil {
		old = *p
	}
	if name == "" || len(old) > 1<<16-1 {
		return 0
	}
	if keys.byName == nil {
		keys.byName = make(map[string]Key, 64)
	}
	k := Key(len(old))
	// Appending writes past the length of every published snapshot, never
	// inside one.
	names := append(old, name)
	keys.byName[name] = k
	keys.names.Store(&names)
	return k
}

// Name is the name k was made from, and "" for a key that NewKey did not return.
func (k Key) Name() string {
	if p := keys.names.Load(); p != nil && int(k) < len(*p) {
		return (*p)[k]
	}
	return ""
}

// NumKeys is one more than the largest key made so far: a bound for tables
// indexed by key.
func NumKeys() int {
	if p := keys.names.Load(); p != nil {
		return len(*p)
	}
	return 1
}

// Keys of attributes and events that this package sets itself.
var (
	keyErrorType    = NewKey("error.type")
	keyCodeFunction = NewKey("code.function.name")
	keyException    = NewKey("exception")
	keyExcType      = NewKey("exception.type")
	keyExcMessage   = NewKey("exception.message")
	keyExcStack     = NewKey("exception.stacktrace")
	keyEvent        = NewKey("event")
	keyEventName    = NewKey("event.name")
	keyLink         = NewKey("link")
)
