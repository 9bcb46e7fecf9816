package com.openfinance.proof;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What earlier rows have saved. */
final class Variables {
  private static final Pattern USE = Pattern.compile("\\$\\{(\\w+)}");

  private final Map<String, String> known = new HashMap<>(Map.of("large", "1".repeat(70_000)));

  /** A copy in which the variables in every text are replaced. */
  JsonElement fill(JsonElement value) {
    if (value.isJsonObject()) {
      var filled = new JsonObject();
      value
          .getAsJsonObject()
          .entrySet()
          .forEach(one -> filled.add(one.getKey(), fill(one.getValue())));
      return filled;
    } else if (value.isJsonArray()) {
      var filled = new JsonArray();
      value.getAsJsonArray().forEach(one -> filled.add(fill(one)));
      return filled;
    } else if (value.isJsonPrimitive() && value.getAsJsonPrimitive().isString()) {
      return new JsonPrimitive(USE.matcher(value.getAsString()).replaceAll(this::replacement));
    }
    return value;
  }

  private String replacement(MatchResult use) {
    var text = known.get(use.group(1));
    Harness.check(text != null, "no row has saved " + use.group());
    return Matcher.quoteReplacement(text);
  }

  /** Keeps the values of an answer that the paths of this object lead to; it may be null. */
  void save(JsonObject paths, JsonElement answer) {
    if (paths == null) {
      return;
    }
    for (Map.Entry<String, JsonElement> named : paths.entrySet()) {
      var path = named.getValue().getAsString();
      JsonElement value = answer;
      for (String step : path.split("\\.")) {
        value = at(value, step);
        Harness.check(value != null && !value.isJsonNull(), "no " + path + " in the answer");
      }
      known.put(named.getKey(), value.getAsString());
    }
  }

  private static JsonElement at(JsonElement value, String step) {
    if (value.isJsonObject()) {
      return value.getAsJsonObject().get(step);
    }
    boolean isPlace = value.isJsonArray() && step.chars().allMatch(Character::isDigit);
    if (isPlace && Integer.parseInt(step) < value.getAsJsonArray().size()) {
      return value.getAsJsonArray().get(Integer.parseInt(step));
    }
    return null;
  }
}
