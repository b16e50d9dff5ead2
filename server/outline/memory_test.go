package outline

import (
	"runtime"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/store"
)

// What an outline says it takes is what it takes, and making one does not take
// more than the package's documentation says.
func TestMemory(t *testing.T) {
	const n = 200_000
	rd := open(t, store.Options{}, job(n))
	live := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	f, err := rd.Store.Find(t.Context(), traceID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rd.once.Do(rd.init)
	for i := range f.Len() { // heads have been looked at, blocks are in their cache
		if err := f.Visit(i, newRead(0).block); err != nil {
			t.Fatal(err)
		}
	}
	before, peak := live(), 0
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				peak = max(peak, live())
			}
		}
	}()
	tr, err := rd.read(t.Context(), f, traceID)
	if err != nil {
		t.Fatal(err)
	}
	close(stop)
	<-done
	if got := live() - before; got > tr.Size()*5/4+1<<20 {
		t.Errorf("an outline takes %d bytes, and says %d", got, tr.Size())
	}
	if got := peak - before; got > n*(75+170)*5/4 {
		t.Errorf("making the outline took %d bytes at its peak, %d for each span", got, got/n)
	} else {
		t.Logf("%d bytes for each span at the peak, %d after", got/n, tr.Size()/n)
	}
	runtime.KeepAlive(tr)
}
