package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"

	"openfinance-client/openfinance"
)

// check holds what came against what must come.
func (expect expectation) check(got answer) error {
	refusal := openfinance.RefusalOf(got.err)
	if found := code.Code(refusal.Code).String(); found != expect.Code {
		return fmt.Errorf("code %s (%s), expected %s", found, refusal.Reason, expect.Code)
	}
	if got.err != nil {
		return expect.checkRefusal(refusal)
	}
	if expect.Messages != nil && len(got.messages) != *expect.Messages {
		return fmt.Errorf("%d messages, expected %d", len(got.messages), *expect.Messages)
	}
	for name, expected := range expect.Headers {
		if found := strings.Join(got.header.Get(name), ","); found != expected && (expected != "*" || found == "") {
			return fmt.Errorf("header %s is %q, expected %q", name, found, expected)
		}
	}
	if expect.Message == nil {
		return nil
	}
	if len(got.messages) == 0 {
		return fmt.Errorf("no message")
	}
	return compare("message", expect.Message, got.messages[0])
}

func (expect expectation) checkRefusal(refusal openfinance.Refusal) error {
	if expect.Reason != "" {
		domain := expect.Domain
		if domain == "" {
			domain = "openfinance"
		}
		if refusal.Reason != expect.Reason || refusal.Domain != domain {
			return fmt.Errorf("%s of %s, expected %s of %s", refusal.Reason, refusal.Domain, expect.Reason, domain)
		}
	}
	for name, expected := range expect.Metadata {
		if err := compare("metadata."+name, expected, refusal.Metadata[name]); err != nil {
			return err
		}
	}
	found, expected := slices.Sorted(maps.Keys(refusal.Fields)), slices.Sorted(slices.Values(expect.Violations))
	if !slices.Equal(found, expected) {
		return fmt.Errorf("violations of %q, expected %q", found, expected)
	}
	if delayed := refusal.RetryDelay != nil; delayed != expect.RetryDelay || delayed && *refusal.RetryDelay <= 0 {
		return fmt.Errorf("retry delay %v, expected %t", refusal.RetryDelay, expect.RetryDelay)
	}
	if expect.Resource != "" && refusal.Resource.GetResourceType() != expect.Resource {
		return fmt.Errorf("resource %q, expected %q", refusal.Resource.GetResourceType(), expect.Resource)
	}
	return nil
}

// compare answers where found, which is JSON, has not what is expected.
func compare(path string, expected, found any) error {
	switch {
	case expected == "*":
		if isDefault(found) {
			return fmt.Errorf("%s is missing", path)
		}
		return nil
	case isDefault(expected):
		if !isDefault(found) {
			return fmt.Errorf("%s is %v, expected nothing", path, found)
		}
		return nil
	}
	switch expected := expected.(type) {
	case map[string]any:
		object, ok := found.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is no object", path)
		}
		for name, member := range expected {
			if err := compare(path+"."+name, member, object[name]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := found.([]any)
		if !ok || len(list) != len(expected) {
			return fmt.Errorf("%s has %d elements, expected %d", path, len(list), len(expected))
		}
		for i, element := range expected {
			if err := compare(fmt.Sprintf("%s.%d", path, i), element, list[i]); err != nil {
				return err
			}
		}
		return nil
	default:
		if expected != found {
			return fmt.Errorf("%s is %v, expected %v", path, found, expected)
		}
		return nil
	}
}

// isDefault tells whether a value means the same as none.
func isDefault(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case bool:
		return !value
	case string:
		return value == "" || value == "0" || strings.HasSuffix(value, "_UNSPECIFIED")
	case json.Number:
		return value == "0"
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	default:
		return false
	}
}
