// Package databasetest tells tests which databases they can use.
package databasetest

import (
	"os"
	"testing"
)

// Names returns the databases to test with: a SQLite file, and the PostgreSQL
// server that SHOP_TEST_POSTGRES names, if it names one.
func Names(t *testing.T, sqliteFile string) map[string]string {
	t.Helper()
	names := map[string]string{"sqlite": sqliteFile}
	if url := os.Getenv("SHOP_TEST_POSTGRES"); url != "" {
		names["postgres"] = url
	} else {
		t.Log("SHOP_TEST_POSTGRES is not set: not tested on PostgreSQL")
	}
	return names
}
