package main

import "testing"

func TestServe(t *testing.T) {
	if got := serve(); got != "200 outer 200 inner 500 sorry\n" {
		t.Errorf("got %q", got)
	}
}
