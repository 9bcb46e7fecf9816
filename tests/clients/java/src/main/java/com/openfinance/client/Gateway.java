package com.openfinance.client;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.CallCredentials;
import io.grpc.ChannelCredentials;
import io.grpc.CompositeChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.SecurityLevel;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Channels to the gateway. Make one and keep it for the life of the program: it connects with the
 * first call, and again whenever the gateway has closed the connection.
 */
public final class Gateway {
  private Gateway() {}

  /** A channel without TLS and credentials, for a gateway on the same machine. */
  public static ManagedChannelBuilder<?> plaintext(String address) {
    return channel(address, InsecureChannelCredentials.create());
  }

  // ANCHOR: connect
  /** A channel over TLS. A dead network is noticed within 40 seconds, also between calls. */
  public static ManagedChannelBuilder<?> channel(String address, ChannelCredentials credentials) {
    return Grpc.newChannelBuilder(address, credentials)
        .keepAliveTime(30, TimeUnit.SECONDS)
        .keepAliveTimeout(10, TimeUnit.SECONDS)
        .keepAliveWithoutCalls(true);
  }

  /** TLS with the authority of this file, or those that Java knows if it is null. */
  public static ChannelCredentials tls(File authority) throws IOException {
    var tls = TlsChannelCredentials.newBuilder();
    return (authority == null ? tls : tls.trustManager(authority)).build();
  }

  /** The same, with the caller's own certificate and its key (PKCS#8). */
  public static ChannelCredentials mutualTls(File authority, File certificate, File key)
      throws IOException {
    var tls = TlsChannelCredentials.newBuilder().keyManager(certificate, key);
    return (authority == null ? tls : tls.trustManager(authority)).build();
  }

  /** Adds the caller's key to each call. */
  public static ChannelCredentials withKey(ChannelCredentials tls, String key) {
    return CompositeChannelCredentials.create(tls, new Header("x-api-key", () -> key));
  }

  /** Adds a JSON Web Token to each call. It is asked for each time: keep it until it is to end. */
  public static ChannelCredentials withToken(ChannelCredentials tls, Supplier<String> token) {
    return CompositeChannelCredentials.create(
        tls, new Header("authorization", () -> "Bearer " + token.get()));
  }

  // ANCHOR_END: connect

  // ANCHOR: retry
  /**
   * Reads the service_config.json that comes with the protos, for {@code defaultServiceConfig} of
   * the channel: time limits, and retries of what is safe to repeat.
   */
  public static Map<String, ?> serviceConfig(Path file) throws IOException {
    return new Gson().fromJson(Files.readString(file), new TypeToken<Map<String, Object>>() {});
  }

  // ANCHOR_END: retry

  /** A credential that is a header, and never leaves without TLS. */
  private static final class Header extends CallCredentials {
    private final Metadata.Key<String> name;
    private final Supplier<String> value;

    Header(String name, Supplier<String> value) {
      this.name = Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
      this.value = value;
    }

    @Override
    public void applyRequestMetadata(RequestInfo call, Executor executor, MetadataApplier applier) {
      if (call.getSecurityLevel() != SecurityLevel.PRIVACY_AND_INTEGRITY) {
        applier.fail(Status.UNAUTHENTICATED.withDescription("a credential needs TLS"));
        return;
      }
      executor.execute(
          () -> {
            try {
              var headers = new Metadata();
              headers.put(name, value.get());
              applier.apply(headers);
            } catch (RuntimeException thrown) {
              applier.fail(Status.UNAUTHENTICATED.withCause(thrown));
            }
          });
    }
  }
}
