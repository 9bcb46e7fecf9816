package com.openfinance.proof;

import static com.openfinance.proof.Harness.check;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.openfinance.client.Refusal;
import io.grpc.Metadata;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** What must come of a row, as the README of the clients describes it. */
final class Expectation {
  private static final Set<String> MEMBERS =
      Set.of(
          "code",
          "message",
          "messages",
          "headers",
          "reason",
          "domain",
          "metadata",
          "violations",
          "retry_delay",
          "resource");

  private final JsonObject expected;

  Expectation(JsonObject expected) {
    this.expected = expected;
    check(MEMBERS.containsAll(expected.keySet()), "a member that nobody knows in expect");
  }

  /** Holds a success against it. */
  void answered(List<JsonElement> messages, Metadata headers) {
    check(text("code").equals("OK"), "code OK, expected " + text("code"));
    if (expected.has("messages")) {
      int count = expected.get("messages").getAsInt();
      check(messages.size() == count, messages.size() + " messages, expected " + count);
    }
    for (Map.Entry<String, JsonElement> header : members("headers").entrySet()) {
      var key = Metadata.Key.of(header.getKey(), Metadata.ASCII_STRING_MARSHALLER);
      var values = headers.getAll(key);
      var found = values == null ? JsonNull.INSTANCE : new JsonPrimitive(String.join(",", values));
      compare("header " + header.getKey(), header.getValue(), found);
    }
    if (expected.has("message")) {
      check(!messages.isEmpty(), "no message");
      compare("message", expected.get("message"), messages.get(0));
    }
  }

  /** Holds an error against it. */
  void refused(Refusal refusal) {
    check(
        refusal.code().name().equals(text("code")),
        "code " + refusal.code() + " (" + refusal.reason() + "), expected " + text("code"));
    if (expected.has("reason")) {
      var domain = expected.has("domain") ? text("domain") : "openfinance";
      check(
          refusal.reason().equals(text("reason")) && refusal.domain().equals(domain),
          refusal.reason()
              + " of "
              + refusal.domain()
              + ", expected "
              + text("reason")
              + " of "
              + domain);
    }
    for (Map.Entry<String, JsonElement> member : members("metadata").entrySet()) {
      var found = refusal.metadata().get(member.getKey());
      compare(
          "metadata." + member.getKey(),
          member.getValue(),
          found == null ? JsonNull.INSTANCE : new JsonPrimitive(found));
    }
    var violations = new TreeSet<String>();
    if (expected.has("violations")) {
      expected.getAsJsonArray("violations").forEach(one -> violations.add(one.getAsString()));
    }
    check(
        refusal.fields().keySet().equals(violations),
        "violations of " + refusal.fields().keySet() + ", expected " + violations);
    boolean delayed = expected.has("retry_delay") && expected.get("retry_delay").getAsBoolean();
    check(
        refusal.retryDelay().isPresent() == delayed
            && refusal.retryDelay().map(wait -> wait.compareTo(Duration.ZERO) > 0).orElse(true),
        "retry delay " + refusal.retryDelay() + ", expected " + delayed);
    if (expected.has("resource")) {
      check(
          refusal.resourceType().equals(text("resource")),
          "resource " + refusal.resourceType() + ", expected " + text("resource"));
    }
  }

  private String text(String member) {
    return expected.get(member).getAsString();
  }

  private JsonObject members(String name) {
    return expected.has(name) ? expected.getAsJsonObject(name) : new JsonObject();
  }

  private static void compare(String path, JsonElement expected, JsonElement found) {
    if (expected.equals(new JsonPrimitive("*"))) {
      check(!isDefault(found), path + " is missing");
    } else if (isDefault(expected)) {
      check(isDefault(found), path + " is " + found + ", expected nothing");
    } else if (expected.isJsonObject()) {
      check(found.isJsonObject(), path + " is no object");
      for (Map.Entry<String, JsonElement> member : expected.getAsJsonObject().entrySet()) {
        var there = found.getAsJsonObject().get(member.getKey());
        compare(
            path + "." + member.getKey(),
            member.getValue(),
            there == null ? JsonNull.INSTANCE : there);
      }
    } else if (expected.isJsonArray()) {
      JsonArray list = expected.getAsJsonArray();
      check(
          found.isJsonArray() && found.getAsJsonArray().size() == list.size(),
          path + " has not " + list.size() + " elements");
      for (int place = 0; place < list.size(); place++) {
        compare(path + "." + place, list.get(place), found.getAsJsonArray().get(place));
      }
    } else {
      check(expected.equals(found), path + " is " + found + ", expected " + expected);
    }
  }

  /** Whether a value means the same as none. */
  private static boolean isDefault(JsonElement value) {
    if (value.isJsonObject()) {
      return value.getAsJsonObject().size() == 0;
    } else if (value.isJsonArray()) {
      return value.getAsJsonArray().isEmpty();
    } else if (value.isJsonNull()) {
      return true;
    }
    var text = value.getAsString();
    boolean isText = value.getAsJsonPrimitive().isString();
    return text.isEmpty()
        || text.equals("0")
        || text.equals("false") && !isText
        || text.endsWith("_UNSPECIFIED");
  }
}
