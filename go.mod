module github.com/weft-trace/weft

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0 // indirect
	go.opentelemetry.io/proto/otlp v1.11.1 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
