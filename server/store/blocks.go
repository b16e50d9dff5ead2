package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weft-trace/weft/server/block"
)

// The blocks of a segment are in a file of their own beside Pebble's, one after
// the other, each after its length; the segment's header, in Pebble, has their
// sizes, too. They are
// compressed, never change and go only with the whole partition, so there is
// nothing that a log-structured merge tree could do for them but copy them
// from level to level. The file is durable before the header is, so what the
// header names is there; a file without a header is what a crash left of a
// cut, and the cut that follows it writes it anew.

// blocksMagic is what the file begins with.
const blocksMagic = "WEFTBLK1"

func blocksName(seg uint32) string { return fmt.Sprintf("%08x.blocks", seg) }

// blocksWriter writes a segment's file. It gets its name when it is whole: when
// an index is made anew, there is one of that name, and no journal to make it from again.
type blocksWriter struct {
	fs        vfs.FS
	dir, path string
	f         vfs.File
	buf       []byte
}

func createBlocks(fs vfs.FS, dir string, seg uint32) (*blocksWriter, error) {
	path := fs.PathJoin(dir, blocksName(seg))
	f, err := fs.Create(path+".tmp", vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	return &blocksWriter{fs: fs, dir: dir, path: path, f: f, buf: append(make([]byte, 0, 1<<18), blocksMagic...)}, nil
}

// add appends a block, preceded by its length.
func (w *blocksWriter) add(data []byte) error {
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(len(data)))
	w.buf = append(w.buf, data...)
	if len(w.buf) < 1<<18 {
		return nil
	}
	_, err := w.f.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// finish makes the file durable.
func (w *blocksWriter) finish() error {
	_, err := w.f.Write(w.buf)
	if err == nil {
		err = w.f.Sync()
	}
	if err = errors.Join(err, w.f.Close()); err != nil {
		return err
	}
	if err := w.fs.Rename(w.path+".tmp", w.path); err != nil {
		return err
	}
	return syncDir(w.fs, w.dir)
}

// fileAt names a segment's file.
type fileAt struct {
	part *partition
	seg  uint32
}

// blocksFile is a segment's file, open for reading.
type blocksFile struct {
	f       vfs.File
	header  segmentHeader
	offsets []int64
}

// file opens the file of a segment. It stays open as long as the view.
func (v *view) file(pv *partView, seg uint32) (*blocksFile, error) {
	at := fileAt{pv.part, seg}
	if f := v.files[at]; f != nil {
		return f, nil
	}
	var buf [8]byte
	value, closer, err := pv.db.Get(segmentKey(buf[:0], seg))
	if err != nil {
		return nil, err
	}
	header, err := parseHeader(value)
	closer.Close()
	if err != nil {
		return nil, err
	}
	f, err := v.s.o.FS.Open(v.s.o.FS.PathJoin(pv.part.path, blocksName(seg)), vfs.RandomReadsOption)
	if err != nil {
		return nil, err
	}
	b := &blocksFile{f: f, header: header, offsets: make([]int64, len(header.blocks))}
	at0 := int64(len(blocksMagic))
	for i, n := range header.sizes {
		b.offsets[i] = at0 + 4
		at0 += 4 + int64(n)
	}
	if v.files == nil {
		v.files = map[fileAt]*blocksFile{}
	}
	v.files[at] = b
	return b, nil
}

func (f *blocksFile) read(number uint16) ([]byte, error) {
	if int(number) >= len(f.offsets) {
		return nil, fmt.Errorf("no block %d of %d", number, len(f.offsets))
	}
	data := make([]byte, f.header.sizes[number])
	if _, err := f.f.ReadAt(data, f.offsets[number]); err != nil {
		return nil, err
	}
	return data, nil
}

func (v *view) blockName(pv *partView, seg uint32, number uint16) string {
	return fmt.Sprintf("block %d of %s", number, v.s.o.FS.PathJoin(pv.part.path, blocksName(seg)))
}

// block reads a block.
func (v *view) block(pv *partView, seg uint32, number uint16) (*block.Block, error) {
	id := blockID{pv.part.seq, seg, number}
	if b := v.s.blocks.get(id); b != nil {
		return b, nil
	}
	f, err := v.file(pv, seg)
	if err == nil {
		var data []byte
		if data, err = f.read(number); err == nil {
			var b *block.Block
			if b, err = block.Open(data); err == nil {
				v.s.blocks.put(id, b)
				return b, nil
			}
		}
	}
	err = &DamageError{v.blockName(pv, seg, number), err}
	v.s.damaged(err)
	return nil, err
}

// eachBlock reads a whole file without a header, for a segment whose index is lost.
func eachBlock(fs vfs.FS, path string, visit func(b *block.Block) error) error {
	f, err := fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<16)
	var head [len(blocksMagic)]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:]) != blocksMagic {
		return fmt.Errorf("it does not begin with %s", blocksMagic)
	}
	for {
		var n [4]byte
		if _, err := io.ReadFull(r, n[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		size := int64(binary.LittleEndian.Uint32(n[:]))
		data, err := io.ReadAll(io.LimitReader(r, size))
		if err == nil && int64(len(data)) != size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		b, err := block.Open(data)
		if err == nil {
			err = visit(b)
		}
		if err != nil {
			return err
		}
	}
}

// lost returns the segments that have a file but no header, though they are
// not in the journal: their index is lost.
func lost(fs vfs.FS, dir string, known func(seg uint32) bool) (segs []uint32, err error) {
	segs, err = segmentFiles(fs, dir)
	return slices.DeleteFunc(segs, known), err
}

// segmentFiles returns the segments that have a file, in order.
func segmentFiles(fs vfs.FS, dir string) (segs []uint32, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		hex, ok := strings.CutSuffix(name, ".blocks")
		if !ok || len(hex) != 8 {
			continue
		}
		if id, err := strconv.ParseUint(hex, 16, 32); err == nil {
			segs = append(segs, uint32(id))
		}
	}
	slices.Sort(segs)
	return segs, nil
}
