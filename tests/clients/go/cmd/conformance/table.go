package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// row is a row of the table, with its variables not yet replaced. What the
// members mean stands in the README of the clients.
type row struct {
	Name      string            `json:"name"`
	Sandbox   []order           `json:"sandbox"`
	Method    string            `json:"method"`
	Caller    string            `json:"caller"`
	Metadata  map[string]string `json:"metadata"`
	TimeoutMS int64             `json:"timeout_ms"`
	Times     int               `json:"times"`
	Request   any               `json:"request"`
	Expect    expectation       `json:"expect"`
	Save      map[string]string `json:"save"`
}

// order is a request to the control plane of the sandbox.
type order struct {
	Method string            `json:"method"`
	Path   string            `json:"path"`
	Body   any               `json:"body"`
	Save   map[string]string `json:"save"`
}

type expectation struct {
	Code string `json:"code"`

	Message  any               `json:"message"`
	Messages *int              `json:"messages"`
	Headers  map[string]string `json:"headers"`

	Reason     string         `json:"reason"`
	Domain     string         `json:"domain"`
	Metadata   map[string]any `json:"metadata"`
	Violations []string       `json:"violations"`
	RetryDelay bool           `json:"retry_delay"`
	Resource   string         `json:"resource"`
}

// variables are what earlier rows have saved.
type variables map[string]string

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// fill replaces the variables in every text of a JSON value.
func (known variables) fill(value any) (any, error) {
	switch value := value.(type) {
	case string:
		var unknown error
		filled := variable.ReplaceAllStringFunc(value, func(use string) string {
			text, ok := known[use[2:len(use)-1]]
			if !ok {
				unknown = fmt.Errorf("no row has saved %s", use)
			}
			return text
		})
		return filled, unknown
	case []any:
		filled := slices.Clone(value)
		for i := range filled {
			var err error
			if filled[i], err = known.fill(filled[i]); err != nil {
				return nil, err
			}
		}
		return filled, nil
	case map[string]any:
		filled := maps.Clone(value)
		for name := range filled {
			var err error
			if filled[name], err = known.fill(filled[name]); err != nil {
				return nil, err
			}
		}
		return filled, nil
	default:
		return value, nil
	}
}

// save keeps values of an answer, which are named by their paths.
func (known variables) save(paths map[string]string, answer any) error {
	for name, path := range paths {
		value := answer
		for step := range strings.SplitSeq(path, ".") {
			switch at := value.(type) {
			case map[string]any:
				value = at[step]
			case []any:
				place, err := strconv.Atoi(step)
				if err != nil || place < 0 || place >= len(at) {
					return fmt.Errorf("no %s in the answer", path)
				}
				value = at[place]
			default:
				value = nil
			}
		}
		if value == nil {
			return fmt.Errorf("no %s in the answer", path)
		}
		known[name] = fmt.Sprint(value)
	}
	return nil
}
