package com.openfinance.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.ResourceInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What a program decides by when a call has failed. The reasons are those of the gateway's error
 * catalogue; they are empty if the gateway did not answer.
 *
 * @param metadata has vendor_code, http_status and operation where they are known
 * @param fields what is wrong with which field of the request
 * @param retryDelay how long to wait before the same call may be repeated, if the gateway says so
 * @param resourceType the type of the record that the refusal is about, or empty
 */
public record Refusal(
    Status.Code code,
    String reason,
    String domain,
    Map<String, String> metadata,
    Map<String, String> fields,
    Optional<Duration> retryDelay,
    String resourceType) {

  // ANCHOR: errors
  /** Reads the details of an error. */
  public static Refusal of(StatusRuntimeException thrown) {
    var info = ErrorInfo.getDefaultInstance();
    var resource = ResourceInfo.getDefaultInstance();
    var fields = new TreeMap<String, String>();
    var delay = Optional.<Duration>empty();
    try {
      for (Any detail : StatusProto.fromThrowable(thrown).getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          info = detail.unpack(ErrorInfo.class);
        } else if (detail.is(BadRequest.class)) {
          var violations = detail.unpack(BadRequest.class).getFieldViolationsList();
          violations.forEach(one -> fields.put(one.getField(), one.getDescription()));
        } else if (detail.is(RetryInfo.class)) {
          var wait = detail.unpack(RetryInfo.class).getRetryDelay();
          delay = Optional.of(Duration.ofMillis(Durations.toMillis(wait)));
        } else if (detail.is(ResourceInfo.class)) {
          resource = detail.unpack(ResourceInfo.class);
        }
      }
    } catch (InvalidProtocolBufferException unreadable) {
      thrown.addSuppressed(unreadable); // the code alone has to do
    }
    return new Refusal(
        thrown.getStatus().getCode(),
        info.getReason(),
        info.getDomain(),
        info.getMetadataMap(),
        fields,
        delay,
        resource.getResourceType());
  }

  // ANCHOR_END: errors

  /** Whether the same call may be made again: a read, or a write with the same request_id. */
  public boolean mayRepeat() {
    return code == Status.Code.UNAVAILABLE || retryDelay.isPresent();
  }
}
