// The conformance program executes the table that all clients share. It knows
// no method: it finds each in the descriptors, by its name.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	// Its files are found in the registry.
	_ "openfinance-client/gen/openfinance/v1"
	"openfinance-client/internal/harness"
	"openfinance-client/openfinance"
)

// answer is all that came of one call.
type answer struct {
	header   metadata.MD
	messages []any
	err      error
}

// runner keeps what one row leaves behind for the next ones.
type runner struct {
	known       variables
	connections map[string]*grpc.ClientConn
}

func main() {
	text, err := os.ReadFile(os.Getenv("CONFORMANCE_TABLE"))
	if err != nil {
		log.Fatal(err)
	}
	var table struct{ Rows []json.RawMessage }
	if err := json.Unmarshal(text, &table); err != nil {
		log.Fatal(err)
	}
	run := runner{
		known:       variables{"large": strings.Repeat("1", 70_000)},
		connections: map[string]*grpc.ClientConn{},
	}
	var results harness.Results
	for _, text := range table.Rows {
		var named struct{ Name string }
		err := json.Unmarshal(text, &named)
		if err == nil {
			err = run.row(text)
		}
		results.Add(named.Name, err)
	}
	results.Exit()
}

func (run runner) row(text []byte) error {
	raw, err := harness.ParseJSON(text)
	if err != nil {
		return err
	}
	// What a row has the sandbox do first may save what the row itself uses.
	if steps, ok := raw.(map[string]any)["sandbox"]; ok {
		for _, step := range steps.([]any) {
			if err := run.prepare(step); err != nil {
				return err
			}
		}
	}
	var row row
	if err := run.decode(raw, &row); err != nil {
		return err
	}
	var got answer
	for range max(row.Times, 1) {
		if got, err = run.call(row); err != nil {
			return err
		}
	}
	if err := row.Expect.check(got); err != nil {
		return err
	}
	if len(row.Save) > 0 {
		return run.known.save(row.Save, got.messages[0])
	}
	return nil
}

// decode replaces the variables of a JSON value and gives it its type.
func (run runner) decode(raw, into any) error {
	filled, err := run.known.fill(raw)
	if err != nil {
		return err
	}
	text, err := json.Marshal(filled)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func (run runner) prepare(step any) error {
	var order order
	if err := run.decode(step, &order); err != nil {
		return err
	}
	said, err := harness.Sandbox(context.Background(), order.Method, order.Path, order.Body)
	if err != nil {
		return err
	}
	return run.known.save(order.Save, said)
}

// call makes the call of a row. Its own error is that the call could not be
// made; that of the gateway is in the answer.
func (run runner) call(row row) (answer, error) {
	connection, err := run.connection(row.Caller)
	if err != nil {
		return answer{}, err
	}
	name := strings.ReplaceAll(row.Method, "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return answer{}, err
	}
	method, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return answer{}, fmt.Errorf("%s is no method", row.Method)
	}
	request := dynamicpb.NewMessage(method.Input())
	if row.Request != nil {
		text, err := json.Marshal(row.Request)
		if err != nil {
			return answer{}, err
		}
		if err := protojson.Unmarshal(text, request); err != nil {
			return answer{}, err
		}
	}
	timeout := 10 * time.Second
	if row.TimeoutMS > 0 {
		timeout = time.Duration(row.TimeoutMS) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(row.Metadata))

	// A unary call is a stream of one message.
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/"+row.Method)
	if err != nil {
		return answer{err: err}, nil
	}
	// If sending fails, receiving tells why.
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return answer{err: err}, nil
	}
	if err := stream.CloseSend(); err != nil {
		return answer{err: err}, nil
	}
	return receive(stream, method.Output())
}

func receive(stream grpc.ClientStream, kind protoreflect.MessageDescriptor) (answer, error) {
	var got answer
	for {
		message := dynamicpb.NewMessage(kind)
		err := stream.RecvMsg(message)
		if errors.Is(err, io.EOF) {
			got.header, err = stream.Header()
			return got, err
		}
		if err != nil {
			got.err = err
			return got, nil
		}
		text, err := protojson.Marshal(message)
		if err != nil {
			return got, err
		}
		shown, err := harness.ParseJSON(text)
		if err != nil {
			return got, err
		}
		got.messages = append(got.messages, shown)
	}
}

// connection is the one of this caller. It repeats nothing by itself.
func (run runner) connection(caller string) (*grpc.ClientConn, error) {
	if caller == "" {
		caller = "writer"
	}
	if connection, ok := run.connections[caller]; ok {
		return connection, nil
	}
	config, err := harness.Caller(caller)
	if err != nil {
		return nil, err
	}
	connection, err := openfinance.Dial(config, grpc.WithDisableRetry())
	run.connections[caller] = connection
	return connection, err
}
