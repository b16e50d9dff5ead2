package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Document is the OpenAPI 3.1 description of the API, as YAML.
//
//go:embed openapi.yaml
var Document []byte

var documentJSON = sync.OnceValues(func() ([]byte, error) {
	var doc any
	if err := yaml.Unmarshal(Document, &doc); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	return json.Marshal(doc)
})

func (a *API) openAPIJSON(c *call) error {
	if err := c.done(); err != nil {
		return err
	}
	b, err := documentJSON()
	if err != nil {
		return err
	}
	return c.bytes("application/json", b)
}

func (a *API) openAPIYAML(c *call) error {
	if err := c.done(); err != nil {
		return err
	}
	return c.bytes("application/yaml", Document)
}
