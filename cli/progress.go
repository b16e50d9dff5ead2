package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// progress is a line on the terminal that says what weft is doing, once that
// has taken a second, and is wiped when weft is done.
type progress struct {
	mu    sync.Mutex
	w     io.Writer // nil when there is no terminal
	out   io.Writer // where lines that stay go
	timer *time.Timer
	doing string
	shown bool
}

func newProgress(w io.Writer, term string) *progress {
	p := &progress{out: w}
	f, ok := w.(*os.File)
	if !ok {
		return p
	}
	if st, err := f.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 || term == "dumb" {
		return p
	}
	p.w = w
	p.timer = time.AfterFunc(time.Second, p.show)
	return p
}

func (p *progress) set(doing string) {
	p.mu.Lock()
	p.doing = doing
	shown := p.shown
	p.mu.Unlock()
	if shown {
		p.show()
	}
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil && p.doing != "" {
		p.shown = true
		fmt.Fprintf(p.w, "\r\x1b[Kweft: %s …", p.doing)
	}
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil {
		return
	}
	p.timer.Stop()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.w = nil
}

// Write writes lines that stay.
func (p *progress) Write(lines []byte) (int, error) {
	p.mu.Lock()
	if p.shown && p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	n, err := p.out.Write(lines)
	shown := p.shown
	p.mu.Unlock()
	if shown {
		p.show()
	}
	return n, err
}
