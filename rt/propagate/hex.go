package propagate

// hexDigit is the value of each hexadecimal digit, plus upperCase for those in
// upper case, and notHex for other bytes.
var hexDigit = func() (t [256]byte) {
	for i := range t {
		switch c := byte(i); {
		case '0' <= c && c <= '9':
			t[i] = c - '0'
		case 'a' <= c && c <= 'f':
			t[i] = c - 'a' + 10
		case 'A' <= c && c <= 'F':
			t[i] = c - 'A' + 10 | upperCase
		default:
			t[i] = notHex
		}
	}
	return t
}()

const (
	upperCase = 0x10
	notHex    = 0x80
)

// lowerHex is the value of up to 16 lower-case hexadecimal digits.
func lowerHex(s string) (v uint64, ok bool) {
	bad := byte(0)
	for i := range len(s) {
		d := hexDigit[s[i]]
		bad |= d
		v = v<<4 | uint64(d&15)
	}
	return v, bad&(upperCase|notHex) == 0
}

// anyHex is the value of up to 16 hexadecimal digits.
func anyHex(s string) (v uint64, ok bool) {
	bad := byte(0)
	for i := range len(s) {
		d := hexDigit[s[i]]
		bad |= d
		v = v<<4 | uint64(d&15)
	}
	return v, bad&notHex == 0
}

// hexID is the value of from 1 to 32 hexadecimal digits.
func hexID(s string) (hi, lo uint64, ok bool) {
	if len(s) == 0 || len(s) > 32 {
		return 0, 0, false
	}
	ok = true
	if n := len(s) - 16; n > 0 {
		hi, ok = anyHex(s[:n])
		s = s[n:]
	}
	lo, okLo := anyHex(s)
	return hi, lo, ok && okLo
}

// decimal is the value of a decimal number without a sign.
func decimal(s string) (v uint64, ok bool) {
	if len(s) == 0 || len(s) > 20 {
		return 0, false
	}
	for i := range len(s) {
		d := uint64(s[i]) - '0'
		if d > 9 || v > (1<<64-1-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

// decimal writes x in base 10 and returns the number of digits.
func (v *header) decimal(x uint64) int {
	n := 1
	for y := x; y >= 10; y /= 10 {
		n++
	}
	for i := n - 1; i >= 0; i-- {
		v.text[i] = byte('0' + x%10)
		x /= 10
	}
	return n
}
