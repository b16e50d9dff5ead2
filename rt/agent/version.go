package agent

// Settable when the program is linked, as in
//
//	weft go build -ldflags "-X weft/agent.serviceName=shop -X weft/agent.serviceVersion=1.2.3"
//
// The environment (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) wins over them, and they win over what the binary knows.
var (
	serviceName        string // service.name
	serviceVersion     string // service.version
	resourceAttributes string // more, in the form of OTEL_RESOURCE_ATTRIBUTES
)

// scopeName and version say who recorded the spans.
const scopeName = "weft"

var version = "0.1.0"
