package pricing

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Client asks the pricing service. Its methods take no context.Context: it was
// written before anyone asked for one, and nobody got round to changing it.
type Client struct {
	URL  string      // base URL of the service
	HTTP http.Client // zero value: no timeout
}

// NewClient returns a client of the service at base.
func NewClient(base string) *Client {
	return &Client{URL: base, HTTP: http.Client{Timeout: 5 * time.Second}}
}

// Product looks one product up.
func (c *Client) Product(sku string) (Product, error) {
	var p Product
	err := c.get("/prices/"+url.PathEscape(sku), &p)
	return p, err
}

// LowestEver asks how many days a product was at its lowest price until then.
func (c *Client) LowestEver(sku string) (days int, err error) {
	var answer struct{ Days int }
	err = c.get("/prices/"+url.PathEscape(sku)+"/lows", &answer)
	return answer.Days, err
}

func (c *Client) get(path string, into any) error {
	resp, err := c.HTTP.Get(c.URL + path)
	if err != nil {
		return fmt.Errorf("ask pricing: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(resp.Body).Decode(into)
	case http.StatusNotFound:
		return ErrUnknown
	default:
		return fmt.Errorf("ask pricing: %s", resp.Status)
	}
}
