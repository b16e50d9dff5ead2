// Package weave turns a build of a Go program into a build of the same program
// that traces itself. It changes no file of the program: it works out what the
// go command would compile, writes edited copies of a few files to a cache of
// its own, and tells the go command by -overlay to read those instead.
//
// # The problem
//
// Tracing wants a few statements at the start and end of a few functions, in
// code that belongs to others: net/http, database/sql, the runtime, a module
// from the module cache. The usual way is to stand between the go command and
// the compiler (-toolexec) and to change what the compiler is given. But then
// the go command no longer knows what is compiled: its dependency graph lacks
// the packages that the changes import, its cache keys lack the changes, and
// whoever stands between has to do its work again, slowly and not quite alike.
//
// An overlay leaves all of that to the go command. It reads other contents for
// some paths, and everything else follows: imports, import cycles, build
// constraints, cgo, the race detector, coverage, cross compilation, the build
// cache, which is keyed by contents and therefore keeps plain and woven objects
// apart.
//
// # What is woven
//
//   - The weft runtime, the packages in rt/, is laid as packages weft/… of the
//     standard library, in directories that no disk has. Being of the standard
//     library, every package can import it in every mode, without a line in
//     go.mod, and it may import what is internal.
//   - The runtime patch (rt/patch) edits package runtime and a few others so that
//     goroutines carry a trace context.
//   - An [Integration] is a folder of Go files that are compiled into the package
//     they are for, and rules, directives in those files, that call their functions
//     where a function of the package begins and ends. See [Rule].
//   - In the user's own packages calls tell the runtime what it cannot see of
//     receives: where a loop ends (loop.go), what is put by for later (collect.go),
//     which channels are for work (mailbox.go).
//   - One file of each program that has something to trace starts the agent.
//
// # Invariants
//
// The source stays byte-identical. Everything is written to the [Cache], in one
// step and under a name made of its contents, so builds may run at once, be
// interrupted, and share.
//
// A line stays the line it was. An edit puts bytes into a line (edit.go); it
// never adds or removes one, and no function gets a frame around it. So stack
// traces, profiles, coverage, debuggers and runtime.Caller show what they show
// for the plain build.
//
// What is woven compiles. Inserted text names nothing that the program could
// have given another meaning: packages come by imports of weft's own under
// names that the file does not use, on the line of the package clause;
// functions, types and variables begin with weft; and no builtin is used. An
// operand's type is compared with the advice's before the call is woven, and
// the calls of loops are placed by rules of the language's grammar alone
// (loop.go). Tests weave every function of the standard library and of real
// modules, and compile what comes out.
//
// Nothing is silent and nothing is fatal. A rule that should match and does
// not, a Go version without a patch, advice that a future net/http does not
// compile with: each is left out, with one line that says so, and "weft
// explain" tells the whole story.
//
// Differences between versions are data: the runtime patch is a table of
// anchors, and a rule carries the range of versions it is for.
//
// # Modules of the module cache
//
// The go command refuses an overlay of files beneath GOMODCACHE. A module from
// there that a rule matches is copied into the cache, each Go file with a line
// directive that keeps its name, and a generated go.mod (or go.work) replaces the
// original (module.go). debug.ReadBuildInfo then shows the replacement. In vendor
// mode the files lie in the main module, and are overlaid like any.
//
// A toolchain that the go command has downloaded lies beneath GOMODCACHE, too.
// Weft reaches it through a likeness of it, made of symbolic links (goroot.go).
// Programs see the toolchain's own GOROOT, in stack traces and otherwise; only "go
// test" and "go generate" tell what they run of the likeness, by GOROOT.
//
// # What the go command must not do
//
// go vet enters the directory of every package, and those of the weft runtime
// are not there. So vet runs on the source as it is, both by itself and as the
// part of go test that it is; that is also what the user wants vetted.
package weave
