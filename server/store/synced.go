package store

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// syncedFile is a partition's file SYNCED: it says up to which byte Pebble's
// newest log and its manifest were synced. What lies before was acknowledged,
// so if it cannot be read, it is damaged; what lies behind may be what a crash
// left of a write.
//
// It is written after every sync of those files and, but for rare occasions,
// not synced itself: after a kill it is exact. After a loss of power it may be
// old, and what it says is true all the same: it says less. Two places in it
// take turns, so that a write that is cut off leaves the one before.
const (
	syncedName  = "SYNCED"
	syncedMagic = "WEFTSYN1"
	syncedSlot  = 4096 // where the second place begins: what disks and kernels write at once does not have both
	syncedSize  = len(syncedMagic) + 6*8
)

// ends are what the file says. A number of 0 stands for none.
type ends struct{ log, logEnd, manifest, manifestEnd uint64 }

type syncedFile struct {
	mu sync.Mutex
	ends
	count   uint64   // of the writes
	durable uint64   // the file names this log for certain, or a later one
	f       vfs.File // nil: it is not written
}

func (e ends) append(dst []byte, count uint64) []byte {
	dst = append(dst, syncedMagic...)
	for _, n := range []uint64{count, e.log, e.logEnd, e.manifest, e.manifestEnd} {
		dst = binary.BigEndian.AppendUint64(dst, n)
	}
	return binary.BigEndian.AppendUint64(dst, xxhash.Sum64(dst[len(dst)-syncedSize+8:]))
}

func parseEnds(b []byte) (e ends, count uint64, ok bool) {
	if len(b) < syncedSize || string(b[:len(syncedMagic)]) != syncedMagic || binary.BigEndian.Uint64(b[syncedSize-8:]) != xxhash.Sum64(b[:syncedSize-8]) {
		return e, 0, false
	}
	for i, n := range []*uint64{&count, &e.log, &e.logEnd, &e.manifest, &e.manifestEnd} {
		*n = binary.BigEndian.Uint64(b[len(syncedMagic)+8*i:])
	}
	return e, count, true
}

// readSynced reads a partition's file. Stores of the first days have none: then nothing is known.
func readSynced(f vfs.FS, dir string) (ends, error) {
	b, err := readFile(f, f.PathJoin(dir, syncedName))
	if errors.Is(err, fs.ErrNotExist) {
		return ends{}, nil
	}
	if err != nil {
		return ends{}, err
	}
	one, n, ok := parseEnds(b)
	two, m, also := parseEnds(b[min(len(b), syncedSlot):])
	switch {
	case also && (!ok || m > n):
		return two, nil
	case ok:
		return one, nil
	}
	return ends{}, errors.New("neither of its two places can be read: whether the end of the journal is there cannot be told")
}

// begin makes the file anew with what is known, and keeps it up to date from now on.
func (s *syncedFile) begin(f vfs.FS, dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count = 1
	if err := writeFile(f, dir, syncedName, append(s.ends.append(nil, s.count), make([]byte, 2*syncedSlot-syncedSize)...)); err != nil {
		return err
	}
	s.durable = s.log
	file, err := f.OpenReadWrite(f.PathJoin(dir, syncedName), vfs.WriteCategoryUnspecified)
	s.f = file
	return err
}

// now returns up to where the files are synced.
func (s *syncedFile) now() ends {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends
}

func (s *syncedFile) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.f != nil
}

// note notes that a file is synced up to end.
func (s *syncedFile) note(kind engineKind, number, end uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case logFile:
		s.log, s.logEnd = number, end
	case manifestFile:
		s.manifest, s.manifestEnd = number, end
	}
	s.write()
}

// forget is called before a log goes that is no longer needed. The file must not
// name it then, whatever the disk has of what was written: a log that is named
// and not there was lost.
func (s *syncedFile) forget(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number < s.durable {
		return
	}
	if s.log == number {
		s.log, s.logEnd = 0, 0
	}
	s.write()
	if s.f != nil {
		s.f.Sync() // a disk that fails here fails where it matters, too
	}
	s.durable = s.log
}

// write writes the other place. If it fails, the file still says what was true before.
func (s *syncedFile) write() {
	if s.f == nil {
		return
	}
	s.count++
	var buf [syncedSize]byte
	s.f.WriteAt(s.ends.append(buf[:0], s.count), int64(1-s.count%2)*syncedSlot)
}

// end makes durable what the file says, and closes it.
func (s *syncedFile) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil {
		return nil
	}
	err := errors.Join(s.f.Sync(), s.f.Close())
	s.f = nil
	return err
}
