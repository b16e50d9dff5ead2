//go:build weft

//weft:when v>=1.57.0 <2.0.0
//weft:tested v1.85.0

// Metadata as it is, which the package itself only gives out as copies.
package metadata

import "context"

// WeftIncoming is the metadata that came with the call that ctx belongs to. It must
// not be changed.
func WeftIncoming(ctx context.Context) MD {
	md, _ := ctx.Value(mdIncomingKey{}).(MD)
	return md
}

// WeftOutgoing says whether a program has any metadata to send with ctx.
func WeftOutgoing(ctx context.Context) bool {
	_, ok := ctx.Value(mdOutgoingKey{}).(rawMD)
	return ok
}
