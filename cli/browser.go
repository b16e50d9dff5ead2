package cli

import (
	"errors"
	"os/exec"
	"runtime"
	"strings"
)

// browse opens a page in the user's browser: the one that BROWSER names, else
// what the system takes for it. It does not wait until the browser ends.
func browse(page string, getenv func(string) string) error {
	argv, err := browser(runtime.GOOS, getenv, func(name string) bool { _, err := exec.LookPath(name); return err == nil })
	if err != nil {
		return err
	}
	with := false
	for i, a := range argv {
		if strings.Contains(a, "%s") {
			argv[i], with = strings.ReplaceAll(a, "%s", page), true
		}
	}
	if !with {
		argv = append(argv, page)
	}
	c := exec.Command(argv[0], argv[1:]...)
	if err := c.Start(); err != nil {
		return err
	}
	go c.Wait()
	return nil
}

// browser returns the command to open a page with. A part of it may be %s, for
// the page's address; otherwise that follows.
func browser(goos string, getenv func(string) string, have func(string) bool) ([]string, error) {
	first, _, _ := strings.Cut(getenv("BROWSER"), ":") // a list, by convention
	if argv := strings.Fields(first); len(argv) > 0 {
		return argv, nil
	}
	switch goos {
	case "darwin":
		return []string{"open"}, nil
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}, nil
	}
	if have("wslview") {
		return []string{"wslview"}, nil
	}
	// Without a display xdg-open may start a browser in this terminal.
	if (getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "") && have("xdg-open") {
		return []string{"xdg-open"}, nil
	}
	return nil, errors.New("no browser is known here; BROWSER can name one")
}
