package com.openfinance.proof;

import static com.openfinance.proof.Behaviours.clearFaults;
import static com.openfinance.proof.Behaviours.createCustomer;
import static com.openfinance.proof.Behaviours.fault;
import static com.openfinance.proof.Behaviours.fired;
import static com.openfinance.proof.Behaviours.username;
import static com.openfinance.proof.Harness.check;

import com.openfinance.client.Customers;
import com.openfinance.client.Gateway;
import com.openfinance.client.Redacted;
import com.openfinance.client.Refusal;
import com.openfinance.client.Repeat;
import com.openfinance.v1.Consumer;
import com.openfinance.v1.ConsumerServiceGrpc;
import com.openfinance.v1.CreateConsumerRequest;
import com.openfinance.v1.CreateCustomerRequest;
import com.openfinance.v1.Customer;
import com.openfinance.v1.CustomerServiceGrpc;
import com.openfinance.v1.CustomerType;
import com.openfinance.v1.Date;
import com.openfinance.v1.GetConsumerRequest;
import com.openfinance.v1.GetCustomerApplicationRequest;
import com.openfinance.v1.ListCustomersRequest;
import com.openfinance.v1.ListCustomersResponse;
import com.openfinance.v1.StreamCustomersRequest;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** Creates that are made once, errors, pages, streams and redaction. */
final class RecordBehaviours {
  private RecordBehaviours() {}

  static void createAgain(ManagedChannel channel) throws Exception {
    int before = creates();
    // The vendor creates the customer, its answer is lost, and nobody can look whether it is there.
    fault("{'operation': 'AddTestingCustomer', 'effect': {'reset_at': 'response_headers'}}");
    fault(
        "{'operation': 'GetCustomers', 'times': 1000, 'commit': 'never', 'effect': {'status':"
            + " 500}}");
    var request =
        CreateCustomerRequest.newBuilder()
            .setCustomer(
                Customer.newBuilder()
                    .setUsername(username())
                    .setType(CustomerType.CUSTOMER_TYPE_TESTING))
            .setRequestId(UUID.randomUUID().toString())
            .build();
    var customers = CustomerServiceGrpc.newBlockingStub(channel);
    var refused = new ArrayList<String>();
    var customer =
        Repeat.create(
            Duration.ofSeconds(30),
            () -> {
              try {
                return customers.createCustomer(request);
              } catch (StatusRuntimeException thrown) {
                var refusal = Refusal.of(thrown);
                refused.add(refusal.code() + " " + refusal.reason());
                recover();
                throw thrown;
              }
            });
    check(refused.equals(List.of("UNAVAILABLE OUTCOME_UNKNOWN")), "refused with " + refused);
    check(!customer.getCustomerId().isEmpty(), "no id");
    check(creates() == before + 1, "the vendor was asked " + (creates() - before) + " times");
  }

  /**
   * What a service does. The vendor creates the customer and does not answer, so that the first
   * tries end with their deadlines.
   */
  static void createLate(ManagedChannel unused) throws Exception {
    int before = creates();
    var address = Harness.variable("GATEWAY_ADDRESS");
    var credentials = Path.of(Harness.variable("GATEWAY_CREDENTIALS"));
    var authority = credentials.resolve("ca.pem").toFile();
    var key = Files.readString(credentials.resolve("writer.key")).strip();
    var serviceConfig = Path.of(Harness.variable("SERVICE_CONFIG"));
    var username = username();
    long oneTry = 1_000;
    fault("{'operation': 'AddTestingCustomer', 'effect': {'stall_at': 'response_headers'}}");
    long begun = System.nanoTime();
    var recovery = CompletableFuture.delayedExecutor(1_500, TimeUnit.MILLISECONDS);
    var recovered = CompletableFuture.runAsync(RecordBehaviours::recover, recovery);

    // ANCHOR: together
    var channel =
        Gateway.channel(address, Gateway.withKey(Gateway.tls(authority), key))
            .defaultServiceConfig(Gateway.serviceConfig(serviceConfig))
            .build(); // once, for the life of the program
    var customers = CustomerServiceGrpc.newBlockingStub(channel);

    var request =
        CreateCustomerRequest.newBuilder()
            // Chosen before the first try, and kept with what you want.
            .setRequestId(UUID.randomUUID().toString())
            .setCustomer(
                Customer.newBuilder()
                    .setUsername(username)
                    .setType(CustomerType.CUSTOMER_TYPE_TESTING))
            .build();
    Customer customer;
    try {
      customer =
          Repeat.create(
              Duration.ofSeconds(60),
              () ->
                  customers
                      .withDeadlineAfter(oneTry, TimeUnit.MILLISECONDS)
                      .createCustomer(request));
    } catch (StatusRuntimeException thrown) {
      var refusal = Refusal.of(thrown);
      throw new IllegalStateException(
          "no customer: " + refusal.code() + " " + refusal.reason() + " " + refusal.fields());
    }
    // ANCHOR_END: together

    channel.shutdownNow();
    recovered.get();
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
    check(millis >= oneTry && !customer.getCustomerId().isEmpty(), "took " + millis + " ms");
    check(creates() == before + 1, "the vendor was asked " + (creates() - before) + " times");
  }

  private static void recover() {
    try {
      clearFaults();
    } catch (IOException | InterruptedException thrown) {
      throw new IllegalStateException(thrown);
    }
  }

