package waterfall

import (
	"os"
	"strconv"
)

// pageWidth is how wide lines are where there is no terminal: in files and in the logs of containers.
const pageWidth = 160

// Terminal says how to draw for f: how wide, and whether in colours. Colours are for terminals, unless NO_COLOR is set or TERM
// is dumb; CLICOLOR_FORCE=1 asks for them anywhere. COLUMNS sets the width where the terminal does not. The variables are
// looked up with getenv.
func Terminal(f *os.File, getenv func(string) string) (width int, color bool) {
	width, terminal := terminalWidth(f)
	if width <= 0 {
		width, _ = strconv.Atoi(getenv("COLUMNS"))
	}
	if width <= 0 {
		width = pageWidth
		if terminal {
			width = 80
		}
	}
	switch {
	case getenv("NO_COLOR") != "":
		return width, false
	case getenv("CLICOLOR_FORCE") != "" && getenv("CLICOLOR_FORCE") != "0":
		return width, true
	}
	return width, terminal && getenv("TERM") != "dumb"
}
