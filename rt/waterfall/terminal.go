package waterfall

import (
	"os"
	"strconv"
)

// Terminal says how to draw for f: the width and true if it is a terminal that takes colours, else 0 and false. The variables
// NO_COLOR, TERM and COLUMNS are looked up with getenv.
func Terminal(f *os.File, getenv func(string) string) (width int, color bool) {
	width, ok := terminalWidth(f)
	if !ok {
		return 0, false
	}
	if width <= 0 {
		if width, _ = strconv.Atoi(getenv("COLUMNS")); width <= 0 {
			width = 80
		}
	}
	return width, getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}
