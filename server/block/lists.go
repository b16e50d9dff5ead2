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

// list is a list of strings as it is stored, of which each can be had without
// the others.
type list struct {
	text string
	ends []uint32 // where the strings, or the patterns, end in text

	// of patterns only
	ids   []uint32                 // pattern of each string
	marks []int                    // numbers of each pattern
	nums  [patternNumbers]numbers  // the first numbers, the second ones, …
	skip  [patternNumbers][]uint32 // by string: its first number in nums[0], …; nil: that of the same index
}

// numbers are integers, which often are all the same.
type numbers struct {
	all  []uint64 // nil: all are
	same uint64
}

func (n *numbers) at(i int) uint64 {
	if n.all == nil {
		return n.same
	}
	return n.all[i]
}

func (r *reader) numbers(n int) numbers {
	if n > 0 && len(r.b) > 0 && r.b[0] == intsConst {
		r.byte()
		return numbers{same: r.uvarint()}
	}
	all := make([]uint64, n)
	readInts(r, all)
	return numbers{all: all}
}

func (l *list) len() int {
	if l.ids != nil {
		return len(l.ids)
	}
	return len(l.ends)
}

// size returns the bytes of memory that the list takes, about.
func (l *list) size() int {
	if l == nil {
		return 0
	}
	n := len(l.text) + 4*len(l.ends) + 4*len(l.ids)
	for k := range l.nums {
		n += 8*len(l.nums[k].all) + 4*len(l.skip[k])
	}
	return n
}

func (l *list) piece(i int) string {
	from := uint32(0)
	if i > 0 {
		from = l.ends[i-1]
	}
	return l.text[from:l.ends[i]]
}

// at returns a string.
func (l *list) at(i int) string {
	if l.ids == nil {
		return l.piece(i)
	}
	if l.marks[l.ids[i]] == 0 {
		return l.piece(int(l.ids[i]))
	}
	b := l.appendTo(make([]byte, 0, 64), i)
	return string(b)
}

func (l *list) appendTo(b []byte, i int) []byte {
	p := l.piece(int(l.ids[i]))
	for k := range l.marks[l.ids[i]] {
		m := strings.IndexByte(p, patternMark)
		b = append(b, p[:m]...)
		j := i
		if l.skip[k] != nil {
			j = int(l.skip[k][i])
		}
		b = appendUint(b, l.nums[k].at(j))
		p = p[m+1:]
	}
	return append(b, p...)
}

// strings returns all of them.
func (l *list) strings() []string {
	out := make([]string, l.len())
	if l.ids == nil {
		from := uint32(0)
		for i, end := range l.ends {
			out[i] = l.text[from:end]
			from = end
		}
		return out
	}
	size := 0
	for i, id := range l.ids {
		size += len(l.piece(int(id)))
		for k := range l.marks[id] {
			j := i
			if l.skip[k] != nil {
				j = int(l.skip[k][i])
			}
			size += digits(l.nums[k].at(j)) - 1
		}
	}
	buf := make([]byte, 0, size)
	for i := range out {
		from := len(buf)
		buf = l.appendTo(buf, i)
		out[i] = unsafe.String(unsafe.SliceData(buf[from:]), len(buf)-from) // buf has room for all: it does not move
	}
	return out
}

// list reads a list of n strings.
func (r *reader) list(n int) *list {
	if n == 0 || r.err != nil {
		return &list{}
	}
	switch m := r.byte(); m {
	case listPlain:
		return r.plain(n)
	case listPatterns:
		return r.patterns(n)
	default:
		r.fail("strings stored in an unknown way, %d", m)
		return &list{}
	}
}

func (r *reader) plain(n int) *list {
	lens := r.integers(n)
	l := &list{ends: make([]uint32, n)}
	total := uint64(0)
	for i, k := range lens {
		if total += k; k > 1<<31-1 || total > 1<<31-1 {
			r.fail("strings of %d bytes and more", total)
			return &list{}
		}
		l.ends[i] = uint32(total)
	}
	blob := r.blob()
	if r.err == nil && uint64(len(blob)) != total {
		r.fail("strings of %d bytes in a text of %d", total, len(blob))
	}
	if r.err != nil {
		return &list{}
	}
	l.text = unsafe.String(unsafe.SliceData(blob), len(blob)) // blob is ours and never written again
	return l
}

func (r *reader) patterns(n int) *list {
	l := r.plain(r.countOf(n))
	l.marks = make([]int, len(l.ends))
	same := true
	for i := range l.ends {
		p := l.piece(i)
		l.marks[i] = strings.Count(p, string(rune(patternMark)))
		if l.marks[i] > patternNumbers || len(p) > patternLength {
			r.fail("a pattern of %d bytes with %d numbers", len(p), l.marks[i])
			return &list{}
		}
		same = same && l.marks[i] == l.marks[0]
	}
	l.ids = r.ids(n, len(l.ends))
	if r.err != nil {
		return &list{}
	}
	for k := range l.nums {
		count := n
		if same {
			if len(l.marks) == 0 || l.marks[0] <= k {
				break
			}
		} else {
			l.skip[k] = make([]uint32, n)
			count = 0
			for i, id := range l.ids {
				l.skip[k][i] = uint32(count)
				if l.marks[id] > k {
					count++
				}
			}
		}
		l.nums[k] = r.numbers(count)
	}
	if r.err != nil {
		return &list{}
	}
	return l
}

// digits returns how many decimal digits a number has.
func digits(v uint64) int {
	n := 1
	for ; v >= 10000; v /= 10000 {
		n += 4
	}
	switch {
	case v >= 1000:
		return n + 3
	case v >= 100:
		return n + 2
	case v >= 10:
		return n + 1
	}
	return n
}

const pairs = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849" +
	"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

// appendUint is strconv.AppendUint(b, v, 10) without its buffer.
func appendUint(b []byte, v uint64) []byte {
	n := digits(v)
	b = slices.Grow(b, n)[:len(b)+n]
	i := len(b)
	for ; v >= 100; v /= 100 {
		i -= 2
		copy(b[i:i+2], pairs[v%100*2:])
	}
	if v >= 10 {
		copy(b[i-2:i], pairs[v*2:])
	} else {
		b[i-1] = byte('0' + v)
	}
	return b
}
