package com.openfinance.proof;

import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/** Every method of the protos by its name, from the descriptors that are built beside the stubs. */
final class Methods {
  private final Map<String, MethodDescriptor> methods = new HashMap<>();

  Methods() throws IOException, DescriptorValidationException {
    try (var file = Methods.class.getResourceAsStream("/openfinance.binpb")) {
      Map<String, FileDescriptor> built = new HashMap<>();
      // A file comes behind those that it imports.
      for (FileDescriptorProto proto : FileDescriptorSet.parseFrom(file).getFileList()) {
        var imports =
            proto.getDependencyList().stream().map(built::get).toArray(FileDescriptor[]::new);
        var descriptor = FileDescriptor.buildFrom(proto, imports);
        built.put(proto.getName(), descriptor);
        for (var service : descriptor.getServices()) {
          for (var method : service.getMethods()) {
            methods.put(service.getFullName() + "/" + method.getName(), method);
          }
        }
      }
    }
  }

  /** The method with a name such as openfinance.v1.CustomerService/GetCustomer. */
  MethodDescriptor named(String name) {
    var method = methods.get(name);
    Harness.check(method != null, "no method " + name);
    return method;
  }
}
