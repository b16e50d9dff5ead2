package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/span"
)

// Operation is something that a service does: the name and kind of its spans.
type Operation struct {
	Name string
	Kind span.Kind
}

// maxName is the greatest length in bytes of a name that the dictionary keeps.
const maxName = 1024

// addOperations puts the operations that the partition's dictionary does not
// have into it. The dictionary is bounded: beyond maxDictKeys operations a
// partition's names are still found by searches, but not listed.
func (s *Store) addOperations(p *partition, db *pebble.DB, ops map[operation]struct{}, set func(k, v []byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.ops == nil {
		p.ops = map[operation]bool{}
		err := eachOperation(db, nil, func(op operation) { p.ops[op] = true })
		if err != nil {
			p.ops = nil
			return err
		}
	}
	var key []byte
	for op := range ops {
		if p.ops[op] || len(op.service) > maxName || len(op.name) > maxName {
			continue
		}
		if len(p.ops) >= maxDictKeys {
			s.counters.unlisted.Add(1)
			continue
		}
		p.ops[op] = true
		key = operationKey(key[:0], op.service, op.kind, op.name)
		if err := set(key, nil); err != nil {
			return err
		}
	}
	return nil
}

// eachOperation calls yield with the dictionary's operations whose keys start with prefix.
func eachOperation(db pebble.Reader, prefix []byte, yield func(operation)) error {
	lower := append([]byte{keyOperation}, prefix...)
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: successor(lower)})
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		k := it.Key()[1:]
		i := bytes.IndexByte(k, 0)
		if i < 0 || i+1 >= len(k) {
			continue
		}
		yield(operation{serviceUnescaper.Replace(string(k[:i])), string(k[i+2:]), span.Kind(k[i+1])})
	}
	return it.Close()
}

// Services returns the names of the services, sorted, of which spans arrived
// in the partitions that have spans between from and to, in nanoseconds since
// the Unix epoch.
func (s *Store) Services(ctx context.Context, from, to int64) ([]string, error) {
	set := map[string]bool{}
	err := s.eachOperation(ctx, from, to, nil, func(op operation) { set[op.service] = true })
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(set))
	for n := range set {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, nil
}

// Operations returns the operations of a service, sorted by name and kind, in
// the same sense as Services.
func (s *Store) Operations(ctx context.Context, service string, from, to int64) ([]Operation, error) {
	set := map[Operation]bool{}
	err := s.eachOperation(ctx, from, to, append([]byte(escapeService(service)), 0), func(op operation) {
		if op.service == service {
			set[Operation{op.name, op.kind}] = true
		}
	})
	if err != nil {
		return nil, err
	}
	ops := make([]Operation, 0, len(set))
	for op := range set {
		ops = append(ops, op)
	}
	slices.SortFunc(ops, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return ops, nil
}

func (s *Store) eachOperation(ctx context.Context, from, to int64, prefix []byte, yield func(operation)) error {
	if s.closed.Load() {
		return ErrClosed
	}
	v := s.view(from, to)
	defer v.close()
	for _, h := range v.heads {
		if err := headOperations(h, from, to, yield); err != nil {
			return err
		}
	}
	for i := range v.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := eachOperation(v.parts[i].db, prefix, yield); err != nil {
			s.damaged(&DamageError{"the dictionary of partition " + v.parts[i].part.path, err})
		}
	}
	return nil
}

// headOperations calls yield with the operations of the head's spans that start in [from, to).
func headOperations(h headView, from, to int64, yield func(operation)) error {
	services, err := h.block.Services()
	if err != nil {
		return err
	}
	names, err := h.block.Names()
	if err != nil {
		return err
	}
	kinds, err := h.block.Kinds()
	if err != nil {
		return err
	}
	starts, err := h.block.Starts()
	if err != nil {
		return err
	}
	seen := map[uint64]bool{}
	last := ^uint64(0)
	for i, start := range starts {
		if start < from || start >= to {
			continue
		}
		k := uint64(services.IDs[i])<<40 | uint64(names.IDs[i])<<8 | uint64(kinds[i])
		if k == last || seen[k] {
			continue
		}
		last, seen[k] = k, true
		yield(operation{services.At(i), names.At(i), kinds[i]})
	}
	return nil
}
