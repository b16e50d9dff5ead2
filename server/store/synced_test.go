package store

import (
	"bytes"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestSyncedFile reads what it wrote, bytes and all, and whatever happens to one of its two places, the other one counts.
func TestSyncedFile(t *testing.T) {
	mem := vfs.NewMem()
	if err := mem.MkdirAll("p", 0o755); err != nil {
		t.Fatal(err)
	}
	if e, err := readSynced(mem, "p"); err != nil || e != (ends{}) {
		t.Errorf("without a file: %+v, %v", e, err)
	}
	var s syncedFile
	s.note(logFile, 2, 28)
	if err := s.begin(mem, "p"); err != nil {
		t.Fatal(err)
	}
	s.note(logFile, 4, 1000)
	s.note(manifestFile, 1, 500)
	s.note(logFile, 4, 2000)
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	b, err := readFile(mem, "p/"+syncedName)
	if err != nil || len(b) != 2*syncedSlot {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	const golden = "5745465453594e31" + "0000000000000004" + "0000000000000004" + "00000000000007d0" + "0000000000000001" + "00000000000001f4"
	if got := hex.EncodeToString(b[syncedSlot:]); got[:len(golden)] != golden {
		t.Errorf("the newest place is\n%s\nwant\n%s", got[:2*syncedSize], golden)
	}
	for _, test := range []struct {
		name string
		bad  []int // bytes
		want ends
		fail bool
	}{
		{"whole", nil, ends{4, 2000, 1, 500}, false},
		{"the newest place", []int{syncedSlot + 30}, ends{4, 1000, 1, 500}, false},
		{"the older place", []int{30}, ends{4, 2000, 1, 500}, false},
		{"both", []int{3, syncedSlot + 50}, ends{}, true},
	} {
		bad := slices.Clone(b)
		for _, at := range test.bad {
			bad[at] ^= 16
		}
		overwrite(t, mem, "p/"+syncedName, bad)
		if e, err := readSynced(mem, "p"); e != test.want || (err != nil) != test.fail {
			t.Errorf("%s: %+v, %v; want %+v", test.name, e, err, test.want)
		}
	}
}

// TestRecords compares how a log is read and written here with how Pebble does it, with records of all lengths, whole and damaged.
func TestRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range rounds(200) {
		var want [][]byte
		var ours []byte
		var theirs bytes.Buffer
		w := record.NewLogWriter(&theirs, 7, record.LogWriterConfig{WriteWALSyncOffsets: func() bool { return r.IntN(2) == 0 }})
		for range r.IntN(40) {
			b := make([]byte, r.IntN(1+r.IntN(3*chunkBlock)))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			want = append(want, b)
			ours = appendRecord(ours, 7, b)
			if _, err := w.WriteRecord(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if left := chunkBlock - len(ours)%chunkBlock; left < numberHeader {
			ours = append(ours, make([]byte, left)...)
		}
		ours = append(ours, trailer(7)...)
		for name, log := range map[string][]byte{"ours": ours, "theirs": theirs.Bytes()} {
			i := 0
			s, err := readRecords(bytes.NewReader(log), false, 7, func(b []byte) {
				if i < len(want) && !bytes.Equal(b, want[i]) {
					t.Fatalf("%s: record %d is another one", name, i)
				}
				i++
			})
			if err != nil || !s.whole || i != len(want) || s.end != int64(len(log)-numberHeader) {
				t.Fatalf("%s: %+v, %v; %d records of %d", name, s, err, i, len(want))
			}
			p := record.NewReader(bytes.NewReader(log), 7)
			for i := range want {
				rec, err := p.Next()
				if err != nil {
					t.Fatalf("%s: record %d of %d: Pebble: %v", name, i, len(want), err)
				}
				if b, err := io.ReadAll(rec); err != nil || !bytes.Equal(b, want[i]) {
					t.Fatalf("%s: record %d: Pebble reads another one: %v", name, i, err)
				}
			}
			if _, err := p.Next(); err != io.EOF {
				t.Fatalf("%s: at the end: Pebble: %v", name, err)
			}
			// A flip costs records, and never makes one that was not there.
			bad := slices.Clone(log)
			at := r.IntN(len(bad))
			bad[at] ^= 1 << r.IntN(8)
			left := want
			s, err = readRecords(bytes.NewReader(bad), false, 7, func(b []byte) {
				k := slices.IndexFunc(left, func(w []byte) bool { return bytes.Equal(w, b) })
				if k < 0 {
					t.Fatalf("%s: a record that was not there", name)
				}
				left = left[k+1:]
			})
			if err != nil || s.whole && !padded(log, at) || s.end > int64(at) && !s.whole {
				t.Fatalf("%s: a flip at %d of %d: %+v, %v", name, at, len(log), s, err)
			}
		}
	}
}

// TestRebuildCrash loses the power while a partition is made anew.
func TestRebuildCrash(t *testing.T) {
	mem := vfs.NewCrashableMem()
	_, w := fill(t, mem, 12, 30_000)
	whole := clone(mem)
	dir, manifests := engineFiles(t, whole, manifestFile)
	r := rand.New(rand.NewPCG(3, 4))
	early, late, most := 0, 0, int64(0)
	for range rounds(60) {
		fs := clone(whole)
		for _, m := range manifests {
			overwrite(t, fs, m, content(t, whole, m)[:50])
		}
		fs = clone(fs) // so that a crash does not bring back what was there before
		var crashed *vfs.MemFS
		var writes atomic.Int64
		at, cfg := int64(1+r.IntN(400)), vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r}
		o := w.o
		o.FS = newFaultFS(fs, func(errorfs.Op) bool {
			if writes.Add(1) == at {
				crashed = fs.CrashClone(cfg)
			}
			return false
		})
		o.FS.(*faultFS).set(io.EOF) // which no operation returns, but it asks for each
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		most = max(most, writes.Load())
		if crashed == nil {
			continue
		}
		if _, err := crashed.Stat(dir + salvagedSuffix); err != nil {
			early++
		} else {
			late++
		}
		if a := w.reopen(t, crashed); a.missing() != 0 {
			t.Errorf("%+v", a)
		}
		if _, err := crashed.Stat(dir + salvagedSuffix); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d crashes before it was made anew, %d later, at one of %d writes", early, late, most)
	if !testing.Short() && (early == 0 || late == 0) {
		t.Error("too few to prove anything")
	}
}

// TestSealedFile flips every bit of the summary of a sealed partition.
func TestSealedFile(t *testing.T) {
	m := summary{Spans: 12, Bytes: 34567, MinStart: genBase, MaxStart: genBase + 5, Sealed: genBase + 7}
	b, err := m.append(nil)
	if err != nil {
		t.Fatal(err)
	}
	var got summary
	if err := got.parse(b); err != nil || got != m {
		t.Errorf("%+v, %v; want %+v", got, err, m)
	}
	old, _, _ := bytes.Cut(b, []byte{'\n'})
	if got = (summary{}); got.parse(append(old, '\n')) != nil || got != m {
		t.Errorf("without a checksum: %+v", got)
	}
	for i := range 8 * len(b) {
		bad := slices.Clone(b)
		bad[i/8] ^= 1 << (i % 8)
		if got = (summary{}); got.parse(bad) == nil {
			t.Errorf("bit %d of byte %d: %q is taken for %+v", i%8, i/8, bad, got)
		}
	}
}
