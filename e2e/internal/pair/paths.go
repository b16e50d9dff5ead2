package pair

import "testing"

// Paths are where the two binaries are, for tests that run them in ways of their own.
func (p *Program) Paths() (plain, woven string) { return p.plain, p.woven }

// Weft is the path of the weft command under test.
func Weft(t testing.TB) string {
	t.Helper()
	exe, err := weft()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}
