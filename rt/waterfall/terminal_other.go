//go:build !(linux || darwin)

package waterfall

import "os"

// terminalWidth takes any device for a terminal whose width is not known.
func terminalWidth(f *os.File) (width int, ok bool) {
	info, err := f.Stat()
	return 0, err == nil && info.Mode()&os.ModeCharDevice != 0
}
