"""Files of numbers: headers, tensors, quantised forms, conversion. No file is trusted."""
