package com.openfinance.proof;

import static com.openfinance.proof.Harness.check;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import com.openfinance.client.Refusal;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** Executes the table that all clients share. It knows no method: it finds each by its name. */
public final class Conformance {
  private static final Set<String> MEMBERS =
      Set.of(
          "name",
          "sandbox",
          "method",
          "caller",
          "metadata",
          "timeout_ms",
          "times",
          "request",
          "expect",
          "save");

  private final Methods methods = new Methods();
  private final Variables variables = new Variables();
  private final Map<String, ManagedChannel> channels = new HashMap<>();

  private Conformance() throws Exception {}

  public static void main(String[] arguments) throws Exception {
    var text = Files.readString(Path.of(Harness.variable("CONFORMANCE_TABLE")));
    var conformance = new Conformance();
    var harness = new Harness();
    for (JsonElement row : JsonParser.parseString(text).getAsJsonObject().getAsJsonArray("rows")) {
      var name = row.getAsJsonObject().get("name").getAsString();
      harness.show(name, () -> conformance.row(row.getAsJsonObject()));
    }
    harness.exit();
  }

  private void row(JsonObject raw) throws IOException, InterruptedException {
    check(MEMBERS.containsAll(raw.keySet()), "a member that nobody knows");
    if (raw.has("sandbox")) {
      for (JsonElement step : raw.getAsJsonArray("sandbox")) {
        var order = variables.fill(step).getAsJsonObject();
        var method = order.get("method").getAsString();
        var said = Harness.sandbox(method, order.get("path").getAsString(), order.get("body"));
        variables.save(order.getAsJsonObject("save"), said);
      }
    }
    var row = variables.fill(raw).getAsJsonObject();
    int times = row.has("times") ? row.get("times").getAsInt() : 1;
    for (int earlier = 1; earlier < times; earlier++) {
      try {
        call(row, new AtomicReference<>());
      } catch (StatusRuntimeException thrown) {
        // All but the last may end in any way.
      }
    }
    var expectation = new Expectation(row.getAsJsonObject("expect"));
    var headers = new AtomicReference<Metadata>();
    List<JsonElement> messages;
    try {
      messages = call(row, headers);
    } catch (StatusRuntimeException thrown) {
      expectation.refused(Refusal.of(thrown));
      return;
    }
    expectation.answered(messages, headers.get());
    if (row.has("save")) {
      variables.save(row.getAsJsonObject("save"), messages.get(0));
    }
  }

  /** Makes the call of a row, and answers the JSON of what comes. */
  private List<JsonElement> call(JsonObject row, AtomicReference<Metadata> headers)
      throws IOException {
    var method = methods.named(row.get("method").getAsString());
    var request = DynamicMessage.newBuilder(method.getInputType());
    if (row.has("request")) {
      JsonFormat.parser().merge(row.get("request").toString(), request);
    }
    long timeout = row.has("timeout_ms") ? row.get("timeout_ms").getAsLong() : 10_000;
    var more = new Metadata();
    if (row.has("metadata")) {
      for (Map.Entry<String, JsonElement> header : row.getAsJsonObject("metadata").entrySet()) {
        var key = Metadata.Key.of(header.getKey(), Metadata.ASCII_STRING_MARSHALLER);
        more.put(key, header.getValue().getAsString());
      }
    }
    var channel =
        ClientInterceptors.intercept(
            channel(row.has("caller") ? row.get("caller").getAsString() : "writer"),
            MetadataUtils.newAttachHeadersInterceptor(more),
            MetadataUtils.newCaptureMetadataInterceptor(headers, new AtomicReference<>()));
    // A unary call is a stream of one message.
    var described =
        MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
            .setType(MethodType.SERVER_STREAMING)
            .setFullMethodName(row.get("method").getAsString())
            .setRequestMarshaller(marshaller(method.getInputType()))
            .setResponseMarshaller(marshaller(method.getOutputType()))
            .build();
    var options = CallOptions.DEFAULT.withDeadlineAfter(timeout, TimeUnit.MILLISECONDS);
    var answers =
        ClientCalls.blockingServerStreamingCall(channel, described, options, request.build());
    var messages = new ArrayList<JsonElement>();
    while (answers.hasNext()) {
      messages.add(json(answers.next()));
    }
    return messages;
  }

  private static MethodDescriptor.Marshaller<DynamicMessage> marshaller(Descriptor type) {
    return ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(type));
  }

  private static JsonElement json(DynamicMessage message) throws InvalidProtocolBufferException {
    return JsonParser.parseString(JsonFormat.printer().print(message));
  }

  /** The channel of this caller. It repeats nothing by itself. */
  private ManagedChannel channel(String caller) throws IOException {
    var channel = channels.get(caller);
    if (channel == null) {
      channel = Harness.channel(caller).disableRetry().build();
      channels.put(caller, channel);
    }
    return channel;
  }
}
