"""From a torch model to OpenVINO IR and ONNX, and the proof that they are the same."""
