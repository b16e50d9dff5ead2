package api

import (
	"io"
	"strconv"
	"time"

	"github.com/weft-trace/weft/server/transfer"
)

type statsAnswer struct {
	Version     string            `json:"version"`
	UptimeNanos int64             `json:"uptimeNanos"`
	Spans       int64             `json:"spans"` // acknowledged since the start
	Duplicates  int64             `json:"duplicates"`
	RefusedBusy int64             `json:"refusedBusy"`
	RefusedFull int64             `json:"refusedFull"`
	StoredSpans int64             `json:"storedSpans"`
	StoredBytes int64             `json:"storedBytes"`
	MemorySpans int               `json:"memorySpans"`
	MemoryBytes int64             `json:"memoryBytes"`
	OldestUnix  string            `json:"oldestUnixNano,omitempty"`
	NewestUnix  string            `json:"newestUnixNano,omitempty"`
	DiskFull    bool              `json:"diskFull"`
	ReadOnly    bool              `json:"readOnly"`
	Failure     string            `json:"failure,omitempty"`
	Damaged     int64             `json:"damaged"`
	Damages     []string          `json:"damages"`
	Partitions  []partitionAnswer `json:"partitions"`
}

type partitionAnswer struct {
	Name   string `json:"name"`
	Start  string `json:"start"` // RFC 3339, of arrival
	End    string `json:"end"`
	Spans  int64  `json:"spans"`
	Bytes  int64  `json:"bytes"`
	Sealed bool   `json:"sealed"`
	Damage string `json:"damage,omitempty"`
}

// stats answers with the state of the store.
func (a *API) stats(c *call) error {
	if err := c.done(); err != nil {
		return err
	}
	s := a.Store.Stats()
	out := statsAnswer{
		Version: a.Version, UptimeNanos: int64(a.Clock().Sub(a.start)),
		Spans: s.Spans, Duplicates: s.Duplicates, RefusedBusy: s.Busy, RefusedFull: s.Full,
		MemorySpans: s.HeadSpans, MemoryBytes: s.HeadBytes, StoredSpans: int64(s.HeadSpans),
		DiskFull: s.DiskFull, ReadOnly: s.ReadOnly, Damaged: s.Damaged, Damages: s.Damages, Partitions: []partitionAnswer{},
	}
	if out.Damages == nil {
		out.Damages = []string{}
	}
	if s.Failure != nil {
		out.Failure = s.Failure.Error()
	}
	var oldest, newest int64
	for _, p := range s.Partitions {
		out.StoredSpans += p.Spans
		out.StoredBytes += p.Bytes
		if p.Spans > 0 {
			if oldest == 0 || p.MinStart < oldest {
				oldest = p.MinStart
			}
			newest = max(newest, p.MaxStart)
		}
		pa := partitionAnswer{Name: p.Name, Start: p.Start.UTC().Format(time.RFC3339), End: p.End.UTC().Format(time.RFC3339), Spans: p.Spans, Bytes: p.Bytes, Sealed: p.Sealed}
		if p.Damage != nil {
			pa.Damage = p.Damage.Error()
		}
		out.Partitions = append(out.Partitions, pa)
	}
	if oldest != 0 {
		out.OldestUnix, out.NewestUnix = strconv.FormatInt(oldest, 10), strconv.FormatInt(newest, 10)
	}
	return c.json(out)
}

// backup streams the store as it is at this moment, while it goes on.
func (a *API) backup(c *call) error {
	if err := c.done(); err != nil {
		return err
	}
	name := "weft-" + a.Clock().UTC().Format("20060102-150405") + ".tar"
	return c.stream("application/x-tar", name, func(w io.Writer) error { return a.Store.Backup(c.ctx, w) })
}

// export streams the spans of a time range that fulfil a query, as a file.
func (a *API) export(c *call) error {
	sel := transfer.Selection{Query: c.query("q")}
	sel.From, sel.To = c.during()
	names := make([]string, len(transfer.Formats))
	for i, f := range transfer.Formats {
		names[i] = string(f)
	}
	format := transfer.Format(c.choice("format", names...))
	if err := c.done(); err != nil {
		return err
	}
	contentType, ending := "application/octet-stream", ".otlp"
	switch format {
	case transfer.JSON:
		contentType, ending = "application/x-ndjson", ".jsonl"
	case transfer.Parquet:
		contentType, ending = "application/vnd.apache.parquet", ".parquet"
	}
	name := "weft-" + a.Clock().UTC().Format("20060102-150405") + ending
	return c.stream(contentType, name, func(w io.Writer) error {
		_, err := transfer.Export(c.ctx, a.Store, w, format, sel)
		return err
	})
}
