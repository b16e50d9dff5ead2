package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/server"
	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/store"
	"github.com/weft-trace/weft/server/transfer"
)

var storeCommand = &command{
	name:  "store",
	usage: storeUsage,
	short: "back up, restore, export, import and measure what a server keeps",
	long:  storeText,
	run:   runStore,
}

const storeUsage = "backup|restore|export|import|stats [flags] ..."

const storeText = `Store works on what "weft serve" keeps: on that of a running server, or, with
-dir, on the directory of one that does not run.

	weft store backup FILE          write everything into a tar archive
	weft store restore FILE DIR     make a store out of a backup, in a new directory
	weft store export FILE          write spans as OTLP or Parquet
	weft store import FILE ...      read files of "weft store export", or of a
	                                collector's file exporter, into a store
	weft store stats                print how much is kept and where

FILE may be - for the standard output, or input. The name of an exported file
says its format: .otlp (protobuf), .jsonl (OTLP as JSON, one request a line) or
.parquet; the first two also with .gz or .zst.

	-server URL    the server, or unix:/path; WEFT_SERVER, or http://127.0.0.1:16686
	-otlp URL      import: where the server takes OTLP over HTTP, http://127.0.0.1:4318
	-dir DIR       the directory of a server that does not run
	-q QUERY       export: only spans that match, see "weft help search"
	-from, -to T   export: only spans that start then: RFC 3339, 2006-01-02, or
	               a duration before now, such as -24h; everything when not given
	-format F      export: otlp, otlp-json or parquet, if the name does not say so
	-json          stats: print JSON

A token is taken from WEFT_TOKEN: backup needs one with the scope admin, export
and stats read, import write. PEM files for TLS: WEFT_CA (the server's
authority), WEFT_CERT and WEFT_KEY (to show it).
`

// storing is one run of weft store.
type storing struct {
	*asking
	otlp, dir, q, from, to, format string
	progress                       *progress

	refused int64 // spans and logs that the server rejected while the rest was imported
	why     string
}

func runStore(inv *invocation) (int, error) {
	if len(inv.args) == 0 {
		return 2, errors.New("store: what to do? backup, restore, export, import or stats; run \"weft help store\"")
	}
	name := inv.args[0]
	run := map[string]func(*storing, context.Context) error{
		"backup": (*storing).backup, "restore": (*storing).restore, "export": (*storing).export, "import": (*storing).importFiles, "stats": (*storing).stats,
	}[name]
	if run == nil {
		return 2, fmt.Errorf("store: %q: want backup, restore, export, import or stats; run \"weft help store\"", name)
	}
	sub := *inv
	sub.args = inv.args[1:]
	s := &storing{asking: newAsking(&sub, "store")}
	s.flags.StringVar(&s.otlp, "otlp", "http://127.0.0.1:4318", "")
	s.flags.StringVar(&s.dir, "dir", "", "")
	s.flags.StringVar(&s.q, "q", "", "")
	s.flags.StringVar(&s.from, "from", "", "")
	s.flags.StringVar(&s.to, "to", "", "")
	s.flags.StringVar(&s.format, "format", "", "")
	if slices.ContainsFunc(sub.args, func(a string) bool { return a == "-h" || a == "-help" || a == "--help" }) {
		_, err := fmt.Fprintf(inv.stdout, "usage: weft store %s\n\n%s", storeUsage, storeText)
		return 0, err
	}
	if err := s.parse(); err != nil {
		return 2, fmt.Errorf("store %s: %w", name, err)
	}
	want := map[string][2]int{"backup": {1, 1}, "restore": {2, 2}, "export": {1, 1}, "import": {1, 1 << 20}, "stats": {0, 0}}[name]
	if n := len(s.args); n < want[0] || n > want[1] {
		return 2, fmt.Errorf("store %s: %d arguments; run \"weft help store\"", name, n)
	}
	ctx, cancel := interruptible()
	defer cancel()
	s.progress = newProgress(inv.stderr, inv.getenv("TERM"))
	err := run(s, ctx)
	s.progress.end()
	if err != nil {
		if ctx.Err() != nil {
			return 1, fmt.Errorf("store %s: interrupted", name)
		}
		return 1, fmt.Errorf("store %s: %w", name, err)
	}
	return 0, nil
}

