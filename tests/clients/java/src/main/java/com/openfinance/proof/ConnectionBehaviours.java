package com.openfinance.proof;

import static com.openfinance.proof.Behaviours.createCustomer;
import static com.openfinance.proof.Behaviours.fault;
import static com.openfinance.proof.Behaviours.fired;
import static com.openfinance.proof.Behaviours.username;
import static com.openfinance.proof.Harness.check;

import com.openfinance.v1.CallerIdentity;
import com.openfinance.v1.CallerMethod;
import com.openfinance.v1.CustomerServiceGrpc;
import com.openfinance.v1.GatewayServiceGrpc;
import com.openfinance.v1.GetCallerIdentityRequest;
import com.openfinance.v1.GetCustomerRequest;
import com.openfinance.v1.GetGatewayInfoRequest;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.TimeUnit;

/** Connections, time limits, retries and credentials. */
final class ConnectionBehaviours {
  private ConnectionBehaviours() {}

  static void idle(ManagedChannel channel) throws InterruptedException {
    var gateway = GatewayServiceGrpc.newBlockingStub(channel);
    gateway.getGatewayInfo(GetGatewayInfoRequest.getDefaultInstance());
    Thread.sleep(3_500);
    var state = channel.getState(false);
    check(state == ConnectivityState.IDLE, "the connection was not ended: " + state);
    gateway.getGatewayInfo(GetGatewayInfoRequest.getDefaultInstance());
  }

  static void deadline(ManagedChannel channel) throws Exception {
    var request = newCustomer(channel);
    fault("{'operation': 'GetCustomer', 'effect': {'stall_at': 'response_headers'}}");
    long begun = System.nanoTime();
    var customers =
        CustomerServiceGrpc.newBlockingStub(channel).withDeadlineAfter(500, TimeUnit.MILLISECONDS);
    var code = codeOf(() -> customers.getCustomer(request));
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
    check(code == Status.Code.DEADLINE_EXCEEDED, "ended with " + code);
    check(millis >= 400 && millis < 5_000, "took " + millis + " ms");
  }

  static void retry(ManagedChannel channel) throws Exception {
    var request = newCustomer(channel);
    var failing =
        "{'operation': 'GetCustomer', 'times': 3, 'commit': 'never', 'effect': {'status': 503}}";
    fault(failing);
    CustomerServiceGrpc.newBlockingStub(channel).getCustomer(request);
    check(fired() == 3, "the faults were not met");

    fault(failing);
    var unconfigured = Harness.channel("writer").build();
    try {
      var customers = CustomerServiceGrpc.newBlockingStub(unconfigured);
      var code = codeOf(() -> customers.getCustomer(request));
      check(code == Status.Code.UNAVAILABLE, "without service config: " + code);
    } finally {
      unconfigured.shutdownNow();
    }
  }

  static void mtls(ManagedChannel channel) {
    var identity = identity(channel);
    check(identity.getMethod() == CallerMethod.CALLER_METHOD_MTLS, "by " + identity.getMethod());
    check(!identity.getPrincipal().isEmpty(), "without a name");
  }

  static void jwt(ManagedChannel channel) {
    var identity = identity(channel);
    check(identity.getMethod() == CallerMethod.CALLER_METHOD_JWT, "by " + identity.getMethod());
    check(identity.getPrincipal().equals("service-by-token"), "as " + identity.getPrincipal());
  }

  private static CallerIdentity identity(ManagedChannel channel) {
    var gateway = GatewayServiceGrpc.newBlockingStub(channel);
    return gateway.getCallerIdentity(GetCallerIdentityRequest.getDefaultInstance());
  }

  private static GetCustomerRequest newCustomer(ManagedChannel channel) {
    var customer = createCustomer(channel, username());
    return GetCustomerRequest.newBuilder().setCustomerId(customer.getCustomerId()).build();
  }

  private static Status.Code codeOf(Runnable call) {
    try {
      call.run();
      return Status.Code.OK;
    } catch (StatusRuntimeException thrown) {
      return thrown.getStatus().getCode();
    }
  }
}
