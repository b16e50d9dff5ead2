//go:build weft && !amd64

package runtime

const weftTSC = false

func weftRDTSC() int64 { return 0 }
