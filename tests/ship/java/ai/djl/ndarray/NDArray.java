package ai.djl.ndarray; public interface NDArray { void setName(String name); double[] toDoubleArray(); }
