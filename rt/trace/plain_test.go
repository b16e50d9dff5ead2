//go:build !weft

package trace

const RaceEnabled = raceEnabled

func init() { KeepContexts(true) }
