// Package lines has tests that fail, to see which lines they name.
package lines

import "net/http"

// Get is what the tests test.
func Get(url string) (int, error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}
