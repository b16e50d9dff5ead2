package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/klauspost/compress/s2"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
)

// Logs are kept by trace: what one request has of a trace is one value under
//
//	L <trace id 16> <time of the first record 8> <hash of the content 8>
//
// A request that is sent again makes the same keys, so it doubles nothing.
const keyLogs = 'L'

// logsS2 is the first byte of a value: OTLP protobuf (ExportLogsServiceRequest), compressed with S2.
const logsS2 = 1

// maxLogs is how many records of a trace Logs returns.
const maxLogs = 10_000

func logsPrefix(dst []byte, id span.TraceID) []byte { return append(append(dst, keyLogs), id[:]...) }

// putLogs adds log records to a batch. Those that name no trace are left out.
func (s *Store) putLogs(b *pebble.Batch, logs []span.Log) error {
	byTrace := slices.Clone(logs)
	slices.SortStableFunc(byTrace, func(x, y span.Log) int {
		return cmp.Or(bytes.Compare(x.TraceID[:], y.TraceID[:]), cmp.Compare(x.Time, y.Time))
	})
	var raw, key, value []byte
	for len(byTrace) > 0 {
		n := 1
		for n < len(byTrace) && byTrace[n].TraceID == byTrace[0].TraceID {
			n++
		}
		group := byTrace[:n]
		byTrace = byTrace[n:]
		if group[0].TraceID.IsZero() {
			continue
		}
		raw = otlp.AppendLogs(raw[:0], group)
		hash := sha256.Sum256(raw)
		key = logsPrefix(key[:0], group[0].TraceID)
		key = binary.BigEndian.AppendUint64(key, uint64(max(group[0].Time, 0)))
		key = append(key, hash[:8]...)
		if need := 1 + s2.MaxEncodedLen(len(raw)); cap(value) < need {
			value = make([]byte, need)
		}
		value = value[:cap(value)]
		value[0] = logsS2
		if err := b.Set(key, value[:1+len(s2.EncodeBetter(value[1:], raw))], nil); err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends a scan that has found all that it may return.
var errEnough = errors.New("enough")

// Logs returns the log records of a trace by time, nil if there are none. Of
// more than 10,000 it returns as many, among them the earliest of the first partition.
func (s *Store) Logs(ctx context.Context, id span.TraceID) ([]span.Log, error) {
	return s.LogsOf(ctx, id, nil)
}

// LogsOf returns those log records of a trace that are wanted, as Logs does;
// nil: all of them.
func (s *Store) LogsOf(ctx context.Context, id span.TraceID, wanted func(*span.Log) bool) ([]span.Log, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	lower := logsPrefix(nil, id)
	seen := map[string]bool{} // the same request may have come once before and once after a partition's end
	var logs []span.Log
	all := func(*partition) bool { return true }
	err := s.eachPartition(all, func(p *partition, db *pebble.DB) error {
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: successor(lower)})
		if err != nil {
			return err
		}
		defer it.Close()
		for it.First(); it.Valid(); it.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if k := string(it.Key()); seen[k] {
				continue
			} else {
				seen[k] = true
			}
			value, err := it.ValueAndErr()
			var got []span.Log
			if err == nil {
				got, err = decodeLogs(value)
			}
			if err != nil { // the others are worth showing
				s.damaged(&DamageError{"logs of trace " + id.String() + " in partition " + p.path, err})
				continue
			}
			if wanted != nil {
				got = slices.DeleteFunc(got, func(l span.Log) bool { return !wanted(&l) })
			}
			if logs = append(logs, got...); len(logs) >= maxLogs {
				logs = logs[:maxLogs]
				return errEnough
			}
		}
		return it.Error()
	})
	if err != nil && err != errEnough {
		return nil, err
	}
	slices.SortStableFunc(logs, func(a, b span.Log) int { return cmp.Compare(a.Time, b.Time) })
	return logs, nil
}

// decodeLogs reads a value. What it returns has no memory in common with it.
func decodeLogs(value []byte) ([]span.Log, error) {
	if len(value) == 0 || value[0] != logsS2 {
		return nil, fmt.Errorf("logs: unknown format %x", value[:min(len(value), 1)])
	}
	if n, err := s2.DecodedLen(value[1:]); err != nil || n > maxRecord {
		return nil, fmt.Errorf("logs: %d bytes, %w", n, cmp.Or(err, errors.New("more than a request may have")))
	}
	raw, err := s2.Decode(nil, value[1:])
	if err != nil {
		return nil, fmt.Errorf("logs: %w", err)
	}
	var d otlp.Decoder // its own, because the records use its memory
	logs, rejected, reason, err := d.Logs(raw)
	if err == nil && rejected > 0 {
		err = fmt.Errorf("logs: %d records: %s", rejected, reason)
	}
	return logs, err
}
