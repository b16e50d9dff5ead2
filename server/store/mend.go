package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// opening is what a guard needs while its database is opened: Pebble's logs and
// its manifest are checked before Pebble reads them.
type opening struct {
	ends    ends // up to where they were synced when the store was open last
	keep    bool // damaged files, under another name
	damaged func(error)

	entries entries
}

// Open opens a file for reading.
func (g *guard) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	if g.state.Load() == guardOpening && g.opening != nil {
		var f vfs.File
		var err error
		switch kind, number := engineFile(g.FS.PathBase(name)); kind {
		case logFile:
			f, err = g.mended(name, number)
		case manifestFile:
			err = g.checkManifest(name, number)
		}
		if f != nil || err != nil {
			return f, err
		}
	}
	return g.FS.Open(name, o...)
}

// checkManifest returns an error if a manifest is damaged. One that is in use
// ends with what was synced last: a version of the database is in use when its
// record is on the disk, and its record follows those before.
func (g *guard) checkManifest(name string, number uint64) error {
	f, err := g.FS.Open(name, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	defer f.Close()
	s, err := readRecords(f, true, 0, nil)
	if err != nil {
		return err
	}
	end := int64(0)
	if number == g.opening.ends.manifest {
		end = int64(g.opening.ends.manifestEnd)
	}
	if s.end >= end && s.behind == 0 {
		return nil
	}
	return &manifestDamage{fmt.Sprintf("%s, the list of the index's files, is damaged at byte %d of %d", name, s.end, max(end, s.last))}
}

// mended returns what is whole of a log that is damaged, nil if it is not.
func (g *guard) mended(name string, number uint64) (vfs.File, error) {
	o := g.opening
	before := o.entries
	s, err := g.scanLog(name, number, o.entries.count)
	if err != nil || s.whole {
		return nil, err
	}
	synced, newest := s.promised, true
	if number == o.ends.log {
		synced = max(synced, int64(o.ends.logEnd))
	}
	names, err := g.FS.List(g.FS.PathDir(name))
	if err != nil {
		return nil, err
	}
	for _, other := range names {
		if kind, n := engineFile(other); kind == logFile && n > number {
			newest = false // it was closed before the next one was begun
		}
	}
	if newest && s.end >= synced {
		return nil, nil // what comes then may be what a crash left of a write
	}
	var log []byte
	if _, err := g.scanLog(name, number, func(record []byte) { log = appendRecord(log, uint32(number), record) }); err != nil {
		return nil, err
	}
	if left := chunkBlock - len(log)%chunkBlock; left < numberHeader {
		log = append(log, make([]byte, left)...)
	}
	log = append(log, trailer(uint32(number))...)

	kept := ""
	if o.keep {
		kept = name + damagedSuffix
		if _, err := g.FS.Stat(kept); errors.Is(err, fs.ErrNotExist) {
			if err := vfs.LinkOrCopy(g.FS, name, kept); err != nil { // a full disk, perhaps: better read than kept
				kept = ""
			}
		}
	}
	o.damaged(&logDamage{
		path: name, kept: kept, scanned: s, synced: synced, newest: newest,
		missing: o.entries.missing - before.missing, headless: before.next == 0 && s.end == 0,
	})
	return memFile(log)
}

// manifestDamage: the manifest cannot be read to its end.
type manifestDamage struct{ text string }

func (e *manifestDamage) Error() string { return e.text }

func (g *guard) scanLog(name string, number uint64, visit func(record []byte)) (s scanned, err error) {
	f, err := g.FS.Open(name, vfs.SequentialReadsOption)
	if err != nil {
		return s, err
	}
	s, err = readRecords(f, false, number, visit)
	return s, errors.Join(err, f.Close())
}

// memFile is a file in memory.
func memFile(data []byte) (vfs.File, error) {
	mem := vfs.NewMem()
	f, err := mem.Create("file", vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return mem.Open("file")
}

// entries counts the entries of Pebble's logs: their numbers have no gaps.
type entries struct{ next, missing uint64 }

// count counts those of a record: 8 bytes, the number of the first, and 4 bytes, how many there are.
func (e *entries) count(record []byte) {
	if len(record) < 12 {
		return
	}
	first, n := binary.LittleEndian.Uint64(record), uint64(binary.LittleEndian.Uint32(record[8:]))
	if e.next != 0 && first > e.next {
		e.missing += first - e.next
	}
	e.next = max(e.next, first+n)
}

// damagedSuffix ends the names under which damaged files are kept.
const damagedSuffix = ".damaged"

// logDamage says what is wrong with a log of Pebble's.
type logDamage struct {
	path, kept string
	scanned
	synced   int64 // up to where it was written for certain
	newest   bool
	missing  uint64 // entries, by the numbers of those before and behind
	headless bool   // there are none before
}

func (d *logDamage) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the journal's file %s is damaged at byte %d", d.path, d.end)
	if d.synced > 0 {
		fmt.Fprintf(&b, " of %d", d.synced)
	}
	if d.behind > 0 {
		fmt.Fprintf(&b, "; %d whole records behind that were read all the same", d.behind)
	}
	tail := d.synced - d.last // bytes behind the last record, with the 11 of a trailer
	if d.closed >= 0 {
		tail = d.closed - d.last + numberHeader
	}
	var lost []string
	switch {
	case d.missing > 0:
		lost = append(lost, fmt.Sprintf("%d entries (an entry is the spans of a request, or logs or points of it)", d.missing))
	case d.headless && d.behind > 0:
		lost = append(lost, "entries before those")
	}
	switch {
	case tail > numberHeader:
		lost = append(lost, fmt.Sprintf("what was in its last %d bytes", tail))
	case d.closed < 0 && !d.newest && d.synced == 0:
		lost = append(lost, "what came after that, if anything did")
	}
	if lost == nil {
		lost = append(lost, "nothing")
	}
	fmt.Fprintf(&b, "; lost: %s", strings.Join(lost, ", and "))
	if d.kept != "" {
		fmt.Fprintf(&b, "; the file as it was found is %s", d.kept)
	}
	return b.String()
}

// missingLog returns an error if the log that was written last is not there.
func missingLog(f vfs.FS, dir string, e ends) error {
	if e.log == 0 {
		return nil
	}
	path := f.PathJoin(dir, logName(e.log))
	if _, err := f.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("the journal's file %s is gone: what arrived last is lost, up to %d bytes", path, e.logEnd)
}
