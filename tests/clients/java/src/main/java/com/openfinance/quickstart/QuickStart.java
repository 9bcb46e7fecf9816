package com.openfinance.quickstart;

import com.openfinance.client.Gateway;
import com.openfinance.client.Redacted;
import com.openfinance.client.Refusal;
import com.openfinance.client.Repeat;
import com.openfinance.v1.CreateCustomerRequest;
import com.openfinance.v1.Customer;
import com.openfinance.v1.CustomerServiceGrpc;
import com.openfinance.v1.CustomerType;
import com.openfinance.v1.GetCustomerRequest;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** Makes a customer, reads it again, and makes a mistake, at a gateway started with --sandbox. */
public final class QuickStart {
  private QuickStart() {}

  // ANCHOR: quickstart
  public static void main(String[] arguments) {
    var address =
        Objects.requireNonNullElse(System.getenv("GATEWAY_PLAINTEXT_ADDRESS"), "127.0.0.1:50051");
    var channel = Gateway.plaintext(address).build();
    try {
      var customers = CustomerServiceGrpc.newBlockingStub(channel);

      var request =
          CreateCustomerRequest.newBuilder()
              // Makes the call safe to repeat: whatever happens, there is one customer.
              .setRequestId(UUID.randomUUID().toString())
              .setCustomer(
                  Customer.newBuilder()
                      .setUsername("household-" + System.currentTimeMillis())
                      .setType(CustomerType.CUSTOMER_TYPE_TESTING)
                      .setFirstName("Ada")
                      .setLastName("Lovelace"))
              .build();
      // A call without a deadline gets 20 seconds. Set your own: it begins with each try.
      var created =
          Repeat.create(
              Duration.ofSeconds(30),
              () -> customers.withDeadlineAfter(5, TimeUnit.SECONDS).createCustomer(request));
      var read =
          customers.getCustomer(
              GetCustomerRequest.newBuilder().setCustomerId(created.getCustomerId()).build());
      System.out.println("customer " + Redacted.print(read));

      try {
        var mistaken = Customer.newBuilder().setUsername("ada").setPhone("1234567890123456");
        customers.createCustomer(CreateCustomerRequest.newBuilder().setCustomer(mistaken).build());
      } catch (StatusRuntimeException thrown) {
        var refusal = Refusal.of(thrown);
        System.out.println("refused " + refusal.code() + " " + refusal.reason());
        refusal.fields().forEach((field, why) -> System.out.println("  " + field + ": " + why));
      }
    } finally {
      channel.shutdownNow();
    }
  }

  // ANCHOR_END: quickstart

}
