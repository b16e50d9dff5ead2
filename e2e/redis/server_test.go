package redis

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// missing says that something is not there without which a test cannot run.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: run the tests by make test, or scripts/with-redis go test ./e2e/redis", what)
	}
	t.Skipf("%s: run scripts/with-redis go test ./e2e/redis", what)
}

// server returns the address of the server that scripts/with-redis runs.
func server(t *testing.T) []string {
	t.Helper()
	addr := os.Getenv("WEFT_TEST_REDIS")
	if addr == "" {
		missing(t, "WEFT_TEST_REDIS is not set")
	}
	return []string{addr}
}

// start runs redis-server with arguments, on a port of its own, until the test
// ends, and returns the port.
func start(t *testing.T, args ...string) string {
	t.Helper()
	exe, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "no redis-server")
	}
	for try := 1; ; try++ {
		port := free(t)
		cmd := exec.Command(exe, append(args, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir())...)
		log, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			cmd.Wait()
			log.Close()
			close(ended)
		}()
		t.Cleanup(func() {
			cmd.Process.Kill()
			<-ended
		})
		for {
			if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
				conn.Close()
				return port
			}
			select {
			case <-ended:
				if try < 5 {
					break // somebody else was faster to take the port
				}
				out, _ := os.ReadFile(log.Name())
				t.Fatalf("%s does not start:\n%s", strings.Join(cmd.Args, " "), out)
			case <-time.After(10 * time.Millisecond):
				continue
			}
			break
		}
	}
}

// free returns a port that nobody listens on, nor on the one that a node of a
// cluster takes besides.
func free(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port > 55000 {
			continue
		}
		if bus, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port+10000)); err == nil {
			bus.Close()
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no free ports")
	return ""
}

// ask sends one command to a server and returns the first line of the answer, or
// what a string of several lines says.
func ask(t *testing.T, addr string, args ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(a), a)
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "-") {
		t.Fatalf("%s: redis answers %s to %q", addr, line, args)
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(line, "$")); err == nil && line[0] == '$' {
		b := make([]byte, n)
		for i := range b {
			if b[i], err = r.ReadByte(); err != nil {
				t.Fatal(err)
			}
		}
		return string(b)
	}
	return line
}

// until waits for what is done in the background.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// nodes returns the addresses of a cluster of three.
func nodes(t *testing.T) []string {
	t.Helper()
	var addrs []string
	for range 3 {
		addrs = append(addrs, "127.0.0.1:"+start(t, "--cluster-enabled", "yes", "--save", "", "--appendonly", "no"))
	}
	const slots = 16384
	for i, addr := range addrs {
		ask(t, addr, "cluster", "addslotsrange", strconv.Itoa(i*slots/3), strconv.Itoa((i+1)*slots/3-1))
		ask(t, addr, "cluster", "set-config-epoch", strconv.Itoa(i+1))
		host, port, _ := net.SplitHostPort(addr)
		ask(t, addrs[0], "cluster", "meet", host, port)
	}
	for _, addr := range addrs {
		until(t, "the cluster", func() bool {
			return strings.Contains(ask(t, addr, "cluster", "info"), "cluster_state:ok") &&
				strings.Count(ask(t, addr, "cluster", "nodes"), "connected") == 3
		})
	}
	return addrs
}

// watched returns the name of a master and the address of a sentinel that watches
// it.
func watched(t *testing.T) []string {
	t.Helper()
	master := start(t, "--save", "", "--appendonly", "no")
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(conf, []byte("sentinel monitor mymaster 127.0.0.1 "+master+" 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return []string{"mymaster", "127.0.0.1:" + start(t, conf, "--sentinel")}
}
