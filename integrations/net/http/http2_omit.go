//go:build weft && nethttpomithttp2

package http

func weftResponse2(ResponseWriter) (status int, size int64, known bool) { return 0, 0, false }
