package store

import (
	"errors"
	"fmt"
)

// The errors that callers branch on. What Store returns wraps them with what
// happened and what to do.
var (
	// ErrBusy: more arrives than can be written. The client should retry after a moment.
	ErrBusy = errors.New("the store is busy; retry in a moment")
	// ErrFull: the disk is full. Reads go on; writes work again as soon as there is room.
	ErrFull = errors.New("the disk is full; free some space, or lower store.retention.age or store.retention.size")
	// ErrReadOnly: the directory cannot be written. Reads go on.
	ErrReadOnly = errors.New("the store is read-only")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrLocked: another process has the directory open.
	ErrLocked = errors.New("the directory is in use by another process")
)

// A DamageError says which part of the store cannot be read. The rest of the
// store keeps serving.
type DamageError struct {
	Where string // the partition's directory, with the block or segment where it is known
	Err   error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged and set aside: %v; restore it from a backup or remove it", e.Where, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }
