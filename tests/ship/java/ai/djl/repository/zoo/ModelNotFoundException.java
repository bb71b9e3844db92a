package ai.djl.repository.zoo; public class ModelNotFoundException extends Exception {}
