//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-trace/weft/bench/client"
	"github.com/weft-trace/weft/bench/workload"
)

// sent is what came of sending a workload.
type sent struct {
	acknowledged int64 // spans
	rejected     int64 // spans, by partial success
	lost         int64 // spans of requests that were refused for good
	retries      int64 // requests sent again because the backend was busy
	bytes        int64 // of requests, before compression
	wall         time.Duration
	why          string // of the first request that was refused
}

// send sends the whole workload over o.connections connections, as fast as the backend takes it, and collects the answers.
func send(b *backend, w workload.Workload, o options, answers *workload.Answers) (sent, error) {
	c, err := b.connect(o)
	if err != nil {
		return sent{}, err
	}
	defer c.Close()

	type request struct {
		body  []byte
		spans int64
	}
	// One goroutine makes the requests, several times faster than any backend takes them; buffers go round.
	requests := make(chan request, 2*o.connections)
	free := make(chan []byte, 4*o.connections)
	for range cap(free) {
		free <- nil
	}
	var acknowledged, rejected, lost, retries, size atomic.Int64
	var why sync.Once
	var out sent
	start := time.Now()
	var wg sync.WaitGroup
	for range o.connections {
		wg.Go(func() {
			for r := range requests {
				size.Add(int64(len(r.body)))
				n, again, err := c.ExportPatiently(context.Background(), r.body)
				retries.Add(again)
				if err != nil {
					lost.Add(r.spans)
					why.Do(func() { out.why = err.Error() })
				} else {
					rejected.Add(n)
					acknowledged.Add(r.spans - n)
				}
				free <- r.body
			}
		})
	}
	g := workload.New(w)
	for at := int64(0); at < w.Traces; at += int64(o.perRequest) {
		to := min(at+int64(o.perRequest), w.Traces)
		requests <- request{g.AppendRequest((<-free)[:0], at, to, answers), (to - at) * workload.SpansPerTrace}
	}
	close(requests)
	wg.Wait()
	out.wall = time.Since(start)
	out.acknowledged, out.rejected, out.lost = acknowledged.Load(), rejected.Load(), lost.Load()
	out.retries, out.bytes = retries.Load(), size.Load()
	return out, nil
}

// connect returns a client for what o says.
func (b *backend) connect(o options) (*client.Client, error) {
	co := client.Options{Connections: o.connections, Gzip: o.gzip}
	switch {
	case o.protocol == "grpc" && b.grpc != "":
		return client.GRPC(b.grpc, co)
	case o.protocol == "http" && b.http != "":
		return client.HTTP(b.http, co), nil
	}
	return nil, fmt.Errorf("no address for -protocol %s is known", o.protocol)
}
