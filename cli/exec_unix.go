//go:build unix

package cli

import "syscall"

// replaceProcess becomes the program.
func replaceProcess(path string, args, env []string) error {
	return syscall.Exec(path, args, env)
}
