//go:build linux

package serve

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weft-trace/weft/bench/client"
	"github.com/weft-trace/weft/bench/workload"
)

// fill stores traces over HTTP and returns their numbers.
func (s *server) fill(t testing.TB, g *workload.Generator, from, to int64) (numbers []int64) {
	t.Helper()
	c := client.HTTP("http://"+s.otlp+"/v1/traces", client.Options{})
	defer c.Close()
	for at := from; at < to; at += 50 {
		end := min(at+50, to)
		if rejected, _, err := c.ExportPatiently(t.Context(), g.AppendRequest(nil, at, end, nil)); rejected != 0 || err != nil {
			t.Fatalf("store traces %d to %d: %d spans rejected, %v", at, end, rejected, err)
		}
		for n := at; n < end; n++ {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func lastHour(traces int64) *workload.Generator {
	return workload.New(workload.Workload{Seed: 1, Traces: traces, End: time.Now().UnixNano()})
}

// mount makes a small disk, or skips the test where that is not allowed.
func mount(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount a small file system to fill up: run the test as root, for example in a container")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,size="+size); err != nil {
		t.Skipf("mount a tmpfs: %v: root in this container may not; run the test where mounting is allowed", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// When the disk is full, clients are told so and to try again; what was acknowledged can be read; when there is room again, writing
// goes on, without a restart.
func TestDiskFull(t *testing.T) {
	disk := mount(t, "160m")
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 80<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	g := lastHour(1_000_000)
	s := start(t, filepath.Join(disk, "data"))
	c, err := client.GRPC(s.grpc, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var acknowledged []int64
	var body []byte
	full := 0
	at := int64(0)
	for ; at < g.Traces && full < 20; at += 100 {
		body = g.AppendRequest(body[:0], at, at+100, nil)
		rejected, err := c.Export(t.Context(), body)
		switch {
		case err == nil && rejected == 0:
			for n := at; n < at+100; n++ {
				acknowledged = append(acknowledged, n)
			}
		case errors.Is(err, client.ErrBusy) && strings.Contains(err.Error(), "full"):
			full++
		case errors.Is(err, client.ErrBusy): // the cuts cannot keep up
			at -= 100
			time.Sleep(10 * time.Millisecond)
		default:
			t.Fatalf("on a disk that fills up: %d rejected, %v; want an error that can be retried and says that the disk is full", rejected, err)
		}
	}
	if full < 20 {
		t.Fatalf("%d spans did not fill 80 MiB", g.Spans())
	}
	t.Logf("full after %d spans", len(acknowledged)*workload.SpansPerTrace)
	resp, err := http.Post("http://"+s.otlp+"/v1/traces", "application/x-protobuf", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("over HTTP a full disk is %s; want 503 or 429, which clients retry", resp.Status)
	}
	if code, body := s.get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz on a full disk: %d %s; want 200, restarting would not help", code, body)
	}
	if code, body := s.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(string(body), "full") {
		t.Errorf("/readyz on a full disk: %d %s; want 503 and that it is full", code, body)
	}
	some := func() []int64 { // the first, the last, and some between
		step := len(acknowledged)/2000 + 1
		var out []int64
		for i := 0; i < len(acknowledged); i += step {
			out = append(out, acknowledged[i])
		}
		return append(out, acknowledged[len(acknowledged)-100:]...)
	}
	s.checkAll(t, g, some(), workload.SpansPerTrace)
	if !strings.Contains(s.stderr.String(), "full") {
		t.Errorf("the log does not say that the disk is full")
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ExportPatiently(t.Context(), body); err != nil {
		t.Fatalf("with 80 MiB free again: %v", err)
	}
	for n := at - 100; n < at; n++ {
		acknowledged = append(acknowledged, n)
	}
	s.checkAll(t, g, some(), workload.SpansPerTrace)
	s.terminate(t)
	s = start(t, filepath.Join(disk, "data"))
	s.checkAll(t, g, some(), workload.SpansPerTrace)

	// Killed while it is full, it comes back.
	if err := os.WriteFile(ballast, make([]byte, 1<<30), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("1 GiB on a disk of 160 MiB: %v", err)
	}
	if _, err := c.Export(t.Context(), body); err == nil {
		t.Log("a request found room on a disk that is full to the last byte: the log's file had been made before")
	}
	s.kill()
	s = start(t, filepath.Join(disk, "data"))
	s.checkAll(t, g, some(), workload.SpansPerTrace)
}

// On a disk that is mounted read-only, or in a directory of somebody else, the server says so; what is there can be read.
func TestReadOnly(t *testing.T) {
	g := lastHour(1000)
	readOnly := func(t *testing.T, attr *syscall.SysProcAttr, dir string, stored []int64) {
		t.Helper()
		s := launchAs(t, attr, dir)
		opened := make(chan struct{})
		go func() {
			for {
				if code, _ := s.get("/healthz"); code == http.StatusOK {
					close(opened)
					return
				}
				select {
				case <-s.exited:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		}()
		select {
		case <-s.exited:
			t.Fatalf("ended: %v; want that what is there can be read\n%s", s.err, s.stderr)
		case <-opened:
		}
		var n int
		var err error
		for range 600 { // until the store is open
			if n, err = s.check(g, stored[0]); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if n != workload.SpansPerTrace || err != nil {
			t.Fatalf("%d spans, %v", n, err)
		}
		s.checkAll(t, g, stored, workload.SpansPerTrace)
		c := client.HTTP("http://"+s.otlp+"/v1/traces", client.Options{})
		defer c.Close()
		if _, err := c.Export(t.Context(), g.AppendRequest(nil, 900, 950, nil)); err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("a write: %v; want an error that says read-only", err)
		}
		if said := s.stderr.String(); !strings.Contains(said, dir) {
			t.Errorf("the log does not name the directory:\n%s", said)
		}
		s.terminate(t)
	}
	t.Run("mount", func(t *testing.T) {
		disk := mount(t, "300m")
		dir := filepath.Join(disk, "data")
		s := start(t, dir)
		stored := s.fill(t, g, 0, 500)
		s.kill() // the journal is not cut, and cannot be
		if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		readOnly(t, nil, dir, stored)
	})
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if os.Getuid() != 0 {
		nobody = nil
	}
	t.Run("permissions", func(t *testing.T) {
		dir := filepath.Join(reachable(t), "data")
		s := start(t, dir)
		stored := s.fill(t, g, 0, 500)
		s.terminate(t)
		if nobody == nil {
			chmod(t, dir, 0o555, 0o444)
			t.Cleanup(func() { chmod(t, dir, 0o755, 0o644) })
		} else {
			chmod(t, dir, 0o755, 0o644)
		}
		readOnly(t, nobody, dir, stored)
	})
	t.Run("nothing there", func(t *testing.T) {
		parent := reachable(t)
		chmod(t, parent, 0o555, 0o444)
		t.Cleanup(func() { chmod(t, parent, 0o755, 0o644) })
		dir := filepath.Join(parent, "data")
		s := launchAs(t, nobody, dir)
		if said := s.refuses(t); !strings.Contains(said, dir) || !strings.Contains(said, "permission denied") {
			t.Errorf("want an error that names %s and the reason:\n%s", dir, said)
		}
	})
}

// reachable is a temporary directory that other users can enter.
func reachable(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func chmod(t testing.TB, dir string, dirs, files fs.FileMode) {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			all = append(all, path)
			if d.IsDir() {
				err = os.Chmod(path, 0o755)
			} else {
				err = os.Chmod(path, files)
			}
		}
		return err
	})
	for i := len(all) - 1; i >= 0 && err == nil; i-- {
		if info, e := os.Stat(all[i]); e == nil && info.IsDir() {
			err = os.Chmod(all[i], dirs)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Two servers on one directory would destroy it: the second one says who is there and ends; the first one does not notice.
func TestTwoServers(t *testing.T) {
	g := lastHour(1000)
	dir := t.TempDir()
	first := start(t, dir)
	stored := first.fill(t, g, 0, 200)
	second := launch(t, dir)
	if said := second.refuses(t); !strings.Contains(said, dir) || !strings.Contains(said, "in use") {
		t.Errorf("want an error that names %s and says that it is in use:\n%s", dir, said)
	}
	stored = append(stored, first.fill(t, g, 200, 400)...)
	first.checkAll(t, g, stored, workload.SpansPerTrace)
	first.terminate(t)
	again := start(t, dir) // the lock went with the process
	again.checkAll(t, g, stored, workload.SpansPerTrace)
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, key := range []string{"listen.http", "listen.otlp_grpc", "listen.otlp_http", "listen.zipkin"} {
		s := launch(t, t.TempDir(), "--"+key+"="+l.Addr().String())
		if said := s.refuses(t); !strings.Contains(said, l.Addr().String()) || !strings.Contains(said, key) || !strings.Contains(said, "in use") {
			t.Errorf("want an error that names %s, the address and the reason:\n%s", key, said)
		}
	}
}

// SIGTERM under load: what is acknowledged until the end is there, and nothing is left to recover.
func TestTerminate(t *testing.T) {
	g := lastHour(10_000_000)
	dir := t.TempDir()
	l := newLoad(g.Workload, 20)
	for round := range 3 {
		s := start(t, dir)
		var wg sync.WaitGroup
		enough := make(chan struct{})
		for _, c := range s.connect(t) {
			wg.Go(func() {
				defer c.Close()
				l.run(context.Background(), c) // until the connection breaks
			})
		}
		go func() {
			defer close(enough)
			for {
				l.mu.Lock()
				n := len(l.acknowledged)
				l.mu.Unlock()
				if n > 2000*(round+1) {
					return
				}
				select {
				case <-s.exited:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
		}()
		<-enough
		s.terminate(t)
		wg.Wait()
		for text, n := range l.refused {
			t.Errorf("%d requests were refused: %s", n, text)
		}
	}
	s := start(t, dir)
	s.checkAll(t, g, l.acknowledged, workload.SpansPerTrace)
	if len(l.acknowledged) < 6000 {
		t.Errorf("only %d traces were acknowledged", len(l.acknowledged))
	}
	found := 0
	for _, from := range l.unsure {
		for n := from; n < from+l.perRequest; n++ {
			k, err := s.check(g, n)
			if err != nil || k != 0 && k != workload.SpansPerTrace {
				t.Errorf("a request that was cut off: %d spans of trace %d, %v", k, n-from, err)
			}
			found += k
		}
	}
	s.counts(t, g.Workload, int64(len(l.acknowledged))*workload.SpansPerTrace+int64(found))
}
