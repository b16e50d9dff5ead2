// Package transfer moves spans between a store and files: OTLP as protobuf
// and as JSON lines, from which they come back without a loss, and Parquet for
// DuckDB, pandas and the like. docs/format/transfer.md describes the files.
package transfer

import (
	"compress/gzip"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Format is the format of a file.
type Format string

const (
	OTLP    Format = "otlp"      // ExportTraceServiceRequest messages, each after its length
	JSON    Format = "otlp-json" // the same as JSON, one a line
	Parquet Format = "parquet"   // a table, a row per span
)

// Formats are all formats.
var Formats = []Format{OTLP, JSON, Parquet}

// Suffix returns the suffix of the names of files of the format, with its dot.
func (f Format) Suffix() string {
	switch f {
	case JSON:
		return ".jsonl"
	case Parquet:
		return ".parquet"
	}
	return ".otlp"
}

// ContentType returns the media type of the format.
func (f Format) ContentType() string {
	switch f {
	case JSON:
		return "application/x-ndjson"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "application/octet-stream"
}

// ParseFormat returns the format called name.
func ParseFormat(name string) (Format, error) {
	for _, f := range Formats {
		if string(f) == name {
			return f, nil
		}
	}
	return "", fmt.Errorf("format %q: unknown; use otlp, otlp-json or parquet", name)
}

// FormatOf returns the format that the name of a file asks for.
func FormatOf(name string) (Format, error) {
	plain, packed := strings.CutSuffix(name, ".gz")
	if !packed {
		plain, packed = strings.CutSuffix(name, ".zst")
	}
	switch filepath.Ext(plain) {
	case ".otlp", ".pb", ".binpb":
		return OTLP, nil
	case ".jsonl", ".json", ".ndjson":
		return JSON, nil
	case ".parquet":
		if packed {
			return "", fmt.Errorf("file %s: a Parquet file is compressed inside; leave out the last suffix", name)
		}
		return Parquet, nil
	}
	return "", fmt.Errorf("file %s: the name does not say the format; let it end in .otlp, .jsonl or .parquet (the first two also with .gz or .zst), or give the format", name)
}

// Compress returns a writer that compresses to w as the name of a file asks
// for (.gz, .zst), or does not. Close ends what is compressed; w stays open.
func Compress(name string, w io.Writer) (io.WriteCloser, error) {
	switch filepath.Ext(name) {
	case ".gz":
		return gzip.NewWriter(w), nil
	case ".zst":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	}
	return plain{w}, nil
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// Progress says how far an export or import is.
type Progress struct {
	Spans    int64
	Logs     int64
	Rejected int64  // spans and logs of the file that were not right
	Reason   string // what was wrong with the first of them, and where
	Bytes    int64  // of the file, as far as it is written or read
	Damaged  int64  // of an export: parts of the store that could not be read, and are not in the file; the log names them
}

// counter counts bytes.
type counter struct {
	w io.Writer
	r io.Reader
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
