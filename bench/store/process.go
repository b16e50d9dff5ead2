//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weft-trace/weft/bench/internal/toolchain"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ, 100 a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpu is the user and system time that a process has used, all threads, those that ended included.
func cpu(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w; is it running?", pid, err)
	}
	// The second field, the name in parentheses, may hold anything. utime and stime are fields 14 and 15.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields after the name; want 13 at least", pid, len(f))
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat: utime %q, stime %q; want numbers", pid, f[11], f[12])
	}
	return time.Duration(user+system) * tick, nil
}

// rss is the resident memory of a process now and at its greatest, in bytes.
func rss(pid int) (now, peak int64, err error) { return toolchain.Process(pid).RSS() }

// diskUsed is the sum of the blocks that the files below dir occupy: what is preallocated and never written does not count.
func diskUsed(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreGone(err)
		}
		sum += info.Sys().(*syscall.Stat_t).Blocks * 512
		return nil
	})
	return sum, err
}

// ignoreGone forgives that a file went away between being listed and being looked at, as compaction does.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// settle waits until the process has used next to no CPU and its files have not changed in size for three seconds, at most for
// limit; settled is false when that passed first.
func settle(pid int, dir string, limit time.Duration) (settled bool, err error) {
	var lastCPU time.Duration
	var lastDisk int64
	quiet := 0
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		c, err := cpu(pid)
		if err != nil {
			return false, err
		}
		var d int64
		if dir != "" {
			if d, err = diskUsed(dir); err != nil {
				return false, err
			}
		}
		if c-lastCPU <= 2*tick && d == lastDisk {
			if quiet++; quiet == 6 {
				return true, nil
			}
		} else {
			quiet = 0
		}
		lastCPU, lastDisk = c, d
	}
	return false, nil
}
