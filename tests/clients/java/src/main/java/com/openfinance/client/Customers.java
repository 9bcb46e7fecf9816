package com.openfinance.client;

import com.openfinance.v1.Customer;
import com.openfinance.v1.CustomerServiceGrpc.CustomerServiceBlockingStub;
import com.openfinance.v1.ListCustomersRequest;
import com.openfinance.v1.ListCustomersResponse;
import com.openfinance.v1.StreamCustomersRequest;
import com.openfinance.v1.StreamCustomersResponse;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.util.Collections;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.stream.Stream;

/** All customers that a request asks for. */
public final class Customers {
  /** How often in a row a stream may break without having brought anything. */
  private static final int MOST_BREAKS = 5;

  private Customers() {}

  // ANCHOR: paging
  /** Lists them page after page; the next one is fetched when it is needed. */
  public static Stream<Customer> list(
      CustomerServiceBlockingStub stub, ListCustomersRequest request) {
    return Stream.iterate(
            stub.listCustomers(request), Objects::nonNull, page -> next(stub, request, page))
        .flatMap(page -> page.getCustomersList().stream());
  }

  private static ListCustomersResponse next(
      CustomerServiceBlockingStub stub, ListCustomersRequest request, ListCustomersResponse page) {
    var token = page.getNextPageToken();
    return token.isEmpty()
        ? null
        : stub.listCustomers(request.toBuilder().setPageToken(token).build());
  }

  // ANCHOR_END: paging

  /**
   * Streams them, however many there are. A stream that breaks is taken up again where it broke.
   * Close it if you may leave it early.
   */
  public static Resumed stream(CustomerServiceBlockingStub stub, StreamCustomersRequest request) {
    return new Resumed(stub, request);
  }

  // ANCHOR: streaming
  /** A stream that is resumed. */
  public static final class Resumed implements Iterator<Customer>, AutoCloseable {
    private final Context.CancellableContext context = Context.current().withCancellation();
    private final CustomerServiceBlockingStub stub;
    private final StreamCustomersRequest.Builder request;
    private Iterator<StreamCustomersResponse> pages;
    private Iterator<Customer> customers = Collections.emptyIterator();
    private int breaks;

    private Resumed(CustomerServiceBlockingStub stub, StreamCustomersRequest request) {
      this.stub = stub;
      this.request = request.toBuilder();
      pages = open();
    }

    private Iterator<StreamCustomersResponse> open() {
      var before = context.attach();
      try {
        return stub.streamCustomers(request.build());
      } finally {
        context.detach(before);
      }
    }

    @Override
    public boolean hasNext() {
      while (!customers.hasNext() && pages != null) {
        try {
          if (!pages.hasNext()) {
            close();
            return false;
          }
          var page = pages.next();
          customers = page.getCustomersList().iterator();
          request.setResumeToken(page.getResumeToken());
          breaks = 0;
          if (page.getResumeToken().isEmpty()) {
            close(); // that was the last one
          }
        } catch (StatusRuntimeException thrown) {
          var refusal = Refusal.of(thrown);
          if (breaks == MOST_BREAKS
              || !refusal.mayRepeat()
              || !Repeat.pause(refusal, breaks++, stub.getCallOptions().getDeadline())) {
            throw thrown;
          }
          pages = open();
        }
      }
      return customers.hasNext();
    }

    @Override
    public Customer next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return customers.next();
    }

    @Override
    public void close() {
      pages = null;
      context.cancel(null);
    }
  }

  // ANCHOR_END: streaming

}
