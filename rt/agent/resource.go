package agent

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// attribute is a key and a string or int64.
type attribute struct {
	key   string
	value any
}

// resource describes this process. What is named later wins: what the binary and the system know, then what was set when it
// was linked, then the environment.
func resource(c *config, e *environment) []attribute {
	var attrs []attribute
	set := func(key string, value any) {
		if value == "" {
			return
		}
		for i := range attrs {
			if attrs[i].key == key {
				attrs[i].value = value
				return
			}
		}
		attrs = append(attrs, attribute{key, value})
	}

	set("service.name", programName())
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "(devel)" {
			set("service.version", v)
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				set("vcs.ref.head.revision", s.Value)
			case "vcs.time":
				set("vcs.time", s.Value)
			case "vcs.modified":
				set("vcs.modified", s.Value)
			}
		}
	}
	set("service.instance.id", newUUID())
	host, _ := os.Hostname()
	set("host.name", host)
	set("process.pid", int64(os.Getpid()))
	set("process.runtime.name", "go")
	set("process.runtime.version", runtime.Version())
	set("telemetry.sdk.name", "weft")
	set("telemetry.sdk.language", "go")
	set("telemetry.sdk.version", version)

	for _, a := range parseAttributes(e, "-X weft/agent.resourceAttributes", resourceAttributes) {
		set(a.key, a.value)
	}
	set("service.version", serviceVersion)
	set("service.name", serviceName)
	for _, a := range c.resource {
		set(a.key, a.value)
	}
	set("service.name", c.serviceName)
	return attrs
}

// serviceOf is the service's name among the attributes of a resource.
func serviceOf(resource []attribute) string {
	for _, a := range resource {
		if a.key == "service.name" {
			s, _ := a.value.(string)
			return s
		}
	}
	return ""
}

// programName is the name of the running binary.
func programName() string {
	path, err := os.Executable()
	if err != nil && len(os.Args) > 0 {
		path = os.Args[0]
	}
	name := strings.TrimSuffix(filepath.Base(path), ".exe")
	if name == "" || name == "." || name == string(filepath.Separator) {
		return "unknown_service:go"
	}
	return name
}

// newUUID is a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
