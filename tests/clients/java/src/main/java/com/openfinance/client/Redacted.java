package com.openfinance.client;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import com.openfinance.v1.OptionsProto;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Messages as they may be logged. */
public final class Redacted {
  private static final Gson GSON =
      new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

  private Redacted() {}

  // ANCHOR: redact
  /**
   * Prints a message as JSON, with [redacted] in place of every value that the protos class as
   * personal or restricted. Text that they do not class is redacted too, and fields that this
   * version does not know are left out.
   */
  public static String print(MessageOrBuilder message) {
    try {
      var json = GSON.fromJson(JsonFormat.printer().print(message), JsonObject.class);
      redact(json, message.getDescriptorForType());
      return GSON.toJson(json);
    } catch (InvalidProtocolBufferException unprintable) {
      return "[unprintable]";
    }
  }

  private static void redact(JsonObject json, Descriptor type) {
    Map<String, FieldDescriptor> fields =
        type.getFields().stream()
            .collect(Collectors.toMap(FieldDescriptor::getJsonName, Function.identity()));
    for (Map.Entry<String, JsonElement> member : json.entrySet()) {
      var field = fields.get(member.getKey());
      if (field == null || isSecret(field)) {
        member.setValue(new JsonPrimitive("[redacted]"));
      } else if (member.getValue().isJsonObject()) {
        redact(member.getValue().getAsJsonObject(), field.getMessageType());
      } else if (member.getValue().isJsonArray()) {
        for (JsonElement element : member.getValue().getAsJsonArray()) {
          if (element.isJsonObject()) {
            redact(element.getAsJsonObject(), field.getMessageType());
          }
        }
      }
    }
  }

  private static boolean isSecret(FieldDescriptor field) {
    return switch (field.getOptions().getExtension(OptionsProto.dataClass)) {
      case DATA_CLASS_INTERNAL -> false;
      case DATA_CLASS_UNSPECIFIED ->
          field.isMapField()
              || field.getJavaType() == JavaType.STRING
              || field.getJavaType() == JavaType.BYTE_STRING;
      default -> true;
    };
  }

  // ANCHOR_END: redact

}
