//go:build !patched

package main

func hooks() {}
