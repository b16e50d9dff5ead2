// Package store is the embedded store of weft serve: spans, logs and
// aggregates in one directory, on top of Pebble.
//
// # What happens to a request
//
// Its spans go into the head, columns in memory, and are found by every query
// from then on. Its bytes, compressed, go into the journal, which is a range of
// keys of the current partition's Pebble database; requests that come at the
// same time share one write and one fsync. When that returned, the request is
// acknowledged.
//
// When the head is full, or old, a new one takes its place, and the old one is
// cut in the background: its spans, sorted by trace, become blocks of whole
// traces, a segment, in a file of their own; then their index, the aggregates,
// and the deletion of the head's journal are one atomic batch. So after a crash
// every acknowledged span is either in a segment or in the journal, never in
// both, and what is in the journal goes through a head again.
//
// # Where things are
//
// A partition is a directory with one Pebble database for a span of time by the
// server's clock, a day by default. Retention removes directories. What the
// senders' clocks say decides nothing but where a span is in time.
//
// docs/format/store.md describes the directory, every key and every value.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weft-trace/weft/server/aggregate"
)

// Options configure a Store. The zero value of every field but Dir means the
// default named beside it.
type Options struct {
	Dir       string        // the store's directory; made if it is not there
	Retention time.Duration // how long a partition is kept after its end; 7 days; negative: for ever
	MaxBytes  int64         // of the directory: the oldest partitions go when it is exceeded; not less than about 100 MiB makes sense; 0: no bound
	Partition time.Duration // the span of time of a partition; 24 hours
	NoSync    bool          // acknowledge before the disk has it: a crash of the machine loses what it had not yet written

	Clock  func() time.Time // time.Now; partitions, retention and the age of heads follow it
	Logger *slog.Logger     // slog.Default()

	CacheBytes int64         // of the caches that all partitions share, half for index reads, half for blocks; 32 MiB
	HeadSpans  int           // a head with that many spans is cut; 65,536
	HeadBytes  int           // or of that size in memory; 32 MiB
	HeadAge    time.Duration // or that old; 10 minutes
	BlockRows  int           // spans of a block, about; 1,024
	MaxOpen    int           // sealed partitions that are open at a time, about a megabyte each; 32
	InFlight   int64         // bytes of requests that wait for the disk, beyond which Write returns ErrBusy; 64 MiB
	Reserve    int64         // free bytes of the disk below which Write returns ErrFull; 5 % of the disk, at most 128 MiB; negative: none

	FS vfs.FS // vfs.Default; tests inject faults
}

func (o Options) orDefaults() Options {
	o.Retention = cmp.Or(o.Retention, 7*24*time.Hour)
	o.Partition = cmp.Or(o.Partition, 24*time.Hour)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.CacheBytes = cmp.Or(o.CacheBytes, 32<<20)
	o.HeadSpans = cmp.Or(o.HeadSpans, 1<<16)
	o.HeadBytes = cmp.Or(o.HeadBytes, 32<<20)
	o.HeadAge = cmp.Or(o.HeadAge, 10*time.Minute)
	o.BlockRows = cmp.Or(o.BlockRows, 1024)
	o.MaxOpen = cmp.Or(o.MaxOpen, 32)
	o.InFlight = cmp.Or(o.InFlight, 64<<20)
	if o.FS == nil {
		o.FS = vfs.Default
	}
	return o
}

// maxWaiting is how many heads may wait to be cut, the one that is being cut
// included. While that many wait, a full head is not replaced, and Write waits.
const maxWaiting = 2

// Store is an open store. Its methods may be called from several goroutines at
// a time.
type Store struct {
	o      Options
	log    *slog.Logger
	waits  *waits
	lock   io.Closer
	cache  *pebble.Cache
	files  *pebble.FileCache
	blocks blockCache

	readOnly bool // the directory cannot be written

	life sync.RWMutex // held for reading by Write, so that Close can wait for it

	// in guards what takes spans: the current head and the aggregates. It is
	// locked before mu.
	in   sync.Mutex
	head *head // nil: the next Write makes one
	agg  *aggregate.Aggregator
	seen *seen

	// mu guards the lists.
	mu      sync.RWMutex
	heads   []*head      // all that are not yet cut, oldest first, the current one last
	parts   []*partition // by number
	current *partition   // the one that is written; nil: the next Write makes one
	nextSeq uint32
	busy    chan struct{} // closed and replaced when a head was cut

	commits chan *commit  // to the committer
	cuts    chan struct{} // wakes the cutter
	stop    chan struct{} // closed by Close
	stopped sync.WaitGroup

	backups sync.Mutex // one backup at a time
	linking sync.Mutex // a cut and a backup's linking exclude each other

	failure atomic.Pointer[error]
	failed  chan struct{} // closed when failure is set
	closed  atomic.Bool

	inFlight atomic.Int64
	uses     atomic.Uint64
	room     roomGauge
	clock    clockWatch
	counters counters
	indexer  indexer // the cutter's
}

