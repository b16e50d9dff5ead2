package cli

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/weft-trace/weft/weave"
)

var explainCommand = &command{
	name:  "explain",
	usage: "[build flags] [packages]",
	short: "list every rule: woven where, or why not",
	long: `Explain lists what weft does to a build of the packages (the one in the current
directory by default): each rule of each integration and of the hooks in
weft.yaml, with the place where it is woven, or the reason why it is not: the
package is not in the build, another version, another shape of the function.
It also lists the files that are edited for other reasons.

A package that is named as the target of a rule, such as net/http, shows the
rules for that package alone.
`,
	run: runExplain,
}

func runExplain(inv *invocation) (int, error) {
	res, cfg, err := inv.inspect()
	if err != nil {
		return 1, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s, %s/%s\n", res.Toolchain.GOVERSION, res.Toolchain.GOOS, res.Toolchain.GOARCH)
	only := onlyTargets(res, inv.args)
	target := ""
	tw := tabwriter.NewWriter(&out, 0, 8, 2, ' ', 0)
	for _, pt := range res.Points {
		if only != nil && !only[pt.Target] {
			continue
		}
		if pt.Target != target {
			tw.Flush()
			target = pt.Target
			fmt.Fprintf(&out, "\n%s", target)
			if !pt.Used && len(pt.Woven) > 0 {
				fmt.Fprint(&out, " (woven in any case, the program does not use it)")
			}
			fmt.Fprintln(&out)
		}
		fate := "not woven: " + pt.Why
		if len(pt.Woven) > 0 {
			for i, w := range pt.Woven {
				pt.Woven[i] = shortPath(res, cfg, w)
			}
			fate = "woven: " + strings.Join(pt.Woven, ", ")
		}
		fmt.Fprintf(tw, "\t%s\t%s\t%s\t%s\n", pt.Rule.Kind, pt.Rule.Point, pt.Rule.Advice, fate)
	}
	tw.Flush()
	if only == nil {
		fmt.Fprint(&out, "\nfiles\n")
		counts := map[string]int{}
		for _, f := range res.Files {
			if f.Old != nil {
				fmt.Fprintf(tw, "\t%s\t%s\n", shortPath(res, cfg, f.Path), f.Why)
			} else {
				counts[f.Why]++
			}
		}
		tw.Flush()
		for _, why := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&out, "  and %d added by %s\n", counts[why], why)
		}
	}
	_, err = inv.stdout.Write(out.Bytes())
	return 0, err
}

// onlyTargets returns the rule targets that args name, nil for none.
func onlyTargets(res *weave.Result, args []string) map[string]bool {
	var only map[string]bool
	for _, pt := range res.Points {
		for _, a := range args {
			if a == pt.Target {
				if only == nil {
					only = map[string]bool{}
				}
				only[a] = true
			}
		}
	}
	return only
}
