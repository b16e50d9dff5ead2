package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Scope is what a token allows.
type Scope string

const (
	ScopeRead  Scope = "read"  // search, look, metrics of weft itself
	ScopeWrite Scope = "write" // send spans, logs and metrics
	ScopeAdmin Scope = "admin" // backup, import, profiles; and what the other two allow
)

var scopes = []Scope{ScopeRead, ScopeWrite, ScopeAdmin}

// Token is a bearer token. Exactly one of Token, File and Hash is set.
type Token struct {
	Name   string  // in logs and errors
	Token  string  // the token itself
	File   string  // a file that holds it
	Hash   string  // "sha256:" and the SHA-256 of the token in hex
	Scopes []Scope // at least one

	where string // file and line, for errors
}

// Tokens is the list of bearer tokens.
type Tokens []Token

// minToken is the shortest token: 16 random letters and digits are 95 bits,
// more than can be guessed.
const minToken = 16

func (t *Tokens) String() string {
	if len(*t) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, e := range *t {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("{name: " + flow(e.Name))
		switch {
		case e.Token != "":
			b.WriteString(`, token: "(hidden)"`)
		case e.File != "":
			b.WriteString(", token_file: " + flow(e.File))
		default:
			b.WriteString(`, hash: "(hidden)"`)
		}
		b.WriteString(", scopes: [")
		for j, s := range e.Scopes {
			if j > 0 {
				b.WriteString(", ")
			}
			b.WriteString(string(s))
		}
		b.WriteString("]}")
	}
	b.WriteByte(']')
	return b.String()
}

// flow writes a text as a value within a YAML list or mapping in braces.
func flow(s string) string {
	plain := s != ""
	for i := range len(s) {
		c := s[i]
		plain = plain && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '/' || i > 0 && (c == '-' || c == '.' || c >= '0' && c <= '9'))
	}
	if plain && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		return s
	}
	return fmt.Sprintf("%q", s)
}

// Set parses the list as YAML (or JSON): [{name: ci, token_file: /run/ci, scopes: [write]}].
func (t *Tokens) Set(s string) error {
	*t = nil
	if strings.TrimSpace(s) == "" {
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(s), &doc); err != nil || len(doc.Content) != 1 {
		// The error of the parser would show the secret.
		return fmt.Errorf("not a list in YAML or JSON; want something like [{name: ci, token_file: /run/ci, scopes: [write]}]")
	}
	_, err := t.set(doc.Content[0], "")
	return err
}

// set reads the list from a node of a YAML file. Of an error it returns the node, too.
func (t *Tokens) set(n *yaml.Node, file string) (*yaml.Node, error) {
	*t = nil
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return n, fmt.Errorf("want a list of {name, one of token, token_file and hash, scopes}")
	}
	for i, item := range n.Content {
		item = alias(item)
		if item.Kind != yaml.MappingNode {
			return item, fmt.Errorf("entry %d: want {name, one of token, token_file and hash, scopes}", i+1)
		}
		e := Token{where: fmt.Sprintf("entry %d", i+1)}
		if file != "" {
			e.where = fmt.Sprintf("%s:%d", file, item.Line)
		}
		secrets := 0
		for j := 0; j+1 < len(item.Content); j += 2 {
			k, v := item.Content[j], alias(item.Content[j+1])
			if k.Value == "scopes" {
				if v.Kind != yaml.SequenceNode {
					return v, fmt.Errorf("scopes: want a list of read, write and admin")
				}
				for _, s := range v.Content {
					scope := Scope(alias(s).Value)
					if !slices.Contains(scopes, scope) {
						return s, fmt.Errorf("scope %q: want read, write or admin", scope)
					}
					e.Scopes = append(e.Scopes, scope)
				}
				continue
			}
			field := map[string]*string{"name": &e.Name, "token": &e.Token, "token_file": &e.File, "hash": &e.Hash}[k.Value]
			if field == nil {
				return k, fmt.Errorf("unknown key %q of a token: want name, token, token_file, hash or scopes", k.Value)
			}
			if v.Kind != yaml.ScalarNode || v.Value == "" {
				return v, fmt.Errorf("%s: want a text", k.Value)
			}
			*field = v.Value
			if k.Value != "name" {
				secrets++
			}
		}
		switch {
		case e.Name == "":
			return item, fmt.Errorf("a token without a name; name it after who uses it")
		case slices.ContainsFunc(*t, func(o Token) bool { return o.Name == e.Name }):
			return item, fmt.Errorf("two tokens are called %q", e.Name)
		case secrets != 1:
			return item, fmt.Errorf("token %q: want exactly one of token, token_file and hash", e.Name)
		case len(e.Scopes) == 0:
			return item, fmt.Errorf("token %q has no scopes: want some of read, write and admin", e.Name)
		}
		sum, err := [sha256.Size]byte{}, error(nil)
		if e.File == "" {
			if sum, err = e.sum(); err != nil {
				return item, err
			}
		}
		for _, o := range *t { // files are read later: access.reload compares what is in them
			same := e.File != "" && filepath.Clean(o.File) == filepath.Clean(e.File)
			if e.File == "" && o.File == "" {
				other, _ := o.sum() // is one: it was checked
				same = other == sum
			}
			if same {
				return item, sameToken(o.Name, e.Name)
			}
		}
		*t = append(*t, e)
	}
	return nil, nil
}

// sameToken is the error of a token that is there twice: only one of its entries could hold.
func sameToken(a, b string) error {
	return fmt.Errorf("%q and %q are the same token; give each its own", a, b)
}

// sum returns the SHA-256 of the token.
func (t *Token) sum() (sum [sha256.Size]byte, err error) {
	secret := t.Token
	switch {
	case t.Hash != "":
		digits, ok := strings.CutPrefix(t.Hash, "sha256:")
		b, err := hex.DecodeString(digits)
		if !ok || err != nil || len(b) != len(sum) {
			return sum, fmt.Errorf("token %q: hash: want sha256: and 64 hex digits; printf %%s TOKEN | sha256sum prints them", t.Name)
		}
		return [sha256.Size]byte(b), nil
	case t.File != "":
		b, err := os.ReadFile(t.File)
		if err != nil {
			return sum, fmt.Errorf("token %q: token_file: %w", t.Name, err)
		}
		secret = strings.TrimSpace(string(b))
	}
	if len(secret) < minToken {
		return sum, fmt.Errorf("token %q has %d characters; want at least %d: openssl rand -hex 24 prints a good one", t.Name, len(secret), minToken)
	}
	for i := range len(secret) {
		if c := secret[i]; c <= ' ' || c > '~' {
			return sum, fmt.Errorf("token %q contains a space or a character that cannot stand in a header; openssl rand -hex 24 prints a good one", t.Name)
		}
	}
	return sha256.Sum256([]byte(secret)), nil
}
