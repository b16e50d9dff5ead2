//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// chrome is a headless Chromium with one page, driven by the DevTools protocol
// (https://chromedevtools.github.io/devtools-protocol/) over a pipe.
type chrome struct {
	cmd     *exec.Cmd
	profile string
	to      io.WriteCloser
	page    string // session of the page

	mu      sync.Mutex
	next    int
	waiting map[int]chan answer
	closed  error // why no more answers come
}

type answer struct {
	ID     int
	Result json.RawMessage
	Error  *struct{ Message string }
}

// width and height are those of a small laptop.
const width, height = 1280, 800

// startChrome starts the binary with a profile of its own.
func startChrome(binary string) (*chrome, error) {
	profile, err := os.MkdirTemp("", "weft-bench-chromium-")
	if err != nil {
		return nil, err
	}
	read, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	theirsIn, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	args := []string{"--headless", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--no-first-run", "--disable-gpu", "--disable-quic",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions", fmt.Sprintf("--window-size=%d,%d", width, height), "about:blank"}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium's sandbox does not work for root
	}
	c := &chrome{cmd: exec.Command(binary, args...), profile: profile, to: write, waiting: map[int]chan answer{}}
	c.cmd.ExtraFiles = []*os.File{theirsIn, theirs} // descriptors 3 and 4
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start Chromium: %w; install it, or name the binary with -chromium", err)
	}
	theirs.Close()
	theirsIn.Close()
	go c.receive(read)
	if err := c.open(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// open makes the page.
func (c *chrome) open() error {
	var target struct{ TargetID string }
	if err := c.send("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return err
	}
	var session struct{ SessionID string }
	if err := c.send("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session); err != nil {
		return err
	}
	c.page = session.SessionID
	if err := c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil); err != nil {
		return err
	}
	return c.call("Page.enable", nil, nil)
}

func (c *chrome) close() {
	c.send("", "Browser.close", nil, nil)
	c.to.Close()
	done := make(chan struct{})
	go func() {
		c.cmd.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		c.cmd.Process.Kill()
		<-done
	}
	os.RemoveAll(c.profile)
}

// receive hands out the answers. Messages end with a zero byte.
func (c *chrome) receive(r io.Reader) {
	b := bufio.NewReader(r)
	for {
		message, err := b.ReadBytes(0)
		if err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.closed = fmt.Errorf("the browser ended: %w", err)
			for _, w := range c.waiting {
				close(w)
			}
			return
		}
		var a answer
		if json.Unmarshal(message[:len(message)-1], &a) != nil || a.ID == 0 {
			continue // an event
		}
		c.mu.Lock()
		w := c.waiting[a.ID]
		delete(c.waiting, a.ID)
		c.mu.Unlock()
		if w != nil {
			w <- a
		}
	}
}

// call calls a method of the page.
func (c *chrome) call(method string, params, result any) error {
	return c.send(c.page, method, params, result)
}

func (c *chrome) send(session, method string, params, result any) error {
	c.mu.Lock()
	if c.closed != nil {
		defer c.mu.Unlock()
		return c.closed
	}
	c.next++
	id, w := c.next, make(chan answer, 1)
	c.waiting[id] = w
	m := map[string]any{"id": id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if session != "" {
		m["sessionId"] = session
	}
	b, err := json.Marshal(m)
	if err == nil {
		_, err = c.to.Write(append(b, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case a, ok := <-w:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", method, c.closed)
		case a.Error != nil:
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		case result != nil:
			return json.Unmarshal(a.Result, result)
		}
		return nil
	case <-time.After(2 * time.Minute):
		return fmt.Errorf("%s: no answer within two minutes", method)
	}
}

// run evaluates an expression in the page, waits for it if it is a promise, and reads its value into result.
func (c *chrome) run(expression string, result any) error {
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := c.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &r); err != nil {
		return err
	}
	if e := r.ExceptionDetails; e != nil {
		return fmt.Errorf("in the page: %s %s", e.Text, e.Exception.Description)
	}
	if result == nil || r.Result.Value == nil {
		return nil
	}
	return json.Unmarshal(r.Result.Value, result)
}

// until evaluates an expression every 20 ms until it is neither null, undefined, false nor 0.
func (c *chrome) until(ctx context.Context, what, expression string, result any) error {
	for {
		var raw json.RawMessage
		if err := c.run(expression, &raw); err != nil {
			return err
		}
		if s := string(raw); s != "" && s != "null" && s != "false" && s != "0" {
			if result == nil {
				return nil
			}
			return json.Unmarshal(raw, result)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// visit leaves what is open and goes to an address, with an empty cache.
func (c *chrome) visit(address string) error {
	for _, m := range []string{"Network.clearBrowserCache", "Network.clearBrowserCookies"} {
		if err := c.call(m, nil, nil); err != nil {
			return err
		}
	}
	var r struct{ ErrorText string }
	if err := c.call("Page.navigate", map[string]any{"url": address}, &r); err != nil {
		return err
	}
	if r.ErrorText != "" {
		return fmt.Errorf("open %s: %s", address, r.ErrorText)
	}
	return nil
}

// before makes a script run in every document before its own.
func (c *chrome) before(script string) error {
	return c.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": script}, nil)
}

// key presses a key in the page.
func (c *chrome) key(key string, code int) error {
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		p := map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
		if key == "Enter" && kind == "rawKeyDown" {
			p["type"], p["text"] = "keyDown", "\r"
		}
		if err := c.call("Input.dispatchKeyEvent", p, nil); err != nil {
			return err
		}
	}
	return nil
}
