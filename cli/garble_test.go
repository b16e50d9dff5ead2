package cli

import (
	"slices"
	"testing"
)

func TestSplitGarble(t *testing.T) {
	for _, c := range []struct{ args, own, rest []string }{
		{nil, nil, nil},
		{[]string{"build", "-o", "x"}, nil, []string{"build", "-o", "x"}},
		{[]string{"-tiny", "-seed", "abc", "-debugdir=d", "build", "."}, []string{"-tiny", "-seed", "abc", "-debugdir=d"}, []string{"build", "."}},
		{[]string{"-seed=abc", "--literals", "run", "-seed"}, []string{"-seed=abc", "--literals"}, []string{"run", "-seed"}},
		{[]string{"-seed"}, []string{"-seed"}, nil},
	} {
		own, rest := splitGarble(c.args)
		if !slices.Equal(own, c.own) || !slices.Equal(rest, c.rest) {
			t.Errorf("splitGarble(%q) = %q, %q, want %q, %q", c.args, own, rest, c.own, c.rest)
		}
	}
}
