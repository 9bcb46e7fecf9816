// Package openfinance is what a service needs beside the generated stubs to
// call the gateway: a connection that looks after itself, errors that can be
// decided by, pages and streams as loops, creates that are safe to repeat, and
// records that may be logged.
package openfinance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Config says where the gateway is and who calls it.
type Config struct {
	// Address is the host and port.
	Address string
	// Plaintext leaves TLS out. For a gateway on the same machine alone; no
	// credential is sent then.
	Plaintext bool
	// AuthorityFile has the certificates that the gateway's is checked
	// against; empty for those of the system.
	AuthorityFile string
	// CertificateFile and KeyFile are the caller's own, for mTLS.
	CertificateFile, KeyFile string
	// APIKey is sent as x-api-key.
	APIKey string
	// Token answers the JSON Web Token of the moment. It is asked before each
	// call, so keep the token until it is about to end.
	Token func(context.Context) (string, error)
	// ServiceConfigFile is the service_config.json that comes with the protos:
	// time limits, and retries of what is safe to repeat.
	ServiceConfigFile string
}

// Dial makes a connection to keep for the life of the program. It connects
// with the first call, and again whenever the gateway has closed it. More
// options may be given, which go before those of config.
//
// ANCHOR: connect
func Dial(config Config, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	options := []grpc.DialOption{
		// A dead network is noticed within 40 seconds, also between calls.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 30 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true,
		}),
	}
	if config.ServiceConfigFile != "" {
		serviceConfig, err := os.ReadFile(config.ServiceConfigFile)
		if err != nil {
			return nil, err
		}
		options = append(options, grpc.WithDefaultServiceConfig(string(serviceConfig)))
	}
	if config.Plaintext {
		options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
		return grpc.NewClient(config.Address, append(options, more...)...)
	}
	security, err := config.tls()
	if err != nil {
		return nil, err
	}
	options = append(options,
		grpc.WithTransportCredentials(credentials.NewTLS(security)),
		grpc.WithPerRPCCredentials(caller{config.APIKey, config.Token}))
	return grpc.NewClient(config.Address, append(options, more...)...)
}

// ANCHOR_END: connect

// ANCHOR: tls
func (config Config) tls() (*tls.Config, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if config.AuthorityFile != "" {
		pem, err := os.ReadFile(config.AuthorityFile)
		if err != nil {
			return nil, err
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", config.AuthorityFile)
		}
	}
	if config.CertificateFile != "" {
		// Read with each handshake, so that a renewed certificate is taken up.
		security.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			own, err := tls.LoadX509KeyPair(config.CertificateFile, config.KeyFile)
			return &own, err
		}
	}
	return security, nil
}

// ANCHOR_END: tls

// caller adds the caller's key or token to each call.
type caller struct {
	key   string
	token func(context.Context) (string, error)
}

func (c caller) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	headers := map[string]string{}
	if c.key != "" {
		headers["x-api-key"] = c.key
	}
	if c.token != nil {
		token, err := c.token(ctx)
		if err != nil {
			return nil, err
		}
		headers["authorization"] = "Bearer " + token
	}
	return headers, nil
}

func (caller) RequireTransportSecurity() bool { return true }
