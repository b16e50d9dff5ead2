package block

import (
	"encoding/binary"
	"slices"
	"strings"
	"unsafe"
)

// A list of strings is stored in one of two ways; how many there are is known
// from elsewhere.
const (
	listPlain    = 0 // their lengths, as integers, and a blob of all of them
	listPatterns = 1 // the numbers in them apart from the text around: see patterns
)

// What patterns are limited to.
const (
	patternNumbers = 4   // numbers of a string that are stored apart; later ones are text
	patternLength  = 256 // bytes of a string; longer ones make the whole list plain
	patternMark    = 0   // stands for a number; a string with this byte makes the whole list plain
	patternDigits  = 18  // digits of a number, so that it is below 2^63
)

// list appends a list of strings.
func (e *encoder) list(dst []byte, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	if len(list) >= 64 && e.patterns(list) {
		dst = append(dst, listPatterns)
		dst = binary.AppendUvarint(dst, uint64(len(e.pats.list)))
		dst = e.plain(dst, e.pats.list)
		dst = e.ids(dst, e.patIDs, len(e.pats.list))
		for _, nums := range e.patNums {
			dst = e.ints(dst, nums)
		}
		return dst
	}
	return e.plain(append(dst, listPlain), list)
}

func (e *encoder) plain(dst []byte, list []string) []byte {
	e.lens = e.lens[:0]
	e.text = e.text[:0]
	for _, s := range list {
		e.lens = append(e.lens, uint64(len(s)))
		e.text = append(e.text, s...)
	}
	dst = e.ints(dst, e.lens)
	return e.blob(dst, e.text)
}

// patterns splits strings such as /cart/4711/items into a pattern and a
// number, and reports whether that leaves much fewer patterns than strings.
func (e *encoder) patterns(list []string) bool {
	e.pats.reset()
	e.patArena.buf = e.patArena.buf[:0]
	e.patIDs = e.patIDs[:0]
	for i := range e.patNums {
		e.patNums[i] = e.patNums[i][:0]
	}
	for i, s := range list {
		if len(s) > patternLength {
			return false
		}
		e.text = e.text[:0]
		n := 0
		for k := 0; k < len(s); {
			c := s[k]
			if c == patternMark {
				return false
			}
			if c < '0' || c > '9' || n == patternNumbers {
				e.text = append(e.text, c)
				k++
				continue
			}
			from, v := k, uint64(0)
			for k < len(s) && s[k] >= '0' && s[k] <= '9' {
				v = v*10 + uint64(s[k]-'0')
				k++
			}
			if k-from > patternDigits || c == '0' && k-from > 1 {
				e.text = append(e.text, s[from:k]...)
				continue
			}
			e.text = append(e.text, patternMark)
			e.patNums[n] = append(e.patNums[n], v)
			n++
		}
		e.patIDs = append(e.patIDs, e.pats.intern(&e.patArena, unsafe.String(unsafe.SliceData(e.text), len(e.text))))
		if i == 63 && len(e.pats.list) > 32 || len(e.pats.list) > len(list)/4 {
			return false
		}
	}
	return true
}

// list reads a list of n strings.
func (r *reader) list(n int) []string {
	if n == 0 || r.err != nil {
		return nil
	}
	switch m := r.byte(); m {
	case listPlain:
		return r.plain(n)
	case listPatterns:
		return r.patterns(n)
	default:
		r.fail("strings stored in an unknown way, %d", m)
		return nil
	}
}

func (r *reader) plain(n int) []string {
	lens := make([]uint64, n)
	r.ints(lens)
	blob := r.blob()
	if r.err != nil {
		return nil
	}
	text := unsafe.String(unsafe.SliceData(blob), len(blob)) // blob is ours and never written again
	list := make([]string, n)
	for i, l := range lens {
		if l > uint64(len(text)) {
			r.fail("string %d of %d ends beyond the text", i, n)
			return nil
		}
		list[i], text = text[:l], text[l:]
	}
	if text != "" {
		r.fail("%d bytes of text after the last string", len(text))
		return nil
	}
	return list
}

func (r *reader) patterns(n int) []string {
	pats := r.plain(r.countOf(n))
	ids := r.ids(n, len(pats))
	if r.err != nil {
		return nil
	}
	marks := make([]int, len(pats))
	for i, p := range pats {
		if marks[i] = strings.Count(p, string(rune(patternMark))); marks[i] > patternNumbers || len(p) > patternLength {
			r.fail("a pattern of %d bytes with %d numbers", len(p), marks[i])
			return nil
		}
	}
	var count [patternNumbers]int
	for _, id := range ids {
		for k := range marks[id] {
			count[k]++
		}
	}
	var nums [patternNumbers][]uint64
	for k := range nums {
		nums[k] = make([]uint64, count[k])
		r.ints(nums[k])
	}
	if r.err != nil {
		return nil
	}
	size := 0
	for i, id := range ids {
		_ = i
		size += len(pats[id])
	}
	for k := range nums {
		for _, v := range nums[k] {
			size += digits(v) - 1
		}
	}
	buf := make([]byte, 0, size)
	list := make([]string, n)
	for i, id := range ids {
		from, p := len(buf), pats[id]
		for k := 0; ; k++ {
			m := strings.IndexByte(p, patternMark)
			if m < 0 {
				break
			}
			buf = append(buf, p[:m]...)
			buf = appendUint(buf, nums[k][0])
			nums[k], p = nums[k][1:], p[m+1:]
		}
		buf = append(buf, p...)
		list[i] = unsafe.String(unsafe.SliceData(buf[from:]), len(buf)-from)
	}
	return list
}

func digits(v uint64) int {
	n := 1
	for ; v >= 10; v /= 10 {
		n++
	}
	return n
}

// appendUint is strconv.AppendUint(b, v, 10).
func appendUint(b []byte, v uint64) []byte {
	n := digits(v)
	b = slices.Grow(b, n)[:len(b)+n]
	for i := len(b) - 1; n > 0; n-- {
		b[i] = byte('0' + v%10)
		v /= 10
		i--
	}
	return b
}
