// Package harness is what the two test programs share: where the gateway and
// the sandbox are, who calls, and how results are printed.
package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"openfinance-client/openfinance"
)

// Caller is the configuration of a connection by the caller with this name:
// the folder GATEWAY_CREDENTIALS has a key, a token, a certificate, or nothing.
func Caller(name string) (openfinance.Config, error) {
	folder := os.Getenv("GATEWAY_CREDENTIALS")
	config := openfinance.Config{
		Address:       os.Getenv("GATEWAY_ADDRESS"),
		AuthorityFile: filepath.Join(folder, "ca.pem"),
	}
	file := func(ending string) string { return filepath.Join(folder, name+ending) }
	if exists(file(".key.pem")) {
		config.CertificateFile, config.KeyFile = file(".pem"), file(".key.pem")
	}
	if exists(file(".key")) {
		key, err := os.ReadFile(file(".key"))
		if err != nil {
			return config, err
		}
		config.APIKey = strings.TrimSpace(string(key))
	}
	if exists(file(".jwt")) {
		config.Token = func(context.Context) (string, error) {
			token, err := os.ReadFile(file(".jwt"))
			return strings.TrimSpace(string(token)), err
		}
	}
	return config, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Sandbox sends a request to the control plane of the sandbox, below
// /__sandbox/v1, and answers what it says. Body may be nil.
func Sandbox(ctx context.Context, method, path string, body any) (any, error) {
	content := []byte{}
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	url := os.Getenv("SANDBOX_URL") + "/__sandbox/v1" + path
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("the sandbox answers %s to %s: %s", response.Status, path, answer)
	}
	return ParseJSON(answer)
}

// ParseJSON keeps numbers as they are written.
func ParseJSON(text []byte) (any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// Results are counted as they are printed.
type Results struct{ passed, failed int }

// Add prints a line for one result.
func (results *Results) Add(name string, err error) {
	if err != nil {
		results.failed++
		fmt.Printf("FAILED %s: %v\n", name, err)
		return
	}
	results.passed++
	fmt.Printf("ok %s\n", name)
}

// Exit prints the sum and ends the program.
func (results *Results) Exit() {
	fmt.Printf("%d passed, %d failed\n", results.passed, results.failed)
	if results.failed > 0 {
		os.Exit(1)
	}
	os.Exit(0)
}
