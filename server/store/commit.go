package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/aggregate"
)

// A commit is what one Write gives to the disk.
type commit struct {
	head    *head // the records are in its journal; nil if there are none
	part    *partition
	db      *pebble.DB
	batch   *pebble.Batch
	size    int64
	metrics []aggregate.MetricID // new ones, to be learned when it is committed
	refused error                // what of the batch is not in it
	done    chan error           // gets one value
}

// maxGroup bounds the bytes of the commits that share one write.
const maxGroup = 4 << 20

// committer writes what Write hands over. Whatever has come in while the disk
// was busy with one group is the next one, with one fsync for all.
func (s *Store) committer() {
	defer s.stopped.Done()
	var group []*commit
	var held *commit // did not fit into the last group
	for {
		group = group[:0]
		if held != nil {
			group, held = append(group, held), nil
		} else {
			select {
			case c := <-s.commits:
				group = append(group, c)
			case <-s.stop:
				s.refuseCommits()
				return
			}
		}
		size := group[0].size
	collect:
		for size < maxGroup {
			select {
			case c := <-s.commits:
				if c.db != group[0].db {
					held = c // of the next partition
					break collect
				}
				group = append(group, c)
				size += c.size
			default:
				break collect
			}
		}
		err := s.apply(group)
		for _, c := range group {
			if err == nil {
				if c.head != nil {
					c.head.writers.Done()
				}
				c.part.metrics.learn(c.metrics)
			}
			s.inFlight.Add(-c.size)
			c.batch.Close()
			s.release(c.part)
			c.done <- err
		}
		if err != nil {
			s.fail(err)
			s.refuseCommits()
			return
		}
	}
}

// refuseCommits answers everything that is still in the queue. It is called
// when Write no longer accepts anything.
func (s *Store) refuseCommits() {
	for {
		select {
		case c := <-s.commits:
			s.inFlight.Add(-c.size)
			s.release(c.part)
			c.done <- s.refusal()
		default:
			return
		}
	}
}

// apply writes a group as one batch.
func (s *Store) apply(group []*commit) (err error) {
	defer func() {
		// Pebble panics when its log cannot be written.
		if r := recover(); r != nil {
			err = fmt.Errorf("write the journal: %v", r)
		}
	}()
	s.counters.groups.Add(1)
	b := group[0].batch
	for _, c := range group[1:] {
		if err := b.Apply(c.batch, nil); err != nil {
			return fmt.Errorf("write the journal: %w", err)
		}
	}
	o := pebble.Sync
	if s.o.NoSync {
		o = pebble.NoSync
	}
	if err := group[0].db.Apply(b, o); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}
