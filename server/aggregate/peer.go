package aggregate

import (
	"strings"

	"github.com/weft-trace/weft/server/span"
)

// call is what a span's attributes say about its connection.
type call struct {
	connection Connection
	service    Connection // how it talks if the peer turns out to be a service, which a database is not
	node       Node       // what the peer is, if no span of it arrives
	system     string     // aliases the span
	peer       string     // name of the peer, "" if nothing names it; aliases the span
	port       span.Value // that follows peer, if not Empty
}

// describe finds out how a span's two ends talk, and what the far end is
// called, from the attributes of OpenTelemetry's semantic conventions
// (https://opentelemetry.io/docs/specs/semconv/), the older names that programs
// still send, and those of OpenTracing.
func describe(s *span.Span) (c call) {
	var peer, address, older, host, full, namespace, destination, rpcService string
	var port span.Value
	var http, rpc, messaging, database bool
	for i := range s.Attrs {
		v := &s.Attrs[i].Value
		switch s.Attrs[i].Key {
		case "peer.service", "service.peer.name":
			peer = v.Str
		case "server.address":
			address = v.Str
		case "server.port", "net.peer.port":
			port = *v
		case "net.peer.name", "net.sock.peer.name", "peer.hostname", "peer.address", "network.peer.address", "net.peer.ip":
			if older == "" {
				older = v.Str
			}
		case "http.host":
			host = v.Str
		case "url.full", "http.url":
			full, http = v.Str, true
		case "http.request.method", "http.method", "url.scheme", "http.scheme":
			http = true
		case "rpc.system.name", "rpc.system":
			rpc, c.system = true, v.Str
		case "rpc.service":
			rpc, rpcService = true, v.Str
		case "db.system.name", "db.system", "db.type":
			database, c.system = true, v.Str
		case "db.namespace", "db.name", "db.instance":
			namespace = v.Str
		case "messaging.system":
			messaging, c.system = true, v.Str
		case "messaging.destination.name", "messaging.destination", "message_bus.destination":
			destination = v.Str
		}
	}
	switch {
	case messaging || s.Kind == span.KindProducer || s.Kind == span.KindConsumer:
		c.connection, c.node = Messaging, QueueNode
	case rpc:
		c.connection, c.node = RPC, ExternalNode
	case http:
		c.connection, c.node = HTTP, ExternalNode
	default:
		c.connection, c.node = Unknown, ExternalNode
	}
	c.service = c.connection
	if database && c.connection != Messaging {
		c.connection, c.node = Database, DatabaseNode
	}
	if peer != "" {
		c.peer = peer
		return c
	}
	if address == "" {
		address = older
	}
	switch c.node {
	case DatabaseNode:
		c.peer = first(namespace, address, c.system)
	case QueueNode:
		c.peer = first(destination, address, c.system)
	default:
		if address == "" {
			c.peer = first(host, authority(full), rpcService)
			return c
		}
		c.peer = address
		if !usual(port) && strings.IndexByte(address, ':') < 0 {
			c.port = port
		}
	}
	return c
}

func first(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}

// usual reports whether a port says nothing: there is none, or it is that of
// http or https.
func usual(port span.Value) bool {
	switch port.Type {
	case span.Int:
		return port.Num == 80 || port.Num == 443
	case span.String:
		return port.Str == "" || port.Str == "80" || port.Str == "443"
	}
	return true
}

// authority returns the host, with its port, of a URL, "" if it has none.
func authority(full string) string {
	_, rest, ok := strings.Cut(full, "://")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return rest[strings.LastIndexByte(rest, '@')+1:] // without a name and a password
}
