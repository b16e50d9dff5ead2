//go:build weft

package trace

const RaceEnabled = raceEnabled
