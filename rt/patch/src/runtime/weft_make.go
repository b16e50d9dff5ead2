//go:build weft

package runtime

import "unsafe"

// A buffered channel of pointer-free elements is one block without pointers in
// plain Go. It now has one, weftq, so the collector must scan the header, and
// the block needs a type that says so: weftChanType has one for each size class
// up to 4 KiB. Longer channels keep their buffer in a block of its own.

type weftChanN[B any] struct {
	weftChan
	buf B
}

const weftChanSize = unsafe.Sizeof(weftChan{})

// weftMakeHeader allocates a channel without its buffer.
func weftMakeHeader(size int) *hchan {
	if size == 1 {
		return &new(weftChan1).hchan
	}
	return &new(weftChan).hchan
}

// weftMakeChan allocates a channel with a buffer for size elements without
// pointers, of mem bytes in all.
func weftMakeChan(mem uintptr, size int) *hchan {
	var i uintptr
	switch {
	case size == 1:
		c := (*hchan)(mallocgc(unsafe.Sizeof(weftChan1{})+mem, nil, true))
		c.buf = add(unsafe.Pointer(c), unsafe.Sizeof(weftChan1{}))
		return c
	case mem <= 384:
		i = uintptr(weftChanSmall[(mem+7)/8])
	case mem <= 3968:
		i = uintptr(weftChanLarge[(mem+63)/64])
	default:
		c := weftMakeHeader(size)
		c.buf = mallocgc(mem, nil, true)
		return c
	}
	t := (*ptrtype)(unsafe.Pointer(efaceOf(&weftChanTypes[i])._type)).Elem
	c := (*hchan)(mallocgc(t.Size_, t, true))
	c.buf = add(unsafe.Pointer(c), weftChanSize)
	return c
}

// weftChanTypes has a type for each size of buffer with which a channel fills
// its size class (on 64 bits).
var weftChanTypes = [...]any{
	(*weftChanN[[16]byte])(nil),
	(*weftChanN[[32]byte])(nil),
	(*weftChanN[[48]byte])(nil),
	(*weftChanN[[64]byte])(nil),
	(*weftChanN[[80]byte])(nil),
	(*weftChanN[[96]byte])(nil),
	(*weftChanN[[112]byte])(nil),
	(*weftChanN[[128]byte])(nil),
	(*weftChanN[[160]byte])(nil),
	(*weftChanN[[192]byte])(nil),
	(*weftChanN[[224]byte])(nil),
	(*weftChanN[[256]byte])(nil),
	(*weftChanN[[288]byte])(nil),
	(*weftChanN[[320]byte])(nil),
	(*weftChanN[[352]byte])(nil),
	(*weftChanN[[384]byte])(nil),
	(*weftChanN[[448]byte])(nil),
	(*weftChanN[[512]byte])(nil),
	(*weftChanN[[576]byte])(nil),
	(*weftChanN[[640]byte])(nil),
	(*weftChanN[[768]byte])(nil),
	(*weftChanN[[896]byte])(nil),
	(*weftChanN[[1024]byte])(nil),
	(*weftChanN[[1152]byte])(nil),
	(*weftChanN[[1280]byte])(nil),
	(*weftChanN[[1408]byte])(nil),
	(*weftChanN[[1664]byte])(nil),
	(*weftChanN[[1920]byte])(nil),
	(*weftChanN[[2176]byte])(nil),
	(*weftChanN[[2560]byte])(nil),
	(*weftChanN[[2944]byte])(nil),
	(*weftChanN[[3072]byte])(nil),
	(*weftChanN[[3328]byte])(nil),
	(*weftChanN[[3968]byte])(nil),
}

// weftChanSmall maps the size of a buffer in words to the first of weftChanTypes
// that holds it.
var weftChanSmall = [...]uint8{
	0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7,
	7, 8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11,
	11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15,
	15,
}

// weftChanLarge does so for the size in units of 64 bytes.
var weftChanLarge = [...]uint8{
	0, 3, 7, 9, 11, 13, 15, 16, 17, 18, 19, 20, 20, 21, 21, 22,
	22, 23, 23, 24, 24, 25, 25, 26, 26, 26, 26, 27, 27, 27, 27, 28,
	28, 28, 28, 29, 29, 29, 29, 29, 29, 30, 30, 30, 30, 30, 30, 31,
	31, 32, 32, 32, 32, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33,
}
