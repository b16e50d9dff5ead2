package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weft-trace/weft/rt/trace"
)

// env is an environment of these variables, and the warnings it gave.
func env(vars map[string]string) (*environment, *[]string) {
	var warnings []string
	return &environment{get: func(n string) string { return vars[n] }, warn: func(l string) { warnings = append(warnings, l) }}, &warnings
}

func defaults() config {
	return config{
		otlp: true, sampler: trace.ParentBasedAlwaysOn, ratio: 1, endpoint: "http://localhost:4318/v1/traces",
		timeout: 10 * time.Second, delay: time.Second, batchSpans: 8192, batchBytes: 1 << 20, memory: 32 << 20,
	}
}

func TestConfig(t *testing.T) {
	type vars = map[string]string
	for _, c := range []struct {
		name string
		vars vars
		mod  func(*config)
		warn []string // what each warning contains
	}{
		{name: "defaults", vars: vars{"OTEL_TRACES_SAMPLER": " ", "OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_SDK_DISABLED": "false"}},
		{name: "disabled", vars: vars{"OTEL_SDK_DISABLED": "TRUE", "WEFT_DEBUG": "1"}, mod: func(c *config) { c.disabled, c.debug = true, true }},
		{name: "not a bool", vars: vars{"OTEL_SDK_DISABLED": "yes"}, warn: []string{`OTEL_SDK_DISABLED="yes": neither true nor false; taken as false`}},
		{name: "console", vars: vars{"OTEL_TRACES_EXPORTER": "console"}, mod: func(c *config) { c.otlp, c.console, c.explicit = false, true, true }},
		{name: "both", vars: vars{"OTEL_TRACES_EXPORTER": "otlp, console"}, mod: func(c *config) { c.console, c.explicit = true, true }},
		{name: "none", vars: vars{"OTEL_TRACES_EXPORTER": "none"}, mod: func(c *config) { c.otlp, c.explicit = false, true }},
		{name: "zipkin", vars: vars{"OTEL_TRACES_EXPORTER": "zipkin"}, mod: func(c *config) { c.explicit = true }, warn: []string{`OTEL_TRACES_EXPORTER="zipkin": unknown exporter (weft has otlp, console and none); using otlp`}},
		{name: "one of two", vars: vars{"OTEL_TRACES_EXPORTER": "zipkin,console"}, mod: func(c *config) { c.explicit, c.otlp, c.console = true, false, true }, warn: []string{`left out`}},
		{name: "sampler", vars: vars{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
			mod: func(c *config) { c.sampler, c.ratio = trace.ParentBasedTraceIDRatio, 0.25 }},
		{name: "arg without use", vars: vars{"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "x"}, mod: func(c *config) { c.sampler = trace.AlwaysOn }},
		{name: "bad sampler", vars: vars{"OTEL_TRACES_SAMPLER": "sometimes"}, warn: []string{`OTEL_TRACES_SAMPLER="sometimes": unknown sampler; using parentbased_always_on`}},
		{name: "bad ratio", vars: vars{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "NaN"},
			mod: func(c *config) { c.sampler = trace.TraceIDRatio }, warn: []string{`OTEL_TRACES_SAMPLER_ARG="NaN": not a number from 0 to 1; using 1`}},
		{name: "endpoint", vars: vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318/base/"},
			mod: func(c *config) { c.endpoint, c.explicit = "https://collector:4318/base/v1/traces", true }},
		{name: "traces endpoint", vars: vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:2"},
			mod: func(c *config) { c.endpoint, c.explicit = "http://b:2/", true }},
		{name: "traces endpoint with path", vars: vars{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:2/x?y=z"},
			mod: func(c *config) { c.endpoint, c.explicit = "http://b:2/x?y=z", true }},
		{name: "endpoint without scheme", vars: vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, mod: func(c *config) { c.explicit = true },
			warn: []string{`OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318": not a URL such as http://collector:4318; using http://localhost:4318`}},
		{name: "endpoint unix", vars: vars{"OTEL_EXPORTER_OTLP_ENDPOINT": "unix://collector"}, mod: func(c *config) { c.explicit = true }, warn: []string{"neither http nor https"}},
		{name: "grpc", vars: vars{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, mod: func(c *config) { c.explicit = true }, warn: []string{`OTEL_EXPORTER_OTLP_PROTOCOL="grpc": weft speaks http/protobuf only`}},
		{name: "headers", vars: vars{"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x = y=z ,bad,sp ace=1,nl=a%0Ab"},
			mod:  func(c *config) { c.explicit, c.headers = true, []header{{"api-key", "a b"}, {"x", "y=z"}} },
			warn: []string{`"bad": not key=value`, `"sp ace": not a header`, `"nl": not a header`}},
		{name: "gzip", vars: vars{"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1500", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"},
			mod: func(c *config) { c.gzip, c.explicit, c.timeout = true, true, 1500*time.Millisecond }},
		{name: "zstd", vars: vars{"OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"}, mod: func(c *config) { c.explicit = true }, warn: []string{`neither gzip nor none; using none`}},
		{name: "numbers", vars: vars{"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10", "OTEL_BSP_MAX_QUEUE_SIZE": "99", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "50",
			"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "7", "OTEL_ATTRIBUTE_COUNT_LIMIT": "8", "OTEL_SPAN_EVENT_COUNT_LIMIT": "9"},
			mod: func(c *config) {
				c.delay, c.batchSpans, c.queueSpans, c.valueLength, c.attributes, c.events = 100*time.Millisecond, 10, 99, 50, 7, 9
			}},
		{name: "bad numbers", vars: vars{"OTEL_BSP_SCHEDULE_DELAY": "-1", "OTEL_SPAN_EVENT_COUNT_LIMIT": "many", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"},
			warn: []string{`OTEL_SPAN_EVENT_COUNT_LIMIT="many": not a number`, `OTEL_EXPORTER_OTLP_TIMEOUT="10s"`, `OTEL_BSP_SCHEDULE_DELAY="-1": not a number from 0 to 2147483647; using 1000`}},
		{name: "memory", vars: vars{"WEFT_MEMORY_LIMIT": "8MiB"}, mod: func(c *config) { c.memory = 8 << 20 }},
		{name: "memory in bytes", vars: vars{"WEFT_MEMORY_LIMIT": "4000000"}, mod: func(c *config) { c.memory = 4000000 }},
		{name: "little memory", vars: vars{"WEFT_MEMORY_LIMIT": "1KiB"}, mod: func(c *config) { c.memory = 2 << 20 }, warn: []string{"too little"}},
		{name: "bad memory", vars: vars{"WEFT_MEMORY_LIMIT": "99999GiB"}, warn: []string{"not a size"}},
		{name: "resource", vars: vars{"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod,a=b%2Cc,=x"},
			mod: func(c *config) {
				c.serviceName, c.resource = "shop", []attribute{{"deployment.environment.name", "prod"}, {"a", "b,c"}}
			}, warn: []string{`"=x": not key=value`}},
		{name: "files", vars: vars{"OTEL_EXPORTER_OTLP_CERTIFICATE": "ca", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "c", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY": "k"},
			mod: func(c *config) { c.explicit, c.certificate, c.clientCert, c.clientKey = true, "ca", "c", "k" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, warnings := env(c.vars)
			got := readConfig(e)
			want := defaults()
			if c.mod != nil {
				c.mod(&want)
			}
			if d := cmp.Diff(&want, got, cmp.AllowUnexported(config{}, attribute{}, header{}), cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
			if len(*warnings) != len(c.warn) {
				t.Fatalf("warnings %q, want %d", *warnings, len(c.warn))
			}
			for i, w := range c.warn {
				if !strings.Contains((*warnings)[i], w) {
					t.Errorf("warning %q, want %q", (*warnings)[i], w)
				}
			}
		})
	}
}

func TestResource(t *testing.T) {
	get := func(attrs []attribute, key string) any {
		for _, a := range attrs {
			if a.key == key {
				return a.value
			}
		}
		return nil
	}
	e, _ := env(nil)
	c := defaults()
	res := resource(&c, e)
	if got := serviceOf(res); got != "agent.test" {
		t.Errorf("service.name %q, want the binary's", got)
	}
	for _, key := range []string{"service.instance.id", "host.name", "process.pid", "process.runtime.version", "telemetry.sdk.name"} {
		if get(res, key) == nil {
			t.Errorf("no %s", key)
		}
	}
	serviceName, serviceVersion, resourceAttributes = "linked", "1.2.3", "team=a,service.version=0"
	defer func() { serviceName, serviceVersion, resourceAttributes = "", "", "" }()
	res = resource(&c, e)
	if get(res, "service.name") != "linked" || get(res, "service.version") != "1.2.3" || get(res, "team") != "a" {
		t.Errorf("linked: %v", res)
	}
	c.resource = []attribute{{"service.name", "by attribute"}, {"team", "b"}, {"host.name", ""}}
	res = resource(&c, e)
	if serviceOf(res) != "by attribute" || get(res, "team") != "b" {
		t.Errorf("environment: %v", res)
	}
	c.serviceName = "by name"
	if got := serviceOf(resource(&c, e)); got != "by name" {
		t.Errorf("service.name %q", got)
	}
}