  /** How many requests for a new customer the sandbox has had. */
  private static int creates() throws IOException, InterruptedException {
    var said = Harness.sandbox("GET", "/requests?operation=AddTestingCustomer", null);
    return said.getAsJsonObject().getAsJsonArray("requests").size();
  }

  static void errors(ManagedChannel channel) throws Exception {
    var id = createCustomer(channel, username()).getCustomerId();
    var invalid = refusal(() -> createMistaken(channel));
    check(
        invalid.reason().equals("INVALID_FIELD")
            && invalid.domain().equals("openfinance")
            && invalid.fields().keySet().equals(Set.of("customer.phone", "customer.username")),
        "refused with " + invalid);

    fault(
        "{'operation': 'GetCustomerWithAppData', 'commit': 'never',"
            + " 'effect': {'status': 429, 'headers': {'Retry-After': '70'}}}");
    // The channel waits as little as the gateway does: the reason comes at once.
    var customers =
        CustomerServiceGrpc.newBlockingStub(channel).withDeadlineAfter(5, TimeUnit.SECONDS);
    var request = GetCustomerApplicationRequest.newBuilder().setCustomerId(id).build();
    var limited = refusal(() -> customers.getCustomerApplication(request));
    check(
        limited.reason().equals("UPSTREAM_RATE_LIMITED")
            && limited.domain().equals("api.finicity.com")
            && limited.retryDelay().equals(Optional.of(Duration.ofSeconds(70))),
        "refused with " + limited);
  }

  private static void createMistaken(ManagedChannel channel) {
    var mistaken =
        Customer.newBuilder()
            .setUsername("ab")
            .setPhone("1234567890123456")
            .setType(CustomerType.CUSTOMER_TYPE_TESTING);
    CustomerServiceGrpc.newBlockingStub(channel)
        .createCustomer(CreateCustomerRequest.newBuilder().setCustomer(mistaken).build());
  }

  private static Refusal refusal(Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException thrown) {
      return Refusal.of(thrown);
    }
    throw new IllegalStateException("not refused");
  }

  static void paging(ManagedChannel channel) {
    var prefix = "paged-" + UUID.randomUUID() + "-";
    var expected = new HashSet<String>();
    for (int number = 0; number < 7; number++) {
      expected.add(createCustomer(channel, prefix + number).getCustomerId());
    }
    var request = ListCustomersRequest.newBuilder().setSearch(prefix).setPageSize(3).build();
    var customers = CustomerServiceGrpc.newBlockingStub(channel);
    var found = Customers.list(customers, request).map(Customer::getCustomerId).toList();
    check(found.size() == 7 && Set.copyOf(found).equals(expected), "found " + found);
  }

  static void streamResume(ManagedChannel channel) throws Exception {
    fault(
        "{'operation': 'GetCustomers', 'after': 1, 'times': 3, 'commit': 'never',"
            + " 'effect': {'status': 503}}");
    var request = StreamCustomersRequest.newBuilder().setSearch("crowd-").build();
    var found = new HashSet<String>();
    try (var crowd = Customers.stream(CustomerServiceGrpc.newBlockingStub(channel), request)) {
      while (crowd.hasNext()) {
        var id = crowd.next().getCustomerId();
        check(found.add(id), "customer " + id + " came twice");
      }
    }
    check(found.size() == 2_500, found.size() + " customers came");
    check(fired() == 3, "the faults were not met");
  }

  static void redact(ManagedChannel channel) {
    var id = createCustomer(channel, username()).getCustomerId();
    var request =
        CreateConsumerRequest.newBuilder()
            .setCustomerId(id)
            .setConsumer(
                Consumer.newBuilder()
                    .setFirstName("Ada")
                    .setLastName("Lovelace")
                    .setSuffix("Countess")
                    .setAddress("12 Analytical Row")
                    .setCity("Murray")
                    .setState("UT")
                    .setZip("84123")
                    .setPhone("8015550100")
                    .setEmail("ada@example.com")
                    .setSsn("123-45-6789")
                    .setBirthday(Date.newBuilder().setYear(1815).setMonth(12).setDay(10)))
            .build();
    var consumers = ConsumerServiceGrpc.newBlockingStub(channel);
    var consumerId = consumers.createConsumer(request).getConsumerId();
    var read =
        consumers.getConsumer(GetConsumerRequest.newBuilder().setConsumerId(consumerId).build());
    check(read.getLastName().equals("Lovelace"), "the name is not read");
    // A message in a message, and one in a list.
    var listed =
        ListCustomersResponse.newBuilder()
            .addCustomers(Customer.newBuilder().setCustomerId(id).setLastName("Lovelace"))
            .build();
    var shown = Redacted.print(request) + Redacted.print(read) + Redacted.print(listed);
    check(count(shown, id) == 3 && count(shown, consumerId) == 1, "an id can't be read");
    check(count(shown, "[redacted]") == 23, count(shown, "[redacted]") + " values are redacted");
    var rest = shown.replace(id, "").replace(consumerId, "");
    for (String secret :
        List.of(
            "Ada",
            "Lovelace",
            "Countess",
            "Analytical",
            "Murray",
            "UT",
            "84123",
            "8015550100",
            "ada@",
            "6789",
            "1815",
            ": 12",
            ": 10")) {
      check(!rest.contains(secret), "what is personal is printed");
    }
  }

  private static long count(String text, String part) {
    return Pattern.compile(Pattern.quote(part)).matcher(text).results().count();
  }
}
