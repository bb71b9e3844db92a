package ai.djl.ndarray.types; public class Shape { public Shape(long... sides) {} }
