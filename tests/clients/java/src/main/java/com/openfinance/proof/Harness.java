package com.openfinance.proof;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonParser;
import com.openfinance.client.Gateway;
import io.grpc.ChannelCredentials;
import io.grpc.ManagedChannelBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the two programs share: where things are, who calls, and how results are printed. */
final class Harness {
  private static final HttpClient HTTP =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private int passed;
  private int failed;

  /** What may fail. */
  interface Step {
    void run() throws Exception;
  }

  /** Takes a step and prints how it went. */
  void show(String name, Step step) {
    try {
      step.run();
      passed++;
      System.out.println("ok " + name);
    } catch (Exception thrown) {
      failed++;
      System.out.println("FAILED " + name + ": " + thrown);
    }
  }

  /** Prints the sum and ends the program. */
  void exit() {
    System.out.println(passed + " passed, " + failed + " failed");
    System.exit(failed == 0 ? 0 : 1);
  }

  static void check(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }

  /** A variable that the harness sets. */
  static String variable(String name) {
    var value = System.getenv(name);
    check(value != null, name + " is not set");
    return value;
  }

  /**
   * A channel of the caller with this name, of whom there is a key, a token, a certificate, or
   * nothing.
   */
  static ManagedChannelBuilder<?> channel(String caller) throws IOException {
    return Gateway.channel(variable("GATEWAY_ADDRESS"), credentials(caller));
  }

  private static ChannelCredentials credentials(String caller) throws IOException {
    var folder = Path.of(variable("GATEWAY_CREDENTIALS"));
    var authority = folder.resolve("ca.pem").toFile();
    var tls = Gateway.tls(authority);
    var key = folder.resolve(caller + ".key");
    var token = folder.resolve(caller + ".jwt");
    var certificate = folder.resolve(caller + ".pem");
    if (Files.exists(key)) {
      return Gateway.withKey(tls, read(key));
    } else if (Files.exists(token)) {
      return Gateway.withToken(tls, () -> read(token));
    } else if (Files.exists(certificate)) {
      var privateKey = folder.resolve(caller + ".key.pem");
      return Gateway.mutualTls(authority, certificate.toFile(), privateKey.toFile());
    }
    return tls;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  /** Sends a request to the control plane of the sandbox. The body may be null. */
  static JsonElement sandbox(String method, String path, JsonElement body)
      throws IOException, InterruptedException {
    var address = URI.create(variable("SANDBOX_URL") + "/__sandbox/v1" + path);
    var content = body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body.toString());
    var request = HttpRequest.newBuilder(address).method(method, content).build();
    var answer = HTTP.send(request, BodyHandlers.ofString());
    check(
        answer.statusCode() / 100 == 2,
        "the sandbox answers " + answer.statusCode() + " to " + path + ": " + answer.body());
    return answer.body().isBlank() ? JsonNull.INSTANCE : JsonParser.parseString(answer.body());
  }
}
