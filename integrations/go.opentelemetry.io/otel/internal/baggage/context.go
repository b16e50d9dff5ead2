//go:build weft

//weft:when v>=1.24.0 <2.0.0

package baggage

import "context"

// WeftHas reports whether ctx says anything about baggage, be it that there is
// none.
func WeftHas(ctx context.Context) bool {
	_, ok := ctx.Value(baggageKey).(baggageState)
	return ok
}