// Open opens the store in a directory, which is made if it is not there. What
// a crash left in the journal is in memory again, and searchable, when Open
// returns.
//
// A partition that cannot be read is set aside, with a message in the log. A
// store in a directory that cannot be written is opened for reading. Open fails
// with ErrLocked if another process has the store open.
func Open(o Options) (*Store, error) {
	o = o.orDefaults()
	if o.Dir == "" {
		return nil, errors.New("open the store: no directory; set store.dir")
	}
	s := &Store{
		o: o, log: o.Logger, waits: newWaits(),
		busy: make(chan struct{}), commits: make(chan *commit, 256), cuts: make(chan struct{}, 1),
		stop: make(chan struct{}), failed: make(chan struct{}),
	}
	if err := s.openDir(); err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", o.Dir, err)
	}
	s.agg, s.seen = aggregate.New(aggregate.Limits{}), newSeen()
	s.cache = pebble.NewCache(o.CacheBytes / 2)
	s.blocks.limit = int(o.CacheBytes / 2)
	s.files = pebble.NewFileCache(1, 512)
	if err := s.recover(); err != nil {
		s.lock.Close()
		s.files.Unref()
		s.cache.Unref()
		return nil, fmt.Errorf("open the store in %s: %w", o.Dir, err)
	}
	if !s.readOnly {
		s.stopped.Add(2)
		go s.committer()
		go s.cutter()
		s.wakeCutter()
	}
	return s, nil
}

// fail makes the store refuse writes from now on: what Pebble or the disk did
// cannot be mended while the process runs. Reads go on.
func (s *Store) fail(err error) {
	err = fmt.Errorf("%w: %w; what was acknowledged is safe: restart weft serve when the disk is well", ErrReadOnly, err)
	if s.failure.CompareAndSwap(nil, &err) {
		s.log.Error("the store takes no more writes", "error", err)
		close(s.failed)
	}
}

func (s *Store) failing() bool { return s.failure.Load() != nil }

// damaged notes that a part of the store cannot be read.
func (s *Store) damaged(err error) {
	if s.counters.damage(err) { // each once: every query may meet it again
		s.log.Error("a part of the store cannot be read", "error", err)
	}
}

// Close cuts the head, so that the next Open has nothing to replay, and closes
// the store. Queries must have ended.
func (s *Store) Close() error {
	if !s.closed.CompareAndSwap(false, true) {
		return ErrClosed
	}
	s.awaitWrites()
	var err error
	if !s.readOnly {
		if !s.failing() && !s.waits.full() {
			err = s.flush(context.Background())
		}
		close(s.stop)
		if !s.settle() {
			// A write hangs, because the disk is full or broken, and holds Pebble's locks. What
			// was acknowledged is in the journal. The goroutines that hang go with the process.
			return errors.Join(err, s.lock.Close())
		}
	}
	for _, h := range s.heads {
		s.release(h.part)
	}
	for _, p := range s.parts {
		s.closeDB(p)
	}
	s.files.Unref()
	s.cache.Unref()
	return errors.Join(err, s.lock.Close())
}

// awaitWrites returns when no Write is under way. Those that come later see that
// the store is closed.
func (s *Store) awaitWrites() {
	s.life.Lock()
	defer s.life.Unlock()
}

// settle waits for the committer and the cutter to end. It is false if they do not.
func (s *Store) settle() bool {
	ended := make(chan struct{})
	go func() {
		s.stopped.Wait()
		close(ended)
	}()
	filled := s.waits.filled()
	if s.waits.full() {
		filled = closedChan
	}
	select {
	case <-ended:
		return !s.failing()
	case <-filled:
		return false
	case <-s.failed:
		return false
	}
}
