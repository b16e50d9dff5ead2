//go:build race

package trace

// raceEnabled: the race detector does not know that pinning to a P excludes
// others; shard.raceAcquire and raceRelease tell it.
const raceEnabled = true
