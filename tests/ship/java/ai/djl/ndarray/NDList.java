package ai.djl.ndarray; public class NDList extends java.util.ArrayList<NDArray> {}
