package openfinance

import (
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "openfinance-client/gen/openfinance/v1"
)

// Redacted prints a message for a log: as JSON, with [redacted] in place of
// every value that the protos class as personal or restricted. Text that they
// do not class is redacted too, and fields that this version does not know are
// left out.
//
// ANCHOR: redact
func Redacted(message proto.Message) string {
	text, err := protojson.Marshal(message)
	if err != nil {
		return "[unprintable]"
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return "[unprintable]"
	}
	redact(members, message.ProtoReflect().Descriptor())
	text, _ = json.MarshalIndent(members, "", "  ") // what came of JSON goes into it
	return string(text)
}

func redact(members map[string]any, message protoreflect.MessageDescriptor) {
	for name, value := range members {
		field := message.Fields().ByJSONName(name)
		if field == nil || isSecret(field) {
			members[name] = "[redacted]"
			continue
		}
		switch value := value.(type) {
		case map[string]any:
			redact(value, field.Message())
		case []any:
			for _, element := range value {
				if element, ok := element.(map[string]any); ok {
					redact(element, field.Message())
				}
			}
		}
	}
}

func isSecret(field protoreflect.FieldDescriptor) bool {
	switch proto.GetExtension(field.Options(), pb.E_DataClass).(pb.DataClass) {
	case pb.DataClass_DATA_CLASS_INTERNAL:
		return false
	case pb.DataClass_DATA_CLASS_UNSPECIFIED:
		return field.Kind() == protoreflect.StringKind || field.Kind() == protoreflect.BytesKind || field.IsMap()
	default:
		return true
	}
}

// ANCHOR_END: redact
