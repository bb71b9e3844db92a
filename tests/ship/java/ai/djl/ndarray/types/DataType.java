package ai.djl.ndarray.types; public enum DataType { UINT8 }
