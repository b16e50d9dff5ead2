package store

import (
	"math"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/weft-trace/weft/server/span"
)

// A Token stands for something that a span can have: an attribute, a value of
// an attribute, a name. The store keeps for each one the blocks in which it
// occurs. Tokens are hashes, so two things may share one: a block with the
// token may hold what is looked for, a block without it does not.
//
// Attributes of the span, its resource and its scope share one namespace;
// those of its events are called "event.<key>", and the events' names are
// values of "event".
type Token struct {
	value uint32 // the hash that is looked up
	key   uint32 // that of the key's own token, for segments in which the key had too many values to index
}

// What keeps the kinds of tokens apart. No attribute key starts with such a
// byte in practice, and if one did, a block too many would be read.
const (
	tokenValue = "\x01"
	tokenKey   = "\x02"
	tokenName  = "\x03"
)

// KeyToken is the token of a span that has the attribute, whatever its value.
func KeyToken(key string) Token {
	h := hashKey(key)
	return Token{h, h}
}

// NameToken is the token of a span's name.
func NameToken(name string) Token { return Token{newHasher(tokenName, "").text(name), hashNames()} }

// ServiceToken is the token of a span of the service.
func ServiceToken(name string) Token { return ValueToken("service.name", span.StringValue(name)) }

// ValueToken is the token of an attribute with that value. The type does not
// count: 500, 500.0 and "500" share a token. An array has the tokens of its
// elements, so there is none of the array itself; nor is there one of a map.
func ValueToken(key string, v span.Value) Token {
	var buf [32]byte
	return Token{newHasher(tokenValue, key).bytes(appendCanonical(buf[:0], v)), hashKey(key)}
}

func hashKey(key string) uint32 { return newHasher(tokenKey, key).text("") }
func hashNames() uint32         { return newHasher(tokenName, "").text("") }

// appendCanonical appends the text of a scalar value in the form in which it is hashed.
func appendCanonical(b []byte, v span.Value) []byte {
	switch v.Type {
	case span.String:
		return append(b, v.Str...)
	case span.Int:
		return strconv.AppendInt(b, v.Int(), 10)
	case span.Float:
		f := v.Float()
		if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
			return strconv.AppendInt(b, int64(f), 10)
		}
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	}
	return append(b, v.Text()...)
}

// hasher makes the tokens of one key's values.
type hasher struct{ seed uint64 }

func newHasher(kind, key string) hasher {
	var d xxhash.Digest
	d.Reset()
	d.WriteString(kind)
	d.WriteString(key)
	return hasher{d.Sum64()}
}

// mix folds a hash of a value into the key's. The multiplier is 2^64 divided
// by the golden ratio, which spreads what differs in few bits.
func (h hasher) mix(v uint64) uint32 { return uint32((v ^ h.seed) * 0x9e3779b97f4a7c15 >> 32) }

func (h hasher) text(value string) uint32  { return h.mix(xxhash.Sum64String(value)) }
func (h hasher) bytes(value []byte) uint32 { return h.mix(xxhash.Sum64(value)) }

// tokenBucket is the part of a token's hash that its key in the index holds.
func tokenBucket(t uint32) byte { return byte(t >> 24) }

// tokenRest is the part of a token's hash that its entry in the index holds.
// The lowest byte is dropped: a segment has some hundred tokens to a bucket,
// so one in a few hundred searches reads a block for nothing, and each token
// takes one byte less.
func tokenRest(t uint32) uint16 { return uint16(t >> 8) }

// opHash names an operation in the postings: the service in the upper half,
// the operation's name in the lower one.
type opHash uint64

func hashService(service string) uint32 { return uint32(xxhash.Sum64String(service) >> 32) }

func hashOperation(service uint32, name string) opHash {
	return opHash(uint64(service)<<32 | xxhash.Sum64String(name)>>32)
}

func (h opHash) serviceBucket() byte   { return byte(h >> 56) }
func (h opHash) operationBucket() byte { return byte(h >> 24) }

// rest is what an entry of the postings holds of the hash: the two middle
// bytes of each half.
func (h opHash) rest() uint32 { return uint32(h>>40)&0xffff<<16 | uint32(h>>8)&0xffff }
