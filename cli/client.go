package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weft-trace/weft/rt/waterfall"
	"github.com/weft-trace/weft/server"
)

// defaultServer is where weft serve listens unless told otherwise.
const defaultServer = "http://127.0.0.1:16686"

// client asks a weft server.
type client struct {
	server string // as messages name it: a URL without a slash at its end, or unix:/path
	base   string // what paths are appended to
	token  string
	transport
}

// query is what the commands that ask a server have in common: their flags,
// where to ask, and how to draw.
type asking struct {
	inv    *invocation
	flags  *flag.FlagSet
	json   bool
	server string
	args   []string // what is left besides flags
	width  int
	color  bool
	client *client
}

// newAsking makes the flags that all of these commands have.
func newAsking(inv *invocation, name string) *asking {
	a := &asking{inv: inv, flags: flag.NewFlagSet("weft "+name, flag.ContinueOnError)}
	a.flags.SetOutput(io.Discard)
	server := inv.getenv("WEFT_SERVER")
	if server == "" {
		server = defaultServer
	}
	a.flags.StringVar(&a.server, "server", server, "")
	a.flags.BoolVar(&a.json, "json", false, "")
	return a
}

func (inv *invocation) getenv(name string) string {
	value := ""
	for _, e := range inv.env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v // the last one counts
		}
	}
	return value
}

// parse reads the command's arguments; flags may stand before, between and
// after the others. What follows "--" is no flag.
func (a *asking) parse() error {
	rest := a.inv.args
	for {
		if err := a.flags.Parse(rest); err != nil {
			return fmt.Errorf("%v; run \"weft help %s\"", err, strings.TrimPrefix(a.flags.Name(), "weft "))
		}
		left := a.flags.Args()
		if n := len(rest) - len(left); n > 0 && rest[n-1] == "--" {
			a.args = append(a.args, left...)
			break
		}
		if len(left) == 0 {
			break
		}
		a.args, rest = append(a.args, left[0]), left[1:]
	}
	a.client = &client{server: strings.TrimSuffix(a.server, "/"), token: a.inv.getenv("WEFT_TOKEN"), transport: transport{inv: a.inv}}
	base, ok := a.client.at(a.client.server)
	if !ok {
		return fmt.Errorf("-server %q is not the URL of a server; write one such as %s, or unix:/path", a.server, defaultServer)
	}
	a.client.base = base
	if f, ok := a.inv.stdout.(*os.File); ok {
		a.width, a.color = waterfall.Terminal(f, a.inv.getenv)
	}
	return nil
}

// interruptible is a context that ends with Ctrl-C.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// get asks for a path below /api/weft/v1 and returns the answer's body.
func (c *client) get(ctx context.Context, path string, params url.Values) ([]byte, error) {
	in, err := c.open(ctx, path, params)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	body, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", c.server, err)
	}
	return body, nil
}

// open does the same without reading the body, which is to be closed.
func (c *client) open(ctx context.Context, path string, params url.Values) (io.ReadCloser, error) {
	u := c.base + "/api/weft/v1" + path
	if len(params) > 0 {
		u += "?" + params.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.do(req, c.server)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, errors.New("interrupted")
		}
		if unheard(err) {
			return nil, fmt.Errorf("no server answers at %s; start one: weft serve", c.server)
		}
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", c.server, err)
	}
	var p struct{ Detail string }
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		p.Detail = "the server answered " + res.Status
		if bytes.Contains(body, []byte("HTTP request to an HTTPS server")) { // as net/http puts it
			p.Detail = c.server + " speaks TLS; write https:// in -server"
		}
	}
	switch res.StatusCode {
	case http.StatusUnauthorized:
		if strings.Contains(p.Detail, "client certificate") {
			p.Detail += "; set " + envCert + " and " + envKey + " to its PEM files"
		} else {
			p.Detail += "; put a token with the scope read into WEFT_TOKEN"
		}
	case http.StatusNotFound:
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
			p.Detail = c.server + " is no weft server: it does not have /api/weft/v1" + path
		}
	}
	return nil, errors.New(p.Detail)
}

// into asks and decodes the answer.
func (c *client) into(ctx context.Context, path string, params url.Values, v any) error {
	body, err := c.get(ctx, path, params)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("read the answer of %s: %w; is it a server of another version?", c.server, err)
	}
	return nil
}

// column is one of a table.
type column struct {
	head  string
	right bool // numbers
	keep  bool // is never cut
}

type cell struct {
	text  string
	color string // ANSI, "" for none
}

const (
	ansiRed   = "\x1b[31m"
	ansiDim   = "\x1b[2m"
	ansiBold  = "\x1b[1m"
	ansiReset = "\x1b[0m"
)

// writeTable lines up columns. In a terminal the widest columns of text give
// way until the lines fit.
func (a *asking) writeTable(columns []column, rows [][]cell) error {
	widths, total := make([]int, len(columns)), 2*(len(columns)-1)
	for i, c := range columns {
		widths[i] = waterfall.Width(c.head)
		for _, r := range rows {
			widths[i] = max(widths[i], waterfall.Width(r[i].text))
		}
		total += widths[i]
	}
	for a.width > 0 && total > a.width {
		widest := -1
		for i, n := range widths {
			if c := columns[i]; !c.right && !c.keep && n > 12 && (widest < 0 || n > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	var b strings.Builder
	line := func(cells []cell) {
		last := len(cells) - 1
		for last > 0 && cells[last].text == "" {
			last--
		}
		for i, c := range cells[:last+1] {
			text := waterfall.Pad(c.text, widths[i])
			if columns[i].right {
				text = strings.Repeat(" ", widths[i]-waterfall.Width(c.text)) + c.text
			}
			if i == last {
				text = strings.TrimRight(text, " ")
			} else {
				text += "  "
			}
			if bare := strings.TrimRight(text, " "); a.color && c.color != "" && bare != "" {
				text = c.color + bare + ansiReset + text[len(bare):]
			}
			b.WriteString(text)
		}
		b.WriteByte('\n')
	}
	heads := make([]cell, len(columns))
	for i, c := range columns {
		heads[i] = cell{c.head, ansiBold}
	}
	line(heads)
	for _, r := range rows {
		line(r)
	}
	_, err := io.WriteString(a.inv.stdout, b.String())
	return err
}

// nanos is a time as the API writes it: Unix nanoseconds in a string.
type nanos int64

func (n *nanos) UnmarshalText(b []byte) error {
	_, err := fmt.Sscan(string(b), (*int64)(n))
	return err
}

func (n nanos) time() time.Time { return time.Unix(0, int64(n)) }

// param is the time as a parameter of the API, which takes small numbers for
// those of greater units.
func (n nanos) param() string {
	if n < 1e17 {
		return n.time().UTC().Format(time.RFC3339Nano)
	}
	return strconv.FormatInt(int64(n), 10)
}

// now is the time that the commands go by; tests set it.
var now = time.Now

// before reads -since and returns it as the beginning of a time range.
func before(since string) (string, error) {
	var d server.Duration
	if err := d.Set(since); err != nil || d <= 0 || strings.HasPrefix(since, "+") {
		return "", fmt.Errorf("-since %q: want a positive duration such as 30m, 1h or 7d", since)
	}
	return "-" + time.Duration(d).String(), nil
}
