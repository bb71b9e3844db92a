package ai.djl.repository.zoo; public class ZooModel<I, O> implements AutoCloseable { public ai.djl.inference.Predictor<I, O> newPredictor() { return null; } @Override public void close() {} }
