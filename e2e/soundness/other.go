//go:build !unix

package main

import (
	"os"
	"os/exec"
)

func flock(*os.File) error { return nil }

func ownGroup(*exec.Cmd) {}
