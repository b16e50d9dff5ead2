//go:build linux || darwin

package waterfall

import (
	"os"
	"syscall"
	"unsafe"
)

// terminalWidth asks the system; ok is false if f is not a terminal.
func terminalWidth(f *os.File) (width int, ok bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, false
	}
	var size struct{ rows, columns, x, y uint16 }
	conn.Control(func(fd uintptr) {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
		ok = errno == 0
	})
	return int(size.columns), ok
}