// open opens the store in -dir, which must be there.
func (s *storing) open() (*store.Store, error) {
	s.dir = s.path(s.dir)
	if st, err := os.Stat(s.dir); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("-dir %s: no such directory; it is store.dir of the server", s.dir)
	}
	s.progress.set("opening " + s.dir)
	st, err := store.Open(store.Options{Dir: s.dir, Retention: -1, Logger: slog.New(slog.NewTextHandler(s.inv.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("%w; leave out -dir to ask the server that uses it", err)
	}
	return st, err
}

// within opens the store in -dir for the time of do.
func (s *storing) within(do func(*store.Store) error) error {
	st, err := s.open()
	if err != nil {
		return err
	}
	return errors.Join(do(st), st.Close())
}

// output calls write with a file that takes its name only when it is complete:
// what is interrupted leaves no half of a backup that looks like a whole one.
func (s *storing) output(name string, write func(io.Writer) error) error {
	if name == "-" {
		return write(&counted{w: s.inv.stdout, s: s})
	}
	name = s.path(name)
	if st, err := os.Stat(name); err == nil && st.IsDir() {
		return fmt.Errorf("%s is a directory; name a file", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when it was renamed
	c := &counted{w: f, s: s}
	if err := errors.Join(write(c), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	fmt.Fprintf(s.inv.stderr, "weft: wrote %s, %s\n", name, humanBytes(c.n))
	return nil
}

func (s *storing) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.inv.dir, name)
}

// counted counts what is written, for the progress.
type counted struct {
	w io.Writer
	s *storing
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.s.progress.set("wrote " + humanBytes(c.n))
	return n, err
}

func humanBytes(n int64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1<<20:
		return strconv.FormatFloat(float64(n)/(1<<10), 'f', 1, 64) + " KiB"
	case n < 1<<30:
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MiB"
	}
	return strconv.FormatFloat(float64(n)/(1<<30), 'f', 2, 64) + " GiB"
}

// stream copies the answer of a path below /api/weft/v1.
func (s *storing) stream(ctx context.Context, path string, params url.Values, w io.Writer) error {
	body, err := s.client.open(ctx, path, params)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("the answer of %s ended early: %w; the server's log says why", s.client.server, err)
	}
	return nil
}

func (s *storing) backup(ctx context.Context) error {
	return s.output(s.args[0], func(w io.Writer) error {
		if s.dir == "" {
			return s.stream(ctx, "/backup", nil, w)
		}
		return s.within(func(st *store.Store) error { return st.Backup(ctx, w) })
	})
}

func (s *storing) restore(ctx context.Context) error {
	in, err := s.input(s.args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	dir := s.path(s.args[1])
	if err := store.Restore(ctx, in, dir); err != nil {
		return err
	}
	fmt.Fprintf(s.inv.stderr, "weft: restored into %s; start it with: weft serve --store.dir=%s\n", dir, dir)
	return nil
}

// input opens a file, or the standard input.
func (s *storing) input(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(s.inv.stdin), nil
	}
	return os.Open(s.path(name))
}

func (s *storing) export(ctx context.Context) error {
	name := s.args[0]
	format, err := transfer.FormatOf(name)
	if s.format != "" {
		format, err = transfer.ParseFormat(s.format)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	from, err := pointInTime("-from", s.from, now, time.Unix(0, 0))
	if err != nil {
		return err
	}
	to, err := pointInTime("-to", s.to, now, now.AddDate(100, 0, 0)) // spans of clocks that are ahead, too
	if err != nil {
		return err
	}
	q, err := query.Parse(s.q)
	if err != nil {
		return err
	}
	var done transfer.Progress
	err = s.output(name, func(w io.Writer) error {
		packed, err := transfer.Compress(name, w)
		if err != nil {
			return err
		}
		if s.dir == "" {
			err = s.stream(ctx, "/export", url.Values{
				"format": {string(format)}, "q": {s.q}, "from": {nanos(from.UnixNano()).param()}, "to": {nanos(to.UnixNano()).param()},
			}, packed)
		} else {
			err = s.within(func(st *store.Store) error {
				done, err = transfer.Export(ctx, st, packed, format, transfer.Selection{From: from.UnixNano(), To: to.UnixNano(), Query: q, Progress: s.transferred})
				return err
			})
		}
		return errors.Join(err, packed.Close())
	})
	if err != nil || s.dir == "" {
		return err
	}
	fmt.Fprintf(s.inv.stderr, "weft: %d spans\n", done.Spans)
	if done.Damaged > 0 {
		return fmt.Errorf("%d parts of the store are damaged, and what they held is missing in the file; the messages above name them", done.Damaged)
	}
	return nil
}

func (s *storing) transferred(p transfer.Progress) {
	s.progress.set(fmt.Sprintf("%d spans, %s", p.Spans, humanBytes(p.Bytes)))
}

// pointInTime reads RFC 3339, a date, or a duration before now.
func pointInTime(flag, text string, now, def time.Time) (time.Time, error) {
	if text == "" {
		return def, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			if t.Unix() < 0 {
				return t, fmt.Errorf("%s %q is before 1970; spans have no such times", flag, text)
			}
			return t, nil
		}
	}
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		var d server.Duration
		if err := d.Set(rest); err == nil && d > 0 {
			return now.Add(-time.Duration(d)), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q: want a time such as 2006-01-02T15:04:05Z, 2006-01-02, or -24h", flag, text)
}
