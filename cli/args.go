package cli

import (
	"strings"
)

// goArgs is a command line of the go command, taken apart as far as weft has
// to know it.
type goArgs struct {
	sub      string   // the subcommand, "" for none
	chdir    string   // of -C
	flags    []string // the subcommand's flags as given, without -C, -overlay and -modfile
	build    []string // those of flags that "go list" takes, too
	packages []string // packages or files
	rest     []string // what follows the packages: arguments of a program, flags of a test binary

	overlay string
	modfile string
	vet     *string // of go test; nil when not given
	exec    string  // of go run and go test
	cover   bool
	list    bool // go list: -export or -compiled is given
	compile bool // go test -c
}

// What weft knows of the go command's flags: which take a value, so that the
// value is not taken for a package, and which of them go list has, too.
var (
	buildValue = words("p covermode coverpkg asmflags buildmode compiler gccgoflags gcflags installsuffix ldflags mod modfile overlay pgo pkgdir tags toolexec debug-actiongraph debug-runtime-trace debug-trace")
	buildBool  = words("a n v x race msan asan cover work linkshared modcacherw trimpath buildvcs json")
	testValue  = words("run bench benchtime blockprofile blockprofilerate count coverprofile cpu cpuprofile fuzz fuzztime fuzzminimizetime list memprofile memprofilerate mutexprofile mutexprofilefraction outputdir parallel shuffle skip timeout trace vet exec o testlogfile")
	runValue   = words("exec o")
	listValue  = words("f reuse")
	// Flags of go build that change what is listed. The others, such as -v and
	// -n, only change what is done.
	listed = words("covermode coverpkg asmflags buildmode compiler gccgoflags gcflags installsuffix ldflags mod pgo pkgdir tags toolexec race msan asan cover linkshared modcacherw trimpath buildvcs")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// parseGo takes args, the arguments of the go command, apart.
func parseGo(args []string) *goArgs {
	g := &goArgs{}
	if rest, dir, ok := cutChdir(args); ok {
		args, g.chdir = rest, dir
	}
	if len(args) == 0 {
		return g
	}
	g.sub, args = args[0], args[1:]
	if rest, dir, ok := cutChdir(args); ok {
		args, g.chdir = rest, dir
	}
	values := func(name string) bool {
		if buildValue[name] {
			return true
		}
		switch g.sub {
		case "test":
			return testValue[strings.TrimPrefix(name, "test.")]
		case "run", "build", "install":
			return runValue[name]
		case "list":
			return listValue[name]
		}
		return false
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" || !strings.HasPrefix(arg, "-") || arg == "-" {
			if len(g.packages) > 0 {
				g.rest = args[i:]
				return g
			}
			if arg == "--" {
				i++
			}
			i += g.takePackages(args[i:])
			if g.sub != "test" {
				g.rest = args[i:]
				return g
			}
			i--
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if g.sub == "test" && name == "args" {
			g.rest = args[i:]
			return g
		}
		if test := strings.TrimPrefix(name, "test."); g.sub == "test" && !buildValue[name] && !buildBool[name] && !testValue[test] && !testBool[test] {
			// A flag that go test does not know ends its package list: it and
			// what follows are for the test binary.
			g.rest = args[i:]
			return g
		}
		given := []string{arg}
		if !hasValue && values(name) && i+1 < len(args) {
			i++
			value = args[i]
			given = append(given, value)
		}
		switch name {
		case "overlay":
			g.overlay = value
			continue
		case "modfile":
			g.modfile = value
			continue
		case "vet":
			if g.sub == "test" {
				v := value
				g.vet = &v
				continue
			}
		case "cover", "covermode", "coverpkg", "coverprofile", "test.coverprofile":
			g.cover = name != "cover" || value != "false"
		case "export", "compiled":
			g.list = g.list || value != "false"
		case "c":
			g.compile = true
		case "exec":
			g.exec = value
		}
		g.flags = append(g.flags, given...)
		if listed[name] {
			g.build = append(g.build, given...)
		}
	}
	return g
}

var testBool = words("h help c i json short v failfast fullpath benchmem artifacts paniconexit0 n x a work")

// takePackages reads the packages at the start of args and returns how many
// there are. go run has one package, or the files that make one.
func (g *goArgs) takePackages(args []string) int {
	n := 0
	for n < len(args) && !strings.HasPrefix(args[n], "-") {
		if g.sub == "run" && n > 0 && !(strings.HasSuffix(args[n], ".go") && strings.HasSuffix(args[0], ".go")) {
			break
		}
		g.packages = append(g.packages, args[n])
		n++
	}
	return n
}

// cutChdir takes -C dir off the front of args.
func cutChdir(args []string) (rest []string, dir string, ok bool) {
	if len(args) == 0 {
		return args, "", false
	}
	switch arg := args[0]; {
	case (arg == "-C" || arg == "--C") && len(args) > 1:
		return args[2:], args[1], true
	case strings.HasPrefix(arg, "-C="), strings.HasPrefix(arg, "--C="):
		_, dir, _ := strings.Cut(arg, "=")
		return args[1:], dir, true
	}
	return args, "", false
}
