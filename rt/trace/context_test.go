package trace

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestHex(t *testing.T) {
	for i := range 1000 {
		v := rand.Uint64() >> (i % 64)
		if got, want := string(AppendHex(nil, v)), fmt.Sprintf("%016x", v); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	if got := (ID{1, 0xabcdef}).String(); got != "00000000000000010000000000abcdef" {
		t.Error(got)
	}
}
