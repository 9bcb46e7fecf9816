package com.openfinance.proof;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import com.openfinance.client.Gateway;
import com.openfinance.v1.CreateCustomerRequest;
import com.openfinance.v1.Customer;
import com.openfinance.v1.CustomerServiceGrpc;
import com.openfinance.v1.CustomerType;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.UUID;

/** Shows what the helpers promise, against a gateway and a sandbox that misbehaves on demand. */
public final class Behaviours {
  private Behaviours() {}

  /** What is shown, over a channel that is closed afterwards. */
  private interface Behaviour {
    void show(ManagedChannel channel) throws Exception;
  }

  public static void main(String[] arguments) {
    var harness = new Harness();
    harness.show("idle", with("writer", ConnectionBehaviours::idle));
    harness.show("deadline", with("writer", ConnectionBehaviours::deadline));
    harness.show("retry", with("writer", ConnectionBehaviours::retry));
    harness.show("create-again", with("writer", RecordBehaviours::createAgain));
    harness.show("create-late", with("writer", RecordBehaviours::createLate));
    harness.show("errors", with("writer", RecordBehaviours::errors));
    harness.show("paging", with("writer", RecordBehaviours::paging));
    harness.show("stream-resume", with("writer", RecordBehaviours::streamResume));
    harness.show("mtls", with("service-by-certificate", ConnectionBehaviours::mtls));
    harness.show("jwt", with("service-by-token", ConnectionBehaviours::jwt));
    harness.show("redact", with("writer", RecordBehaviours::redact));
    harness.exit();
  }

  /** Shows it over the channel that a service of this caller has: the service config included. */
  private static Harness.Step with(String caller, Behaviour behaviour) {
    return () -> {
      var config = Gateway.serviceConfig(Path.of(Harness.variable("SERVICE_CONFIG")));
      var channel = Harness.channel(caller).defaultServiceConfig(config).build();
      try {
        behaviour.show(channel);
      } finally {
        channel.shutdownNow();
        clearFaults();
      }
    };
  }

  /** Makes the sandbox misbehave. */
  static void fault(String rule) throws IOException, InterruptedException {
    Harness.sandbox("POST", "/faults", JsonParser.parseString(rule));
  }

  static void clearFaults() throws IOException, InterruptedException {
    Harness.sandbox("DELETE", "/faults", null);
  }

  /** How often faults have been met since the last were removed. */
  static int fired() throws IOException, InterruptedException {
    var faults = Harness.sandbox("GET", "/faults", null).getAsJsonObject();
    int sum = 0;
    for (JsonElement fault : faults.getAsJsonArray("faults")) {
      sum += fault.getAsJsonObject().get("fired").getAsInt();
    }
    return sum;
  }

  /** A username that nobody else has. */
  static String username() {
    return "household-" + UUID.randomUUID();
  }

  static Customer createCustomer(ManagedChannel channel, String username) {
    return CustomerServiceGrpc.newBlockingStub(channel)
        .createCustomer(
            CreateCustomerRequest.newBuilder()
                .setCustomer(
                    Customer.newBuilder()
                        .setUsername(username)
                        .setType(CustomerType.CUSTOMER_TYPE_TESTING))
                .build());
  }
}
